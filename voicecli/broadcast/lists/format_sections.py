"""The code of a number format of a spreadsheet, cut into its parts (ECMA-376, part 1, 18.8.31)."""

import re
from typing import NamedTuple

from voicecli.broadcast.lists.sheet_cells import CellKind

EXACT = 10**15  # Excel keeps 15 digits
_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)" | \\(?P<escaped>.) | (?P<blank>_.) | (?P<fill>\*.)
    | \[\$(?P<currency>[^\]-]*)(?:-(?P<locale>[^\]]*))?\]
    | (?P<colour>\[(?:black|blue|cyan|green|magenta|red|white|yellow|color\ ?\d+)\])
    | \[(?P<condition>(?:<=|>=|<>|<|>|=)-?\d+(?:\.\d+)?)\]
    | \[(?P<elapsed>h+|m+|s+)\] | (?P<half>AM/PM) | (?P<general>General)
    | (?P<date>y+|m+|d+|h+|s+) | (?P<exponent>E[+-]?0+) | (?P<digit>[0\#?]) | (?P<mark>[.,]) | (?P<text>@)
    | (?P<next>;) | (?P<slash>/) | (?P<literal>[ $\-+():!^&'~{}<>=%]|[^\x00-\x7f])
    """,
    re.VERBOSE | re.IGNORECASE,
)


class Shown(NamedTuple):
    """``kind`` is None for a text without anything special. With ``is_repaired``, Excel shows less of the
    number than there is: 3.32E+10 or #####."""

    text: str
    kind: CellKind | None = None
    is_repaired: bool = False


class Token(NamedTuple):
    kind: str
    text: str


def read_sections(code: str) -> list[list[Token]] | None:
    """Those for positive numbers, negative ones, and zero, as far as there are several, or for those of their
    conditions; None for what can't be read."""
    sections: list[list[Token]] = [[]]
    end = 0
    for found in _TOKEN.finditer(code):
        if found.start() != end:
            return None
        end = found.end()
        match kind := found.lastgroup or "":
            case "next":
                sections.append([])
            case "quoted" | "escaped" | "literal":
                sections[-1].append(Token("literal", found[kind]))
            case "blank":
                sections[-1].append(Token("literal", " "))
            case "currency" | "locale":
                sections[-1].append(Token("literal", found["currency"]))
                sections[-1].append(Token("locale", (found["locale"] or "").upper()))
            case "fill" | "colour":
                pass
            case _:
                sections[-1].append(Token(kind, found[kind]))
    if len(sections) > 1 and any(token.kind == "text" for token in sections[-1]):
        sections.pop()  # for texts
    return sections[:3] if end == len(code) else None


def plain(text: str) -> str:
    """Without the blanks that only align numbers in a column."""
    return " ".join(text.split())
