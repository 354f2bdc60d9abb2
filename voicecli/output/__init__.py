"""The one place that prints. A command hands its result over; the format decides what is shown."""

from voicecli.output.for_people import Output
from voicecli.output.formats import FORMATS
from voicecli.output.rows import Column, TableRow

__all__ = ["FORMATS", "Column", "Output", "TableRow"]
