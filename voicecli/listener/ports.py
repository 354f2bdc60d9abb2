"""Whether a listener can use a port of this machine."""

import errno
import socket

from voicecli.errors import ConfigurationError
from voicecli.platforms import system


def unusable(port: int, error: OSError) -> ConfigurationError:
    """The error for a port that the system refuses. asyncio has words of its own for an error of the system,
    whose own ones are plainer; the numbers of socket.gaierror are not the system's."""
    reason = error.strerror or str(error)
    number = None if isinstance(error, socket.gaierror) else error.errno
    if number is not None and number in errno.errorcode:
        reason = system.describe(number)
    hint = "Choose another port with --port or PORT, or, for voicecli listen, another address with --host."
    if number == errno.EADDRINUSE:
        hint = "Stop the program that has it, or choose another port with --port or PORT."
    return ConfigurationError(f"Port {port} can't be used: {reason}.", hint=hint)


def try_out(host: str, port: int) -> None:
    """See that a listener could listen there. Raises ConfigurationError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if system.REUSES_ADDRESSES:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the listener does
        try:
            probe.bind((host, port))
        except OSError as error:
            raise unusable(port, error) from error
