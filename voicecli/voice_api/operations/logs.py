"""The log of calls, exported ("Logs export")."""

from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from voicecli.json_values import Json
from voicecli.voice_api.wire import Operation, required_text


class LogExport(NamedTuple):
    """``status``: queued, running, succeeded, failed, cancelled, empty or error; ``links`` lead to CSVs."""

    status: str
    links: tuple[str, ...]


def start_log_export(
    *, since: datetime | None = None, until: datetime | None = None, limit: int = 0
) -> Operation[str]:
    """Start collecting the log of calls; the result is the job's id. ``limit`` 0 means all."""
    body: dict[str, object] = {"limit": limit}
    for name, moment in (("from", since), ("to", until)):
        if moment is not None:
            body[name] = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Operation(
        "start log export",
        "POST",
        "/messages/exports",
        lambda d: required_text(d, "jobId"),
        body=body,
        changes=True,
    )


def get_log_export(job_id: str) -> Operation[LogExport]:
    """How a job stands. Refused (404) for a job that there is not."""

    def export(document: Json) -> LogExport:
        links = document.get("data") or []
        if not isinstance(links, list) or not all(isinstance(link, str) for link in links):
            raise TypeError("data")
        return LogExport(required_text(document, "status"), tuple(links))

    return Operation("log export", "GET", f"/messages/exports/{quote(job_id, safe='')}", export)


def cancel_log_export(job_id: str) -> Operation[None]:
    """Stop a job. Refused (404) for a job that there is not."""
    path = f"/messages/exports/{quote(job_id, safe='')}"
    return Operation("cancel log export", "DELETE", path, lambda _document: None, changes=True)
