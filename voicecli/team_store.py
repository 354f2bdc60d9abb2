"""What a team's store is set by: the URL of its PostgreSQL database, and the team's key."""

import re
from collections.abc import Container, Iterator
from typing import NamedTuple
from urllib.parse import unquote

DEFAULT_SCHEMA = "voicecli"
KEY_LENGTH = 32  # bytes
HIDDEN = "***"
EXAMPLE = "postgresql://me@host/voicecli"
_HOST = r"(?:\[[^@/?\]]*\]|[^:,@/?]*)(?::[0-9]*)?"
_PARAMETER = "[a-z_0-9%]+=[^&]*"
_FORM = (  # compiled where it is used: that takes longer than all else here
    r"postgres(?:ql)?://(?:(?P<user>[^:@/?]*)(?P<colon>:(?P<password>[^@/?]*))?@)?"
    rf"{_HOST}(?:,{_HOST})*(?:/(?P<name>[^@/?]*))?(?:\?(?:{_PARAMETER}(?:&{_PARAMETER})*)?)?"
)
_SCHEMA = "(?!pg_)[a-z_][a-z0-9_]{0,62}"
_SECRET_PARAMETERS = (
    "password",
    "sslpassword",
    "scram_client_key",
    "scram_server_key",
    "oauth_client_secret",
)
_OTHERS_SECRETS = (
    "passfile",
    "service",
    "servicefile",
    "sslkey",
    "sslkeylogfile",
    "hostaddr",
    "gssdelegation",
)
"""Parameters that let libpq use a secret or a file of the user's for another server: with ``hostaddr`` it
connects there, and looks up a password for the host that is named."""
_PASSWORDS = ("PGPASSWORD", "PGSERVICE")
"""Variables of the environment by which libpq gets the password that a URL has not."""


class DatabaseUrl(NamedTuple):
    """``conninfo`` is what libpq takes, ``schema`` the one that the team's tables are in."""

    conninfo: str
    schema: str


def read_url(url: str) -> DatabaseUrl:
    """The parts of a URL in which ``problem_of_url`` finds nothing wrong."""
    parameters = _parameters(url)
    others = "&".join(f"{name}={value}" for name, value in parameters if name != "schema")
    schema = next((value for name, value in parameters if name == "schema"), DEFAULT_SCHEMA)
    return DatabaseUrl(url.partition("?")[0] + ("?" if others else "") + others, schema)


def problem_of_url(url: str) -> str | None:
    """What is wrong with a URL, as a clause that does not show it; libpq may find more."""
    if not url.startswith(("postgresql://", "postgres://")):
        return f"it must be a URL such as {EXAMPLE}"
    if re.fullmatch(_FORM, url) is None or not url.isprintable() or " " in url:
        return f"it must be a URL such as {EXAMPLE}; @ / ? and blanks in a password are %40 %2F %3F %20"
    schemas = [value for name, value in _parameters(url) if name == "schema"]
    if len(schemas) > 1 or any(re.fullmatch(_SCHEMA, value) is None for value in schemas):
        return "its schema must be one name of small letters, digits and _"
    return None


def problem_of_folders_url(url: str, environment: Container[str]) -> str | None:
    """What is wrong with a URL in the .env of a folder, which may be somebody else's: that a password of the
    user's, by the variables of the ``environment``, could go to that server."""
    if any(name in _OTHERS_SECRETS for name, _ in _parameters(url)):
        return f"a .env can't set {', '.join(_OTHERS_SECRETS)}, since it may be somebody else's"
    form = re.fullmatch(_FORM, url)
    own = [form and form["password"], *(value for name, value in _parameters(url) if name == "password")]
    for name in () if any(own) else _PASSWORDS:
        if name in environment:
            return f"{name} would go to a database of a .env, which may be somebody else's; set it elsewhere"
    return None


def has_password(url: str) -> bool:
    """Whether a password is in it, even if it can't be understood."""
    return any(passwords(url))


def passwords(url: str) -> Iterator[str]:
    """The passwords in it, as they are written and as they are; of what can't be understood all that may be
    one."""
    if (form := re.fullmatch(_FORM, url)) is None:
        yield from re.findall(r"://[^:@]*:(.+)@", url)
        return
    values = [form["password"], *(value for name, value in _parameters(url) if name in _SECRET_PARAMETERS)]
    for value in filter(None, values):
        yield from dict.fromkeys((value, unquote(value)))


def secret_passwords(url: str) -> Iterator[str]:
    """Those that no output may show. One that is also a name in the URL is shown with that, and to mask our
    own name would garble every hint."""
    form = re.fullmatch(_FORM, url)
    names = {"voicecli"} if form is None else {"voicecli", form["user"], form["name"]}
    return (one for one in passwords(url) if one not in names)


def shown_url(url: str) -> str:
    """A URL with *** for its passwords."""
    if (form := re.fullmatch(_FORM, url)) is None:
        return HIDDEN
    start = url.partition("?")[0]
    if form["colon"]:
        start = f"{url[: form.start('colon')]}:{HIDDEN}{start[form.end('colon') :]}"
    parameters = [
        f"{name}={HIDDEN if name in _SECRET_PARAMETERS else value}" for name, value in _parameters(url)
    ]
    return start + ("?" if parameters else "") + "&".join(parameters)


def _parameters(url: str) -> list[tuple[str, str]]:
    parts = [part.partition("=") for part in url.partition("?")[2].split("&") if part]
    return [(unquote(name), value) for name, _, value in parts]


def new_key() -> str:
    """A key for a team, as it is written in settings."""
    import secrets

    return secrets.token_urlsafe(KEY_LENGTH)


def problem_of_key(written: str) -> str | None:
    """What is wrong with a key, as a clause that does not show it."""
    return None if read_key(written) else "the team's key is not one that voicecli store key has made"


def read_key(written: str) -> bytes | None:
    """A team's key; None for what is none."""
    from base64 import b64decode

    try:
        key = b64decode(written.rstrip("=") + "=", altchars="-_", validate=True)
    except ValueError:
        return None
    return key if len(key) == KEY_LENGTH else None
