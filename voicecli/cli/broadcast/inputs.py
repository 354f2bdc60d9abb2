"""Reads what a broadcast needs from files and standard input."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from voicecli.account import AccountId
from voicecli.broadcast.begin import Prepared, plan_broadcast, prepare_broadcast
from voicecli.broadcast.lists import recipients as lists
from voicecli.broadcast.options import BroadcastOptions, Content, SendOptions
from voicecli.broadcast.plan import Plan, numbers_of
from voicecli.calling.script import refuse_conflicts
from voicecli.cli.call.arguments import json_document
from voicecli.cli.context import Context
from voicecli.errors import InvalidInput
from voicecli.quiet_hours import refuse_hours
from voicecli.store.broadcasts import Broadcast
from voicecli.store.engine import Store


class Files(NamedTuple):
    """Where things are read from: a path, - for standard input, or None."""

    people: str
    message: str | None
    callflow: str | None
    do_not_call: str | None


@dataclass(frozen=True, slots=True)
class ListToSend:
    """A list, whom on it not to call, and what to say: all that was read. ``file`` is where the list is,
    empty for standard input."""

    people: bytes
    file: str
    content: Content
    options: BroadcastOptions
    do_not_call: frozenset[str]
    plan: Plan

    def prepare(self, store: Store, account: AccountId, send_options: SendOptions) -> Prepared:
        """Look at each row, and at what the store has about them by now."""
        return prepare_broadcast(
            store, account, self.people, self.plan, self.options, send_options, self.do_not_call
        )

    def with_do_not_call_again(self, context: Context) -> Self:
        """With the numbers that were put on the do-not-call list meanwhile, too. Raises InvalidInput."""
        return replace(self, do_not_call=self.do_not_call | read_do_not_call_again(context, self.options))


def read(context: Context, files: Files, content: Content, options: BroadcastOptions) -> ListToSend:
    """Read all files; the text of ``content`` may be - for standard input. Raises InvalidInput."""
    _refuse_two_readers(
        {
            "the list": files.people,
            "the message": files.message or content.text,
            "--callflow": files.callflow,
            "--do-not-call": files.do_not_call,
        }
    )
    content = _read_content(context, content, files.message, files.callflow)
    do_not_call = _read_do_not_call(context, options)
    if files.do_not_call not in (None, "-"):
        options = options._replace(do_not_call=str((context.folder / files.do_not_call).resolve()))
    people = context.read_bytes(files.people, limit=lists.MAX_LIST)
    file = "" if files.people == "-" else str((context.folder / files.people).resolve())
    plan = plan_broadcast(people, options, content)
    return ListToSend(people, file, content, options, do_not_call, plan)


def _refuse_two_readers(paths: Mapping[str, str | None]) -> None:
    """Standard input can be read once."""
    if len(readers := [name for name, path in paths.items() if path == "-"]) > 1:
        raise InvalidInput(
            f"Only one of these can come from standard input: {', '.join(readers)}.",
            hint="Put the others into files.",
        )


def _read_content(
    context: Context, content: Content, message_file: str | None, callflow_file: str | None
) -> Content:
    """With what is in files. Raises InvalidInput."""
    if message_file is not None:
        refuse_conflicts("--file", {"MESSAGE": content.text})
    path = "-" if content.text == "-" else message_file
    if path is not None:
        content = content._replace(text=context.read_text(path).rstrip("\r\n"))
    if content.text is not None:
        refuse_hours(content.text, hint="To call nobody between these times: --not-between 21:00-08:00.")
    if callflow_file is not None:
        document = json_document(context.read_text(callflow_file), callflow_file)
        content = content._replace(callflow=json.dumps(document))
    return content


def read_list_again(
    context: Context, people: str | None, broadcast: Broadcast, *, command: str = "resume"
) -> bytes:
    """The list of a broadcast that was begun before: at ``people``, else where it was then. ``command`` is
    the one that needs it. Raises InvalidInput."""
    where = people or broadcast.file or "-"
    command = f"{context.program} broadcast {command} {broadcast.id}"
    missing = InvalidInput(
        "The list came from standard input, and is needed again.",
        hint=f"Pipe it in again, or give it as a file: {command} FILE",
    )
    if where == "-" and (context.stdin is None or context.stdin.isatty()):
        raise missing
    try:
        content = context.read_bytes(where, limit=lists.MAX_LIST)
    except InvalidInput as error:
        error.hint = f"If the list is somewhere else now: {command} FILE"
        raise
    if where == "-" and not content:
        raise missing
    return content


def _read_do_not_call(context: Context, options: BroadcastOptions) -> frozenset[str]:
    """Its numbers. Raises InvalidInput where it can't be read: they would be called."""
    if options.do_not_call is None:
        return frozenset()
    content = context.read_bytes(options.do_not_call, limit=lists.MAX_LIST)
    try:
        return numbers_of(lists.read_all(content), region=options.region)
    except InvalidInput as error:
        raise InvalidInput(f"--do-not-call: {error.message}", hint=error.hint) from error


def read_do_not_call_again(context: Context, options: BroadcastOptions) -> frozenset[str]:
    """As it is by now, if it is there: those who were on it in the beginning are not called anyway."""
    gone = options.do_not_call == "-"
    if options.do_not_call and not gone and not (context.folder / options.do_not_call).exists():
        context.output.warning(f"{options.do_not_call} is gone: the numbers that were on it are not called.")
        gone = True
    return frozenset() if gone else _read_do_not_call(context, options)
