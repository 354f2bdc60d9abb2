"""The run of a command that places calls and waits for them: its lease is renewed while the process lives."""

import threading
from contextlib import suppress
from pathlib import Path

from voicecli.errors import VoicecliError
from voicecli.store import runs
from voicecli.store.sqlite import Store


class RunLease:
    """A run that has begun in the store, under this number there; ``end`` it. ``joint`` is whether its calls
    are one alert, which any of them may settle, and are claimed by it."""

    def __init__(self, home: Path, number: int, *, joint: bool) -> None:
        self.number = number
        self.joint = joint
        self._home = home
        self._over = threading.Event()
        self._renewing = threading.Thread(target=self._renew, daemon=True)
        self._renewing.start()

    def end(self) -> None:
        """The run holds no guard any more; only its calls do, by how they ended. Where that can't be written,
        once its lease is over."""
        if not self._over.is_set():
            self._over.set()
            self._renewing.join(runs.RENEWAL_TAKES)
            with suppress(VoicecliError), Store(self._home) as store:
                runs.end_run(store, self.number)

    def _renew(self) -> None:
        while not self._over.wait(runs.RENEW_EVERY):
            with suppress(VoicecliError), Store(self._home) as store:
                while not self._over.is_set():
                    runs.renew_lease(store, self.number)
                    self._over.wait(runs.RENEW_EVERY)
