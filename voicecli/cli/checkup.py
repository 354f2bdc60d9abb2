"""The checks of ``voicecli doctor``, each with what to do about what it finds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from voicecli import json_values, settings
from voicecli.cli import wiring
from voicecli.cli.context import CONNECTION, Context
from voicecli.cli.exit_codes import ExitCode, exit_code
from voicecli.errors import ConfigurationError, Refused, Unreachable, VoicecliError
from voicecli.listener.public_access import PublicAccess
from voicecli.settings import Settings
from voicecli.store.sqlite import Store
from voicecli.store.webhooks import replaced_webhooks
from voicecli.threads import in_daemon_thread
from voicecli.tunnel.advice import DOWNLOAD
from voicecli.voice_api import callflow
from voicecli.voice_api.operations.numbers import list_numbers
from voicecli.voice_api.operations.voices import list_speech_profiles
from voicecli.voice_api.operations.webhooks import Webhook, list_webhooks
from voicecli.voice_api.wire import Operation

if TYPE_CHECKING:
    from voicecli.listener.health import ListenerState
    from voicecli.listener.receiving import Receiver
    from voicecli.listener.running import Search
    from voicecli.listener.service import Plan
    from voicecli.voice_api.client import Client

NEEDED, FOR_DIGITS = "VSS", "VCA"  # what --wait waits for; and what --confirm and --digits do, too
ASKED_OF_8X8 = ("key", "subaccount", "caller ID", "voice", "clock", "VSS webhook", "VCA webhook")
OPTIONAL = ("webhook_token", "public_url", "ngrok_token", "home")
UNAUTHORIZED = (401, 403)  # HTTP
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

    def __init__(self, context: Context, way: PublicAccess, *, tell: Callable[[Finding], None]) -> None:
        self.findings: list[Finding] = []
        self._context = context
        self._way = way
        self._tell = tell

    async def run(self, flags: Mapping[str, str | None]) -> None:
        values = self._settings(flags)
        if values is None:
            return
        webhooks = await in_daemon_thread(partial(self._account, values))
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
        if settings.is_dotenv_exposed():
            self._found(
                ".env", State.WARNING, "Others on this machine can read it.", "Fix it: chmod 600 .env"
            )
        else:
            self._found(".env", State.OK, "There is none here that others on this machine can read.")
        try:
            values = self._context.settings(flags)
            values.require(*CONNECTION, "source", "voice_profile", "port", *values.given(*OPTIONAL))
        except VoicecliError as error:
            self._failed("settings", error)
            return None
        self._found("settings", State.OK, "All that a call needs is set, and well formed.")
        return values

    # -- 8x8 -----------------------------------------------------------------------------------------

    def _account(self, values: Settings) -> Mapping[str, Webhook] | None:
        """The checks at 8x8; the webhooks that are set there, or None where that can't be known."""
        with wiring.subaccount_client(self._context, values) as client:
            webhooks = self._reachable(values, client)
            if webhooks is None:
                done = {finding.check for finding in self.findings}
                for check in ASKED_OF_8X8:
                    if check not in done:
                        self._found(check, State.SKIPPED, "8x8 could not be asked.")
                return None
            self._caller_id(client, values.require("source")["source"])
            self._voice(client, values.require("voice_profile")["voice_profile"])
            self._clock(client.clock_offset)
        return webhooks

    def _reachable(self, values: Settings, client: "Client") -> Mapping[str, Webhook] | None:
        where = values.require("base_url")["base_url"]
        try:
            webhooks = client.send(list_webhooks())
        except Refused as error:
            check = "subaccount" if error.is_missing else "API"
            check = "key" if error.http_status in UNAUTHORIZED else check
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
            return client.send(operation)
        except VoicecliError as error:
            self._found(check, State.WARNING, f"That can't be checked. {error.message}", error.hint)
            return None

    def _caller_id(self, client: "Client", source: str) -> None:
        numbers = self._asked("caller ID", client, list_numbers())
        if numbers is None:
            return
        known = {(json_values.text(number.get("msisdn")) or "").lstrip("+") for number in numbers}
        if source.lstrip("+") in known:
            self._found("caller ID", State.OK, f"{source} is one of the subaccount's numbers.")
        else:
            words = f"{source} is none of the subaccount's numbers."
            self._found(
                "caller ID", State.WARNING, words, "It has to be whitelisted by 8x8, else it is refused."
            )

    def _voice(self, client: "Client", voice: str) -> None:
        profiles = self._asked("voice", client, list_speech_profiles())
        if profiles is None:
            return
        if voice in [profile.get("speechProfileCode") for profile in profiles]:
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
        try:
            plan = wiring.listening_plan(self._context, values, self._way, register=True)
        except VoicecliError as error:
            self._failed("public URL", error)
            return
        listener = None
        if webhooks is not None:
            try:
                webhooks, listener, silent = await in_daemon_thread(partial(self._listener, values, plan))
            except VoicecliError as error:
                self._failed(f"{NEEDED} webhook", error)
                return
            self._silent(silent)
        guest = None if listener is None else listener.guest
        await in_daemon_thread(partial(self._webhooks, values, plan, webhooks, here=guest is not None))
        self._token(values)
        if listener is not None:
            listener.guest.close()
            if listener.doubt is not None:
                self._found("listener", State.WARNING, listener.doubt)
            used = "The voicecli listen that runs here is used, with its own"
            self._found("port", State.SKIPPED, f"{used} port.")
            self._found("ngrok", State.SKIPPED, f"{used} tunnel.")
            self._found("public URL", State.OK, "8x8's webhook leads to the voicecli listen that runs here.")
            return
        port_free, agent_there = self._port(plan), await in_daemon_thread(partial(self._ngrok, plan))
        if not (port_free and agent_there):
            self._found("public URL", State.SKIPPED, "There is no way in yet.")
            return
        await self._public_url(plan)

    def _silent(self, listeners: "Sequence[ListenerState]") -> None:
        from voicecli.listener.running import silence

        for one in listeners:
            error = silence(one)
            self._found("listener", State.WARNING, error.message, error.hint)

    def _listener(self, values: Settings, plan: "Plan") -> "Search":
        """The listener that runs here and gets what 8x8 reports. Raises what is wrong with one."""
        from voicecli.listener.running import find_listener

        registration = wiring.registration(self._context, values, tell=self._context.output.note)
        search = partial(find_listener, plan.home, registration.set_now, (NEEDED,))
        return search(account=registration.account, port=plan.port)

    def _webhooks(
        self, values: Settings, plan: "Plan", webhooks: Mapping[str, Webhook] | None, *, here: bool
    ) -> None:
        """Whether a call may take them for as long as it waits."""
        from voicecli.listener.receiving import find_receivers
        from voicecli.listener.registration import is_there

        if webhooks is None:
            return
        try:
            registration = wiring.registration(self._context, values, tell=self._context.output.note)
            left = set() if here else self._left_behind(values)
            if not here:
                registration.see_that_nobody_has_them()
        except VoicecliError as error:
            self._failed(f"{NEEDED} webhook", error)
            return
        url = plan.public_url or _url(values.get("public_url"))
        receivers = find_receivers(plan.home, webhooks.values(), NEEDED, FOR_DIGITS)
        for receiver, what in zip(receivers, ("--wait", "--confirm and --digits"), strict=True):
            kind = receiver.type
            webhook = webhooks.get(kind)
            if webhook is not None and webhook.url in left:
                words = f"{kind} was left behind by a listener that was killed."
                advice = "The next one puts back what was there; or run voicecli webhooks restore."
                self._found(f"{kind} webhook", State.OK, words, advice)
            elif here:
                self._relied_upon(receiver, what)
            elif webhook is not None and is_there(webhook, url) and not plan.token_is_new:
                self._found(f"{kind} webhook", State.OK, f"{kind} leads to {webhook.url} already.")
            else:
                self._taken(webhook, receiver, what, url=url)

    def _relied_upon(self, receiver: "Receiver", what: str) -> None:
        """A webhook where a voicecli listen runs here: it gets VSS events, and perhaps not these."""
        check = f"{receiver.type} webhook"
        if receiver.is_here:
            words = f"{receiver.type} leads to the voicecli listen that runs here."
            self._found(check, State.OK, words)
            return
        advice = f"{what} would not work: start it with --register."
        self._found(check, State.WARNING, receiver.words, advice)

    def _taken(self, webhook: Webhook | None, receiver: "Receiver", what: str, *, url: str) -> None:
        """A webhook that a call has to take for as long as it waits."""
        from voicecli.listener.registration import objection

        kind = receiver.type
        check = f"{kind} webhook"
        if webhook is None:
            self._found(check, State.OK, f"{kind} is not set: a call with {what} sets it meanwhile.")
        elif (error := objection(webhook, url)) is None:
            words = f"{receiver.words} A call with {what} takes it, and puts it back."
            self._found(check, State.OK, words)
        elif kind == NEEDED:
            self._failed(check, error)
        else:
            self._found(check, State.WARNING, error.message, f"{what} would not work. {error.hint}")

    def _left_behind(self, values: Settings) -> set[str]:
        """Where listeners that were killed had pointed webhooks."""
        try:
            with Store(wiring.home(values)) as store:
                replaced = replaced_webhooks(store, wiring.account(values).identity)
        except VoicecliError:
            return set()  # that has a check of its own
        return {url for webhook in replaced for url in webhook.own_urls}

    def _token(self, values: Settings) -> None:
        if values.get("webhook_token") is None:
            self._found("token", State.OK, "WEBHOOK_AUTH_TOKEN is not set: each run makes one of its own.")
        else:
            self._found("token", State.OK, "WEBHOOK_AUTH_TOKEN is set.")

    def _port(self, plan: "Plan") -> bool:
        from voicecli.listener import ports

        try:
            ports.try_out(plan.host, plan.port)
        except VoicecliError as error:
            self._failed("port", error)
            return False
        self._found("port", State.OK, f"{plan.port} is free.")
        return True

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
            with Store(wiring.home(values)) as store:
                if trouble := store.trouble():
                    hint = "Move the file away, and a new one is made. First try: voicecli webhooks restore"
                    raise ConfigurationError(f"The store {store.path} is damaged: {trouble}.", hint=hint)
                size = store.path.stat().st_size / 1e6 if store.is_there() else 0.0
        except VoicecliError as error:
            self._failed("store", error)
        else:
            self._found("store", State.OK, f"It can be read and written; its size is {size:.1f} MB.")


def _url(domain: str | None) -> str:
    """The address of a static domain, which may be given as a URL."""
    return "" if domain is None else domain if "://" in domain else f"https://{domain}"
