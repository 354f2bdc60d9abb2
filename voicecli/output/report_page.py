"""The report on a broadcast as a web page: one file that needs nothing else."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from voicecli.output.printable import printable

MAX_PEOPLE = 2_000  # in a table: more are nothing for a browser
MAX_COLUMNS = 4  # of the list, beside the others in a table: more have no room on a page
_BUFFERED = 1_000  # pieces of the page that are handed on at once


def pieces(name: str, values: Mapping[str, object]) -> Iterator[bytes]:
    """A template of this name with these values. What comes from outside is shown and not obeyed: as text,
    with control characters written as escapes."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
    )
    environment.filters |= {"counted": _counted, "share": _share, "time": _time}
    page = environment.get_template(name).stream(most=MAX_PEOPLE, max_columns=MAX_COLUMNS, **values)
    page.enable_buffering(_BUFFERED)
    for piece in page:
        yield piece.encode()


def _shown(value: object) -> object:
    """What stands between braces; what a macro gives is a part of the page."""
    is_part = hasattr(value, "__html__")
    return printable(value, lines=True) if isinstance(value, str) and not is_part else value


def _counted(number: int) -> str:
    return f"{number:,}"


def _share(number: int, total: int) -> str:
    return f"{number / total:.1%}" if total else ""


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
