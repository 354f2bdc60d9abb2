"""A ``.env`` of somebody else's folder: where it can not lead secrets of the environment."""

from io import StringIO
from pathlib import Path

import pytest
from raw_server import answering, document, server

from voicecli import settings
from voicecli.cli import app, webhook_token
from voicecli.cli.context import Context

TOKEN = "token-of-these-tests"
ENVIRONMENT = {"WEBHOOK_AUTH_TOKEN": TOKEN, "VOICECLI_HOME": "home"}


@pytest.mark.parametrize(
    "command",
    [
        ("webhooks", "set", "vss", "https://example.com/"),
        ("listen", "--register", "--public-url", "http://127.0.0.1:9", "--force"),
        ("call", "+33199001234", "Hello", "--wait"),
    ],
)
def test_no_command_sends_the_token_of_the_environment_to_an_address_of_the_dotenv(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Though the key is its own."""
    with server(answering(document({}))) as (url, requests):
        (tmp_path / ".env").write_text(
            f"EIGHT_X_EIGHT_BASE_URL={url}\nEIGHT_X_EIGHT_API_KEY=key-of-the-folder\n"
            "EIGHT_X_EIGHT_SUBACCOUNT_ID=sub\nOUTBOUND_PHONE_NUMBER=+33199000000\n"
        )
        err = StringIO()
        assert app.run(command, Context(None, StringIO(), err, environment=ENVIRONMENT)) == 3
    assert "EIGHT_X_EIGHT_BASE_URL in .env would send the " in err.getvalue()
    assert "Set WEBHOOK_AUTH_TOKEN and EIGHT_X_EIGHT_BASE_URL in one place" in " ".join(
        err.getvalue().split()
    )
    assert requests == []


@pytest.mark.parametrize("own", [False, True])
def test_the_token_goes_to_a_host_of_the_dotenv_only_where_that_has_it(tmp_path: Path, own: bool) -> None:
    token = f"WEBHOOK_AUTH_TOKEN={TOKEN}\n" if own else ""
    (tmp_path / ".env").write_text(f"WEBHOOK_BASE_URL=hooks.example\n{token}")
    loaded, told = settings.load(environment=ENVIRONMENT, folder=tmp_path), list[str]()
    url = "https://hooks.example/x"
    assert webhook_token.may_send_token(loaded, url, send_token=False, tell=told.append) is own
    assert [*map(bool, told)] == ([] if own else [True])
    assert webhook_token.may_send_token(loaded, url, send_token=True, tell=told.append)
