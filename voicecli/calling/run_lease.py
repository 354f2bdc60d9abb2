"""Renews the lease of a run in the store while its process lives."""

import threading
from contextlib import suppress

from voicecli.errors import VoicecliError
from voicecli.store import runs
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_guarded


class RunLease:
    """For the run with this number in the store, until ``end``. ``joint``: its calls are one alert, which it
    has claimed."""

    def __init__(self, place: StorePlace, number: int, *, joint: bool) -> None:
        self.number = number
        self.joint = joint
        self._place = place
        self._over = threading.Event()
        self._renewing = threading.Thread(target=self._renew, daemon=True)
        self._renewing.start()

    def end(self) -> None:
        """End the run: from then on only its calls hold guards, by how they ended. If that can't be written,
        once the lease has expired."""
        if not self._over.is_set():
            self._over.set()
            self._renewing.join(runs.RENEWAL_TAKES)
            with suppress(VoicecliError), open_guarded(self._place) as store:
                runs.end_run(store, self.number)

    def _renew(self) -> None:
        while not self._over.wait(runs.RENEW_EVERY):
            with suppress(VoicecliError), open_guarded(self._place) as store:
                runs.renew_lease(store, self.number)
