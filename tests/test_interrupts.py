"""A signal takes effect where the program waits or looks, at once where it waits, and nowhere else."""

import io
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest
from conftest import NUMBER
from raw_server import http, server

from voicecli import Client, interrupts, voice_message
from voicecli.cli import interrupts as handlers
from voicecli.cli.app import run
from voicecli.cli.context import Context
from voicecli.errors import Unreachable
from voicecli.output import files
from voicecli.voice_api.operations.webhooks import list_webhooks

INT = signal.SIGINT


@pytest.fixture(autouse=True)
def signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing has been noted, and SIGUSR1 is noted as Ctrl-C."""
    monkeypatch.setattr(interrupts, "_signals", interrupts._Signals())
    before = signal.signal(signal.SIGUSR1, lambda _number, _frame: interrupts.note(INT))
    yield
    signal.signal(signal.SIGUSR1, before)


@contextmanager
def interrupted_when(entered: threading.Event) -> Iterator[None]:
    """A signal comes after that, in the midst of what the main thread waits for."""

    def send() -> None:
        entered.wait(10)
        os.kill(os.getpid(), signal.SIGUSR1)

    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(KeyboardInterrupt) as caught:
        yield
    assert caught.value.args == (INT,)
    sender.join()


def test_a_signal_is_noted_and_raises_nothing_until_somebody_looks() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
    assert interrupts.is_noted()
    with pytest.raises(KeyboardInterrupt):
        interrupts.check()
    assert not interrupts.is_noted()
    interrupts.check()


@pytest.mark.parametrize("wait", [lambda: interrupts.sleep(10), lambda: interrupts.in_thread(lambda: None)])
def test_what_was_noted_before_ends_a_wait_at_once(wait: Callable[[], None]) -> None:
    interrupts.note(INT)
    with pytest.raises(KeyboardInterrupt):
        wait()


def test_a_message_on_what_has_happened_is_not_cut_off_by_what_was_noted_before() -> None:
    interrupts.note(INT)
    with interrupts.waiting(noted=False):
        pass
    assert interrupts.is_noted()


def test_who_presses_twice_within_a_second_presses_once() -> None:
    interrupts.note(INT)
    with pytest.raises(KeyboardInterrupt):
        interrupts.check()
    interrupts.note(INT)
    assert not interrupts.is_noted()
    interrupts._signals.last -= interrupts.REPEAT_INTERVAL
    interrupts.note(INT)
    assert interrupts.is_noted()


def test_other_threads_are_not_interrupted() -> None:
    interrupts.note(INT)

    def work() -> str:
        interrupts.check()
        interrupts.sleep(0)
        return "done"

    done: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=lambda: done.put(work())).start()
    assert done.get(timeout=10) == "done"
    assert interrupts.is_noted()


def test_what_goes_wrong_in_a_thread_is_raised_where_it_is_waited_for() -> None:
    with pytest.raises(ZeroDivisionError):
        interrupts.in_thread(lambda: 1 / 0, timeout=10)


def test_what_was_noted_before_keeps_an_event_loop_from_beginning_its_work() -> None:
    async def work() -> None:
        pytest.fail("it has begun")

    interrupts.note(INT)
    with pytest.raises(KeyboardInterrupt) as caught:
        handlers.run(work())
    assert caught.value.args == (INT,)


def test_what_deletes_step_by_step_ends_between_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    def steps(*_: object, **__: object) -> Iterator[tuple[int, int]]:
        yield 1, 0
        interrupts.note(INT)
        yield 1, 0
        pytest.fail("it goes on")

    monkeypatch.setattr("voicecli.cli.prune.retention.prune", steps)
    err = io.StringIO()
    code = run(["prune", "--older-than", "1d"], Context(stdin=None, stdout=io.StringIO(), stderr=err))
    assert (code, err.getvalue()) == (130, "Error: Interrupted.\n")


def test_a_file_that_is_half_written_when_a_signal_comes_is_none(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        interrupts.note(INT)
        yield b" and half"

    with pytest.raises(KeyboardInterrupt):
        files.replace(files.target("x.csv", tmp_path), pieces())
    assert list(tmp_path.iterdir()) == []


# -- in the midst of a request -----------------------------------------------------------------------


def client(url: str, on_retry: Callable[[str, float], None] | None = None) -> Client:
    return Client(
        api_key="k" * 20,
        subaccount_id="sub",
        base_url=url,
        request_timeout=30,
        retries=5,
        on_retry=on_retry,
    )


REQUEST = voice_message(NUMBER, "hi", source="+33199000000")


def test_while_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, over = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> None:
        entered.set()
        over.wait(10)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with client("https://voice.example") as the_client:
        with interrupted_when(entered):
            the_client.call(REQUEST)
        assert the_client.in_doubt is None
    over.set()


def test_while_the_answer_is_waited_for() -> None:
    entered = threading.Event()

    def silent(connection: socket.socket) -> None:
        entered.set()
        connection.recv(1)

    with server(silent) as (url, requests), client(url) as the_client:
        with interrupted_when(entered):
            the_client.call(REQUEST)
        assert the_client.in_doubt is not None
        assert "may have been placed" in the_client.in_doubt.message
        assert len(requests) == 1


def test_after_the_answer_to_a_question_nothing_is_in_doubt() -> None:
    answer = http("200 OK", b'{"webhooks": []}', "Content-Type: application/json")
    with server(lambda connection: connection.sendall(answer)) as (url, requests), client(url) as the_client:
        the_client.send(list_webhooks())
        assert (the_client.in_doubt, len(requests)) == (None, 1)


def test_while_8x8_asks_to_wait() -> None:
    entered = threading.Event()
    limited = http("429 Too Many Requests", b"", "Retry-After: 30")
    with (
        server(lambda connection: connection.sendall(limited)) as (url, requests),
        client(url, on_retry=lambda _reason, _seconds: entered.set()) as the_client,
    ):
        with interrupted_when(entered):
            the_client.call(REQUEST)
        assert the_client.in_doubt is None
        assert len(requests) == 1


@pytest.mark.parametrize(
    "wait",
    [
        lambda: interrupts.sleep(30),
        lambda: interrupts.take(SimpleQueue(), timeout=30),
        lambda: interrupts.in_thread(threading.Event().wait),
    ],
    ids=["sleep", "take", "in_thread"],
)
def test_a_signal_in_the_instant_before_it_waits_is_not_waited_out(wait: Callable[[], object]) -> None:
    """Its handler has run then, and nothing ends the system call."""
    timer = threading.Timer(0.05, interrupts.postpone, [INT])
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        wait()
    assert time.monotonic() - start < 10
    timer.join()


def test_what_was_noted_before_lets_nothing_leave() -> None:
    with server(lambda _: None) as (url, requests), client(url) as the_client:
        interrupts.note(INT)
        with pytest.raises(KeyboardInterrupt):
            the_client.call(REQUEST)
    assert requests == []


def test_a_request_of_another_thread_does_not_leave_either() -> None:
    found: SimpleQueue[BaseException] = SimpleQueue()
    with server(lambda _: None) as (url, requests), client(url) as the_client:

        def work() -> None:
            try:
                the_client.call(REQUEST)
            except Unreachable as error:
                found.put(error)

        interrupts.note(INT)
        the_client.stop()
        threading.Thread(target=work).start()
        assert isinstance(found.get(timeout=10), Unreachable)
    assert not any(requests), "it has only connected"
