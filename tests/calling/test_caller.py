"""Callers: what a program gets that places calls by ``voicecli.Caller``, in this process."""

import os
import signal
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import DEADLINE, RunningSandbox
from raw_server import answering, document, server
from running_listener import free_port, set_webhook, webhooks

from voicecli.account import Account
from voicecli.calling.call_events import Accepted, AllAreTold, CallEvent, NobodyCanConfirm
from voicecli.calling.caller import Caller
from voicecli.calling.results import Result
from voicecli.calling.script import Script
from voicecli.errors import ConfigurationError, InvalidInput, Refused, VoicecliError
from voicecli.sandbox.account import API_KEY, SOURCE, SUBACCOUNT
from voicecli.store.location import StorePlace
from voicecli.voice_api.callflow import HANGUP

PRESSES_1 = "+33199007103"
SCRIPT = Script(SOURCE, "The oven is too hot. Press 1.", confirm="1")


def account(sandbox: RunningSandbox) -> Account:
    return Account(API_KEY, SUBACCOUNT, sandbox.sandbox.url)


@pytest.mark.parametrize(
    ("kind", "until_confirmed"),
    [
        (VoicecliError, True),
        (ConfigurationError, False),
        pytest.param(VoicecliError, False, marks=pytest.mark.soak),
        pytest.param(ConfigurationError, True, marks=pytest.mark.soak),
    ],
)
def test_an_error_of_the_program_makes_nobody_be_called_twice(
    own_sandbox: RunningSandbox, tmp_path: Path, kind: type[VoicecliError], *, until_confirmed: bool
) -> None:
    def fail(event: CallEvent) -> None:
        if not isinstance(event, AllAreTold | NobodyCanConfirm):
            raise kind("The database is gone.")

    caller = Caller(account(own_sandbox), store=StorePlace(tmp_path), port=free_port())
    with pytest.raises(kind, match="The database is gone"):
        caller.wait(
            [SCRIPT.request(PRESSES_1)],
            confirming=SCRIPT.confirming(),
            until_confirmed=until_confirmed,
            tell_anyway=True,
            on_event=fail,
        )
    assert len(own_sandbox.sandbox.requested) == 1


@pytest.mark.parametrize("option", ["until_confirmed", "tell_anyway"])
def test_an_alert_needs_keys_that_confirm(own_sandbox: RunningSandbox, tmp_path: Path, option: str) -> None:
    caller = Caller(account(own_sandbox), store=StorePlace(tmp_path), port=free_port())
    with pytest.raises(InvalidInput, match=f"{option} needs confirming"):
        caller.wait([SCRIPT.request(PRESSES_1)], **{option: True})
    assert not own_sandbox.sandbox.requested


def test_after_an_interrupt_the_ledger_has_what_was_accepted(
    own_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    def interrupt(event: CallEvent) -> None:
        if isinstance(event, Accepted | Result):
            raise KeyboardInterrupt

    caller = Caller(account(own_sandbox), store=StorePlace(tmp_path), port=free_port())
    requests = [Script(SOURCE, "Hello").request(PRESSES_1) for _ in range(2)]
    with pytest.raises(KeyboardInterrupt):
        caller.wait(requests[:1], on_event=interrupt)
    with pytest.raises(KeyboardInterrupt):
        caller.place(requests[1:], interrupt)
    sessions = [session.session_id for session in own_sandbox.sandbox.sessions]
    ids = [request.client_request_id for request in requests]
    assert [(key, one.session_id) for key, one in caller.ledger.accepted.items()] == [
        *zip(ids, sessions, strict=True)
    ]
    assert not caller.ledger.lost


def test_after_an_interrupt_the_ledger_has_what_may_have_been_accepted(tmp_path: Path) -> None:
    over = threading.Event()

    def interrupt(_: socket.socket) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        over.wait(DEADLINE)

    request = Script(SOURCE, "Hello").request(PRESSES_1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with server(interrupt) as (url, _):
            caller = Caller(Account(API_KEY, SUBACCOUNT, url), store=StorePlace(tmp_path))
            with pytest.raises(KeyboardInterrupt):
                caller.place([request])
            over.set()
    finally:
        signal.signal(signal.SIGINT, before)
    assert [*caller.ledger.lost] == [request.client_request_id]
    assert not caller.ledger.accepted


@pytest.mark.soak
def test_an_application_answers_what_a_callflow_of_ones_own_asks(
    own_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    seen: list[str] = []

    def watch(event: CallEvent) -> None:
        if isinstance(event, Accepted):
            seen.append(webhooks(own_sandbox)["VCA"])

    caller = Caller(account(own_sandbox), store=StorePlace(tmp_path), port=free_port())
    whole = SCRIPT.request(PRESSES_1)
    end = replace(whole, callflow=whole.callflow[:2], client_request_id="ends-with-its-question")
    with pytest.raises(ConfigurationError, match="No key that is pressed could arrive"):
        caller.place([whole])
    with server(answering(document({"callflow": [HANGUP]}))) as (url, _):
        set_webhook(own_sandbox, "VCA", f"{url}/vca")
        with pytest.raises(ConfigurationError, match="points to an application"):
            caller.place([whole])
        assert not own_sandbox.sandbox.requested
        elsewhere = replace(caller, vca_elsewhere=True)
        assert [result.placed for result in elsewhere.place([whole])] == [True]
        with pytest.raises(InvalidInput, match="no key that confirms could arrive here"):
            elsewhere.wait([whole], confirming=SCRIPT.confirming())
        ended = caller.wait([end], on_event=watch)
    assert ended.confirmed
    assert seen == [f"{url}/vca"]


@pytest.mark.parametrize("until_confirmed", [True, False])
def test_a_single_call_that_is_refused_has_a_result(
    own_sandbox: RunningSandbox, tmp_path: Path, *, until_confirmed: bool
) -> None:
    caller = Caller(account(own_sandbox), store=StorePlace(tmp_path), port=free_port())
    script = replace(SCRIPT, voice="nobody")
    ended = caller.wait(
        [script.request(PRESSES_1)], confirming=script.confirming(), until_confirmed=until_confirmed
    )
    [result] = ended.results
    assert isinstance(result.error, Refused)
    assert ended.error is (None if until_confirmed else result.error)
