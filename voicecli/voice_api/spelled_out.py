"""Codes for the ear: every character of a code by itself, with pauses.

AB12 is written ``A, B, 1, 2;``. 8x8 documents no markup for speech (SSML), so punctuation makes the pauses:

- A comma and a blank between characters. ``1, 2`` is two numbers in every language, ``1,2`` is one in many.
- A semicolon after the last, so that what follows, a repetition too, does not run on. A full stop would make
  an ordinal: German reads ``4.`` as "vierte". A colon can join two numbers. (Greek reads a semicolon as a
  question mark, which changes the tone and no word.)
- A ``?`` or ``!`` that follows the code stays and is its pause. Other marks give way to the ``;``.

Letters keep their case, which can't be heard.
"""

import re
import unicodedata

_SAID = frozenset("#*%&@!?\\§")
"""Marks that belong to a code and have a name of their own, unlike hyphens, dots and slashes."""
_SILENT = dict.fromkeys(range(33)) | {127: None} | dict.fromkeys(map(ord, "\"'(),-./:;[]_{}"))
"""What is not said, in ASCII: a list of a million codes is spelled out at once."""
_GLUED = re.compile(r"[^\W_]$|[.,:;/-]$")
_AFTER = re.compile(r"[.,:;]*(?=(?P<pause>[?!。！？，、；：؟،؛۔।])?(?P<word>[^\W_])?)")


def spell_out(code: str) -> str:
    """Every letter and digit of ``code`` by itself: ``A, B, 1, 2``. So are symbols, such as # and +; other
    marks, blanks and invisible characters are left out. Empty where nothing is left."""
    return ", ".join(code.translate(_SILENT) if code.isascii() else _characters(code))


def _characters(code: str) -> list[str]:
    found: list[str] = []
    for character in code:
        kind = unicodedata.category(character)[0]
        if kind == "M" and found:
            found[-1] += character  # an accent of the letter before
        elif kind in "LNS" or character in _SAID:
            found.append(character)
    return found


def blank_before(text: str) -> str:
    """The blank that is needed between this text and a code that is spelled out."""
    return " " if _GLUED.search(text) else ""


def pause_after(text: str, start: int = 0) -> tuple[str, int]:
    """The pause between a code that is spelled out and the text that follows from ``start`` on, and where
    that text goes on."""
    found = _AFTER.match(text, start)
    assert found is not None  # noqa: S101 (every part of it may be empty)
    return "" if found["pause"] else "; " if found["word"] else ";", found.end()


def spell_codes(text: str) -> str:
    """The text with everything spelled out that is plainly a code (``plain_codes``)."""
    from voicecli.voice_api.plain_codes import find_codes

    parts, end = list[str](), 0
    for found in find_codes(text):
        before = text[end : found.start()]
        pause, end = pause_after(text, found.end())
        parts += before, blank_before(before), spell_out(found[0]), pause
    return "".join((*parts, text[end:]))
