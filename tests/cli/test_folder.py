"""A command runs in the folder of its context, wherever the process is."""

import io
from pathlib import Path

from conftest import NUMBER, RunningSandbox

from voicecli.cli.app import run
from voicecli.cli.context import Context


def test_paths_and_the_dotenv_are_those_of_the_contexts_folder(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    variables = {**sandbox.environment, "VOICECLI_HOME": "home"}
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    (folder / "message.txt").write_text("Hello")
    (folder / "people.csv").write_text("phone\n+33199001234\n+33199005678\n")
    (folder / "never.csv").write_text("phone\n+33199005678\n")

    def done(*arguments: str) -> str:
        out, err = io.StringIO(), io.StringIO()
        context = Context(stdin=None, stdout=out, stderr=err, environment={}, folder=folder)
        assert run(arguments, context) == 0, err.getvalue()
        return out.getvalue().strip()

    done("call", NUMBER, "--file", "message.txt")
    sent = done("broadcast", "people.csv", "Hi", "--do-not-call", "never.csv", "--yes", "-q")
    done("broadcast", "results", sent, "-o", "results.csv")
    assert len((folder / "results.csv").read_text().splitlines()) == 3
    assert (folder / "home" / "voicecli.sqlite3").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]
