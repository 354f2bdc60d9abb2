"""``voicecli replay``: stored events go out again, byte for byte."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Finished, Program
from past import OTHER, SESSION, event, keep, keep_a_call
from running_listener import TOKEN, listening
from test_trigger import Receiver, receiving

BODY = b'{ "payload": {"sessionId":"s", "eventData":"7", "x":"\\u00fc"},\n "eventType":"CALL_ACTION" }\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving("127.0.0.1") as running:
        yield running


def lines(done: Finished) -> list[str]:
    assert (done.code, done.err) == (0, ""), done
    return done.out.splitlines()


def test_the_very_bytes_go_out_again(run: Program, home: Path, receiver: Receiver) -> None:
    keep(home, BODY)
    [line] = lines(run("replay", "1", "--to", receiver.url))
    [(path, headers, body)] = receiver.requests
    assert (path, body) == ("/api/webhooks/vca", BODY)
    assert headers["Content-Type"] == "application/json"
    assert line.startswith("      1  VCA    s         answered 200 in ")
    assert line.endswith(
        "; reply: not a valid callflow: $.callflow: must be an array of actions and not empty (-1009)"
    )


def test_several_go_out_in_the_order_asked_for(run: Program, home: Path, receiver: Receiver) -> None:
    keep_a_call(home)
    assert len(lines(run("replay", "4", "1", "--to", f"{receiver.url}/mine"))) == 2
    assert [path for path, _, _ in receiver.requests] == ["/mine", "/mine"]
    assert [json.loads(body)["eventType"] for _, _, body in receiver.requests] == [
        "SESSION_SUMMARY",
        "CALL_STATUS",
    ]


def test_a_session_goes_out_as_it_came(run: Program, home: Path, receiver: Receiver) -> None:
    keep_a_call(home, OTHER, ago=100)
    keep_a_call(home, SESSION, ago=99)
    rows = [
        json.loads(line)
        for line in lines(run("replay", "--session", SESSION, "--to", receiver.url, "--json"))
    ]
    assert [path.rpartition("/")[2] for path, _, _ in receiver.requests] == ["vcs", "vcs", "vca", "vss"]
    assert {row["sessionId"] for row in rows} == {SESSION}
    url = f"{receiver.url}/api/webhooks/vss"
    assert rows[-1] == {
        "id": 8,
        "type": "VSS",
        "sessionId": SESSION,
        "url": url,
        "to": url,
        "tokenSent": False,
        "statusCode": 200,
        "status": 200,
        "milliseconds": rows[-1]["milliseconds"],
        "reply": {},
        "problem": None,
    }


def test_one_that_is_refused_ends_as_trigger_does(run: Program, home: Path, receiver: Receiver) -> None:
    keep(home, event("VSS", "BUSY"))
    receiver.status = 500
    done = run("replay", "1", "--to", receiver.url)
    assert (done.code, done.out) == (4, "")
    assert "The receiver answered 500" in done.err
    assert run("replay", "1", "--to", "http://127.0.0.1:9").code == 5


def test_of_several_each_is_tried_and_some_failed_exits_7(
    run: Program, home: Path, receiver: Receiver
) -> None:
    keep_a_call(home)
    answers = iter([200, 500, 200, 200])
    answer = receiver.act

    def act(handler: object) -> None:
        receiver.status = next(answers)
        answer(handler)  # type: ignore[arg-type]

    receiver.act = act
    done = run("replay", "--session", SESSION[:8], "--to", receiver.url)
    assert (done.code, done.err, len(receiver.requests)) == (7, "", 4)
    told = [line[26:] for line in done.out.splitlines()]
    assert told[0].startswith("answered 200")
    assert told[1] == "The receiver answered 500 (Internal Server Error): {}."
    assert told[3].startswith("answered 200")
    gone = run("replay", "1", "2", "--to", "http://127.0.0.1:9", "--json")
    assert gone.code == 7
    assert [json.loads(line)["error"]["code"] for line in gone.out.splitlines()] == ["unreachable"] * 2


def test_a_dry_run_sends_nothing(run: Program, home: Path, receiver: Receiver) -> None:
    keep(home, BODY)
    [line] = lines(run("replay", "1", "--to", receiver.url, "--dry-run"))
    assert line.endswith(f"{len(BODY)} bytes would go to {receiver.url}/api/webhooks/vca")
    [row] = lines(run("replay", "1", "--to", receiver.url, "--dry-run", "--json"))
    assert json.loads(row)["body"].encode() == BODY
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "No events to send"),
        (["1", "--session", "s"], "can't be given together"),
        (["7"], "There is no event 7: nothing was sent"),
        (["1", "7"], "There is no event 7: nothing was sent"),
        (["99999999999999999999"], "There is no event 99999999999999999999"),
        (["one"], "not a whole number"),
        (["--session", "zz"], "There is no session that begins with 'zz'"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_sent(
    run: Program, home: Path, receiver: Receiver, arguments: list[str], message: str
) -> None:
    keep(home, BODY)
    done = run("replay", *arguments, "--to", receiver.url)
    assert (done.code, done.out, receiver.requests) == (2, "", []), done
    assert message in done.err


@pytest.mark.parametrize("to", [[], ["--to", "nowhere"], ["--to", "ftp://127.0.0.1"]])
def test_where_to_must_be_an_address(run: Program, home: Path, to: list[str]) -> None:
    keep(home, BODY)
    assert run("replay", "1", *to).code == 2


def test_the_token_goes_to_this_machine_and_elsewhere_not_in_the_clear(
    run: Program, home: Path, receiver: Receiver
) -> None:
    keep(home, BODY)
    env = {"WEBHOOK_AUTH_TOKEN": TOKEN}
    assert run("replay", "1", "--to", receiver.url, env=env).code == 0
    assert receiver.authorization == TOKEN
    with receiving("127.0.0.2") as stranger:
        done = run("replay", "1", "--to", stranger.url, env=env)
        assert stranger.authorization is None
        assert "WEBHOOK_AUTH_TOKEN is not sent" in done.err
    with receiving("127.0.0.2") as stranger:
        done = run("replay", "1", "--to", stranger.url, "--send-token", env=env)
        assert (done.code, "unencrypted" in done.err, stranger.requests) == (2, True, [])


@pytest.mark.soak
@pytest.mark.process
def test_a_listener_that_has_it_knows_it_again(run: Program, home: Path, tmp_path: Path) -> None:
    keep(home, event("VSS", "BUSY"))
    with listening(tmp_path / "another", "--no-tunnel") as listener:
        for _ in range(2):
            done = run("replay", "1", "--to", listener.url, env={"WEBHOOK_AUTH_TOKEN": TOKEN})
            assert (done.code, done.err) == (0, "")
        listener.stop()
        assert (len(listener.of("event")), len(listener.of("duplicate"))) == (1, 1)
