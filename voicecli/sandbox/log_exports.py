"""Log exports: a job that takes a while, and then CSV files with one row for each leg of a call."""

import csv
import io
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from voicecli.json_values import whole_number
from voicecli.sandbox.account import SUBACCOUNT
from voicecli.sandbox.payloads import Json, fresh_id, timestamp
from voicecli.sandbox.responses import invalid, invalid_job, json_body, refusal
from voicecli.sandbox.seeded_random import SeededRandom
from voicecli.sandbox.session import PlayedSession

PART = 1_000  # rows of a file
_COLUMNS = (
    "SessionId CallId AccountId SubAccountId Direction SourceCountryCode SourceCountry "
    "SourceOperator SourceMCC SourceMNC SourceEndpoint DestinationCountryCode DestinationCountry "
    "DestinationOperator DestinationMCC DestinationMNC DestinationEndpoint InitiatedAt ConnectedAt "
    "DisconnectedAt DurationInSec Product BillingUnit BillingIncrement BillableDurationInSec "
    "UnitPrice UnitPriceCurrency TotalPriceOfCall CallType SipStatus SessionStatus CallStatus "
    "TTSLength MOS Content"
).split()


@dataclass(slots=True)
class _Job:
    """One export: which calls it is about, and when it was started."""

    started: float
    since: datetime
    until: datetime
    limit: int  # rows; 0 means all
    cancelled: bool = False
    rows: Sequence[Mapping[str, object]] | None = None  # when it is done


class LogExports:
    """The export jobs; each is a second in the queue and two at work, on the sandbox's clock."""

    def __init__(self, time_scale: float, random: SeededRandom, sessions: Iterable[PlayedSession]) -> None:
        self._time_scale = time_scale
        self._random = random
        self._sessions = sessions
        self._jobs: dict[str, _Job] = {}

    async def start(self, request: web.Request) -> web.Response:
        body = await json_body(request) if request.can_read_body else {}
        if body is None:
            return invalid("Invalid JSON request body")
        now = datetime.now(UTC)
        since = _moment(body.get("from"), now - timedelta(days=7))
        until = _moment(body.get("to"), now + timedelta(days=1))
        limit = 0 if body.get("limit") is None else whole_number(body["limit"])
        if since is None or until is None or since >= until:
            return invalid("from and to must be dates, the first before the second")
        if limit is None or limit < 0:
            return invalid("limit must be a whole number")
        job_id = fresh_id(self._random).replace("-", "")
        self._jobs[job_id] = _Job(time.monotonic(), since, until, limit)
        return web.json_response({"jobId": job_id}, status=202)

    async def show(self, request: web.Request) -> web.Response:
        job = self._jobs.get(job_id := request.match_info["job"])
        if job is None:
            return invalid_job()
        answer: Json = {"status": self._status(job)}
        if answer["status"] == "succeeded":
            root = request.path.rpartition("/exports/")[0]
            parts = range(1, 1 + math.ceil(len(job.rows or ()) / PART))
            answer["data"] = [f"http://{request.host}{root}/download/{job_id}/{part}" for part in parts]
            answer["expires"] = timestamp(datetime.now(UTC) + timedelta(days=30))
        return web.json_response(answer)

    async def cancel(self, request: web.Request) -> web.Response:
        job = self._jobs.get(request.match_info["job"])
        if job is None:
            return invalid_job()
        job.cancelled = True
        return web.Response(status=204)

    async def download(self, request: web.Request) -> web.Response:
        job = self._jobs.get(request.match_info["job"])
        first = PART * (int(request.match_info["part"]) - 1)
        if job is None or self._status(job) != "succeeded" or not (rows := (job.rows or ())[first:][:PART]):
            return refusal(404, "File not found")
        text = io.StringIO()
        table = csv.DictWriter(text, _COLUMNS, restval="")
        table.writeheader()
        table.writerows(rows)
        return web.Response(text=text.getvalue(), content_type="text/csv")

    def _status(self, job: _Job) -> str:
        age = (time.monotonic() - job.started) * self._time_scale
        if job.cancelled or age < 3:
            return "cancelled" if job.cancelled else "queued" if age < 1 else "running"
        if job.rows is None:
            job.rows = self._rows(job)
        return "succeeded" if job.rows else "empty"

    def _rows(self, job: _Job) -> list[dict[str, object]]:
        """One row for each leg of the calls that are over and began in the job's time."""
        rows = [
            row
            for session in self._sessions
            if session.status is not None and session.legs
            if job.since <= session.legs[0].initiated < job.until
            for row in _log_rows(session)
        ]
        return rows[: job.limit or None]


def _moment(value: object, default: datetime) -> datetime | None:
    """A date, or a date and time, which is UTC where it names no zone; None for anything else."""
    if value is None:
        return default
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _log_rows(session: PlayedSession) -> list[dict[str, object]]:
    return [
        {
            "SessionId": session.session_id,
            "CallId": leg.call_id,
            "AccountId": "sandbox",
            "SubAccountId": SUBACCOUNT,
            "Direction": "OUTBOUND",
            "SourceEndpoint": leg.source,
            "DestinationEndpoint": leg.destination,
            "InitiatedAt": timestamp(leg.initiated),
            "ConnectedAt": "" if leg.connected is None else timestamp(leg.connected),
            "DisconnectedAt": "" if leg.disconnected is None else timestamp(leg.disconnected),
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
