"""What a broadcast does unless it is told otherwise, and which answers count."""

import pytest

from voicecli.broadcast.lists import recipients
from voicecli.broadcast.options import BroadcastOptions
from voicecli.broadcast.plan import Plan
from voicecli.broadcast.policy import Policy
from voicecli.broadcast.validation import validate
from voicecli.calling.script import Script
from voicecli.sessions.key_names import KeyNames


def test_an_answer_counts_where_one_was_asked_for() -> None:
    typed = Policy(digits=True)
    confirming = Policy(digits=True, keys=KeyNames.of_confirm("1"))
    named = Policy(digits=True, keys=KeyNames.parse("1=yes,2=no,9=stop", "yes"))
    assert [named.is_final(digits) for digits in ("1", "2", "9", "9#")] == [True, False, True, True]
    assert [typed.is_final(digits) for digits in ("1", "23", None)] == [True, True, False]
    assert [confirming.is_final(digits) for digits in ("1", "2", None)] == [True, False, False]
    assert not Policy().is_final("1"), "nobody was asked"


def test_what_a_journal_of_an_older_version_does_not_say_is_off() -> None:
    options = BroadcastOptions.from_mapping({})
    assert [name for name, value in options._asdict().items() if value is True] == []


@pytest.mark.parametrize(("keys", "confirm"), [("1=yes,2=no,9=stop", "1,2"), ("9=stop", "9")])
def test_an_earlier_version_asks_for_keys_all_the_same(keys: str, confirm: str) -> None:
    """On another machine of the team, by the journal."""
    options = BroadcastOptions(keys=keys)
    kept = options.kept()
    assert kept["confirm"] == confirm
    assert BroadcastOptions.from_mapping(kept) == options


def test_a_number_of_no_known_range_is_called_only_where_any_may_be() -> None:
    people = recipients.read(b"phone\n+1 861 555 0123\n")
    script = Script(source="+33199000000", text="Hello")
    eligibility = BroadcastOptions().eligibility()
    invalid = [
        validate(
            plan,
            eligibility=eligibility,
            shard=(1, 1),
            skip_invalid=False,
        ).invalid
        for plan in (Plan(people, script), Plan(people, script, any_number=True))
    ]
    assert invalid == [1, 0]
