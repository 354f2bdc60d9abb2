"""Machines of a team for commands of it: each has a folder of its own, and a connection to the database that
can be cut."""

import base64
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
from conftest import RunningSandbox
from postgresql_server import SOCKET
from shared_postgresql import KEY

from voicecli.store.location import StorePlace


class Machine:
    """``place`` is its store, ``env`` the variables of its commands. ``folder`` is its own, ``cable`` one
    with a short name, as a socket needs it."""

    def __init__(
        self, team: StorePlace, folder: Path, cable: Path, sandbox: RunningSandbox | None = None
    ) -> None:
        self._url = str(team.url)
        self._socket = Path(parse_qs(urlsplit(self._url).query)["host"][0]) / SOCKET
        self._cable = cable / SOCKET
        self._cable.symlink_to(self._socket)
        url = self._url.replace(str(self._socket.parent), str(cable))
        self.place = StorePlace(folder, url, KEY)
        self.env: Mapping[str, str] = {
            **({} if sandbox is None else sandbox.environment),
            "VOICECLI_HOME": str(folder),
            "VOICECLI_STORE": url,
            "VOICECLI_STORE_KEY": base64.urlsafe_b64encode(KEY).decode().rstrip("="),
        }

    def cut_off(self) -> None:
        """The database is away for this machine: also what is connected, of all machines."""
        self._cable.unlink(missing_ok=True)
        self.break_connections()

    def come_back(self) -> None:
        with suppress(FileExistsError):
            self._cable.symlink_to(self._socket)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Inside, the database is."""
        self.cut_off()
        yield
        self.come_back()

    def break_connections(self) -> None:
        """All that anybody has to this database."""
        with psycopg.connect(self._url, autocommit=True) as db:
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid != pg_backend_pid()"
            )

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Inside, nothing that is connected to the database now gets an answer, and nobody can connect."""
        query = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid()"
        )
        with psycopg.connect(self._url, autocommit=True) as db:
            processes = [pid for (pid,) in db.execute(query)]
        self._cable.unlink()
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)
            self.come_back()
