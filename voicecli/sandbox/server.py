"""The sandbox's HTTP side: all 14 operations of the Voice API, as strict as they are documented."""

import math
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from random import getrandbits
from urllib.parse import urlsplit

from aiohttp import web

from voicecli import urls
from voicecli.json_values import text
from voicecli.sandbox.account import API_KEY, SUBACCOUNT
from voicecli.sandbox.chaos import Chaos
from voicecli.sandbox.delivery import Target, WebhookDelivery
from voicecli.sandbox.log_exports import LogExports
from voicecli.sandbox.numbers import Behaviour, HttpFault, behaviour_of
from voicecli.sandbox.payloads import Json
from voicecli.sandbox.reading import READINGS, Reading
from voicecli.sandbox.resources import Resources
from voicecli.sandbox.responses import (
    faulty_response,
    invalid,
    json_body,
    ok,
    rate_limited,
    refusal,
    silent_logger,
)
from voicecli.sandbox.seeded_random import SeededRandom
from voicecli.sandbox.session import PlayedSession, unknown_voice
from voicecli.voice_api import callflow, callflow_rules
from voicecli.voice_api.callflow_rules import Problem
from voicecli.voice_api.webhook_events import WEBHOOK_TYPES

MAX_BODY = 1 << 17  # bytes
KEPT_SESSIONS = 2_000  # for recordings and log exports
NUMBERS_RETRY_AFTER: float = 1  # seconds, of the numbers that are answered 429
# The statusCodes whose HTTP status 8x8 shows are 400 for -1007 and 422 for -1013; the others follow suit:
# what can't be read is 400, what can be read and not be done is 422.
_UNREADABLE = (-1001, -1007, -1009)
DESTINATION = web.RequestKey("destination", str)  # of a callflow, for the log
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Arrival = tuple[str, str]  # destination and clientRequestId, as far as they are texts


class Sandbox:
    """A local 8x8. ``start`` it in a running event loop; everything stays in memory.

    ``time_scale`` 60 makes a minute a second, ``seed`` repeats a run's chances, ``chaos`` delivers webhooks
    twice, late, out of order and in all forms, ``reading`` is how 8x8's documents are read where they leave
    it open (by default as far as they agree, in chaos one that the seed chooses),
    ``rate`` is how many requests a second are not answered 429. ``request_ids`` says whether summaries have
    a clientRequestId (by default all of them, in chaos some where no answer is lost). With ``one_say`` a
    callflow request with more than one say, or playFile, is refused with -1010, and with ``delete_first`` a
    webhook is not set where one is, and VNU's can't be deleted. ``count`` is for tests that want to know of
    every single callflow request, however many there are.
    """

    def __init__(
        self,
        *,
        time_scale: float = 1.0,
        seed: int | None = None,
        chaos: bool = False,
        reading: Reading | None = None,
        request_ids: bool | None = None,
        one_say: bool = False,
        delete_first: bool = False,
        rate: float | None = None,
        count: bool = False,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.url = ""
        self.requested: deque[Json] = deque(maxlen=KEPT_SESSIONS)  # bodies of the callflow requests
        self.sessions: deque[PlayedSession] = deque(maxlen=KEPT_SESSIONS)
        self.arrivals: Counter[Arrival] = Counter()
        """With ``count``: the callflow requests that could be read, whatever became of them, also of their
        answers; those over ``rate`` are not among them, because they are not read."""
        self.refusals: Counter[Arrival] = Counter()
        """With ``count``: those of the arrivals whose answer says that there is no call."""
        self._count = count
        self._seed = getrandbits(32) if seed is None else seed
        self._random = SeededRandom(f"{self._seed}")
        self.reading = reading or (self._random.choice(READINGS) if chaos else Reading())
        self._chaos = Chaos(self._random, chaos)
        self._request_ids = request_ids
        self._one_say = one_say
        self._log = log
        self._delivery = WebhookDelivery(time_scale=time_scale, log=log)
        self._bucket = _TokenBucket(rate)
        self._ordinal = 0
        self._refused_before: dict[str, int] = {}  # for numbers that answer 429 a few times
        self._delete_first = delete_first
        self._resources = Resources(self.sessions)
        self._exports = LogExports(time_scale, self._random, self.sessions)
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve, and return the base URL. Port 0 lets the system choose. Raises OSError for a busy port."""
        self._runner = web.AppRunner(
            self._application(),
            access_log=None,
            logger=silent_logger(),
            handler_cancellation=True,
            shutdown_timeout=0.1,
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port, backlog=1024).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        await self._delivery.close()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_BODY, middlewares=[self._handle])
        root = "/api/v1/subaccounts/{subaccount}"
        push, exports = f"{root}/recording-push-config", f"{root}/messages/exports"
        application.add_routes(
            [
                web.post(f"{root}/callflows", self._send_callflow),
                web.get(f"{root}/speech-profiles", self._resources.speech_profiles),
                web.get(f"{root}/webhooks", self._webhooks),
                web.post(f"{root}/webhooks", self._set_webhook),
                web.delete(root + "/webhooks/{type}", self._delete_webhook),
                web.get(push, self._resources.push_config),
                web.post(push, self._resources.set_push_config),
                web.delete(push, self._resources.delete_push_config),
                web.get(root + "/recordings/{session}", self._resources.recordings),
                web.get(f"{root}/numbers", self._resources.numbers),
                web.get(root + "/numbers/{number}", self._resources.check_number),
                web.post(exports, self._exports.start),
                web.get(exports + "/{job}", self._exports.show),
                web.delete(exports + "/{job}", self._exports.cancel),
                web.get(root + r"/messages/download/{job}/{part:[1-9]\d{0,5}}", self._exports.download),
            ]
        )
        return application

    @web.middleware
    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What holds for every operation: authentication, subaccount, rate, and a line in the log."""
        try:
            response = self._access_refusal(request) or await handler(request)
        except web.HTTPException as error:
            response = refusal(error.status, error.reason)
        except (web.RequestPayloadError, ValueError) as error:
            response = refusal(400, f"Bad request: {type(error).__name__}")
        except Exception as error:  # noqa: BLE001 - written to the log, and answered as 8x8 would
            self._log(f"a fault of the sandbox: {error!r}")
            response = refusal(500, "Internal server error")
        if isinstance(response, web.Response) and response.status >= 400 and self._chaos.happens(0.5):
            response.text = (response.text or "").replace('"NOT_CREATED"', '"NOT CREATED"')
        what = f"{request.method} {request.path.rpartition('/')[2]} {response.status}"
        self._log(f"{what} {request.get(DESTINATION, '')}".rstrip())
        return response

    def _access_refusal(self, request: web.Request) -> web.Response | None:
        if urls.is_from_web_page(request.headers) or not urls.is_own_host(request.headers.get("Host"), ()):
            return refusal(403, "The sandbox is for this machine, and for no web page")
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return refusal(401, "Authentication header not found or token invalid")
        subaccount = request.match_info.get("subaccount")
        if subaccount != SUBACCOUNT and subaccount is not None:
            return refusal(404, f"SubAccount not found by Id : {subaccount}")
        if (wait := self._bucket.wait()) > 0:
            return rate_limited(math.ceil(wait))
        return None

    # -- callflows -----------------------------------------------------------------------------------

    async def _send_callflow(self, request: web.Request) -> web.StreamResponse:
        body = await json_body(request)
        if body is None:
            return refusal(400, "Invalid JSON request body", -1001)
        destination = next(iter(callflow.destinations(_actions(body))), "")
        request[DESTINATION] = destination
        behaviour = behaviour_of(destination)
        refused = self._refusal(body, destination, behaviour)
        if self._count:
            arrival = (destination, text(body.get("clientRequestId")) or "")
            self.arrivals[arrival] += 1
            self.refusals[arrival] += refused is not None or behaviour.fault is HttpFault.SERVER_ERROR
        if refused is not None:
            return refused
        self.requested.append(body)
        created = self._create(body) if behaviour.placed else {}
        if behaviour.fault is not None:
            return await faulty_response(request, behaviour.fault, created)
        return web.json_response(created)

    def _refusal(self, body: Json, destination: str, behaviour: Behaviour) -> web.Response | None:
        problem = self._problem(body, behaviour)
        if problem is not None:
            status = 400 if problem.status_code in _UNREADABLE else 422
            return refusal(status, problem.message, problem.status_code)
        if self._refused_before.get(destination, 0) < behaviour.rate_limited:
            self._refused_before[destination] = self._refused_before.get(destination, 0) + 1
            return rate_limited(NUMBERS_RETRY_AFTER)
        return None

    def _problem(self, body: Mapping[str, object], behaviour: Behaviour) -> Problem | None:
        actions = body.get("callflow")
        for problem in callflow_rules.problems(actions):
            start = "Invalid Callflow : " if problem.status_code == -1013 else ""
            return Problem(problem.status_code, start + problem.message)
        kinds = [action["action"] for action in _actions(body)]
        for kind in ("say", "playFile") if self._one_say else ():
            if kinds.count(kind) > 1:
                return Problem(-1010, f"Some actions are provided beyond the allowed count: {kind}")
        if "executeScenario" in kinds:
            return Problem(-1020, "invalid scenarioName")
        if voice := unknown_voice(actions):
            return Problem(-1002, f"Speech profile or language parameter invalid: {voice}")
        if "sayAndCapture" in kinds and not self._delivery.has("VCA"):
            return Problem(-1004, "DTMF callback url not provided")
        for name in ("clientRequestId", "clientActionId"):
            if not isinstance(body.get(name), str | None):
                return Problem(-1009, f"$.{name}: must be a text")
        if (until := body.get("validUntil")) is not None:
            moment = callflow_rules.parse_valid_until(until)
            if moment is None:
                return Problem(-1009, "$.validUntil: must be YYYY-MM-DDTHH:MM:SS.SSSZ")
            if moment <= datetime.now(UTC):
                return Problem(-1015, "Validity period has expired")
        if behaviour.refusal is not None:
            return Problem(behaviour.refusal, "Source or caller ID is not allowed")
        return None

    def _create(self, body: Json) -> Json:
        """Make a session and set it going; the answer that 8x8 gives for it."""
        self._ordinal += 1
        random = SeededRandom(f"{self._seed}/{self._ordinal}")
        session = PlayedSession(
            body,
            random=random,
            chaos=Chaos(random, self._chaos.enabled),
            delivery=self._delivery,
            reading=self.reading,
            has_request_id=self._request_ids,
        )
        self.sessions.append(session)
        self._delivery.spawn(self._play(session))
        created: Json = {
            "sessionId": session.session_id,
            "sessionStatus": "CREATED",
            "callFlowRequestId": session.request_id,
        }
        if body.get("validUntil") is not None:
            created["validUntil"] = body["validUntil"]
        return {**created, "statusCode": 1, "statusMessage": "Created"}

    async def _play(self, session: PlayedSession) -> None:
        try:
            await session.play()
        except Exception:
            session.fail()
            raise  # into the log
        finally:
            self._log(f"session {session.session_id[:8]} {session.destination} {session.describe_end()}")

    # -- webhooks ------------------------------------------------------------------------------------

    async def _webhooks(self, _request: web.Request) -> web.Response:
        shown = [target.public() for target in self._delivery.targets.values()]
        return ok({"subAccountId": SUBACCOUNT, "count": len(shown), "webhooks": shown})

    async def _set_webhook(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        if body is None:
            return invalid("Invalid JSON request body")
        kind, url, authorization = body.get("type"), body.get("url"), body.get("httpAuthHeader")
        enabled = body.get("enabled", body.get("active"))
        if kind not in WEBHOOK_TYPES:
            return invalid(f"type should be one of: {', '.join(WEBHOOK_TYPES)}")
        if not isinstance(url, str) or not _is_web_address(url):
            return invalid("url is missing or not an http or https URL")
        if not isinstance(enabled, bool | None) or not isinstance(authorization, str | None):
            return invalid("enabled must be true or false, httpAuthHeader a text")
        if authorization is not None and not authorization.isprintable():
            return invalid("httpAuthHeader has characters that no header can have")
        if self._delete_first and kind in self._delivery.targets:
            return invalid(f"A webhook of type {kind} is set already")
        self._delivery.targets[kind] = Target(kind, url, enabled is not False, authorization)
        return await self._webhooks(request)

    async def _delete_webhook(self, request: web.Request) -> web.Response:
        kind = request.match_info["type"]
        if self._delete_first and kind == "VNU":  # it is none of the types of DELETE in 8x8's OpenAPI file
            return refusal(404, "Resource not found")
        target = self._delivery.targets.pop(kind, None)
        if target is None:
            return refusal(404, "Webhook not found")
        return web.json_response(
            {"subAccountId": SUBACCOUNT, **target.public(), "statusCode": 0, "statusMessage": "deleted"}
        )


class _TokenBucket:
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


def _actions(body: Mapping[str, object]) -> list[Mapping[str, object]]:
    actions = body.get("callflow")
    return actions if isinstance(actions, list) else []


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
