"""Which requests a listener refuses: those without its token, or, where it has none, those of web pages."""

import base64
import hmac
import socket
from collections.abc import Callable, Iterable, Mapping

from voicecli import urls

USER = "admin"  # of Basic authentication, as the example project has it


class RequestGuard:
    """Without ``token`` anybody who reaches it may report events, but no web page that is open on this
    machine: then a request that a browser sends for a page is refused, and one whose Host is neither this
    machine nor in ``names``, the hosts of its public URLs. With a token neither is looked at: a page does not
    know it, and a proxy may have put in any Host. ``warn`` gets advice, once for each reason."""

    def __init__(self, token: str | None, names: Iterable[str], warn: Callable[[str], None]) -> None:
        self._credentials = _credentials(token)
        self._names = {*names, *_names_of_this_machine()}
        self._warn = warn
        self._advised: set[str] = set()  # reasons that were explained

    @property
    def has_token(self) -> bool:
        return self._credentials is not None

    def add_name(self, public_url: str) -> None:
        """It is reached at this URL from now on, too."""
        self._names.add(urls.host_of(public_url))

    def is_authorised(self, given: str) -> bool:
        if self._credentials is None:
            return True
        scheme, blank, rest = given.strip().partition(" ")
        if blank:
            given = f"{scheme.lower()} {rest.lstrip()}"  # a scheme has any case (RFC 9110, 11.1)
        proof = given.encode(errors="replace")
        fits = False
        for credential in self._credentials:  # all are compared, so that the time taken tells nothing
            fits |= hmac.compare_digest(proof, credential)
        return fits

    def refusal_without_token(self, headers: Mapping[str, str], path: str) -> str:
        """Why a request without a token is refused; nothing where it is fine. A page may ask for /health: it
        can't read the answer."""
        host = headers.get("Host")
        if not urls.is_own_host(host, self._names):
            reason = "not for this machine"
            advice = (
                f"A request for the host {host} was refused. Without a token only names of this machine and "
                "the host of its public URL are accepted: give --public-url, or set WEBHOOK_AUTH_TOKEN."
            )
        elif path != "/health" and urls.is_from_web_page(headers):
            reason = "from a web page"
            advice = f"A web page was refused that tried to report an event ({headers.get('Origin', '?')})."
        else:
            return ""
        if reason not in self._advised:
            self._advised.add(reason)
            self._warn(advice)
        return reason


def _credentials(token: str | None) -> list[bytes] | None:
    """All that the Authorization header may say, the scheme in lower case."""
    if token is None:
        return None
    basic = base64.b64encode(f"{USER}:{token}".encode()).decode()
    return [text.encode() for text in (token, f"bearer {token}", f"basic {basic}")]


def _names_of_this_machine() -> set[str]:
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return {name, short, f"{short}.local"} - {""}
