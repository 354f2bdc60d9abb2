"""``voicecli config``, and the files of settings that a command line names."""

import json
import re
import shlex
from pathlib import Path

import pytest
from conftest import NUMBER, Program, RunningSandbox
from test_terminal import on_terminal, plain

from voicecli.setting_table import SETTINGS
from voicecli.voice_api.codes import STATUS_CODES

KEY = "key-of-these-tests"
STORE_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@pytest.fixture
def prod_env(tmp_path: Path) -> Path:
    """A file of settings elsewhere, whose key is in a file of its own, and one of the folder."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "key").write_text(f"{KEY}\n")
    (folder / "prod.env").write_text(
        "EIGHT_X_EIGHT_API_KEY_FILE=key\nEIGHT_X_EIGHT_SUBACCOUNT_ID=my_sub\nPORT=99999\n"
    )
    (tmp_path / ".env").write_text(
        "OUTBOUND_PHONE_NUMBER=+33 1 99 00 00 00\nEIGHT_X_EIGHT_BASE_URL=https://voice.example\n"
    )
    return folder / "prod.env"


def test_each_setting_is_shown_with_where_it_comes_from(run: Program, prod_env: Path, tmp_path: Path) -> None:
    env = {
        "WEBHOOK_AUTH_TOKEN": "token-of-these-tests",
        "VOICECLI_STORE": "postgresql://me:token-of-mine@db/calls?schema=ops",
        "VOICECLI_STORE_KEY": STORE_KEY,
    }
    done = run("config", "--env-file", "elsewhere/prod.env", env=env)
    assert (done.code, done.err) == (0, "")
    rows, _, files = done.out.partition("\n\n")
    assert [line.split()[0] for line in rows.splitlines()] == [one.variable for one in SETTINGS]
    assert [line[29:40].rstrip() + line[40:].replace("  ", "|") for line in rows.splitlines()] == [
        f"--env-file|*** in {prod_env.parent}/key",
        "--env-file|my_sub",
        ".env|+33199000000",
        "default|en-US-BenjaminRUS",
        "not set",
        "environment|***",
        "not set",
        "not set",
        "--env-file|the port must be a number from 0 to 65535.",
        f"environment|{tmp_path}/home",
        "environment|postgresql://me:***@db/calls?schema=ops",
        "environment|***",
        ".env|EIGHT_X_EIGHT_BASE_URL in .env would send the API key of elsewhere/prod.env to voice.example, "
        "which is not 8x8.",
    ]
    assert [line.strip() for line in files.splitlines()[1:]] == [
        f"--env-file  {prod_env}",
        f".env        {tmp_path}/.env",
        f"your file   {tmp_path}/config/voicecli/voicecli.env (none)",
    ]
    assert KEY not in done.out
    assert "token-of" not in done.out
    assert STORE_KEY not in done.out


def test_programs_get_one_document(run: Program, prod_env: Path, tmp_path: Path) -> None:
    done = run("--env-file", str(prod_env), "config", "--json")
    shown = {one["variable"]: one for one in done.json["settings"]}
    assert shown["EIGHT_X_EIGHT_API_KEY"] == {
        "variable": "EIGHT_X_EIGHT_API_KEY",
        "value": "***",
        "origin": "env-file",
        "file": f"{prod_env.parent}/key",
        "problem": None,
    }
    assert shown["PORT"]["value"] is None
    assert shown["PORT"]["problem"].endswith("the port must be a number from 0 to 65535.")
    assert [one["origin"] for one in done.json["settings"]].count("default") == 1
    assert shown["WEBHOOK_BASE_URL"]["origin"] is None
    assert done.json["files"] == [
        {"origin": "env-file", "file": str(prod_env), "read": True},
        {"origin": "folder", "file": f"{tmp_path}/.env", "read": True},
        {"origin": "user", "file": f"{tmp_path}/config/voicecli/voicecli.env", "read": False},
    ]
    assert KEY not in done.out


@pytest.mark.parametrize("columns", [60, 80])
def test_on_a_terminal_no_line_is_wider(columns: int, prod_env: Path) -> None:
    lines = plain(on_terminal("config", "--env-file", str(prod_env), columns=columns))
    assert len(lines) > len(SETTINGS)
    assert max(map(len, lines)) <= columns
    assert "EIGHT_X_EIGHT_SUBACCOUNT_ID  --env-file   my_sub" in map(str.rstrip, lines)


def test_the_file_stands_before_or_behind_the_command_and_that_behind_it_counts(
    run: Program, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    variables = "".join(f"{name}={value}\n" for name, value in sandbox.environment.items())
    (tmp_path / "sandbox.env").write_text(variables)
    call = ("call", NUMBER, "Hello", "--json")
    for arguments in (
        ("--env-file", "sandbox.env", *call),
        (*call, "--env-file=sandbox.env"),
        ("--env-file", "missing.env", *call, "--env-file", "sandbox.env"),
    ):
        assert run(*arguments).json["sessionId"]
    assert run("sessions", "-q", "--env-file", "sandbox.env").out.count("\n") == 3


@pytest.mark.parametrize("command", [("call", NUMBER, "Hello"), ("sessions",), ("config",), ("doctor",)])
def test_a_missing_file_is_a_setting_that_is_wrong(run: Program, command: tuple[str, ...]) -> None:
    done = run(*command, "--env-file", "missing.env", "--json")
    assert done.code == 3
    assert "The file missing.env of --env-file can't be read: No such file" in done.out + done.err


def test_an_empty_name_is_wrong_usage(run: Program) -> None:
    done = run("call", NUMBER, "Hello", "--env-file", "", "--json")
    assert (done.code, done.error["message"]) == (2, "--env-file is empty.")


def test_commands_that_read_no_settings_take_no_file(run: Program) -> None:
    for command in ("demo", "sandbox"):
        assert run(command, "--env-file", "some.env").code == 2


def test_doctor_says_where_settings_come_from(run: Program, sandbox: RunningSandbox, tmp_path: Path) -> None:
    (tmp_path / "token.env").write_text("WEBHOOK_AUTH_TOKEN=token-of-these-tests\n")
    done = run("doctor", "--env-file", "token.env", "--port", "0", env=sandbox.environment)
    places = "the command line, the environment, token.env"
    assert f"All that a call needs is set (from {places}), and well formed." in done.out


def test_doctor_tells_of_each_file_that_others_can_read(run: Program, prod_env: Path) -> None:
    """The files that have one secret each, too."""
    prod_env.chmod(0o640)
    key = prod_env.parent / "key"
    done = run("doctor", "--env-file", str(prod_env))
    found = f"Others on this machine can read {prod_env}, .env, {key}. "
    assert f"{found}Fix it: chmod 600 {prod_env} .env {key}" in done.out
    for file in (prod_env, Path(".env"), key):
        file.chmod(0o600)
    done = run("doctor", "--env-file", str(prod_env))
    assert "Others on this machine can read no file of settings or secrets." in done.out


def test_commands_to_go_on_with_name_the_file(run: Program, sandbox: RunningSandbox, tmp_path: Path) -> None:
    """Else they would read other settings, or look into another store."""
    (tmp_path / "people.csv").write_text(f"phone\n{NUMBER}\n+33199001014\n")
    (tmp_path / "my own.env").write_text("VOICECLI_HOME=store\n")
    env = {**sandbox.environment, "VOICECLI_HOME": ""}
    sent = run("--env-file", "my own.env", "broadcast", "people.csv", "Hi", "--yes", "--json", env=env)
    *_, resume, report, results = json.loads(sent.out.splitlines()[-1])["commands"]
    assert resume.startswith("voicecli --env-file 'my own.env' broadcast resume ")
    for command, written in ((report, "report.html"), (results, "results.csv")):
        assert run(*shlex.split(command)[1:], env=env).code == 0
        assert (tmp_path / written).exists()


def test_what_8x8_refuses_is_told_with_the_file_that_has_the_setting(
    run: Program, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("key-of-somebody-else")
    (tmp_path / "prod.env").write_text("EIGHT_X_EIGHT_API_KEY_FILE=key\n")
    env = {**sandbox.environment, "EIGHT_X_EIGHT_API_KEY": ""}
    where = "Check EIGHT_X_EIGHT_API_KEY_FILE in prod.env; keys are made in 8x8 Connect"
    done = run("call", NUMBER, "Hello", "--env-file", "prod.env", "--json", env=env)
    assert (done.code, done.error["hint"][: len(where)]) == (4, where)
    checks = run("doctor", "--env-file", "prod.env", "--json", env=env).json["checks"]
    assert where in next(one["hint"] for one in checks if one["check"] == "key")


def test_a_hint_that_says_more_of_a_setting_than_to_check_it_stays_as_it_is(
    run: Program, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """This one says where to move it."""
    (tmp_path / ".env").write_text("NGROK_AUTHTOKEN=token-of-theirs\n")
    env = {**sandbox.environment, "WEBHOOK_AUTH_TOKEN": "token-of-these-tests"}
    checks = run("doctor", "--domain", "mine.example", "--json", env=env).json["checks"]
    assert "Move NGROK_AUTHTOKEN from .env to the environment, or set WEBHOOK_AUTH_TOKEN in .env only." in {
        one["hint"] for one in checks
    }


def test_advice_that_names_a_setting_can_tell_where_it_is_set() -> None:
    variables = {setting.variable for setting in SETTINGS}
    for meaning in STATUS_CODES.values():
        assert variables & {*re.findall(r"\w+", meaning.advice)} == {*meaning.settings}


def test_a_database_without_its_key_is_told(run: Program) -> None:
    done = run("config", "--store", "postgresql://db/calls", "--json")
    shown = {one["variable"]: one for one in done.json["settings"]}
    assert shown["VOICECLI_STORE"]["value"] == "postgresql://db/calls"
    assert shown["VOICECLI_STORE"]["origin"] == "argument"
    assert shown["VOICECLI_STORE_KEY"]["problem"] == "the database needs it; voicecli store key makes one"
    refused = run("sessions", "--store", "postgresql://db/calls")
    assert refused.code == 3
    assert refused.err.startswith("Error: A setting is missing: VOICECLI_STORE_KEY (the team's key).\n")


@pytest.mark.parametrize("command", [("config",), ("call", NUMBER, "Hello"), ("broadcast", "list")])
def test_a_password_in_an_argument_is_refused_and_not_shown(run: Program, command: tuple[str, ...]) -> None:
    for url in ("postgresql://me:pass-word@db/calls", "postgresql://db/calls?password=pass-word"):
        done = run(*command, "--store", url, "--debug")
        assert done.code == 2
        assert "which others on this machine can see" in done.err
        assert "pass-word" not in done.err


def test_each_new_key_is_alone_on_its_line(run: Program) -> None:
    done = run("store", "key")
    assert re.fullmatch(r"[\w-]{43}\n", done.out)
    assert done.code == 0
    assert "VOICECLI_STORE_KEY on all machines" in done.err
    assert [*run("store", "key", "--json").json] == ["key"]
    assert run("store", "key").out != done.out
