"""Log exports: a job that takes a while, and then a CSV file with one row for each leg of a call."""

import csv
import io
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

from aiohttp import web

from voicecli.sandbox.account import SUBACCOUNT
from voicecli.sandbox.answers import failure, invalid, invalid_job, json_body, moment
from voicecli.sandbox.payloads import Json, fresh_id, stamp
from voicecli.sandbox.session import PlayedSession

_COLUMNS = (
    "SessionId CallId AccountId SubAccountId Direction SourceCountryCode SourceCountry "
    "SourceOperator SourceMCC SourceMNC SourceEndpoint DestinationCountryCode DestinationCountry "
    "DestinationOperator DestinationMCC DestinationMNC DestinationEndpoint InitiatedAt ConnectedAt "
    "DisconnectedAt DurationInSec Product BillingUnit BillingIncrement BillableDurationInSec "
    "UnitPrice UnitPriceCurrency TotalPriceOfCall CallType SipStatus SessionStatus CallStatus "
    "TTSLength MOS Content"
).split()


class LogExports:
    """The export jobs; each is a second in the queue and two at work, on the sandbox's clock."""

    def __init__(self, time_scale: float, dice: Random, sessions: Iterable[PlayedSession]) -> None:
        self._time_scale = time_scale
        self._dice = dice
        self._sessions = sessions
        self._started: dict[str, float | None] = {}  # by job id; None once it is cancelled

    async def start(self, request: web.Request) -> web.Response:
        body = await json_body(request) if request.can_read_body else {}
        if body is None:
            return invalid("Invalid JSON request body")
        limit = body.get("limit", 0)
        moments = [moment(body[name]) for name in ("from", "to") if body.get(name) is not None]
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0 or None in moments:
            return invalid("from and to must be dates, limit a whole number")
        job = fresh_id(self._dice).replace("-", "")
        self._started[job] = time.monotonic()
        return web.json_response({"jobId": job}, status=202)

    def _job(self, request: web.Request) -> tuple[str, str] | None:
        """The job that the path names, and its status: three seconds of work on the sandbox's clock."""
        job = request.match_info["job"]
        if job not in self._started:
            return None
        started = self._started[job]
        if started is None:
            return job, "cancelled"
        age = (time.monotonic() - started) * self._time_scale
        finished = "succeeded" if self._ended() else "empty"
        return job, "queued" if age < 1 else "running" if age < 3 else finished

    async def show(self, request: web.Request) -> web.Response:
        found = self._job(request)
        if found is None:
            return invalid_job()
        job, status = found
        answer: Json = {"status": status}
        if status == "succeeded":
            root = request.path.rpartition("/exports/")[0]
            answer["data"] = [f"{request.url.origin()}{root}/download/{job}"]
            answer["expires"] = stamp(datetime.now(UTC) + timedelta(days=30))
        return web.json_response(answer)

    async def cancel(self, request: web.Request) -> web.Response:
        found = self._job(request)
        if found is None:
            return invalid_job()
        self._started[found[0]] = None
        return web.Response(status=204)

    async def download(self, request: web.Request) -> web.Response:
        found = self._job(request)
        if found is None or found[1] != "succeeded":
            return failure(404, "File not found")
        text = io.StringIO()
        rows = csv.DictWriter(text, _COLUMNS, restval="")
        rows.writeheader()
        for session in self._ended():
            rows.writerows(_log_rows(session))
        return web.Response(text=text.getvalue(), content_type="text/csv")

    def _ended(self) -> list[PlayedSession]:
        return [session for session in self._sessions if session.status is not None and session.legs]


def _log_rows(session: PlayedSession) -> list[dict[str, object]]:
    """One row for each leg of the call, as in an exported log."""
    return [
        {
            "SessionId": session.session_id,
            "CallId": leg.call_id,
            "AccountId": "sandbox",
            "SubAccountId": SUBACCOUNT,
            "Direction": "OUTBOUND",
            "SourceEndpoint": leg.source,
            "DestinationEndpoint": leg.destination,
            "InitiatedAt": stamp(leg.initiated),
            "ConnectedAt": "" if leg.connected is None else stamp(leg.connected),
            "DisconnectedAt": "" if leg.disconnected is None else stamp(leg.disconnected),
            "DurationInSec": leg.duration(),
            "Product": "Voice",
            "BillingUnit": "minute",
            "BillingIncrement": "60+60",
            "BillableDurationInSec": -(-leg.duration() // 60) * 60,
            "UnitPrice": 0.05,
            "UnitPriceCurrency": "USD",
            "TotalPriceOfCall": round(-(-leg.duration() // 60) * 0.05, 2),
            "CallType": "PSTN",
            "SipStatus": leg.sip_code,
            "SessionStatus": session.status,
            "CallStatus": leg.status,
            "MOS": leg.quality.get("mos", ""),
        }
        for leg in session.legs
    ]
