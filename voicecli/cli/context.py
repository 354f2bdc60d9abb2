"""What a command needs from the world, each made when it is first asked for."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO, TypeVar

import typer

from voicecli.account import Account
from voicecli.errors import Interrupted, InvalidInput, VoicecliError
from voicecli.output import FORMATS, Output

if TYPE_CHECKING:
    from voicecli.api import Operation
    from voicecli.client import Client
    from voicecli.listener.registration import Registration
    from voicecli.listener.reports import Reports
    from voicecli.listener.service import Plan
    from voicecli.settings import Settings
    from voicecli.store.sqlite import Store

T = TypeVar("T")
REGISTRATION_TIMEOUT = 10.0  # seconds for one request
CONNECTION = ("api_key", "subaccount_id", "base_url")
"""The settings that a client needs."""


class Accepted(NamedTuple):
    """A call that 8x8 accepted, in words and by its session."""

    words: str
    session_id: str


@dataclass
class Context:
    """Streams, output and settings of one run. Tests and other programs hand in their own."""

    stdin: TextIO | None = field(default_factory=lambda: sys.stdin)
    stdout: TextIO | None = field(default_factory=lambda: sys.stdout)
    stderr: TextIO | None = field(default_factory=lambda: sys.stderr)
    format: str = "people"
    debug: bool = False
    accepted: dict[str, Accepted] = field(default_factory=dict)
    """What 8x8 accepted and nobody has been told of, by clientRequestId."""
    lost: dict[str, VoicecliError] = field(default_factory=dict)
    """What 8x8 has not answered, and nobody knows yet, by clientRequestId."""
    hinted: set[str] = field(default_factory=set)  # advice that was given
    _client: "Client | None" = field(default=None, init=False, repr=False)

    def interrupted(self) -> Interrupted:
        """What an interrupt leaves behind: accepted calls, some that may have been placed, or nothing."""
        self.output.give_up()
        doubts: list[VoicecliError] = [*self.lost.values()]
        if self._client is not None and self._client.in_doubt is not None:
            doubts.append(self._client.in_doubt)
        words = [doubt.message for doubt in doubts]
        hints = [doubt.hint for doubt in doubts]
        details = dict(doubts[-1].details()) if doubts else {}
        if self.accepted:
            told = "; ".join(accepted.words for accepted in self.accepted.values())
            words.insert(0, f"Interrupted, after this: {told}.")
            hints.insert(0, "A call that was accepted goes on: see voicecli sessions.")
            details["accepted"] = [
                {"sessionId": accepted.session_id, "clientRequestId": request_id}
                for request_id, accepted in self.accepted.items()
            ]
        if len(doubts) > 1:
            details["unknown"] = [doubt.details().get("clientRequestId") for doubt in doubts]
        return Interrupted(" ".join(words) or "Interrupted.", hint=" ".join(hints), details=details)

    @cached_property
    def output(self) -> Output:
        from voicecli import settings

        output = FORMATS[self.format](
            self.stdout, self.stderr, colours=settings.colours(), live=settings.can_draw()
        )
        for secret in settings.environment_secrets():
            output.hide(secret)
        return output

    def settings(self, flags: Mapping[str, str | None]) -> "Settings":
        """The settings under these flags; their secrets are hidden in all output from now on."""
        from voicecli import settings

        loaded = settings.load(flags)
        for secret in loaded.secrets():
            self.output.hide(secret)
        for warning in loaded.warnings:
            self.output.warning(warning)
        return loaded

    def client(
        self,
        settings: "Settings",
        *,
        request_timeout: float,
        retries: int,
        tell: Callable[[str], None] | None = None,
        is_main: bool = True,
    ) -> "Client":
        """A client whose waits are told to ``tell``, else as talk. An interrupt tells what may have become of
        the last request of the one that ``is_main``."""
        from voicecli.client import Client

        client = Client(
            **settings.require(*CONNECTION),
            request_timeout=request_timeout,
            retries=retries,
            on_retry=lambda reason, pause: (tell or self.output.note)(
                f"{reason}; trying again in {pause:.1f} s"
            ),
        )
        if is_main:
            self._client = client
        return client

    def send(self, client: "Client", operation: "Operation[T]") -> "T":
        """Carry an operation out; with --debug, tell where it goes and how long it takes."""
        if not self.debug:
            return client.send(operation)
        request = client.request(operation)
        size = len(request.body or b"")
        self.output.note(f"> {operation.name}: {request.method} {request.url} ({size} bytes)")
        start, ending = time.monotonic(), "accepted"
        try:
            return client.send(operation)
        except VoicecliError as error:
            ending = error.code
            raise
        finally:
            self.output.note(f"< {ending} after {time.monotonic() - start:.3f} s")

    def show(self, settings: "Settings", operation: "Operation[T]") -> None:
        """The request that would be sent, as the answer of a command; without the key."""
        import json

        http = operation.request(**settings.require(*CONNECTION))
        headers = http.masked_headers()
        words = [f"{http.method} {http.url}", *(f"{name}: {text}" for name, text in headers.items())]
        if operation.body is not None:
            words += ["", json.dumps(operation.body, indent=2, ensure_ascii=False)]
        data = {"method": http.method, "url": http.url, "headers": headers, "body": operation.body}
        self.output.result("\n".join(words), data)

    def read_bytes(self, path: str, *, limit: int) -> bytes:
        """A file, or standard input for ``-``: at most ``limit`` bytes. Raises InvalidInput."""
        where = _place(path)
        try:
            if path == "-":
                content = b"" if self.stdin is None else self.stdin.buffer.read(limit + 1)
            else:
                with open(path, "rb") as file:  # noqa: PTH123 - Path would take "" for "."
                    content = file.read(limit + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "that is no file name"
            raise InvalidInput(f"{where} can't be read: {reason}.") from error
        if len(content) > limit:
            raise InvalidInput(f"{where} is too long: more than {limit:,} bytes.")
        return content

    def read_text(self, path: str, *, limit: int = 1 << 20) -> str:
        """The same for UTF-8 text."""
        try:
            return self.read_bytes(path, limit=limit).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"{_place(path)} is not UTF-8 text (byte {error.start + 1} is not).",
                hint="Convert it to UTF-8 first, for example with iconv.",
            ) from error


def _place(path: str) -> str:
    return "Standard input" if path == "-" else f"The file {path}"


def of(ctx: typer.Context) -> Context:
    """The context that ``app.run`` handed to the command."""
    context = ctx.obj
    if not isinstance(context, Context):
        raise TypeError("a command was run without its context")
    return context


def account(settings: "Settings") -> Account:
    """Whose calls these are. Raises ConfigurationError where a setting for it is missing or wrong."""
    return Account(**settings.require(*CONNECTION))


def home(settings: "Settings") -> Path:
    """Where the store is."""
    from voicecli.store.home import folder

    return folder(settings.get("home"))


def subaccount_client(context: Context, settings: "Settings | None" = None) -> "Client":
    """For the commands that look after a subaccount, and not place calls."""
    settings = context.settings({}) if settings is None else settings
    return context.client(settings, request_timeout=REGISTRATION_TIMEOUT, retries=1)


def store(context: Context) -> "Store":
    """The store, for the commands that need nothing else. Raises ConfigurationError."""
    from voicecli.store.sqlite import Store

    return Store(home(context.settings({})))


def registration(context: Context, settings: "Settings", *, tell: Callable[[str], None]) -> "Registration":
    """The subaccount's webhooks, to be taken and put back."""
    from voicecli.listener.registration import Registration

    client = context.client(
        settings, request_timeout=REGISTRATION_TIMEOUT, retries=1, tell=tell, is_main=False
    )
    return Registration(client, home(settings), account(settings).identity, tell=tell)


def reports(context: Context, settings: "Settings", plan: "Plan", *, digits: bool) -> "Reports":
    """What 8x8 reports of calls that are waited for: outcomes come by VSS, and digits by VCA."""
    from voicecli.listener.reports import Reports

    output = context.output
    needed = ("VSS", "VCA") if digits else ("VSS",)
    return Reports(
        plan,
        registration(context, settings, tell=output.warning),
        needed,
        tell=output.note,
        failed=output.error,
    )
