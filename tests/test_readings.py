"""All that calls, questions and broadcasts promise, under each reading of 8x8's documents, with webhooks lost
and doubled and listeners killed: what is heard, who is dialled, and what the command exits with."""

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from conftest import DEADLINE, Finished, RunningSandbox, wait_until
from forked import Forked
from running_listener import TOKEN, RunningListener, listening, public_access, webhooks
from soak import share_of
from test_outcomes import LOST_FOR_GOOD, PREFIX, Run, every_number

from voicecli.sandbox.delivery import Target
from voicecli.sandbox.numbers import behaviour_of
from voicecli.sandbox.reading import READINGS, Reading, VcaMoments
from voicecli.sandbox.server import Sandbox
from voicecli.sandbox.session import PlayedSession
from voicecli.voice_api.codes import Outcome

RUNS, SEED = 500, 14
TIME_SCALE = 30.0
PRESSES_1, ALSO_PRESSES_1, BUSY, AGENT = "7105", "7106", "0486", "+33199005678"
SLOW = ("4290", "5040", "5041")  # for a client that waits for an answer, and tries again, as long as it can
PATIENCE = ("--request-timeout", "2", "--timeout", "20s")
VOICE = "en-US-BenjaminRUS"


class Mode(StrEnum):
    """What is run."""

    WAIT = "call --wait"
    CONFIRM = "call --confirm"
    UNTIL_CONFIRMED = "call --until-confirmed"
    FILE = "call --callflow --wait"
    BRIDGE = "call --callflow --wait, with a bridge"
    BESIDE = "call --callflow, beside a listener"
    BROADCAST = "broadcast --wait --retry"
    MAKE_CALL = "POST /api/make-call, at a listener"


class Trouble(StrEnum):
    """What goes wrong meanwhile."""

    NONE = "nothing"
    LOST = "the first VCA is lost"
    DOUBLED = "every VCA comes twice"
    KILLED = "the listener is killed after its first reply"


@dataclass(frozen=True)
class Case:
    """One run: ``joined`` is beside a running listen."""

    mode: Mode
    digits: str
    trouble: Trouble
    joined: bool

    @property
    def number(self) -> str:
        return PREFIX + self.digits

    @property
    def asks(self) -> bool:
        return self.mode not in (Mode.WAIT, Mode.MAKE_CALL)


def say(text: str) -> dict[str, Any]:
    return {"action": "say", "params": {"text": text, "voiceProfile": VOICE}}


def ask(text: str, tries: int = 2) -> dict[str, Any]:
    params = {
        "promptMessage": text,
        "voiceProfile": VOICE,
        "minDigits": 1,
        "maxDigits": 1,
        "digitTimeout": 3000,
        "overallTimeout": 8000,
        "noOfTries": tries,
    }
    return {"action": "sayAndCapture", "params": params}


HANGUP = {"action": "hangup"}
FILES: dict[Mode, list[dict[str, Any]]] = {
    Mode.FILE: [say("Hello."), ask("Are you well?"), say("Thanks."), ask("And now?", 1), say("Bye."), HANGUP],
    Mode.BRIDGE: [
        ask("Press 1 for us."),
        say("One moment."),
        {"action": "makeCall", "params": {"source": "+33199000000", "destination": AGENT}},
        HANGUP,
    ],
}
FILES[Mode.BESIDE] = FILES[Mode.FILE]


class Heard(NamedTuple):
    """An action, by what a person hears or who is dialled."""

    action: str
    what: str

    @classmethod
    def of(cls, action: Any) -> "Heard":
        params = action.get("params") or {}
        what = params.get("text") or params.get("promptMessage") or params.get("destination") or ""
        return cls(action["action"], what)


class FaultySandbox(Sandbox):
    """Does to VCAs what the case says; ``kill`` ends the listener."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.trouble = Trouble.NONE
        self.kill: Callable[[], None] = lambda: None
        self.happened = 0
        self._deliver = self._delivery._attempt
        self._delivery._attempt = self._attempt  # type: ignore[method-assign]

    def begin(self, trouble: Trouble, kill: Callable[[], None]) -> None:
        self.trouble, self.kill, self.happened = trouble, kill, 0

    async def _attempt(self, target: Target, event: dict[str, object]) -> bytes | None:
        if target.type != "VCA" or self.trouble is Trouble.NONE:
            return await self._deliver(target, event)
        first, self.happened = not self.happened, self.happened + 1
        if self.trouble is Trouble.LOST and first:
            return None
        reply = await self._deliver(target, event)
        if self.trouble is Trouble.DOUBLED:
            again = await self._deliver(target, event)
            assert again == reply, f"the same VCA got another reply: {again!r} after {reply!r}"
        if self.trouble is Trouble.KILLED and first:
            self.kill()
        return reply


def cases(seed: int, count: int) -> list[Case]:
    """All outcome numbers in turn; those beside a listener first, so that it need not be started for each."""
    dice = random.Random(seed)
    numbers = [*every_number()]
    dice.shuffle(numbers)
    troubles = [Trouble.LOST, Trouble.DOUBLED, Trouble.KILLED, *[Trouble.NONE] * 7]
    found = []
    for index in range(count):
        mode = dice.choice([*Mode])
        joined = mode in (Mode.BESIDE, Mode.MAKE_CALL) or dice.random() < 0.5
        answered = dice.random() < 0.5  # most of what is to be shown needs somebody who answers
        digits = (
            dice.choice(["1234", PRESSES_1, "7205", "8123"]) if answered else numbers[index % len(numbers)]
        )
        if mode is Mode.BROADCAST and digits == "4290":  # which is tried for a minute
            digits = "1014"
        if mode is Mode.MAKE_CALL and digits in SLOW:
            digits = "1234"
        found.append(Case(mode, digits, dice.choice(troubles), joined))
    return sorted(found, key=lambda case: not case.joined)


class Harness:
    """Runs cases one after the other on one sandbox, and says what was wrong."""

    def __init__(self, home: Path, sandbox: RunningSandbox, reading: Reading, *, ids: bool) -> None:
        self.home = home
        self.sandbox = sandbox
        self.reading = reading
        self.ids = ids
        self.access = public_access()
        self._environment = {"VOICECLI_HOME": str(home), "WEBHOOK_AUTH_TOKEN": TOKEN}
        self.files = {mode: home.parent / f"{mode.name}.json" for mode in FILES}
        home.parent.mkdir(parents=True, exist_ok=True)
        for mode, path in self.files.items():
            path.write_text(json.dumps(FILES[mode]))
        assert isinstance(sandbox.sandbox, FaultySandbox)
        self.faulty = sandbox.sandbox
        self.listener: RunningListener | None = None
        self._listening = ExitStack()

    def run(self, case: Case) -> str | None:
        """What was wrong with it, or None."""
        self._see_to_the_listener(case)
        before = {session.session_id for session in self.faulty.sessions}
        done, sessions = self._carry_out(case, before)
        self.faulty.kill = lambda: None  # a VCA of this case that comes late is no trouble of the next one
        if case.joined and self._was_killed(case) and self.listener is not None:
            self.listener.process.wait(DEADLINE)
        wrong = [*self._wrong_code(case, done, sessions), *self._wrong_calls(case, sessions)]
        if not case.joined and self._was_killed(case):
            restored = self._voicecli("webhooks", "restore")
            if restored.code or webhooks(self.sandbox):
                wrong.append(f"not put back: {restored} {webhooks(self.sandbox)}")
        if not wrong:
            return None
        played = [[Heard.of(action) for action in session.played] for session in sessions]
        return f"{case}: {'; '.join(wrong)}\n  played: {played}\n  {done}"

    def close(self) -> None:
        if self.listener is not None:
            self.listener.process.kill()
        self._listening.close()
        self.listener = None

    # -- carrying it out -----------------------------------------------------------------------------

    def _see_to_the_listener(self, case: Case) -> None:
        if not case.joined:
            self.close()
            if webhooks(self.sandbox):
                self._voicecli("webhooks", "restore")
        elif self.listener is None or self.listener.process.poll() is not None:
            self.close()
            options = ("--register", "--events", "vca,vss,vcs")
            self.listener = self._listening.enter_context(
                listening(self.home, *self.access, *options, env=self.sandbox.environment)
            )
            assert self.listener.url

    def _arguments(self, case: Case) -> list[str]:
        match case.mode:
            case Mode.WAIT:
                return ["call", case.number, "Hello.", "--wait", *PATIENCE, *self.access]
            case Mode.CONFIRM:
                return ["call", case.number, "Press one.", "--confirm", "1", *PATIENCE, *self.access]
            case Mode.UNTIL_CONFIRMED:
                who = (case.number, PREFIX + ALSO_PRESSES_1)
                options = ("--confirm", "1", "--until-confirmed")
                return ["call", *who, "Press one.", *options, *PATIENCE, *self.access]
            case Mode.FILE | Mode.BRIDGE:
                file = ("--callflow", str(self.files[case.mode]))
                return ["call", case.number, *file, "--wait", *PATIENCE, *self.access]
            case Mode.BESIDE:
                file = ("--callflow", str(self.files[case.mode]))
                return ["call", case.number, *file, "--request-timeout", "2"]
            case Mode.BROADCAST:
                numbers = [case.number, PREFIX + PRESSES_1, PREFIX + BUSY]
                people = self.home.parent / "people.csv"
                people.write_text("phone\n" + "\n".join(dict.fromkeys(numbers)) + "\n")
                retry = ("--retry", "busy", "--attempts", "2", "--every", "1s")
                options = ("--confirm", "1", "--yes", "--again", "--json", "--timeout", "10s")
                timeout = ("--request-timeout", "2")
                return ["broadcast", str(people), "Press one.", *options, *retry, *timeout, *self.access]

    def _voicecli(self, *arguments: str) -> Finished:
        with self._started(arguments) as process:
            out, err = process.communicate(timeout=DEADLINE)
        return Finished(process.returncode, out, err)

    def _started(self, arguments: Sequence[str]) -> "subprocess.Popen[str]":
        return Forked(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                **self.sandbox.environment,
                "VOICECLI_HOME": str(self.home),
                "WEBHOOK_AUTH_TOKEN": TOKEN,
            },
        )

    def _carry_out(self, case: Case, before: set[str]) -> tuple[Finished, list[PlayedSession]]:
        """What it printed, and the sessions that it led to, once they are over."""

        def sessions() -> list[PlayedSession]:
            return [one for one in list(self.faulty.sessions) if one.session_id not in before]

        if case.mode is Mode.MAKE_CALL:
            done = self._make_call(case)
            wait_until(lambda: all(one.status is not None for one in sessions()))
            return done, sessions()
        # Those who unsubscribed in a case before are called all the same.
        with self._started([*self._arguments(case), "--call-unsubscribed"]) as process:
            victim = self.listener.process if case.joined and self.listener else process
            self.faulty.begin(case.trouble, victim.kill)
            out, err = _Lines(process.stdout), _Lines(process.stderr)
            end, quiet = time.monotonic() + 2 * DEADLINE, 0.0
            while process.poll() is None:
                assert time.monotonic() < end, f"{case} hangs: {out.text} {err.text}"
                open_ones = any(one.status is None for one in sessions())
                stays = ": it stays " in err.text or '"record": "summary"' in out.text
                quiet = (quiet or time.monotonic()) if stays and not open_ones else 0.0
                if quiet and time.monotonic() - quiet > 2.0:  # of an answer that was lost nothing more comes
                    process.send_signal(signal.SIGINT)
                    time.sleep(0.05)
                time.sleep(0.01)
            done = Finished(process.returncode, out.all(), err.all())
        wait_until(lambda: all(one.status is not None for one in sessions()))
        return done, sessions()

    def _make_call(self, case: Case) -> Finished:
        """The answer, with the exit code that stands for its status."""
        assert self.listener is not None
        self.faulty.begin(case.trouble, self.listener.process.kill)
        body = {"customerPhone": case.number, "message": "Hello.", "repetition": 1, "callUnsubscribed": True}
        url, token = f"{self.listener.url}/api/make-call", {"Authorization": TOKEN}
        try:
            answer = httpx.post(url, json=body, headers=token, timeout=DEADLINE)
        except httpx.HTTPError as error:
            return Finished(-1, "", repr(error))
        return Finished({200: 0, 502: 4, 504: 6}[answer.status_code], answer.text, "")

    # -- what is right -------------------------------------------------------------------------------

    def _was_killed(self, case: Case) -> bool:
        return case.trouble is Trouble.KILLED and self.faulty.happened > 0

    def _wrong_code(self, case: Case, done: Finished, sessions: Sequence[PlayedSession]) -> Iterator[str]:
        if self._was_killed(case) and not case.joined:
            return  # there is none
        right = self._codes(case)
        if self._was_killed(case) and "nobody received what 8x8 reports" in done.out + done.err:
            right |= {8}  # a summary whose first attempt came just then goes to the dead one for ever
        if done.code not in right:
            yield f"exit code {done.code} instead of {sorted(right)}"
        if case.mode is Mode.BROADCAST and done.code in (0, 7):
            yield from self._wrong_rows(case, done)

    def _codes(self, case: Case) -> set[int]:
        theirs, happened = behaviour_of(case.digits), self.faulty.happened > 0
        code = Run(case.digits, confirm=case.mode in (Mode.CONFIRM, Mode.UNTIL_CONFIRMED)).expected()[0]
        unknown = {6} if theirs.fault is not None and not self.ids else set()
        match case.mode:
            case Mode.BROADCAST:
                return {7}  # somebody was busy
            case Mode.BESIDE | Mode.MAKE_CALL:
                lost = theirs.fault is not None and case.digits != "5000"
                return {6 if lost else code if code == 4 else 0}
            case Mode.UNTIL_CONFIRMED:
                disturbed = happened and case.trouble in (Trouble.LOST, Trouble.KILLED)
                return {0, 16, *unknown, *({6} if case.digits in LOST_FOR_GOOD else ())} if disturbed else {0}
        if happened and case.trouble is Trouble.LOST:
            return {14, *unknown}
        if self._was_killed(case) and (case.mode in FILES or self.reading.vca is not VcaMoments.CAPTURE):
            return {code, 14, *unknown}  # the next VCA may come before another has taken over
        return {code, *unknown}

    def _wrong_rows(self, case: Case, done: Finished) -> Iterator[str]:
        rows = {}
        for line in done.out.splitlines():
            record = json.loads(line)
            if record["record"] == "row":
                rows[record["destination"]] = record
        if rows[PREFIX + BUSY]["outcome"] != Outcome.BUSY:
            yield f"the busy row is {rows[PREFIX + BUSY]}"
        if case.trouble in (Trouble.NONE, Trouble.DOUBLED) and rows[PREFIX + PRESSES_1]["digits"] != "1":
            yield f"the row that pressed 1 is {rows[PREFIX + PRESSES_1]}"

    def _wrong_calls(self, case: Case, sessions: Sequence[PlayedSession]) -> Iterator[str]:
        placed = Counter(session.destination for session in sessions)
        busy = PREFIX + BUSY
        for number, count in placed.items():
            most = 2 if case.mode is Mode.BROADCAST and behaviour_of(number).outcome is Outcome.BUSY else 1
            if count > most:
                yield f"{number} was called {count} times"
        ended = self._was_killed(case) and not case.joined
        if case.mode is Mode.BROADCAST and not ended and placed[busy] != 2:
            yield f"who was busy was called {placed[busy]} times"
        for session in sessions:
            yield from self._wrong_play(case, session)

    def _flow(self, case: Case, number: str) -> list[Heard]:
        if case.mode in FILES:
            actions = FILES[case.mode]
        else:
            actions = [ask("Press one.") if case.asks else say("Hello."), HANGUP]
        return [Heard("makeCall", number), *map(Heard.of, actions)]

    def _wrong_play(self, case: Case, session: PlayedSession) -> Iterator[str]:
        """Each action in order; exactly once where 8x8 does as is documented, else at most once more; each
        leg dialled once."""
        flow = self._flow(case, session.destination)
        played = [Heard.of(action) for action in session.played]
        times = Counter(played)
        if any(count > (1 if one.action == "makeCall" else 2) for one, count in times.items()):
            yield "an action was played too often"
        first_times = list(dict.fromkeys(played))
        if first_times != [one for one in flow if one in times]:
            yield "not in order, or something else"
        disturbed = case.trouble in (Trouble.LOST, Trouble.KILLED) and self.faulty.happened > 0
        theirs = behaviour_of(session.destination)
        if disturbed or theirs.outcome is not Outcome.COMPLETED or theirs.error is not None:
            return
        if first_times != flow:
            yield "something is missing"
        if self.reading.vca is VcaMoments.CAPTURE and played != flow:
            yield "not exactly once"


class _Lines:
    """What a process prints, as it comes."""

    def __init__(self, stream: Any) -> None:
        self.text = ""
        self._stream = stream
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        for line in self._stream:
            self.text += line

    def all(self) -> str:
        self._thread.join(DEADLINE)
        return self.text


def wrong_ones(home: Path, reading: Reading, which: Sequence[Case], *, ids: bool) -> list[str]:
    with RunningSandbox(
        FaultySandbox, time_scale=TIME_SCALE, seed=SEED, reading=reading, request_ids=ids
    ) as sandbox:
        harness = Harness(home, sandbox, reading, ids=ids)
        try:
            return [wrong for case in which if (wrong := harness.run(case)) is not None]
        finally:
            harness.close()


COMBINATIONS = [(reading, ids) for reading in READINGS for ids in (True, False)]


@pytest.mark.soak
@pytest.mark.process
def test_some_of_all_that_is_promised_under_every_reading(tmp_path: Path) -> None:
    drawn = random.Random(SEED).sample(cases(SEED, RUNS), 3)
    wrong = []
    for index, case in enumerate(drawn):
        reading, ids = COMBINATIONS[index]
        wrong += wrong_ones(tmp_path / f"{index}" / "home", reading, [case], ids=ids)
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.process
@pytest.mark.soak
@pytest.mark.parametrize(("reading", "ids"), COMBINATIONS)
def test_all_that_is_promised_holds_under_every_reading(
    tmp_path: Path, reading: Reading, *, ids: bool
) -> None:
    """500 runs, or a share, for each of the readings, with and without clientRequestId in the summaries."""
    which = cases(SEED + COMBINATIONS.index((reading, ids)), share_of(RUNS))
    wrong = wrong_ones(tmp_path / "home", reading, which, ids=ids)
    assert not wrong, f"{len(which) - len(wrong)} of {len(which)} right\n" + "\n".join(wrong)
