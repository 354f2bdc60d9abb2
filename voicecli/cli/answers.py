"""Fields of 8x8's answers as table cells, and what a 404 means."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from voicecli.errors import Refused
from voicecli.json_values import Json
from voicecli.output import Column
from voicecli.voice_api.operations.webhooks import list_webhooks
from voicecli.voice_api.wire import Operation

if TYPE_CHECKING:
    from voicecli.voice_api.client import Client

T = TypeVar("T")
WIDEST = 40  # characters of a column that is as wide as what is in it


def field(item: Json, name: str) -> str:
    """A field as text: empty if it is missing, or not a single value."""
    match item.get(name):
        case str(text):
            return text
        case bool(value):
            return "yes" if value else "no"
        case int() | float() as value:
            return f"{value}"
        case _:
            return ""


def msisdn(item: Json) -> str:
    """The number in an answer, with its plus; 8x8 writes some without."""
    number = field(item, "msisdn")
    return f"+{number}" if number.isdecimal() else number


def column(name: str, texts: Iterable[str]) -> Column:
    """A column that is wide enough for these texts."""
    return Column(name, min(WIDEST, max(map(len, (name, *texts)))))


def ask(client: "Client", operation: Operation[T]) -> T | None:
    """The answer, or None where there is no such thing in the subaccount. The same refusal can mean that
    there is no such subaccount: then another question is refused, too, and that is raised."""
    try:
        return client.send(operation)
    except Refused as error:
        if not error.is_missing:
            raise
    client.send(list_webhooks())
    return None
