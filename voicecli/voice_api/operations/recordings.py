"""Recordings, and where 8x8 pushes them ("Recordings")."""

from urllib.parse import quote

from voicecli.json_values import Json
from voicecli.voice_api.wire import Operation, required_objects


def get_recording_push_config() -> Operation[Json]:
    """Where recordings go; the answer says ``passwordSet``, never the password."""
    return Operation("recording push config", "GET", "/recording-push-config", dict)


def set_recording_push_config(
    *, protocol: str, host: str, port: int, username: str, password: str, path: str
) -> Operation[Json]:
    """``protocol`` is S3 (with the region as ``host``) or SFTP."""
    body = {
        "protocol": protocol,
        "host": host,
        "port": port,
        "username": username,
        "password": password,
        "path": path,
    }
    return Operation(
        "set recording push config",
        "POST",
        "/recording-push-config",
        dict,
        body=body,
        changes=True,
        private=(password,),
    )


def delete_recording_push_config() -> Operation[Json]:
    """Stop sending recordings. Refused (404) where nothing was set."""
    return Operation("delete recording push config", "DELETE", "/recording-push-config", dict, changes=True)


def list_recordings(session_id: str) -> Operation[tuple[Json, ...]]:
    """The recordings of a session; ``duration`` is in seconds, ``status`` for example UPLOAD_COMPLETED."""
    path = f"/recordings/{quote(session_id, safe='')}"
    return Operation("recordings", "GET", path, lambda d: required_objects(d, "recordings"))
