"""What comes from outside is shown, never obeyed."""

import unicodedata


def visible(text: str, *, lines: bool = False) -> str:
    """The text with everything a terminal might obey, or that can't be seen, written as an escape.

    That is control and format characters (escape sequences, bidirectional overrides), surrogates and
    line separators; ``lines`` keeps line breaks.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _harmless(c) or (lines and c == "\n") else _escaped(c) for c in text)


def _harmless(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
