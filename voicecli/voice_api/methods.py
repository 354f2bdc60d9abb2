"""The 14 operations of the Voice API as methods of a client."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from voicecli.voice_api.operations import calls, logs, numbers, recordings, voices, webhooks
from voicecli.voice_api.wire import Operation

P = ParamSpec("P")
T = TypeVar("T")


def _method(make: Callable[P, Operation[T]]) -> "Callable[Concatenate[Operations, P], T]":
    """The method that makes an operation and sends it."""

    def method(self: "Operations", /, *arguments: P.args, **options: P.kwargs) -> T:
        return self.send(make(*arguments, **options))

    method.__name__, method.__doc__ = make.__name__, make.__doc__
    return method


class Operations(ABC):
    """What can be asked of a subaccount. Each method takes what the operation's function takes, and raises
    what ``send`` raises: for ``call``, Refused, RateLimited or Unreachable mean that no call was placed, and
    OutcomeUnknown that one may have been."""

    @abstractmethod
    def send(self, operation: Operation[T]) -> T:
        """Carry out an operation."""

    call = _method(calls.send_callflow)
    list_speech_profiles = _method(voices.list_speech_profiles)
    list_webhooks = _method(webhooks.list_webhooks)
    set_webhook = _method(webhooks.set_webhook)
    delete_webhook = _method(webhooks.delete_webhook)
    get_recording_push_config = _method(recordings.get_recording_push_config)
    set_recording_push_config = _method(recordings.set_recording_push_config)
    delete_recording_push_config = _method(recordings.delete_recording_push_config)
    list_recordings = _method(recordings.list_recordings)
    list_numbers = _method(numbers.list_numbers)
    check_number = _method(numbers.check_number)
    start_log_export = _method(logs.start_log_export)
    get_log_export = _method(logs.get_log_export)
    cancel_log_export = _method(logs.cancel_log_export)
