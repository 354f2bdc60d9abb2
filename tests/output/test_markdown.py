"""Pages of the manual on narrow terminals."""

import re
import shlex

import pytest

from voicecli import manual
from voicecli.output.markdown import broken


@pytest.mark.parametrize("width", [40, 56, 76])
def test_a_command_that_is_broken_is_the_same_for_a_shell(width: int) -> None:
    for page in map(manual.page, manual.TOPICS):
        for script in re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
            assert words(broken(script, width)) == words(script)


def words(script: str) -> list[str]:
    return shlex.split(script.replace(" \\\n", " "))


def test_an_example() -> None:
    assert broken('voicecli call +33199001234 "Your account has been updated" --dry-run', 56) == (
        'voicecli call +33199001234 \\\n  "Your account has been updated" --dry-run'
    )


@pytest.mark.parametrize(
    "line",
    [
        '  "digitTimeout": 5000, "overallTimeout": 10000}}]',
        "voicecli sessions --limit 5  # the newest of them all",
        'voicecli call +33199001234 "He said \\"no\\" and he left"',
        "+33199001234,Anna,half past ten in the morning of Monday",
    ],
)
def test_what_might_mean_something_else_then_stays_as_it_is(line: str) -> None:
    assert broken(line, 30) == line
