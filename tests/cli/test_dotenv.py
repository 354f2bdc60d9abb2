"""A ``.env`` of somebody else's folder: where it can not lead secrets of the environment."""

from io import StringIO
from pathlib import Path

import httpx
import pytest
from conftest import NUMBER
from raw_server import answering, document, server
from running_listener import listening

from voicecli import settings
from voicecli.cli import app, dotenv_rules, webhook_token, wiring
from voicecli.cli.context import Context
from voicecli.errors import ConfigurationError
from voicecli.listener.public_access import PublicAccess

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


@pytest.mark.parametrize(
    ("theirs", "register"),
    [
        ("WEBHOOK_BASE_URL=theirs.example\n", True),
        ("NGROK_AUTHTOKEN=token-of-theirs\n", True),
        ("WEBHOOK_BASE_URL=theirs.example\nNGROK_AUTHTOKEN=token-of-theirs\n", False),
    ],
)
def test_the_token_goes_through_no_tunnel_of_a_dotenv_that_has_it_not(
    tmp_path: Path, theirs: str, register: bool
) -> None:
    def plan(variables: str, access: PublicAccess) -> str | None:
        (tmp_path / ".env").write_text(variables)
        context = Context(None, StringIO(), StringIO(), environment=ENVIRONMENT)
        loaded = context.settings({"webhook_base_url": access.domain})
        return wiring.listening_plan(context, loaded, access, register=register).token

    with pytest.raises(ConfigurationError) as caught:
        plan(theirs, PublicAccess())
    names = " and ".join(line.partition("=")[0] for line in theirs.split())
    assert caught.value.message == (
        f"{names} in .env, which may be somebody else's, could make WEBHOOK_AUTH_TOKEN of the environment "
        "known to others."
    )
    assert caught.value.hint == (
        f"Move {names} from .env to the environment, or set WEBHOOK_AUTH_TOKEN in .env only."
    )
    assert plan(f"{theirs}WEBHOOK_AUTH_TOKEN={TOKEN}", PublicAccess()) == TOKEN
    assert plan(theirs, PublicAccess(public_url="https://mine.example")) == TOKEN
    if "NGROK" not in theirs:
        assert plan(theirs, PublicAccess(domain="mine.example")) == TOKEN


def test_a_token_of_the_dotenv_places_no_calls_with_the_key_of_the_environment(tmp_path: Path) -> None:
    """Whoever wrote it would place them."""
    (tmp_path / ".env").write_text(f"WEBHOOK_AUTH_TOKEN={TOKEN}\n")
    with server(answering(document({}))) as (url, requests):
        env = {
            "EIGHT_X_EIGHT_API_KEY": "key-of-the-user",
            "EIGHT_X_EIGHT_SUBACCOUNT_ID": "sub",
            "EIGHT_X_EIGHT_BASE_URL": url,
            "OUTBOUND_PHONE_NUMBER": "+33199000000",
        }
        with listening(tmp_path / "home", "--no-tunnel", env=env, token=None, in_thread=True) as listener:
            body = {"customerPhone": NUMBER, "message": "Hello"}
            made = httpx.post(f"{listener.url}/api/make-call", json=body, headers={"Authorization": TOKEN})
    assert (made.status_code, made.json()["error"]) == (
        503,
        "WEBHOOK_AUTH_TOKEN in .env, which may be somebody else's, would let others place calls with the API "
        "key of the environment.",
    )
    assert made.json()["details"]["hint"] == (
        "Move WEBHOOK_AUTH_TOKEN from .env to the environment, or set EIGHT_X_EIGHT_API_KEY in .env only."
    )
    assert "/callflows" not in str(requests)


@pytest.mark.parametrize("theirs", ["NGROK_AUTHTOKEN=theirs", "WEBHOOK_BASE_URL=theirs.example"])
def test_a_tunnel_of_the_dotenv_places_no_calls_either(tmp_path: Path, theirs: str) -> None:
    """Who owns it reads the token that voicecli makes for a run. Without that tunnel, nobody can."""
    key = "EIGHT_X_EIGHT_API_KEY"
    (tmp_path / ".env").write_text(theirs)
    for value, has_tunnel in (("voicecli-sandbox-key", True), ("key-of-the-user", False)):
        loaded = settings.load(environment={key: value}, folder=tmp_path)
        dotenv_rules.refuse_calls_of_others(loaded, has_tunnel=has_tunnel)
    with pytest.raises(ConfigurationError, match=r"in \.env, .* API key of the environment\.$"):
        dotenv_rules.refuse_calls_of_others(loaded, has_tunnel=True)
    (tmp_path / ".env").write_text(f"{theirs}\n{key}=key-of-the-folder")
    dotenv_rules.refuse_calls_of_others(settings.load(environment={}, folder=tmp_path), has_tunnel=True)


STORE = "postgresql://theirs.example/voicecli"
STORE_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@pytest.mark.parametrize(
    ("theirs", "ours", "refused"),
    [
        # The key of another place, for a database that may be anybody's.
        (
            {"VOICECLI_STORE": STORE},
            {"VOICECLI_STORE_KEY": STORE_KEY},
            "is not the database that the team's key",
        ),
        # Calls with the user's own key for the API would be told to that database, and guarded by it.
        (
            {"VOICECLI_STORE": STORE, "VOICECLI_STORE_KEY": STORE_KEY},
            {"EIGHT_X_EIGHT_API_KEY": "key-of-the-user"},
            "would tell another database of the calls that the API key of the environment places",
        ),
        ({"VOICECLI_STORE_KEY": STORE_KEY}, {"VOICECLI_STORE": STORE}, None),  # a wrong one opens nothing
        (
            {"VOICECLI_STORE": f"{STORE}?passfile=mine", "VOICECLI_STORE_KEY": STORE_KEY},
            {},
            "passfile",
        ),
        ({"VOICECLI_STORE": f"{STORE}?hostaddr=192.0.2.1", "VOICECLI_STORE_KEY": STORE_KEY}, {}, "hostaddr"),
        ({"VOICECLI_STORE": STORE, "VOICECLI_STORE_KEY": STORE_KEY}, {"PGPASSWORD": "mine"}, "PGPASSWORD"),
        (  # a service of the user's may have a password
            {"VOICECLI_STORE": STORE, "VOICECLI_STORE_KEY": STORE_KEY},
            {"PGSERVICE": "mine"},
            "PGSERVICE",
        ),
        (  # of a key, which is no password for the server
            {"VOICECLI_STORE": f"{STORE}?sslpassword=theirs", "VOICECLI_STORE_KEY": STORE_KEY},
            {"PGPASSWORD": "mine"},
            "PGPASSWORD",
        ),
        (  # libpq would write to it
            {"VOICECLI_STORE": f"{STORE}?sslkeylogfile=mine", "VOICECLI_STORE_KEY": STORE_KEY},
            {},
            "sslkeylogfile",
        ),
        ({"VOICECLI_STORE": STORE, "VOICECLI_STORE_KEY": STORE_KEY}, {}, None),
        (
            {
                "VOICECLI_STORE": STORE.replace("://", "://me:pass-word@"),
                "VOICECLI_STORE_KEY": STORE_KEY,
                "EIGHT_X_EIGHT_API_KEY": "key-of-the-folder",
            },
            {"PGPASSWORD": "mine"},
            None,
        ),
        ({}, {"VOICECLI_STORE": STORE, "VOICECLI_STORE_KEY": STORE_KEY, "PGPASSWORD": "mine"}, None),
    ],
)
def test_a_dotenv_leads_no_records_and_no_secret_of_the_user_to_a_database_of_its_own(
    tmp_path: Path, theirs: dict[str, str], ours: dict[str, str], refused: str | None
) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in theirs.items()))
    loaded = settings.load(environment=ours, folder=tmp_path)
    if refused is None:
        assert wiring.store_place(loaded).key == bytes(range(32))
        return
    with pytest.raises(ConfigurationError) as caught:
        wiring.store_place(loaded)
    assert refused in caught.value.message


def test_which_database_it_is_names_the_command_line_before_all_others_and_shows_no_password(
    tmp_path: Path,
) -> None:
    environment = {"VOICECLI_STORE": "postgresql://me:pass-word@db/voicecli", "VOICECLI_STORE_KEY": STORE_KEY}
    url = "postgresql://me@other/voicecli"
    place = wiring.store_place(Context(None, None, None, environment=environment, store=url).settings({}))
    assert (place.url, place.key) == (url, bytes(range(32)))
    without = wiring.store_place(Context(None, None, None, environment=environment).settings({}))
    assert without.url == environment["VOICECLI_STORE"]
    for text in map(repr, (place, without, settings.load(environment=environment, folder=tmp_path))):
        assert "pass-word" not in text
        assert STORE_KEY not in text
