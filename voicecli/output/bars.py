"""Bars of block characters."""

MAX_BAR = 60  # characters: longer ones are harder to compare
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(length: float) -> str:
    """A bar of so many columns, to the eighth of one."""
    eighths = round(length * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()
