"""``voicecli broadcast --try-on``: one call to oneself, as the first person would hear it."""

import json

import pytest
from conftest import Program, RunningSandbox
from lists import ANN, BOB, BUSY, MESSAGE, Broadcast, action, people, write
from running_listener import public_access

OWN, PRESSES_1, PRESSES_2 = "+33199009999", "+33199007103", "+33199007203"


@pytest.fixture
def broadcast(sandbox: RunningSandbox) -> Broadcast:
    return Broadcast(sandbox)


def test_only_the_own_number_is_called_with_the_first_row_s_text_and_options(broadcast: Broadcast) -> None:
    write("people.csv", f"phone,name,speed,from\nnobody,Nob,,\n{ANN},Ann,1.5,+33199000009\n{BOB},Bob,,\n")
    done = broadcast("people.csv", MESSAGE, "--try-on", "01 99 00 99 99", "--region", "FR", "--skip-invalid")
    assert (done.code, broadcast.heard) == (0, {OWN: "Hello Ann"}), done
    [request] = broadcast.requests
    assert (action(request, 1, "speed"), action(request, 0, "source")) == ("1.5", "+33199000009")
    assert "Only +33199009999 is called" in done.err


def test_a_trial_counts_for_nothing_but_is_in_the_history(broadcast: Broadcast, run: Program) -> None:
    write("people.csv", people(OWN, BOB))
    trial = ("people.csv", MESSAGE, "--try-on", OWN)
    session = broadcast(*trial, "-q").out.strip()
    assert broadcast("list", "--json").out == ""
    done = broadcast("people.csv", MESSAGE, "--yes", "--at-most", "1/24h", "-q")
    assert (done.code, sorted(broadcast.called)) == (0, [BOB, OWN, OWN]), done
    figures = broadcast("show", done.out.strip(), "--json").json
    assert (figures["total"], figures["accepted"]) == (2, 2)
    assert broadcast(*trial).code == 0, "also after the list was sent"
    assert broadcast(*trial, "--at-most", "1/24h").code == 2, "nobody is left whose text it could be"
    shown = run("sessions", session, "--json", env=broadcast.environment).json
    assert (shown["destination"], shown["clientRequestId"][:7]) == (OWN, "try-on-")


def test_the_outcome_is_that_of_a_call(own_sandbox: RunningSandbox) -> None:
    broadcast = Broadcast(own_sandbox)
    write("people.csv", people(ANN, BOB))
    access = public_access()
    keys = ("--keys", "1=coming,2=absent", "--accept", "coming", *access)
    for number, digits, code in ((PRESSES_1, "1", 0), (PRESSES_2, "2", 16)):
        done = broadcast("people.csv", "1: yes. 2: no.", *keys, "--try-on", number, "--json")
        assert done.code == code, done
        assert json.loads(done.out)["digits"] == digits
    assert broadcast.called == [PRESSES_1, PRESSES_2]


@pytest.mark.soak
def test_who_has_unsubscribed_is_not_tried_on_either(own_sandbox: RunningSandbox) -> None:
    broadcast = Broadcast(own_sandbox)
    write("people.csv", people(ANN, BOB))
    access = public_access()
    retry = ("--retry", "busy", *access)
    assert broadcast("people.csv", MESSAGE, *retry, "--try-on", BUSY, "--json").code == 11
    assert broadcast.called == [BUSY]
    unsubscribes = "+33199000601"
    assert broadcast("people.csv", MESSAGE, "--wait", *access, "--try-on", unsubscribes).code == 15
    before = broadcast.called
    assert broadcast("people.csv", MESSAGE, "--try-on", unsubscribes).code == 15
    assert broadcast.called == before
    assert broadcast("people.csv", MESSAGE, "--try-on", unsubscribes, "--call-unsubscribed").code == 0


def test_files_and_callflows_of_one_s_own_are_tried_too(broadcast: Broadcast) -> None:
    write("people.csv", people(ANN, BOB))
    assert broadcast("people.csv", "--play", "https://a.example/b.mp3", "--try-on", OWN).code == 0
    say = {"action": "say", "params": {"text": "Hi {name}", "voiceProfile": "en-US-BenjaminRUS"}}
    write("flow.json", json.dumps([say]))
    assert broadcast("people.csv", "--callflow", "flow.json", "--try-on", OWN).code == 0
    assert [action(request, 0, "destination") for request in broadcast.requests] == [OWN, OWN]
    assert action(broadcast.requests[1], 1, "text") == "Hi N0"
    bridge = {"action": "makeCall", "params": {"source": "+33199000000", "destination": "{phone}"}}
    write("flow.json", json.dumps([say, bridge]))
    done = broadcast("people.csv", "--callflow", "flow.json", "--try-on", OWN)
    assert (done.code, f"would call {ANN}, too" in done.err, len(broadcast.called)) == (2, True, 2), done


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("people.csv", MESSAGE, "--try-on", "0199"), "is too short"),
        (("people.csv", MESSAGE, "--try-on", OWN, "--dry-run"), "can't be given together"),
        (("people.csv", "Hello {nobody}", "--try-on", OWN), "no column 'nobody'"),
        (("bad.csv", MESSAGE, "--try-on", OWN), "No row of this list is left to call"),
    ],
)
def test_what_can_not_be_tried_calls_nobody(
    broadcast: Broadcast, arguments: tuple[str, ...], says: str
) -> None:
    write("people.csv", people(ANN, BOB))
    write("bad.csv", "phone,name\nnobody,Nob\n")
    done = broadcast(*arguments)
    assert (done.code, says in done.err, broadcast.called) == (2, True, []), done
