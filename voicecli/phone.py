"""Phone numbers in E.164, the only form 8x8 takes: ``+`` country code, then the subscriber's number."""

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from voicecli.errors import InvalidInput, quote

_MSISDN = re.compile(r"\+?[1-9][0-9]{6,14}", re.ASCII)

if TYPE_CHECKING:
    from phonenumbers import PhoneMetadata
    from phonenumbers.phonemetadata import PhoneNumberDesc

MIN_DIGITS = 7  # of what is taken for a number where a message could stand
SHORT_NUMBER = 5  # digits of a number that is called without an area code, such as 112
LONGEST_NUMBER = 20  # characters of what may be a number with letters in it
FORM = "A number has international form, such as +33199001234."
_LIKE_A_NUMBER = re.compile(r"(?=.*\d)\+?[\d\s().\-/]+", re.ASCII)
# With a +, wherever it stands; without, no part of a longer word such as a UUID.
_IN_TEXT = re.compile(r"(\+)([1-9]\d{6,14})|(?<![\w+-])((?:00)?)([1-9]\d{6,14})(?![\w-])", re.ASCII)
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−－"), "-")  # what editors make of a hyphen


class PhoneNumber(NamedTuple):
    """``e164`` is what is sent (+33199001234); ``region`` the ISO 3166 code (FR), or empty for none."""

    e164: str
    region: str

    def __str__(self) -> str:
        return self.e164


def parse(text: str, region: str | None = None, *, any_number: bool = False) -> PhoneNumber:
    """Read a number as people write it.

    ``region`` (an ISO 3166 code such as SG) allows a national number, and ``any_number`` one of a length that
    its country has, in a range that libphonenumber's metadata do not know: they may be older than it. Raises
    InvalidInput, saying why and what the text was taken for, where no such number can exist.
    """
    import phonenumbers

    if region is not None:
        check_region(region)
    shown, cleaned = text.strip(), _normalized(text)
    if not _LIKE_A_NUMBER.fullmatch(cleaned) or len(cleaned) > 40:
        raise _no_number(shown, cleaned)
    if decimal := re.fullmatch(r"(\+?\d+)\.0+", cleaned, re.ASCII):
        cleaned = decimal[1]  # a program took it for an amount; 0 would be one digit more: somebody else
    if not cleaned.startswith("+") and region is None:
        digits = "".join(filter(str.isdigit, cleaned))
        if len(digits) <= SHORT_NUMBER:
            raise InvalidInput(
                f"{quote(shown)} is too short: emergency and other short numbers can't be called.",
                hint=FORM,
            )
        with_plus = f"+{digits.removeprefix('00')}"
        if digits.startswith("00"):
            raise InvalidInput(
                f"{quote(shown)} begins with 00 in place of a +.",
                hint=f"Write {with_plus if _is_valid(with_plus) else '+'}, or where it is dialled so: "
                "--region FR.",
            )
        raise InvalidInput(
            f"{quote(shown)} has no + and country code.",
            hint=f"If it has a country code: {with_plus}. Else its country: --region FR."
            if _is_valid(with_plus)
            else "For a national number, name its country, such as --region FR.",
        )
    try:
        number = phonenumbers.parse(cleaned, region.upper() if region else None)
    except phonenumbers.NumberParseException as error:
        reason = {
            phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "no country has that code",
            phonenumbers.NumberParseException.TOO_LONG: "it is too long",
        }.get(error.error_type, "it is too short")
        raise InvalidInput(
            f"{quote(shown)} is not a phone number: {reason}.",
            hint="Check the country code and the number of digits.",
        ) from None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    possible = phonenumbers.is_possible_number_with_reason(number)
    in_no_range = possible == phonenumbers.ValidationResult.IS_POSSIBLE
    if not phonenumbers.is_valid_number(number) and not (any_number and in_no_range):
        code = number.country_code or 0
        where = phonenumbers.region_code_for_country_code(code)
        place = f"country code +{code}" + (f" ({where})" if where.isalpha() else "")
        reason = {
            phonenumbers.ValidationResult.TOO_SHORT: "too short",
            phonenumbers.ValidationResult.TOO_LONG: "too long",
            phonenumbers.ValidationResult.INVALID_LENGTH: "of the wrong length",
            phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "without its area code",
        }.get(possible, "in no range of numbers that is known")
        taken = "" if shown == e164 else f"taken for {e164}, it is "
        raise InvalidInput(
            f"{quote(shown)} can't be called: {taken}{reason} in {place}.",
            hint="Check the country code and the digits; nothing was sent."
            + (
                f" If they are right, the range may be newer than libphonenumber {phonenumbers.__version__}: "
                "--any-number calls it."
                if in_no_range
                else ""
            ),
        )
    return PhoneNumber(e164, phonenumbers.region_code_for_number(number) or "")


def _no_number(shown: str, cleaned: str) -> InvalidInput:
    """The error for a text that is not written as numbers are."""
    if not shown:
        return InvalidInput("The number is empty.", hint=FORM)
    if len(shown.split()) > 1:  # it may be a message in the wrong place, and a secret
        return InvalidInput("What was given is not a phone number.", hint=FORM)
    if re.fullmatch(r"\d+([.,]\d+)?E\+?\d+", cleaned, re.ASCII | re.IGNORECASE):
        return InvalidInput(
            f"{quote(shown)} is a number that Excel shortened: digits are lost.",
            hint="Format the column as text, and enter the numbers anew.",
        )
    inside = [f"+{found[2]}" for found in _IN_TEXT.finditer(cleaned) if found[1]]
    if len(inside) == 1 and _is_valid(inside[0]):
        return InvalidInput(f"{quote(shown)} is not a phone number.", hint=f"Did you mean {inside[0]}?")
    letters = dict.fromkeys(filter(str.isalpha, shown))
    if letters and is_international(shown) and len(shown) <= LONGEST_NUMBER:
        which = f"letter{'s' * (len(letters) > 1)} {', '.join(letters)}"
        return InvalidInput(f"{quote(shown)} is not a phone number: it has the {which}.", hint=FORM)
    return InvalidInput(f"{quote(shown)} is not a phone number.", hint=FORM)


def check_region(region: str) -> None:
    """Whether there is such a region. Raises InvalidInput."""
    if not _is_region(region):
        raise InvalidInput(
            f"{quote(region)} is not a region.", hint="Give a two-letter country code, such as SG."
        )


def e164(text: str, region: str | None = None, *, any_number: bool = False) -> str:
    """What ``parse`` makes of a number, as E.164, with the same errors; ten times as fast where the text is
    E.164 already, for lists of a million."""
    country = _country(text[:4])
    known = region is None or _is_region(region)
    return (
        text
        if known and country and country.valid.fullmatch(text)
        else parse(text, region, any_number=any_number).e164
    )


@lru_cache(1_000)
def time_zones(e164: str) -> tuple[str, ...]:
    """The zones (IANA's names) in which a number in E.164 may be; empty where that is unknown.

    A number that moves, or belongs to no place, may be in any zone of its country."""
    import phonenumbers
    from phonenumbers import timezone

    country = _country(e164[:4])
    is_valid = country is not None and country.valid.fullmatch(e164) is not None
    if country and is_valid and (only := _only_zones(country.code)):
        return only
    try:
        if country and is_valid and e164[len(country.code) + 1] != "0":
            number = phonenumbers.PhoneNumber(int(country.code), int(e164[len(country.code) + 1 :]))
        else:  # parsing takes three times as long
            number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return ()
    zones = timezone.time_zones_for_number(number)
    return () if timezone.UNKNOWN_TIMEZONE in zones else zones


@lru_cache(300)
def _only_zones(code: str) -> tuple[str, ...]:
    """Those of all valid numbers of a country code (33); empty where they have different ones. To find the
    zones of one number takes a hundred times as long."""
    from phonenumbers.tzdata import TIMEZONE_DATA

    found: set[tuple[str, ...]] = {
        zones for prefix, zones in TIMEZONE_DATA.items() if prefix.startswith(code)
    }
    return found.pop() if len(found) == 1 and code in TIMEZONE_DATA else ()


def looks_like_number(text: str) -> bool:
    """Whether a text has nothing in it but what people write numbers with, and enough digits for one."""
    cleaned = _normalized(text)
    return _LIKE_A_NUMBER.fullmatch(cleaned) is not None and sum(map(str.isdigit, cleaned)) >= MIN_DIGITS


def is_international(text: str) -> bool:
    return _normalized(text).startswith("+")


def _normalized(text: str) -> str:
    """As a plain keyboard would write it, without what keeps Excel from making an amount of it: ="+33…" and
    an apostrophe in front."""
    text = text.strip()
    if text.startswith('="'):
        from voicecli.spreadsheets import formula_text

        text = formula_text(text)
    elif re.match(r"'[+\d]", text):
        text = text[1:]
    shown = "".join(c for c in text.strip().translate(_DASHES) if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", shown)


def mask_numbers(text: str) -> str:
    """A text whose numbers can be recognised but not called: +65••••4567."""
    return _IN_TEXT.sub(lambda found: _masked(found[1] or found[3] or "", found[2] or found[4]), text)


@lru_cache(1_000)
def _masked(sign: str, digits: str) -> str:
    import phonenumbers

    code = 2
    with suppress(phonenumbers.NumberParseException):
        code = len(str(phonenumbers.parse(f"+{digits}").country_code or 10))
    return f"{sign}{digits[:code]}••••{digits[-4:]}"


def _is_valid(e164: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return False


class _Country(NamedTuple):
    """The pattern of the E.164 numbers of one country code (33) that are valid and that parsing leaves as
    they are."""

    code: str
    valid: re.Pattern[str]


@lru_cache(1_000)
def _is_region(region: str) -> bool:
    import phonenumbers

    return region.upper() in phonenumbers.SUPPORTED_REGIONS


@lru_cache(2_000)
def _country(start: str) -> _Country | None:
    """The country of a number that starts so (+331); None for no country, or no number."""
    import phonenumbers

    if not re.fullmatch(r"\+[1-9]\d{0,2}", start, re.ASCII):
        return None
    codes = (start[1:length] for length in (2, 3, 4))
    code = next((code for code in codes if int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), "")
    return _country_of_code(code) if code else None


@lru_cache(300)
def _country_of_code(code: str) -> _Country:
    """Made of libphonenumber's patterns, in the way in which its is_valid_number uses them."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    regions = [
        found
        for region in COUNTRY_CODE_TO_REGION_CODE[int(code)]
        if (found := PhoneMetadata.metadata_for_region_or_calling_code(int(code), region))
    ]
    # Parsing takes a national prefix away, and may write the number anew: these are left to parsing. Some
    # countries' prefix may also be empty, and then nothing is taken away.
    prefix = regions[0].national_prefix_for_parsing
    start = rf"\+{code}" + (rf"(?!(?:{prefix})(?<!\+{code}))" if prefix else "")
    return _Country(code, re.compile(start + _valid_by_region(regions), re.ASCII))


def _valid_by_region(regions: list["PhoneMetadata"]) -> str:
    """The pattern of the region that a number belongs to: the first whose leading digits it has or, for a
    region without such, in which it is valid. The only region of a code needs no leading digits."""
    region, *others = regions
    mine = _valid_pattern(region)
    if not others:
        return mine
    sign = region.leading_digits or rf"{mine}\Z"
    return f"(?:(?={sign}){mine}|(?!{sign}){_valid_by_region(others)})"


def _valid_pattern(region: "PhoneMetadata") -> str:
    kinds = [
        region.premium_rate,
        region.toll_free,
        region.shared_cost,
        region.voip,
        region.personal_number,
        region.pager,
        region.uan,
        region.voicemail,
        region.fixed_line,
        None if region.same_mobile_and_fixed_line_pattern else region.mobile,
    ]
    return rf"(?={_one_of([region.general_desc])}\Z){_one_of(kinds)}"


def _one_of(kinds: Iterable["PhoneNumberDesc | None"]) -> str:
    """One pattern for numbers of any of these kinds; where there are none, it matches nothing."""
    patterns = []
    for kind in kinds:
        if kind is not None and kind.national_number_pattern:
            lengths = "|".join(rf"\d{{{length}}}" for length in kind.possible_length)
            patterns.append(
                (rf"(?=(?:{lengths})\Z)" if lengths else "") + f"(?:{kind.national_number_pattern})"
            )
    return f"(?:{'|'.join(patterns)})" if patterns else "(?!)"


def caller_id(text: str) -> str:
    """A source without the blanks and signs that people write between digits; whether it may call is 8x8's
    to say, which also knows numbers that no table has."""
    return "".join(c for c in text.strip() if c not in " -().")


def is_msisdn(value: object) -> bool:
    """Whether 8x8 takes it for a phone number: E.164, the ``+`` being optional."""
    return isinstance(value, str) and _MSISDN.fullmatch(value) is not None
