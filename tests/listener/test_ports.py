"""What is said of a port that a listener can't use."""

import errno
import socket

import pytest

from voicecli.listener.ports import unusable

UNKNOWN_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
IN_ASYNCIOS_WORDS = OSError(errno.EADDRINUSE, "error while attempting to bind on address ('127.0.0.1', 80)")


@pytest.mark.parametrize(
    ("error", "reason", "stop_it"),
    [
        (IN_ASYNCIOS_WORDS, "Address already in use", True),
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied", False),
        (OSError(errno.EADDRNOTAVAIL, ""), "Cannot assign requested address", False),
        (UNKNOWN_NAME, "Name or service not known", False),
        (OSError("could not bind on any address"), "could not bind on any address", False),
    ],
)
def test_the_reason_is_told_and_what_to_do(error: OSError, reason: str, stop_it: bool) -> None:
    told = unusable(80, error)
    assert told.message == f"Port 80 can't be used: {reason}."
    assert ("Stop the program" in told.hint) is stop_it
    assert "--port" in told.hint
