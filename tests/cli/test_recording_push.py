"""``voicecli recording-push``: where recordings go, and a password that nobody gets to see."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from conftest import DEADLINE, Finished, Program, RunningSandbox
from raw_server import answering, document, server

from voicecli.sandbox import environment

PASSWORD = "secret-of-these-tests"
SET = ["set", "--protocol", "sftp", "--host", "sftp.example.com", "--username", "me", "--path", "/calls"]


@pytest.fixture
def push(run: Program) -> Iterator[Callable[..., Finished]]:
    """Runs ``voicecli recording-push`` against a sandbox of its own."""
    with RunningSandbox(time_scale=1000) as sandbox:
        yield lambda *arguments, stdin="", **env: run(
            "recording-push", *arguments, stdin=stdin, env={**sandbox.environment, **env}
        )


def test_what_is_set_is_shown_and_what_is_deleted_is_not(push: Callable[..., Finished]) -> None:
    done = push(*SET, RECORDING_PUSH_PASSWORD=PASSWORD)
    assert (done.code, done.err) == (0, "")
    assert done.out == "Recordings go to SFTP sftp.example.com:22, path /calls\n"
    assert push("show").out.splitlines() == [
        "protocol  SFTP",
        "host      sftp.example.com",
        "port      22",
        "username  me",
        "path      /calls",
        "password  set",
    ]
    shown = push("show", "--json").json
    assert shown == {
        "configured": True,
        "protocol": "SFTP",
        "host": "sftp.example.com",
        "port": 22,
        "username": "me",
        "path": "/calls",
        "passwordSet": True,
    }
    assert push("delete").out == "Recordings are not sent anywhere any more\n"
    again = push("delete", "--json")
    assert (again.code, again.json) == (0, {"deleted": False})
    assert push("show", "--json").json == {"configured": False}


def test_the_password_comes_from_standard_input_where_that_is_said(push: Callable[..., Finished]) -> None:
    done = push(*SET, "--password-stdin", "--json", stdin=f"{PASSWORD}\n")
    assert done.json["configured"] is True
    assert push(*SET, "--password-stdin", stdin="\n").code == 2


def test_without_a_password_nothing_is_sent(push: Callable[..., Finished]) -> None:
    done = push(*SET, stdin=PASSWORD)
    assert (done.code, done.out) == (3, "")
    assert "--password-stdin" in done.err
    assert push("show", "--json").json == {"configured": False}


def test_on_a_terminal_it_is_asked_for_and_not_shown() -> None:
    ours, theirs = pty.openpty()
    with RunningSandbox(time_scale=1000) as sandbox:
        with subprocess.Popen(
            [sys.executable, "-m", "voicecli", "recording-push", *SET],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            start_new_session=True,  # without the terminal of whoever runs the tests
            env={**os.environ, **sandbox.environment},
        ) as process:
            asked = b""
            while b"Password: " not in asked:
                asked += os.read(ours, 1000)
            os.write(ours, f"{PASSWORD}\n".encode())
            out, _ = process.communicate(timeout=DEADLINE)
            os.set_blocking(ours, False)
            shown = asked + os.read(ours, 1000)
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, out) == (0, b"Recordings go to SFTP sftp.example.com:22, path /calls\n")
    assert PASSWORD.encode() not in shown


def test_what_is_sent_is_what_was_asked_for(run: Program) -> None:
    with server(answering(document({}))) as (url, requests):
        env = {**environment(url), "RECORDING_PUSH_PASSWORD": PASSWORD}
        run("recording-push", "set", "--protocol", "s3", "--host", "eu-west-1", "--username", "me", env=env)
    assert requests[0].endswith(
        b'{"protocol":"S3","host":"eu-west-1","port":443,"username":"me",'
        b'"password":"secret-of-these-tests","path":"/"}'
    )


@pytest.mark.parametrize("status", ["422 Unprocessable Entity", "500 Internal Server Error", "200 OK"])
def test_the_password_is_not_shown_whatever_8x8_says(run: Program, status: str) -> None:
    echo = {
        "statusCode": 1001,
        "statusMessage": f"{PASSWORD} is weak",
        "host": PASSWORD,
        "protocol": PASSWORD,
    }
    with server(answering(document(echo, status))) as (url, _):
        env = {**environment(url), "RECORDING_PUSH_PASSWORD": PASSWORD}
        done = run("recording-push", *SET, "--debug", env=env)
        shown = run("recording-push", "show", env=env)
    assert PASSWORD not in done.out + done.err + shown.out + shown.err
    assert done.code == {"4": 4, "5": 6, "2": 0}[status[0]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["set", "--protocol", "ftps", "--host", "h", "--username", "u"], "the nearest is SFTP"),
        (["set", "--protocol", "s3", "--host", "https://x/", "--username", "u"], "--host must be the name"),
        (["set", "--protocol", "s3", "--host", "", "--username", "u"], "--host is empty"),
        ([*SET, "--port", "0"], "Invalid value for '--port'"),
        ([*SET, "--password", "x"], "No such option: --password"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    push: Callable[..., Finished], arguments: list[str], says: str
) -> None:
    done = push(*arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_odd_answers_are_shown_and_not_obeyed(run: Program) -> None:
    odd = {"protocol": 1, "host": "a\nb\x1b[m", "port": "22", "username": None, "passwordSet": "yes"}
    with server(answering(document(odd))) as (url, _):
        done = run("recording-push", "show", env=environment(url))
    assert done.code == 0
    assert [re.sub(" +", " ", line).rstrip() for line in done.out.splitlines()] == [
        "protocol 1",
        "host a\\nb\\u001b[m",
        "port 22",
        "username",
        "path",
        "password not set",
    ]
