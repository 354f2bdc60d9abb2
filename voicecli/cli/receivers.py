"""Sends webhook events to a receiver of the user's own."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

from voicecli import interrupts, urls
from voicecli.cli.context import Context
from voicecli.errors import InvalidInput, Refused, Unreachable
from voicecli.settings import Settings
from voicecli.voice_api import wire
from voicecli.voice_api.replies import Reply, read
from voicecli.voice_api.wire import Answer


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a receiver answered, and how long that took."""

    answer: Answer
    seconds: float

    def document(self) -> object:
        """The JSON in the answer, or None for anything else."""
        try:
            document = json.loads(self.answer.body) if self.answer.complete else None
            json.dumps([[[[[[document]]]]]], allow_nan=False)  # what is output is nested deeper
        except (ValueError, RecursionError):
            return None
        return document


def token_for(context: Context, settings: Settings, url: str, *, send_token: bool) -> str | None:
    """The token to send there: nobody else gets it unless that is wanted."""
    if send_token:
        settings.require("webhook_token")
    token = settings.get("webhook_token")
    if token is None:
        return None
    goes = may_send_token(settings, url, send_token=send_token, tell=context.output.note)
    return token if goes else None


def may_send_token(settings: Settings, url: str, *, send_token: bool, tell: Callable[[str], None]) -> bool:
    """Whether the token goes along there: to this machine, to the host of WEBHOOK_BASE_URL where that is
    not a .env's that does not have the token, and with ``send_token`` anywhere; but elsewhere only
    encrypted. Tells why not. Raises InvalidInput where it is
    wanted all the same."""
    if send_token and urls.is_in_the_clear(url):
        raise InvalidInput(
            "--send-token would send the token in the clear.", hint="Give an https:// address."
        )
    public_url = settings.get("public_url")
    is_trusted = settings.may_go("webhook_token", "public_url")
    if send_token or urls.may_get_token(url, public_url if is_trusted else None):
        return True
    host = urls.host_of(url)
    if public_url is not None and urls.may_get_token(url, public_url):
        tell(
            f"WEBHOOK_AUTH_TOKEN is not sent: it is of the environment, and {host} is WEBHOOK_BASE_URL in "
            ".env. Set both in one place; or to send it all the same: --send-token."
        )
    elif public_url is not None and host == urls.host_of(public_url):
        tell(f"WEBHOOK_AUTH_TOKEN is not sent: it would go to {host} in the clear. Use https://.")
    else:
        tell(
            f"WEBHOOK_AUTH_TOKEN is not sent: {host} is neither this machine nor the host of "
            "WEBHOOK_BASE_URL. To send it there, too: --send-token."
        )
    return False


def deliver(context: Context, url: str, body: bytes, token: str | None, *, seconds: float) -> Delivered:
    """Send one event. Raises Unreachable where no whole answer came within ``seconds``, and Refused for an
    answer that is not 2xx."""
    if context.debug:
        context.output.note(f"> POST {url} ({len(body)} bytes)")
    delivered = _send(urlsplit(url), body, token, seconds=seconds)
    if context.debug:
        context.output.note(f"< {delivered.answer.status} after {delivered.seconds:.3f} s")
    if not 200 <= delivered.answer.status < 300:
        raise _refused(delivered.answer, token_sent=token is not None)
    return delivered


def told(delivered: Delivered, kind: str) -> tuple[Mapping[str, object], str]:
    """What an event of this type was answered, for programs and in words."""
    reply, problem = _judged(delivered.answer) if kind == "VCA" else ("", None)
    milliseconds = round(delivered.seconds * 1000, 1)
    data = {
        "status": delivered.answer.status,
        "milliseconds": milliseconds,
        "reply": delivered.document(),
        "problem": problem,
    }
    words = f"answered {delivered.answer.status} in {milliseconds:.0f} ms"
    return data, words + (f"; reply: {reply}" if reply else "")


def _judged(answer: Answer) -> tuple[str, str | None]:
    """What a VCA was answered, in words, and what 8x8 would find wrong with it."""
    if not answer.complete:
        return "not a valid callflow: it is longer than 1 MiB", "it is longer than 1 MiB"
    reply = read(answer.body)
    return (reply.words(), None) if isinstance(reply, Reply) else (f"not a valid callflow: {reply}", reply)


def _send(url: SplitResult, body: bytes, token: str | None, *, seconds: float) -> Delivered:
    import httpx

    headers = [(b"Content-Type", b"application/json"), (b"Accept-Encoding", b"identity")]
    if token is not None:
        headers.append((b"Authorization", token.encode()))
    secure, sent = url.scheme == "https", False

    def watch(step: str, info: Mapping[str, object]) -> None:
        nonlocal sent
        if step.endswith("send_request_headers.started"):
            sent |= getattr(info["request"], "method", b"") != b"CONNECT"  # that is only for the proxy

    def exchange() -> Delivered:
        with httpx.Client(
            timeout=httpx.Timeout(seconds, connect=min(wire.CONNECT_TIMEOUT, seconds)),
            verify=secure,
            trust_env=secure and url.hostname not in urls.LOOPBACK,  # proxies, for one
            headers=headers,
        ) as http:
            start, read = time.monotonic(), bytearray()
            with http.stream("POST", url.geturl(), content=body, extensions={"trace": watch}) as response:
                for chunk in response.iter_raw():
                    read += chunk
                    if len(read) > wire.MAX_ANSWER:
                        break
            answer = Answer(response.status_code, {}, bytes(read), len(read) <= wire.MAX_ANSWER)
            return Delivered(answer, time.monotonic() - start)

    try:  # httpx's time-outs begin anew with every byte, and there is none for looking a name up
        return interrupts.in_thread(exchange, timeout=seconds)
    except TimeoutError:
        ended: Exception = httpx.ReadTimeout("there was no connection in time")
    except Exception as error:  # noqa: BLE001 - told below
        ended = error
    if isinstance(ended, httpx.InvalidURL):
        raise InvalidInput(f"--to is not an address: {ended}.") from ended
    if not sent:
        reason = re.sub(r"^\[[^]]*\] *", "", str(ended)) or type(ended).__name__
        raise Unreachable(
            f"{url.hostname} could not be reached: {reason}.", hint="Is it running? Nothing was sent."
        ) from ended
    late = isinstance(ended, httpx.TimeoutException)
    what = f"no answer came within {seconds:g} s" if late else "the connection broke before it was answered"
    raise Unreachable(
        f"The event was sent, but {what}.", hint="It may have arrived: the receiver's log knows."
    ) from ended


def _refused(answer: Answer, *, token_sent: bool) -> Refused:
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
