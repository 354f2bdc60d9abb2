"""``voicecli broadcast report``: a page about a broadcast, to be read and printed."""

from pathlib import Path
from typing import Annotated

import typer

from voicecli.cli import wiring
from voicecli.cli.context import context_of
from voicecli.cli.options.broadcast import Id
from voicecli.cli.options.filters import MaskNumbers
from voicecli.cli.options.records import flag, option
from voicecli.cli.options.results import List, Show
from voicecli.errors import InvalidInput

EXAMPLES = """\
voicecli broadcast report b3f9a1c2d4 -o report.html
voicecli broadcast report b3f9a1c2d4 -o report.html --text message.txt
voicecli broadcast report b3f9a1c2d4 -o report.html --no-people
"""


def report(
    ctx: typer.Context,
    broadcast_id: Id,
    file: Annotated[str, option("FILE", "The .html file to write.", "-o", "--output")],
    *,
    text: Annotated[
        str | None, option("FILE", "What people were told, which is not kept; - for standard input.")
    ] = None,
    people: List = None,
    show: Show = None,
    no_people: Annotated[bool, flag("Leave the names and numbers of people out.", "--no-people")] = False,
    mask_numbers: MaskNumbers = False,
) -> None:
    """Write a report on a broadcast: a page to read, to hand on and to print.

    It is one file that loads nothing from outside. If there are more than 2,000 people, the page shows the
    first ones, and a CSV file beside it has all of them.
    """
    from voicecli.broadcast import report_recording
    from voicecli.broadcast.report_files import ReportFiles
    from voicecli.broadcast.results import Results
    from voicecli.broadcast.shown_columns import shown_columns
    from voicecli.cli.broadcast.results import read
    from voicecli.output import files
    from voicecli.phone import mask_numbers as mask
    from voicecli.store import broadcasts

    context = context_of(ctx)
    if Path(file).suffix.lower() not in (".html", ".htm"):
        raise InvalidInput(
            "The report is a web page.", hint="Give it a name such as -o report.html. A browser prints it."
        )
    target = files.target(file, context.folder)
    beside = str(Path(file).with_name(f"{Path(file).stem}-people.csv"))
    told = None if text is None else context.read_text(text).rstrip()
    with wiring.store(context) as store:
        broadcast = broadcasts.find(store, broadcast_id)
        report_recording.record_reports_if_idle(store, broadcast)
        results = Results(store, broadcast) if no_people else read(context, store, broadcast, people)
        columns = [name for name in shown_columns(results, show) if name != results.phone_column]
        made = ReportFiles.read(results, columns, text=told, mask=mask if mask_numbers else str)
        people_file = beside if made.needs_people_file and not no_people else None
        if people_file is not None:
            files.replace(files.target(people_file, context.folder), made.people_csv())
        files.replace(target, made.page(with_people=not no_people, people_file=Path(beside).name))
    context.output.result(
        f"{target.path} is written" + (f", and {people_file} with all people" if people_file else ""),
        {"file": target.path, "people": made.report.people, "peopleFile": people_file},
        identifier=target.path,
        happened=True,
    )
