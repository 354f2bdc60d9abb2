"""Numbers of things in a sentence."""


def counted(number: int, one: str, several: str = "") -> str:
    """``1 row``, ``1,234 rows``; ``several`` where an s is not enough."""
    return f"1 {one}" if number == 1 else f"{number:,} {several or f'{one}s'}"
