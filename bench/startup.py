"""How long a whole command takes, from a shell's point of view: medians and ratios, in one run.

Run it in an environment that has the package and HTTPie: pip install -e '.[bench]'. Exits 1 if a bar is
missed: --version, --help, call --help and TAB within 2.5, 8, 10 and 9 times an empty Python, call within
0.65 of HTTPie doing the same POST, and at most 30 ms slower than a process that only imports its modules.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROUNDS = 31
PYTHON_BARS = {
    "voicecli --version": 2.5,
    "voicecli --help": 8.0,
    "voicecli call --help": 10.0,
    "voicecli <TAB>": 9.0,
    "call --<TAB>": 9.0,
    "sessions <TAB>": 9.0,
}
"""Times `python -c pass`."""
CALL_BAR = 0.65  # times HTTPie
OWN_BAR = 30.0  # milliseconds of a call above its imports
NUMBER, MESSAGE = "+33199001234", "Your account has been updated"


@contextmanager
def sandbox(voicecli: str) -> Iterator[dict[str, str]]:
    """A sandbox in another process; gives the environment that points at it."""
    command = [voicecli, "sandbox", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["environment"]
        finally:
            process.terminate()


def seconds(command: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


# Runs the command, and prints the modules that it has loaded in the order in which it loaded them.
MODULES = """
import atexit, sys
at_start = {*sys.modules}
atexit.register(lambda: print(*[name for name in sys.modules if name not in at_start], file=sys.stderr))
from voicecli.__main__ import main
main()
"""
# Loads them as voicecli does, and ends as it does.
IMPORTS = """
import gc, importlib, sys
gc.set_threshold(50_000, 20, 20)
for name in {names!r}.split():
    importlib.import_module(name)
    if name == "voicecli.cli.app":
        gc.freeze()
gc.freeze()
"""


def imports_only(command: list[str], environment: dict[str, str]) -> list[str]:
    """A command that only loads the modules that this command of voicecli's loads."""
    done = subprocess.run(
        [sys.executable, "-c", MODULES, *command], env=environment, capture_output=True, text=True, check=True
    )
    names = [name for name in done.stderr.splitlines()[-1].split() if name != "atexit"]
    return [sys.executable, "-c", IMPORTS.format(names=" ".join(names))]


def tab(voicecli: str, *words: str) -> list[str]:
    """What bash runs where TAB is pressed behind these words."""
    variables = {
        "_VOICECLI_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(["voicecli", *words]),
        "COMP_CWORD": str(len(words)),
    }
    return ["env", *(f"{name}={value}" for name, value in variables.items()), voicecli]


def main() -> int:
    here = Path(sys.executable).parent
    voicecli, http, curl = str(here / "voicecli"), here / "http", shutil.which("curl")
    if not http.exists() or curl is None:
        print("This needs curl, and HTTPie beside voicecli: pip install -e '.[bench]'", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as home, sandbox(voicecli) as variables:
        environment = {**os.environ, **variables, "VOICECLI_HOME": home}
        dry_run = [voicecli, "call", NUMBER, MESSAGE, "--dry-run", "--json"]
        request = json.loads(subprocess.check_output(dry_run, env=environment))
        url, body = request["url"], json.dumps(request["body"])
        key = f"Authorization: Bearer {variables['EIGHT_X_EIGHT_API_KEY']}"
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "voicecli --version": [voicecli, "--version"],
            "voicecli --help": [voicecli, "--help"],
            "voicecli call --help": [voicecli, "call", "--help"],
            "voicecli <TAB>": tab(voicecli, ""),
            "call --<TAB>": tab(voicecli, "call", "--"),
            "sessions <TAB>": tab(voicecli, "sessions", ""),
            "voicecli call": [voicecli, "call", NUMBER, MESSAGE],
            "its imports": imports_only(["call", NUMBER, MESSAGE], environment),
            "curl": [curl, "-sS", url, "-H", key, "-H", "Content-Type: application/json", "-d", body],
            "HTTPie": [str(http), "--ignore-stdin", "--check-status", "POST", url, key, "--raw", body],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):  # one of each in turn, so that a noisy moment meets them all
            for name, command in commands.items():
                times[name].append(seconds(command, environment))
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    for name, median in medians.items():
        print(
            f"{name:<20} {median * 1000:6.0f} ms   {median / medians['python -c pass']:5.1f} x python -c pass"
            f"   {median / medians['HTTPie']:5.2f} x HTTPie"
        )
    kept = True
    for name, bar in PYTHON_BARS.items():
        ratio = medians[name] / medians["python -c pass"]
        kept &= ratio <= bar
        print(f"{name}: {ratio:.1f} x python -c pass (bar: at most {bar:g})")
    call = medians["voicecli call"] / medians["HTTPie"]
    pairs = zip(times["voicecli call"], times["its imports"], strict=True)
    own = statistics.median(whole - imports for whole, imports in pairs) * 1000
    print(f"voicecli call: {call:.2f} x HTTPie (bar: at most {CALL_BAR:g})")
    print(f"voicecli call: {own:.0f} ms above its imports (bar: at most {OWN_BAR:g} ms)")
    return 0 if kept and call <= CALL_BAR and own <= OWN_BAR else 1


if __name__ == "__main__":
    sys.exit(main())
