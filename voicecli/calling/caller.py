"""Calls by programs that import voicecli: what ``voicecli call`` does, without its command line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from voicecli.account import Account
from voicecli.calling import calls, questions
from voicecli.calling.call_events import CallEvent
from voicecli.calling.calls import DEFAULT_TIMEOUT, Ended, WaitOptions
from voicecli.calling.placing import Guard, Ledger, Placing
from voicecli.calling.question_receivers import application_answers
from voicecli.calling.receiving import Notices, ignore, reports_of_calls
from voicecli.calling.results import Result, accepted
from voicecli.errors import InvalidInput, OutcomeUnknown
from voicecli.listener.public_access import PublicAccess, listening_plan
from voicecli.listener.registration import Registration
from voicecli.listener.reports import Reports
from voicecli.listener.staying import EndRequests
from voicecli.store.guards import Once
from voicecli.store.location import store_folder
from voicecli.voice_api import wire
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.client import Client

REGISTRATION_TIMEOUT = 10.0  # seconds for one request about webhooks
PORT = 5678


@dataclass(frozen=True, slots=True)
class Caller:
    """Places calls from one account, and waits for what becomes of them.

    ``home`` is the folder of the store, by default the one that the command line uses without VOICECLI_HOME.
    With ``once`` the same call is placed once, by whatever process; unsubscribed people are called only with
    ``call_unsubscribed``. While it waits, 8x8's reports come to a voicecli listen that runs with this store,
    or else to this process: 8x8 then reaches its ``port`` by ``access``, for which ``ngrok_token`` may be
    needed, and sends ``token``, by default a new one. ``force`` takes webhooks that can't be put back as
    they were. With ``vca_elsewhere`` an application of yours answers what calls ask; without, who does is
    looked up for callflows that end with their question, and for all that are not waited for. ``notices``
    gets what people should know meanwhile. ``request_timeout`` is in seconds. Once ``place`` or ``wait`` has
    raised, also KeyboardInterrupt, ``ledger`` has the calls that 8x8 had accepted, those that it may have
    accepted, and what had become of them.
    """

    account: Account
    home: Path = field(default_factory=partial(store_folder, None))
    once: Once | None = None
    call_unsubscribed: bool = False
    access: PublicAccess = field(default_factory=PublicAccess)
    port: int = PORT
    token: str | None = field(default=None, repr=False)
    ngrok_token: str | None = field(default=None, repr=False)
    force: bool = False
    notices: Notices = field(default_factory=Notices)
    request_timeout: float = wire.REQUEST_TIMEOUT
    retries: int = wire.RETRIES
    vca_elsewhere: bool = False
    ledger: Ledger = field(default_factory=Ledger, repr=False, compare=False)

    def place(
        self, requests: Sequence[CallRequest], on_result: Callable[[Result], None] = ignore
    ) -> list[Result]:
        """Place calls, without waiting for them: a result for each. Of a single one it raises what went
        wrong: PlacedBefore, Unsubscribed, ConfigurationError, and what a client raises."""
        with self._placing(requests) as placing:
            return calls.place(placing, requests, accepted, on_result)

    def wait(
        self,
        requests: Sequence[CallRequest],
        *,
        confirming: frozenset[str] = frozenset(),
        until_confirmed: bool = False,
        tell_anyway: bool = False,
        timeout: timedelta = DEFAULT_TIMEOUT,
        on_event: Callable[[CallEvent], None] = ignore,
    ) -> Ended:
        """Place calls, and wait for what becomes of each, for at most ``timeout``. ``confirming`` are the
        keys that confirm; with ``until_confirmed`` one is called after the other, until somebody presses one
        of them, and with ``tell_anyway`` people are told without the question where no key could arrive.
        Blocks, in an event loop of its own, in which ``on_event`` is called. Raises InvalidInput for the two
        without keys that confirm, and what was wrong before the first request could leave: PlacedBefore,
        Unsubscribed, ConfigurationError, StoreFailed, and what a listener raises. What is wrong from then on,
        such as Refused, Unreachable or OutcomeUnknown, is in the result of its call (a single one that is
        told without the question raises it), and perhaps in ``error``, as ``Ended`` says."""
        if (until_confirmed or tell_anyway) and not confirming:
            name = "until_confirmed" if until_confirmed else "tell_anyway"
            raise InvalidInput(f"{name} needs confirming, the keys that confirm.")
        if self.vca_elsewhere and confirming:
            raise InvalidInput("With vca_elsewhere no key that confirms could arrive here.")
        ends = EndRequests()
        with ExitStack() as stack:
            placing = stack.enter_context(self._placing(requests, confirming))
            asks = any(placing.asks(request) is not None for request in requests)
            options = WaitOptions(timeout, asks, confirming, until_confirmed, tell_anyway)

            def receive(answered: Mapping[str, CallRequest]) -> Reports:
                client = stack.enter_context(self._client(REGISTRATION_TIMEOUT, retries=1))
                return reports_of_calls(
                    listening_plan(
                        self.access,
                        home=self.home,
                        port=self.port,
                        base_url=self.account.base_url,
                        domain=self.access.domain,
                        token=self.token,
                        ngrok_token=self.ngrok_token,
                        register=True,
                        force=self.force,
                    ),
                    Registration(client, self.home, tell=self.notices.warn),
                    asks=asks,
                    ends=ends,
                    notices=self.notices,
                    answered=answered,
                    tell_anyway=tell_anyway,
                )

            return calls.place_and_wait(placing, requests, receive, options, ends=ends, on_event=on_event)

    @contextmanager
    def _placing(
        self, requests: Sequence[CallRequest], confirming: frozenset[str] | None = None
    ) -> Iterator[Placing]:
        guard = Guard(self.once, self.call_unsubscribed, needs_store=confirming is not None)
        ledger = Ledger()  # of this run alone: the next one may use the same clientRequestIds
        with self._client(self.request_timeout, self.retries) as client:
            try:
                yield Placing(
                    client,
                    self.account,
                    self.home,
                    guard,
                    ledger=ledger,
                    warn=self.notices.warn,
                    keys=",".join(sorted(confirming or ())),
                    vca_elsewhere=self._answered_elsewhere(client, requests, confirming),
                )
            except BaseException:
                if isinstance(lost := client.in_doubt, OutcomeUnknown):
                    ledger.lost[lost.client_request_id or ""] = lost
                self.ledger.take_over(ledger)
                raise

    def _answered_elsewhere(
        self, client: Client, requests: Sequence[CallRequest], confirming: frozenset[str] | None
    ) -> bool:
        """Whether an application answers what calls ask. Of those that are waited for (``confirming`` is not
        None), this process itself answers where a key confirms, or where it knows what follows."""
        if self.vca_elsewhere or confirming or not any(map(questions.asks, requests)):
            return self.vca_elsewhere
        continues, waits = any(map(questions.following, requests)), confirming is not None
        if waits and continues:
            return False
        return application_answers(
            client,
            self.home,
            continues=continues,
            waits=waits,
            notify=self.notices.notify,
            warn=self.notices.warn,
        )

    def _client(self, request_timeout: float, retries: int) -> Client:
        account = self.account
        return Client(
            api_key=account.api_key,
            subaccount_id=account.subaccount_id,
            base_url=account.base_url,
            request_timeout=request_timeout,
            retries=retries,
        )
