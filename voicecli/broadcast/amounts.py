"""Numbers with decimals, in the form that the language of a voice reads."""

_DECIMAL_COMMA = frozenset(
    "af az be bg bs ca cs da de el es et eu fi fr gl hr hu hy id is it ka kk lt lv mk nb nl nn no pl pt ro "
    "ru sk sl sq sr sv tr uk uz vi".split()
)  # by language (Unicode CLDR); below, the regions that differ
_DECIMAL_POINT = frozenset(
    "de-ch de-li it-ch es-do es-gt es-hn es-mx es-ni es-pa es-pe es-pr es-sv es-us".split()
)


def for_voice(amount: str, voice: str) -> str:
    """An amount such as 1,250.00, as a workbook has it, for this voice: 1250,00 for de-DE-…. Excel shows the
    marks of the computer's region, which its files don't tell."""
    language, _, rest = voice.lower().partition("-")
    if language not in _DECIMAL_COMMA or f"{language}-{rest.partition('-')[0]}" in _DECIMAL_POINT:
        return amount
    return amount.replace(",", "").replace(".", ",")
