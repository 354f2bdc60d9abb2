"""Settings: flags over environment over files over defaults. The only room that reads the environment."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from voicecli import account, team_store, urls
from voicecli.errors import ConfigurationError, InvalidInput
from voicecli.platforms.private_files import belongs_to_somebody_else
from voicecli.setting_files import ENV_FILE, Rank, SettingsFile, files_of_settings, path_from, secret_in
from voicecli.setting_table import (
    BY_NAME,
    MIN_TOKEN,
    SETTINGS,
    Setting,
    canonical,
    meant_by,
    problem_of,
    secret_parts,
    where_to_get,
)

_VARIABLES = {ENV_FILE, *(name for one in SETTINGS for name in (one.variable, one.file_variable))}
_FILES = (Rank.ENV_FILE, Rank.FOLDER, Rank.USER)


@dataclass(frozen=True, slots=True)
class Found:
    """The value in force of a setting, and where it comes from: ``name`` is the option or variable, ``place``
    the environment, say, and ``file`` the one that a secret has of its own. With a ``problem``, a clause,
    there is no value."""

    value: str = field(repr=False)
    rank: Rank
    name: str
    place: str
    file: Path | None = None
    problem: str | None = None

    @property
    def origin(self) -> str:
        """The option or variable, and the file that has it."""
        return f"{self.name} in {self.place}" if self.rank in _FILES else self.name


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force, by the names of settings. ``files`` are those that were looked for, with whether
    each is there, and ``_folders_own`` the secrets that the folder's .env has itself."""

    _found: Mapping[str, Found]
    warnings: Sequence[str] = ()
    files: Sequence[tuple[SettingsFile, bool]] = ()
    _folders_own: Collection[str] = ()

    def require(self, *names: str) -> dict[str, str]:
        """The named values. One error names all that is missing or wrong, and where to get what is.

        Raises InvalidInput where only flags are wrong, else ConfigurationError.
        """
        missing = [BY_NAME[name] for name in names if name not in self._found]
        wrong = {name: problem for name in names if (problem := self._problem(name))}
        if "base_url" in names and not wrong:
            self._refuse_other_endpoints("api_key")
        if not missing and not wrong:
            return {name: canonical(name, self._found[name].value) for name in names}
        sentences = [f"{self._found[name].origin}: {problem}" for name, problem in wrong.items()]
        match missing:
            case [setting]:
                sentences.insert(0, f"A setting is missing: {setting.variable} ({setting.what})")
            case [_, *_]:
                variables = ", ".join(setting.variable for setting in missing)
                sentences.insert(0, f"Settings are missing: {variables}")
        only_flags = not missing and all(self._found[name].rank is Rank.ARGUMENT for name in wrong)
        raise (InvalidInput if only_flags else ConfigurationError)(
            "; ".join(sentences) + ".", hint=where_to_get(missing, [BY_NAME[name] for name in wrong])
        )

    def found(self, name: str) -> Found | None:
        """A value as it was found, right or wrong."""
        return self._found.get(name)

    def _problem(self, name: str) -> str | None:
        """What is wrong with a value that there is, as a clause that does not show it."""
        if (found := self._found.get(name)) is None:
            return None
        return found.problem or problem_of(name, found.value)

    def only_folder_sets(self, name: str, *, not_its: str) -> bool:
        """Whether the folder's .env, which may have come with somebody else's folder, sets the first setting,
        and has not that secret, which is set elsewhere. The sandbox's key is nobody's secret."""
        one, secret = self._found.get(name), self._found.get(not_its)
        if one is None or one.rank is not Rank.FOLDER or secret is None or not_its in self._folders_own:
            return False
        return secret.value != account.SANDBOX_API_KEY

    def may_be_sent_to(self, secret: str, address: str) -> bool:
        """Whether a secret may go to where that other setting says: to an address that only the folder's .env
        sets, it may not, unless that is 8x8's."""
        if not self.only_folder_sets(address, not_its=secret):
            return True
        return account.is_own_host_of_8x8(self._found[address].value)

    def _refuse_other_endpoints(self, secret: str) -> None:
        """Raises ConfigurationError where a secret must not go to the Voice API, as it is set."""
        if not self.may_be_sent_to(secret, "base_url"):
            what, to = self._found[secret], self._found["base_url"]
            raise ConfigurationError(
                f"{to.origin} would send {BY_NAME[secret].what} of {what.place} to "
                f"{urlsplit(to.value).netloc}, which is not 8x8.",
                hint=f"Set {BY_NAME[secret].variable} and {to.name} in one place: both in {what.place}, or "
                f"both in {to.place}.",
            )

    def get(self, name: str) -> str | None:
        """A value that may be missing. Raises what ``require`` raises for a wrong one."""
        return self.require(name)[name] if name in self._found else None

    def for_8x8(self, secret: str) -> str | None:
        """As ``get``, for a secret that goes to the Voice API. Raises ConfigurationError where it must not go
        there."""
        value = self.get(secret)
        self._refuse_other_endpoints(secret)
        return value

    def given(self, *names: str) -> list[str]:
        """Those of the names that have a value."""
        return [name for name in names if name in self._found]

    def with_origins(self, hint: str, variables: Collection[str]) -> str:
        """A hint that names these variables, with the files that have them."""
        origins = {
            BY_NAME[name].variable: found.origin
            for name, found in self._found.items()
            if found.rank not in (Rank.ARGUMENT, Rank.DEFAULT) and BY_NAME[name].variable in variables
        }
        return re.sub(r"\b[A-Z0-9_]+\b", lambda word: origins.get(word[0], word[0]), hint)

    def secrets(self) -> Iterator[str]:
        """Values that no output may show. What is too short to be valid may be a common word."""
        for setting in SETTINGS:
            if (found := self._found.get(setting.name)) is not None:
                yield from _long_enough(secret_parts(setting, found.value))

    def under(self, flags: Mapping[str, str | None]) -> "Settings":
        """These settings, but for what flags say, by setting name. An empty flag was meant."""
        given = {
            name: Found(value.strip(), Rank.ARGUMENT, BY_NAME[name].flag or "", "the command line")
            for name, value in flags.items()
            if value is not None
        }
        return replace(self, _found={**self._found, **given})


@dataclass(frozen=True, slots=True)
class _Source:
    """The variables of one place; relative paths in them are relative to ``folder``."""

    rank: Rank
    place: str
    folder: Path
    variables: Mapping[str, str | None] = field(repr=False)

    def value(self, variable: str) -> str:
        """An empty variable counts as not set."""
        return (self.variables.get(variable) or "").strip()

    def find(self, setting: Setting) -> Found | None:
        """The setting here, or in the file that is named here."""
        value, file = self.value(setting.variable), self.value(setting.file_variable)
        if setting.secret and file:
            return self._in_file(setting, file)
        if setting.name == "home" and value and not value.startswith("~"):
            value = str(self.folder / value)
        return Found(value, self.rank, setting.variable, self.place) if value else None

    def _in_file(self, setting: Setting, file: str) -> Found:
        """A secret in a file. The folder's .env may name none: it may have come with somebody else's folder,
        and any file of the user's could be sent to wherever it says."""
        value, problem, path = "", None, path_from(self.folder, file)
        if self.rank is Rank.FOLDER:
            problem = (
                "a .env can't name files of secrets, since it may be somebody else's; the environment can, "
                "and the file of --env-file"
            )
        elif self.value(setting.variable):
            problem = f"{setting.variable} is set there, too; leave one of them out"
        else:
            try:
                value = secret_in(path)
            except ValueError as error:
                problem = str(error)
        return Found(value, self.rank, setting.file_variable, self.place, path, problem)


def load(
    flags: Mapping[str, str | None] = {},
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    env_file: str | None = None,
) -> Settings:
    """Read the settings. ``flags`` are by setting name, ``env_file`` goes before the environment's
    VOICECLI_ENV_FILE. Raises ConfigurationError for a file that can't be read."""
    environment = os.environ if environment is None else environment
    folder = folder or Path()
    sources = [_Source(Rank.ENVIRONMENT, "the environment", folder, environment)]
    warnings: list[str] = []
    looked_for = []
    for file in files_of_settings(environment, folder, env_file):
        variables = file.read(warnings)
        looked_for.append((file, variables is not None))
        if variables is not None:
            beside = file.path.parent if file.path.is_file() else folder  # a pipe is in no folder
            sources.append(_Source(file.rank, file.place, beside, variables))
    found = {one.name: first for one in SETTINGS if (first := _first(one, sources)) is not None}
    store = found.get("store")
    if store is not None and store.rank is Rank.FOLDER and store.problem is None:
        problem = team_store.problem_of_folders_url(store.value, environment)
        found["store"] = replace(store, problem=problem)
    warnings += _warnings(sources, looked_for, found)
    folders_own = {
        one.name
        for source in sources
        for one in SETTINGS
        if source.rank is Rank.FOLDER and (value := source.value(one.variable))
        if one.name in found and found[one.name].value == value
    }
    return Settings(found, warnings, looked_for, folders_own).under(flags)


def _first(setting: Setting, sources: Sequence[_Source]) -> Found | None:
    if setting.folder_yields:
        sources = sorted(sources, key=lambda source: source.rank is Rank.FOLDER)
    for source in sources:
        if (found := source.find(setting)) is not None:
            return found
    if setting.default is None:
        return None
    return Found(setting.default, Rank.DEFAULT, setting.variable, "default")


def _warnings(
    sources: Sequence[_Source], looked_for: Sequence[tuple[SettingsFile, bool]], found: Mapping[str, Found]
) -> Iterator[str]:
    """Of a file that names another one, of names in it that are misspelt, and of a folder's .env that is
    another user's."""
    unset = [one for one in SETTINGS if one.name not in found or found[one.name].rank is Rank.DEFAULT]
    for source in sources[1:]:  # those that are files
        if source.value(ENV_FILE):
            yield f"{ENV_FILE} in {source.place} has no effect: it is read from the environment only."
        for name in source.variables:
            if unset and name not in _VARIABLES and (meant := meant_by(name, unset)):
                yield f"{source.place} has {name}: did you mean {meant}?"
    of_folder = [BY_NAME[name].variable for name, one in found.items() if one.rank is Rank.FOLDER]
    for file, _ in looked_for:
        if file.rank is Rank.FOLDER and of_folder and belongs_to_somebody_else(file.path):
            names = ", ".join(of_folder)
            yield f"The file {file.name} belongs to another user of this machine, and sets {names}."


def process_environment() -> Mapping[str, str]:
    """The environment variables of this process, as they are at any time."""
    return os.environ


def environment_secrets(environment: Mapping[str, str]) -> Iterator[str]:
    """Values that no output may show, not even before the settings are read."""
    for setting in SETTINGS:
        yield from _long_enough(secret_parts(setting, environment.get(setting.variable, "").strip()))


def _long_enough(secrets: Iterable[str]) -> Iterator[str]:
    return (secret for secret in secrets if len(secret) >= MIN_TOKEN)


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
