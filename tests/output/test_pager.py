"""The user's pager: what it leaves of a signal, and programs that can't be run."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from voicecli import interrupts
from voicecli.output.pager import page


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """Where the pager writes; no signal has come yet."""
    monkeypatch.setattr(interrupts, "_signals", interrupts._Signals())
    with Path(os.devnull).open("w") as file:
        yield file


def test_ctrl_c_is_for_the_pager_and_other_signals_for_the_program(out: TextIO) -> None:
    interrupts.postpone(signal.SIGINT)
    assert page("text", out, {"PAGER": "true"})
    assert not interrupts.is_noted()
    for number in (signal.SIGTERM, signal.SIGHUP):
        interrupts.postpone(number)
        with pytest.raises(KeyboardInterrupt) as caught:
            page("text", out, {"PAGER": "true"})
        assert caught.value.args == (number,)


def test_a_pager_that_can_not_be_run_is_none(out: TextIO, tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("cat\n")
    pager.chmod(0o755)
    assert not page("text", out, {"PAGER": str(pager)})
