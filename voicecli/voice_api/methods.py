"""The 14 operations of the Voice API as methods, for whoever can send an operation."""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import TypeVar

from voicecli.json_values import Json
from voicecli.voice_api.callflow import CallRequest
from voicecli.voice_api.operations import logs, numbers, recordings, voices, webhooks
from voicecli.voice_api.operations.calls import Session, send_callflow
from voicecli.voice_api.operations.logs import LogExport
from voicecli.voice_api.operations.webhooks import Webhook
from voicecli.voice_api.wire import Operation

T = TypeVar("T")


class Operations(ABC):
    """What can be asked of a subaccount. Every method raises what ``send`` raises."""

    @abstractmethod
    def send(self, operation: Operation[T]) -> T:
        """Carry out an operation."""

    def call(self, request: CallRequest) -> Session:
        """Place a call (8x8's page "Send Callflow"). The session says that 8x8 accepted it, no more.

        Raises Refused, RateLimited or Unreachable, where no call was placed, and OutcomeUnknown, where one
        may have been.
        """
        return self.send(send_callflow(request))

    def list_speech_profiles(self) -> tuple[Json, ...]:
        """The voices, with 8x8's fields: speechProfileCode, localeCode, localeDescription, gender."""
        return self.send(voices.list_speech_profiles())

    def list_webhooks(self) -> tuple[Webhook, ...]:
        """Where each type of event is reported to; a type that was never set is not there."""
        return self.send(webhooks.list_webhooks())

    def set_webhook(
        self,
        type: str,  # noqa: A002
        url: str,
        *,
        authorization: str | None = None,
        enabled: bool = True,
    ) -> tuple[Webhook, ...]:
        """Report one type of event to ``url``, in place of where it went; the result is all that is set."""
        return self.send(webhooks.set_webhook(type, url, authorization=authorization, enabled=enabled))

    def delete_webhook(self, type: str) -> Json:  # noqa: A002
        """Stop reporting one type of event. Refused (404) where it was not set."""
        return self.send(webhooks.delete_webhook(type))

    def get_recording_push_config(self) -> Json:
        """Where recordings go. Refused (404) where nothing was set."""
        return self.send(recordings.get_recording_push_config())

    def set_recording_push_config(
        self, *, protocol: str, host: str, port: int, username: str, password: str, path: str
    ) -> Json:
        """Send recordings to an SFTP server, or to S3 (with the region as ``host``)."""
        return self.send(
            recordings.set_recording_push_config(
                protocol=protocol, host=host, port=port, username=username, password=password, path=path
            )
        )

    def delete_recording_push_config(self) -> Json:
        """Stop sending recordings. Refused (404) where nothing was set."""
        return self.send(recordings.delete_recording_push_config())

    def list_recordings(self, session_id: str) -> tuple[Json, ...]:
        """The recordings of a session, with 8x8's fields; ``duration`` is in seconds."""
        return self.send(recordings.list_recordings(session_id))

    def list_numbers(self) -> tuple[Json, ...]:
        """The subaccount's virtual numbers and their health, with 8x8's fields."""
        return self.send(numbers.list_numbers())

    def check_number(self, number: str) -> Json:
        """One virtual number. Refused (404) for one that is not the subaccount's."""
        return self.send(numbers.check_number(number))

    def start_log_export(
        self, *, since: datetime | None = None, until: datetime | None = None, limit: int = 0
    ) -> str:
        """Start collecting the log of calls; the result is the job's id. ``limit`` 0 means all."""
        return self.send(logs.start_log_export(since=since, until=until, limit=limit))

    def get_log_export(self, job_id: str) -> LogExport:
        """How a job stands, and when it has succeeded, the links to its files."""
        return self.send(logs.get_log_export(job_id))

    def cancel_log_export(self, job_id: str) -> None:
        """Stop a job. Refused (404) for a job that there is not."""
        self.send(logs.cancel_log_export(job_id))
