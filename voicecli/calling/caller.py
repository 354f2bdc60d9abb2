"""Calls from one account, placed and waited for: what ``voicecli call`` does, without its command line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.account import Account
from voicecli.calling import questions
from voicecli.calling.call_events import CallEvent, Notices, ignore
from voicecli.calling.ledger import Ledger
from voicecli.calling.place_calls import Runner, place, place_and_wait
from voicecli.calling.placing import Placer
from voicecli.calling.results import CallResults, Result, accepted_result
from voicecli.errors import InvalidInput, OutcomeUnknown
from voicecli.listener.public_access import PublicAccess, listening_plan
from voicecli.store.location import store_folder
from voicecli.voice_api import wire
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.client import Client
from voicecli.voice_api.retries import RETRIES

if TYPE_CHECKING:
    from voicecli.listener.open_questions import EndRequests
    from voicecli.listener.service import ListenerPlan
    from voicecli.listener.shared_listener import SharedListener
    from voicecli.store.guards import Once
    from voicecli.voice_api.operations.calls import Session

DEFAULT_TIMEOUT = timedelta(minutes=5)
REGISTRATION_TIMEOUT = 10.0  # seconds for one request about webhooks
PORT = 5678


@dataclass(frozen=True, slots=True)
class Caller:
    """Places calls from one account, and waits for what becomes of them.

    ``home`` is the folder of the store, by default the one that the command line uses without VOICECLI_HOME.
    With ``once`` the same call is placed once, by whatever process; unsubscribed people are called only with
    ``call_unsubscribed``. While it waits, 8x8's reports come to a voicecli listen that runs with this store,
    or else to this process: 8x8 then reaches its ``port`` by ``access``, for which ``ngrok_token`` may be
    needed, and sends ``token``, by default a new one; ``force`` takes webhooks that can't be put back as they
    were. A ``plan`` says all of that in their place. With ``vca_elsewhere`` an application of yours answers
    what calls ask; without, who does is looked up for callflows that end with their question, and for all
    that are not waited for. ``notices`` gets what people should know meanwhile, ``trace`` a line for each
    request. ``request_timeout`` is in seconds. Once ``place`` or ``wait`` has raised, also KeyboardInterrupt,
    ``ledger`` has the calls that 8x8 had accepted, those that it may have accepted, and what had become of
    them.
    """

    account: Account
    home: Path = field(default_factory=partial(store_folder, None))
    once: "Once | None" = None
    call_unsubscribed: bool = False
    access: PublicAccess = field(default_factory=PublicAccess)
    port: int = PORT
    token: str | None = field(default=None, repr=False)
    ngrok_token: str | None = field(default=None, repr=False)
    force: bool = False
    plan: "Callable[[], ListenerPlan] | None" = field(default=None, repr=False)
    notices: Notices = field(default_factory=Notices)
    trace: Callable[[str], None] | None = None
    request_timeout: float = wire.REQUEST_TIMEOUT
    retries: int = RETRIES
    vca_elsewhere: bool = False
    ledger: Ledger = field(default_factory=Ledger, repr=False, compare=False)

    def call(self, request: CallRequest) -> "Session":
        """Place one call; what 8x8 answered. Raises what ``place`` raises."""
        with self._placer([request], waits=False) as placer:
            return placer.place(request)

    def place(
        self, requests: Sequence[CallRequest], on_result: Callable[[Result], None] = ignore
    ) -> list[Result]:
        """Place calls, without waiting for them: a result for each. Of a single one it raises what went
        wrong: PlacedBefore, Unsubscribed, ConfigurationError, and what a client raises."""
        with self._placer(requests, waits=False) as placer:
            return place(
                placer, requests, partial(accepted_result, service=self.account.service_name), on_result
            )

    def wait(
        self,
        requests: Sequence[CallRequest],
        *,
        confirming: frozenset[str] = frozenset(),
        until_confirmed: bool = False,
        tell_anyway: bool = False,
        digits: bool | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,
        on_event: Callable[[CallEvent], None] = ignore,
        run: Runner | None = None,
    ) -> CallResults:
        """Place calls, and wait for what becomes of each, for at most ``timeout``. ``confirming`` are the
        keys that confirm; with ``until_confirmed`` one is called after the other, until somebody presses one
        of them, and with ``tell_anyway`` people are told without the question where no key could arrive.
        ``digits`` is whether what is pressed counts for the result, by default wherever calls ask.
        Blocks, in an event loop of its own (by ``run``, if given), in which ``on_event`` is called. Raises
        InvalidInput for the two without keys that confirm, and what was wrong before the first request could
        leave: PlacedBefore, Unsubscribed, ConfigurationError, StoreFailed, and what a listener raises. What
        is wrong from then on, such as Refused, Unreachable or OutcomeUnknown, is in the result of its call (a
        single one that is told without the question raises it), and perhaps in ``error``, as ``CallResults``
        says."""
        if (until_confirmed or tell_anyway) and not confirming:
            name = "until_confirmed" if until_confirmed else "tell_anyway"
            raise InvalidInput(f"{name} needs confirming, the keys that confirm.")
        if self.vca_elsewhere and confirming:
            raise InvalidInput("With vca_elsewhere no key that confirms could arrive here.")
        from voicecli.calling.waited_call import WaitOptions
        from voicecli.listener.open_questions import EndRequests

        ends = EndRequests()
        with ExitStack() as stack:
            placer = stack.enter_context(
                self._placer(requests, waits=True, digits=digits, confirming=confirming)
            )
            asks = any(placer.asks(request) is not None for request in requests)
            counts = asks if digits is None else digits
            return place_and_wait(
                placer,
                requests,
                partial(self._reports, stack, asks=asks, ends=ends, tell_anyway=tell_anyway),
                WaitOptions(timeout, counts, confirming, until_confirmed, tell_anyway),
                ends=ends,
                on_event=on_event,
                run=run,
            )

    def _reports(
        self,
        stack: ExitStack,
        answered: Mapping[str, CallRequest],
        *,
        asks: bool,
        ends: "EndRequests",
        tell_anyway: bool,
    ) -> "SharedListener":
        from voicecli.calling.call_reports import reports_of_calls
        from voicecli.listener.registration import Registration

        plan = (self.plan or self._own_plan)()
        warn = self.notices.warn
        client = stack.enter_context(self._client(REGISTRATION_TIMEOUT, retries=1, tell=warn))
        registration = Registration(client, self.home, notify=warn)
        return reports_of_calls(
            plan,
            registration,
            asks=asks,
            ends=ends,
            notices=self.notices,
            answered=answered,
            tell_anyway=tell_anyway,
        )

    def _own_plan(self) -> "ListenerPlan":
        return listening_plan(
            self.access,
            home=self.home,
            port=self.port,
            base_url=self.account.base_url,
            domain=self.access.domain,
            token=self.token,
            ngrok_token=self.ngrok_token,
            register=True,
            force=self.force,
        )

    @contextmanager
    def _placer(
        self,
        requests: Sequence[CallRequest],
        *,
        waits: bool,
        digits: bool | None = None,
        confirming: frozenset[str] = frozenset(),
    ) -> Iterator[Placer]:
        ledger = Ledger()  # of this run alone: the next one may use the same clientRequestIds
        with self._client(self.request_timeout, self.retries, tell=self.notices.notify) as client:
            try:
                yield Placer(
                    client,
                    self.account,
                    self.home,
                    ledger=ledger,
                    warn=self.notices.warn,
                    once=self.once,
                    call_unsubscribed=self.call_unsubscribed,
                    needs_store=waits,
                    keys=",".join(sorted(confirming)),
                    vca_elsewhere=self._answered_elsewhere(
                        client, requests, waits=waits, digits=bool(confirming) or digits
                    ),
                )
            except BaseException:
                if isinstance(lost := client.in_doubt, OutcomeUnknown):
                    ledger.lost[lost.client_request_id or ""] = lost
                self.ledger.add(ledger)
                raise

    def _answered_elsewhere(
        self, client: Client, requests: Sequence[CallRequest], *, waits: bool, digits: bool | None
    ) -> bool:
        """Whether an application answers what calls ask. Of those that are waited for this process does,
        where digits count; by default, where it knows what follows a question."""
        continues = any(map(questions.after_question, requests))
        answers = waits and (continues if digits is None else digits)
        if self.vca_elsewhere or answers or not any(map(questions.has_question, requests)):
            return self.vca_elsewhere
        from voicecli.calling.question_receivers import application_answers

        notify, warn, *_ = self.notices
        return application_answers(
            client, self.home, continues=continues, waits=waits, notify=notify, warn=warn
        )

    def _client(self, request_timeout: float, retries: int, *, tell: Callable[[str], None]) -> Client:
        account = self.account
        return Client(
            api_key=account.api_key,
            subaccount_id=account.subaccount_id,
            base_url=account.base_url,
            request_timeout=request_timeout,
            retries=retries,
            on_retry=lambda reason, pause: tell(f"{reason}; trying again in {pause:.1f} s"),
            trace=self.trace,
        )
