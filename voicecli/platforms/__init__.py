"""What differs between operating systems: locks of files, what only their owner can read, signals, processes,
pipes. No other room asks which system it is on: it uses ``system``, which is ``posix`` or ``windows``."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    if sys.platform == "win32":
        from voicecli.platforms import windows as system
    else:
        from voicecli.platforms import posix as system
else:
    try:  # what Python has here decides, so that tests can take it away
        from voicecli.platforms import posix as system
    except ImportError:
        from voicecli.platforms import windows as system

__all__ = ["system"]
