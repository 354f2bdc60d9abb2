"""Draws the README's picture: runs the demo in a terminal of its own and writes .github/demo.svg."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text
from screen import screen

COLUMNS, LINES = 96, 60
TARGET = Path(__file__).parents[1] / ".github" / "demo.svg"


def output_of(command: list[str]) -> str:
    """What a command writes to a terminal of this size."""
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(command[0], command, {**os.environ, "TERM": "xterm-256color"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    written = b""
    try:
        while chunk := os.read(terminal, 65536):
            written += chunk
    except OSError:
        pass  # the command has ended
    os.waitpid(process, 0)
    return "\n".join(screen(written.decode().replace("\r\n", "\n")))


def main() -> None:
    console = Console(record=True, width=COLUMNS, file=StringIO())
    console.print("$ voicecli demo")
    console.print(Text.from_ansi(output_of([sys.executable, "-m", "voicecli", "demo"])))
    without_web_fonts = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    TARGET.parent.mkdir(exist_ok=True)
    console.save_svg(str(TARGET), title="voicecli demo", code_format=without_web_fonts)


if __name__ == "__main__":
    main()
