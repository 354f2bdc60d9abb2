"""Who has a port of this machine, as far as the system tells."""

import re
import socket
from contextlib import suppress
from pathlib import Path

from voicecli.errors import ConfigurationError

LISTENING = "0A"  # the state of such a socket in /proc/net/tcp


def taken(port: int, error: OSError) -> ConfigurationError:
    """What to tell whom the system does not let listen there."""
    who = owner(port)
    return ConfigurationError(
        f"Port {port} can't be used: {f'it is taken by {who}' if who else error.strerror}.",
        hint="Stop that, or choose another port with --port or PORT.",
    )


def try_out(host: str, port: int) -> None:
    """See that a listener could listen there. Raises ConfigurationError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the listener does
        try:
            probe.bind((host, port))
        except OSError as error:
            raise taken(port, error) from error


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
