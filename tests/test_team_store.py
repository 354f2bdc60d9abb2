"""The URL of a team's database, and the team's key: what is valid, and what is shown of them."""

import pytest
from psycopg.pq import Conninfo

from voicecli import settings, team_store
from voicecli.team_store import DatabaseUrl

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


@pytest.mark.parametrize(
    ("url", "parts", "shown"),
    [
        ("postgresql://db/calls", DatabaseUrl("postgresql://db/calls", "voicecli"), "postgresql://db/calls"),
        (
            "postgres://me:pass-word@db:6432/calls?schema=ops&sslmode=require",
            DatabaseUrl("postgres://me:pass-word@db:6432/calls?sslmode=require", "ops"),
            "postgres://me:***@db:6432/calls?schema=ops&sslmode=require",
        ),
        (
            "postgresql:///calls?host=/run/db&password=pass-word&user=me",
            DatabaseUrl("postgresql:///calls?host=/run/db&password=pass-word&user=me", "voicecli"),
            "postgresql:///calls?host=/run/db&password=***&user=me",
        ),
        (
            "postgresql://me:@[::1],other:5433?%73chema=a_1",
            DatabaseUrl("postgresql://me:@[::1],other:5433", "a_1"),
            "postgresql://me:***@[::1],other:5433?schema=a_1",
        ),
    ],
)
def test_a_url_is_what_libpq_takes_and_a_schema(url: str, parts: DatabaseUrl, shown: str) -> None:
    assert team_store.problem_of_url(url) is None
    assert (team_store.read_url(url), team_store.shown_url(url)) == (parts, shown)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mysql://me:pass-word@db/calls", "a URL such as postgresql://me@host/voicecli"),
        ("/var/lib/voicecli", "a URL such as postgresql://me@host/voicecli"),
        ("host=db password=pass-word", "a URL such as postgresql://me@host/voicecli"),
        ("postgresql://me:pass-word@@db/calls", "@ / ? and blanks in a password are"),
        ("postgresql://me:pass-word/x@db/calls", "%40 %2F %3F %20"),
        ("postgresql://me:pass-word?x@db/calls", "%40 %2F %3F %20"),
        ("postgresql://me:pass word@db/calls", "%40 %2F %3F %20"),
        ("postgresql://db/calls?schema=a&schema=b", "one name of small letters"),
        ("postgresql://db/calls?schema=Ops", "one name of small letters"),
        ("postgresql://db/calls?schema=pg_ops", "one name of small letters"),
        ("postgresql://db/calls?schema=", "one name of small letters"),
    ],
)
def test_what_is_wrong_with_a_url_is_told_without_it(url: str, problem: str) -> None:
    told = team_store.problem_of_url(url) or ""
    assert problem in told
    assert "pass" not in told.replace("a password", "")
    shown = team_store.shown_url(url)
    assert "pass" not in shown


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("postgresql://me:p%40ss-word@db/calls", ["p%40ss-word", "p@ss-word"]),
        ("postgresql://db/calls?password=pass-word&sslpassword=key-word", ["pass-word", "key-word"]),
        ("postgresql://me:pass/word@db/calls", ["pass/word"]),
        ("postgresql://calling:calling@db/calls", []),  # a name that is shown
        ("postgresql://me:voicecli@db/calls", []),
    ],
)
def test_passwords_are_hidden_as_written_and_as_they_are(url: str, hidden: list[str]) -> None:
    assert [*team_store.secret_passwords(url)] == hidden
    assert [*settings.environment_secrets({"VOICECLI_STORE": url})] == hidden
    assert [*settings.load(environment={"VOICECLI_STORE": url}).secrets()] == hidden


def test_each_parameter_that_libpq_hides_is_hidden() -> None:
    hidden = [one.keyword.decode() for one in Conninfo.get_defaults() if b"*" in one.dispchar]
    assert {"password", "sslpassword"} <= {*hidden}
    for name in (*hidden, "scram_client_key", "scram_server_key"):
        assert team_store.shown_url(f"postgresql://db/calls?{name}=pass-word").endswith(f"?{name}=***")


def test_a_new_key_is_one_and_no_other_text_is() -> None:
    new = team_store.new_key()
    assert len(team_store.read_key(new) or b"") == team_store.KEY_LENGTH
    assert team_store.read_key(KEY) == team_store.read_key(f"{KEY}=") == bytes(range(32))
    assert new != team_store.new_key()
    for wrong in ("", KEY[:-4], KEY + "AAAA", KEY.replace("A", "é"), KEY.replace("B", "!")):
        assert team_store.read_key(wrong) is None
        assert "voicecli store key" in (team_store.problem_of_key(wrong) or "")
