"""Phone numbers: what people paste is read, and what can't exist is refused with a reason."""

import pytest

from voicecli import phone
from voicecli.errors import InvalidInput


@pytest.mark.parametrize(
    "written",
    [
        "+33199001234",
        " +33 1 99 00 12 34 ",
        "+33-199-00-12-34",
        "+33 (0)1 99 00 12 34",
        "+33.1.99.00.12.34",
        "+33\u00a01\u00a099\u00a000\u00a012\u00a034",
        "\u202a+33199001234\u202c",
        "+33 1–99–00–12–34",
        "＋３３１９９００１２３４",
    ],
)
def test_a_number_is_read_as_people_write_it(written: str) -> None:
    assert phone.parse(written) == phone.PhoneNumber("+33199001234", "FR")


def test_a_national_number_needs_its_region() -> None:
    assert phone.parse("(202) 555-0123", "us").e164 == "+12025550123"
    with pytest.raises(InvalidInput, match=r"has no \+ and country code"):
        phone.parse("(202) 555-0123")


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("+3319900123", r"taken for \+3319900123, it is too short in country code \+33 \(FR\)"),
        ("+331990012345", r"it is too long in country code \+33"),
        ("+33099001234", "no range of numbers"),
        ("+999123456789", "no country has that code"),
        ("+1", "too short"),
        ("+", "not a phone number"),
        ("", "not a phone number"),
        ("0", "has no [+] and country code"),
        ("()", "not a phone number"),
        ("hello", "not a phone number"),
        ("+1800FLOWERS", "not a phone number"),
        ("+33199001234;ext=5", "not a phone number"),
        ("+33199001234,+33199005678", "not a phone number"),
        ("tel:+33199001234", "not a phone number"),
        ("+" + "1" * 5000, "not a phone number"),
        ("+33199001234\n+33199005678", "not a phone number|too long"),
    ],
)
def test_a_number_that_cannot_exist_is_refused_with_the_reason(written: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        phone.parse(written)


@pytest.mark.parametrize("region", ["XX", "Singapore", "", "65"])
def test_an_unknown_region_is_refused(region: str) -> None:
    with pytest.raises(InvalidInput, match="is not a region"):
        phone.parse("91234567", region)


def test_a_plus_is_suggested_only_where_it_would_help() -> None:
    with pytest.raises(InvalidInput) as caught:
        phone.parse("33199001234")
    assert "+33199001234" in caught.value.hint
    with pytest.raises(InvalidInput) as caught:
        phone.parse("0199001234")
    assert "+1" not in caught.value.hint


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+33199001234", "+33••••1234"),
        ("33199001234", "33••••1234"),
        ("0033199001234", "0033••••1234"),
        ("to +33199001234, from (33199000000)", "to +33••••1234, from (33••••0000)"),
        ("-+33199001234-2 x+33199001234_x", "-+33••••1234-2 x+33••••1234_x"),
        ("12345678-1234-11ee-911b-e9023a97c284", "12345678-1234-11ee-911b-e9023a97c284"),
        (
            "2026-03-25T06:01:30Z, 123456 and 12345678901234567",
            "2026-03-25T06:01:30Z, 123456 and 12345678901234567",
        ),
    ],
)
def test_numbers_in_a_text_are_masked(text: str, masked: str) -> None:
    assert phone.masked(text) == masked
