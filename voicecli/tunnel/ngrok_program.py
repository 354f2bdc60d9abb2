"""The ngrok agent's program: found on this machine, or downloaded when that is wanted."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from voicecli.errors import ConfigurationError, Unreachable
from voicecli.platforms import private_files, programs
from voicecli.threads import in_daemon_thread
from voicecli.tunnel.advice import DOWNLOAD
from voicecli.tunnel.configuration import Tunnel

VERSION_TIMEOUT = 10.0  # seconds


def find_agent(tunnel: Tunnel) -> Path | None:
    """The agent; None where it is missing and may be downloaded. Raises ConfigurationError."""
    from pyngrok.conf import PyngrokConfig

    if tunnel.agent_path:
        candidates, what = [tunnel.agent_path], f"There is no ngrok agent at {tunnel.agent_path}."
    else:
        candidates = [*programs.on_path("ngrok"), Path(PyngrokConfig().ngrok_path)]
        what = "The ngrok agent is missing."
    for program in candidates:
        if programs.is_program(program) and not _is_pyngrok(program):
            return program.absolute()
    if tunnel.install and not tunnel.agent_path:
        return None
    raise ConfigurationError(what, hint=f"Install it from {DOWNLOAD}, or let --install-ngrok download it.")


def agent_version(program: Path) -> str | None:
    """The agent's version, such as 3.5.0, or None where it does not tell."""
    try:
        output = subprocess.run(  # noqa: S603 - the agent that would be run anyway
            [program, "--version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None
    found = re.search(r"ngrok version (\d+(?:\.\d+)*)", output)
    return found and found[1]


def _is_pyngrok(program: Path) -> bool:
    """Whether it is the command ``ngrok`` that comes with pyngrok, which downloads the agent unasked. On
    Windows it is a small program with the script at its end."""
    with suppress(OSError), program.open("rb") as file:
        beginning = file.read(2048)
        file.seek(-min(2048, program.stat().st_size), os.SEEK_END)
        return b"from pyngrok" in beginning + file.read()
    return False


async def install_agent(on_note: Callable[[str], None]) -> Path:
    """Download the agent to where pyngrok keeps it. Raises Unreachable and ConfigurationError."""
    from pyngrok.conf import PyngrokConfig

    program = Path(PyngrokConfig().ngrok_path)
    private_files.require_known_home(program, hint=f"Install it from {DOWNLOAD}, into a folder of PATH.")
    on_note(f"Downloading the ngrok agent to {program} …")
    try:
        await in_daemon_thread(partial(_download, program))
    except Exception as error:
        raise Unreachable(
            "The ngrok agent could not be downloaded.",
            hint=f"Check the network and the folder {program.parent}, or get it from {DOWNLOAD}.",
        ) from error
    on_note("The ngrok agent is installed.")
    return program


def _download(program: Path) -> None:
    """Not pyngrok's way, which talks on stdout, and has a file of a known name in a folder open to all."""
    from urllib.request import urlopen

    from pyngrok import installer

    url = installer.get_ngrok_cdn_url("3")
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as folder:
        archive = Path(folder, url.rpartition("/")[2])
        with urlopen(url, timeout=30) as answer, archive.open("wb") as file:  # noqa: S310 - pyngrok's own URL
            shutil.copyfileobj(answer, file)
        shutil.unpack_archive(archive, folder)
        unpacked = Path(folder, installer.get_ngrok_bin())
        unpacked.chmod(0o755)
        unpacked.replace(program)
