"""The scripts by which shells complete, and where each shell finds its own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from typer._completion_shared import _get_shell_name, get_completion_script

from voicecli.cli.context import COMPLETION, Context
from voicecli.errors import InvalidInput

FISH = """\
function __voicecli_complete
    set -l found (env _VOICECLI_COMPLETE=complete_fish \\
        _TYPER_COMPLETE_ARGS=(commandline -cp) voicecli)
    if set -q found[1]
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --command voicecli --no-files --keep-order --arguments "(__voicecli_complete)"
"""
ZSH_AUTOLOADED = """
if [ "${funcstack[1]-}" = _voicecli ]; then
  _voicecli_completion
fi"""
"""The first TAB of a shell reads the file as a function's body, and is to offer something, too."""
POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName voicecli -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $Env:_VOICECLI_COMPLETE = "complete_powershell"
    $Env:_TYPER_COMPLETE_ARGS = $commandAst.ToString()
    $Env:_TYPER_COMPLETE_WORD_TO_COMPLETE = $wordToComplete
    voicecli | ForEach-Object {
        $value, $help = $_ -Split ":::", 2
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
    }
    Remove-Item "Env:_VOICECLI_COMPLETE", "Env:_TYPER_COMPLETE_ARGS"
    Remove-Item "Env:_TYPER_COMPLETE_WORD_TO_COMPLETE" -ErrorAction Ignore
}
"""


class Place(NamedTuple):
    """The file that has a shell's script, and the line that loads it in the file that the shell reads at its
    start; fish needs none."""

    script: Path
    start_file: Path | None = None
    line: str = ""


def _place(shell: str, environment: Mapping[str, str]) -> Place | None:
    home = Path.home()
    match shell:
        case "bash":
            line = "source ~/.bash_completions/voicecli.sh"
            return Place(home / ".bash_completions" / "voicecli.sh", home / ".bashrc", line)
        case "zsh":
            start_file = Path(environment.get("ZDOTDIR") or home) / ".zshrc"
            line = "fpath+=~/.zfunc; autoload -Uz compinit; compinit"
            return Place(home / ".zfunc" / "_voicecli", start_file, line)
        case "fish":
            config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
            return Place(config / "fish" / "completions" / "voicecli.fish")
        case _:
            return None


def script(shell: str) -> str:
    """The script that completes in this shell. Raises InvalidInput."""
    match shell:
        case "bash" | "zsh":
            text = get_completion_script(prog_name="voicecli", complete_var=COMPLETION, shell=shell)
            return text + ZSH_AUTOLOADED if shell == "zsh" else text
        case "fish":
            return FISH
        case "powershell" | "pwsh":
            return POWERSHELL
        case _:
            raise InvalidInput(
                f"There is no completion for {shell or 'this shell'}.",
                hint="There is for bash, zsh, fish and PowerShell: run it in one of these.",
            )


def current_shell() -> str:
    """The shell that runs the program: bash, zsh, fish, powershell, …; empty where that can't be found."""
    return _get_shell_name() or ""


def install(context: Context, shell: str) -> None:
    """Put the script where the shell finds it, and say where. Raises InvalidInput."""
    text = script(shell)
    place = _place(shell, context.environment)
    if place is None:
        raise InvalidInput(
            "A profile of PowerShell is not changed from here.",
            hint="Add a line to it: voicecli --show-completion | Out-String | Invoke-Expression",
        )
    place.script.parent.mkdir(parents=True, exist_ok=True)
    place.script.write_text(f"{text}\n")
    written = [str(place.script)]
    if (start := place.start_file) is not None:
        before = start.read_bytes() if start.exists() else b"\n"
        if place.line.encode() not in before and os.fsencode(place.script) not in before:
            with start.open("ab") as file:  # all that is there stays as it is
                file.write(b"" if before.endswith(b"\n") else b"\n")
                file.write(f"{place.line}\n".encode())
            written.append(str(start))
    told = f"Completion for {shell} is set up; each new terminal has it"
    context.output.result(told, {"shell": shell, "files": written})
    context.output.note(f"Written: {', '.join(written)}")
