"""Whether the store can be read and written, and locked."""

from voicecli.checks.finding import Finding, failed, ok
from voicecli.errors import ConfigurationError, VoicecliError
from voicecli.store.location import StorePlace
from voicecli.store.opening import open_store


def check_store(place: StorePlace) -> Finding:
    """Reads the whole file, and tries whether locks work beside it."""
    try:
        with open_store(place) as store:
            store.require_locks()
            if trouble := store.find_damage():
                hint = "Move the file away, and a new one is made. First try: voicecli webhooks restore"
                raise ConfigurationError(f"The store {store.name} is damaged: {trouble}.", hint=hint)
            size = store.size() / 1e6
    except VoicecliError as error:
        return failed("store", error)
    return ok("store", f"It can be read and written; its size is {size:.1f} MB.")
