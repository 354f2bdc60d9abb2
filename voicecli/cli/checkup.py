"""The checks of ``voicecli doctor``, each with what to do about what it finds."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from voicecli import api, callflow, settings, untrusted
from voicecli.api import Operation, Webhook
from voicecli.cli import context as contexts
from voicecli.cli import way_in
from voicecli.cli.context import CONNECTION, Context
from voicecli.cli.exit_codes import ExitCode, exit_code
from voicecli.errors import ConfigurationError, Refused, Unreachable, VoicecliError
from voicecli.settings import Settings
from voicecli.store import Store
from voicecli.tunnel.advice import DOWNLOAD

if TYPE_CHECKING:
    from voicecli.client import Client
    from voicecli.listener.service import Plan

NEEDED = "VSS"  # what --wait waits for; --confirm needs VCA, too
UNAUTHORIZED, NOT_FOUND = (401, 403), (404,)
OLDEST_AGENT = 3  # major version; ngrok refuses older ones (ERR_NGROK_121)
FINE_OFFSET = timedelta(seconds=30)

T = TypeVar("T")


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``code`` is what a call would exit with because of it."""

    check: str
    state: State
    words: str
    advice: str = ""
    code: ExitCode = ExitCode.DONE

    def data(self) -> Mapping[str, object]:
        return {"check": self.check, "state": self.state, "words": self.words, "advice": self.advice}


class Checkup:
    """The checks, in the order in which one builds on the other; ``findings`` has what
    they found, and ``tell`` gets each as it is found."""

    def __init__(self, context: Context, way: way_in.WayIn, *, tell: Callable[[Finding], None]) -> None:
        self.findings: list[Finding] = []
        self._context = context
        self._way = way
        self._tell = tell

    async def run(self, flags: Mapping[str, str | None]) -> None:
        values = self._settings(flags)
        if values is None:
            return
        webhooks = await asyncio.to_thread(self._account, values)
        await self._check_way_in(values, webhooks)
        self._store(values)

    def _found(self, check: str, state: State, words: str, advice: str = "") -> None:
        self._add(Finding(check, state, words, advice))

    def _failed(self, check: str, error: VoicecliError) -> None:
        self._add(Finding(check, State.FAILED, error.message, error.hint, exit_code(error)))

    def _add(self, finding: Finding) -> None:
        self.findings.append(finding)
        self._tell(finding)

    # -- this machine's settings ---------------------------------------------------------------------

    def _settings(self, flags: Mapping[str, str | None]) -> Settings | None:
        try:
            values = self._context.settings(flags)
            values.require(*CONNECTION, "source", "voice_profile", "port")
            for name in ("webhook_token", "public_url", "ngrok_token", "home"):
                values.get(name)
        except VoicecliError as error:
            self._failed("settings", error)
            return None
        if settings.is_dotenv_exposed():
            self._found(
                "settings", State.WARNING, "Others on this machine can read .env.", "Mend it: chmod 600 .env"
            )
        else:
            self._found("settings", State.OK, "All that a call needs is set, and well formed.")
        return values

    # -- 8x8 -----------------------------------------------------------------------------------------

    def _account(self, values: Settings) -> Mapping[str, Webhook] | None:
        """The checks at 8x8; the webhooks that are set there, or None where that can't be known."""
        with contexts.subaccount_client(self._context, values) as client:
            webhooks = self._reachable(values, client)
            if webhooks is None:
                for check in ("caller ID", "voice", "clock", "webhooks"):
                    self._found(check, State.SKIPPED, "8x8 does not let us look.")
                return None
            self._caller_id(client, values.require("source")["source"])
            self._voice(client, values.require("voice_profile")["voice_profile"])
            self._clock(client.clock_offset)
        return webhooks

    def _reachable(self, values: Settings, client: "Client") -> Mapping[str, Webhook] | None:
        where = values.require("base_url")["base_url"]
        try:
            webhooks = self._context.send(client, api.list_webhooks())
        except Refused as error:
            guilty = {**dict.fromkeys(UNAUTHORIZED, "key"), **dict.fromkeys(NOT_FOUND, "subaccount")}
            check = guilty.get(error.status_code, "API")
            if check != "API":
                self._found("API", State.OK, f"{where} answers.")
            if check == "subaccount":
                self._found("key", State.OK, "The API key is valid.")
            self._failed(check, error)
            return None
        except VoicecliError as error:
            self._failed("API", error)
            return None
        self._found("API", State.OK, f"{where} answers.")
        self._found("key", State.OK, "The API key is valid.")
        subaccount = values.require("subaccount_id")["subaccount_id"]
        self._found("subaccount", State.OK, f"{subaccount} is there.")
        return {webhook.type: webhook for webhook in webhooks}

    def _asked(self, check: str, client: "Client", operation: Operation[T]) -> T | None:
        """The answer to a question that no call depends on; None, and a warning, where there is none."""
        try:
            return self._context.send(client, operation)
        except VoicecliError as error:
            self._found(check, State.WARNING, f"That can't be checked. {error.message}", error.hint)
            return None

    def _caller_id(self, client: "Client", source: str) -> None:
        numbers = self._asked("caller ID", client, api.list_numbers())
        if numbers is None:
            return
        known = {(untrusted.text(number.get("msisdn")) or "").lstrip("+") for number in numbers}
        if source.lstrip("+") in known:
            self._found("caller ID", State.OK, f"{source} is one of the subaccount's numbers.")
        else:
            words = f"{source} is none of the subaccount's numbers."
            self._found(
                "caller ID", State.WARNING, words, "It has to be whitelisted by 8x8, else it is refused."
            )

    def _voice(self, client: "Client", voice: str) -> None:
        profiles = self._asked("voice", client, api.list_speech_profiles())
        if profiles is None:
            return
        if voice in {profile.get("speechProfileCode") for profile in profiles}:
            self._found("voice", State.OK, f"{voice} is one of 8x8's voices.")
        else:
            error = ConfigurationError(
                f"{voice} is none of 8x8's voices.",
                hint="Set VOICE_PROFILE to one that voicecli voices lists.",
            )
            self._failed("voice", error)

    def _clock(self, offset: timedelta | None) -> None:
        """A validUntil that is over by 8x8's clock is refused (-1015)."""
        if offset is None:
            self._found("clock", State.WARNING, "8x8's answers do not tell the time.")
            return
        seconds = abs(offset.total_seconds())
        side = "behind" if offset > timedelta(0) else "ahead of"
        words = f"This machine's clock is {seconds:.0f} s {side} 8x8's."
        advice = "Set it right: calls are valid until a time by this clock."
        if offset >= callflow.DEFAULT_VALIDITY:
            self._failed("clock", ConfigurationError(words, hint=advice))
        elif seconds > FINE_OFFSET.total_seconds():
            self._found("clock", State.WARNING, words, advice)
        else:
            self._found("clock", State.OK, "This machine's clock agrees with 8x8's.")

    # -- the way in ----------------------------------------------------------------------------------

    async def _check_way_in(self, values: Settings, webhooks: Mapping[str, Webhook] | None) -> None:
        """Where a listener runs, that is the way in; else one is opened for a moment."""
        from voicecli.listener.reports import find_listener

        try:
            plan = way_in.listening_plan(self._context, values, self._way, register=True)
            guest = await asyncio.to_thread(find_listener, plan.home, webhooks or {}, (NEEDED,))
        except VoicecliError as error:
            self._failed("public URL", error)
            return
        await asyncio.to_thread(self._webhooks, webhooks, here=guest is not None)
        self._token(values)
        if guest is not None:
            guest.close()
            self._found("port", State.OK, f"{plan.port} belongs to the voicecli listen that runs here.")
            self._found("ngrok", State.SKIPPED, "That voicecli listen sees to it.")
            self._found("public URL", State.OK, "8x8's webhook leads to that voicecli listen.")
            return
        ready = self._port(plan) and await asyncio.to_thread(self._ngrok, plan)
        if not ready:
            self._found("public URL", State.SKIPPED, "There is no way in yet.")
            return
        await self._public_url(plan)

    def _webhooks(self, webhooks: Mapping[str, Webhook] | None, *, here: bool) -> None:
        from voicecli.listener import health

        if webhooks is None:
            return
        webhook = webhooks.get(NEEDED)
        if webhook is None:
            self._found("webhooks", State.OK, f"{NEEDED} is not set: a call with --wait sets it meanwhile.")
        elif here:
            self._found("webhooks", State.OK, f"{NEEDED} leads to the voicecli listen that runs here.")
        elif webhook.has_authorization:
            error = ConfigurationError(
                f"{NEEDED} points to {webhook.url} with an Authorization header, which 8x8 does not tell.",
                hint="Without --force a call with --wait will not replace it; or let voicecli listen run.",
            )
            self._failed("webhooks", error)
        elif health.is_listener(webhook.url):
            error = ConfigurationError(
                f"{NEEDED} points to another voicecli listen, at {webhook.url}.",
                hint="Wait for calls there, or stop it.",
            )
            self._failed("webhooks", error)
        else:
            words = f"{NEEDED} points to {webhook.url}: a call with --wait takes it, and puts it back."
            self._found("webhooks", State.OK, words)

    def _token(self, values: Settings) -> None:
        if values.get("webhook_token") is None:
            self._found("token", State.OK, "WEBHOOK_AUTH_TOKEN is not set: each run makes one of its own.")
        else:
            self._found("token", State.OK, "WEBHOOK_AUTH_TOKEN is set.")

    def _port(self, plan: "Plan") -> bool:
        from voicecli.listener import ports

        if (trouble := ports.trouble(plan.host, plan.port)) is None:
            self._found("port", State.OK, f"{plan.port} is free.")
            return True
        hint = "Stop that, or choose another port with --port or PORT."
        self._failed("port", ConfigurationError(f"{plan.port} can't be used: {trouble}.", hint=hint))
        return False

    def _ngrok(self, plan: "Plan") -> bool:
        """The agent, its version, and the token; whether a tunnel can be tried."""
        from voicecli.tunnel import configuration, program

        if plan.tunnel is None:
            self._found("ngrok", State.SKIPPED, "You have a way in of your own.")
            return True
        tunnel = plan.tunnel(plan.port)
        try:
            agent = program.find(tunnel)
            configuration.read(tunnel, self._context.output.note)
        except VoicecliError as error:
            self._failed("ngrok", error)
            return False
        version = None if agent is None else program.version(agent)
        if version is None or int(version.partition(".")[0]) < OLDEST_AGENT:
            words = f"The ngrok agent {agent} does not tell a version from {OLDEST_AGENT} on ({version})."
            self._failed("ngrok", ConfigurationError(words, hint=f"Get a new one from {DOWNLOAD}."))
            return False
        self._found("ngrok", State.OK, f"The agent is there, in version {version}.")
        return True

    async def _public_url(self, plan: "Plan") -> None:
        """Listen for a moment, without telling 8x8."""
        from voicecli.listener.service import Service

        service = Service(plan, shown=lambda _: None, tell=lambda _text, _record: None)
        try:
            async with service:
                trouble = service.unreachable
        except VoicecliError as error:
            self._failed("public URL", error)
            return
        if trouble is None:
            self._found("public URL", State.OK, f"{service.public_url} leads here.")
        else:
            words = f"8x8 would not get through at {service.public_url}: {trouble}."
            hint = "Check the tunnel, or what stands before this machine."
            self._failed("public URL", Unreachable(words, hint=hint))

    # -- the store -----------------------------------------------------------------------------------

    def _store(self, values: Settings) -> None:
        try:
            with Store(contexts.home(values)) as store:
                if trouble := store.trouble():
                    hint = "Move the file away; a new one is made."
                    raise ConfigurationError(f"The store {store.path} is not well: {trouble}.", hint=hint)
                size = store.path.stat().st_size / 1e6
        except VoicecliError as error:
            self._failed("store", error)
        else:
            self._found("store", State.OK, f"It can be read and written, and has {size:.1f} MB.")
