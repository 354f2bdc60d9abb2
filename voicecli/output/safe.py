"""What comes from outside is shown, never obeyed."""

import json
import unicodedata


def visible(text: str, *, lines: bool = False) -> str:
    r"""The text with whatever a terminal might obey, or nobody can see, written as an escape (``\u001b``).

    That is control and format characters (escape sequences, bidirectional overrides), surrogates and
    line separators; ``lines`` keeps line breaks.
    """
    if text.isprintable():  # in Python's sense, which is stricter than ours
        return text
    return "".join(c if _harmless(c) or (lines and c == "\n") else _escaped(c) for c in text)


def _harmless(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _escaped(character: str) -> str:
    """As JSON writes it, so that JSON that is shown stays JSON."""
    return json.dumps(character)[1:-1]
