"""Who has a port of this machine, as far as the system tells."""

import socket

from voicecli.errors import ConfigurationError
from voicecli.platforms.ports import owner


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
