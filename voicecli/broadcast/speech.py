"""What the texts of a list have that no voice speaks well (``voice_api.speech_problems``)."""

from typing import NamedTuple

from voicecli import interrupts
from voicecli.broadcast.plan import Plan
from voicecli.broadcast.validation import ValidatedList
from voicecli.plurals import counted
from voicecli.voice_api import speech_problems as speech

MOST_LINES = 20


class SpeechProblems(NamedTuple):
    """In how many rows, the lines of the first of them, and what: each kind and character once."""

    rows: int
    lines: tuple[int, ...]
    problems: tuple[str, ...]

    def in_words(self, unit: str) -> str:
        """A sentence for people, with the first three lines, or what ``Recipients.unit`` calls them."""
        first, more = self.lines[:3], self.rows - 3
        lines = ", ".join(map(str, first)) + (f" and {more:,} more" if more > 0 else "")
        texts = counted(self.rows, "text")
        where = f"{texts} ({unit if self.rows == 1 else f'{unit}s'} {lines})"
        return f"{where} with {speech.in_words(self.problems)}. {speech.ADVICE}"


def find_speech_problems(plan: Plan, validated: ValidatedList) -> SpeechProblems:
    """Looks at the text of each row that is called: a second for some 50,000 rows."""
    rows, lines, problems = 0, list[int](), dict[str, None]()
    planned = iter(validated.lines)
    line = next(planned, None)
    for record in plan.recipients:
        interrupts.check()
        if record.line != line:
            continue
        line = next(planned, None)
        if found := [problem for text in plan.texts(record) for problem in speech.speech_problems(text)]:
            rows += 1
            problems |= dict.fromkeys(found)
            if rows <= MOST_LINES:
                lines.append(record.line)
    return SpeechProblems(rows, tuple(lines), tuple(problems))
