"""The colours of a terminal: each can be read on a white and on a black ground, at a contrast of 4.5:1.

A terminal has a green and a yellow of its own, which often can't be read on a light ground. Of the 256
colours that are the same everywhere only six can be read on both.
"""

from collections.abc import Mapping

READABLE = (29, 63, 98, 131, 163, 243)
"""Of the 256 colours those that can be read on both grounds."""
STYLES: Mapping[str, str] = {
    "green": "color(29)",
    "yellow": "color(131)",
    "red": "color(163)",
    "cyan": "color(63)",
    "dim": "color(243)",
}
"""What rich's names of styles mean here."""
FINE_STYLES: Mapping[str, str] = {**STYLES, "yellow": "#a56800", "red": "#e0302b", "cyan": "#1c78c8"}
"""The same where the terminal has all colours."""


def styles(color_system: str | None) -> Mapping[str, str]:
    """Those for a terminal of that kind (rich's name of it); the 16 colours of an old one are its own."""
    match color_system:
        case "truecolor":
            return FINE_STYLES
        case "256":
            return STYLES
        case _:
            return {}


def error_codes(environment: Mapping[str, str]) -> str:
    """The codes that begin the word before an error, without rich: that is there before it is loaded."""
    has_fixed = "256" in environment.get("TERM", "") or "COLORTERM" in environment
    return "1;38;5;163" if has_fixed else "1;31"
