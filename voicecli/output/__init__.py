"""The one place that prints. A command hands its result over; the format decides what is shown."""

from voicecli.output.formats import FORMATS, Output
from voicecli.output.rows import Column, TableRow

__all__ = ["FORMATS", "Column", "Output", "TableRow"]
