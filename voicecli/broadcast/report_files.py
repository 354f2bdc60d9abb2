"""The report on a broadcast as files: a page, and its people as CSV where they are too many for a page."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from voicecli.broadcast.report import Person, Report, people
from voicecli.broadcast.report_reading import read_report
from voicecli.broadcast.results import Results
from voicecli.output import report_page
from voicecli.output.table_files import Value, csv_pieces
from voicecli.store import unsubscribed
from voicecli.voice_api import codes


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What is written of one report. ``columns`` are those of the list that are shown,
    ``unsubscribed`` says who has unsubscribed (E.164), and ``mask`` hides numbers."""

    report: Report
    results: Results
    unsubscribed: Collection[str]
    columns: Sequence[str]
    mask: Callable[[str], str]

    @classmethod
    def read(
        cls, results: Results, columns: Sequence[str], *, text: str | None, mask: Callable[[str], str]
    ) -> "ReportFiles":
        """Raises StoreFailed."""
        report = read_report(results, text=text)
        return cls(report, results, unsubscribed.numbers(results.store), columns, mask)

    @property
    def needs_people_file(self) -> bool:
        """Whether the page has no room for all people."""
        return self.report.people > report_page.MAX_PEOPLE

    def page(self, *, with_people: bool, people_file: str) -> Iterator[bytes]:
        """The page; ``people_file`` is the name of the file beside it that has all people."""
        to_reach = (person for person in self._people() if person.is_to_be_reached)
        values = {
            "report": self.report,
            "columns": self.columns,
            "with_people": with_people,
            "people": islice(self._people(), report_page.MAX_PEOPLE),
            "to_reach": islice(to_reach, report_page.MAX_PEOPLE),
            "people_file": people_file,
            "completed_means": codes.COMPLETED_MEANS,
        }
        return report_page.pieces("report.html", values)

    def people_csv(self) -> Iterator[bytes]:
        """All people as CSV."""
        return csv_pieces(self._table())

    def _people(self) -> Iterator[Person]:
        keys = self.results.keys
        return people(self.results, keys, self.columns, self.unsubscribed, self.mask)

    def _table(self) -> Iterator[Sequence[Value]]:
        yield (*self.columns, "number", "outcome", "why", "answer", "calls", "reached", "still to be reached")
        for person in self._people():
            flags = ("yes" if flag else "no" for flag in (person.is_reached, person.is_to_be_reached))
            yield (
                *person.values,
                *(person.number, person.outcome, person.why, person.result, person.calls),
                *flags,
            )
