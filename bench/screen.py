"""What stands on an endless screen in the end; it knows the escapes that voicecli moves with."""

import re


def screen(written: str) -> list[str]:
    """The screen's lines, colours and all."""
    lines, row = [""], 0
    for part in re.split(r"(\x1b\[\d*[ACJK]|\r|\n)", written):
        match part:
            case "\n":
                row += 1
                lines += [""] * (row == len(lines))
            case "\r" | "\x1b[C" | "":
                pass
            case up if up.endswith("A") and up.startswith("\x1b"):
                row -= int(up[2:-1] or 1)
            case "\x1b[J":
                lines[row:] = [""]
            case "\x1b[K":  # it comes after a \r
                lines[row] = ""
            case text:
                lines[row] += text
    return lines
