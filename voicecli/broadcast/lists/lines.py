"""Where the lines of a text in UTF-8 begin."""

import io
from collections.abc import Iterator

from voicecli.errors import InvalidInput

Place = tuple[int, int]
"""A byte of the text, from 0, and the number of its line, from 1."""


class Lines:
    """The lines of a text with their ends, and the place after the last one that was given."""

    def __init__(self, content: bytes, start: Place) -> None:
        self.offset, self.line = start
        self._text = io.BytesIO(content)  # shares the bytes
        self._text.seek(self.offset)

    def __iter__(self) -> Iterator[str]:
        for text in io.TextIOWrapper(self._text, "utf-8", newline=""):
            self.offset += len(text) if text.isascii() else len(text.encode())
            self.line += 1
            yield text

    @property
    def place(self) -> Place:
        return self.offset, self.line


def first_line(content: bytes, start: Place, comments: str = "") -> tuple[Place, str]:
    """Where the first line with something in it begins, and that line. Raises InvalidInput for none."""
    lines = Lines(content, start)
    for text in lines:
        if text.strip() and not (comments and text.lstrip().startswith(comments)):
            return start, text.strip()
        start = lines.place
    raise empty_list()


def empty_list() -> InvalidInput:
    return InvalidInput("The list is empty.", hint="It needs a heading line, and a line for each person.")
