"""CSV files that are parts of one, joined: the header once, and the rows as they came."""

from collections.abc import Iterable, Iterator
from itertools import chain

from voicecli.errors import Unreachable

MAX_HEADER = 1 << 16  # bytes
_BOM = b"\xef\xbb\xbf"


class CsvParts:
    """Joins parts piece by piece, and counts what was joined: ``parts``, and their ``rows`` without the
    header. A file of any size takes the memory of a piece."""

    def __init__(self) -> None:
        self.parts = 0
        self.rows = 0

    def joined(self, parts: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
        """The pieces of one file. Raises Unreachable for a part that can't be joined to those before."""
        columns = b""
        for part in parts:
            pieces = iter(part)
            header, rest = self._header(pieces)
            if self.parts == 0:
                columns = header
                yield header + b"\n"
            elif header != columns:
                raise self._unfit("has other columns than the first")
            yield from self._rows(chain((rest,), pieces))
            self.parts += 1

    def _header(self, pieces: Iterator[bytes]) -> tuple[bytes, bytes]:
        """The first line without its end, and what was read beyond it."""
        read = b""
        for piece in pieces:
            read += piece
            if b"\n" in read or len(read) > MAX_HEADER:
                break
        line, _, rest = read.partition(b"\n")
        header = line.removeprefix(_BOM).removesuffix(b"\r")
        if (
            not header
            or header.lstrip().startswith((b"<", b"{"))
            or b"\0" in header
            or len(line) > MAX_HEADER
        ):
            raise self._unfit("is no CSV file")
        return header, rest

    def _rows(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The rows of a part; the last one gets the line end that it may lack, since others may follow."""
        quoted, end = False, b"\n"
        for piece in filter(None, pieces):
            texts = piece.split(b'"')  # every other one of them stands between quotes
            self.rows += sum(text.count(b"\n") for text in texts[quoted::2])
            quoted ^= len(texts) % 2 == 0
            yield piece
            end = piece[-1:]
        if end != b"\n":
            self.rows += 1
            yield b"\n"

    def _unfit(self, what: str) -> Unreachable:
        return Unreachable(
            f"Part {self.parts + 1} of the export {what}, so the parts can't be joined.",
            hint="Export again; if it stays, ask 8x8.",
        )
