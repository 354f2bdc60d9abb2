"""Bad input of every kind: exit 0 or 2, one sentence, and never a traceback."""

import io
import json
import re
from pathlib import Path

from any_text import any_text, matching
from hypothesis import HealthCheck, given, settings, strategies as st
from soak import FULL

from voicecli.cli.app import run
from voicecli.cli.context import Context
from voicecli.output.printable import printable

ENVIRONMENT = {
    "EIGHT_X_EIGHT_API_KEY": "some-key",
    "EIGHT_X_EIGHT_SUBACCOUNT_ID": "some_sub",
    "OUTBOUND_PHONE_NUMBER": "+33199000000",
    "VOICECLI_HOME": "home",
}
MANY = 150 if FULL else 15
many = settings(
    max_examples=MANY,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
anything = any_text(60)
numbers = st.one_of(anything, matching(r"\+?[0-9 ().-]{1,20}"))
words = st.one_of(
    anything,
    matching(r"-?[0-9.eE]{1,12}"),
    st.sampled_from(["nan", "inf", "1h"]),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text(10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text(10), inner, max_size=4),
    max_leaves=20,
)
actions = st.fixed_dictionaries(
    {
        "action": st.sampled_from(
            ["makeCall", "say", "sayAndCapture", "playFile", "hangup", "executeScenario"]
        )
    },
    optional={
        "params": st.dictionaries(
            st.sampled_from(
                "source destination text promptMessage voiceProfile repetition speed minDigits maxDigits "
                "digitTimeout overallTimeout completeOnHash noOfTries fileUrl scenarioName".split()
            ),
            json_values | st.sampled_from(["+33199001234", "https://example.com/a.mp3"]),
            max_size=8,
        )
    },
)


def dry_run(*arguments: str, stdin: bytes = b"hello") -> tuple[int, str, str]:
    """The real command line in this process, as a dry run: everything but the sending."""
    out, err = io.StringIO(), io.StringIO()
    context = Context(io.TextIOWrapper(io.BytesIO(stdin)), out, err, environment=ENVIRONMENT)
    code = run(["call", "--dry-run", *arguments], context)
    return code, out.getvalue(), err.getvalue()


def assert_honest(code: int, out: str, err: str) -> None:
    """Either a request that 8x8 could be sent, or one sentence with at most one hint."""
    if code == 0:
        assert json.loads(out.partition("\n\n")[2])["callflow"]
        assert re.fullmatch(r"(Warning: [^\n]+\n)*", err), err
        assert printable(err, lines=True) == err
        return
    assert code == 2, (code, err)
    assert out == ""
    assert re.fullmatch(r"Error: [^\n]+\n(Hint: [^\n]+\n)?", err), err
    assert printable(err, lines=True) == err


@many
@given(to=numbers)
def test_any_number(to: str) -> None:
    assert_honest(*dry_run("--", to, "hello"))


@many
@given(text=any_text(4000) | st.text(alphabet=st.characters(categories=["C", "Z"]), max_size=20))
def test_any_message(text: str) -> None:
    assert_honest(*dry_run("--", "+33199001234", text))


@many
@given(content=st.binary(max_size=300))
def test_any_standard_input(content: bytes) -> None:
    assert_honest(*dry_run("+33199001234", stdin=content))
    assert_honest(*dry_run("--callflow", "-", stdin=content))


@many
@given(
    option=st.sampled_from(
        [
            "--repeat",
            "--speed",
            "--valid-for",
            "--from",
            "--voice",
            "--message-id",
            "--region",
            "--play",
            "--request-timeout",
            "--retries",
            "--file",
            "--callflow",
        ]
    ),
    value=words,
)
def test_any_value_of_any_option(option: str, value: str) -> None:
    assert_honest(*dry_run(f"{option}={value}", "--", "+33199001234"))


@many
@given(
    arguments=st.lists(
        words | st.sampled_from(["--json", "-q", "-r", "--file", "--", "-", "--speed"]), max_size=6
    )
)
def test_any_command_line(arguments: list[str]) -> None:
    if "--help" in arguments or "-h" in arguments:
        return
    code, out, err = dry_run(*arguments)
    assert code in (0, 2), err
    assert (out == "") == (code != 0)
    assert "Traceback" not in err


@many
@given(
    document=json_values | st.lists(actions, max_size=4) | st.fixed_dictionaries({"callflow": json_values})
)
def test_any_callflow_file(document: object) -> None:
    assert_honest(*dry_run("--callflow", "-", stdin=json.dumps(document).encode()))


@many
@given(
    seconds=st.integers(min_value=-10, max_value=10**12),
    unit=st.sampled_from(["s", "m", "h", "d", "", " ", "S"]),
)
def test_any_length_of_time(seconds: int, unit: str) -> None:
    assert_honest(*dry_run(f"--valid-for={seconds}{unit}", "--", "+33199001234", "hello"))


def test_the_dry_run_of_these_tests_leaves_no_file(tmp_path: Path) -> None:
    dry_run("+33199001234", "hello")
    assert list(tmp_path.iterdir()) == []
