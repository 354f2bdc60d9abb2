"""What becomes of a tunnel that is open: its agent dies, loses its session, is watched, and ends."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import aiohttp
import pytest
from conftest import DEADLINE, wait_until
from pyngrok import process
from stand_in_agent import GO_OFFLINE, LOSE_SESSION, change_faults, is_alive, pids, records, write_agent
from tunnel_world import Subjects, asked, post, running, unknown, until

from voicecli.tunnel import (
    ngrok_process as agent_module,
    ngrok_tunnel as ngrok_module,
)
from voicecli.tunnel.ngrok_tunnel import TunnelChange
from voicecli.tunnel.supervision import SupervisionLimits, Supervisor

pytestmark = pytest.mark.usefixtures("clean_machine")


# Defect 8: the agent's death


@pytest.mark.usefixtures("quick")
async def test_a_dead_agent_is_told_and_replaced(subject: Subjects, folder: Path, listener: int) -> None:
    one = subject(port=listener)
    old = await one.ngrok.start()
    os.kill(pids(folder)[0], signal.SIGKILL)
    assert await one.change() == TunnelChange(False, old, "The ngrok agent has ended.", 0.01)
    up = await one.change()
    assert up == TunnelChange(True, one.ngrok.url, "", None)
    assert up.url != old
    assert (await post(f"{up.url}/x"))["path"] == "/x"
    assert len(pids(folder)) == len(asked(folder)) == 2
    assert one.changes.empty()


@pytest.mark.soak
@pytest.mark.usefixtures("quick")
async def test_attempts_to_reconnect_are_told_and_further_and_further_apart(
    subject: Subjects, folder: Path
) -> None:
    one = subject()
    url = await one.ngrok.start()
    change_faults(folder, refuses="334")
    os.kill(pids(folder)[0], signal.SIGKILL)
    downs = [await one.change() for _ in range(4)]
    assert [change.retry_in for change in downs] == [0.01, 0.02, 0.04, 0.04]
    assert {(change.up, change.url) for change in downs} == {(False, url)}
    assert downs[1].reason.startswith("The URL is already online (ERR_NGROK_334). End the agent")
    assert (one.ngrok.url, one.ngrok.inspector) == (None, None)
    change_faults(folder)
    while not (change := await one.change()).up:
        pass
    assert change.url == one.ngrok.url


@pytest.mark.soak
async def test_the_first_attempt_to_reconnect_comes_after_a_second(subject: Subjects, folder: Path) -> None:
    one = subject({"dies_once_after": 0.01})
    await one.ngrok.start()
    assert (await one.change()).retry_in == 1
    assert (await one.change()).up
    assert ngrok_module.LONGEST_PAUSE == 30


@pytest.mark.usefixtures("quick")
@pytest.mark.soak
async def test_an_agent_that_gives_its_reason_is_quoted(subject: Subjects, folder: Path) -> None:
    one = subject()
    await one.ngrok.start()
    change_faults(folder, ends_at_start="the moon is full")
    os.kill(pids(folder)[0], signal.SIGKILL)
    await one.change()
    assert (await one.change()).reason == "The ngrok agent could not be started: the moon is full."


async def test_an_agent_that_loses_its_way_to_ngrok_and_finds_it_again_is_told(
    subject: Subjects, folder: Path
) -> None:
    one = subject({"loses_session_after": 0.2, "regains_session_after": 0.1})
    url = await one.ngrok.start()
    reason = "The ngrok agent has lost its connection to ngrok: read EOF from remote peer."
    assert await one.change() == TunnelChange(False, url, reason, None)
    assert await one.change() == TunnelChange(True, url, "", None)
    assert one.ngrok.url == url
    assert len(pids(folder)) == 1


@pytest.mark.soak
@pytest.mark.usefixtures("quick")
async def test_an_agent_that_never_gets_its_session_back_is_started_anew(
    subject: Subjects, folder: Path, listener: int
) -> None:
    one = subject(port=listener, limits=SupervisionLimits(without_session=0.3))
    old = await one.ngrok.start()
    os.kill(pids(folder)[0], LOSE_SESSION)
    reasons = []
    while not (change := await one.change()).up:
        reasons.append(change.reason)
        assert change.url == old
    assert reasons[0].startswith("The ngrok agent has lost its connection to ngrok")
    assert reasons[-1] == "The ngrok agent had no session for 0.3 s, and is restarted."
    assert (await post(f"{change.url}/x"))["path"] == "/x"
    assert [is_alive(pid) for pid in pids(folder)] == [False, True]
    assert one.changes.empty()


async def leads_here(url: str) -> str | None:
    """Whether a URL is answered by the listener of these tests."""
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        return None if response.status == 201 else f"HTTP {response.status}"


@pytest.mark.soak
@pytest.mark.usefixtures("quick")
async def test_an_agent_whose_url_is_offline_though_it_has_a_session_is_started_anew(
    subject: Subjects, folder: Path, listener: int
) -> None:
    limits = SupervisionLimits(probe_every=0.05, probe_again_after=0.02)
    one = subject(port=listener, limits=limits, probe=leads_here)
    old = await one.ngrok.start()
    os.kill(pids(folder)[0], GO_OFFLINE)
    down, up = await one.change(), await one.change()
    assert down.reason == f"{old} does not lead here any more (HTTP 404): the ngrok agent is restarted."
    assert (down.up, up.up, up.url) == (False, True, one.ngrok.url)
    assert [is_alive(pid) for pid in pids(folder)] == [False, True]


@pytest.mark.soak
async def test_a_machine_that_has_slept_has_its_url_probed_at_once(
    subject: Subjects, folder: Path, listener: int
) -> None:
    limits = SupervisionLimits(probe_every=3600, probe_again_after=0.02)
    one = subject(port=listener, limits=limits, probe=leads_here)
    url = await one.ngrok.start()
    os.kill(pids(folder)[0], GO_OFFLINE)
    await until(lambda: asyncio.run(leads_here(url)))
    one.ngrok.probe_soon()
    assert not (await one.change()).up
    assert (await one.change()).up


@pytest.mark.soak
@pytest.mark.usefixtures("quick")
async def test_agents_that_do_not_work_are_started_further_and_further_apart(
    subject: Subjects, folder: Path
) -> None:
    async def fail(_url: str) -> str | None:
        return "there was no answer"

    one = subject(limits=SupervisionLimits(probe_every=0.01, probe_again_after=0.01), probe=fail)
    await one.ngrok.start()
    pauses: list[float | None] = []
    while len(pauses) < 4:
        if not (change := await one.change()).up:
            pauses.append(change.retry_in)
    assert pauses == [0.01, 0.02, 0.04, 0.04]


async def test_a_supervisor_takes_one_failure_for_a_chance(listener: int) -> None:
    answers = iter(["x", "x", None, "x", None, "x", "x", "y"])

    async def probe(_url: str) -> str | None:
        return next(answers)

    supervisor = Supervisor("u", probe, SupervisionLimits(probe_every=0, probe_again_after=0), probe_now=True)
    reason = await asyncio.wait_for(supervisor.wait_until_unfit(), DEADLINE)
    assert reason == "u does not lead here any more (y): the ngrok agent is restarted."
    assert [*answers] == []


async def test_a_session_that_comes_back_in_time_is_waited_for() -> None:
    supervisor = Supervisor("u", unknown, SupervisionLimits(without_session=0.2), probe_now=False)
    waiting = asyncio.create_task(supervisor.wait_until_unfit())
    supervisor.session_changed(is_up=False)
    await asyncio.sleep(0)
    supervisor.session_changed(is_up=True)
    assert (await asyncio.wait({waiting}, timeout=0.4))[0] == set()
    supervisor.session_changed(is_up=False)
    assert "had no session" in await asyncio.wait_for(waiting, DEADLINE)


async def test_stop_ends_the_wait_for_the_next_attempt(subject: Subjects, folder: Path) -> None:
    one = subject({"dies_after": 0})
    await one.ngrok.start()
    await one.change()
    await one.ngrok.stop()
    assert len(pids(folder)) == 1
    assert one.changes.empty()


@pytest.mark.usefixtures("quick")
@pytest.mark.soak
async def test_stop_ends_an_attempt_to_reconnect(subject: Subjects, folder: Path) -> None:
    one = subject()
    await one.ngrok.start()
    change_faults(folder, silent=True)
    os.kill(pids(folder)[0], signal.SIGKILL)
    await until(lambda: len(pids(folder)) == 2)
    await one.ngrok.stop()
    assert [is_alive(pid) for pid in pids(folder)] == [False, False]


# Defect 9: the end


async def test_the_agent_has_a_session_of_its_own(subject: Subjects, folder: Path) -> None:
    await subject().ngrok.start()
    [pid] = pids(folder)
    assert os.getsid(pid) == pid


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_the_group_disconnects_before_the_agent_dies(
    folder: Path, number: signal.Signals
) -> None:
    with running(write_agent(folder)) as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith("http://127.0.0.1:")
        os.killpg(program.pid, number)
        out, err = program.communicate(timeout=DEADLINE)
    assert (out, err, program.returncode) == ("ended in order\n", "", 0)
    assert len(records(folder, "closed")) == 1


@pytest.mark.soak
def test_the_agent_of_a_killed_program_is_left_alone_and_the_next_start_says_so(
    folder: Path, tmp_path: Path, subject: Subjects
) -> None:
    agent = write_agent(folder)
    with running(agent) as program:
        assert program.stdout is not None
        program.stdout.readline()
        program.kill()
    leftover = pids(folder)[0]
    with running(agent) as program:
        out, _ = program.communicate(timeout=DEADLINE)
    assert out.startswith("The URL is already online (ERR_NGROK_334).")
    assert is_alive(leftover)
    os.kill(leftover, signal.SIGKILL)
    wait_until(lambda: not is_alive(leftover))
    for private in (tmp_path / "temporary").iterdir():
        shutil.rmtree(private)


async def test_stop_can_be_called_again_and_at_the_same_time(subject: Subjects, folder: Path) -> None:
    ngrok = subject().ngrok
    await ngrok.start()
    await asyncio.gather(ngrok.stop(), ngrok.stop())
    await ngrok.stop()
    assert len(records(folder, "closed")) == 1


@pytest.mark.parametrize("fault", ["stopped", pytest.param("hangs_on_delete", marks=pytest.mark.soak)])
async def test_stop_is_soon_done_with_an_agent_that_hangs(
    subject: Subjects, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(agent_module, "PATIENCE", 0.2)
    ngrok = subject({"hangs_on_delete": fault == "hangs_on_delete"}).ngrok
    await ngrok.start()
    if fault == "stopped":
        os.kill(pids(folder)[0], signal.SIGSTOP)
    async with asyncio.timeout(DEADLINE):
        await ngrok.stop()


@pytest.mark.parametrize("times", [2, *(pytest.param(times, marks=pytest.mark.soak) for times in (1, 3))])
async def test_an_end_that_is_interrupted_kills_the_agent_nevertheless(
    subject: Subjects, folder: Path, times: int
) -> None:
    ngrok = subject({"hangs_on_delete": True}).ngrok
    await ngrok.start()
    stopping = asyncio.create_task(ngrok.stop())
    assert ngrok._life is not None
    for _ in range(times):
        for _ in range(4):
            await asyncio.sleep(0)
        ngrok._life.cancel()
    await stopping
    await until(lambda: not is_alive(pids(folder)[0]) and process._current_processes == {})


@pytest.mark.soak
async def test_an_agent_behind_a_wrapper_ends_too(subject: Subjects, folder: Path) -> None:
    ngrok = subject({"is_child": True}).ngrok
    await ngrok.start()
    await ngrok.stop()
    await until(lambda: not is_alive(pids(folder)[0]))


@pytest.mark.usefixtures("quick")
async def test_an_agent_whose_wrapper_dies_is_replaced(subject: Subjects, folder: Path) -> None:
    one = subject({"is_child": True})
    await one.ngrok.start()
    [pid] = pids(folder)
    os.kill(os.getpgid(pid), signal.SIGKILL)  # the wrapper alone: it leads the group
    assert not (await one.change()).up
    assert (await one.change()).up
    await until(lambda: not is_alive(pid))


@pytest.mark.soak
async def test_two_tunnels_have_an_agent_each(subject: Subjects, folder: Path, listener: int) -> None:
    one, other = subject(port=listener).ngrok, subject(port=listener).ngrok
    urls = await asyncio.gather(one.start(), other.start())
    assert len({*urls, *pids(folder)}) == 4
    await one.stop()
    assert (await post(f"{urls[1]}/x"))["path"] == "/x"


@pytest.mark.soak
async def test_a_tunnel_is_stopped_while_another_waits_for_a_silent_agent(
    subject: Subjects, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_module, "PATIENCE", 2 * DEADLINE)
    one = subject().ngrok
    await one.start()
    change_faults(folder, silent=True)
    starting = asyncio.create_task(subject().ngrok.start())
    await until(lambda: len(pids(folder)) == 2)
    async with asyncio.timeout(DEADLINE):
        await one.stop()
    starting.cancel()
    await asyncio.wait({starting})


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.soak
async def test_reconnecting_again_and_again_leaves_no_open_files(
    subject: Subjects, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ngrok_module, "FIRST_PAUSE", 0.0)
    one = subject({"dies_after": 0})
    await one.ngrok.start()
    await one.change()
    before = open_files()
    while len(pids(folder)) < 6:
        await one.change()
    await one.ngrok.stop()
    assert open_files() <= before
