"""One request and its response over httpx, with a limit to the whole of it, and whether it may have left."""

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue

from voicecli import interrupts
from voicecli.voice_api.retries import NotSent
from voicecli.voice_api.wire import HttpResponse

ENDING = 1.0  # seconds that an exchange may take to end when its connection is closed

Watch = Callable[[str, Mapping[str, object]], None]
"""httpcore's trace extension, which httpx documents: gets each step of an exchange."""


class Exchange:
    """A request and its response, in a thread of its own, so that they can be given up at any point: when
    they take too long as a whole (httpx's own time-outs begin anew with every byte), or at a signal.

    ``carry`` sends the request and reads the response; ``leave`` is called when the request is about to
    leave, and may raise, so that it does not.
    """

    def __init__(self, carry: Callable[[Watch], HttpResponse], leave: Callable[[], None]) -> None:
        self.has_left = False
        """Whether the request may have begun to leave. Final once ``run`` has returned or raised."""
        self._carry = carry
        self._leave = leave
        self._leaving = threading.Lock()
        self._is_given_up = False
        self._news: SimpleQueue[bool] = SimpleQueue()  # False as it begins to send, True at the end
        self._began = False
        self._outcome: HttpResponse | Exception | None = None
        self._socket: socket.socket | None = None

    def run(self, seconds: float) -> bool:
        """Until there is an answer; whether it took no longer than ``seconds`` from sending. An answer that
        is there when a signal comes is not thrown away: the signal takes effect a little later."""
        try:
            threading.Thread(target=self._work, daemon=True).start()
            if interrupts.take(self._news) or interrupts.take(self._news, timeout=seconds):
                return True
        except Empty:
            self._give_up()
            with suppress(Empty):
                self._news.get(timeout=ENDING)
            return False
        except KeyboardInterrupt as interrupt:
            if self._outcome is None or not interrupt.args:
                self._give_up()
                raise
            interrupts.postpone(*interrupt.args)
        return True

    def response(self) -> HttpResponse:
        """Raises what went wrong."""
        if self._outcome is None:
            raise TimeoutError
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def _work(self) -> None:
        try:
            self._outcome = self._carry(self._watch)
        except Exception as error:  # noqa: BLE001 - raised by ``response``
            self._outcome = error
        self._news.put(True)

    def _watch(self, event: str, info: Mapping[str, object]) -> None:
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = info["return_value"]
            self._socket = stream.get_extra_info("socket")  # type: ignore[attr-defined]
        elif event.endswith(".send_request_headers.started"):
            # A CONNECT is only for the proxy.
            if info["request"].method != b"CONNECT":  # type: ignore[attr-defined]
                with self._leaving:
                    if self._is_given_up:
                        raise NotSent("it was given up")
                    self._leave()
                    self.has_left = True
            if not self._began:
                self._began = True
                self._news.put(False)

    def _give_up(self) -> None:
        """From now on it does not leave, if it has not yet."""
        with self._leaving:
            self._is_given_up = True
        if self._socket is not None:
            with suppress(OSError):  # it may be gone by itself; of a TLS socket, the one below is meant
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
