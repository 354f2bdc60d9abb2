"""What goes over the wire: an operation's request, and what its answer means. No sockets here.

A client carries an operation's ``HttpRequest`` and hands back an ``HttpResponse``; ``Operation.read`` turns
that into a result, or raises what it means. Paths, fields and status codes are those of 8x8's API reference
("Send Callflow", "Webhooks", "Speech profiles", …).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import quote

from voicecli import json_values
from voicecli.account import Account
from voicecli.errors import InvalidInput, OutcomeUnknown, RateLimited, Refused, Unreachable
from voicecli.json_values import Json
from voicecli.voice_api import codes
from voicecli.voice_api.retries import parse_retry_after

CONNECT_TIMEOUT = 5.0  # seconds
MAX_RESPONSE = 1 << 20  # bytes of an answer that are read; 8x8's own are a few hundred

# An HTTP status that is given instead of carrying a request out (RFC 9110). A 408, a 409 or a proxy's own
# invention can come after the request was passed on; so can a 301 to 303, and anything from 500 up.
_REFUSALS = frozenset({400, 401, 403, 404, 405, 406, 411, 413, 414, 415, 417, 421, 422, 426, 431, 451})
_REDIRECTS = frozenset({307, 308})
MAX_QUOTE = 300  # characters of 8x8's own words that are passed on

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What goes over the wire. ``headers`` hold the API key: show ``masked_headers`` instead."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False, default=None)

    def masked_headers(self) -> dict[str, str]:
        return {**self.headers, "Authorization": "Bearer ***"}


class HttpResponse(NamedTuple):
    """What came back. ``complete`` is false where the body broke off or went past MAX_RESPONSE."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One request of the API. ``changes`` says whether 8x8 does something because of it: the lost answer
    to such a request leaves the outcome unknown, while a question can just be asked again."""

    name: str
    method: str
    path: str  # below /api/v1/subaccounts/{subAccountId}, unless it begins with /api/
    result: Callable[[Json], T]
    body: Json | None = None
    changes: bool = False
    client_request_id: str | None = None
    refusals: frozenset[int] = frozenset()  # more HTTP statuses that say that nothing was done
    private: tuple[str, ...] = field(default=(), repr=False)  # texts that no error may quote

    def request(self, account: Account) -> HttpRequest:
        """The HTTP request. Raises InvalidInput for what JSON in UTF-8 can't carry (a lone surrogate)."""
        headers = {"Authorization": f"Bearer {account.api_key}", "Accept": "application/json"}
        body = None
        if self.body is not None:
            headers["Content-Type"] = "application/json"
            try:
                body = _JSON.encode(self.body).encode()
            except ValueError as error:
                raise InvalidInput(f"The request can't be written as JSON: {error}.") from error
        subaccount = f"/api/v1/subaccounts/{quote(account.subaccount_id, safe='')}"
        path = self.path if self.path.startswith("/api/") else subaccount + self.path
        return HttpRequest(self.method, account.base_url.rstrip("/") + path, headers, body)

    def read(self, answer: HttpResponse, *, api_key: str = "") -> T:
        """What the answer says. Raises Refused, RateLimited, OutcomeUnknown or Unreachable; none of them
        quotes the key, should it be echoed.

        Only what proves that nothing happened is a refusal: 8x8's word (NOT_CREATED), or an HTTP status
        that is given before a request is carried out. All else leaves the outcome unknown.
        """
        document = {} if answer.status == 204 else _json_object(answer)
        succeeded = 200 <= answer.status < 300
        status = "" if document is None else session_status(document)
        if not succeeded and status == "CREATED":
            raise self.unknown_outcome(
                f"8x8 answered with HTTP status {answer.status} and that a call was created"
            )
        if answer.status == 429:
            raise RateLimited(
                "8x8 refused the request: too many at once (429).",
                hint=codes.describe_status_code(429).advice,
                retry_after=parse_retry_after(answer.headers.get("retry-after", "")),
            )
        if document is not None and status == "NOT_CREATED":
            raise _refused(answer, document, self.private, api_key)
        if answer.status in _REFUSALS | self.refusals:
            raise _refused(answer, document or {}, self.private, api_key)
        if answer.status in _REDIRECTS:
            raise Refused(
                f"The server says that the API is elsewhere (HTTP {answer.status}).",
                hint="Check EIGHT_X_EIGHT_BASE_URL. The request was not carried out.",
                settings=("EIGHT_X_EIGHT_BASE_URL",),
                status_code=answer.status,
            )
        if not succeeded or document is None:
            raise self.unknown_outcome(
                f"8x8 answered with HTTP status {answer.status} and {_describe_body(answer)}"
            )
        try:
            return self.result(document)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise self.unknown_outcome(f"8x8 answered {answer.status} without what was asked for") from None

    def unknown_outcome(self, what_happened: str) -> OutcomeUnknown | Unreachable:
        """The error for a request that left and got no readable answer."""
        if not self.changes:
            return Unreachable(f"{what_happened}.", hint="Nothing was changed: try again.")
        if self.client_request_id is None:
            return OutcomeUnknown(
                f"{what_happened}: the change may have been made.", hint="Check before making it again."
            )
        return OutcomeUnknown(
            f"{what_happened}: the call may have been placed.",
            hint=f"Look for clientRequestId {self.client_request_id} in the session summaries (VSS webhook) "
            f"or in the logs of {codes.PORTAL} before you call again.",
            client_request_id=self.client_request_id,
        )


_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


# -- reading answers ---------------------------------------------------------------------------------


def read_into(body: bytearray, pieces: Iterable[bytes]) -> bool:
    """Add a response's pieces to ``body``, as far as MAX_RESPONSE; whether it did not go past that."""
    for piece in pieces:
        body += piece
        if len(body) > MAX_RESPONSE:
            return False
    return True


def _json_object(answer: HttpResponse) -> Json | None:
    return json_values.json_object(answer.body) if answer.complete else None


def _describe_body(answer: HttpResponse) -> str:
    """What an unreadable body is, in words; the body itself is never shown."""
    start = answer.body[:200].lstrip().lower()
    if not answer.complete:
        huge = len(answer.body) >= MAX_RESPONSE
        return "more data than an answer has" if huge else "an answer that broke off"
    if not start:
        return "nothing in it"
    if start.startswith((b"<!doctype", b"<html")) or "html" in answer.headers.get("content-type", ""):
        return "an HTML page (from a gateway or proxy, not from the Voice API)"
    return "an error of its own" if _json_object(answer) is not None else "something that is not JSON"


def session_status(document: Json) -> str:
    """As 8x8's samples write it (NOT_CREATED); its prose has NOT CREATED. Nothing where there is none."""
    return codes.canonical(json_values.text(document.get("sessionStatus")) or "")


def _code(document: Json) -> int | None:
    """8x8's status code, which some answers call ``code``."""
    return codes.code(document.get("statusCode", document.get("code")))


def _refused(answer: HttpResponse, document: Json, private: Sequence[str], api_key: str) -> Refused:
    code = _code(document)
    if code is None or code in (0, 1):
        code = answer.status
    if code not in codes.STATUS_CODES and answer.status in codes.STATUS_CODES:
        meaning = codes.describe_status_code(answer.status)
    else:
        meaning = codes.describe_status_code(code)
    own_words = document.get("statusMessage", document.get("message"))
    # Whole or not at all: a secret that is echoed and cut off could not be masked any more.
    quotable = isinstance(own_words, str) and 0 < len(own_words) <= MAX_QUOTE
    if isinstance(own_words, str) and any(secret in own_words for secret in _secrets(private, api_key)):
        quotable = False
    quoted = f", in its words: {own_words}" if quotable else ""
    source = "8x8 refused" if document else f"The server refused with {_describe_body(answer)}"
    return Refused(
        f"{source}: {meaning.text} ({code}{quoted}).",
        hint=meaning.advice,
        settings=meaning.settings,
        status_code=code,
        http_status=answer.status,
        retryable=answer.status >= 500,
    )


def _secrets(texts: Sequence[str], api_key: str) -> Iterator[str]:
    """The key, and what would give a message away: the whole of it, and the codes in it."""
    if api_key:
        yield api_key
    for text in texts:
        yield text
        yield from (word for word in re.findall(r"\w*\d\w*", text) if len(word) > 2)


def required_text(document: Json, name: str) -> str:
    value = document[name]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(name)
    return value


def required_objects(document: Json, name: str) -> tuple[Json, ...]:
    value = document[name]
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError(name)
    return tuple(value)
