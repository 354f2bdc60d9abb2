"""Asks an address who answers there: this listener, another one of voicecli's, or something else."""

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from voicecli.events import webhook_url
from voicecli.untrusted import json_object, text

TIMEOUT = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Health:
    """``instance`` is the listener that answers, else ``trouble`` says what is there, and ``answers`` whether
    that answers as somebody's own application might; ``seconds`` is how long that took."""

    instance: str | None
    trouble: str
    seconds: float
    answers: bool = False

    def not_here(self, instance: str) -> str | None:
        """Why the address does not lead to that listener, or None where it does."""
        if self.instance == instance:
            return None
        return self.trouble or "another voicecli listen answers there"


def ask(listener: str, *, timeout: float = TIMEOUT) -> Health:
    """Who is at the public address of a listener. Blocks for at most about ``timeout`` seconds."""
    import httpx

    start = time.monotonic()

    def found(instance: str | None, trouble: str = "", *, answers: bool = False) -> Health:
        return Health(instance, trouble, time.monotonic() - start, answers)

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
            status = answer.status_code
            # A gateway or a tunnel answers 5xx for what is not there, and ngrok 404 with its own header.
            there = status < 500 and "ngrok-error-code" not in answer.headers
            return found(None, f"something else answers there (HTTP {status})", answers=there)
    except httpx.TimeoutException:
        return found(None, f"there was no answer within {timeout:.0f} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return found(None, f"it can't be reached ({type(error).__name__})")


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
