"""Text from outside with control and invisible characters escaped."""

import json
import re
import unicodedata

MAX_MARKS = 5  # marks in a row above or below one letter: no script needs more
# Letters and marks that nothing is seen of: fillers of Hangul, Khmer's inherent vowels, and their like.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159")
_JOINERS = "\u200c\u200d"  # of emoji, and of letters in Persian and Hindi
_UNSAFE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
# Where marks and invisible letters are: quicker to rule out than each character is to look at.
# Compiled when it is first used: that takes 5 ms.
_MAY_HIDE = "[\u0300-\u1fff\u20d0-\u20ff\u2800\u2ce0-\U0010ffff]"


def printable(text: str, *, lines: bool = False) -> str:
    r"""The text with whatever a terminal might obey, or nobody can see, written as an escape (``\u001b``).

    That is control and format characters (escape sequences, bidirectional overrides), surrogates and line
    separators, letters that have no shape, and marks piled up on one letter beyond MAX_MARKS, which would
    cover the lines around. ``lines`` keeps line breaks.
    """
    # Printable in Python's sense, which is stricter than ours but for marks and shapes.
    if text.isprintable() and (text.isascii() or not re.search(_MAY_HIDE, text)):
        return text
    shown, marks = [], 0
    for place, character in enumerate(text):
        category = unicodedata.category(character)
        if character in _JOINERS and _joins(text, place):
            shown.append(character)
            continue
        marks = marks + 1 if category in ("Mn", "Me") else 0
        hidden = category in _UNSAFE or character in _INVISIBLE or marks > MAX_MARKS
        keep = not hidden or (lines and character == "\n")
        shown.append(character if keep else _escaped(character))
    return "".join(shown)


def _joins(text: str, place: int) -> bool:
    """Whether what stands there joins signs of a script that is not ours, or of an emoji."""
    around = text[max(0, place - 1) : place] + text[place + 1 : place + 2]
    return len(around) == 2 and all(not one.isascii() and one.isprintable() for one in around)


def _escaped(character: str) -> str:
    """The escape of JSON, so that JSON stays JSON."""
    return json.dumps(character)[1:-1]
