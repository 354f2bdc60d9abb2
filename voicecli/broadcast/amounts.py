"""Numbers with decimals, and dates, in the form that the language of a voice reads."""

_DECIMAL_COMMA = frozenset(
    "af az be bg bs ca cs da de el es et eu fi fr gl hr hu hy id is it ka kk lt lv mk nb nl nn no pl pt ro "
    "ru sk sl sq sr sv tr uk uz vi".split()
)  # by language (Unicode CLDR); below, the regions that differ
_DECIMAL_POINT = frozenset(
    "de-ch de-li it-ch es-do es-gt es-hn es-mx es-ni es-pa es-pe es-pr es-sv es-us".split()
)

_DATE_MARKS = {
    **dict.fromkeys(
        "az be bg bs cs da de et fi hr hu hy is ka kk lv mk nb nn no pl ro ru sk sl sq sr tr uk".split(), "."
    ),
    **dict.fromkeys("lt nl sv".split(), "-"),
    "fr-ch": ".",
    "it-ch": ".",
    "fr-ca": "-",
    "nl-be": "/",
}  # by language, or by language and region, where it is no slash (Unicode CLDR)


def for_voice(amount: str, voice: str) -> str:
    """An amount such as 1,250.00, as a workbook has it, for this voice: 1250,00 for de-DE-…. Excel shows the
    marks of the computer's region, which its files don't tell."""
    language, with_region = _languages(voice)
    if language not in _DECIMAL_COMMA or with_region in _DECIMAL_POINT:
        return amount
    return amount.replace(",", "").replace(".", ",")


def date_mark(voice: str) -> str:
    """What stands between day, month and year in the language of a voice, or in one such as de or de-DE."""
    language, with_region = _languages(voice)
    return _DATE_MARKS.get(with_region) or _DATE_MARKS.get(language, "/")


def _languages(voice: str) -> tuple[str, str]:
    """The language alone, and with its region."""
    parts = voice.lower().split("-")
    return parts[0], "-".join(parts[:2])
