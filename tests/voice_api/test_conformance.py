"""What the client sends and what the sandbox answers, held against the vendor's own OpenAPI file.

The file is read where it lies, outside the project, and without it these tests are skipped. It is read
strictly: a field that it does not name is refused, in requests and in answers. Where it contradicts itself,
or the facts that are gathered beside it, ``CONTRADICTIONS`` corrects the loaded document, and nothing else
does.
"""

import asyncio
import inspect
import json
import re
import time
import typing
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from conftest import Program
from multidict import CIMultiDict
from raw_server import answering, http, server
from yarl import URL

from voicecli import account
from voicecli.account import Account
from voicecli.sandbox.account import API_KEY, SOURCE, SUBACCOUNT, environment
from voicecli.sandbox.server import Sandbox
from voicecli.voice_api import operations
from voicecli.voice_api.callflow import HANGUP, call_request, make_call
from voicecli.voice_api.messages import audio_message, voice_message
from voicecli.voice_api.operations.calls import send_callflow
from voicecli.voice_api.operations.logs import cancel_log_export, get_log_export, start_log_export
from voicecli.voice_api.operations.numbers import check_number, list_numbers
from voicecli.voice_api.operations.recordings import (
    delete_recording_push_config,
    get_recording_push_config,
    list_recordings,
    set_recording_push_config,
)
from voicecli.voice_api.operations.voices import list_speech_profiles
from voicecli.voice_api.operations.webhooks import delete_webhook, list_webhooks, set_webhook
from voicecli.voice_api.webhook_events import WEBHOOK_TYPES
from voicecli.voice_api.wire import HttpRequest, Operation

if TYPE_CHECKING:
    from openapi_core import OpenAPI

FILE = Path(__file__).resolve().parents[3] / "shared" / "8x8" / "voice_v1_api.json"
DEADLINE = 20.0  # seconds for the sandbox to get something done that takes it a few hundredths
NUMBER = "+33199001234"  # in the range that France keeps for fiction; the sandbox answers it
SECOND_NUMBER = "+33199001235"
FAILING_NUMBER = "+33199005000"  # the sandbox answers 500 when asked to call it
REFUSED_NUMBER = "+33199001014"  # and 422 for this one
NOBODYS_UUID = "00000000-0000-4000-8000-000000000000"
HOOK = "http://127.0.0.1:9/hook"  # the discard port: no webhook of these tests is for anybody

pytestmark = [
    pytest.mark.soak,  # test_wire.py has what the client sends in short
    pytest.mark.skipif(not FILE.exists(), reason=f"the vendor's OpenAPI file is not at {FILE}"),
]

Document = dict[str, Any]


# -- the document ------------------------------------------------------------------------------------

ROOT = "/api/v1/subaccounts/{subAccountId}"
EXPORTS = f"{ROOT}/messages/exports"
EXPORT = f"{EXPORTS}/{{jobId}}"


def operation(document: Document, method: str, path: str) -> Document:
    return document["paths"][path][method]


def actions(document: Document) -> dict[str, Document]:
    """The schemas of a callflow's actions, by their titles."""
    request = body_schema(document, f"{ROOT}/callflows")["anyOf"][0]
    return {action["title"]: action for action in request["properties"]["callflow"]["items"]["anyOf"]}


def action_params(document: Document, title: str) -> Document:
    return actions(document)[title]["properties"]["params"]["properties"]


def body_schema(document: Document, path: str) -> Document:
    return operation(document, "post", path)["requestBody"]["content"]["application/json"]["schema"]


def answer_schema(document: Document, method: str, path: str, status: int) -> Document:
    return operation(document, method, path)["responses"][str(status)]["content"]["application/json"][
        "schema"
    ]


def operation_ids(document: Document) -> list[str]:
    return [operation["operationId"] for path in document["paths"].values() for operation in path.values()]


# -- where the file is wrong -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A place where the file contradicts itself or the facts, its correction, and the exchanges of the
    recording that show it: each is refused by the file without the correction."""

    name: str
    reason: str
    shown_by: tuple[str, ...]
    correct: Callable[[Document], None]


def _fractional_speed(document: Document) -> None:
    for title in ("Say", "SayAndCapture"):
        action_params(document, title)["speed"] |= {"type": "number", "minimum": 0.5, "maximum": 2}


def _required_of_capture(document: Document) -> None:
    action = actions(document)["SayAndCapture"]
    action["properties"]["params"]["required"] = action.pop("required")


def _repetition_of_capture(document: Document) -> None:
    action_params(document, "SayAndCapture")["repetition"] = {"type": "integer", "minimum": 1, "maximum": 3}


def _call_recording(document: Document) -> None:
    params = actions(document)["MakeCall"]["properties"]["params"]
    params["properties"]["callRecording"] = {}  # its type is not documented
    params["maxProperties"] = 3


def _empty_params_of_hangup(document: Document) -> None:
    actions(document)["Hangup"]["properties"]["params"] = {"type": "object", "maxProperties": 0}


def _client_ids(document: Document) -> None:
    request = body_schema(document, f"{ROOT}/callflows")["anyOf"][0]
    request["properties"] |= {"clientRequestId": {"type": "string"}, "clientActionId": {"type": "string"}}


def _webhook_type_vnu(document: Document) -> None:
    delete = operation(document, "delete", f"{ROOT}/webhooks/{{webhook-type}}")
    (kind,) = (parameter for parameter in delete["parameters"] if parameter.get("name") == "webhook-type")
    kind["schema"]["enum"].append("VNU")


def _deleted_webhook(document: Document) -> None:
    answer = answer_schema(document, "delete", f"{ROOT}/webhooks/{{webhook-type}}", 200)
    del answer["properties"]["allOf"]
    listed = answer_schema(document, "get", f"{ROOT}/webhooks", 200)["properties"]
    answer["properties"] |= listed["webhooks"]["items"]["properties"] | {"subAccountId": {"type": "string"}}


def _number_in_the_path(document: Document) -> None:
    check = operation(document, "get", f"{ROOT}/numbers/{{number}}")
    (number,) = (parameter for parameter in check["parameters"] if parameter.get("name") == "number")
    number["schema"] = {"type": "string", "pattern": "^[0-9]{7,15}$"}


def _servers_of_exports(document: Document) -> None:
    for method, path in (("post", EXPORTS), ("get", EXPORT), ("delete", EXPORT)):
        del operation(document, method, path)["servers"]


def _dates_without_time(document: Document) -> None:
    for name in ("from", "to"):
        moment = body_schema(document, EXPORTS)["properties"][name]
        moment["anyOf"] = [{"format": moment.pop("format")}, {"format": "date"}]


def _invalid_job(document: Document) -> None:
    shown: Document = {
        "type": "object",
        "properties": {
            "code": {"type": "integer"},
            "message": {"type": "string"},
            "errorId": {"type": "string", "format": "uuid"},
            "timestamp": {"type": "string"},
        },
    }
    shown["required"] = list(shown["properties"])
    for method in ("get", "delete"):
        operation(document, method, EXPORT)["responses"]["404"]["content"]["application/json"]["schema"] = (
            shown
        )


def _no_content(document: Document) -> None:
    del operation(document, "delete", EXPORT)["responses"]["204"]["content"]


def _unauthorized(document: Document) -> None:
    for method, path in _operations_without(document, 401):
        operation(document, method, path)["responses"]["401"] = _refusal(document)


def _unknown_subaccount(document: Document) -> None:
    for method, path in _operations_without(document, 404):
        operation(document, method, path)["responses"]["404"] = _refusal(document)
    refused = answer_schema(document, "post", f"{ROOT}/callflows", 400)
    for method, path in (("get", EXPORT), ("delete", EXPORT), ("get", f"{ROOT}/numbers/{{number}}")):
        media = operation(document, method, path)["responses"]["404"]["content"]["application/json"]
        media["schema"] = {"anyOf": [media["schema"], refused]}


def _operations_without(document: Document, status: int) -> list[tuple[str, str]]:
    """The operations that document nothing at all for a status."""
    return [
        (method, path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if str(status) not in operation["responses"]
    ]


def _refusal(document: Document) -> Document:
    return operation(document, "post", f"{ROOT}/callflows")["responses"]["400"]


CONTRADICTIONS = (
    Contradiction(
        "speed is a fraction",
        "It is typed integer, yet described, and documented, as 0.5 to 2.",
        ("callflow: slow message", "callflow: capture in full"),
        _fractional_speed,
    ),
    Contradiction(
        "what sayAndCapture requires is among its params",
        "`required` names two params but stands one level up, on the action, where they never are.",
        ("callflow: capture",),
        _required_of_capture,
    ),
    Contradiction(
        "sayAndCapture has a repetition",
        "The page Send Callflow documents repetition 1 to 3 for it; the file leaves it out.",
        ("callflow: repeated capture",),
        _repetition_of_capture,
    ),
    Contradiction(
        "makeCall has a callRecording",
        "It is documented as a third param; the file allows two.",
        ("callflow: recorded",),
        _call_recording,
    ),
    Contradiction(
        "hangup may have empty params",
        "They are documented as none or {}; the file names no params at all.",
        ("callflow: hangup with empty params",),
        _empty_params_of_hangup,
    ),
    Contradiction(
        "a callflow has the client's ids",
        "clientRequestId and clientActionId are documented and sent by 8x8's example; the file has neither.",
        ("callflow: message",),
        _client_ids,
    ),
    Contradiction(
        "VNU webhooks can be deleted",
        "VNU is among the types that POST sets and is missing from those that DELETE takes.",
        ("delete webhook VNU",),
        _webhook_type_vnu,
    ),
    Contradiction(
        "a deleted webhook is described by its fields",
        "The schema has a property called allOf where it means the keyword; its own example has the fields.",
        ("delete webhook VSS",),
        _deleted_webhook,
    ),
    Contradiction(
        "a number has up to 15 digits",
        "7 and 10 are given as a number's bounds and meant as its length, and E.164 goes up to 15 digits.",
        ("check number",),
        _number_in_the_path,
    ),
    Contradiction(
        "exports are on the same server",
        "They name voice.wavecell.com, the older name of the service that all others call voice.8x8.com.",
        ("start export", "succeeded export", "cancel export"),
        _servers_of_exports,
    ),
    Contradiction(
        "an export's dates may be without a time",
        "The description allows 2020-07-01, the format date-time refuses it.",
        ("start export from a date", "start export to a date"),
        _dates_without_time,
    ),
    Contradiction(
        "an unknown job is answered with code and message",
        "The example has code (a number) and message; its schema has statusCode (a text) and statusMessage.",
        ("404: unknown export", "404: cancel unknown export"),
        _invalid_job,
    ),
    Contradiction(
        "No Content has no content",
        "The answer 204 has a content of no media type, which nothing, not even nothing, can conform to.",
        ("cancel export",),
        _no_content,
    ),
    Contradiction(
        "every operation can answer 401",
        "Every operation needs the key, and a wrong one is 401; numbers and exports document no such answer.",
        (
            "401: list_numbers",
            "401: check_number",
            "401: start_log_export",
            "401: get_log_export",
            "401: cancel_log_export",
        ),
        _unauthorized,
    ),
    Contradiction(
        "an unknown subaccount is answered alike everywhere",
        "It is 404 in the shape of the callflow's; numbers and exports have none, or one of another shape.",
        (
            "404: list_numbers",
            "404: check_number",
            "404: start_log_export",
            "404: get_log_export",
            "404: cancel_log_export",
        ),
        _unknown_subaccount,
    ),
)


@cache
def specification(*, without: str = "", complete: bool = False) -> "OpenAPI":
    """The corrected document, but for one correction. ``complete`` asks for every field of an answer, where
    the file mostly leaves open which there are."""
    from openapi_core import Config, OpenAPI  # takes half a second, so only where it is used

    document: Document = json.loads(FILE.read_text("utf-8"))
    for contradiction in CONTRADICTIONS:
        if contradiction.name != without:
            contradiction.correct(document)
    _name_every_field(document)
    config = Config(response_properties_default_policy="required" if complete else "optional")
    if without or complete:  # that the whole document is valid is told by the one that has all corrections
        config = replace(config, spec_validator_cls=None)
    return OpenAPI.from_dict(document, config)


def _name_every_field(node: object) -> None:
    """Refuse fields that the file does not name, wherever it names any."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        _name_every_field(child)
    if isinstance(node, dict) and isinstance(node.get("properties"), dict):
        node.setdefault("additionalProperties", False)


# -- exchanges, as openapi-core takes them -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer. ``conforming`` is false for a request that is wrong on purpose."""

    request: HttpRequest
    expected: int
    status: int
    headers: Mapping[str, str]
    body: bytes
    conforming: bool = True

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WireRequest:
    def __init__(self, request: HttpRequest) -> None:
        from openapi_core.datatypes import RequestParameters

        url = urlsplit(request.url)
        is_sandbox = url.hostname == "127.0.0.1"  # which is in 8x8's place
        self.host_url = account.BASE_URL if is_sandbox else f"{url.scheme}://{url.netloc}"
        self.path = url.path
        self.method = request.method.lower()
        self.body = request.body
        self.content_type = request.headers.get("Content-Type", "")
        self.parameters = RequestParameters(header=CIMultiDict(request.headers))


class WireResponse:
    def __init__(self, exchange: Exchange) -> None:
        self.status_code = exchange.status
        self.headers = exchange.headers
        self.content_type = exchange.headers.get("Content-Type", "").lower()
        self.data = exchange.body


def request_complaints(document: "OpenAPI", request: HttpRequest) -> list[str]:
    return _reasons(document.iter_request_errors(WireRequest(request)))


def answer_complaints(document: "OpenAPI", exchange: Exchange) -> list[str]:
    return _reasons(document.iter_response_errors(WireRequest(exchange.request), WireResponse(exchange)))


def _reasons(errors: Iterable[Exception]) -> list[str]:
    from openapi_core.exceptions import OpenAPIError

    found = []
    try:
        for error in errors:
            details = getattr(error.__cause__, "schema_errors", ())
            found.append(f"{error}: {[detail.message for detail in details]}")
    except OpenAPIError as error:
        found.append(str(error))
    return found


def operation_id(document: "OpenAPI", request: HttpRequest) -> str:
    from openapi_core.templating.paths.finders import APICallPathFinder

    sent = WireRequest(request)
    found = APICallPathFinder(document.spec).find(sent.method, sent.host_url + sent.path)
    return found.operation["operationId"]


# -- what the client can send ------------------------------------------------------------------------


def message(**options: Any) -> partial[Operation[Any]]:
    return partial(
        send_callflow, voice_message(NUMBER, "Order 1234 is on its way.", source=SOURCE, **options)
    )


def flow(*steps: Mapping[str, object]) -> partial[Operation[Any]]:
    return partial(send_callflow, call_request([make_call(SOURCE, NUMBER), *steps]))


CAPTURE = {"promptMessage": "Press 1 to confirm.", "voiceProfile": "en-GB-Emma"}
CAPTURE_IN_FULL = {
    **CAPTURE,
    "speed": 1.5,
    "minDigits": 1,
    "maxDigits": 4,
    "digitTimeout": 5000,
    "overallTimeout": 10000,
    "completeOnHash": False,
    "noOfTries": 2,
    "successMessage": "Thank you.",
    "failureMessage": "Goodbye.",
}
RECORDED = {"source": SOURCE, "destination": NUMBER, "callRecording": True}
PUSH_CONFIG = {"username": "user", "password": "secret", "path": "/calls"}
YESTERDAY = datetime.now(UTC) - timedelta(days=1)

MESSAGES: dict[str, partial[Operation[Any]]] = {
    "callflow: message": message(),
    **{f"callflow: message {repeat} times": message(repeat=repeat) for repeat in range(2, 11)},
    "callflow: slow message": message(speed=0.5),
    "callflow: brisk message": message(speed=1.25),
    "callflow: fast message": message(speed=2),
    "callflow: spelled message": message(spell_digits=True),
    "callflow: message in a voice": message(voice_profile="en-GB-Emma"),
    "callflow: message with an id": message(message_id="order-1234", valid_for=timedelta(hours=12)),
    "callflow: longest message": partial(send_callflow, voice_message(NUMBER, "a" * 3000, source=SOURCE)),
    "callflow: message in Chinese": partial(send_callflow, voice_message(NUMBER, "你好 🎉", source=SOURCE)),
    **{
        f"callflow: audio {repeat} times": partial(
            send_callflow,
            audio_message(NUMBER, "https://example.com/hello.mp3", source=SOURCE, repeat=repeat),
        )
        for repeat in (1, 3, 4, 10)
    },
}
CALLFLOWS: dict[str, partial[Operation[Any]]] = {
    **MESSAGES,
    "callflow: without a limit in time": partial(
        send_callflow, call_request([make_call(SOURCE, NUMBER), HANGUP], valid_for=None)
    ),
    "callflow: hangup with empty params": flow({"action": "hangup", "params": {}}),
    "callflow: capture": flow({"action": "sayAndCapture", "params": CAPTURE}),
    "callflow: repeated capture": flow({"action": "sayAndCapture", "params": {**CAPTURE, "repetition": 3}}),
    "callflow: capture in full": flow({"action": "sayAndCapture", "params": CAPTURE_IN_FULL}, HANGUP),
    "callflow: two calls bridged": flow(make_call(SOURCE, SECOND_NUMBER)),
    "callflow: recorded": partial(
        send_callflow, call_request([{"action": "makeCall", "params": RECORDED}, HANGUP])
    ),
}
SETTERS: dict[str, partial[Operation[Any]]] = {
    **{f"set webhook {type_}": partial(set_webhook, type_, HOOK) for type_ in WEBHOOK_TYPES},
    "set webhook with authorization": partial(set_webhook, "VCS", HOOK, authorization="Bearer abc"),
    "set push config of S3": partial(
        set_recording_push_config, protocol="S3", host="ap-southeast-2", port=443, **PUSH_CONFIG
    ),
    "set push config of SFTP": partial(
        set_recording_push_config, protocol="SFTP", host="sftp.example.com", port=22, **PUSH_CONFIG
    ),
    "start export": partial(start_log_export),
    "start export since": partial(start_log_export, since=YESTERDAY, limit=10),
    "start export between": partial(start_log_export, since=YESTERDAY, until=datetime.now(UTC)),
}
QUESTIONS: dict[str, partial[Operation[Any]]] = {
    "list profiles": partial(list_speech_profiles),
    "list webhooks": partial(list_webhooks),
    "get push config": partial(get_recording_push_config),
    "list numbers": partial(list_numbers),
    "check number": partial(check_number, SOURCE),
    "check number without plus": partial(check_number, SOURCE.lstrip("+")),
}
DELETIONS: dict[str, partial[Operation[Any]]] = {
    **{f"delete webhook {type_}": partial(delete_webhook, type_) for type_ in WEBHOOK_TYPES},
    "delete push config": partial(delete_recording_push_config),
}
OF_THE_UNKNOWN: dict[str, partial[Operation[Any]]] = {
    "404: recordings of an unknown session": partial(list_recordings, NOBODYS_UUID),
    "404: unknown number": partial(check_number, "+6591234567"),
    "404: longest number": partial(check_number, "123456789012345"),
    "404: unknown export": partial(get_log_export, "nobodys"),
    "404: cancel unknown export": partial(cancel_log_export, "nobodys"),
}
CLIENT = SETTERS | CALLFLOWS | QUESTIONS | DELETIONS | OF_THE_UNKNOWN
FIRST_OF_EACH = {variant.func: variant for variant in reversed(CLIENT.values())}


def api_functions() -> set[Callable[..., Operation[Any]]]:
    """The functions that make an operation, by what they say they return."""
    modules = [
        import_module(found.name)
        for found in walk_packages(operations.__path__, "voicecli.voice_api.operations.")
    ]
    return {
        function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and _is_operation(typing.get_type_hints(function).get("return"))
    }


def _is_operation(annotation: object) -> bool:
    return annotation is Operation or typing.get_origin(annotation) is Operation


# -- what is sent wrong on purpose -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wrong:
    """A body that is refused. ``conforming`` says whether the file would take it all the same."""

    path: str
    body: bytes
    status: int
    conforming: bool


def wrong_callflow(status: int, *steps: Mapping[str, object], conforming: bool, **fields: object) -> Wrong:
    return Wrong("/callflows", json.dumps({**fields, "callflow": steps}).encode(), status, conforming)


def wrong(path: str, content: Mapping[str, object], *, conforming: bool) -> Wrong:
    return Wrong(path, json.dumps(content).encode(), 422, conforming)


CALL = make_call(SOURCE, NUMBER)
SAY = {"action": "say", "params": {"text": "Hello", "voiceProfile": "en-GB-Emma"}}
WRONG: dict[str, Wrong] = {
    "400: callflow that is not JSON": Wrong("/callflows", b'{"callflow": [', 400, conforming=False),
    "400: unknown action": wrong_callflow(400, CALL, {"action": "dance"}, conforming=False),
    "400: say without text": wrong_callflow(
        400, CALL, {"action": "say", "params": {"voiceProfile": "en-GB-Emma"}}, conforming=False
    ),
    "400: repetition of 4": wrong_callflow(
        400, CALL, {"action": "say", "params": {**SAY["params"], "repetition": 4}}, conforming=True
    ),
    "422: say before makeCall": wrong_callflow(422, SAY, conforming=True),
    "422: three calls": wrong_callflow(422, CALL, CALL, CALL, conforming=True),
    "422: something after hangup": wrong_callflow(422, CALL, HANGUP, SAY, conforming=True),
    "422: unknown voice": wrong_callflow(
        422,
        CALL,
        {"action": "say", "params": {"text": "Hello", "voiceProfile": "xx-XX-Nobody"}},
        conforming=True,
    ),
    "422: destination that is no number": wrong_callflow(
        422, make_call(SOURCE, "nobody"), SAY, conforming=True
    ),
    "422: caller ID not allowed": wrong_callflow(
        422, make_call(SOURCE, REFUSED_NUMBER), SAY, conforming=True
    ),
    "422: too late": wrong_callflow(422, CALL, SAY, validUntil="2020-01-01T00:00:00.000Z", conforming=True),
    "400: validity that is a number": wrong_callflow(400, CALL, SAY, validUntil=20991231, conforming=False),
    "400: validity without a time": wrong_callflow(400, CALL, SAY, validUntil="2099-12-31", conforming=True),
    "400: client's id that is a number": wrong_callflow(400, CALL, SAY, clientRequestId=5, conforming=False),
    "500: callflow": wrong_callflow(500, make_call(SOURCE, FAILING_NUMBER), SAY, conforming=True),
    "422: webhook that is not JSON": Wrong("/webhooks", b"type=VCA", 422, conforming=False),
    "422: unknown webhook type": wrong("/webhooks", {"type": "XXX", "url": HOOK}, conforming=False),
    "422: webhook without URL": wrong("/webhooks", {"type": "VCA"}, conforming=True),
    "422: push config that is not JSON": Wrong("/recording-push-config", b"", 422, conforming=False),
    "422: unknown protocol": wrong("/recording-push-config", {"protocol": "FTP"}, conforming=True),
    "422: port as text": wrong(
        "/recording-push-config", {"protocol": "SFTP", "host": "h", "port": "22"}, conforming=False
    ),
}


# -- the recording -----------------------------------------------------------------------------------


class Recorder:
    """Sends requests to a sandbox and keeps every exchange by its name."""

    def __init__(self, url: str, http: ClientSession) -> None:
        self.exchanges: dict[str, Exchange] = {}
        self._url = url
        self._http = http

    def request(
        self, operation: Operation[Any], *, key: str = API_KEY, subaccount: str = SUBACCOUNT
    ) -> HttpRequest:
        return operation.request(Account(key, subaccount, self._url))

    async def client(self, name: str, operation: Operation[Any], status: int, **who: str) -> Exchange:
        return await self.send(name, self.request(operation, **who), status)

    async def wrong(self, name: str, body: Wrong) -> None:
        request = self.request(Operation(name, "POST", body.path, dict, body={}))
        await self.send(name, replace(request, body=body.body), body.status, conforming=body.conforming)

    async def send(
        self, name: str, request: HttpRequest, status: int, *, conforming: bool = True
    ) -> Exchange:
        url = URL(request.url, encoded=True)
        async with self._http.request(
            request.method, url, headers=request.headers, data=request.body
        ) as response:
            body = await response.read()
            headers = dict(response.headers)
            exchange = Exchange(request, status, response.status, headers, body, conforming)
        self.exchanges[name] = exchange
        return exchange

    async def until(
        self, name: str, operation: Operation[Any], satisfied: Callable[[Document], object]
    ) -> None:
        """Ask again and again until the answer is satisfying."""
        deadline = time.monotonic() + DEADLINE
        while not satisfied((await self.client(name, operation, 200)).json):
            assert time.monotonic() < deadline, f"{name}: {self.exchanges[name].body!r}"


async def record() -> tuple[str, dict[str, Exchange]]:
    """Everything once, over HTTP: the sandbox's URL, and the exchanges with it."""
    sandbox = Sandbox(time_scale=1000, seed=1)
    url = await sandbox.start()
    try:
        async with ClientSession() as http:
            recorder = Recorder(url, http)
            await _turned_away(recorder)
            await _before_anything_is_there(recorder)
            await _successes(recorder)
            for name, body in WRONG.items():
                await recorder.wrong(name, body)
    finally:
        await sandbox.stop()
    return url, recorder.exchanges


async def _turned_away(recorder: Recorder) -> None:
    for function, variant in FIRST_OF_EACH.items():
        await recorder.client(f"401: {function.__name__}", variant(), 401, key="wrong-key")
        await recorder.client(f"404: {function.__name__}", variant(), 404, subaccount="nobody")
    request = recorder.request(list_webhooks())
    await recorder.send("401: without a key", replace(request, headers={}), 401, conforming=False)


async def _before_anything_is_there(recorder: Recorder) -> None:
    for name, variant in OF_THE_UNKNOWN.items():
        await recorder.client(name, variant(), 404)
    for name, variant in DELETIONS.items():
        await recorder.client(f"404: {name}", variant(), 404)
    await recorder.client("404: get push config", get_recording_push_config(), 404)
    job = (await recorder.client("start export of nothing", start_log_export(), 202)).json["jobId"]
    await recorder.until("empty export", get_log_export(job), lambda answer: answer["status"] == "empty")


async def _successes(recorder: Recorder) -> None:
    for name, variant in SETTERS.items():
        await recorder.client(name, variant(), 202 if variant.func is start_log_export else 200)
    for name, variant in (CALLFLOWS | QUESTIONS).items():
        await recorder.client(name, variant(), 200)
    session = recorder.exchanges["callflow: recorded"].json["sessionId"]
    await recorder.until("recordings", list_recordings(session), lambda answer: answer["recordings"])
    await _exports(recorder)
    for name, variant in DELETIONS.items():
        await recorder.client(name, variant(), 200)


async def _exports(recorder: Recorder) -> None:
    for name, date in (("from", "2020-07-01"), ("to", "2099-07-01")):
        operation = Operation(f"export {name}", "POST", "/messages/exports", dict, body={name: date})
        job = (await recorder.client(f"start export {name} a date", operation, 202)).json["jobId"]
    await recorder.until(
        "succeeded export", get_log_export(job), lambda answer: answer["status"] == "succeeded"
    )
    await recorder.client("cancel export", cancel_log_export(job), 204)
    await recorder.client("cancelled export", get_log_export(job), 200)


@pytest.fixture(scope="module")
def recording() -> tuple[str, dict[str, Exchange]]:
    return asyncio.run(record())


@pytest.fixture
def url(recording: tuple[str, dict[str, Exchange]]) -> str:
    return recording[0]


@pytest.fixture
def exchanges(recording: tuple[str, dict[str, Exchange]]) -> dict[str, Exchange]:
    return recording[1]


# -- the sandbox -------------------------------------------------------------------------------------


def test_every_operation_of_the_file_is_served(url: str, exchanges: dict[str, Exchange]) -> None:
    document = specification()
    served = {
        operation_id(document, exchange.request) for exchange in exchanges.values() if exchange.status < 300
    }
    wanted = operation_ids(json.loads(FILE.read_text("utf-8")))
    assert served == set(wanted)
    assert len(wanted) == 14


def test_every_request_to_the_sandbox_is_as_the_file_says(url: str, exchanges: dict[str, Exchange]) -> None:
    found = {
        name: complaints
        for name, exchange in exchanges.items()
        if exchange.conforming and (complaints := request_complaints(specification(), exchange.request))
    }
    assert found == {}


def test_what_is_wrong_by_the_file_is_refused_by_the_sandbox(
    url: str, exchanges: dict[str, Exchange]
) -> None:
    wrong_on_purpose = {name: exchange for name, exchange in exchanges.items() if not exchange.conforming}
    assert wrong_on_purpose
    for name, exchange in wrong_on_purpose.items():
        assert request_complaints(specification(), exchange.request), f"{name}: the file has no objection"
    assert {name: exchange.body for name, exchange in wrong_on_purpose.items() if exchange.status < 400} == {}


def test_every_request_has_the_status_that_is_documented_for_it(exchanges: dict[str, Exchange]) -> None:
    found = {
        name: f"{exchange.status}, not {exchange.expected}: {exchange.body!r}"
        for name, exchange in exchanges.items()
        if exchange.status != exchange.expected
    }
    assert found == {}


def test_every_answer_of_the_sandbox_is_as_the_file_says(url: str, exchanges: dict[str, Exchange]) -> None:
    found = {
        name: complaints
        for name, exchange in exchanges.items()
        if (complaints := answer_complaints(specification(), exchange))
    }
    assert found == {}


LEAVES_SOMETHING_OUT = {
    "set push config of S3": {"delete"},  # it was not deleted; the file has one schema for both answers
    "set push config of SFTP": {"delete"},
    "callflow: without a limit in time": {"validUntil"},  # none was given
    "empty export": {"data", "expires"},  # "presented only when the status is succeeded"
    "cancelled export": {"data", "expires"},
}


def test_the_answers_of_the_sandbox_have_every_field_of_the_file(
    url: str, exchanges: dict[str, Exchange]
) -> None:
    as_expected = {name: found for name, found in exchanges.items() if found.status == found.expected}
    for name, exchange in as_expected.items():
        complaints = " ".join(answer_complaints(specification(complete=True), exchange))
        left_out = set(re.findall(r"'(\w+)' is a required property", complaints))
        assert left_out == LEAVES_SOMETHING_OUT.get(name, set()), f"{name}: {complaints}"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "Authentication header not found or token invalid"),
        (404, "SubAccount not found by Id : nobody"),
    ],
)
@pytest.mark.parametrize("function", FIRST_OF_EACH, ids=lambda function: function.__name__)
def test_whoever_has_no_business_there_is_turned_away_as_documented(
    function: Callable[..., Operation[Any]], status: int, message: str, exchanges: dict[str, Exchange]
) -> None:
    answer = exchanges[f"{status}: {function.__name__}"].json
    assert uuid.UUID(answer.pop("callFlowRequestId"))
    assert answer == {"sessionStatus": "NOT_CREATED", "statusCode": status, "statusMessage": message}


# -- the client --------------------------------------------------------------------------------------


def test_every_operation_is_covered_here() -> None:
    assert set(FIRST_OF_EACH) == api_functions()


def test_there_is_every_operation_of_the_file() -> None:
    document = specification()
    requests = [_request(variant) for variant in FIRST_OF_EACH.values()]
    assert sorted(operation_id(document, request) for request in requests) == sorted(
        operation_ids(json.loads(FILE.read_text("utf-8")))
    )


@pytest.mark.parametrize("name", CLIENT)
def test_what_the_client_sends_is_as_the_file_says(name: str) -> None:
    assert request_complaints(specification(), _request(CLIENT[name])) == []


def _request(variant: partial[Operation[Any]]) -> HttpRequest:
    """The request as it goes to the server that the file names."""
    return variant().request(Account(API_KEY, SUBACCOUNT, account.BASE_URL))


# -- the commands ------------------------------------------------------------------------------------

COMMANDS: dict[str, tuple[list[str], str]] = {
    "call": (["call", NUMBER, "hi", "--from", SOURCE], "POST /callflows"),
    "voices": (["voices"], "GET /speech-profiles"),
    "webhooks list": (["webhooks", "list"], "GET /webhooks"),
    "webhooks set": (["webhooks", "set", "vss", HOOK, "--no-auth"], "POST /webhooks"),
    "webhooks delete": (["webhooks", "delete", "vss"], "DELETE /webhooks/VSS"),
    "recordings": (["recordings", NOBODYS_UUID], f"GET /recordings/{NOBODYS_UUID}"),
    "numbers": (["numbers"], "GET /numbers"),
    "numbers check": (["numbers", "check", SOURCE], f"GET /numbers/{SOURCE.lstrip('+')}"),
    "logs export": (["logs", "export"], "POST /messages/exports"),
    "logs export between": (
        ["logs", "export", "--from", "2026-11-01", "--to", "2026-11-02T09:30+01:00", "--limit", "5"],
        "POST /messages/exports",
    ),
    "logs cancel": (["logs", "cancel", "job-1"], "DELETE /messages/exports/job-1"),
    "api": (["api", "GET", "/webhooks"], "GET /webhooks"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_sends_is_as_the_file_says(name: str, run: Program) -> None:
    arguments, expected = COMMANDS[name]
    with server(answering(http("403 Forbidden", b""))) as (url, sent):
        done = run(*arguments, env=environment(url))
    request = _sent(url, sent[0])
    assert (done.code, len(sent)) == (4, 1)
    assert f"{request.method} {request.url.partition(SUBACCOUNT)[2]}" == expected
    assert request_complaints(specification(), request) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [NUMBER, "Press 1", "--confirm", "1"],
        [NUMBER, "Press 1", "--confirm", "1,2", "--thanks", "Thank you", "--repeat", "3", "--speed", "0.9"],
        [NUMBER, "Your PIN", "--digits", "4-6", "--hash", "--message-id", "m-1"],
        [NUMBER, "Your PIN", "--digits", "25"],
        [NUMBER, SECOND_NUMBER, "Hello", "--repeat", "10"],
        [NUMBER, "--play", "https://example.com/a.mp3", "--wait"],
    ],
)
def test_what_a_call_that_is_waited_for_sends_is_as_the_file_says(arguments: list[str], run: Program) -> None:
    done = run("call", *arguments, "--from", SOURCE, "--dry-run", "--json", env=environment(account.BASE_URL))
    assert done.code == 0, done
    for line in done.out.splitlines():
        shown = json.loads(line)
        headers = CIMultiDict({**shown["headers"], "Authorization": f"Bearer {API_KEY}"})
        request = HttpRequest(shown["method"], shown["url"], headers, json.dumps(shown["body"]).encode())
        assert request_complaints(specification(), request) == []


def _sent(url: str, request: bytes) -> HttpRequest:
    """A request as it went over the wire."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split()
    headers = CIMultiDict([(name, text) for name, _, text in (line.partition(": ") for line in lines)])
    return HttpRequest(method, url + path, headers, body or None)


# -- the table ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("contradiction", CONTRADICTIONS, ids=lambda contradiction: contradiction.name)
def test_each_contradiction_of_the_file_is_still_there(
    contradiction: Contradiction, url: str, exchanges: dict[str, Exchange]
) -> None:
    uncorrected = specification(without=contradiction.name)
    for name in contradiction.shown_by:
        exchange = exchanges[name]
        complaints = request_complaints(uncorrected, exchange.request) + answer_complaints(
            uncorrected, exchange
        )
        assert complaints, f"{name} needs no correction any more"
