"""What settings there are, and what their values must be."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from voicecli import account, team_store, urls
from voicecli.account import DEFAULT_VOICE
from voicecli.at_most import AtMost
from voicecli.errors import InvalidInput
from voicecli.phone import caller_id, is_msisdn
from voicecli.spelling import nearest

MIN_TOKEN = 8  # characters
NEAR = 0.83  # similarity from which a variable is taken for another one
SHORTEST = 8  # characters of a name that can be near to another: PORTS is an application's own
_HOST = re.compile(r"(https?://)?[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s?#]*)?", re.ASCII)


class Setting(NamedTuple):
    """One setting: its variable, its flag where a command has one, and what to tell who lacks it."""

    name: str
    variable: str
    what: str
    where: str
    flag: str | None = None
    default: str | None = None
    secret: bool = False
    folder_yields: bool = False  # whether a folder's .env sets it only where nothing else does

    @property
    def file_variable(self) -> str:
        """For a secret: the variable that names a file which has it, as Docker and systemd keep secrets."""
        return f"{self.variable}_FILE"


SETTINGS = (
    Setting(
        "api_key",
        "EIGHT_X_EIGHT_API_KEY",
        what="the API key",
        where="made in 8x8 Connect under API keys",
        secret=True,
    ),
    Setting(
        "subaccount_id",
        "EIGHT_X_EIGHT_SUBACCOUNT_ID",
        what="the Voice subaccount",
        where="shown in 8x8 Connect under Subaccounts",
    ),
    Setting(
        "source",
        "OUTBOUND_PHONE_NUMBER",
        what="the caller ID",
        where="one of your numbers in 8x8 Connect, or one whitelisted by 8x8",
        flag="--from",
    ),
    Setting(
        "voice_profile",
        "VOICE_PROFILE",
        what="the voice",
        where="listed on 8x8's page 'Speech profiles'",
        flag="--voice",
        default=DEFAULT_VOICE,
    ),
    Setting(
        "at_most",
        "VOICECLI_AT_MOST",
        what="how often the same person may be called",
        where="a number of calls in a length of time, such as 1/24h, or none",
        flag="--at-most",
        folder_yields=True,
    ),
    Setting(
        "webhook_token",
        "WEBHOOK_AUTH_TOKEN",
        what="the token that webhooks must carry",
        where="a secret of your own, of 8 characters or more",
        secret=True,
    ),
    Setting(
        "webhook_base_url",
        "WEBHOOK_BASE_URL",
        what="the public address of the listener",
        where="your static ngrok domain",
        flag="--domain",
    ),
    Setting(
        "ngrok_token",
        "NGROK_AUTHTOKEN",
        what="the token of your ngrok account",
        where="shown at https://dashboard.ngrok.com/get-started/your-authtoken",
        secret=True,
    ),
    Setting(
        "port",
        "PORT",
        what="where the listener listens on this machine",
        where="any free port",
        flag="--port",
        default=f"{urls.DEFAULT_PORT}",
    ),
    Setting(
        "home",
        "VOICECLI_HOME",
        what="the folder for what voicecli keeps",
        where="any folder of yours; without it, the one your system has for such data",
    ),
    Setting(
        "store",
        "VOICECLI_STORE",
        what="the team's database",
        where="a PostgreSQL URL (without it, a file in VOICECLI_HOME is used)",
        flag="--store",
        secret=True,
    ),
    Setting(
        "store_key",
        "VOICECLI_STORE_KEY",
        what="the team's key",
        where="made once for all machines by voicecli store key",
        secret=True,
    ),
    Setting(
        "base_url",
        "EIGHT_X_EIGHT_BASE_URL",
        what="the address of the Voice API",
        where="only for a sandbox or an older address; leave it out for 8x8 itself",
        default=account.BASE_URL,
    ),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}


def meant_by(variable: str, unset: Iterable[Setting]) -> str | None:
    """Which variable of these settings another one is near to; None where it is somebody else's."""
    known = [name for one in unset for name in (one.variable, one.file_variable)[: 1 + one.secret]]
    names = [name for name in known if len(name) >= SHORTEST]
    return nearest(variable, names, NEAR) or None


def where_to_get(missing: Sequence[Setting], wrong: Sequence[Setting]) -> str:
    """A hint of one line for those that are not set, and those whose values are wrong."""
    match [*missing, *wrong]:
        case [setting]:
            return f"It is {setting.where}{'; put it into .env' if missing else ''}."
        case _ if missing:
            return "Put them into .env (voicecli help settings), or try voicecli demo first."
        case _:
            return "What they must be: voicecli help settings."


def secret_parts(setting: Setting, value: str) -> Iterable[str]:
    """What of a value no output may show."""
    if setting.name == "store":
        return team_store.secret_passwords(value) if value else ()  # to search takes longer than the rest
    return (value,) if setting.secret else ()


def shown(setting: Setting, value: str) -> str:
    """A value as it may be shown."""
    if setting.name == "store":
        return team_store.shown_url(value)
    return team_store.HIDDEN if setting.secret else value


def canonical(name: str, value: str) -> str:
    return caller_id(value) if name == "source" else value


def _token_problem(value: str) -> str | None:
    """A token goes into a header as it is, and short ones can be guessed."""
    if not value.isascii() or not value.isprintable() or " " in value:
        return "the webhook token has blanks or characters that no header can have"
    return None if len(value) >= MIN_TOKEN else f"the webhook token must have {MIN_TOKEN} characters or more"


def _at_most_problem(value: str) -> str | None:
    try:
        AtMost.parse(value)
    except InvalidInput:
        return "the limit of calls can't be read"
    return None


def problem_of(name: str, value: str) -> str | None:
    """What is wrong with a value, as a clause; None where it can be used."""
    match name:
        case "api_key":
            return account.api_key_problem(value)
        case "subaccount_id":
            return account.subaccount_problem(value)
        case "base_url":
            return account.base_url_problem(value)
        case "store":
            return team_store.problem_of_url(value)
        case "store_key":
            return team_store.problem_of_key(value)
        case "at_most":
            return _at_most_problem(value)
        case "webhook_token":
            return _token_problem(value)
        case "port":
            valid = value.isascii() and value.isdigit() and len(value) <= 5 and int(value) < 65536
            return None if valid else "the port must be a number from 0 to 65535"
        case "webhook_base_url":
            return None if _HOST.fullmatch(value) else "the public address is not a URL or domain"
        case "source":
            valid = is_msisdn(canonical(name, value))
            return None if valid else "the caller ID must be a number such as +33199000000"
        case _:
            return None if value and value.isprintable() else f"{BY_NAME[name].what} is empty or unreadable"
