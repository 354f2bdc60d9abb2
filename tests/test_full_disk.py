"""A disk that is full at any write: nobody is called twice, what was placed is told with its exit code, and 2
to 5 mean that nothing was. (Every write was tried once; these are some.)"""

import io
from collections import Counter

import pytest
from conftest import NUMBER, RunningSandbox
from full_disk import full_disk
from lists import Broadcast, people, write

from voicecli.cli.app import run
from voicecli.cli.context import Context

CALL = ("call", NUMBER, "Hi")
ONCE = (*CALL, "--once")
SEND = ("broadcast", "send", "people.csv", "Hi", "--yes", "--concurrency", "2")
PEOPLE = [f"+3319900{number}" for number in range(2_000, 2_008)]


@pytest.mark.parametrize("once", [True, False], ids=["one write", "ever after"])
@pytest.mark.parametrize(
    ("arguments", "at"),
    [
        (CALL, 3),
        pytest.param(CALL, 50, marks=pytest.mark.soak),
        *((ONCE, at) for at in (48, 54)),
        (SEND, 60),
        *(pytest.param(SEND, at, marks=pytest.mark.soak) for at in (72, 78, 85)),
    ],
    ids=str,
)
def test_what_was_placed_is_told(
    sandbox: RunningSandbox, arguments: tuple[str, ...], at: int, once: bool
) -> None:
    done = Broadcast(sandbox)
    write("people.csv", people(*PEOPLE))
    out, err = io.StringIO(), io.StringIO()
    with full_disk(at, once=once):
        code = run(arguments, Context(stdin=None, stdout=out, stderr=err, environment=done.environment))
    called = Counter(done.called)
    assert all(count == 1 for count in called.values()), called
    assert code in ((0, 7) if called else (1, 3)), (code, called, err.getvalue())
    assert code or len(called) == (len(PEOPLE) if arguments is SEND else 1)
    assert "Traceback" not in err.getvalue()
    assert "error of its own" not in err.getvalue()
    assert code == 0 or "Error" in err.getvalue()
