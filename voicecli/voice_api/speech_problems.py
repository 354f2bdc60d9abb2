"""What a voice reads as rubbish, or 8x8 refuses (-1016): emoji, addresses, markup, invisible characters.

Nothing is changed. A text may be a secret: what is told names single characters, and shows nothing else.
"""

import re
from collections.abc import Iterable
from functools import cache

MOST_NAMED = 5
ADVICE = "A voice may read that aloud as rubbish or fall silent, and 8x8 refuses some of it (-1016)."
_PICTURE = (
    r"[\u2022\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\u3030\u303d\ufffd\U0001f000-\U0001faff]"
)
_INVISIBLE = (  # control and format characters, fillers, variation selectors, private use
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u2800\u3164\ue000-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    r"\U000e0000-\U0010ffff]"
)
_COUNTRIES = (  # whose addresses people write without www
    "ae|at|au|be|br|ca|ch|cn|co|cz|de|dk|es|fi|fr|gr|hk|hu|id|ie|il|in|it|jp|kr|me|mx|my|nl|nz|ph|pl|pt|ro"
    "|ru|sa|se|sg|th|tr|tw|ua|uk|us|vn|za"
)
_FIRST_EMOJI = "\u2600"
_WORD = re.compile(r"[^\W_\u115f\u1160\u3164\uffa0]")  # fillers of Hangul are letters without a shape


def has_words(text: str) -> bool:
    """Whether anything of it can be spoken: a letter or a digit."""
    return _WORD.search(text) is not None


def speech_problems(text: str) -> list[str]:
    """Each kind and character once, such as "a web or e-mail address", "Markdown", "emoji bell (U+1F514)"."""
    suspect, dotted = _suspects()  # most texts have none, and these are quicker than the search for each kind
    if not (suspect.search(text) or "://" in text or dotted.search(text)):
        return []
    found = (_describe(match.lastgroup, match[0]) for match in _kinds().finditer(text) if match.lastgroup)
    return list(dict.fromkeys(found))


def in_words(problems: Iterable[str]) -> str:
    """The first of them, and how many more."""
    known = list(problems)
    more = [f"and {len(known) - MOST_NAMED} more"] if len(known) > MOST_NAMED else []
    return ", ".join((*known[:MOST_NAMED], *more))


@cache
def _suspects() -> tuple[re.Pattern[str], re.Pattern[str]]:
    marks = rf"[&<>{{\\@*_`~#\]\u20e3{_PICTURE[1:-1]}{_INVISIBLE[1:-1]}]"
    return re.compile(marks), re.compile(r"\.[A-Za-z]")


@cache
def _kinds() -> re.Pattern[str]:
    return re.compile(
        r"(?<=[\u0600-\u109f\u1780-\u17ff\ua800-\uabff])[\u200c\u200d]"  # as Arabic and Indic words have them
        r"|(?P<address>(?i:://|www\.\w|\w@\w|\w\.(?:com|org|net|info|io|eu)\b)\S*"
        rf"|(?:[a-z0-9-]{{2}}\.(?:{_COUNTRIES})\b|\w\.[a-z]{{2,}}/\w)\S*)"
        r"|(?P<html></?[A-Za-z][^<>]*>|<!--|&(?:[A-Za-z]\w+|#\d+|#[xX][0-9A-Fa-f]+);)"
        r"|(?P<markdown>\*\*|__|~~|`|\]\(|(?m:^(?:#{1,6}|\*) )|(?<!\w)(?:\*\w[^*\n]*\*|_\w[^_\n]*_)(?!\w))"
        r"|(?P<character>[&<>{\\])"
        rf"|(?P<picture>[0-9#*]\ufe0f?\u20e3|{_PICTURE}(?:[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]|\u200d{_PICTURE})*)"
        rf"|(?P<invisible>{_INVISIBLE})"
    )


def _describe(kind: str, found: str) -> str:
    match kind:
        case "address":
            return "a web or e-mail address"
        case "html":
            return "HTML"
        case "markdown":
            return "Markdown"
        case "character":
            return f"the character {found}"
        case "invisible":
            return f"invisible {_name(found)}"
        case _:
            return f"{'emoji' if found[0] >= _FIRST_EMOJI else 'symbol'} {_name(found)}"


def _name(found: str) -> str:
    import unicodedata

    character = found[-1] if found[0].isascii() and len(found) > 1 else found[0]  # a digit in a keycap: that
    code = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "").lower()
    return f"{name} ({code})" if name else code
