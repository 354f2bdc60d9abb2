"""Settings: flags over environment over ``.env`` over defaults. The only room that reads the environment."""

import logging
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO, TextIOWrapper
from pathlib import Path
from urllib.parse import urlsplit

from voicecli import account, urls
from voicecli.account import DEFAULT_VOICE
from voicecli.errors import ConfigurationError, InvalidInput
from voicecli.phone import caller_id, is_msisdn

MIN_TOKEN = 8  # characters
MAX_DOTENV = 1 << 20  # bytes
_DOTENV = ".env"
_HOST = re.compile(r"(https?://)?[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s?#]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its variable, its flag where a command has one, and what to tell who lacks it."""

    name: str
    variable: str
    what: str
    where: str
    flag: str | None = None
    default: str | None = None
    secret: bool = False


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
        where="one of your numbers in 8x8 Connect, or one that 8x8 whitelisted for you",
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
        "base_url",
        "EIGHT_X_EIGHT_BASE_URL",
        what="the address of the Voice API",
        where="only for a sandbox or an older address; leave it out for 8x8 itself",
        default=account.BASE_URL,
    ),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force, and where each comes from (a flag, the environment, ``.env``, a default);
    ``_in_dotenv`` are those that ``.env`` has, too."""

    _values: Mapping[str, str] = field(repr=False)
    _origins: Mapping[str, str]
    warnings: Sequence[str] = ()
    _in_dotenv: Collection[str] = ()

    def require(self, *names: str) -> dict[str, str]:
        """The named values. One error names all that is missing or wrong, each with where to get it.

        Raises InvalidInput where only flags are wrong, else ConfigurationError.
        """
        missing = [_BY_NAME[name] for name in names if name not in self._values]
        wrong = [
            (_BY_NAME[name], problem)
            for name in names
            if name in self._values and (problem := _problem(name, self._values[name]))
        ]
        if "base_url" in names and not wrong:
            self._refuse_other_endpoints("api_key")
        if not missing and not wrong:
            return {name: _canonical(name, self._values[name]) for name in names}
        sentences = [f"{self._origins[setting.name]}: {problem}" for setting, problem in wrong]
        hints = [f"{setting.variable} is {setting.where}." for setting, _ in wrong]
        if missing:
            verb = "Settings are" if len(missing) > 1 else "A setting is"
            listing = ", ".join(
                f"{setting.variable} ({setting.what}, {setting.where})" for setting in missing
            )
            sentences.insert(0, f"{verb} missing: {listing}")
            hints.append(
                "Settings are read from the environment or a .env file in this folder. "
                "8x8 Connect is at https://connect.8x8.com. "
                "To try things without an account: voicecli sandbox."
            )
        only_flags = not missing and all(self._origins[s.name].startswith("--") for s, _ in wrong)
        raise (InvalidInput if only_flags else ConfigurationError)(
            "; ".join(sentences) + ".", hint=" ".join(hints)
        )

    def may_be_sent_to(self, secret: str, address: str) -> bool:
        """Whether a secret may go to where that other setting says. A .env may have come with somebody else's
        folder: an address in it gets only secrets in it, unless the address is 8x8's."""
        is_from_dotenv = self._origins.get(address, "").endswith(" in .env")
        value = self._values.get(secret, account.SANDBOX_API_KEY)  # that is nobody's secret
        if not is_from_dotenv or secret in self._in_dotenv or value == account.SANDBOX_API_KEY:
            return True
        return account.is_own_host_of_8x8(self._values[address])

    def _refuse_other_endpoints(self, secret: str) -> None:
        """Raises ConfigurationError where a secret must not go to the Voice API, as it is set."""
        if not self.may_be_sent_to(secret, "base_url"):
            setting, base_url = _BY_NAME[secret], _BY_NAME["base_url"].variable
            raise ConfigurationError(
                f"{self._origins['base_url']} would send {setting.what} of the environment to "
                f"{urlsplit(self._values['base_url']).netloc}, which is not 8x8.",
                hint=f"Set {setting.variable} and {base_url} in one place: both in the environment, or both "
                "in .env.",
            )

    def get(self, name: str) -> str | None:
        """A value that may be missing. Raises what ``require`` raises for a wrong one."""
        return self.require(name)[name] if name in self._values else None

    def for_8x8(self, secret: str) -> str | None:
        """As ``get``, for a secret that goes to the Voice API. Raises ConfigurationError where it must not go
        there."""
        value = self.get(secret)
        self._refuse_other_endpoints(secret)
        return value

    def given(self, *names: str) -> list[str]:
        """Those of the names that have a value."""
        return [name for name in names if name in self._values]

    def secrets(self) -> Iterator[str]:
        """Values that no output may show."""
        for setting in SETTINGS:
            if setting.secret and setting.name in self._values:
                yield self._values[setting.name]


def load(
    flags: Mapping[str, str | None] = {},
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Read the settings. ``flags`` are by setting name. Raises ConfigurationError for an unreadable .env."""
    environment = os.environ if environment is None else environment
    warnings: list[str] = []
    path = (folder or Path()) / _DOTENV
    dotenv = _dotenv(path, warnings)
    values: dict[str, str] = {}
    origins: dict[str, str] = {}
    foreign: list[str] = []
    for setting in SETTINGS:
        for value, origin in (
            (flags.get(setting.name), setting.flag or ""),
            (environment.get(setting.variable), setting.variable),
            (dotenv.get(setting.variable), f"{setting.variable} in .env"),
            (setting.default, "default"),
        ):
            # An empty flag was meant; an empty variable counts as not set.
            if value is not None and (value.strip() or origin.startswith("--")):
                values[setting.name], origins[setting.name] = value.strip(), origin
                if origin.endswith(" in .env"):
                    foreign.append(setting.variable)
                break
    if foreign and _belongs_to_somebody_else(path):
        warnings.append(
            f"The file .env in this folder belongs to another user of this machine, and sets "
            f"{', '.join(foreign)}."
        )
    known = [one.name for one in SETTINGS if (dotenv.get(one.variable) or "").strip() == values.get(one.name)]
    if "home" in values and not values["home"].startswith("~"):
        values["home"] = str((folder or Path()) / values["home"])
    return Settings(values, origins, warnings, known)


def _belongs_to_somebody_else(path: Path) -> bool:
    """Whether a file, or the link that leads to it, is neither this user's nor the administrator's."""
    if not hasattr(os, "geteuid"):
        return False
    try:
        owners = {path.stat().st_uid, path.lstat().st_uid}
    except OSError:
        return False
    return bool(owners - {os.geteuid(), 0})


def is_dotenv_exposed(folder: Path | None = None) -> bool:
    """Whether others on this machine can read the ``.env``, which has keys in it."""
    try:
        return bool(((folder or Path()) / _DOTENV).stat().st_mode & 0o077)
    except OSError:
        return False


def process_environment() -> Mapping[str, str]:
    """The environment variables of this process, as they are at any time."""
    return os.environ


def environment_secrets(environment: Mapping[str, str]) -> Iterator[str]:
    """Values that no output may show, not even before the settings are read."""
    for setting in SETTINGS:
        if setting.secret and (value := environment.get(setting.variable, "").strip()):
            yield value


def wants_colours(environment: Mapping[str, str]) -> bool:
    """Whether the person wants colours: no-color.org, and the oldest kind of terminal."""
    return not environment.get("NO_COLOR") and can_draw(environment)


def can_draw(environment: Mapping[str, str]) -> bool:
    """Whether the terminal is of a kind that can be drawn upon."""
    return environment.get("TERM") != "dumb"


def keep_loopback_from_proxies() -> None:
    """Let no request to this machine go through a proxy: ours, and those of the programs that we start."""
    for name in ("no_proxy", "NO_PROXY"):
        exempt = [host for host in os.environ.get(name, "").split(",") if host.strip()]
        os.environ[name] = ",".join([*exempt, *(host for host in urls.LOOPBACK if host not in exempt)])


def _dotenv(path: Path, warnings: list[str]) -> Mapping[str, str | None]:
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            content = file.read(MAX_DOTENV + 1)
        if len(content) > MAX_DOTENV:
            raise ConfigurationError(
                "The file .env in this folder is too large for settings: over 1 MiB.",
                hint="Move it away.",
            )
        import dotenv

        log, collector = logging.getLogger("dotenv.main"), _Collector(warnings)
        log.addHandler(collector)
        try:
            text = TextIOWrapper(BytesIO(content), encoding="utf-8-sig")
            return dotenv.dotenv_values(stream=text, interpolate=False)
        finally:
            log.removeHandler(collector)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"The file .env in this folder can't be read: {reason}.", hint="Correct it, or move it away."
        ) from error


class _Collector(logging.Handler):
    """python-dotenv reports a bad line only in its log: the line's number, not its text."""

    def __init__(self, warnings: list[str]) -> None:
        super().__init__()
        self._warnings = warnings

    def emit(self, record: logging.LogRecord) -> None:
        line = record.args[0] if isinstance(record.args, tuple) and record.args else "?"
        self._warnings.append(
            f"The file .env in this folder can't be understood from line {line} on. Is a quote left open?"
        )


def _canonical(name: str, value: str) -> str:
    return caller_id(value) if name == "source" else value


def _token_problem(value: str) -> str | None:
    """A token goes into a header as it is, and short ones can be guessed."""
    if not value.isascii() or not value.isprintable() or " " in value:
        return "the webhook token has blanks or characters that no header can have"
    return None if len(value) >= MIN_TOKEN else f"the webhook token must have {MIN_TOKEN} characters or more"


def _problem(name: str, value: str) -> str | None:
    """What is wrong with a value, as a clause; None where it can be used."""
    match name:
        case "api_key":
            return account.api_key_problem(value)
        case "subaccount_id":
            return account.subaccount_problem(value)
        case "base_url":
            return account.base_url_problem(value)
        case "webhook_token":
            return _token_problem(value)
        case "port":
            valid = value.isascii() and value.isdigit() and len(value) <= 5 and int(value) < 65536
            return None if valid else "the port must be a number from 0 to 65535"
        case "webhook_base_url":
            return None if _HOST.fullmatch(value) else "the public address is not a URL or domain"
        case "source":
            valid = is_msisdn(_canonical(name, value))
            return (
                None if valid else "the caller ID is not a number in international form, such as +33199000000"
            )
        case _:
            return None if value and value.isprintable() else f"{_BY_NAME[name].what} is empty or unreadable"
