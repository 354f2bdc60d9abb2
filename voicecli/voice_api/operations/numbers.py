"""Virtual numbers of an account ("Numbers")."""

from urllib.parse import quote

from voicecli.json_values import Json
from voicecli.voice_api.wire import Operation, required_objects


def list_numbers() -> Operation[tuple[Json, ...]]:
    """The subaccount's virtual numbers with their health."""
    return Operation("virtual numbers", "GET", "/numbers", lambda d: required_objects(d, "numbers"))


def check_number(number: str) -> Operation[Json]:
    """One virtual number: referenceId, msisdn, countryCode. Refused (404) for one of somebody else's."""

    def payload(document: Json) -> Json:
        value = document["payload"]
        if not isinstance(value, dict):
            raise TypeError("payload")
        return value

    return Operation("check number", "GET", f"/numbers/{quote(number.lstrip('+'), safe='')}", payload)
