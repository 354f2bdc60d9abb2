"""Phone numbers in E.164, the only form 8x8 takes: ``+`` country code, then the subscriber's number."""

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from voicecli.errors import InvalidInput, quoted

MIN_DIGITS = 7  # of what is taken for a number where a message could stand
_LIKE_A_NUMBER = re.compile(r"(?=.*\d)\+?[\d\s().\-/]+", re.ASCII)
# With a +, wherever it stands; without, no part of a longer word such as a UUID.
_IN_TEXT = re.compile(r"(\+)([1-9]\d{6,14})|(?<![\w+-])((?:00)?)([1-9]\d{6,14})(?![\w-])", re.ASCII)
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−－"), "-")  # what editors make of a hyphen


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """``e164`` is what is sent (+33199001234); ``region`` the ISO 3166 code (FR), or empty for none."""

    e164: str
    region: str

    def __str__(self) -> str:
        return self.e164


def parse(text: str, region: str | None = None) -> PhoneNumber:
    """Read a number as people write it.

    ``region`` (an ISO 3166 code such as SG) allows a national number. Raises InvalidInput, saying why
    and what the text was taken for, where no such number can exist (libphonenumber's metadata).
    """
    import phonenumbers

    if region is not None and region.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidInput(f"{region!r} is not a region.", hint="Give a two-letter country code, such as SG.")
    shown, cleaned = text.strip(), _plain(text)
    if not _LIKE_A_NUMBER.fullmatch(cleaned) or len(cleaned) > 40:
        raise InvalidInput(
            # Words with blanks are a message in the wrong place, and may be a secret.
            f"{quoted(shown) if len(shown.split()) < 2 else 'What was given'} is not a phone number.",
            hint="The number comes first, in international form such as +33199001234; "
            "the message comes second, in quotes.",
        )
    if not cleaned.startswith("+") and region is None:
        with_plus = "+" + "".join(c for c in cleaned if c.isdigit())
        raise InvalidInput(
            f"{quoted(shown)} has no + and country code.",
            hint=(f"If it has a country code: {with_plus}. " if _exists(with_plus) else "")
            + "For a national number, name its country, such as --region FR.",
        )
    try:
        number = phonenumbers.parse(cleaned, region.upper() if region else None)
    except phonenumbers.NumberParseException as error:
        reason = {
            phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "no country has that code",
            phonenumbers.NumberParseException.TOO_LONG: "it is too long",
        }.get(error.error_type, "it is too short")
        raise InvalidInput(
            f"{quoted(shown)} is not a phone number: {reason}.",
            hint="Check the country code and the number of digits.",
        ) from None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_valid_number(number):
        code = number.country_code or 0
        where = phonenumbers.region_code_for_country_code(code)
        place = f"country code +{code}" + (f" ({where})" if where.isalpha() else "")
        reason = {
            phonenumbers.ValidationResult.TOO_SHORT: "too short",
            phonenumbers.ValidationResult.TOO_LONG: "too long",
            phonenumbers.ValidationResult.INVALID_LENGTH: "of the wrong length",
            phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "without its area code",
        }.get(phonenumbers.is_possible_number_with_reason(number), "in no range of numbers")
        raise InvalidInput(
            f"{quoted(shown)} can't be called: taken for {e164}, it is {reason} in {place}.",
            hint="Check the country code and the digits; nothing was sent.",
        )
    return PhoneNumber(e164, phonenumbers.region_code_for_number(number) or "")


def looks_like_one(text: str) -> bool:
    """Whether a text has nothing in it but what people write numbers with, and enough digits for one."""
    cleaned = _plain(text)
    return _LIKE_A_NUMBER.fullmatch(cleaned) is not None and sum(map(str.isdigit, cleaned)) >= MIN_DIGITS


def is_international(text: str) -> bool:
    return _plain(text).startswith("+")


def _plain(text: str) -> str:
    """As a plain keyboard would write it."""
    shown = "".join(c for c in text.strip().translate(_DASHES) if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", shown)


def masked(text: str) -> str:
    """A text whose numbers can be recognised but not called: +65••••4567."""
    return _IN_TEXT.sub(lambda found: _masked(found[1] or found[3] or "", found[2] or found[4]), text)


@lru_cache(1_000)
def _masked(sign: str, digits: str) -> str:
    import phonenumbers

    code = 2
    with suppress(phonenumbers.NumberParseException):
        code = len(str(phonenumbers.parse(f"+{digits}").country_code or 10))
    return f"{sign}{digits[:code]}••••{digits[-4:]}"


def _exists(e164: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return False
