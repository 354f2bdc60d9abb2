"""The environment of a command: streams, variables, folder, output, settings, and its client."""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from voicecli import interrupts
from voicecli.account import Account
from voicecli.errors import Interrupted, InvalidInput, VoicecliError
from voicecli.output import FORMATS, Output

if TYPE_CHECKING:
    from typer._click import Context as ClickContext

    from voicecli.calling.ledger import Ledger
    from voicecli.settings import Settings
    from voicecli.voice_api.callflow_rules import Action
    from voicecli.voice_api.client import Client
    from voicecli.voice_api.wire import Operation

T = TypeVar("T")
COMPLETION = "_VOICECLI_COMPLETE"
"""The variable by which a shell's script asks for completion."""
CONNECTION = ("api_key", "subaccount_id", "base_url")
"""The settings that a client needs."""
MAX_TEXT = 1 << 20  # bytes of a message, a callflow or another text


def _process_environment() -> Mapping[str, str]:
    from voicecli import settings

    return settings.process_environment()


@dataclass
class Context:
    """Streams, variables, output and settings of one run. Tests and other programs hand in their own."""

    stdin: TextIO | None = field(default_factory=lambda: sys.stdin)
    stdout: TextIO | None = field(default_factory=lambda: sys.stdout)
    stderr: TextIO | None = field(default_factory=lambda: sys.stderr)
    environment: Mapping[str, str] = field(default_factory=_process_environment, repr=False)
    folder: Path = field(default_factory=Path)
    """The current folder: where the .env is, and what the paths of a command line are relative to."""
    env_file: str | None = None
    """The file of --env-file."""
    store: str | None = None
    """The URL of --store."""
    format: str = "people"
    debug: bool = False
    hinted: set[str] = field(default_factory=set)  # advice that was given
    ledger: "Ledger | None" = None
    """The calls that an interrupt has to tell of, once some are placed."""
    _client: "Client | None" = field(default=None, init=False, repr=False)
    _in_force: "Settings | None" = field(default=None, init=False, repr=False)

    def interrupted(self) -> Interrupted:
        """The error for an interrupt. It names the calls that have ended, were accepted, or may have been
        placed."""
        self.output.streams.give_up()
        accepted = {} if self.ledger is None else self.ledger.accepted
        ended = [] if self.ledger is None else self.ledger.ended
        doubts: list[VoicecliError] = [] if self.ledger is None else [*self.ledger.lost.values()]
        if self._client is not None and self._client.in_doubt is not None:
            doubts.append(self._client.in_doubt)
        words = [doubt.message for doubt in doubts]
        hints = [doubt.hint for doubt in doubts]
        details = dict(doubts[-1].details) if doubts else {}
        if ended:
            details["ended"] = [dict(result.data) for result in ended]
        if accepted or ended:
            told = [result.words for result in ended]
            told += [call.words for call in accepted.values()]
            words.insert(0, f"Interrupted, after this: {'; '.join(told)}.")
        if accepted:
            hints.insert(0, "A call that was accepted goes on: see voicecli sessions.")
            details["accepted"] = [
                {"sessionId": call.session_id, "clientRequestId": request_id}
                for request_id, call in accepted.items()
            ]
        if len(doubts) > 1:
            details["unknown"] = [doubt.details.get("clientRequestId") for doubt in doubts]
        return Interrupted(" ".join(words) or "Interrupted.", hint=" ".join(hints), details=details)

    @property
    def program(self) -> str:
        """How a command begins that can be copied, with the same file of settings and the same store."""
        if self.env_file is None and self.store is None:
            return "voicecli"
        import shlex

        options = {"--env-file": self.env_file, "--store": self.store}
        given = [f"{name} {shlex.quote(value)}" for name, value in options.items() if value is not None]
        return " ".join(["voicecli", *given])

    @cached_property
    def output(self) -> Output:
        from voicecli import settings

        output = FORMATS[self.format](
            self.stdout,
            self.stderr,
            colours=settings.wants_colours(self.environment),
            live=settings.can_draw(self.environment),
            environment=self.environment,
        )
        for secret in settings.environment_secrets(self.environment):
            output.hide(secret)
        return output

    @cached_property
    def _settings(self) -> "Settings":
        """Read once: a file may be a pipe."""
        from voicecli import settings

        flags = {"store": self.store}
        return settings.load(flags, environment=self.environment, folder=self.folder, env_file=self.env_file)

    def settings(self, flags: Mapping[str, str | None]) -> "Settings":
        """The settings under these flags; their secrets are hidden in all output from now on."""
        self._in_force = loaded = self._settings.under(flags)
        for secret in loaded.secrets():
            self.output.hide(secret)
        for warning in loaded.warnings:
            if warning not in self.hinted:
                self.hinted.add(warning)
                self.output.warning(warning)
        return loaded

    def with_origins(self, hint: str, variables: Collection[str]) -> str:
        """A hint that names these variables, with the files that have them."""
        return hint if self._in_force is None else self._in_force.with_origins(hint, variables)

    def client(
        self,
        settings: "Settings",
        *,
        request_timeout: float,
        retries: int,
        tell: Callable[[str], None] | None = None,
        is_main: bool = True,
    ) -> "Client":
        """A client that reports retries to ``tell``, else as notes. For the one that ``is_main``, an
        interrupt says whether its last request may have been carried out."""
        from voicecli.voice_api.client import Client

        client = Client(
            **settings.require(*CONNECTION),
            request_timeout=request_timeout,
            retries=retries,
            on_retry=lambda reason, pause: (tell or self.output.note)(
                f"{reason}; trying again in {pause:.1f} s"
            ),
            trace=self.trace,
        )
        if is_main:
            self._client = client
        return client

    @property
    def trace(self) -> Callable[[str], None] | None:
        """Where --debug's lines go; None without --debug."""
        return self.output.note if self.debug else None

    def show(
        self, settings: "Settings", operation: "Operation[T]", *, reply: "Sequence[Action]" = ()
    ) -> None:
        """The request that would be sent, as the answer of a command; without the key. ``reply`` is what
        follows its question: the answer to the VCA webhook."""
        http = operation.request(Account(**settings.require(*CONNECTION)))
        headers = http.masked_headers()
        words = [f"{http.method} {http.url}", *(f"{name}: {text}" for name, text in headers.items())]
        if operation.body is not None:
            words += ["", self.output.json_for_people(operation.body)]
        data: dict[str, object] = {
            "method": http.method,
            "url": http.url,
            "headers": headers,
            "body": operation.body,
        }
        if reply:
            following = {"callflow": list(reply)}
            words += ["", "When the question is answered, the reply to the VCA webhook:"]
            words += ["", self.output.json_for_people(following)]
            data["reply"] = following
        self.output.result("\n".join(words), data)

    def read_bytes(self, path: str, *, limit: int) -> bytes:
        """A file, or standard input for ``-``: at most ``limit`` bytes. Raises InvalidInput."""
        where = _describe_source(path)
        try:
            with interrupts.waiting():
                if path == "-":
                    content = b"" if self.stdin is None else self.stdin.buffer.read(limit + 1)
                else:
                    place = self.folder / path if path else ""  # Path would take "" for "."
                    with open(place, "rb") as file:  # noqa: PTH123
                        content = file.read(limit + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "that is no file name"
            hint = ""
            if isinstance(error, FileNotFoundError | IsADirectoryError) and path:
                from voicecli.cli import hints

                hint = hints.file_hint(self.folder / path)
            raise InvalidInput(f"{where} can't be read: {reason}.", hint=hint) from error
        if len(content) > limit:
            raise InvalidInput(f"{where} is too long: more than {limit:,} bytes.")
        return content

    def read_text(self, path: str) -> str:
        """The same for UTF-8 text of at most MAX_TEXT bytes."""
        try:
            return self.read_bytes(path, limit=MAX_TEXT).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"{_describe_source(path)} is not UTF-8 text (byte {error.start + 1} is not).",
                hint="Convert it to UTF-8 first, for example with iconv.",
            ) from error


def _describe_source(path: str) -> str:
    return "Standard input" if path == "-" else f"The file {path}"


def context_of(ctx: "ClickContext") -> Context:
    """The context that ``app.run`` handed to the command."""
    context = ctx.obj
    if not isinstance(context, Context):
        raise TypeError("a command was run without its context")
    return context
