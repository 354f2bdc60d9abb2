"""Places calls from one account, and waits for their outcomes: what ``voicecli call`` does."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
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
from voicecli.store.location import StorePlace, store_folder
from voicecli.urls import DEFAULT_PORT
from voicecli.voice_api import timeouts
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.client import Client
from voicecli.voice_api.retries import RETRIES

if TYPE_CHECKING:
    from voicecli.at_most import AtMost
    from voicecli.listener.open_questions import EndRequests
    from voicecli.listener.plan import ListenerPlan
    from voicecli.listener.shared_listener import SharedListener
    from voicecli.sessions.key_names import KeyNames
    from voicecli.store.guards import Once
    from voicecli.voice_api.operations.calls import Session

DEFAULT_TIMEOUT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Caller:
    """Places calls from one account, and waits for their outcomes.

    ``store`` is where the store is, by default where the command line has it without settings. ``once``:
    place the same call once, whichever process asks; ``call_unsubscribed``: call unsubscribed people, too;
    ``at_most``: call nobody more often than that, by the calls that are in the store, whatever placed them;
    ``needs_store``: place no call, rather than warn, where the store can't be asked whether it may be placed.
    While it waits, 8x8's reports go to a voicecli listen that runs with this store, else to this process:
    at ``port``, reached by ``access`` (perhaps with ``ngrok_token``), authenticated by ``token`` (default: a
    new one); ``force`` takes webhooks that can't be restored exactly. ``plan`` makes the listener's plan in
    place of these five. ``vca_elsewhere``: your own application replies to VCAs; without it, who does is
    looked up for callflows that end with their question, and for calls that are not waited for.
    ``request_timeout`` is in seconds; ``trace`` gets a line for each request. When ``place`` or ``wait`` has
    raised, also KeyboardInterrupt, ``ledger`` has the calls that were accepted or may have been, and results.
    """

    account: Account
    store: StorePlace = field(default_factory=lambda: StorePlace(store_folder(None)))
    once: "Once | None" = None
    call_unsubscribed: bool = False
    needs_store: bool = False
    at_most: "AtMost | None" = None
    access: PublicAccess = field(default_factory=PublicAccess)
    port: int = DEFAULT_PORT
    token: str | None = field(default=None, repr=False)
    ngrok_token: str | None = field(default=None, repr=False)
    force: bool = False
    notices: Notices = field(default_factory=Notices)
    request_timeout: float = timeouts.REQUEST_TIMEOUT
    retries: int = RETRIES
    vca_elsewhere: bool = False
    ledger: Ledger = field(default_factory=Ledger, repr=False, compare=False)
    plan: "Callable[[], ListenerPlan] | None" = field(default=None, repr=False)
    trace: Callable[[str], None] | None = None

    def call(self, request: CallRequest, *, keys: "KeyNames | None" = None) -> "Session":
        """Place one call, in which ``keys`` mean that; what 8x8 answered. Raises what ``place`` raises."""
        with self._placer([request], waits=False, keys=keys) as placer:
            return placer.place(request)

    def place(
        self,
        requests: Sequence[CallRequest],
        on_result: Callable[[Result], None] = ignore,
        *,
        keys: "KeyNames | None" = None,
    ) -> list[Result]:
        """Place calls without waiting for them: a result for each; ``keys`` is what a pressed key means in
        them, for who reads 8x8's reports later. A single one raises what went wrong:
        PlacedBefore, CalledTooOften, Unsubscribed, ConfigurationError, and what a client raises."""
        with self._placer(requests, waits=False, keys=keys) as placer:

            def result(request: CallRequest, session: "Session") -> Result:
                return accepted_result(request, session, placer.accepted_words(request))

            return place(placer, requests, result, on_result)

    def wait(
        self,
        requests: Sequence[CallRequest],
        *,
        confirming: frozenset[str] = frozenset(),
        keys: "KeyNames | None" = None,
        until_confirmed: bool = False,
        tell_anyway: bool = False,
        digits: bool | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,
        on_event: Callable[[CallEvent], None] = ignore,
        run: Runner | None = None,
    ) -> CallResults:
        """Place calls, and wait for the outcome of each, for at most ``timeout``. ``confirming``: the keys
        that confirm; ``keys``, in their place: what each key means, and which of them are accepted, which is
        to confirm; ``until_confirmed``: call one after the other until somebody confirms;
        ``tell_anyway``: if no key could arrive, call without the question; ``digits``: whether pressed digits
        are part of the result, by default if a call asks for them. Blocks, in an event loop of its own (by
        ``run``, if given), in which ``on_event`` is called.

        Raises, before the first request: InvalidInput, PlacedBefore, CalledTooOften, Unsubscribed,
        ConfigurationError, StoreFailed, and what a listener raises. Later errors, such as Refused,
        Unreachable or OutcomeUnknown, are in the result of their call, and perhaps in ``CallResults.error``;
        a single call that is placed without its question raises them."""
        if confirming and keys is not None:
            raise InvalidInput("confirming and keys can't be given together.")
        from voicecli.sessions.key_names import KeyNames

        keys = KeyNames.of_confirm(confirming) if confirming else keys
        if (until_confirmed or tell_anyway) and (keys is None or not keys.accepted):
            name = "until_confirmed" if until_confirmed else "tell_anyway"
            raise InvalidInput(f"{name} needs confirming, the keys that confirm, or keys.")
        if self.vca_elsewhere and keys is not None:
            raise InvalidInput("With vca_elsewhere no key that confirms could arrive here.")
        from voicecli.calling.waited_call import WaitOptions
        from voicecli.listener.open_questions import EndRequests

        ends = EndRequests()
        with ExitStack() as stack:
            placer = stack.enter_context(self._placer(requests, waits=True, digits=digits, keys=keys))
            asks = any(placer.asks(request) is not None for request in requests)
            counts = asks if digits is None else digits
            return place_and_wait(
                placer,
                requests,
                partial(self._reports, stack, asks=asks, ends=ends, tell_anyway=tell_anyway),
                WaitOptions(timeout, counts, keys, until_confirmed, tell_anyway),
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
        client = stack.enter_context(self._client(timeouts.ACCOUNT_REQUEST_TIMEOUT, retries=1, notify=warn))
        registration = Registration(client, self.store, notify=warn)
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
            store=self.store,
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
        keys: "KeyNames | None" = None,
    ) -> Iterator[Placer]:
        ledger = Ledger()  # of this run alone: the next one may use the same clientRequestIds
        with self._client(self.request_timeout, self.retries, notify=self.notices.notify) as client:
            try:
                yield Placer(
                    client,
                    self.account,
                    self.store,
                    ledger=ledger,
                    warn=self.notices.warn,
                    once=self.once,
                    call_unsubscribed=self.call_unsubscribed,
                    needs_store=waits or keys is not None or self.needs_store,
                    at_most=self.at_most,
                    keys=keys,
                    vca_elsewhere=self._answered_elsewhere(
                        client, requests, waits=waits, digits=keys is not None or digits
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
        """Whether an application replies to VCAs. For calls that are waited for this process does if digits
        are part of the result; by default, if it knows what follows a question."""
        continues = any(map(questions.after_question, requests))
        answers = waits and (continues if digits is None else digits)
        if self.vca_elsewhere or answers or not any(map(questions.has_question, requests)):
            return self.vca_elsewhere
        from voicecli.calling.question_receivers import application_answers

        notify, warn, *_ = self.notices
        return application_answers(
            client, self.store, continues=continues, waits=waits, notify=notify, warn=warn
        )

    def _client(self, request_timeout: float, retries: int, *, notify: Callable[[str], None]) -> Client:
        account = self.account
        return Client(
            api_key=account.api_key,
            subaccount_id=account.subaccount_id,
            base_url=account.base_url,
            request_timeout=request_timeout,
            retries=retries,
            on_retry=lambda reason, pause: notify(f"{reason}; trying again in {pause:.1f} s"),
            trace=self.trace,
        )
