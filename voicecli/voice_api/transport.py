"""What the clients share: who asks and where, and the words for a request that never left."""

import errno
import socket
import ssl

from voicecli.account import Account, client_configuration_error
from voicecli.errors import ConfigurationError, Unreachable

MAX_TIMEOUT = 3600.0  # seconds
PROXY_REFUSED = "the proxy did not let it through"
UNKNOWN_NAME = "its name is not known"


def unreachable(account: Account, reason: str) -> Unreachable:
    """The error for a request that never began to leave; ``reason`` is a clause."""
    check = "Check the network" if account.secure else "Is voicecli sandbox running? Start it"
    return Unreachable(
        f"8x8 could not be reached: {reason}.",
        hint=f"{check}, or check EIGHT_X_EIGHT_BASE_URL ({account.base_url}). Nothing was sent.",
        settings=("EIGHT_X_EIGHT_BASE_URL",),
    )


def check_timeout(seconds: float) -> None:
    """Raises ConfigurationError for a time-out that can't be kept."""
    if not 0 < seconds <= MAX_TIMEOUT:
        raise client_configuration_error("the time-out is out of range")


def unusable_proxy_or_certificates() -> ConfigurationError:
    return ConfigurationError(
        "The proxy or certificate settings of this machine can't be used.",
        hint="Check HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
    )


def reason(error: BaseException) -> str:
    """Why there was no connection, in words: the libraries put what the system said among the causes."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ConnectionRefusedError():
                return "connection refused"
            case socket.gaierror():
                return UNKNOWN_NAME
            case ssl.SSLCertVerificationError():
                return "its certificate is not trusted"
            case ssl.SSLError():
                return "no secure connection"
            case TimeoutError():
                return "there was no connection in time"
            case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH):
                return "no route to it"
        cause = cause.__cause__ or cause.__context__  # httpcore raises "from None"
    return "no connection"
