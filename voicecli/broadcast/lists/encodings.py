"""Which encoding a file is in, and its text as UTF-8."""

import codecs
import io
from collections.abc import Iterator

from voicecli.errors import InvalidInput

_PIECE = 1 << 20  # bytes: a long file's text is never in memory as a whole
_MARKS = (  # UTF-32's before UTF-16's, with which it begins
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
"""How files of Office before 2007 begin, and those that are encrypted."""
_CODECS = {"windows-1252": "cp1252"}


def as_utf8(content: bytes) -> tuple[bytes, str]:
    """The same text in UTF-8 (the very object, mark included, where it is that already), and the name of
    the encoding that it was in. Raises InvalidInput for what is no text."""
    named = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    for name in (named,) if named else _guess_encodings(content):
        if (found := _decode(content, name)) is not None:
            if b"\0" in found:
                break
            return found, name.removesuffix("-le").removesuffix("-be")
    raise InvalidInput(
        "The list is in no known text encoding.",
        hint="Save it as UTF-8; a spreadsheet as CSV (in Excel: CSV UTF-8).",
    )


def _guess_encodings(content: bytes) -> tuple[str, ...]:
    """The first two characters of a list are Latin ones, of which UTF-16 has every other byte 0."""
    zeros = tuple(byte == 0 for byte in content[:4])
    if zeros == (False, True, False, True):
        return ("utf-16-le",)
    if zeros == (True, False, True, False):
        return ("utf-16-be",)
    return ("utf-8", "windows-1252")  # the second is what Excel writes in the West


def _decode(content: bytes, name: str) -> bytes | None:
    """None where the content can't be in this encoding."""
    try:
        texts = codecs.iterdecode(_pieces(content), _CODECS.get(name, name))
        if name == "utf-8":
            for _ in texts:
                pass
            return content
        written = io.BytesIO()
        for text in texts:
            written.write(text.encode())
        return written.getvalue()
    except UnicodeError:
        return None


def _pieces(content: bytes) -> Iterator[bytes]:
    return (content[start : start + _PIECE] for start in range(0, len(content), _PIECE))
