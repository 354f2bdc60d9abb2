"""Without a token no web page gets in, neither as itself nor by a name that it made lead here."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from conftest import RunningSandbox
from receiver_world import TOKEN, receiving, vss

from voicecli.sandbox.account import API_KEY, SUBACCOUNT
from voicecli.urls import host_of, is_own_host

OF_A_PAGE: list[Mapping[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"origin": "http://127.0.0.1:5678"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Host": "evil.example"},
    {"Host": "evil.example:5678"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "localhost.evil.example"},
    {"Host": "[evil]"},
    {"Host": ""},
]
OURS: list[Mapping[str, str]] = [
    {},
    {"Host": "localhost:5678"},
    {"Host": "LOCALHOST."},
    {"Host": "127.0.0.1"},
    {"Host": "[::1]:5678"},
    {"Host": "192.168.1.5:5678"},
    {"Host": socket.gethostname()},
    {"Host": "hooks.example:443"},
    {"Host": "other.example"},
]


async def test_a_web_page_is_refused_and_told_of_once(tmp_path: Path) -> None:
    async def never(body: object) -> Any:
        raise AssertionError("a call was placed")

    async with receiving(tmp_path, token=None, routes={"/api/make-call": never}) as world:
        for headers in OF_A_PAGE:
            for path in ("/api/webhooks/vss", "/api/make-call"):
                status, answer = await world.post(path, vss(), token=None, headers=headers)
                assert (status, answer["success"]) == (403, False), headers
        assert world.service.refused == {"from a web page": 12, "not for this machine": 12}
        assert len([text for text in world.told if "refused" in text]) == 2
        assert world.kept("id") == []


async def test_whoever_is_no_web_page_is_let_in(tmp_path: Path) -> None:
    names = ("other.example",)
    async with receiving(tmp_path, token=None, public_url="https://hooks.example", names=names) as world:
        for headers in OURS:
            status, _ = await world.post("/api/webhooks/vss", vss(), token=None, headers=headers)
            assert status == 200, headers


async def test_with_the_token_a_proxy_may_put_in_what_it_likes(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        for headers in OF_A_PAGE:
            status, _ = await world.post("/api/webhooks/vss", vss(), token=TOKEN, headers=headers)
            assert status == 200, headers


async def test_a_browser_may_look_whether_it_runs(tmp_path: Path) -> None:
    async with receiving(tmp_path, token=None) as world:
        for headers, status in (({"Sec-Fetch-Site": "none"}, 200), ({"Host": "evil.example"}, 403)):
            async with world.http.get(f"{world.service.url}/health", headers=headers) as answer:
                assert answer.status == status


async def test_answers_do_not_say_which_software_they_come_from(tmp_path: Path) -> None:
    async with receiving(tmp_path) as world:
        for path in ("/health", "/nowhere", "/api/webhooks/vss"):
            async with world.http.get(world.service.url + path) as answer:
                assert "Server" not in answer.headers
        reader, writer = await world.connect()
        writer.write(b"no HTTP\r\n\r\n")
        refusal = await reader.read()
        writer.close()
    assert refusal.startswith(b"HTTP/1.0 400")
    assert b"aiohttp" not in refusal.lower()


def test_the_sandbox_is_for_no_web_page_either(sandbox: RunningSandbox) -> None:
    url = f"{sandbox.sandbox.url}/api/v1/subaccounts/{SUBACCOUNT}/webhooks"
    with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {API_KEY}"}) as http:
        assert [http.get(url, headers=headers).status_code for headers in OF_A_PAGE] == [403] * 12
        assert http.get(url).status_code == 200


def test_a_host_is_read_out_of_urls_and_headers() -> None:
    assert host_of("https://Hooks.Example.:8443/x") == host_of("hooks.example") == "hooks.example"
    assert host_of("http://[") == host_of("") == ""
    assert is_own_host(None, ())
    foreign = (
        "1.2.3",
        "127.1",
        "localhost:1@evil.example",
        "[::1].evil.example",
        "localhost,evil.example",
        ":",
    )
    assert not any(is_own_host(host, ()) for host in foreign)
