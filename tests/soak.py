"""How much a soak test does: a part of it in CI, and more on demand.

``SOAK=100 pytest -m soak`` does all of it, without it a twentieth is done.
"""

import math
import os

SHARE = float(os.environ.get("SOAK", "5"))  # per cent


FULL = SHARE >= 100


def share_of(runs: int) -> int:
    """So many runs of these, and one at least."""
    return max(1, math.ceil(runs * SHARE / 100))
