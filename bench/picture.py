"""Draws the README's pictures: runs commands in a terminal of their own and writes .github/*.svg."""

import fcntl
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text
from screen import screen

COLUMNS, LINES = 96, 60
FOLDER = Path(__file__).parents[1] / ".github"
ERASING = rb"\r(?:\x1b\[\d+A)?\x1b\[K\x1b\[C\x1b\[J\r"
VOICECLI = [sys.executable, "-m", "voicecli"]
CALLS = ("0486", "1234", "0480", "5678", "2010", "7203", "1235", "0404", "8123")
ESCALATION = [
    "+33199000480",
    "+33199007103",
    "+33199001234",
    "The server room is too hot. Press 1 to confirm.",
]


def output_of(command: Sequence[str], environment: Mapping[str, str], until: float = 1.0) -> str:
    """What a command writes to a terminal of this size: all of it, or up to the picture that stands there
    ``until`` some part of it is written."""
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(command[0], [*command], {**environment, "TERM": "xterm-256color"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    written = b""
    try:
        while chunk := os.read(terminal, 65536):
            written += chunk
    except OSError:
        pass  # the command has ended
    os.waitpid(process, 0)
    if until < 1:
        pictures = [found.start() for found in re.finditer(ERASING, written)]
        written = written[: pictures[round(len(pictures) * until)]]
    text = re.sub(r"(?<=Placed by )[^@]+@\S+", "anna@office", written.decode())  # whoever draws it
    return "\n".join(screen(text.replace("\r\n", "\n")))


def draw(
    name: str, commands: Sequence[Sequence[str]], environment: Mapping[str, str], *, live: float = 1.0
) -> None:
    """A picture of these commands of voicecli's, one after the other; with ``live``, of how they look when
    that part of what they write is written."""
    console = Console(record=True, width=COLUMNS, file=StringIO())
    for command in commands:
        console.print(f"$ voicecli {shlex.join(command)}", highlight=False)
        console.print(Text.from_ansi(output_of([*VOICECLI, *command], environment, live)))
    without_web_fonts = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    FOLDER.mkdir(exist_ok=True)
    console.save_svg(str(FOLDER / f"{name}.svg"), title="voicecli", code_format=without_web_fonts)


@contextmanager
def sandbox(home: str) -> Iterator[dict[str, str]]:
    """A sandbox in another process; gives the environment that points at it."""
    command = [*VOICECLI, "sandbox", "--port", "0", "--json", "--time-scale", "20", "--seed", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            yield {
                **os.environ,
                **json.loads(process.stdout.readline())["environment"],
                "VOICECLI_HOME": home,
            }
        finally:
            process.terminate()


def main() -> None:
    draw("demo", [["demo"]], os.environ)
    with tempfile.TemporaryDirectory() as home, sandbox(home) as environment:
        calls = [f"+3319900{digits}" for digits in CALLS]
        subprocess.run(
            [*VOICECLI, "call", *calls, "Hello", "--confirm", "1"], env=environment, capture_output=True
        )
        draw("escalation", [["call", *ESCALATION, "--confirm", "1", "--until-confirmed"]], environment)
        listed = [*VOICECLI, "sessions", "--quiet", "--to", ESCALATION[1]]
        session = subprocess.check_output(listed, env=environment, text=True)[:8]
        people = Path(home) / "people.csv"
        numbers = (f"+33199{number:06d}" for number in range(0, 1_200, 3))
        people.write_text("phone,name\n" + "".join(f"{number},Anna\n" for number in numbers))
        os.chdir(home)
        broadcast = ["broadcast", people.name, "Hello {name}, we are open again.", "--rate", "60/s", "--yes"]
        draw("broadcast", [[*broadcast, "--wait"]], environment, live=0.6)
        draw("history", [["sessions", session], ["stats"]], environment)


if __name__ == "__main__":
    main()
