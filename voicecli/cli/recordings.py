"""``voicecli recordings``: the recordings of a call."""

import re
from typing import Annotated

import typer

from voicecli import json_values
from voicecli.cli import answers, wiring
from voicecli.cli.context import context_of
from voicecli.cli.options import common
from voicecli.errors import InvalidInput, Refused
from voicecli.json_values import Json
from voicecli.output import Column, TableRow
from voicecli.voice_api import codes
from voicecli.voice_api.operations.recordings import list_recordings

EXAMPLES = """\
voicecli recordings 3f2a9c1e-5a0b-4a53-9d7e-0c5b1f6e2d11
voicecli recordings 3f2a9c1e-5a0b-4a53-9d7e-0c5b1f6e2d11 --json
voicecli recordings "$(voicecli sessions -q --limit 1)"
"""
_SESSION = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)  # 8x8's API reference
_COLUMNS = (
    Column("recording", 36, narrow=False),
    Column("started", 20, narrow=False),
    Column("recording", 9, narrow=True),
    Column("status", 26),
    Column("duration", 8),
    Column("file", 0),
)


def recordings(
    ctx: typer.Context,
    session: Annotated[str, typer.Argument(metavar="SESSION", help="The session's id.")],
    quiet: common.QuietFlag = False,  # noqa: ARG001
) -> None:
    """List the recordings of a call, and where their files are."""
    context = context_of(ctx)
    if not _SESSION.fullmatch(session):
        raise InvalidInput(
            "SESSION must be a session id, such as 3f2a9c1e-5a0b-4a53-9d7e-0c5b1f6e2d11.",
            hint="It is what voicecli call prints.",
        )
    with wiring.subaccount_client(context) as client:
        found = answers.ask(client, list_recordings(session))
    if found is None:
        raise Refused(
            "There is no such session in this subaccount.",
            hint="Check the session id: it is what voicecli call prints.",
            status_code=404,
        )
    if not found:
        context.output.note("That call has no recording, or none yet.")
    context.output.table(map(_row, found))


def _row(recording: Json) -> TableRow:
    names = ("recordingId", "startRecordingTime", "status", "externalFileUrl")
    identifier, started, status, file = (answers.field(recording, name) for name in names)
    seconds = json_values.whole_number(recording.get("duration"))
    length = "" if seconds is None else f"{seconds} s"
    texts = (identifier, started, identifier[:8], codes.RECORDINGS.get(status, status), length, file)
    return TableRow(_COLUMNS, texts, recording)
