"""Finds the column of a list that has the phone numbers."""

from collections.abc import Sequence

from voicecli.broadcast.lists.recipients import column

PHONE = "phone"  # its name, unless another one is given


def find_phone_column(columns: Sequence[str], name: str | None = None) -> int:
    """Which of the columns it is, from 0: the one of this name, else the only one, else ``phone``. Raises
    InvalidInput."""
    return 0 if name is None and len(columns) == 1 else column(columns, name or PHONE)
