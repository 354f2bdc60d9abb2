"""The sandbox's smaller operations: voices, webhooks, where recordings are pushed, recordings, numbers."""

from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from aiohttp import web

from voicecli.json_values import whole_number
from voicecli.sandbox.account import SOURCE, SPEECH_PROFILES, SUBACCOUNT
from voicecli.sandbox.delivery import Target, WebhookDelivery
from voicecli.sandbox.payloads import Json, timestamp
from voicecli.sandbox.responses import invalid, json_body, ok, refusal
from voicecli.sandbox.session import PlayedSession
from voicecli.voice_api.webhook_events import WEBHOOK_TYPES


class Resources:
    """Their handlers. With ``delete_first`` a webhook is not set where one is, and VNU's can't be deleted."""

    def __init__(
        self, delivery: WebhookDelivery, sessions: Iterable[PlayedSession], *, delete_first: bool
    ) -> None:
        self._delivery = delivery
        self._sessions = sessions
        self._delete_first = delete_first
        self._push_config: Json | None = None

    async def speech_profiles(self, _request: web.Request) -> web.Response:
        names = ("speechProfileCode", "localeCode", "localeDescription", "gender")
        return ok({"speechProfiles": [dict(zip(names, voice, strict=True)) for voice in SPEECH_PROFILES]})

    async def webhooks(self, _request: web.Request) -> web.Response:
        shown = [target.public() for target in self._delivery.targets.values()]
        return ok({"subAccountId": SUBACCOUNT, "count": len(shown), "webhooks": shown})

    async def set_webhook(self, request: web.Request) -> web.Response:
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
        return await self.webhooks(request)

    async def delete_webhook(self, request: web.Request) -> web.Response:
        kind = request.match_info["type"]
        if self._delete_first and kind == "VNU":  # it is none of the types of DELETE in 8x8's OpenAPI file
            return refusal(404, "Resource not found")
        target = self._delivery.targets.pop(kind, None)
        if target is None:
            return refusal(404, "Webhook not found")
        return web.json_response(
            {"subAccountId": SUBACCOUNT, **target.public(), "statusCode": 0, "statusMessage": "deleted"}
        )

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


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
