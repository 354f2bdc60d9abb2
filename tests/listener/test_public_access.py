"""How a listener is reached: what follows from what was asked for, by values alone."""

from pathlib import Path
from typing import Any

import pytest

from voicecli.errors import ConfigurationError, InvalidInput
from voicecli.listener.plan import ListenerPlan
from voicecli.listener.public_access import PublicAccess, listening_plan
from voicecli.store.location import StorePlace

SANDBOX, OWN = "http://127.0.0.1:8088", "https://calls.example.com"
TOKEN = "token-of-these-tests"
TUNNEL = PublicAccess()


def plan(access: PublicAccess = TUNNEL, **options: Any) -> ListenerPlan:
    return listening_plan(
        access, **{"store": StorePlace(Path("home")), "port": 5678, "token": TOKEN, **options}
    )


@pytest.mark.parametrize(
    ("access", "options", "message"),
    [
        (PublicAccess(no_tunnel=True, public_url=OWN), {}, "Only one of"),
        (PublicAccess(domain="a.example", public_url=OWN), {}, "Only one of"),
        (PublicAccess(no_tunnel=True), {"register": True}, "--register needs public access"),
        (PublicAccess(public_url="ftp://calls.example.com"), {}, "must be an http or https address"),
        (
            PublicAccess(public_url=SANDBOX),
            {"register": True, "base_url": OWN},
            "an address of this machine only",
        ),
    ],
)
def test_what_can_not_be(access: PublicAccess, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        plan(access, **options)


def test_a_sandbox_on_this_machine_reaches_it_without_a_tunnel_unless_one_is_asked_for() -> None:
    local: dict[str, Any] = {"register": True, "base_url": SANDBOX}
    assert plan(**local).public_url == "http://127.0.0.1:5678"
    assert plan(PublicAccess(public_url=SANDBOX), **local).public_url == SANDBOX
    for given in (
        plan(**{**local, "base_url": OWN}),
        plan(**{**local, "register": False}),
        plan(**{**local, "port": 0}),
        plan(**local, domain="a.example"),
        plan(PublicAccess(install_ngrok=True), **local),
    ):
        assert (given.public_url, given.tunnel is None) == (None, False)


def test_a_tunnel_is_opened_as_it_was_asked_for_once_the_port_is_known() -> None:
    access = PublicAccess(ngrok_config=Path("ngrok.yml"), install_ngrok=True, host="::1")
    made = plan(access, port=0, domain="https://A.example/", ngrok_token="some-token")
    assert made.tunnel is not None
    tunnel = made.tunnel(4711)
    assert (tunnel.port, tunnel.host, tunnel.domain) == (4711, "::1", "https://A.example/")
    assert (tunnel.auth_token, tunnel.config_path, tunnel.install) == ("some-token", Path("ngrok.yml"), True)
    assert made.names == ("a.example",)
    assert plan(PublicAccess(public_url=OWN)).tunnel is plan(PublicAccess(no_tunnel=True)).tunnel is None


def test_who_registers_gets_a_token_and_nobody_else_is_public_without_one() -> None:
    made = plan(token=None, register=True, base_url=OWN)
    assert made.token is not None
    assert len(made.token) >= 32
    assert (made.token_is_new, plan(register=True).token_is_new) == (True, False)
    assert (plan(no_auth=True).token, plan(register=True, no_auth=True).token) == (None, None)
    assert plan(PublicAccess(no_tunnel=True), token=None).token is None
    for access in (TUNNEL, PublicAccess(no_tunnel=True, host="0.0.0.0")):
        with pytest.raises(ConfigurationError, match="Without a token"):
            plan(access, token=None)
