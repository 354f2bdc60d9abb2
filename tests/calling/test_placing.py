"""Placing calls: what is on disk when a request leaves, what a 429 proves, whom nobody calls."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import NUMBER, Program, RunningSandbox
from past import event, keep
from raw_server import Speak, document, http, server

from voicecli.account import Account
from voicecli.calling.ledger import Ledger
from voicecli.calling.placing import Placer
from voicecli.errors import ConfigurationError, OutcomeUnknown, RateLimited, Unsubscribed
from voicecli.sessions.attempt import Attempt, AttemptState
from voicecli.sessions.key_names import KeyNames
from voicecli.store.attempts import attempts_where
from voicecli.store.location import StorePlace
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.callflow import HANGUP, CallRequest, call_request, make_call
from voicecli.voice_api.client import Client
from voicecli.voice_api.messages import Capture, voice_message

SOURCE, OTHER, BUSY = "+33199000000", "+33199004321", "+33199000486"
TOO_MANY = http("429 Too Many Requests", b"", "Retry-After: 0")
CREATED = document({"sessionId": "s-1", "sessionStatus": "CREATED", "statusCode": 1})


def request(**options: str) -> CallRequest:
    return voice_message(NUMBER, "Hello", source=SOURCE, message_id="m-1", **options)


@contextmanager
def placer(url: str, home: Path, *, retries: int = 2, **options: Any) -> Iterator[tuple[Placer, list[str]]]:
    account, warnings = Account("k" * 20, "sub", url), list[str]()
    with Client(api_key="k" * 20, subaccount_id="sub", base_url=url, retries=retries) as client:
        yield (
            Placer(client, account, StorePlace(home), ledger=Ledger(), warn=warnings.append, **options),
            warnings,
        )


def attempts(home: Path) -> list[Attempt]:
    with SqliteStore(home) as store:
        return list(attempts_where(store, ""))


# -- what is on disk -----------------------------------------------------------------------------------


def test_a_request_is_in_the_store_before_it_leaves_and_its_session_before_it_is_told(tmp_path: Path) -> None:
    seen: list[AttemptState] = []

    def speak(connection: socket.socket) -> None:
        seen.extend(one.state for one in attempts(tmp_path))
        connection.sendall(CREATED)

    with server(speak) as (url, _), placer(url, tmp_path) as (caller, warnings):
        caller.place(request())
        assert seen == [AttemptState.SENDING]
        assert [(one.state, one.session_id) for one in attempts(tmp_path)] == [(AttemptState.ACCEPTED, "s-1")]
    assert warnings == []


@pytest.mark.parametrize(("vca_elsewhere", "asks"), [(False, "1,2"), (True, None)])
def test_an_attempt_tells_which_keys_confirm_unless_an_application_replies(
    tmp_path: Path, vca_elsewhere: bool, asks: str | None
) -> None:
    question = voice_message(NUMBER, "Press 1", source=SOURCE, capture=Capture())
    keys = KeyNames.of_confirm("12")
    with server(lambda connection: connection.sendall(CREATED)) as (url, _):
        with placer(url, tmp_path, keys=keys, vca_elsewhere=vca_elsewhere) as (
            caller,
            _warnings,
        ):
            caller.place(question)
            caller.place(request())
    assert [attempt.asks for attempt in attempts(tmp_path)] == [asks, None]


@pytest.mark.parametrize("needs_store", [False, True])
def test_only_a_call_that_needs_the_store_is_refused_without_one(
    tmp_path: Path, *, needs_store: bool
) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "home"
    with server(lambda connection: connection.sendall(CREATED)) as (url, requests):
        with placer(url, home, needs_store=needs_store) as (caller, warnings):
            if needs_store:
                with pytest.raises(ConfigurationError):
                    caller.place(request())
            else:
                caller.place(request())
                [warning] = warnings
                assert NUMBER in warning
                assert "has unsubscribed" in warning
        assert len(requests) == (not needs_store)


# -- 429 -----------------------------------------------------------------------------------------------


def after_a_429(home: Path, *summaries: dict[str, object]) -> Speak:
    """Answers 429, and then as a call that is placed; meanwhile these summaries arrive."""
    left = [TOO_MANY, CREATED]

    def speak(connection: socket.socket) -> None:
        for summary in summaries:
            keep(home, summary)
        connection.sendall(left.pop(0))

    return speak


def test_a_429_for_a_request_that_a_summary_names_proves_nothing(tmp_path: Path) -> None:
    summary = event("VSS", "COMPLETED", clientRequestId="m-1")
    for retries in (0, 3):
        home = tmp_path / f"{retries}"
        with (
            server(after_a_429(home, summary)) as (url, requests),
            placer(url, home, retries=retries) as (caller, _),
        ):
            with pytest.raises(OutcomeUnknown):
                caller.place(request())
            assert len(requests) == 1
        assert [one.state for one in attempts(home)] == [AttemptState.UNKNOWN]


@pytest.mark.parametrize(
    "summary",
    [
        event("VSS", "COMPLETED", clientRequestId="m-2"),
        event("VSS", "COMPLETED", clientRequestId="m-1", number=OTHER),
        event("VCS", "CALL_CONNECTED"),
    ],
)
def test_what_is_of_another_call_leaves_a_429_a_refusal(tmp_path: Path, summary: dict[str, object]) -> None:
    with server(after_a_429(tmp_path, summary)) as (url, requests), placer(url, tmp_path) as (caller, _):
        assert caller.place(request()).session_id == "s-1"
        assert len(requests) == 2


def test_an_earlier_call_of_the_same_name_leaves_a_429_a_refusal(tmp_path: Path) -> None:
    keep(tmp_path, event("VSS", "BUSY", clientRequestId="m-1"), ago=60)
    with server(lambda connection: connection.sendall(TOO_MANY)) as (url, _):
        with placer(url, tmp_path, retries=0) as (caller, _warnings), pytest.raises(RateLimited):
            caller.place(request())
    assert attempts(tmp_path) == []


# -- who unsubscribed ------------------------------------------------------------------------------------


CALLS = [make_call(SOURCE, NUMBER), HANGUP]


@pytest.mark.parametrize(
    ("status", "written", "flow"),
    [
        ("UNSUBSCRIBED", NUMBER, CALLS),
        ("COMPLETED_UNSUBSCRIBED", NUMBER[1:], CALLS),
        ("unsubscribed_contact", NUMBER, [make_call(SOURCE, NUMBER[1:]), HANGUP]),
        ("UNSUBSCRIBED", NUMBER[1:], [make_call(SOURCE, OTHER), make_call(SOURCE, NUMBER)]),
    ],
)
def test_nobody_who_unsubscribed_is_called_however_it_is_written(
    tmp_path: Path, status: str, written: str, flow: list[object]
) -> None:
    keep(tmp_path, event("VSS", "COMPLETED", number=written, sessionStatus=status))
    with server(lambda connection: connection.sendall(CREATED)) as (url, requests):
        with placer(url, tmp_path) as (caller, _), pytest.raises(Unsubscribed, match=f"\\{NUMBER} has"):
            caller.place(call_request(flow))
        assert requests == []
        with placer(url, tmp_path, call_unsubscribed=True) as (caller, _):
            caller.place(call_request(flow))
        assert len(requests) == 1


@pytest.fixture
def unsubscribed(tmp_path: Path) -> str:
    keep(tmp_path / "home", event("VSS", "COMPLETED_UNSUBSCRIBED"))
    return NUMBER


def place_by_api(flow: Path, number: object, path: str) -> tuple[str, ...]:
    call = {"action": "makeCall", "params": {"source": SOURCE, "destination": number}}
    flow.write_text(json.dumps({"callflow": [call, HANGUP]}))
    return ("api", "POST", path, "--data", f"@{flow}")


@pytest.mark.parametrize(
    "arguments",
    [
        ("call", NUMBER, "Hello"),
        ("call", NUMBER, "Hello", "--wait"),
        ("call", NUMBER, "Hello", "--once"),
        ("call", NUMBER, "Press 1", "--confirm", "1", "--until-confirmed"),
        ("api", "/callflows"),
        ("api", "/%63allflows?from=here"),
    ],
)
def test_every_command_leaves_them_out_in_the_same_words(
    run: Program, own_sandbox: RunningSandbox, unsubscribed: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    if arguments[0] == "api":
        arguments = place_by_api(tmp_path / "flow.json", unsubscribed, arguments[1])
    done = run(*arguments, "--json", env=own_sandbox.environment)
    assert done.code == 15, done
    assert done.error == {
        "code": "unsubscribed",
        "message": f"{NUMBER} has unsubscribed: nothing was sent.",
        "hint": done.error["hint"],
        "retryable": False,
        "destination": NUMBER,
        "number": NUMBER,
    }
    assert f"broadcast allow {NUMBER}" in done.error["hint"]
    assert not own_sandbox.sandbox.sessions


def test_a_number_that_is_one_in_json_is_theirs_too(
    run: Program, own_sandbox: RunningSandbox, unsubscribed: str, tmp_path: Path
) -> None:
    arguments = place_by_api(tmp_path / "flow.json", int(unsubscribed), "/callflows")
    assert run(*arguments, env=own_sandbox.environment).code == 15


def test_of_several_numbers_only_that_one_is_left_out(
    run: Program, own_sandbox: RunningSandbox, unsubscribed: str
) -> None:
    done = run("call", unsubscribed, OTHER, "Hello", env=own_sandbox.environment)
    assert done.code == 7
    assert done.out.startswith(f"{NUMBER} has unsubscribed: nothing was sent.\n")
    assert len(own_sandbox.sandbox.sessions) == 1
    done = run("call", unsubscribed, "Hello", "--call-unsubscribed", env=own_sandbox.environment)
    assert done.code == 0
