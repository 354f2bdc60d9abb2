"""Callers: what a program gets that places calls by ``voicecli.Caller``, in this process."""

from pathlib import Path

import pytest
from conftest import RunningSandbox
from running_listener import free_port

from voicecli.account import Account
from voicecli.calling.caller import Caller
from voicecli.calling.events import AllAreTold, CallEvent, NobodyCanConfirm
from voicecli.calling.message import Script
from voicecli.errors import ConfigurationError, InvalidInput, VoicecliError
from voicecli.sandbox import API_KEY, SOURCE, SUBACCOUNT

PRESSES_1 = "+33199007103"
SCRIPT = Script(SOURCE, "The oven is too hot. Press 1.", confirm="1")


def account(sandbox: RunningSandbox) -> Account:
    return Account(API_KEY, SUBACCOUNT, sandbox.sandbox.url)


@pytest.mark.parametrize("kind", [VoicecliError, ConfigurationError])
@pytest.mark.parametrize("until_confirmed", [True, False])
def test_an_error_of_the_program_makes_nobody_be_called_twice(
    own_sandbox: RunningSandbox, tmp_path: Path, kind: type[VoicecliError], *, until_confirmed: bool
) -> None:
    def fail(event: CallEvent) -> None:
        if not isinstance(event, AllAreTold | NobodyCanConfirm):
            raise kind("The database is gone.")

    caller = Caller(account(own_sandbox), home=tmp_path, port=free_port())
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
    caller = Caller(account(own_sandbox), home=tmp_path, port=free_port())
    with pytest.raises(InvalidInput, match=f"{option} needs confirming"):
        caller.wait([SCRIPT.request(PRESSES_1)], **{option: True})
    assert not own_sandbox.sandbox.requested
