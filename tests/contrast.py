"""How well colours can be told apart, by WCAG 2."""


def luminance(red: int, green: int, blue: int) -> float:
    """The relative luminance of a colour."""
    parts = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in (v / 255 for v in (red, green, blue))
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: float, other: float) -> float:
    """Of two luminances."""
    lower, upper = sorted((one, other))
    return (upper + 0.05) / (lower + 0.05)
