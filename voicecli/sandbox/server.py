"""The sandbox's HTTP side: all 14 operations of the Voice API, as strict as they are documented."""

import asyncio
import csv
import io
import json
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random

from aiohttp import web

from voicecli import callflow
from voicecli.api import WEBHOOK_TYPES
from voicecli.callflow import Problem
from voicecli.sandbox.delivery import Courier, Target
from voicecli.sandbox.numbers import Fate, Fault, fate
from voicecli.sandbox.payloads import Json, fresh_id
from voicecli.sandbox.session import PlayedSession, unknown_voice

PORT = 5680
API_KEY = "voicecli-sandbox-key"
SUBACCOUNT = "voicecli_sandbox"
SOURCE = "+33199000000"
MAX_BODY = 1 << 20
KEPT_SESSIONS = 10_000  # for recordings and log exports
SILENCE = 600.0  # real seconds that an answer which never comes is waited for

_VOICES = (
    ("en-US-BenjaminRUS", "en-US", "English US", "M"),
    ("en-US-ZiraRUS", "en-US", "English US", "F"),
    ("en-US-Neural2-C", "en-US", "English US", "F"),
    ("en-US-Standard-A", "en-US", "English US", "F"),
    ("en-GB-Emma", "en-GB", "English UK", "F"),
    ("en-GB-Brian", "en-GB", "English UK", "M"),
    ("fr-FR-Celine", "fr-FR", "French", "F"),
    ("id-ID-Gadis", "id-ID", "Indonesian", "F"),
    ("da-DK-Naja", "da-DK", "Danish", "F"),
)
VOICES = frozenset(code for code, *_ in _VOICES)
# The statusCodes whose HTTP status 8x8 shows are 400 for -1007 and 422 for -1013; the others follow suit:
# what can't be read is 400, what can be read and not be done is 422.
_UNREADABLE = (-1001, -1007, -1009)
_LOG_COLUMNS = (
    "SessionId CallId AccountId SubAccountId Direction SourceCountryCode SourceCountry SourceOperator SourceMCC "
    "SourceMNC SourceEndpoint DestinationCountryCode DestinationCountry DestinationOperator DestinationMCC "
    "DestinationMNC DestinationEndpoint InitiatedAt ConnectedAt DisconnectedAt DurationInSec Product BillingUnit "
    "BillingIncrement BillableDurationInSec UnitPrice UnitPriceCurrency TotalPriceOfCall CallType SipStatus "
    "SessionStatus CallStatus TTSLength MOS Content"
).split()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Sandbox:
    """A local 8x8. ``start`` it in a running event loop; everything stays in memory.

    ``time_scale`` 60 makes a minute a second, ``seed`` repeats a run's chances, ``chaos`` delivers webhooks
    twice, late and out of order, ``rate`` is how many requests a second are not answered 429.
    """

    def __init__(
        self,
        *,
        time_scale: float = 1.0,
        seed: int | None = None,
        chaos: bool = False,
        rate: float | None = None,
        log: Callable[[str], None] = lambda line: None,  # noqa: ARG005
    ) -> None:
        self.url = ""
        self.requested: deque[Json] = deque(maxlen=KEPT_SESSIONS)  # bodies of the callflow requests
        self.sessions: deque[PlayedSession] = deque(maxlen=KEPT_SESSIONS)
        self._time_scale = time_scale
        self._seed = Random().getrandbits(32) if seed is None else seed
        self._dice = Random(self._seed)
        self._chaos = chaos
        self._log = log
        self._courier = Courier(time_scale=time_scale, log=log)
        self._bucket = _Bucket(rate)
        self._ordinal = 0
        self._refused_before: dict[str, int] = {}  # for numbers that answer 429 a few times
        self._push_config: Json | None = None
        self._exports: dict[str, tuple[float, bool]] = {}  # job id: when it started, whether cancelled
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve, and return the base URL. Port 0 lets the system choose. Raises OSError for a busy port."""
        self._runner = web.AppRunner(
            self._application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=1024)
        await site.start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        await self._courier.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_BODY, middlewares=[self._gate])
        root = "/api/v1/subaccounts/{subaccount}"
        push, exports = f"{root}/recording-push-config", f"{root}/messages/exports"
        application.add_routes(
            [
                web.post(f"{root}/callflows", self._send_callflow),
                web.get(f"{root}/speech-profiles", self._speech_profiles),
                web.get(f"{root}/webhooks", self._webhooks),
                web.post(f"{root}/webhooks", self._set_webhook),
                web.delete(root + "/webhooks/{type}", self._delete_webhook),
                web.get(push, self._push_config_shown),
                web.post(push, self._set_push_config),
                web.delete(push, self._delete_push_config),
                web.get(root + "/recordings/{session}", self._recordings),
                web.get(f"{root}/numbers", self._numbers),
                web.get(root + "/numbers/{number}", self._check_number),
                web.post(exports, self._start_export),
                web.get(exports + "/{job}", self._export),
                web.delete(exports + "/{job}", self._cancel_export),
                web.get(root + "/messages/download/{job}", self._download),
            ]
        )
        return application

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What holds for every operation: authentication, subaccount, rate, and a line in the log."""
        try:
            response = self._turned_away(request) or await handler(request)
        except web.HTTPException as error:
            response = _failure(error.status, error.reason)
        self._log(f"{request.method} {request.path.rpartition('/')[2]} {response.status}")
        return response

    def _turned_away(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return _failure(401, "Authentication header not found or token invalid")
        subaccount = request.match_info.get("subaccount")
        if subaccount != SUBACCOUNT and subaccount is not None:
            return _failure(404, f"SubAccount not found by Id : {subaccount}")
        if (wait := self._bucket.wait()) > 0:
            return _too_many(max(1, round(wait)))
        return None

    # -- callflows -----------------------------------------------------------------------------------

    async def _send_callflow(self, request: web.Request) -> web.StreamResponse:
        body = await _json_body(request)
        if body is None:
            return _failure(400, "Invalid JSON request body", -1001)
        destination = next(iter(callflow.destinations(_actions(body))), "")
        theirs = fate(destination)
        problem = self._problem(body, theirs)
        if problem is not None:
            status = 400 if problem.status_code in _UNREADABLE else 422
            return _failure(status, problem.message, problem.status_code)
        if self._refused_before.get(destination, 0) < theirs.too_many:
            self._refused_before[destination] = self._refused_before.get(destination, 0) + 1
            return _too_many(1)
        self.requested.append(body)
        created = self._create(body) if theirs.placed else {}
        if theirs.fault is not None:
            return await _fault(request, theirs.fault, created)
        return web.json_response(created)

    def _problem(self, body: Mapping[str, object], theirs: Fate) -> Problem | None:
        actions = body.get("callflow")
        for problem in callflow.problems(actions):
            start = "Invalid Callflow : " if problem.status_code == -1013 else ""
            return Problem(problem.status_code, start + problem.message)
        kinds = [action["action"] for action in _actions(body)]
        if "executeScenario" in kinds:
            return Problem(-1020, "invalid scenarioName")
        if voice := unknown_voice(actions, VOICES):
            return Problem(-1002, f"Speech profile or language parameter invalid: {voice}")
        if "sayAndCapture" in kinds and "VCA" not in self._courier.targets:
            return Problem(-1004, "DTMF callback url not provided")
        if (until := body.get("validUntil")) is not None:
            moment = _moment(until)
            if moment is None:
                return Problem(-1009, "$.validUntil: must be a date and time")
            if moment <= datetime.now(UTC):
                return Problem(-1015, "Validity period has expired")
        if theirs.refusal is not None:
            return Problem(theirs.refusal, "Source or caller ID is not allowed")
        return None

    def _create(self, body: Json) -> Json:
        """Make a session and set it going; the answer that 8x8 gives for it."""
        self._ordinal += 1
        dice = Random(f"{self._seed}/{self._ordinal}")
        session_id, request_id = fresh_id(dice), fresh_id(dice)
        session = PlayedSession(
            session_id=session_id,
            subaccount_id=SUBACCOUNT,
            request_id=request_id,
            body=body,
            start=datetime.now(UTC),
            dice=dice,
            chaos=self._chaos,
            time_scale=self._time_scale,
            courier=self._courier,
            voices=VOICES,
        )
        self.sessions.append(session)
        self._courier.spawn(self._play(session))
        created: Json = {"sessionId": session_id, "sessionStatus": "CREATED", "callFlowRequestId": request_id}
        if body.get("validUntil") is not None:
            created["validUntil"] = body["validUntil"]
        return {**created, "statusCode": 1, "statusMessage": "Created"}

    async def _play(self, session: PlayedSession) -> None:
        await session.play()
        self._log(f"session {session.session_id} {session.status}")

    # -- everything else -----------------------------------------------------------------------------

    async def _speech_profiles(self, _request: web.Request) -> web.Response:
        names = ("speechProfileCode", "localeCode", "localeDescription", "gender")
        return _ok({"speechProfiles": [dict(zip(names, voice, strict=True)) for voice in _VOICES]})

    async def _webhooks(self, _request: web.Request) -> web.Response:
        shown = [target.public() for target in self._courier.targets.values()]
        return _ok({"subAccountId": SUBACCOUNT, "count": len(shown), "webhooks": shown})

    async def _set_webhook(self, request: web.Request) -> web.Response:
        body = await _json_body(request)
        if body is None:
            return _invalid("Invalid JSON request body")
        kind, url, authorization = body.get("type"), body.get("url"), body.get("httpAuthHeader")
        enabled = body.get("enabled", body.get("active"))
        if kind not in WEBHOOK_TYPES:
            return _invalid(f"type should be one of: {', '.join(WEBHOOK_TYPES)}")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            return _invalid("url is missing or not an http or https URL")
        if not isinstance(enabled, bool | None) or not isinstance(authorization, str | None):
            return _invalid("enabled must be true or false, httpAuthHeader a text")
        if authorization is not None and not authorization.isprintable():
            return _invalid("httpAuthHeader has characters that no header can have")
        self._courier.targets[kind] = Target(kind, url, enabled is not False, authorization)
        return await self._webhooks(request)

    async def _delete_webhook(self, request: web.Request) -> web.Response:
        target = self._courier.targets.pop(request.match_info["type"], None)
        if target is None:
            return _failure(404, "Webhook not found")
        return web.json_response(
            {"subAccountId": SUBACCOUNT, **target.public(), "statusCode": 0, "statusMessage": "deleted"}
        )

    async def _push_config_shown(self, _request: web.Request) -> web.Response:
        return (
            _failure(404, "Recording push config not found")
            if self._push_config is None
            else _ok(self._push_config)
        )

    async def _set_push_config(self, request: web.Request) -> web.Response:
        body = await _json_body(request)
        if body is None:
            return _invalid("Invalid JSON request body")
        if body.get("protocol") not in ("S3", "SFTP"):
            return _invalid("protocol should be one of: S3, SFTP")
        port = body.get("port")
        if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
            return _invalid("port must be from 1 to 65535")
        texts = {name: body.get(name) for name in ("host", "username", "password", "path")}
        if missing := [name for name, text in texts.items() if not isinstance(text, str) or not text]:
            return _invalid(f"{missing[0]} is missing")
        del texts["password"]
        self._push_config = {
            "subAccountId": SUBACCOUNT,
            "protocol": body["protocol"],
            "port": port,
            **texts,
            "passwordSet": True,
        }
        return _ok(self._push_config)

    async def _delete_push_config(self, _request: web.Request) -> web.Response:
        config, self._push_config = self._push_config, None
        return (
            _failure(404, "Recording push config not found")
            if config is None
            else _ok({"delete": True, **config})
        )

    async def _recordings(self, request: web.Request) -> web.Response:
        wanted = request.match_info["session"]
        for session in self.sessions:
            if session.session_id == wanted:
                return _ok({"recordings": session.recordings})
        return _failure(404, "Session not found")

    async def _numbers(self, request: web.Request) -> web.Response:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        number = {
            "msisdn": SOURCE,
            "dateCreated": now,
            "dateUpdated": now,
            "countryCode": "FR",
            "operationalStatus": "Active",
            "referenceId": "SANDBOX-SOURCE",
            "rentalPrice": 5.0,
            "incomingRate": 0.05,
            "billingUnit": 60,
            "uri": f"{request.path}/{SOURCE.lstrip('+')}",
            "numberHealthCheckEnabled": True,
            "billingCurrency": "USD",
            "numberType": "GEOGRAPHIC",
            "numberHealth": {"isHealthy": True, "status": "Healthy", "lastCheckedTime": now},
        }
        return _ok({"totalNumbers": 1, "lastUpdatedAt": now, "numbers": [number]})

    async def _check_number(self, request: web.Request) -> web.Response:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        if request.match_info["number"].lstrip("+") != SOURCE.lstrip("+"):
            status = {"statusCode": 404, "statusMessage": "Number not found", "timestamp": now}
            return web.json_response(status, status=404)
        number = {"referenceId": "SANDBOX-SOURCE", "msisdn": SOURCE, "countryCode": "FR"}
        return _ok({"timestamp": now, "payload": number})

    async def _start_export(self, request: web.Request) -> web.Response:
        body = await _json_body(request) if request.can_read_body else {}
        if body is None:
            return _invalid("Invalid JSON request body")
        limit = body.get("limit", 0)
        moments = [_moment(body[name]) for name in ("from", "to") if body.get(name) is not None]
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0 or None in moments:
            return _invalid("from and to must be dates, limit a whole number")
        job = fresh_id(self._dice).replace("-", "")
        self._exports[job] = (time.monotonic(), False)
        return web.json_response({"jobId": job}, status=202)

    def _job(self, request: web.Request) -> tuple[str, str] | None:
        """The job that the path names, and its status: three seconds of work on the sandbox's clock."""
        job = request.match_info["job"]
        if job not in self._exports:
            return None
        started, cancelled = self._exports[job]
        age = (time.monotonic() - started) * self._time_scale
        finished = "succeeded" if self._ended_sessions() else "empty"
        status = "queued" if age < 1 else "running" if age < 3 else finished
        return job, "cancelled" if cancelled else status

    async def _export(self, request: web.Request) -> web.Response:
        found = self._job(request)
        if found is None:
            return _invalid_job()
        job, status = found
        answer: Json = {"status": status}
        if status == "succeeded":
            root = request.path.rpartition("/exports/")[0]
            answer["data"] = [f"{self.url}{root}/download/{job}"]
            answer["expires"] = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"
        return web.json_response(answer)

    async def _cancel_export(self, request: web.Request) -> web.Response:
        found = self._job(request)
        if found is None:
            return _invalid_job()
        self._exports[found[0]] = (0.0, True)
        return web.Response(status=204)

    async def _download(self, request: web.Request) -> web.Response:
        found = self._job(request)
        if found is None or found[1] != "succeeded":
            return _failure(404, "File not found")
        text = io.StringIO()
        rows = csv.DictWriter(text, _LOG_COLUMNS, restval="")
        rows.writeheader()
        for session in self._ended_sessions():
            rows.writerows(_log_rows(session))
        return web.Response(text=text.getvalue(), content_type="text/csv")

    def _ended_sessions(self) -> list[PlayedSession]:
        return [session for session in self.sessions if session.status is not None and session.legs]


def environment(url: str) -> dict[str, str]:
    """The variables that point voicecli at a sandbox."""
    return {
        "EIGHT_X_EIGHT_BASE_URL": url,
        "EIGHT_X_EIGHT_API_KEY": API_KEY,
        "EIGHT_X_EIGHT_SUBACCOUNT_ID": SUBACCOUNT,
        "OUTBOUND_PHONE_NUMBER": SOURCE,
    }


class _Bucket:
    """A token bucket: ``rate`` requests a second, in bursts of as many."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._tokens = max(1.0, rate or 0.0)
        self._filled = time.monotonic()

    def wait(self) -> float:
        """Take a token; the seconds until there is one, 0 where there was."""
        if self._rate is None:
            return 0.0
        now = time.monotonic()
        self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0


async def _json_body(request: web.Request) -> Json | None:
    try:
        document = json.loads(await request.read())
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _actions(body: Mapping[str, object]) -> list[Mapping[str, object]]:
    actions = body.get("callflow")
    return actions if isinstance(actions, list) else []


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _ok(content: Mapping[str, object]) -> web.Response:
    return web.json_response({**content, "statusCode": 0, "statusMessage": "ok"})


def _failure(status: int, message: str, code: int | None = None) -> web.Response:
    """A refusal in the shape of the callflow operation, which 401 and 404 have everywhere."""
    refusal = {
        "sessionStatus": "NOT_CREATED",
        "callFlowRequestId": str(uuid.uuid4()),
        "statusCode": status if code is None else code,
        "statusMessage": message,
    }
    return web.json_response(refusal, status=status)


def _invalid(message: str) -> web.Response:
    refusal = {
        "errorId": str(uuid.uuid4()),
        "statusCode": "1001",
        "statusMessage": message,
        "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    return web.json_response(refusal, status=422)


def _invalid_job() -> web.Response:
    refusal = {
        "code": 4018,
        "message": "Invalid jobId",
        "errorId": str(uuid.uuid4()),
        "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    return web.json_response(refusal, status=404)


def _too_many(seconds: int) -> web.Response:
    response = _failure(429, "Too many requests")
    response.headers["Retry-After"] = str(seconds)
    return response


async def _fault(request: web.Request, fault: Fault, created: Json) -> web.StreamResponse:
    match fault:
        case Fault.SERVER_ERROR:
            return _failure(500, "Internal server error")
        case Fault.HTML_PAGE:
            page = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
            return web.Response(status=502, text=page, content_type="text/html")
        case Fault.SILENCE:
            await asyncio.sleep(SILENCE)
            return web.Response(status=504)
        case Fault.CUT:
            whole = json.dumps(created or {"sessionId": str(uuid.uuid4())}).encode()
            response = web.StreamResponse(headers={"Content-Length": str(len(whole))})
            response.content_type = "application/json"
            await response.prepare(request)
            await response.write(whole[: len(whole) // 2])
            if request.transport is not None:
                request.transport.close()
            return response


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
            "InitiatedAt": f"{leg.initiated:%Y-%m-%dT%H:%M:%SZ}",
            "ConnectedAt": "" if leg.connected is None else f"{leg.connected:%Y-%m-%dT%H:%M:%SZ}",
            "DisconnectedAt": "" if leg.disconnected is None else f"{leg.disconnected:%Y-%m-%dT%H:%M:%SZ}",
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
