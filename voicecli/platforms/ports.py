"""Which program has a port of this machine, where the system tells."""

import re
from contextlib import suppress
from pathlib import Path

LISTENING = "0A"  # the state of such a socket in /proc/net/tcp


def owner(port: int) -> str | None:
    """The program that listens there, such as ``python3 (process 4711)``; Linux tells it of one's own."""
    sockets = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == LISTENING and int(local.rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{rest[5]}]")
    if not sockets:
        return None
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with suppress(OSError):
            if any(str(link.readlink()) in sockets for link in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().split(b"\0")
                voicecli = any(re.search(rb"\bvoicecli$", part) for part in command[:3])
                name = "voicecli" if voicecli else (process / "comm").read_text().strip()
                return f"{name} (process {process.name})"
    return None
