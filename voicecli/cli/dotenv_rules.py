"""What the ``.env`` of a folder may not do, which may have come with somebody else's folder."""

from collections.abc import Sequence

from voicecli.errors import ConfigurationError
from voicecli.setting_table import BY_NAME
from voicecli.settings import Settings

_TUNNEL = ("webhook_base_url", "ngrok_token")


def refuse_tunnel_of_others(settings: Settings) -> None:
    """Raises ConfigurationError where the token would pass through a tunnel that ``.env`` sets, and ``.env``
    has not that token: the owner of the tunnel's ngrok account can read it."""
    words = "could make WEBHOOK_AUTH_TOKEN of {} known to others"
    _refuse_from_folder(settings, _TUNNEL, "webhook_token", words)


def refuse_calls_of_others(settings: Settings, *, has_tunnel: bool) -> None:
    """Raises ConfigurationError where calls would be placed with a key that ``.env`` does not have, for those
    who know the token from ``.env``, or from the tunnel that it sets."""
    names = ("webhook_token", *_TUNNEL) if has_tunnel else ("webhook_token",)
    _refuse_from_folder(settings, names, "api_key", "would let others place calls with the API key of {}")


def refuse_store_of_others(settings: Settings) -> None:
    """Raises ConfigurationError where ``.env`` sets the team's database, and lacks the keys used with
    it: whoever has that database learns who is called, and can keep calls from being placed."""
    words = "is not the database that the team's key of {} is for"
    _refuse_from_folder(settings, ("store",), "store_key", words)
    words = "would tell another database of the calls that the API key of {} places"
    _refuse_from_folder(settings, ("store",), "api_key", words)


def _refuse_from_folder(settings: Settings, names: Sequence[str], secret: str, words: str) -> None:
    """``words`` say what those settings of ``.env`` do to the secret; {} in them is where it is set."""
    found = settings.found(secret)
    variables = [BY_NAME[name].variable for name in names if settings.only_folder_sets(name, not_its=secret)]
    if found is not None and variables:
        theirs = " and ".join(variables)
        raise ConfigurationError(
            f"{theirs} in .env, which may be somebody else's, {words.format(found.place)}.",
            hint=f"Move {theirs} from .env to {found.place}, or set {BY_NAME[secret].variable} in .env only.",
        )
