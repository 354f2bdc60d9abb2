"""Asks an address who answers there: this listener, another one of voicecli's, or something else."""

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from voicecli.events import webhook_url
from voicecli.untrusted import json_object, text

TIMEOUT = 10.0  # seconds
NOTHING_BEHIND = (502, 503, 504)  # HTTP, of a proxy
NGROK_ERROR = "ngrok-error-code"  # a header of ngrok's own answers, such as for a tunnel that has ended


@dataclass(frozen=True, slots=True)
class Health:
    """``instance`` is the listener that answers, else ``trouble`` says what is there; ``seconds`` is how long
    that took. ``is_gone`` is whether nothing is there, but perhaps a tunnel or proxy that says so."""

    instance: str | None
    trouble: str
    seconds: float
    is_gone: bool = False

    def not_here(self, instance: str) -> str | None:
        """Why the address does not lead to that listener, or None where it does."""
        if self.instance == instance:
            return None
        return self.trouble or "another voicecli listen answers there"


def ask(listener: str, *, timeout: float = TIMEOUT) -> Health:
    """Who is at the public address of a listener. Blocks for at most about ``timeout`` seconds."""
    import httpx

    start = time.monotonic()

    def found(instance: str | None, trouble: str = "", *, is_gone: bool = False) -> Health:
        return Health(instance, trouble, time.monotonic() - start, is_gone)

    try:
        with (
            httpx.Client(timeout=timeout) as http,
            http.stream("GET", f"{listener.rstrip('/')}/health") as answer,
        ):
            body = b""
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) > 10_000 or time.monotonic() - start > timeout:
                    break
            document = json_object(body) or {}
            instance = text(document.get("instance"))
            if document.get("service") == "voicecli" and instance:
                return found(instance)
            return found(
                None,
                f"something else answers there (HTTP {answer.status_code})",
                is_gone=answer.status_code in NOTHING_BEHIND or NGROK_ERROR in answer.headers,
            )
    except httpx.TimeoutException:
        return found(None, f"there was no answer within {timeout:.0f} s", is_gone=True)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return found(None, f"it can't be reached ({type(error).__name__})", is_gone=True)


def behind(webhook: str) -> str | None:
    """The address of the listener of voicecli's that a webhook would lead to, by its path; None for any
    other receiver."""
    parts = urlsplit(webhook)
    root, found, _ = parts.path.partition(webhook_url("", ""))
    return f"{parts.scheme}://{parts.netloc}{root}" if found else None


def is_listener(webhook: str) -> bool:
    """Whether a listener of voicecli's answers where a webhook leads."""
    listener = behind(webhook)
    return listener is not None and ask(listener, timeout=5.0).instance is not None
