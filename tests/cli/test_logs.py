"""``voicecli logs``: the log of calls as one CSV, or a word on why not."""

import csv
import io
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import DEADLINE, NUMBER, Finished, Program, RunningSandbox, wait_until
from forked import Forked
from raw_server import answering, document, http, server
from test_terminal import on_terminal, plain

from voicecli import Client, interrupts, voice_message
from voicecli.cli import app
from voicecli.cli.context import Context
from voicecli.sandbox import log_exports
from voicecli.sandbox.account import API_KEY, SOURCE, SUBACCOUNT, environment

CSV = b"SessionId,Content\n1,hello\n"


@pytest.fixture(scope="module")
def busy() -> Iterator[RunningSandbox]:
    """A sandbox of its own, in which five calls are over."""
    with RunningSandbox(time_scale=1000, seed=1) as sandbox:
        with Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=sandbox.sandbox.url) as client:
            for _ in range(5):
                client.call(voice_message(NUMBER, "hi", source=SOURCE))
        wait_until(lambda: [call.status for call in [*sandbox.sandbox.sessions]].count("COMPLETED") == 5)
        yield sandbox


@pytest.fixture
def logs(run: Program, busy: RunningSandbox) -> Callable[..., Finished]:
    """Runs ``voicecli logs`` against it."""
    return lambda *arguments: run("logs", *arguments, env=busy.environment)


def started() -> bytes:
    return document({"jobId": "job-1"}, "202 Accepted")


def status(word: str, *links: str) -> bytes:
    return document({"status": word, **({"data": links} if links else {})})


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_log_of_calls_goes_to_standard_output(logs: Callable[..., Finished]) -> None:
    done = logs("export")
    assert done.code == 0
    assert [row["DestinationEndpoint"] for row in rows(done.out)] == [NUMBER] * 5
    begun, *stages = done.err.splitlines()
    assert begun.startswith("8x8 makes the export as job ")
    assert {stage.rpartition(" is ")[2] for stage in stages} <= {"queued", "running"}


def test_all_parts_become_one_file(
    logs: Callable[..., Finished], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_exports, "PART", 2)
    (tmp_path / "calls.csv").write_text("of yesterday")
    done = logs("export", "--from", "1h", "-o", "calls.csv", "--json")
    assert (done.code, done.err) == (0, "")
    told = done.json
    assert len(told.pop("jobId")) == 32
    assert told == {"status": "succeeded", "file": "calls.csv", "rows": 5, "parts": 3}
    file = tmp_path / "calls.csv"
    assert len(rows(file.read_text())) == 5
    assert file.read_text().count("SessionId") == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("*csv*")] == ["calls.csv"]


def test_no_calls_are_an_empty_file(logs: Callable[..., Finished], tmp_path: Path) -> None:
    time = ("--from", "2020-01-01", "--to", "2020-02-01T09:30+01:00")
    done = logs("export", *time)
    assert (done.code, done.out) == (0, "")
    assert "There were no calls in that time." in done.err
    (tmp_path / "calls.csv").write_text("of yesterday")
    done = logs("export", *time, "-o", "calls.csv", "--json")
    assert (done.json["status"], done.json["rows"], done.json["parts"]) == ("empty", 0, 0)
    assert (tmp_path / "calls.csv").read_text() == ""


def test_a_job_can_be_cancelled(logs: Callable[..., Finished]) -> None:
    job = logs("export", "--limit", "2", "-o", "calls.csv", "-q").out.strip()
    done = logs("cancel", job, "--json")
    assert (done.code, done.json) == (0, {"jobId": job, "cancelled": True})


def test_an_unknown_job_is_told(logs: Callable[..., Finished]) -> None:
    done = logs("cancel", "nobodys")
    assert (done.code, done.out) == (4, "")
    assert "there is no such export of the log of calls (4018" in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["export", "--from", "yesterday"], "is not a time such as 24h (ago) or 2026-11-01T09:30"),
        (["export", "--from", "0001-01-01T00:00+09:00"], "is not a time"),
        (["export", "--from", "2026-02-01", "--to", "2026-01-01"], "--from must be before --to"),
        (["export", "--limit", "0"], "--limit: '0' is not a whole number"),
        (["export", "--json"], "need a file"),
        (["export", "--quiet"], "need a file"),
        (["export", "-o", "/dev/null"], "-o must name a file"),
        (["export", "-o", ""], "-o must name a file"),
        (["export", "-o", "no/such/folder"], "The folder of no/such/folder does not exist"),
        (["cancel", "a b"], "letters, digits, - and _ only"),
    ],
)
def test_what_can_not_be_meant_is_refused_before_anything_is_sent(
    run: Program, arguments: list[str], says: str
) -> None:
    done = run("logs", *arguments, env=environment("http://127.0.0.1:9"))
    assert (done.code, done.out) == (2, "")
    assert says in " ".join(done.err.split())


@pytest.mark.parametrize("word", ["failed", "cancelled", "error", "FAILED"])
def test_an_export_that_fails_is_told(run: Program, word: str, tmp_path: Path) -> None:
    with server(answering(started(), status(word))) as (url, _):
        done = run("logs", "export", "-o", "calls.csv", env=environment(url))
    assert (done.code, done.out) == (4, "")
    assert done.err.splitlines()[-1] == "Hint: Export again."
    assert not (tmp_path / "calls.csv").exists()


def test_what_was_asked_for_is_sent(run: Program) -> None:
    with server(answering(started(), status("empty"))) as (url, requests):
        time = ("--from", "2026-11-01", "--to", "2026-11-01T09:30+01:00")
        run("logs", "export", *time, "--limit", "7", env=environment(url))
    assert requests[0].endswith(b'{"limit":7,"from":"2026-11-01T00:00:00Z","to":"2026-11-01T08:30:00Z"}')


@pytest.mark.soak
def test_a_time_without_an_answer_is_borne_and_then_told(run: Program) -> None:
    broken = http("502 Bad Gateway", b"<html>")
    with server(answering(started(), broken, broken, status("empty"))) as (url, _):
        assert run("logs", "export", env=environment(url)).code == 0
    with server(answering(started(), broken)) as (url, requests):
        done = run("logs", "export", env=environment(url))
    assert (done.code, done.out, len(requests)) == (5, "", 4)


@pytest.mark.usefixtures("short_seconds")
def test_an_export_that_takes_too_long_is_told(run: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    sleep = interrupts.sleep
    monkeypatch.setattr(interrupts, "sleep", lambda seconds: (waits.append(seconds), sleep(seconds)))
    with server(answering(started(), status("running"))) as (url, _):
        done = run("logs", "export", "--timeout", "1s", "-o", "x.csv", "--json", env=environment(url))
    assert (done.code, done.out) == (8, "")
    assert done.error["message"] == "The export took longer than 0.2 s: it is running."
    assert sum(waits) <= 0.2
    assert done.error["retryable"] is True


@pytest.mark.process
def test_an_interrupt_says_how_to_stop_the_export_and_leaves_no_half_a_file(tmp_path: Path) -> None:
    """The job's id came from outside, and will be pasted into a shell."""
    with server(answering(document({"jobId": "$(job)"}), status("running"))) as (url, requests):
        with Forked(
            ("logs", "export", "-o", "calls.csv"),
            env={**os.environ, **environment(url)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            wait_until(lambda: len(requests) > 1)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-2:] == [
        "Error: Interrupted.",
        "Hint: 8x8 may still be making the export. To stop it: voicecli logs cancel '$(job)'",
    ]
    assert list(tmp_path.glob("*calls.csv*")) == []


@pytest.mark.parametrize(
    ("files", "code", "says"),
    [
        ([http("403 Forbidden", b"<Error>")], 4, "Links last a month at most: export again"),
        ([http("200 OK", CSV), http("410 Gone", b"")], 4, "not valid, or not any more (HTTP 410)"),
        (
            [http("200 OK", CSV), http("200 OK", b"other,columns\n")],
            5,
            "Part 2 of the export has other columns",
        ),
        ([http("200 OK", b"<html>Log in</html>")], 5, "Part 1 of the export is no CSV file"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + CSV], 5, "could not be downloaded"),
    ],
)
def test_a_download_that_fails_leaves_the_file_as_it_was(
    run: Program, tmp_path: Path, files: list[bytes], code: int, says: str
) -> None:
    (tmp_path / "calls.csv").write_text("of yesterday")
    with server(answering(*files)) as (store, asked):
        succeeded = status("succeeded", f"{store}/1?sig=secret", f"{store}/2?sig=secret")
        with server(answering(started(), succeeded)) as (url, _):
            done = run("logs", "export", "-o", "calls.csv", "--debug", env=environment(url))
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "secret" not in done.err
    assert (tmp_path / "calls.csv").read_text() == "of yesterday"
    assert [path.name for path in tmp_path.glob("*calls.csv*")] == ["calls.csv"]
    assert all(b"authorization" not in request.lower() for request in asked)


@pytest.mark.parametrize("answer", [{"status": "succeeded"}, {"status": "succeeded", "data": [5]}, {}, []])
def test_an_answer_that_makes_no_sense_is_told(run: Program, answer: object) -> None:
    with server(answering(started(), document(answer))) as (url, _):
        done = run("logs", "export", env=environment(url))
    assert (done.code, done.out) == (5, "")


@pytest.mark.parametrize("link", ["file:///etc/passwd", "https://example.com/x", "gopher://x", ""])
def test_a_link_to_nowhere_good_is_not_followed(run: Program, link: str) -> None:
    with server(answering(started(), status("succeeded", link))) as (url, _):
        done = run("logs", "export", env=environment(url))
    assert (done.code, done.out) == (4, "")
    assert "is not followed" in done.err


def test_a_full_disk_is_told(run: Program) -> None:
    full = Path("/dev/full")
    with server(answering(http("200 OK", CSV))) as (store, _):
        with server(answering(started(), status("succeeded", f"{store}/1"))) as (url, _):
            with full.open("w") as out:
                err = io.StringIO()
                context = Context(stdout=out, stderr=err, environment=environment(url))
                assert app.run(["logs", "export"], context) == 1
    assert "No space left on device" in err.getvalue()


@pytest.mark.soak
@pytest.mark.process
def test_a_file_that_is_too_large_for_the_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    with server(answering(http("200 OK", CSV + b"2,x\n" * 100_000))) as (store, _):
        with server(answering(started(), status("succeeded", f"{store}/1"))) as (url, _):
            shell = f"ulimit -f 10; trap '' XFSZ; exec {sys.executable} -m voicecli logs export -o calls.csv"
            done = subprocess.run(
                ["bash", "-c", shell],
                env={**os.environ, **environment(url)},
                capture_output=True,
                text=True,
                check=False,
            )
    assert (done.returncode, done.stdout) == (1, "")
    assert "calls.csv can't be written (File too large)." in done.stderr
    assert list(tmp_path.glob("*calls.csv*")) == []


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    with server(answering(http("200 OK", CSV + b"2,x\n" * 100_000))) as (store, _):
        with server(answering(started(), status("succeeded", f"{store}/1"))) as (url, _):
            reading, writing = os.pipe()
            with os.fdopen(reading) as head, os.fdopen(writing, "w") as out:
                closing = threading.Thread(target=lambda: (head.readline(), head.close()))
                closing.start()
                context = Context(stdout=out, stderr=None, environment=environment(url))
                assert app.run(["logs", "export"], context) == 0
                closing.join()


def test_on_a_terminal_a_file_is_shown_and_not_obeyed() -> None:
    with server(answering(http("200 OK", b"a,b\r\n\x1b[31m,2\r\n"))) as (store, _):
        answers = (started(), status("queued"), status("succeeded", f"{store}/1"))
        with server(answering(*answers)) as (url, _):
            lines = on_terminal("logs", "export", columns=80, env=environment(url))
    text = "\n".join(lines)
    assert "\\u001b[31m,2" in text
    assert "\x1b[31m" not in text
    assert any("The export is queued (0 s so far)" in line for line in plain(lines))


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_progress_is_one_line(busy: RunningSandbox, columns: int) -> None:
    lines = plain(on_terminal("logs", "export", "-o", "x.csv", columns=columns, env=busy.environment))
    _begun, *pictures, last = [line for line in lines if line != "\x1b[K\x1b[C\x1b[J"]
    assert last == "x.csv has 5 rows"
    assert "Downloading part 1 of 1" in pictures
    assert max(map(len, pictures)) < columns
