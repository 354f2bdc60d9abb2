"""The JSON that commands print has the fields of the table, and former names beside the present ones."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from conftest import NUMBER, Program, RunningSandbox
from past import SESSION, keep_a_call

from voicecli import manual
from voicecli.output.json_fields import DOCUMENTS, FORMER_NAMES, with_former_names

FORMER = {old: new for names in FORMER_NAMES.values() for old, new in names.items()}


def documents(text: str) -> Iterator[dict[str, object]]:
    yield from map(json.loads, text.splitlines())


def check(kind: str, document: Mapping[str, object]) -> None:
    check_object(kind, set(DOCUMENTS[kind].split()), document)


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
    for row in rows:
        check(f"broadcast send: record {row['record']}", row)
    of = str(rows[0]["broadcastId"])
    for command in ("list", "show", "results", "stop"):
        done = run("broadcast", command, *([] if command == "list" else [of]), "--json")
        check(f"broadcast {command}", next(documents(done.out)))
    check("broadcast results -o", run("broadcast", "results", of, "-o", "out.csv", "--json").json)
    check("broadcast allow", run("broadcast", "allow", NUMBER, "--json").json)


def test_looking_back(run: Program, tmp_path: Path) -> None:
    keep_a_call(tmp_path / "home", ago=100)
    check("sessions", next(documents(run("sessions", "--json").out)))
    check("sessions ID", run("sessions", SESSION, "--json").json)
    for event in documents(run("events", "--json").out):
        check("events", event)
    check("stats", run("stats", "--json").json)
    check("config", run("config", "--json").json)
    check("prune", run("prune", "--older-than", "30d", "--json").json)


def test_the_others(run: Program, own_sandbox: RunningSandbox) -> None:
    def printed(*arguments: str) -> Iterator[dict[str, object]]:
        return documents(run(*arguments, "--json", env=own_sandbox.environment).out)

    check("call", next(printed("call", NUMBER, "Hello")))
    check("call --dry-run", next(printed("call", NUMBER, "Hello", "--dry-run")))
    check("webhooks set", next(printed("webhooks", "set", "vss", "https://example.com", "--no-auth")))
    check("webhooks list", next(printed("webhooks", "list")))
    check("webhooks delete", next(printed("webhooks", "delete", "vss")))
    check("webhooks restore", next(printed("webhooks", "restore")))
    check("logs export", next(printed("logs", "export", "-o", "log.csv")))
    check("sandbox", next(printed("sandbox", "--print-env")))
    check("sandbox --numbers", next(printed("sandbox", "--numbers")))
    refused = run("call", "+33199001014", "Hello", "--json", env=own_sandbox.environment)
    check("error", refused.error)


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
