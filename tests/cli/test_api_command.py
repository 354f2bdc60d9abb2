"""``voicecli api``: any request of the Voice API."""

import json
from pathlib import Path

import pytest
from conftest import NUMBER, Program, RunningSandbox
from raw_server import answering, document, http, server

from voicecli.sandbox.account import API_KEY, SOURCE, environment

CALL = {
    "clientRequestId": "order-1",
    "callflow": [
        {"action": "makeCall", "params": {"source": SOURCE, "destination": NUMBER}},
        {"action": "say", "params": {"text": "Your code is 482913", "voiceProfile": "en-GB-Emma"}},
    ],
}


def test_what_8x8_answers_is_printed(run: Program, sandbox: RunningSandbox) -> None:
    done = run("api", "GET", "/numbers", env=sandbox.environment)
    assert (done.code, done.err) == (0, "")
    assert done.json["numbers"][0]["msisdn"] == SOURCE
    assert done.out.startswith('{\n  "totalNumbers": 1,\n')
    one_line = run("api", "get", "/numbers", "--json", env=sandbox.environment)
    assert len(one_line.out.splitlines()) == 1


def test_a_whole_path_is_a_path_too(run: Program, sandbox: RunningSandbox) -> None:
    path = "/api/v1/subaccounts/voicecli_sandbox/speech-profiles"
    assert "speechProfiles" in run("api", "GET", path, env=sandbox.environment).json


@pytest.mark.parametrize("source", ["argument", "file", "standard input", "@standard input"])
def test_what_is_sent_comes_from_where_it_is_said(
    run: Program, sandbox: RunningSandbox, tmp_path: Path, source: str
) -> None:
    text = json.dumps(
        {"protocol": "S3", "host": "h", "port": 1, "username": "u", "password": "p", "path": "/"}
    )
    (tmp_path / "body.json").write_text(text)
    data = {"argument": text, "file": "@body.json", "standard input": "-", "@standard input": "@-"}[source]
    done = run("api", "POST", "/recording-push-config", "--data", data, stdin=text, env=sandbox.environment)
    assert (done.code, done.json["passwordSet"]) == (0, True)
    assert run("api", "DELETE", "/recording-push-config", env=sandbox.environment).json["delete"] is True


def test_a_post_to_callflows_places_a_call(run: Program, sandbox: RunningSandbox) -> None:
    body = json.dumps({**CALL, "clientRequestId": "placed-by-api"})
    done = run("api", "POST", "/callflows", "--data", body, env=sandbox.environment)
    assert (done.code, done.json["sessionStatus"]) == (0, "CREATED")
    assert len(sandbox.requested("placed-by-api")) == 1


def test_a_dry_run_shows_the_request_without_its_secrets(run: Program) -> None:
    body = json.dumps({"type": "VSS", "url": "https://example.com/", "httpAuthHeader": "hush-hush"})
    env = environment("http://127.0.0.1:9")
    done = run("api", "POST", "/webhooks", "--data", body, "--dry-run", env=env)
    assert done.code == 0
    assert done.out.startswith(
        "POST http://127.0.0.1:9/api/v1/subaccounts/voicecli_sandbox/webhooks\nAuthorization: Bearer ***\n"
    )
    assert '"httpAuthHeader": "***"' in done.out
    assert API_KEY not in done.out
    shown = run("api", "DELETE", "/webhooks/VSS", "--dry-run", "--json", env=env).json
    assert (shown["method"], shown["body"]) == ("DELETE", None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["GET", "https://evil.example/webhooks"], "PATH must be the path"),
        (["GET", "//evil.example/webhooks"], "PATH must be the path"),
        (["GET", "webhooks"], "PATH must be the path"),
        (["GET", "/../../x"], "PATH must be the path"),
        (["GET", "/a/..?b"], "PATH must be the path"),
        (["GET", "/webhooks\r\nX: y"], "PATH must be the path"),
        (["GET", "/a b"], "PATH must be the path"),
        (["GET", "/numbers#x"], "PATH must be the path"),
        (["GET", "@evil.example/"], "PATH must be the path"),
        (["FETCH", "/webhooks"], "'FETCH' is not a known method"),
        (["GET", "/webhooks", "--data", "{}"], "A GET has no --data"),
        (["POST", "/webhooks", "--data", "[]"], "--data must be a JSON object"),
        (["POST", "/webhooks", "--data", "{"], "--data must be a JSON object"),
        (["POST", "/webhooks", "--data", '{"a": NaN}'], "can't be written as JSON"),
        (["POST", "/webhooks", "--data", "@nowhere.json"], "The file nowhere.json can't be read"),
    ],
)
def test_what_can_not_be_meant_is_refused_before_anything_is_sent(
    run: Program, arguments: list[str], says: str
) -> None:
    with server(answering(document({}))) as (url, requests):
        done = run("api", *arguments, env=environment(url))
    assert (done.code, done.out, requests) == (2, "", [])
    assert says in done.err


def test_a_query_goes_along(run: Program) -> None:
    with server(answering(document({"a": 1}))) as (url, requests):
        assert run("api", "GET", "/numbers?page=2&name=a%20b", env=environment(url)).json == {"a": 1}
    assert requests[0].startswith(
        b"GET /api/v1/subaccounts/voicecli_sandbox/numbers?page=2&name=a%20b HTTP/1.1"
    )


def test_a_refusal_is_told_in_8x8s_words(run: Program, sandbox: RunningSandbox) -> None:
    done = run("api", "POST", "/webhooks", "--data", "{}", env=sandbox.environment)
    assert (done.code, done.out) == (4, "")
    assert "type should be one of: VCA" in done.err


@pytest.mark.parametrize(
    ("method", "code"), [("GET", 5), ("POST", 6), ("PUT", 6), ("PATCH", 6), ("DELETE", 6)]
)
def test_a_lost_answer_says_whether_something_may_have_happened(run: Program, method: str, code: int) -> None:
    with server(answering(b"")) as (url, requests):
        done = run("api", method, "/webhooks", env=environment(url))
    assert (done.code, done.out, len(requests)) == (code, "", 1)


def test_a_lost_answer_to_a_callflow_names_its_id_and_not_its_text(run: Program) -> None:
    echo = document({"statusCode": -1016, "statusMessage": "Your code is 482913"}, "422 Unprocessable")
    for answer, code in ((b"", 6), (echo, 4)):
        with server(answering(answer)) as (url, _):
            done = run("api", "POST", "/callflows", "--data", json.dumps(CALL), env=environment(url))
        assert done.code == code
        assert "482913" not in done.err
        assert ("order-1" in done.err) == (code == 6)


def test_no_content_is_an_empty_object(run: Program) -> None:
    with server(answering(http("204 No Content", b""))) as (url, _):
        done = run("api", "DELETE", "/messages/exports/job-1", env=environment(url))
    assert (done.code, done.out) == (0, "{}\n")


def test_odd_answers_are_shown_and_not_obeyed(run: Program) -> None:
    with server(answering(document({"a": "\x1b[31m", "key": API_KEY}))) as (url, _):
        done = run("api", "GET", "/numbers", env=environment(url))
    assert done.json == {"a": "\x1b[31m", "key": "***"}
    assert "\x1b" not in done.out


def test_numbers_that_json_does_not_have_are_null(run: Program) -> None:
    with server(answering(http("200 OK", b'{"a": NaN, "b": [1e999]}'))) as (url, _):
        done = run("api", "GET", "/numbers", "--json", env=environment(url))
    assert done.out == '{"a": null, "b": [null]}\n'


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_dry_run_hides_what_is_named_as_a_secret_at_any_depth(run: Program, flags: list[str]) -> None:
    body = {"Password": 'p"wörd\\', "nested": [{"client_SECRET": 'p"wörd\\2', "note": 'is p"wörd\\2'}]}
    done = run(
        "api",
        "POST",
        "/x",
        "--data",
        json.dumps(body),
        "--dry-run",
        *flags,
        env=environment("http://[::1]:9"),
    )
    assert done.code == 0
    assert "rd\\" not in done.out
    document = done.json["body"] if flags else json.loads(done.out.partition("\n\n")[2])
    assert document == {"Password": "***", "nested": [{"client_SECRET": "***", "note": "is ***"}]}
