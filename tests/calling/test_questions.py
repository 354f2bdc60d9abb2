"""A callflow that asks something: what of it is sent, and who answers what is pressed."""

import json
from pathlib import Path

import pytest
from conftest import NUMBER, Finished, Program, RunningSandbox, wait_until
from past import event, keep
from raw_server import document, server
from running_listener import listening, public_access, registering, set_webhook, webhooks

from voicecli.calling.questions import (
    after_question,
    ending_in_hangup,
    has_question,
    up_to_question,
    without_questions,
)
from voicecli.calling.script import Script
from voicecli.voice_api.callflow import HANGUP, Action, call_request, make_call

SOURCE, OTHER, VOICE = "+33199000000", "+33199004321", "en-US-BenjaminRUS"
PRESSES_1, PRESSES_1_TOO = "+33199007103", "+33199007104"
NOWHERE = "http://127.0.0.1:9"
CALL = make_call(SOURCE, NUMBER)
SAY: Action = {"action": "say", "params": {"text": "Thanks", "voiceProfile": VOICE}}
BRIDGE = make_call(SOURCE, OTHER)


def ask(text: str = "Press 1") -> Action:
    return {"action": "sayAndCapture", "params": {"promptMessage": text, "voiceProfile": VOICE}}


# -- what is sent ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flow", "rest"),
    [
        ([CALL, SAY, HANGUP], 0),
        ([CALL, ask()], 0),
        ([CALL, SAY, ask(), HANGUP], 1),
        ([CALL, ask(), SAY, BRIDGE], 2),
        ([CALL, ask("First"), SAY, ask("Second"), HANGUP], 3),
    ],
)
def test_what_is_sent_ends_with_the_first_question(flow: list[Action], rest: int) -> None:
    whole = call_request(flow)
    assert [*up_to_question(whole).callflow, *after_question(whole)] == flow
    assert len(after_question(whole)) == rest
    assert up_to_question(whole).client_request_id == whole.client_request_id


def test_a_message_that_asks_is_followed_by_hangup() -> None:
    whole = Script(SOURCE, "Press 1", confirm="1").request(NUMBER)
    assert [action["action"] for action in up_to_question(whole).callflow] == ["makeCall", "sayAndCapture"]
    assert after_question(whole) == (HANGUP,)
    assert not has_question(Script(SOURCE, "Hello").request(NUMBER))


def test_where_nobody_can_answer_the_same_is_told() -> None:
    whole = Script(SOURCE, "Press 1", confirm="1", thanks="Thanks", repeat=2, speed=1.5).request(NUMBER)
    params = {"text": "Press 1", "voiceProfile": VOICE, "speed": 1.5, "repetition": 2}
    assert without_questions(whole).callflow == (CALL, {"action": "say", "params": params}, HANGUP)


@pytest.mark.parametrize(
    ("flow", "more"),
    [
        ([CALL, SAY], []),
        ([CALL, ask()], []),
        ([CALL, ask(), SAY, HANGUP], []),
        ([CALL, ask(), SAY, {"action": "hangup", "params": {}}], []),
        ([CALL, ask(), BRIDGE], [HANGUP]),
        ([CALL, ask(), SAY, ask("Second")], [HANGUP]),
    ],
)
def test_nobody_is_dialled_twice_where_8x8_has_got_what_follows_a_question(
    flow: list[Action], more: list[Action]
) -> None:
    assert [*ending_in_hangup(call_request(flow)).callflow] == [*flow, *more]


# -- the command -----------------------------------------------------------------------------------------


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    """A callflow with more behind its question."""
    path = tmp_path / "flow.json"
    path.write_text(json.dumps([ask(), SAY, HANGUP]))
    return path


def kinds(sandbox: RunningSandbox) -> list[list[str]]:
    """Of the actions of each request that arrived."""
    found = []
    for body in sandbox.sandbox.requested:
        actions = body["callflow"]
        assert isinstance(actions, list)
        found.append([action["action"] for action in actions])
    return found


def test_a_dry_run_shows_both_halves(call: Program, flow: Path) -> None:
    done = call(NUMBER, "--callflow", str(flow), "--dry-run")
    first, second = done.out.split("the reply to the VCA webhook:")
    assert ("sayAndCapture" in first, "hangup" in first) == (True, False)
    assert ("sayAndCapture" in second, "hangup" in second) == (False, True)
    shown = call(NUMBER, "--callflow", str(flow), "--dry-run", "--json").json
    assert shown["body"]["callflow"][1:] == [ask()]
    assert shown["reply"] == {"callflow": [SAY, HANGUP]}
    assert "reply" not in call(NUMBER, "Hello", "--dry-run", "--json").json


def test_a_question_that_nobody_could_answer_is_not_asked(
    run: Program, own_sandbox: RunningSandbox, flow: Path
) -> None:
    done = run("call", NUMBER, "--callflow", str(flow), env=own_sandbox.environment)
    assert done.code == 3
    assert "No key that is pressed could arrive. The VCA webhook is not set" in done.err
    assert "voicecli listen --register" in done.err
    assert kinds(own_sandbox) == []


@pytest.mark.parametrize("wait", [(), pytest.param(("--wait", "--timeout", "20s"), marks=pytest.mark.soak)])
def test_beside_an_application_only_what_it_may_know_is_asked(
    run: Program, own_sandbox: RunningSandbox, flow: Path, tmp_path: Path, wait: tuple[str, ...]
) -> None:
    def call(*arguments: str) -> Finished:
        access = public_access() if wait else []
        return run("call", NUMBER, *arguments, *wait, *access, env=own_sandbox.environment)

    application = document({"callflow": [HANGUP]})
    with server(lambda connection: connection.sendall(application)) as (url, _):
        set_webhook(own_sandbox, "VCA", f"{url}/vca")
        done = call("--callflow", str(flow))
        assert done.code == 3
        assert "--vca-elsewhere" in done.err
        assert kinds(own_sandbox) == []
        assert call("--callflow", str(flow), "--vca-elsewhere").code == 0
        ends = tmp_path / "ends.json"
        ends.write_text(json.dumps([ask()]))
        done = call("--callflow", str(ends))
        assert done.code == 0
        assert f"The VCA webhook points to an application at {url}/vca." in done.err
        assert kinds(own_sandbox) == [["makeCall", "sayAndCapture"]] * 2
        assert webhooks(own_sandbox)["VCA"] == f"{url}/vca"


def test_where_nobody_has_the_webhook_of_another_application_the_call_itself_goes_on(
    run: Program, own_sandbox: RunningSandbox, flow: Path
) -> None:
    access = public_access()
    arguments = ("--callflow", str(flow), "--vca-elsewhere", "--wait", "--timeout", "20s", *access)
    assert run("call", PRESSES_1, *arguments, env=own_sandbox.environment).code == 0
    [session] = own_sandbox.sandbox.sessions
    assert [action["action"] for action in session.played] == ["makeCall", "sayAndCapture", "say", "hangup"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Press 1", "--confirm", "1", "--vca-elsewhere"), "--confirm can't be given together with"),
        (("Type", "--digits", "4", "--vca-elsewhere"), "--digits can't be given together with"),
        (("Hello", "--vca-elsewhere"), "--vca-elsewhere has no effect"),
        (("Hello", "--wait", "--tell-anyway"), "--tell-anyway has no effect without --confirm"),
    ],
)
def test_options_without_effect_are_refused(call: Program, arguments: tuple[str, ...], words: str) -> None:
    done = call(NUMBER, *arguments)
    assert done.code == 2
    assert words in done.err


@pytest.mark.parametrize("order", [(), pytest.param(("--until-confirmed",), marks=pytest.mark.soak)])
def test_an_alert_goes_out_even_if_nobody_can_confirm_it(
    run: Program, own_sandbox: RunningSandbox, order: tuple[str, ...]
) -> None:
    numbers = (PRESSES_1, PRESSES_1_TOO)
    away = ("--public-url", NOWHERE, "--port", "0")  # 8x8 would not get through
    options = ("Fire. Press 1", "--confirm", "1", *order, *away)
    assert run("call", *numbers, *options, env=own_sandbox.environment).code == 5
    assert kinds(own_sandbox) == []
    done = run("call", *numbers, *options, "--tell-anyway", env=own_sandbox.environment)
    assert done.code == 16
    assert [line.partition(":")[0] for line in done.out.splitlines()] == [*numbers]
    assert "Nobody can confirm" in done.err
    assert kinds(own_sandbox) == [["makeCall", "say", "hangup"]] * 2


def test_who_was_only_told_has_not_confirmed(
    run: Program, own_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """So the alert is told again: when its calls have ended, and not before."""
    options = ("Fire. Press 1", "--confirm", "1", "--tell-anyway", "--once", "--until-confirmed")
    command = ("call", PRESSES_1, PRESSES_1_TOO, *options, "--public-url", NOWHERE, "--port", "0")
    assert run(*command, env=own_sandbox.environment).code == 16
    again = run(*command, env=own_sandbox.environment)
    assert again.code == 9
    assert "nobody knows how it ended" in again.err
    for session in own_sandbox.sandbox.sessions:
        keep(tmp_path / "home", event("VSS", "COMPLETED", session.session_id), ago=6.0)
    assert run(*command, env=own_sandbox.environment).code == 16
    assert len(own_sandbox.sandbox.sessions) == 4


def test_an_alert_is_told_where_nothing_can_be_kept(
    run: Program, own_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    broken = {**own_sandbox.environment, "VOICECLI_HOME": str(tmp_path / "file" / "home")}
    done = run("call", NUMBER, "Fire", "--confirm", "1", "--tell-anyway", "--json", env=broken)
    assert done.code == 16
    assert (done.json["confirmed"], done.json["exitCode"]) == (False, 16)
    assert run("call", NUMBER, "Fire", "--confirm", "1", "--tell-anyway", "--once", env=broken).code == 3


@pytest.mark.soak
def test_api_dials_nobody_twice_where_what_follows_a_question_was_sent_with_it(
    run: Program, own_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    body = json.dumps({"callflow": [make_call(SOURCE, PRESSES_1), ask(), BRIDGE]})
    with listening(
        tmp_path / "home", *registering(), env=own_sandbox.environment, in_thread=True
    ) as listener:
        assert listener.url
        assert run("api", "POST", "/callflows", "--data", body, env=own_sandbox.environment).code == 0
        wait_until(lambda: listener.of("event", type="VSS"))
    [session] = own_sandbox.sandbox.sessions
    assert [leg.destination for leg in session.legs] == [PRESSES_1, OTHER]
    assert session.status == "COMPLETED"


def test_api_sends_what_it_is_given_and_warns_of_digits_that_are_ignored(
    run: Program, own_sandbox: RunningSandbox
) -> None:
    set_webhook(own_sandbox, "VCA", "https://example.com/vca")
    body = json.dumps({"callflow": [CALL, ask(), HANGUP]})
    done = run("api", "POST", "/callflows", "--data", body, env=own_sandbox.environment)
    assert done.code == 0
    assert "Warning: 8x8 ignores the digits of a sayAndCapture that a hangup follows" in done.err
    assert kinds(own_sandbox) == [["makeCall", "sayAndCapture", "hangup"]]


def test_a_broadcast_looks_too_whether_keys_could_arrive(
    run: Program, own_sandbox: RunningSandbox, flow: Path, tmp_path: Path
) -> None:
    people = tmp_path / "people"
    people.write_text(f"{PRESSES_1}\n")
    send = ("broadcast", str(people), "--callflow", str(flow), "--yes")
    done = run(*send, env=own_sandbox.environment)
    assert done.code == 3, done
    assert "No key that is pressed could arrive" in done.err
    with server(lambda connection: connection.sendall(document({"callflow": [HANGUP]}))) as (url, _):
        set_webhook(own_sandbox, "VCA", f"{url}/vca")
        done = run(*send, env=own_sandbox.environment)
        assert done.code == 3, done
        assert kinds(own_sandbox) == []
        assert run(*send, "--vca-elsewhere", env=own_sandbox.environment).code == 0
    assert kinds(own_sandbox) == [["makeCall", "sayAndCapture"]]
