"""``voicecli doctor``: what is in the way of a call with --wait, and what to do about it."""

import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from conftest import Finished, Program, RunningSandbox, wait_until
from raw_server import answering, http, server
from running_listener import TOKEN, listening, public_access, registering, set_webhook, webhooks
from stand_in_agent import is_alive, pids, write_agent
from test_terminal import on_terminal, plain

from voicecli.sandbox.account import API_KEY, SOURCE, SUBACCOUNT
from voicecli.store import sqlite
from voicecli.store.sqlite import SqliteStore
from voicecli.voice_api.client import Client
from voicecli.voice_api.operations.webhooks import set_webhook as set_webhook_at_8x8
from voicecli.voice_api.webhook_events import webhook_url

ORDER = (
    ".env",
    "settings",
    "API",
    "key",
    "subaccount",
    "caller ID",
    "voice",
    "clock",
    "VSS webhook",
    "VCA webhook",
    "token",
    "port",
    "ngrok",
    "public URL",
    "store",
)


class Doctor:
    def __init__(self, run: Program, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self._run = run

    def __call__(self, *arguments: str, **env: str) -> Finished:
        options = arguments or public_access()
        return self._run("doctor", "--json", *options, env={**self.sandbox.environment, **env})

    def states(self, *arguments: str, **env: str) -> dict[str, Any]:
        return {check["check"]: check["state"] for check in self(*arguments, **env).json["checks"]}


@pytest.fixture
def doctor(run: Program, own_sandbox: RunningSandbox) -> Doctor:
    return Doctor(run, own_sandbox)


def failure(done: Finished) -> Any:
    """The one check that failed."""
    [failed] = [check for check in done.json["checks"] if check["state"] == "failed"]
    return failed


def test_where_all_is_well_it_says_so_and_changes_nothing(doctor: Doctor) -> None:
    done = doctor()
    assert (done.code, done.err) == (0, "")
    assert done.json["ok"] is True
    assert [check["check"] for check in done.json["checks"]] == list(ORDER)
    assert {check["state"] for check in done.json["checks"]} == {"ok", "skipped"}
    assert webhooks(doctor.sandbox) == {}
    assert len(doctor.sandbox.sandbox.sessions) == 0


def test_a_person_gets_a_row_for_each_check_and_a_verdict(run: Program, own_sandbox: RunningSandbox) -> None:
    done = run("doctor", *public_access(), env=own_sandbox.environment)
    lines = done.out.splitlines()
    assert [line[:11].rstrip() for line in lines[:-1]] == list(ORDER)
    assert lines[-1] == "A call with --wait would work."


@pytest.mark.process
@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_its_words_wrap_inside_their_column(own_sandbox: RunningSandbox, columns: int) -> None:
    env = {**own_sandbox.environment, "EIGHT_X_EIGHT_API_KEY": "a-wrong-key"}
    lines = plain(on_terminal("doctor", *public_access(), columns=columns, env=env))
    assert max(map(len, lines)) <= columns
    start = next(index for index, line in enumerate(lines) if line.startswith("key"))
    assert lines[start].startswith("key          failed   8x8 refused")
    assert columns == 200 or lines[start + 1].startswith(" " * 22)


@pytest.mark.parametrize(
    ("variables", "check", "code"),
    [
        ({"EIGHT_X_EIGHT_API_KEY": ""}, "settings", 3),
        ({"OUTBOUND_PHONE_NUMBER": "no"}, "settings", 3),
        ({"EIGHT_X_EIGHT_BASE_URL": "http://127.0.0.1:9"}, "API", 5),
        ({"EIGHT_X_EIGHT_API_KEY": "a-wrong-key"}, "key", 4),
        ({"EIGHT_X_EIGHT_SUBACCOUNT_ID": "another_one"}, "subaccount", 4),
        ({"VOICE_PROFILE": "nobody"}, "voice", 3),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(
    doctor: Doctor, variables: dict[str, str], check: str, code: int
) -> None:
    done = doctor(**variables)
    assert (done.code, done.json["exitCode"], done.json["ok"]) == (code, code, False)
    found = failure(done)
    assert found["check"] == check
    assert found["advice"]


def test_a_caller_id_that_is_none_of_the_numbers_is_a_warning(doctor: Doctor) -> None:
    assert doctor.states(OUTBOUND_PHONE_NUMBER="+33199000007")["caller ID"] == "warning"
    assert doctor.states(OUTBOUND_PHONE_NUMBER=SOURCE.lstrip("+"))["caller ID"] == "ok"


def test_a_dotenv_that_others_can_read_is_a_warning(doctor: Doctor, tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=0\n")
    dotenv.chmod(0o644)
    assert doctor.states()[".env"] == "warning"
    dotenv.chmod(0o600)
    assert doctor.states()[".env"] == "ok"


def test_a_port_that_is_taken_is_told(doctor: Doctor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = doctor("--public-url", f"http://127.0.0.1:{port}", "--port", port)
    found = failure(done)
    assert (done.code, found["check"]) == (3, "port")
    assert "can't be used: Address already in use" in found["words"]


def test_a_public_url_that_leads_elsewhere_is_found(doctor: Doctor) -> None:
    done = doctor("--public-url", doctor.sandbox.sandbox.url, "--port", "0")
    assert done.code == 5
    assert "something else answers there" in failure(done)["words"]


def test_a_webhook_that_could_not_be_put_back_is_in_the_way(doctor: Doctor) -> None:
    with Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=doctor.sandbox.sandbox.url) as client:
        client.send(set_webhook_at_8x8("VSS", "https://example.com/vss", authorization="a-secret"))
    done = doctor()
    assert (done.code, failure(done)["check"]) == (3, "VSS webhook")


def test_a_listener_that_two_webhooks_point_to_is_asked_once(doctor: Doctor) -> None:
    with server(answering(http("502 Bad Gateway", b""))) as (url, requests):
        for kind in ("VSS", "VCA"):
            set_webhook(doctor.sandbox, kind, webhook_url(url, kind))
        assert doctor().code == 0
    assert [request.split()[1] for request in requests] == [b"/health"]


@pytest.mark.soak
@pytest.mark.process
def test_webhooks_that_a_killed_listener_left_are_no_obstacle(doctor: Doctor, tmp_path: Path) -> None:
    options = registering()
    with listening(tmp_path / "home", *options, env=doctor.sandbox.environment) as listener:
        assert listener.url
        listener.process.kill()
    done = doctor()
    assert done.code == 0, done
    words = {check["check"]: check["words"] for check in done.json["checks"]}
    assert words["VSS webhook"] == "VSS was left behind by a listener that was killed."


def test_a_webhook_that_leads_here_with_its_token_is_no_obstacle(doctor: Doctor) -> None:
    options = public_access()
    url = f"{options[3]}/api/webhooks/vss"
    with Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=doctor.sandbox.sandbox.url) as client:
        client.send(set_webhook_at_8x8("VSS", url, authorization=TOKEN))
    assert doctor(*options, WEBHOOK_AUTH_TOKEN=TOKEN).code == 0
    assert doctor(*options).code == 3, "a new token is not the one in that header"


@pytest.mark.process
def test_webhooks_that_another_has_taken_are_in_the_way(doctor: Doctor, tmp_path: Path) -> None:
    options = [*registering(), "--events", "vca"]
    with listening(tmp_path / "home", *options, env=doctor.sandbox.environment) as listener:
        assert listener.url
        done = doctor()
    assert done.code == 3
    assert failure(done)["words"] == "The voicecli listen that runs here does not get VSS events."
    assert failure(done)["advice"] == "Start it with --register --events vca,vss, or stop it."


@pytest.mark.soak
@pytest.mark.process
def test_a_listener_that_has_lost_its_webhook_is_told_and_not_that_its_port_is_taken(
    doctor: Doctor, tmp_path: Path
) -> None:
    options = registering()
    with listening(tmp_path / "home", *options, env=doctor.sandbox.environment) as listener:
        assert listener.url
        set_webhook(doctor.sandbox, "VSS", "https://example.com/somebody-else")
        done = doctor(*options[:-1])
        wait_until(lambda: listener.of("webhook", type="VSS"))
        moved = listener.of("webhook", type="VSS")
    assert done.code == 3
    assert failure(done)["check"] == "VSS webhook"
    assert failure(done)["words"] == (
        "The voicecli listen that runs here does not get VSS events. The VSS webhook points to "
        "https://example.com/somebody-else: its events do not come here."
    )
    assert [(one["state"], one["setAgain"]) for one in moved] == [("points elsewhere", False)]


@pytest.mark.soak
@pytest.mark.process
def test_a_listener_that_was_stopped_is_said_not_to_answer(doctor: Doctor, tmp_path: Path) -> None:
    """Whether it is in the way (at the same port) or not."""
    options = registering()
    with listening(tmp_path / "home", *options[:-1], env=doctor.sandbox.environment) as listener:
        words = f"The voicecli listen that runs here at {listener.url} does not answer."
        listener.process.send_signal(signal.SIGSTOP)
        in_the_way, elsewhere = doctor(*options[:-1]), doctor()
        listener.process.send_signal(signal.SIGCONT)
    assert (in_the_way.code, elsewhere.code) == (3, 0)
    assert failure(in_the_way)["words"] == words
    assert "Ctrl-Z" in failure(in_the_way)["advice"]
    [warning] = [check for check in elsewhere.json["checks"] if check["state"] == "warning"]
    assert (warning["check"], warning["words"]) == ("listener", words)


@pytest.mark.soak
@pytest.mark.process
def test_without_vca_it_warns_that_digits_would_not_come(doctor: Doctor, tmp_path: Path) -> None:
    options = [*registering(), "--events", "vss"]
    with listening(tmp_path / "home", *options, env=doctor.sandbox.environment) as listener:
        assert listener.url
        done = doctor(*options[:-3])
    assert done.code == 0
    [warning] = [check for check in done.json["checks"] if check["state"] == "warning"]
    assert warning["check"] == "VCA webhook"


def test_a_store_that_is_held_is_not_called_damaged(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOCK_PATIENCE", 0.2)
    home = tmp_path / "held"
    with SqliteStore(home) as store, store.transaction():
        done = doctor(VOICECLI_HOME=str(home))
    [found] = [check for check in done.json["checks"] if check["check"] == "store"]
    assert found["state"] == "failed"
    assert "held by another process" in found["words"]


@pytest.mark.soak
@pytest.mark.process
def test_a_listener_of_this_machine_is_the_way_in(doctor: Doctor, tmp_path: Path) -> None:
    options = registering()
    with listening(tmp_path / "home", *options, env=doctor.sandbox.environment) as listener:
        assert listener.url
        done = doctor(*options[:-1])
        assert done.code == 0
        words = {check["check"]: check["words"] for check in done.json["checks"]}
        assert "points to the voicecli listen" in words["public URL"]
        assert words["VSS webhook"] == "VSS points to the voicecli listen that runs here."
        elsewhere = doctor(*public_access(), VOICECLI_HOME=str(tmp_path / "another"))
        assert failure(elsewhere)["check"] == "VSS webhook"


def test_without_an_ngrok_agent_it_says_how_to_get_one(doctor: Doctor, tmp_path: Path) -> None:
    done = doctor("--port", "0", PATH=str(tmp_path), HOME=str(tmp_path))
    found = failure(done)
    assert (done.code, found["check"]) == (3, "ngrok")
    assert "Install it from" in found["advice"]


@pytest.mark.soak
def test_a_tunnel_is_opened_and_closed_again(doctor: Doctor, tmp_path: Path) -> None:
    agent = write_agent(tmp_path / "agent")
    env = {"PATH": str(agent.parent), "HOME": str(tmp_path), "NGROK_AUTHTOKEN": "an-ngrok-token"}
    done = doctor("--port", "0", **env)
    states = {check["check"]: check["state"] for check in done.json["checks"]}
    assert (states["ngrok"], states["public URL"]) == ("ok", "ok"), done
    assert "an-ngrok-token" not in done.out + done.err
    assert pids(agent.parent)
    wait_until(lambda: not any(map(is_alive, pids(agent.parent))))


def test_a_damaged_store_is_found(doctor: Doctor, tmp_path: Path) -> None:
    home = tmp_path / "damaged"
    home.mkdir()
    (home / "voicecli.sqlite3").write_bytes(b"no database at all " * 100)
    done = doctor(VOICECLI_HOME=str(home))
    assert done.code == 3
    assert done.json["checks"][-1]["check"] == "store"
    assert done.json["checks"][-1]["state"] == "failed"


def test_a_database_without_its_key_is_a_setting_missing(run: Program, sandbox: RunningSandbox) -> None:
    done = run("doctor", "--store", "postgresql://db/calls", "--json", env=sandbox.environment)
    assert done.code == 3
    [last] = done.json["checks"][1:]
    assert (last["check"], last["state"]) == ("settings", "failed")
    assert "VOICECLI_STORE_KEY" in last["words"]
