"""How long looking back takes in a store of a million events, from a shell's point of view.

Builds such a store in a temporary folder: 250,000 sessions of four events each, spread over 30 days, every
other one placed from here. Then it measures whole processes and prints medians. Exits 1 if a bar is missed:
one session by its id, one by the beginning of its id, and the events of the last hour, each within 0.5 s.
The list of sessions and the figures of a day are shown without a bar.
"""

import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from voicecli.store.sqlite import SqliteStore

SESSIONS = 250_000
DAYS = 30
ROUNDS = 11
BAR = 0.5  # seconds
SECOND = 1_000_000  # microseconds
FATES = [("COMPLETED", 70), ("NO_ANSWER", 15), ("BUSY", 8), ("FAILED", 4), ("ERROR", 3)]
SOURCE, SUBACCOUNT = "+33199000000", "voicecli_bench"
Row = tuple[object, ...]


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="voicecli-bench-"))
    try:
        start = time.perf_counter()
        session_id, last_hour = build(folder)
        size = (folder / "voicecli.sqlite3").stat().st_size / 1e6
        print(f"{SESSIONS * 4:,} events, {size:,.0f} MB, built in {time.perf_counter() - start:.0f} s")
        return 0 if measure(folder, session_id, last_hour) else 1
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, session_id: str, last_hour: int) -> bool:
    """Whether all bars are met."""
    commands = {
        "sessions ID": (["sessions", session_id], BAR),
        "sessions PREFIX": (["sessions", session_id[:12]], BAR),
        f"events --since 1h ({last_hour:,})": (["events", "--since", "1h"], BAR),
        "sessions": (["sessions"], None),
        "stats --since 24h": (["stats", "--since", "24h"], None),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):  # one of each in turn, so that a noisy moment meets them all
        for name, (arguments, _) in commands.items():
            times[name].append(seconds(folder, arguments))
    fine = True
    for name, (_, bar) in commands.items():
        median = statistics.median(times[name])
        fine = fine and (bar is None or median < bar)
        words = "" if bar is None else f"   (bar: under {bar:g} s)"
        print(f"{name:<28} {median:6.3f} s, at worst {max(times[name]):.3f} s{words}")
    return fine


def seconds(folder: Path, arguments: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(
        [str(Path(sys.executable).parent / "voicecli"), *arguments],
        env={**os.environ, "VOICECLI_HOME": str(folder)},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


# -- the store ---------------------------------------------------------------------------------------


def build(folder: Path) -> tuple[str, int]:
    """Fill a new store. Gives the id of a session in its middle, and how many events the last hour has."""
    SqliteStore(folder).close()
    with closing(sqlite3.connect(folder / "voicecli.sqlite3")) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -400000")  # kB
        end = time.time_ns() // 1000
        database.executemany(
            "INSERT INTO events (received, type, session, key, reply, body) VALUES (?, ?, ?, ?, ?, ?)",
            (event for session in sessions(end) for event in events(*session)),
        )
        database.executemany(
            "INSERT INTO calls (placed, base_url, subaccount, state, session, client_request_id, source,"
            " destination, guarded) VALUES (?, 'https://voice.8x8.com', ?, 'accepted', ?, ?, ?, ?, 0)",
            (
                (start - SECOND, SUBACCOUNT, session_id, f"request-{session_id}", SOURCE, number)
                for start, session_id, number, fate in sessions(end)
                if int(session_id[:2], 16) % 2
            ),
        )
        database.commit()
        [(last_hour,)] = database.execute(
            "SELECT count(*) FROM events WHERE received >= ?", (end - 3600 * SECOND,)
        )
        [(session_id,)] = database.execute("SELECT session FROM events WHERE id = ?", (SESSIONS * 2 + 1,))
    return str(session_id), int(last_hour)


def sessions(end: int) -> Iterator[tuple[int, str, str, str]]:
    """Start, id, destination and outcome of each; the same every time."""
    dice = random.Random(1)
    fates = dice.choices([fate for fate, _ in FATES], [weight for _, weight in FATES], k=SESSIONS)
    step = DAYS * 86_400 * SECOND // SESSIONS
    for index, fate in enumerate(fates):
        session_id = str(uuid.UUID(int=dice.getrandbits(128), version=4))
        yield end - DAYS * 86_400 * SECOND + index * step, session_id, f"+3319900{index % 10_000:04}", fate


def events(start: int, session_id: str, number: str, fate: str) -> Iterator[Row]:
    """What is reported of one session, in the form of 8x8's samples."""
    answered = fate == "COMPLETED"
    moments = [start, start + 6 * SECOND, start + 20 * SECOND]
    steps = ("CALL_INITIATED", "CALL_CONNECTED" if answered else "CALL_UPDATED", "CALL_DISCONNECTED")
    ids = {"sessionId": session_id, "subAccountId": SUBACCOUNT}
    parties = {
        "callId": str(uuid.UUID(int=start)),
        "callDirection": "OUTBOUND",
        "callType": "PSTN",
        "source": SOURCE,
        "destination": number,
        "sourceFormat": "MSISDN",
        "destinationFormat": "MSISDN",
        "sourceCountryCode": "FR",
        "destinationCountryCode": "FR",
    }
    for moment, status in zip(moments, steps, strict=True):
        more = {"callStatus": status, "callDuration": 0, "sipCode": 200, "timestamp": _stamp(moment)}
        event_id = {"eventId": str(uuid.UUID(int=moment))}
        yield _row(moment, "VCS", "CALL_STATUS", session_id, {**event_id, **ids, **parties, **more})
    leg = {
        **parties,
        "initiatedTimestamp": _stamp(moments[0]),
        **({"connectedTimestamp": _stamp(moments[1])} if answered else {}),
        "disconnectedTimestamp": _stamp(moments[2]),
        "callStatus": fate,
        "callDuration": 14 if answered else 0,
        **(
            {"callQuality": {"mos": 3 + start % 19 / 10, "packetLossRate": 0, "jitter": 12}}
            if answered
            else {}
        ),
    }
    summary = {
        **ids,
        "sessionStatus": fate,
        "startTime": _stamp(moments[0]),
        "endTime": _stamp(moments[2]),
        "lastAction": "SAY",
        "callCount": 1,
        "clientRequestId": f"request-{session_id}",
        **({"errorDetails": {"errorMsg": "No coverage", "errorCode": -2004}} if fate == "ERROR" else {}),
        "details": {"callA": leg},
    }
    yield _row(moments[2] + SECOND // 5, "VSS", "SESSION_SUMMARY", session_id, summary)


def _row(moment: int, kind: str, event_type: str, session_id: str, payload: dict[str, object]) -> Row:
    event = {"namespace": "VOICE", "eventType": event_type, "description": "Status", "payload": payload}
    body = json.dumps(event).encode()
    return moment, kind, session_id, blake2b(body, digest_size=16).digest(), None, body


def _stamp(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"


if __name__ == "__main__":
    sys.exit(main())
