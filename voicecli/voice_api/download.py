"""Fetches files that 8x8 links to, such as log exports. A link may lead to any host, and so may a redirect:
the API key is sent only to the API itself."""

from collections.abc import Iterator

import httpx

from voicecli import urls
from voicecli.errors import Refused, Unreachable, VoicecliError
from voicecli.voice_api import wire

MAX_REDIRECTS = 5
PIECE = 1 << 16  # bytes
STALLED = 30.0  # seconds without a byte
_GONE = frozenset({401, 403, 404, 410})  # what a store answers to a link whose time is over, too


def pieces(http: httpx.Client, link: str, *, base_url: str, api_key: str) -> Iterator[bytes]:
    """The file behind a link, as it is sent, in pieces of at most PIECE bytes.

    Raises Refused where the link leads nowhere, any more or at all, and Unreachable where the file did not
    come, or not to its end: then the pieces so far are the beginning of it.
    """
    try:
        api_url = httpx.URL(base_url)
        url = _allowed(httpx.URL(link), api_url)
        for _ in range(1 + MAX_REDIRECTS):
            # As it is: a compressed file could be a bomb.
            headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
            if _origin(url) == _origin(api_url):
                headers["Authorization"] = f"Bearer {api_key}"
            timeout = httpx.Timeout(STALLED, connect=wire.CONNECT_TIMEOUT)
            with http.stream(
                "GET", url, headers=headers, follow_redirects=False, timeout=timeout
            ) as response:
                if response.has_redirect_location:
                    url = _allowed(url.join(response.headers["Location"]), api_url)
                    continue
                _check(response)
                yield from response.iter_raw(PIECE)
                return
        raise Refused(
            "The link to the file leads from one address to the next, without end.",
            hint="Ask for a new link.",
            status_code=response.status_code,
        )
    except VoicecliError:
        raise
    except httpx.InvalidURL as error:
        raise _no_link("it is no URL") from error
    except Exception as error:  # whatever it is: the file is not here, and can be asked for again
        late = isinstance(error, httpx.TimeoutException)
        what = f"nothing came for {STALLED:g} s" if late else "the connection broke, or there was none"
        raise Unreachable(f"The file could not be downloaded: {what}.", hint="Export again.") from error


def _allowed(url: httpx.URL, api_url: httpx.URL) -> httpx.URL:
    """Only HTTPS is trusted. A sandbox speaks plain HTTP, and leads nowhere but to this machine."""
    if url.userinfo:
        raise _no_link("it has a password in it")
    if api_url.scheme == "https" and url.scheme != "https":
        raise _no_link("it is not https://…")
    if api_url.scheme == "http" and (url.scheme != "http" or url.host not in urls.LOOPBACK):
        raise _no_link("a sandbox's files are on this machine")
    if not url.host or not 0 < (url.port or 1) < 65536:
        raise _no_link("it names no host, or no port of it")
    return url


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port  # httpx leaves a scheme's own port out


def _check(response: httpx.Response) -> None:
    """The link is not shown: whoever has it may need no key."""
    status, host = response.status_code, response.url.host
    if status in _GONE:
        raise Refused(
            f"The link to the file at {host} is not valid, or not any more (HTTP {status}).",
            hint="Links last a month at most: export again for a new one.",
            status_code=status,
        )
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if status != 200 or encoding != "identity":
        what = f"HTTP status {status}" if status != 200 else "a compressed file, which was not asked for"
        raise Unreachable(
            f"The file could not be downloaded: {host} answered with {what}.",
            hint="Export again.",
        )


def _no_link(reason: str) -> Refused:
    return Refused(
        f"The link to the file that 8x8 gave is not followed: {reason}.",
        hint="Look at it with voicecli api GET /messages/exports/JOB.",
        status_code=200,
    )
