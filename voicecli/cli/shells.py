"""What people type commands into: how the sandbox's variables are set there."""

import shlex
from collections.abc import Mapping
from enum import StrEnum

from voicecli.platforms import system


class Shell(StrEnum):
    SH = "sh"
    POWERSHELL = "powershell"


USUAL = Shell(system.SHELL)


def set_variables(shell: Shell, variables: Mapping[str, str]) -> str:
    """Lines that set environment variables."""
    match shell:
        case Shell.SH:
            lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        case Shell.POWERSHELL:
            doubled = {name: value.replace("'", "''") for name, value in variables.items()}
            lines = [f"$env:{name} = '{value}'" for name, value in doubled.items()]
    return "\n".join(lines)


def use_sandbox(shell: Shell = USUAL, *, port: int | None = None) -> str:
    """The command that sets them. ``port`` is where the sandbox listens, if not at its usual one."""
    command = "voicecli sandbox --print-env"
    if port is not None:
        command += f" --port {port}"
    if shell is not USUAL:
        command += f" --shell {shell}"
    return f'eval "$({command})"' if shell is Shell.SH else f"{command} | Out-String | Invoke-Expression"
