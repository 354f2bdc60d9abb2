"""Arguments that the locale can't carry: nothing is sent, and the error says why."""

import os
import subprocess
import sys

import pytest
from conftest import DEADLINE, NUMBER

from voicecli.sandbox.account import environment

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
CAFE = "caf\u00e9"


UTF_8 = {"LC_ALL": "C.UTF-8"}


@pytest.mark.soak
@pytest.mark.process
@pytest.mark.parametrize(
    ("locale", "arguments"),
    [
        (ASCII, ["call", NUMBER, "%s"]),
        (UTF_8, ["api", "POST", "/callflows", "--data", '{"a": "%s"}']),
        (UTF_8, ["call", NUMBER, "hi", "--voice", "%s"]),
        (ASCII, ["broadcast", "%s", "hi"]),
        (ASCII, ["%s"]),
    ],
)
def test_what_is_no_text_under_the_locale_is_told(locale: dict[str, str], arguments: list[str]) -> None:
    word, says = {
        "C": (CAFE.encode(), b"is not text in ascii, the encoding of this locale: set LC_ALL"),
        "C.UTF-8": (CAFE.encode("latin-1"), b"is not text in utf-8, the encoding of this locale: write"),
    }[locale["LC_ALL"]]
    done = subprocess.run(
        [sys.executable, "-m", "voicecli", *(part.encode().replace(b"%s", word) for part in arguments)],
        capture_output=True,
        env={**os.environ, **environment("http://127.0.0.1:9"), **locale},
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert says in done.stderr
