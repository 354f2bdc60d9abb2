"""The results of a large broadcast are written in pieces, which are the whole file together."""

import csv
import io

from voicecli.broadcast import results
from voicecli.store.broadcasts import BroadcastRow, RowState


def test_a_large_csv_comes_in_pieces_without_a_gap() -> None:
    rows = [BroadcastRow(line, f"+3319900{line:04}", RowState.ACCEPTED, 1) for line in range(1, 4_000)]
    pieces = list(
        results.as_csv(["name"], [(row, {"name": f"n-{row.line}"}) for row in rows], None, raw=True)
    )
    assert len(pieces) > 2
    assert max(map(len, pieces)) < results.PIECE + 200
    read = list(csv.DictReader(io.StringIO(b"".join(pieces).decode())))
    assert [(row["line"], row["destination"], row["name"]) for row in read] == [
        (str(row.line), row.destination, f"n-{row.line}") for row in rows
    ]
