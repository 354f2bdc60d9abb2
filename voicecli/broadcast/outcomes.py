"""What 8x8 reports of a broadcast's calls, found among all events of the store."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import NamedTuple

from voicecli.broadcast.conduct import Conduct
from voicecli.broadcast.journal import STEP, Broadcast, Journal, Row, RowState, State
from voicecli.clock import now
from voicecli.events import Received
from voicecli.sessions.attempts import Attempt, AttemptState
from voicecli.sessions.session import Session
from voicecli.store import events as stored_events
from voicecli.store import unsubscribed
from voicecli.vocabulary import is_unsubscribed


class Report(NamedTuple):
    """What became of one attempt to call the row at ``line``. ``seconds`` is how long it was talked on."""

    line: int
    attempt: int
    session: str
    destination: str
    outcome: str
    digits: str | None
    seconds: float | None

    def applied(self, row: Row) -> Row:
        """The row, knowing this; as it was where it is about another call."""
        of_it = self.attempt == row.attempts and self.destination.lstrip("+") in ("", row.destination[1:])
        if not of_it or row.state in (RowState.SKIPPED, RowState.RETRY):
            return row
        return row._replace(
            state=RowState.ACCEPTED,
            session=self.session,
            outcome=self.outcome,
            digits=self.digits or row.digits,
            seconds=self.seconds,
            reason=None,
        )


def reports(
    journal: Journal, after: int, last: int, *, confirming: Collection[str], digits: bool
) -> Iterator[Report]:
    """What the events newer than ``after``, up to ``last``, tell. With ``digits`` the calls ask for some, and
    ``confirming`` has those that confirm. Who unsubscribed is kept as such. Raises StoreFailed."""
    store, broadcast = journal.store, journal.broadcast
    for received in stored_events.reports_between(store, after, last, naming=broadcast.id, digits=digits):
        event = received.event
        heard = stored_events.events_of_one(store, event.session_id) if digits else [received]
        report = _report(broadcast, heard, confirming)
        if report is not None:
            if is_unsubscribed(report.outcome) and (row := journal.row(report.line)) is not None:
                unsubscribed.keep(store, row.destination, since=received.received, session=report.session)
            yield report


def settle(journal: Journal, conduct: Conduct) -> None:
    """Take in all that was reported while nobody worked on the broadcast; who is to be called again for that
    is, unless it is done. Raises StoreFailed."""
    newest = stored_events.last_event(journal.store)
    found = reports(journal, journal.seen, newest, confirming=conduct.confirming, digits=conduct.digits)
    while some := list(islice(found, STEP)):
        changed: dict[int, tuple[Row, Row]] = {}  # by line: as it was, and as it is
        for report in some:
            row = changed[report.line][1] if report.line in changed else journal.row(report.line)
            if row is not None and (known := report.applied(row)) != row:
                before, _ = changed.get(report.line, (row, row))
                changed[report.line] = before, known._replace(changed=now())
        journal.write(changed.values())
    journal.write((), seen=newest)
    if journal.state is not State.DONE:
        journal.plan_retries(conduct.retry, conduct.attempts)


def _report(broadcast: Broadcast, heard: list[Received], confirming: Collection[str]) -> Report | None:
    asked = Attempt(
        0, 0, AttemptState.ACCEPTED, heard[0].event.session_id, "", "", "", asks=",".join(sorted(confirming))
    )
    session = Session.of(asked, heard)
    summary = session.summary
    named = None if summary is None else broadcast.named(summary.client_request_id)
    if summary is None or named is None or session.outcome is None:
        return None
    return Report(*named, session.id, summary.destination, session.outcome, session.digits, session.seconds)
