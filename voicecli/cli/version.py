"""``voicecli --version``, without loading the parser."""

import sys

from voicecli.version import __version__


def show_version() -> None:
    """Print the version; where that fails, end with 1."""
    if sys.stdout is None:
        sys.exit("Error: Standard output can't be written (it is closed).")
    try:
        print(f"voicecli {__version__}", flush=True)
    except OSError as error:
        sys.stdout = None  # so that Python's own last flush does not fail, too
        sys.exit(f"Error: Standard output can't be written ({error.strerror}).")
