"""Phone numbers in E.164, the only form 8x8 takes: ``+`` country code, then the subscriber's number."""

import re
import unicodedata
from dataclasses import dataclass

from voicecli.errors import InvalidInput

_LIKE_A_NUMBER = re.compile(r"\+?[\d\s().\-/]+", re.ASCII)
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
    shown = text.strip()
    cleaned = "".join(c for c in shown.translate(_DASHES) if unicodedata.category(c) != "Cf")
    cleaned = unicodedata.normalize("NFKC", cleaned)
    if not _LIKE_A_NUMBER.fullmatch(cleaned) or len(cleaned) > 40:
        raise InvalidInput(
            f"{_short(shown)!r} is not a phone number.",
            hint="Write it in international form, such as +33199001234.",
        )
    if not cleaned.startswith("+") and region is None:
        raise InvalidInput(
            f"{_short(shown)!r} has no country code.",
            hint=f"Write it in international form, +{_digits(cleaned).lstrip('0')} if that is what it is, "
            "or say whose national number it is: --region SG.",
        )
    try:
        number = phonenumbers.parse(cleaned, region.upper() if region else None)
    except phonenumbers.NumberParseException as error:
        reason = {
            phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "no country has that code",
            phonenumbers.NumberParseException.TOO_LONG: "it is too long",
        }.get(error.error_type, "it is too short")
        raise InvalidInput(
            f"{_short(shown)!r} is not a phone number: {reason}.",
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
            f"{_short(shown)!r} can't be called: taken for {e164}, it is {reason} in {place}.",
            hint="Check the country code and the digits; nothing was sent.",
        )
    return PhoneNumber(e164, phonenumbers.region_code_for_number(number) or "")


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
