"""Who runs the program, and where, as a team sees it."""

import socket
from collections.abc import Iterator

import pytest

from voicecli.platforms.identity import user_at_host


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    user_at_host.cache_clear()
    yield
    user_at_host.cache_clear()


def test_it_names_the_user_and_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "anna")
    assert user_at_host() == f"anna@{socket.gethostname()}"


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("os.getuid", "os.geteuid"):
        monkeypatch.setattr(name, lambda: 61_234, raising=False)
    assert user_at_host() == f"61234@{socket.gethostname()}"
