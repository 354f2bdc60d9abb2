"""The JSON that commands print has the fields of the table, and former names beside the present ones."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import shared_postgresql
from conftest import NUMBER, Program, RunningSandbox, wait_until
from json_documents import DOCUMENTS
from past import SESSION, keep_a_call
from running_listener import TOKEN, listening

from voicecli import errors, manual
from voicecli.cli.exit_codes import exit_code
from voicecli.listener.webhook_check import WebhookCheck, WebhookState
from voicecli.listener.webhook_troubles import WebhookNews
from voicecli.output.event_rows import CallRow
from voicecli.output.json_fields import FORMER_NAMES, with_former_names
from voicecli.sessions.session import Session
from voicecli.store.location import StorePlace

FORMER = {old: new for names in FORMER_NAMES.values() for old, new in names.items()}


def documents(text: str) -> Iterator[dict[str, object]]:
    yield from map(json.loads, text.splitlines())


RARE = {  # fields that the documents of these tests lack
    "call": "bridge secondsWithoutReports error",
    "call --dry-run": "reply",
    "error": "accepted at atMost broadcastId calledTooOften clientRequestId destination earlier ended "
    "guardUntil jobId lastSeen leaseUntil placedBy process rows sessionId unknown",
    "events": "asrCaptured bridge",
    "listen: record event, duplicate": "asrCaptured bridge",
    "listen: record call": "bridge",
    "POST /api/make-call": "error details",
    "replay": "body error",
}


def check(kind: str, *found: Mapping[str, object]) -> None:
    """These documents have the fields of the table, together all of them."""
    fields = set(DOCUMENTS[kind].split())
    for document in found:
        check_object(kind, fields, document)
    names = {name for document in found for name in document}
    there = {*names, *map(FORMER.get, names), *RARE.get(kind, "").split()}
    assert {field.partition(".")[0] for field in fields} <= there, kind


def check_object(where: str, fields: set[str], document: Mapping[str, object]) -> None:
    """All fields of an object are in the table, or former names of some that are; so are those inside of
    fields that the table looks into."""
    for name, value in document.items():
        present = [
            one for one in (name, FORMER.get(name)) if one in {field.partition(".")[0] for field in fields}
        ]
        assert present, f"{where} has {name}"
        inner = {field.partition(".")[2] for field in fields if field.startswith(f"{present[0]}.")}
        for one in value if isinstance(value, list) else [value]:
            if inner and isinstance(one, dict):
                check_object(f"{where} {name}", inner, one)


@pytest.fixture
def people(tmp_path: Path) -> str:
    (tmp_path / "people.csv").write_text(f"phone\n{NUMBER}\n+33199000486\n+33199001014\n")
    return str(tmp_path / "people.csv")


def test_broadcasts(run: Program, sandbox: RunningSandbox, people: str) -> None:
    send = ("broadcast", people, "Hello", "--json")
    check("broadcast send --dry-run", run(*send, "--dry-run", env=sandbox.environment).json)
    rows = [*documents(run(*send, "--yes", env=sandbox.environment).out)]
    assert {row["record"] for row in rows} == {"broadcast", "row", "summary"}
    for kind in ("broadcast", "row", "summary"):
        check(f"broadcast send: record {kind}", *(row for row in rows if row["record"] == kind))
    of = str(rows[0]["broadcastId"])
    for command in ("list", "show", "results", "stop"):
        done = run("broadcast", command, *([] if command == "list" else [of]), "--json")
        check(f"broadcast {command}", next(documents(done.out)))
    check("broadcast results -o", run("broadcast", "results", of, "-o", "out.csv", "--json").json)
    check("broadcast report", run("broadcast", "report", of, "-o", "a.html", "--json").json)
    check("broadcast allow", run("broadcast", "allow", NUMBER, "--json").json)


def test_looking_back(run: Program, tmp_path: Path) -> None:
    keep_a_call(tmp_path / "home", ago=100)
    check("sessions", next(documents(run("sessions", "--json").out)))
    check("sessions ID", run("sessions", SESSION, "--json").json)
    check("events", *documents(run("events", "--json").out))
    check("stats", run("stats", "--json").json)
    check("config", run("config", "--json").json)
    check("prune", run("prune", "--older-than", "30d", "--json").json)


def test_stores(run: Program, team: StorePlace, tmp_path: Path) -> None:
    env = shared_postgresql.environment(team)
    keep_a_call(tmp_path / "home")
    check("store key", run("store", "key", "--json").json)
    check("store migrate", run("store", "migrate", "--json", env=env).json)
    check("store copy", run("store", "copy", "--json", env=env).json)


def test_the_others(run: Program, own_sandbox: RunningSandbox) -> None:
    def printed(*arguments: str) -> Iterator[dict[str, object]]:
        return documents(run(*arguments, "--json", env=own_sandbox.environment).out)

    asked = printed("call", "+33199007103", "Press 1.", "--confirm", "1", "--wait")
    check("call", *printed("call", NUMBER, "+33199005678", "Hello"), *asked)
    check("call --dry-run", next(printed("call", NUMBER, "Hello", "--dry-run")))
    check("webhooks set", next(printed("webhooks", "set", "vss", "https://example.com", "--no-auth")))
    check("webhooks list", *printed("webhooks", "list"))
    check("webhooks delete", next(printed("webhooks", "delete", "vss")))
    check("webhooks restore", next(printed("webhooks", "restore")))
    check("logs export", next(printed("logs", "export", "-o", "log.csv")))
    check("sandbox", next(printed("sandbox", "--print-env")))
    check("sandbox --numbers", next(printed("sandbox", "--numbers")))
    check("doctor", next(printed("doctor")))
    check("help", next(printed("help")))
    check("help TOPIC", next(printed("help", "json")))
    refused = run("call", "+33199001014", "Hello", "--json", env=own_sandbox.environment)
    check("error", refused.error)


def test_a_listener_and_what_is_sent_to_it(run: Program, own_sandbox: RunningSandbox, tmp_path: Path) -> None:
    env = {**own_sandbox.environment, "WEBHOOK_AUTH_TOKEN": TOKEN, "VOICECLI_HOME": str(tmp_path / "home")}
    with listening(tmp_path / "home", "--no-tunnel", env=env, in_thread=True) as listener:
        check("trigger", run("trigger", "vca", "--to", listener.url, "--json", env=env).json)
        check("replay", run("replay", "1", "--to", listener.url, "--json", env=env).json)
        body = {"customerPhone": NUMBER, "message": "Hello"}
        made = httpx.post(f"{listener.url}/api/make-call", json=body, headers={"Authorization": TOKEN})
        check("POST /api/make-call", made.json())
        wait_until(lambda: listener.of("duplicate"))
        listener.stop()
    check("listen: record event, duplicate", *listener.of("event"), *listener.of("duplicate"))
    check("listen: record ready", *listener.of("ready"))
    check("listen: record stopped", *listener.of("stopped"))
    webhook = WebhookNews(
        WebhookCheck("VSS", WebhookState.NOT_SET, None), set_again=True, text="It is set again."
    )
    check("listen: record webhook", webhook.record())
    check("listen: record call", CallRow(Session(), now=0).data())


def test_a_former_name_has_the_value_of_the_present_one() -> None:
    assert with_former_names("row", {"sessionId": "s"}) == {"sessionId": "s", "session": "s"}
    for kind in FORMER_NAMES.values():
        assert not set(kind) & set(kind.values())


def test_the_manual_has_each_document_with_its_fields() -> None:
    page = manual.page("json")
    sections = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    former = re.findall(r"^\| `(.*?)` \| `(.*?)` \|", sections.pop("Names of earlier versions"), re.MULTILINE)
    assert {*former} == {pair for names in FORMER_NAMES.values() for pair in names.items()}
    assert {*sections} == {*DOCUMENTS}
    for kind, text in sections.items():
        cells = re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)
        assert sorted(re.findall("`(.*?)`", " ".join(cells))) == sorted(DOCUMENTS[kind].split()), kind


def test_the_manual_has_each_kind_of_error_with_its_exit_code() -> None:
    kinds = [errors.VoicecliError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    rows = re.findall(r"^\| ([a-z_, ]+) \| (\d+) \|$", manual.page("json"), re.MULTILINE)
    told = {name: int(code) for names, code in rows for name in names.split(", ")}
    assert told == {kind.code: exit_code(kind.__new__(kind)) for kind in kinds}
