"""The sandbox's voices, recordings and numbers, and where recordings are pushed."""

from collections.abc import Iterable
from datetime import UTC, datetime

from aiohttp import web

from voicecli.json_values import whole_number
from voicecli.sandbox.account import SOURCE, SPEECH_PROFILES, SUBACCOUNT
from voicecli.sandbox.payloads import Json, timestamp
from voicecli.sandbox.responses import invalid, json_body, ok, refusal
from voicecli.sandbox.session import PlayedSession


class Resources:
    """Handlers of requests."""

    def __init__(self, sessions: Iterable[PlayedSession]) -> None:
        self._sessions = sessions
        self._push_config: Json | None = None

    async def speech_profiles(self, _request: web.Request) -> web.Response:
        names = ("speechProfileCode", "localeCode", "localeDescription", "gender")
        return ok({"speechProfiles": [dict(zip(names, voice, strict=True)) for voice in SPEECH_PROFILES]})

    async def push_config(self, _request: web.Request) -> web.Response:
        return ok(self._push_config) if self._push_config is not None else _no_push_config()

    async def set_push_config(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        if body is None:
            return invalid("Invalid JSON request body")
        if body.get("protocol") not in ("S3", "SFTP"):
            return invalid("protocol should be one of: S3, SFTP")
        port = whole_number(body.get("port"))
        if port is None or not 0 < port < 65536:
            return invalid("port must be from 1 to 65535")
        texts = {name: body.get(name) for name in ("host", "username", "password", "path")}
        if missing := [name for name, text in texts.items() if not isinstance(text, str) or not text]:
            return invalid(f"{missing[0]} is missing")
        del texts["password"]
        self._push_config = {
            "subAccountId": SUBACCOUNT,
            "protocol": body["protocol"],
            "port": port,
            **texts,
            "passwordSet": True,
        }
        return ok(self._push_config)

    async def delete_push_config(self, _request: web.Request) -> web.Response:
        config, self._push_config = self._push_config, None
        return ok({"delete": True, **config}) if config is not None else _no_push_config()

    async def recordings(self, request: web.Request) -> web.Response:
        wanted = request.match_info["session"]
        for session in self._sessions:
            if session.session_id == wanted:
                return ok({"recordings": session.recordings})
        return refusal(404, "Session not found")

    async def numbers(self, request: web.Request) -> web.Response:
        now = timestamp(datetime.now(UTC))
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
        return ok({"totalNumbers": 1, "lastUpdatedAt": now, "numbers": [number]})

    async def check_number(self, request: web.Request) -> web.Response:
        now = timestamp(datetime.now(UTC))
        if request.match_info["number"].lstrip("+") != SOURCE.lstrip("+"):
            status = {"statusCode": 404, "statusMessage": "Number not found", "timestamp": now}
            return web.json_response(status, status=404)
        number = {"referenceId": "SANDBOX-SOURCE", "msisdn": SOURCE, "countryCode": "FR"}
        return ok({"timestamp": now, "payload": number})


def _no_push_config() -> web.Response:
    return refusal(404, "Recording push config not found")
