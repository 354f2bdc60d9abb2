"""Sends one webhook event to a receiver, as 8x8 would, and says what came back."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

from voicecli import interrupts, urls
from voicecli.errors import InvalidInput, Refused, Unreachable
from voicecli.voice_api import wire
from voicecli.voice_api.replies import Reply, parse_reply
from voicecli.voice_api.wire import HttpResponse


@dataclass(frozen=True, slots=True)
class EventResponse:
    """What a receiver answered, and how long that took."""

    response: HttpResponse
    seconds: float

    def document(self) -> object:
        """The JSON in the answer, or None for anything else."""
        try:
            document = json.loads(self.response.body) if self.response.complete else None
            json.dumps([[[[[[document]]]]]], allow_nan=False)  # what is output is nested deeper
        except (ValueError, RecursionError):
            return None
        return document


def send_event(
    url: str,
    body: bytes,
    token: str | None,
    *,
    seconds: float,
    trace: Callable[[str], None] | None = None,
) -> EventResponse:
    """Send one event, with ``token`` as the Authorization header; ``trace`` gets a line before and one after.
    Raises Unreachable where no whole answer came within ``seconds``, and Refused for an answer that is not
    2xx."""
    if trace is not None:
        trace(f"> POST {url} ({len(body)} bytes)")
    delivered = _send(urlsplit(url), body, token, seconds=seconds)
    if trace is not None:
        trace(f"< {delivered.response.status} after {delivered.seconds:.3f} s")
    if not 200 <= delivered.response.status < 300:
        raise _refusal(delivered.response, token_sent=token is not None)
    return delivered


def describe(delivered: EventResponse, kind: str) -> tuple[Mapping[str, object], str]:
    """What an event of this type was answered, for programs and in words."""
    reply, problem = _judge(delivered.response) if kind == "VCA" else ("", None)
    milliseconds = round(delivered.seconds * 1000, 1)
    data = {
        "statusCode": delivered.response.status,
        "milliseconds": milliseconds,
        "reply": delivered.document(),
        "problem": problem,
    }
    words = f"answered {delivered.response.status} in {milliseconds:.0f} ms"
    return data, words + (f"; reply: {reply}" if reply else "")


def _judge(answer: HttpResponse) -> tuple[str, str | None]:
    """What a VCA was answered, in words, and what 8x8 would find wrong with it."""
    if not answer.complete:
        return "not a valid callflow: it is longer than 1 MiB", "it is longer than 1 MiB"
    reply = parse_reply(answer.body)
    return (reply.words(), None) if isinstance(reply, Reply) else (f"not a valid callflow: {reply}", reply)


def _send(url: SplitResult, body: bytes, token: str | None, *, seconds: float) -> EventResponse:
    import httpx

    headers = [(b"Content-Type", b"application/json"), (b"Accept-Encoding", b"identity")]
    if token is not None:
        headers.append((b"Authorization", token.encode()))
    secure, sent = url.scheme == "https", False

    def watch(step: str, info: Mapping[str, object]) -> None:
        nonlocal sent
        if step.endswith("send_request_headers.started"):
            sent |= getattr(info["request"], "method", b"") != b"CONNECT"  # that is only for the proxy

    def exchange() -> EventResponse:
        with httpx.Client(
            timeout=httpx.Timeout(seconds, connect=min(wire.CONNECT_TIMEOUT, seconds)),
            verify=secure,
            trust_env=secure and url.hostname not in urls.LOOPBACK,  # proxies, for one
            headers=headers,
        ) as http:
            start, content = time.monotonic(), bytearray()
            with http.stream("POST", url.geturl(), content=body, extensions={"trace": watch}) as response:
                complete = wire.read_into(content, response.iter_raw())
            received = HttpResponse(response.status_code, {}, bytes(content), complete)
            return EventResponse(received, time.monotonic() - start)

    try:  # httpx's time-outs begin anew with every byte, and there is none for looking a name up
        return interrupts.in_thread(exchange, timeout=seconds)
    except TimeoutError:
        error: Exception = httpx.ReadTimeout("there was no connection in time")
    except httpx.InvalidURL as invalid:
        raise InvalidInput(f"--to is not an address: {invalid}.") from invalid
    except Exception as caught:  # noqa: BLE001 - raised below
        error = caught
    if not sent:
        reason = re.sub(r"^\[[^]]*\] *", "", str(error)) or type(error).__name__
        raise Unreachable(
            f"{url.hostname} could not be reached: {reason}.", hint="Is it running? Nothing was sent."
        ) from error
    late = isinstance(error, httpx.TimeoutException)
    what = f"no answer came within {seconds:g} s" if late else "the connection broke before it was answered"
    raise Unreachable(
        f"The event was sent, but {what}.", hint="It may have arrived: the receiver's log knows."
    ) from error


def _refusal(answer: HttpResponse, *, token_sent: bool) -> Refused:
    phrase = {status.value: f" ({status.phrase})" for status in HTTPStatus}.get(answer.status, "")
    words = answer.body.decode(errors="replace").strip()
    # Whole or not at all: a secret that is cut off could not be masked any more.
    quote = f": {words}" if 0 < len(words) <= wire.MAX_QUOTE and not words.startswith("<") else ""
    hint = "The receiver's log may say why."
    match answer.status:
        case 401 | 403 if token_sent:
            hint = "Does it expect another token than the one in WEBHOOK_AUTH_TOKEN?"
        case 401 | 403:
            hint = "It was sent no token: see WEBHOOK_AUTH_TOKEN and --send-token."
        case status if status < 400 or status in (404, 405):
            hint = "Check the path of the URL; redirects are not followed."
    return Refused(
        f"The receiver answered {answer.status}{phrase}{quote}.", hint=hint, status_code=answer.status
    )
