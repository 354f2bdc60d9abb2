"""``voicecli recordings``: what was recorded of a call."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from voicecli import json_values
from voicecli.cli import answers, context as contexts, wiring
from voicecli.cli.options import common
from voicecli.errors import InvalidInput, Refused
from voicecli.json_values import Json
from voicecli.output import Column
from voicecli.voice_api import codes
from voicecli.voice_api.operations.recordings import list_recordings

EXAMPLES = """Examples:
  voicecli recordings 3f2a9c1e-5a0b-4a53-9d7e-0c5b1f6e2d11
  voicecli recordings $(voicecli call +33199001234 --callflow recorded.json --quiet)"""
_SESSION = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)  # 8x8's API reference
_TAIL = (Column("status", 26), Column("duration", 8), Column("file", 0))
_WIDE = (Column("recording", 36), Column("started", 20), *_TAIL)
_NARROW = (Column("recording", 9), *_TAIL)


def recordings(
    ctx: typer.Context,
    session: Annotated[str, typer.Argument(metavar="SESSION", help="The session's id.")],
    quiet: common.QuietFlag = False,  # noqa: ARG001
) -> None:
    """List the recordings of a call, with the places of their files."""
    context = contexts.of(ctx)
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
    context.output.table(RecordingRow(recording) for recording in found)


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """One recording."""

    recording: Json

    @property
    def identifier(self) -> str:
        return answers.field(self.recording, "recordingId")

    def columns(self, *, narrow: bool) -> Sequence[Column]:
        return _NARROW if narrow else _WIDE

    def cells(self, *, narrow: bool) -> Sequence[str]:
        status = answers.field(self.recording, "status")
        seconds = json_values.whole(self.recording.get("duration"))
        started = answers.field(self.recording, "startRecordingTime")
        return (
            *([self.identifier[:8]] if narrow else [self.identifier, started]),
            codes.RECORDINGS.get(status, status),
            "" if seconds is None else f"{seconds} s",
            answers.field(self.recording, "externalFileUrl"),
        )

    def styles(self, *, narrow: bool) -> Sequence[str]:
        return [""] * len(self.columns(narrow=narrow))

    def data(self) -> Mapping[str, object]:
        return self.recording
