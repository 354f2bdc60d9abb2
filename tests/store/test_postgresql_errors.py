"""What is said of a connection that is not made: in libpq's words there is no code for why."""

import psycopg
import pytest

from voicecli.errors import StoreUnreachable
from voicecli.store.postgresql_errors import as_store_failed

AT = 'connection to server at "127.0.0.1", port 5432 failed: '


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (f"{AT}Connection refused", "Is the server running"),
        (f'{AT}FATAL:  database "x" does not exist', "check user and database"),
        (f'{AT}root certificate file "/me/root.crt" does not exist', "what VOICECLI_STORE asks for"),
        (f"{AT}SSL error: certificate verify failed", "what VOICECLI_STORE asks for"),
        (
            f'{AT}server certificate for "a" does not match host name "127.0.0.1"',
            "what VOICECLI_STORE asks for",
        ),
        (f"{AT}server does not support SSL, but SSL was required", "what VOICECLI_STORE asks for"),
        ('connection is bad: invalid port number: "99999"', "what VOICECLI_STORE asks for"),
    ],
)
def test_the_hint_is_about_what_is_wrong(words: str, hint: str) -> None:
    error = as_store_failed(psycopg.OperationalError(words), "It can't be read", "", ())
    assert hint in error.hint
    assert isinstance(error, StoreUnreachable) == (hint == "Is the server running")
