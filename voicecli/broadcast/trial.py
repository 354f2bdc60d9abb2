"""A trial of a broadcast: one call to a number of one's own, which hears what the first person would."""

from uuid import uuid4

from voicecli.broadcast.begin import Prepared
from voicecli.errors import InvalidInput
from voicecli.phone import PhoneNumber
from voicecli.store.contacts import TRIAL
from voicecli.voice_api.callflow import CallRequest, destinations


def trial_request(prepared: Prepared, number: PhoneNumber) -> CallRequest:
    """The request for the first row, to this number. Raises InvalidInput where there is no row, and where
    somebody else would be called, too."""
    if (first := prepared.first) is None:
        raise InvalidInput("No row of this list is left to call.", hint="--dry-run says why.")
    row = first._replace(destination=number.e164)
    request = prepared.plan.request(row, f"{TRIAL}{uuid4()}")
    others = [other for other in destinations(request.callflow) if other != number.e164]
    if others:
        raise InvalidInput(
            f"The callflow would call {', '.join(others)}, too: nobody was called.",
            hint="--try-on is for callflows that call nobody else.",
        )
    return request
