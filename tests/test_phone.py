"""Phone numbers: what people paste is read, and what can't exist is refused with a reason."""

import random
import re
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import timezone

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


@pytest.mark.parametrize("written", ["33199001234", "0033 1 99 00 12 34"])
def test_a_number_that_lacks_only_its_plus_is_told_with_it(written: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        phone.parse(written)
    assert "+33199001234" in caught.value.hint


@pytest.mark.parametrize("written", ['="+33199001234"', "'+33199001234", "+33199001234.0", '="0199001234"'])
def test_what_keeps_excel_from_making_amounts_of_numbers_is_understood(written: str) -> None:
    assert phone.parse(written, "FR").e164 == "+33199001234"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("+3319900123", r"\'\+3319900123\' can\'t be called: too short in country code \+33 \(FR\)"),
        ("+331990012345", r"too long in country code \+33"),
        ("+33099001234", "no range of numbers"),
        ("+33 1 99 00 12 3", r"taken for \+3319900123, it is too short"),
        ("+999123456789", "no country has that code"),
        ("+1", "too short"),
        ("+", "not a phone number"),
        ("", "is empty"),
        ("33199001234 or so", "^What was given is not a phone number"),
        ("0", "is too short"),
        ("199001234", "has no [+] and country code"),
        ("()", "not a phone number"),
        ("hello", "not a phone number"),
        ("+1800FLOWERS", "it has the letters F, L, O, W, E, R, S"),
        ("3,3199e+10", "Excel shortened"),
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
    assert phone.mask_numbers(text) == masked


def examples(codes: re.Pattern[str]) -> Iterator[str]:
    """libphonenumber's own of every region with such a code, and type."""
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        for region in regions if codes.match(f"+{code}") else ():
            if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
                found = [phonenumbers.example_number_for_non_geo_entity(code)]
            else:
                kinds = phonenumbers.PhoneNumberType.values()
                found = [phonenumbers.example_number_for_type(region, kind) for kind in kinds]
            for number in filter(None, found):
                yield phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def mutations(numbers: list[str], many: int) -> Iterator[str]:
    """Numbers with digits changed, dropped and added."""
    dice = random.Random(8)
    for _ in range(many):
        digits = list(dice.choice(numbers))
        for _ in range(dice.choice([1, 1, 1, 2, 3, 6])):
            at, digit = dice.randrange(1, len(digits)), dice.choice("0123456789")
            digits[at : at + dice.choice([0, 1, 1])] = dice.choice([[], [digit], [digit]])
            digits = digits if len(digits) > 2 else list("+33199001234")
        yield "".join(digits)


EVERY, FEW = re.compile(r"\+"), re.compile(r"\+(1|33|39|44|49|54|7|800|2[5-9])")
"""Codes of countries. What is known of a country takes some milliseconds to load."""


@pytest.fixture(scope="module", params=[FEW, pytest.param(EVERY, marks=pytest.mark.soak)], ids=["few", "all"])
def known(request: pytest.FixtureRequest) -> list[str]:
    """libphonenumber's examples, of some countries or of all."""
    numbers = sorted(set(examples(request.param)))
    assert len(numbers) > (900 if request.param is EVERY else 200)
    return numbers


def with_mutations(known: list[str]) -> list[str]:
    return [*known, *mutations(known, 10_000 if len(known) > 900 else 100)]


def answer(text: str, region: str | None, *, quickly: bool) -> tuple[str, ...]:
    try:
        return (phone.e164(text, region) if quickly else phone.parse(text, region).e164,)
    except InvalidInput as error:
        return error.message, error.hint


def test_the_quick_way_answers_as_parsing_does(known: list[str]) -> None:
    dice = random.Random(8)
    for text in with_mutations(known):
        region = dice.choice([None, "FR", "us", "AR", "IT", "KZ"])
        assert answer(text, region, quickly=True) == answer(text, region, quickly=False)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("+33 1 99 00 12 34", None),
        (" +33199001234", None),
        ("+33199001234\n", None),
        ("+331990012३4", None),
        ("+044123456789", None),
        ("01 99 00 12 34", "FR"),
        ("0199001234", None),
        ("+33199001234", "XX"),
        ("+33199001234", ""),
        ("+", None),
        ("", None),
        ("hello", None),
        ("+" + "1" * 5000, None),
    ],
)
def test_the_quick_way_leaves_to_parsing_what_is_not_e164(text: str, region: str | None) -> None:
    assert answer(text, region, quickly=True) == answer(text, region, quickly=False)


def test_most_numbers_go_the_quick_way(known: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    parse = phone.parse
    monkeypatch.setattr(
        phone, "parse", lambda text, *rest, **named: parsed.append(text) or parse(text, *rest, **named)
    )
    assert [phone.e164(number) for number in known] == known
    assert len(parsed) < len(known) / 50


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+33199001234", ("Europe/Paris",)),
        ("+12025550123", ("America/New_York",)),
        ("+447400123456", ("Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey", "Europe/London")),
        ("+870773111632", ()),
        ("+3319900123", ()),
        ("hello", ()),
        ("", ()),
    ],
)
def test_a_number_has_time_zones(number: str, zones: tuple[str, ...]) -> None:
    assert phone.time_zones(number) == zones


def test_a_number_without_a_place_may_be_in_any_zone_of_its_country() -> None:
    assert {"America/New_York", "America/Los_Angeles"} < set(phone.time_zones("+18002345678"))


def test_time_zones_are_those_of_libphonenumber(known: list[str]) -> None:
    for number in with_mutations(known):
        try:
            zones = timezone.time_zones_for_number(phonenumbers.parse(number))
        except phonenumbers.NumberParseException:
            zones = ()
        assert phone.time_zones(number) == (zones if zones != (timezone.UNKNOWN_TIMEZONE,) else ())


UNKNOWN_RANGE = "+18615550123"  # of the right length; no metadata has that area code


def test_a_number_in_a_range_that_is_not_known_is_called_if_that_is_asked_for() -> None:
    with pytest.raises(InvalidInput) as refused:
        phone.parse(UNKNOWN_RANGE)
    assert "--any-number" in refused.value.hint
    assert f"libphonenumber {phonenumbers.__version__}" in refused.value.hint
    assert phone.parse("+1 861 555 0123", any_number=True).e164 == UNKNOWN_RANGE
    assert phone.e164("861 555 0123", "US", any_number=True) == UNKNOWN_RANGE


@pytest.mark.parametrize("text", ["+3319900123", "+331990012345", "199001234", "+1861555", "+999123456789"])
def test_what_can_be_no_number_stays_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        phone.parse(text, any_number=True)
    assert "--any-number" not in refused.value.hint


@pytest.mark.parametrize("text", ["+4930123456.0", " +4930123456.0", "4930123456.0"])
def test_a_number_with_a_decimal_is_not_taken_for_one_with_a_digit_more(text: str) -> None:
    """So pandas writes a column of numbers in which one is missing: +49301234560 would be somebody else's."""
    assert phone.parse(text, "DE").e164 == "+4930123456"
    assert phone.parse("+49.30.1234560").e164 == "+49301234560"
