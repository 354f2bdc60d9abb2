"""``--debug``: where an error came from, beside what everybody is told."""

from conftest import Program

REFUSED = {
    "EIGHT_X_EIGHT_API_KEY": "some-key-of-20-chars",
    "EIGHT_X_EIGHT_SUBACCOUNT_ID": "some_sub",
    "EIGHT_X_EIGHT_BASE_URL": "http://127.0.0.1:9",
}


def test_an_error_is_told_with_where_it_came_from(run: Program) -> None:
    plain, debug = (run("voices", *options, env=REFUSED) for options in ((), ("--debug",)))
    assert plain.code == debug.code == 5
    assert "Traceback" not in plain.err
    assert "Traceback (most recent call last):" in debug.err
    assert "voicecli.errors.Unreachable: " in debug.err
    assert debug.err.splitlines()[-2:] == plain.err.splitlines()[-2:]
