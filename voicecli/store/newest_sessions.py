"""The sessions that were heard of last, for completion, which has no time to read their events."""

from voicecli.store.engine import Store

EVENTS_OF_A_CALL = 10  # as a rule, at most


def newest_sessions(store: Store, most: int) -> dict[str, str]:
    """The ids of the newest sessions, newest first, at most so many; with the number and the outcome of those
    that were placed from here."""
    calls = store.rows(
        "SELECT placed, session, destination, outcome FROM calls WHERE session IS NOT NULL"
        " ORDER BY placed DESC LIMIT ?",
        (most,),
    )
    found = {session: (placed, f"{to} {outcome or ''}".rstrip()) for placed, session, to, outcome in calls}
    events = store.rows(
        "SELECT received, session FROM events WHERE session != '' ORDER BY received DESC LIMIT ?",
        (most * EVENTS_OF_A_CALL,),
    )
    for received, session in events:
        found.setdefault(session, (received, ""))
    newest = sorted(found, key=lambda session: found[session][0], reverse=True)
    return {session: found[session][1] for session in newest[:most]}
