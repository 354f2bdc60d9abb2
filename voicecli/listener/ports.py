"""Whether a listener can use a port of this machine."""

import os
import socket

from voicecli.errors import ConfigurationError


def unusable(port: int, error: OSError) -> ConfigurationError:
    """The error for a port that the system refuses."""
    return ConfigurationError(
        f"Port {port} can't be used: {os.strerror(error.errno or 0)}.",
        hint="Stop the program that has it, or choose another port with --port or PORT.",
    )


def try_out(host: str, port: int) -> None:
    """See that a listener could listen there. Raises ConfigurationError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the listener does
        try:
            probe.bind((host, port))
        except OSError as error:
            raise unusable(port, error) from error
