"""Who runs the program, and where."""

from functools import cache


@cache
def user_at_host() -> str:
    """For other people of a team: ``anna@web1``. A user without a name is known by the number."""
    import getpass
    import socket

    from voicecli.platforms import system

    try:
        user = getpass.getuser()
    except (ImportError, KeyError, OSError):
        number = system.user_id()
        user = "somebody" if number is None else str(number)
    return f"{user}@{socket.gethostname()}"
