"""A file as the answer: as it came, but on a terminal shown and not obeyed."""

import io

import pytest

from voicecli.output import Output


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("kind", "written"),
    [(io.TextIOWrapper, b"a\r\nb\x1b[2J\n\xc3\xa9"), (Terminal, "a\nb\\u001b[2J\né".encode())],
)
def test_lines_stay_lines_and_escapes_are_shown_on_a_terminal(
    kind: type[io.TextIOWrapper], written: bytes
) -> None:
    out = io.BytesIO()
    stream = kind(out, "utf-8", write_through=True)
    Output(stream, None).content([b"a\r\nb\x1b[2J\n\xc3", b"\xa9"])
    assert out.getvalue() == written
