"""What somebody meant who mistyped a name."""

from collections.abc import Iterable

NEAR = 0.75  # similarity, of at most 1, from which a name is suggested for another


def nearest(word: str, names: Iterable[str], similarity: float = NEAR) -> str:
    """The name that is most like it, whatever their case and the dashes before them; empty where none is
    much like it."""
    import difflib

    spelled = {_plain(name): name for name in names}
    found = difflib.get_close_matches(_plain(word), spelled, n=1, cutoff=similarity)
    return spelled[found[0]] if found else ""


def _plain(name: str) -> str:
    return name.strip().lstrip("-").casefold()
