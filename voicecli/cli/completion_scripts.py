"""The scripts by which shells complete, and where each shell finds its own."""

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
    """Where a shell finds its script, in the home folder, and the line of the file that it reads at its
    start, which loads the script; fish needs none."""

    script: str
    start_file: str = ""
    line: str = ""


PLACES = {
    "bash": Place(".bash_completions/voicecli.sh", ".bashrc", "source ~/.bash_completions/voicecli.sh"),
    "zsh": Place(".zfunc/_voicecli", ".zshrc", "fpath+=~/.zfunc; autoload -Uz compinit; compinit"),
    "fish": Place(".config/fish/completions/voicecli.fish"),
}


def script(shell: str) -> str:
    """The script that completes in this shell. Raises InvalidInput."""
    match shell:
        case "bash" | "zsh":
            return get_completion_script(prog_name="voicecli", complete_var=COMPLETION, shell=shell)
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
    if shell not in PLACES:
        raise InvalidInput(
            "A profile of PowerShell is not changed from here.",
            hint="Add a line to it: voicecli --show-completion | Out-String | Invoke-Expression",
        )
    place, home = PLACES[shell], Path.home()
    file, start = home / place.script, home / place.start_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")
    written = [str(file)]
    if place.start_file:
        before = start.read_text(errors="surrogateescape") if start.exists() else ""
        if place.line not in before and str(file) not in before:
            start.write_text(f"{before.rstrip()}\n{place.line}\n".lstrip(), errors="surrogateescape")
            written.append(str(start))
    told = f"Completion for {shell} is set up; each new terminal has it"
    context.output.result(told, {"shell": shell, "files": written})
    context.output.note(f"Written: {', '.join(written)}")
