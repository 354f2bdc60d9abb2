"""What the agent is given, from what is asked for and from the user's ngrok.yml."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from voicecli.errors import ConfigurationError
from voicecli.tunnel.configuration import AgentConfiguration, Tunnel, read_configuration

TOKEN = "2TokenOfNobody_5uRp1s1ngLyLong"
PORT = 5678


class Given(NamedTuple):
    """What the agent gets, and what is said of it."""

    plan: AgentConfiguration
    notes: list[str]

    @property
    def address(self) -> object:
        return self.plan.endpoint.get("url") or self.plan.endpoint.get("domain")


Configure = Callable[..., Given]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Reads this ngrok.yml, or none, for a tunnel with these options."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))

    def configured(text: str | None = None, **options: Any) -> Given:
        if text is not None:
            options["config_path"] = tmp_path / "ngrok.yml"
            options["config_path"].write_text(text)
        notes: list[str] = []
        return Given(read_configuration(Tunnel(**{"port": PORT, **options}), notes.append), notes)

    return configured


def test_the_agent_calls_an_address_that_can_be_called(configure: Configure) -> None:
    for host, upstream in {
        "127.0.0.1": "127.0.0.1:5678",
        "0.0.0.0": "127.0.0.1:5678",
        "::": "[::1]:5678",
        "localhost": "localhost:5678",
    }.items():
        endpoint = configure(host=host).plan.endpoint
        assert endpoint == {"name": "voicecli", "upstream": {"url": f"http://{upstream}"}}


def test_a_static_domain_is_asked_for_in_the_words_of_each_version(configure: Configure) -> None:
    upstream = "127.0.0.1:5678"
    for domain in ("your.ngrok-free.app", "https://your.ngrok-free.app/"):
        assert configure("version: 3", domain=domain).plan.endpoint == {
            "name": "voicecli",
            "url": "https://your.ngrok-free.app",
            "upstream": {"url": f"http://{upstream}"},
        }
        assert configure("version: '2'", domain=domain).plan.endpoint == {
            "name": "voicecli",
            "domain": "your.ngrok-free.app",
            "addr": upstream,
            "proto": "http",
        }


def test_what_is_no_domain_is_refused(configure: Configure) -> None:
    for domain in ("https://x.ngrok-free.app/path", "a domain", "localhost", "https://"):
        with pytest.raises(ConfigurationError) as refused:
            configure(domain=domain)
        assert repr(domain) in refused.value.message


def test_the_domain_of_the_users_endpoint_to_this_port_is_used(configure: Configure) -> None:
    for text, address in (
        ("{version: 3, endpoints: [{name: a, url: 'https://a.io', upstream: {url: 5678}}]}", "https://a.io"),
        ("{version: 3, endpoints: [{url: a.io, upstream: {url: 'http://localhost:5678'}}]}", "https://a.io"),
        ("{version: 3, endpoints: [{url: a.io, upstream: {url: '10.0.0.1:5678'}}]}", None),
        ("{version: 3, endpoints: [{url: a.io, upstream: {url: 80}}]}", None),
        ("{version: 3, endpoints: [{url: 'tcp://a.io:1', upstream: {url: 5678}}]}", None),
        ("{version: 3, endpoints: [7, {url: b.io, upstream: {url: 80}}, {upstream: {url: 5678}}]}", None),
        ("{version: 3, tunnels: {a: {proto: http, addr: 5678, domain: a.io}}}", "https://a.io"),
        ("{version: 2, tunnels: {a: {proto: http, addr: 5678, domain: a.io}}}", "a.io"),
        ("{version: 2, tunnels: {a: {proto: http, addr: 'localhost:5678', hostname: a.io}}}", "a.io"),
        ("{version: 2, tunnels: {a: {proto: http, addr: 80, domain: a.io}}}", None),
    ):
        given = configure(text)
        assert given.address == address, text
        assert "a.io" not in str(given.plan.content)


def test_a_domain_that_is_given_goes_before_the_files(configure: Configure) -> None:
    text = "{version: 3, endpoints: [{url: a.io, upstream: {url: 5678}}]}"
    assert configure(text, domain="b.io").address == "https://b.io"


def test_a_guard_that_8x8_could_not_pass_is_left_out_and_that_is_said(configure: Configure) -> None:
    for text in (
        "{version: 2, tunnels: {pyngrok-default: {addr: 5678, proto: http, basic_auth: ['me:secretword']}}}",
        "{version: 3, endpoints: [{name: pyngrok-default, upstream: {url: 5678}, traffic_policy: {x: 1}}]}",
    ):
        plan, notes = configure(text)
        assert plan.endpoint.keys() & {"basic_auth", "traffic_policy"} == set()
        assert [note for note in notes if "left out" in note]
        assert "secretword" not in "".join(notes)


def test_a_configuration_that_can_not_be_used_is_named_and_not_quoted(
    configure: Configure, tmp_path: Path
) -> None:
    for text, what in (
        ("version: 1", "version 2 or 3"),
        ("authtoken: x", "version 2 or 3"),
        ("", "version 2 or 3"),
        ("- a list", "version 2 or 3"),
        ("version: 3\nagent: [1]", "version 2 or 3"),
        (f"version: 3\nauthtoken: '{TOKEN}\n  : [", "understood"),
        (f"version: 3\nx:\n  authtoken: {TOKEN}: {TOKEN}", "from line 3 on"),
        (f"version: 3\nauthtoken: {TOKEN}\n\x07", "understood"),
        ("version: 3\nagent: {web_addr: false}", "web_addr is false"),
        ("version: 2\nweb_addr: false", "web_addr is false"),
    ):
        with pytest.raises(ConfigurationError) as refused:
            configure(text)
        error = refused.value
        assert str(tmp_path / "ngrok.yml") in error.message
        assert what in error.message
        assert error.hint
        assert TOKEN not in f"{error.message} {error.hint}"


def test_a_configuration_that_is_not_there_is_named(configure: Configure, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        configure(config_path=tmp_path / "none.yml")
    assert refused.value.message == f"{tmp_path / 'none.yml'} can't be read: No such file or directory."


def test_a_token_that_is_given_goes_before_the_files_and_that_is_said(configure: Configure) -> None:
    plan, notes = configure("{version: 2, authtoken: another}", auth_token=TOKEN)
    assert plan.content["authtoken"] == TOKEN
    assert len(notes) == 1
    assert TOKEN not in notes[0]
    assert "another" not in notes[0]


def test_an_inspector_that_is_open_to_the_network_is_warned_of(configure: Configure) -> None:
    for address, warned in (
        ("0.0.0.0:0", True),
        (":0", True),
        ("localhost:0", False),
        ("127.0.0.1:0", False),
    ):
        plan, notes = configure(f"{{version: 3, agent: {{web_addr: '{address}'}}}}")
        assert [address in note and "every captured body" in note for note in notes] == [True] * warned
        assert plan.content["agent"] == {"web_addr": address}
