"""``voicecli webhooks``: where 8x8 reports to, looked at and changed."""

import os
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from aiohttp import web
from conftest import Finished, Program, RunningSandbox
from running_listener import public_access
from strict_webhooks import IgnoringSandbox, StrictSandbox

from voicecli.cli import app
from voicecli.cli.context import Context
from voicecli.listener import webhook_changes
from voicecli.listener.registration import Registration
from voicecli.sandbox.account import API_KEY, SUBACCOUNT
from voicecli.sandbox.server import Sandbox
from voicecli.store.location import StorePlace
from voicecli.voice_api.client import Client

TOKEN = "token-of-these-tests"


@pytest.fixture
def webhooks(run: Program) -> Iterator[Callable[..., Finished]]:
    """Runs ``voicecli webhooks`` against a sandbox of its own."""
    with RunningSandbox(time_scale=1000) as sandbox:
        yield lambda *arguments, **env: run("webhooks", *arguments, env={**sandbox.environment, **env})


def test_what_is_set_is_listed_and_what_is_deleted_is_not(webhooks: Callable[..., Finished]) -> None:
    done = webhooks("set", "VSS", "https://example.com/vss", WEBHOOK_AUTH_TOKEN=TOKEN)
    assert (done.code, done.out) == (0, "VSS events go to https://example.com/vss, with the token\n")
    assert webhooks("set", "vca", "https://example.com/vca").code == 3
    assert webhooks("set", "vca", "https://example.com/vca", "--no-auth").out.endswith("without a token\n")
    assert webhooks("list").out.splitlines() == [
        "VCA   enabled   none     https://example.com/vca",
        "VSS   enabled   token    https://example.com/vss",
        "VCS   not set",
        "VRU   not set",
        "VNU   not set",
    ]
    assert webhooks("delete", "vss").out == "VSS events are no longer reported\n"
    again = webhooks("delete", "vss")
    assert (again.code, again.out) == (0, "VSS was not set\n")
    assert "VSS   not set" in webhooks("list").out


def test_what_was_replaced_is_put_back_however_the_base_url_is_written(run: Program, tmp_path: Path) -> None:
    with RunningSandbox(time_scale=1000) as sandbox:
        environment = sandbox.environment
        assert run("webhooks", "set", "vss", "https://example.com/", "--no-auth", env=environment).code == 0
        url = sandbox.sandbox.url + "/"
        store = StorePlace(Path(os.environ["VOICECLI_HOME"]))
        with Client(api_key=API_KEY, subaccount_id=SUBACCOUNT, base_url=url) as client:
            killed = Registration(client, store, notify=print)
            killed.take(["VSS"], "http://127.0.0.1:9", token="a-token-of-tests")
            killed.close()
        other = sandbox.sandbox.url.replace("http://127.0.0.1", "HTTP://LocalHost") + "//"
        done = run("webhooks", "restore", env={**environment, "EIGHT_X_EIGHT_BASE_URL": other})
        assert (done.code, done.out) == (0, "Restored: VSS\n")
        assert "https://example.com/" in run("webhooks", "list", env=environment).out


class LateSandbox(Sandbox):
    """One that lists a webhook only some time after it was set: at the third look."""

    looks = 0

    async def _webhooks(self, request: web.Request) -> web.Response:
        self.looks += len(self._delivery.targets) > 0
        if request.method == "GET" and self.looks < 3:
            return web.json_response({"webhooks": [], "count": 0})
        return await super()._webhooks(request)


@pytest.mark.parametrize(
    ("kind", "codes", "words"),
    [
        (IgnoringSandbox, (4, 3), "8x8 accepted the change, but does not list it."),
        (LateSandbox, (0, 0), ""),
    ],
)
def test_what_8x8_accepts_and_ignores_is_no_success_and_what_it_lists_late_is_one(
    monkeypatch: pytest.MonkeyPatch, kind: type[Sandbox], codes: tuple[int, int], words: str
) -> None:
    """8x8 has a while to list it."""
    monkeypatch.setattr(webhook_changes, "LIST_AGAIN_AFTER", (0.0,) * 4)
    set_ = ["webhooks", "set", "vss", "https://example.com/", "--no-auth"]
    call = ["call", "+33199001234", "Hello", "--wait", *public_access()]
    for command, code in zip((set_, call), codes, strict=True):
        with RunningSandbox(kind, time_scale=1000) as sandbox:
            for name, value in sandbox.environment.items():
                monkeypatch.setenv(name, value)
            out, err = StringIO(), StringIO()
            assert app.run(command, Context(stdout=out, stderr=err)) == code, err.getvalue()
            assert bool(out.getvalue()) == (code == 0)
            assert words in err.getvalue()
            assert len(sandbox.sandbox.sessions) == (command is call and code == 0)


def test_the_token_is_not_shown(webhooks: Callable[..., Finished]) -> None:
    done = webhooks("set", "vss", f"https://example.com/{TOKEN}", "--debug", WEBHOOK_AUTH_TOKEN=TOKEN)
    assert TOKEN not in done.out + done.err


def test_a_webhook_can_be_without_a_token(webhooks: Callable[..., Finished]) -> None:
    done = webhooks("set", "vss", "https://example.com/", "--no-auth", "--json", WEBHOOK_AUTH_TOKEN=TOKEN)
    assert done.json == {"type": "VSS", "url": "https://example.com/", "hasAuthorization": False}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["set", "vsx", "https://example.com"], "the nearest is VSS"),
        (["set", "vss", "example.com"], "URL must be an http or https address"),
        (["delete", "all"], "is not a known type of event"),
        (["lst"], "No such command 'lst'.\nHint: Did you mean list? See"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    webhooks: Callable[..., Finished], arguments: list[str], says: str
) -> None:
    done = webhooks(*arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_nothing_to_put_back_is_said(webhooks: Callable[..., Finished]) -> None:
    assert webhooks("restore").out == "There is nothing to restore\n"


def test_a_wrong_key_is_refused(webhooks: Callable[..., Finished]) -> None:
    done = webhooks("list", EIGHT_X_EIGHT_API_KEY="some-wrong-key")
    assert (done.code, done.out) == (4, "")
    assert "EIGHT_X_EIGHT_API_KEY" in done.err


def test_a_store_that_can_not_be_used_does_not_hide_what_was_done(webhooks: Callable[..., Finished]) -> None:
    done = webhooks("set", "vss", "https://example.com/", "--no-auth", VOICECLI_HOME="/proc/nothing")
    assert (done.code, done.out) == (0, "VSS events go to https://example.com/, without a token\n")
    assert "Warning: A listener may still restore the former webhook" in done.err


@pytest.mark.parametrize(
    "arguments", [["set", "vss", "https://example.com/", "--no-auth"], ["delete", "vss"]]
)
def test_settings_are_read_once_and_warned_about_once(
    webhooks: Callable[..., Finished], tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / ".env").write_text("no setting at all\n")
    done = webhooks(*arguments)
    assert (done.code, done.err.count("Warning")) == (0, 1), done


Strict = Callable[..., Finished]


@pytest.fixture
def strict(run: Program, monkeypatch: pytest.MonkeyPatch) -> Iterator[Strict]:
    """Runs ``voicecli webhooks`` against a sandbox that wants a webhook deleted before it is set anew;
    ``words`` is what it says then."""
    with RunningSandbox(StrictSandbox, time_scale=1000) as sandbox:

        def webhooks(*arguments: str, words: str = "Invalid request", **env: str) -> Finished:
            monkeypatch.setattr(StrictSandbox, "words", words)
            return run("webhooks", *arguments, env={**sandbox.environment, **env})

        yield webhooks


def test_one_that_can_not_be_replaced_is_deleted_and_set(strict: Strict) -> None:
    assert strict("set", "vss", "https://example.com/1", "--no-auth").code == 0
    done = strict("set", "vss", "https://example.com/2", WEBHOOK_AUTH_TOKEN=TOKEN)
    assert (done.code, done.out) == (0, "VSS events go to https://example.com/2, with the token\n")
    assert "VSS   enabled   token    https://example.com/2\n" in strict("list").out
    assert strict("restore").out == "There is nothing to restore\n"


def test_a_header_is_not_risked_unless_8x8_says_what_is_in_the_way(strict: Strict) -> None:
    strict("set", "vss", "https://example.com/1", WEBHOOK_AUTH_TOKEN=TOKEN)
    refused = strict("set", "vss", "https://example.com/2", "--no-auth")
    assert refused.code == 4
    assert "has to go first: voicecli webhooks delete vss" in refused.err
    assert "VSS   enabled   token    https://example.com/1\n" in strict("list").out
    done = strict("set", "vss", "https://example.com/2", "--no-auth", words="A VSS webhook exists.")
    assert (done.code, done.err) == (0, "")


def test_what_was_set_is_set_again_where_the_new_one_is_refused(strict: Strict) -> None:
    strict("set", "vss", "https://example.com/1", "--no-auth")
    done = strict("set", "vss", "https://example.com/wrong", "--no-auth")
    assert done.code == 4
    assert "Warning: The VSS webhook to https://example.com/1 is set again." in done.err
    assert "VSS   enabled   none     https://example.com/1\n" in strict("list").out


def test_a_vnu_webhook_that_can_not_be_deleted_is_disabled(
    strict: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert strict("delete", "vnu").out == "VNU was not set\n"
    strict("set", "vnu", "https://example.com/vnu", "--no-auth")
    refused = strict("delete", "vnu")
    assert refused.code == 4
    assert "its API has no request that deletes it" in " ".join(refused.err.split())
    monkeypatch.setattr(StrictSandbox, "replaces", True)
    done = strict("delete", "vnu")
    assert (done.code, done.out) == (
        0,
        "VNU events are no longer reported: the webhook is disabled, since 8x8's API can't delete one of "
        "this type\n",
    )
    assert "VNU   disabled" in strict("list").out
