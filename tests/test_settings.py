"""Settings: where they come from, what comes first, and what is said of those that are missing."""

import os
import re
from pathlib import Path

import pytest

from voicecli import settings
from voicecli.errors import ConfigurationError, InvalidInput
from voicecli.setting_files import Rank, files_of_settings
from voicecli.setting_table import BY_NAME

FULL = {
    "EIGHT_X_EIGHT_API_KEY": "sk-secret-key",
    "EIGHT_X_EIGHT_SUBACCOUNT_ID": "my_sub",
    "OUTBOUND_PHONE_NUMBER": "+33199000000",
}


def users_file(text: str) -> Path:
    """The user's own file, with this in it."""
    path = Path(os.environ["XDG_CONFIG_HOME"]) / "voicecli" / "voicecli.env"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_the_first_rank_that_has_a_value_counts(tmp_path: Path) -> None:
    """Each place has what the places behind it have, too; an empty variable counts as not set."""
    variables = [
        "OUTBOUND_PHONE_NUMBER=+33199000000\n",
        "EIGHT_X_EIGHT_API_KEY=key-of-\n",
        "EIGHT_X_EIGHT_SUBACCOUNT_ID=sub-of-\n",
        "NGROK_AUTHTOKEN=ngrok-of-\n",
        "WEBHOOK_AUTH_TOKEN=token-of-\n",
    ]
    own = users_file("VOICE_PROFILE=\n" + "".join(variables[:5]).replace("-of-", "-of-user"))
    (tmp_path / ".env").write_text("".join(variables[:4]).replace("-of-", "-of-folder"))
    (tmp_path / "my.env").write_text("".join(variables[:3]).replace("-of-", "-of-file"))
    environment = {"OUTBOUND_PHONE_NUMBER": "+33199000002", "EIGHT_X_EIGHT_API_KEY": "key-of-environment"}
    loaded = settings.load(
        {"source": "+33199000001"}, environment=environment, folder=tmp_path, env_file="my.env"
    )
    names = (
        "source",
        "api_key",
        "subaccount_id",
        "ngrok_token",
        "webhook_token",
        "voice_profile",
        "base_url",
    )
    assert [*loaded.require(*names).values()] == [
        *("+33199000001", "key-of-environment", "sub-of-file", "ngrok-of-folder", "token-of-user"),
        *("en-US-BenjaminRUS", "https://voice.8x8.com"),
    ]
    found = [one for one in map(loaded.found, names) if one is not None]
    assert [one.rank for one in found] == [*Rank, Rank.DEFAULT]
    assert [one.origin for one in found[:5]] == [
        *("--from", "EIGHT_X_EIGHT_API_KEY", "EIGHT_X_EIGHT_SUBACCOUNT_ID in my.env"),
        *("NGROK_AUTHTOKEN in .env", f"WEBHOOK_AUTH_TOKEN in {own}"),
    ]
    assert not loaded.warnings


def test_the_environment_names_a_file_of_settings_unless_an_option_does(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"EIGHT_X_EIGHT_SUBACCOUNT_ID=sub-{name}\n")
    environment = {"VOICECLI_ENV_FILE": str(tmp_path / "one")}
    assert settings.load(environment=environment, folder=tmp_path).get("subaccount_id") == "sub-one"
    loaded = settings.load(environment=environment, folder=tmp_path, env_file="two")
    assert loaded.get("subaccount_id") == "sub-two"


def test_the_environment_names_no_file_that_is_another_one_in_each_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of somebody else's folder would be trusted: with it, any file could be sent anywhere."""
    (tmp_path / "prod.env").write_text("EIGHT_X_EIGHT_BASE_URL=https://theirs.example\n")
    with pytest.raises(ConfigurationError) as caught:
        settings.load(environment={"VOICECLI_ENV_FILE": "prod.env"}, folder=tmp_path)
    assert caught.value.message == "VOICECLI_ENV_FILE is prod.env, which is another file in each folder."
    assert caught.value.hint == (
        f"Give it the whole path, such as {tmp_path}/prod.env; or name it with --env-file."
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    [file, *_] = files_of_settings({"VOICECLI_ENV_FILE": "~/prod.env"}, tmp_path / "elsewhere")
    assert file.path == tmp_path / "prod.env"


def test_no_file_names_another_file_of_settings(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("EIGHT_X_EIGHT_SUBACCOUNT_ID=sub-one\n")
    (tmp_path / ".env").write_text("VOICECLI_ENV_FILE=one\n")
    loaded = settings.load(environment={}, folder=tmp_path)
    assert loaded.get("subaccount_id") is None
    assert [*loaded.warnings] == [
        "VOICECLI_ENV_FILE in .env has no effect: it is read from the environment only."
    ]


def test_a_misspelt_name_is_warned_of_where_that_setting_is_missing(tmp_path: Path) -> None:
    """The variables of other programs in that file are their own matter."""
    (tmp_path / ".env").write_text(
        "EIGHT_X_EIGHT_APIKEY=sk-secret\nNGROK_AUTH_TOKEN_FILE=token\nvoice_profile=x\nWEBHOOK_TOKEN\n"
        "PORTS=1\nEIGHT_X_EIGHT_SECRET=x\nDATABASE_URL=x\nOUTBOUND_PHONE_NUMBERS=x\n"
    )
    environment = {"OUTBOUND_PHONE_NUMBER": "+33199000000"}
    assert [*settings.load(environment=environment, folder=tmp_path).warnings] == [
        ".env has EIGHT_X_EIGHT_APIKEY: did you mean EIGHT_X_EIGHT_API_KEY?",
        ".env has NGROK_AUTH_TOKEN_FILE: did you mean NGROK_AUTHTOKEN_FILE?",
        ".env has voice_profile: did you mean VOICE_PROFILE?",
        ".env has WEBHOOK_TOKEN: did you mean WEBHOOK_AUTH_TOKEN?",
    ]


def test_a_secret_that_is_too_short_to_be_valid_is_not_masked() -> None:
    """It may be a word of our own sentences."""
    environment = {"WEBHOOK_AUTH_TOKEN": "short", "EIGHT_X_EIGHT_API_KEY": "key-of-these-tests"}
    assert [*settings.environment_secrets(environment)] == ["key-of-these-tests"]
    assert [*settings.load(environment=environment).secrets()] == ["key-of-these-tests"]


def test_docker_and_systemd_can_read_the_example() -> None:
    """They take what follows a value for a part of it, comments and quotes, too."""
    lines = (Path(__file__).parents[1] / ".env.example").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"(#.*|[A-Z0-9_]+=[^#'\"\s]*)?", line)] == []


@pytest.mark.parametrize(
    ("name", "why"),
    [("missing.env", "No such file or directory"), (".", "Is a directory"), ("a\0b", "embedded null byte")],
)
def test_a_file_of_settings_that_cannot_be_read_is_refused(tmp_path: Path, name: str, why: str) -> None:
    for by, given, options in (
        ("--env-file", name, {"env_file": name}),
        ("VOICECLI_ENV_FILE", f"{tmp_path}/{name}", {}),
    ):
        with pytest.raises(ConfigurationError) as caught:
            settings.load(environment={"VOICECLI_ENV_FILE": given}, folder=tmp_path, **options)
        assert caught.value.message == f"The file {given} of {by} can't be read: {why}."


def test_paths_in_a_file_start_from_its_folder_and_those_in_a_pipe_from_here(tmp_path: Path) -> None:
    """With a file, a command finds the same store wherever it runs."""
    own = users_file("VOICECLI_HOME=store\n")
    assert settings.load(environment={}, folder=tmp_path).get("home") == str(own.parent / "store")
    reading, writing = os.pipe()
    os.write(writing, b"VOICECLI_HOME=store\n")
    os.close(writing)
    loaded = settings.load(environment={}, folder=tmp_path, env_file=f"/dev/fd/{reading}")
    os.close(reading)
    assert loaded.get("home") == str(tmp_path / "store")


def test_a_users_file_that_cannot_be_looked_for_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a service that may not see home folders; a file that is there and can't be read is told."""
    own = users_file("VOICE_PROFILE=x\n")
    stat = Path.stat

    def denied(path: Path, **options: bool) -> os.stat_result:
        if path == own:
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", denied)
    assert settings.load(environment={}, folder=tmp_path).get("voice_profile") == "en-US-BenjaminRUS"
    monkeypatch.undo()
    own.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"voicecli\.env can't be read: it is not UTF-8 text"):
        settings.load(environment={}, folder=tmp_path)


@pytest.mark.parametrize("content", ["secret-of-a-file", "\ufeffsecret-of-a-file\r\n"])
@pytest.mark.parametrize("rank", [Rank.ENVIRONMENT, Rank.ENV_FILE, Rank.USER])
def test_a_secret_may_be_in_a_file_of_its_own(tmp_path: Path, rank: Rank, content: str) -> None:
    environment, names = {}, ("api_key", "webhook_token", "ngrok_token")
    lines = [f"{BY_NAME[name].file_variable}=secret" for name in names]
    match rank:
        case Rank.ENVIRONMENT:
            environment, folder = dict(line.split("=") for line in lines), tmp_path
        case Rank.ENV_FILE:
            folder = tmp_path / "elsewhere"
            folder.mkdir()
            (folder / "my.env").write_text("\n".join(lines))
            environment["VOICECLI_ENV_FILE"] = str(folder / "my.env")
        case _:
            folder = users_file("\n".join(lines)).parent
    (folder / "secret").write_text(content)
    loaded = settings.load(environment=environment, folder=tmp_path)
    assert loaded.require(*names) == dict.fromkeys(names, "secret-of-a-file")
    assert [*loaded.secrets()] == ["secret-of-a-file"] * 3
    found = loaded.found("api_key")
    assert found is not None
    assert (found.rank, found.file) == (rank, folder / "secret")


@pytest.mark.parametrize(
    ("content", "more", "problem"),
    [
        (None, "", "the file {} can't be read: No such file or directory"),
        (b" \n", "", "the file {} is empty"),
        (b"\xff\xfe", "", "the file {} can't be read: it is not UTF-8 text"),
        (b"a" * (1 << 20) + b"b", "", "the file {} can't be read: it has over 1 MiB"),
        (b"two\nlines-of-a-secret", "", "the API key has blanks or characters that no key has"),
        (b"a-secret", "another-secret", "EIGHT_X_EIGHT_API_KEY is set there, too; leave one of them out"),
    ],
)
def test_a_file_that_has_no_secret_is_told_where_the_secret_is_needed(
    tmp_path: Path, content: bytes | None, more: str, problem: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    environment = {**FULL, "EIGHT_X_EIGHT_API_KEY": more, "EIGHT_X_EIGHT_API_KEY_FILE": str(path)}
    loaded = settings.load(environment=environment, folder=tmp_path)
    assert loaded.require("subaccount_id", "source")
    with pytest.raises(ConfigurationError) as caught:
        loaded.require("api_key", "base_url")
    assert caught.value.message == f"EIGHT_X_EIGHT_API_KEY_FILE: {problem.format(path)}."
    assert caught.value.hint == "It is made in 8x8 Connect under API keys."


def test_the_dotenv_of_a_folder_names_no_file_of_a_secret(tmp_path: Path) -> None:
    """Else that of a folder of somebody else's could send any file of the user's to its own address."""
    (tmp_path / "secret").write_text("secret-of-the-user")
    (tmp_path / ".env").write_text(
        "WEBHOOK_AUTH_TOKEN_FILE=secret\nWEBHOOK_BASE_URL=hooks.example\nEIGHT_X_EIGHT_API_KEY=its-own-key"
    )
    users_file("WEBHOOK_AUTH_TOKEN=token-of-the-user\n")
    loaded = settings.load(environment={}, folder=tmp_path)
    assert "secret-of-the-user" not in loaded.secrets()
    with pytest.raises(
        ConfigurationError, match=r"^WEBHOOK_AUTH_TOKEN_FILE in \.env: a \.env can't name files"
    ):
        loaded.get("webhook_token")
    environment = {"WEBHOOK_AUTH_TOKEN_FILE": "secret"}
    loaded = settings.load(environment=environment, folder=tmp_path)
    assert loaded.get("webhook_token") == "secret-of-the-user"
    assert not loaded.may_be_sent_to("webhook_token", "webhook_base_url")


@pytest.mark.parametrize("rank", [Rank.ENV_FILE, Rank.USER])
def test_an_address_of_a_folder_gets_no_key_of_another_file_but_the_other_way_round_it_does(
    tmp_path: Path, rank: Rank
) -> None:
    def load(folders: str, others: str) -> settings.Settings:
        (tmp_path / ".env").write_text(folders)
        (tmp_path / "my.env").write_text(others)
        return settings.load(environment={}, folder=tmp_path, env_file="my.env")

    key, address = "EIGHT_X_EIGHT_API_KEY=key-of-these-tests", "EIGHT_X_EIGHT_BASE_URL=https://voice.example"
    if rank is Rank.USER:
        own = users_file(f"{key}\n")
        with pytest.raises(ConfigurationError) as caught:
            load(address, "").require("api_key", "base_url")
        place = str(own)
    else:
        with pytest.raises(ConfigurationError) as caught:
            load(address, key).require("api_key", "base_url")
        assert load(key, address).require("api_key", "base_url")
        place = "my.env"
    assert f"in .env would send the API key of {place} to voice.example" in caught.value.message
    assert caught.value.hint.endswith(f"in one place: both in {place}, or both in .env.")


def test_a_dotenv_is_read_as_people_write_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(
        b"\xef\xbb\xbf# our account\r\n"
        b"EIGHT_X_EIGHT_API_KEY='sk-#${HOME}'   # the key\r\n"
        b'export EIGHT_X_EIGHT_SUBACCOUNT_ID="my_sub"\r\n'
        b"OUTBOUND_PHONE_NUMBER = +33 1 99 00 00 00 # our line\r\n"
    )
    loaded = settings.load(environment={}, folder=tmp_path)
    assert loaded.require("api_key", "subaccount_id", "source") == {
        "api_key": "sk-#${HOME}",
        "subaccount_id": "my_sub",
        "source": "+33199000000",
    }


def test_all_missing_settings_are_told_at_once_and_of_one_where_to_get_it(tmp_path: Path) -> None:
    loaded = settings.load(environment={"OUTBOUND_PHONE_NUMBER": " "}, folder=tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        loaded.require("api_key", "subaccount_id", "source", "voice_profile")
    assert caught.value.message == f"Settings are missing: {', '.join(FULL)}."
    assert caught.value.hint == "Put them into .env (voicecli help settings), or try voicecli demo first."
    with pytest.raises(ConfigurationError) as caught:
        loaded.require("api_key", "voice_profile")
    assert caught.value.message == "A setting is missing: EIGHT_X_EIGHT_API_KEY (the API key)."
    assert caught.value.hint == "It is made in 8x8 Connect under API keys; put it into .env."


def test_what_is_missing_and_what_is_wrong_are_told_together(tmp_path: Path) -> None:
    environment = {"OUTBOUND_PHONE_NUMBER": "12", "EIGHT_X_EIGHT_API_KEY": "sk-secret-key"}
    with pytest.raises(ConfigurationError, match=r"SUBACCOUNT_ID.*OUTBOUND_PHONE_NUMBER: the caller ID"):
        settings.load(environment=environment, folder=tmp_path).require("subaccount_id", "source")


@pytest.mark.parametrize(
    "url",
    [
        "https://voice.example",
        "http://127.0.0.1:9",
        "http://localhost:5680",
        "http://[::1]:9",
        "https://voice.8x8.com.example",
        "https://8x8.com.evil",
    ],
)
def test_a_dotenv_may_not_send_the_environments_key_elsewhere(url: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"EIGHT_X_EIGHT_BASE_URL={url}\n")
    with pytest.raises(ConfigurationError, match="would send the API key of the environment to") as caught:
        settings.load(environment=FULL, folder=tmp_path).require("api_key", "base_url")
    assert "in one place" in caught.value.hint
    with pytest.raises(ConfigurationError):
        settings.load(environment=FULL, folder=tmp_path).get("base_url")


@pytest.mark.parametrize(
    ("dotenv", "environment"),
    [
        ("EIGHT_X_EIGHT_BASE_URL=https://voice.wavecell.com", FULL),
        ("EIGHT_X_EIGHT_BASE_URL=https://voice.8x8.com", FULL),
        ("EIGHT_X_EIGHT_BASE_URL=http://[::1]:9\nEIGHT_X_EIGHT_API_KEY=sk-of-the-file", {}),
        ("EIGHT_X_EIGHT_BASE_URL=http://[::1]:9", {"EIGHT_X_EIGHT_API_KEY": "voicecli-sandbox-key"}),
        ("", {**FULL, "EIGHT_X_EIGHT_BASE_URL": "http://[::1]:9"}),
        ("EIGHT_X_EIGHT_API_KEY=sk-of-the-file", {"EIGHT_X_EIGHT_BASE_URL": "http://[::1]:9"}),
    ],
)
def test_key_and_address_from_one_place_are_fine_and_so_are_8x8_and_the_sandbox(
    dotenv: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(dotenv)
    assert settings.load(environment=environment, folder=tmp_path).require("api_key", "base_url")


@pytest.mark.parametrize("secret", ["api_key", "webhook_token"])
@pytest.mark.parametrize(
    ("address", "in_dotenv", "goes"),
    [
        ("http://127.0.0.1:9", None, False),
        ("https://voice.example", None, False),
        ("https://voice.example", "another-secret", False),
        ("https://voice.example", "secret-of-the-environment", True),  # .env has it in any case
        ("https://voice.8x8.com", None, True),
    ],
)
def test_an_address_of_a_dotenv_gets_no_secret_that_it_does_not_have(
    tmp_path: Path, secret: str, address: str, in_dotenv: str | None, goes: bool
) -> None:
    [setting] = [one for one in settings.SETTINGS if one.name == secret]
    own = "" if in_dotenv is None else f"{setting.variable}={in_dotenv}\n"
    (tmp_path / ".env").write_text(f"EIGHT_X_EIGHT_BASE_URL={address}\nWEBHOOK_BASE_URL={address}\n{own}")
    environment = {setting.variable: "secret-of-the-environment"}
    loaded = settings.load(environment=environment, folder=tmp_path)
    assert (
        loaded.may_be_sent_to(secret, "base_url") == loaded.may_be_sent_to(secret, "webhook_base_url") == goes
    )
    if goes:
        assert loaded.for_8x8(secret) == "secret-of-the-environment"
    else:
        with pytest.raises(ConfigurationError, match=r"of the environment to .*, which is not 8x8") as caught:
            loaded.for_8x8(secret)
        assert setting.variable in caught.value.hint
    from_elsewhere = settings.load(
        {"webhook_base_url": address}, environment={**environment, "EIGHT_X_EIGHT_BASE_URL": address}
    )
    assert from_elsewhere.may_be_sent_to(secret, "base_url")
    assert from_elsewhere.may_be_sent_to(secret, "webhook_base_url")
    assert settings.load(environment={}, folder=tmp_path).may_be_sent_to(secret, "base_url")


def test_a_dotenv_of_another_user_is_told_with_what_it_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("VOICECLI_HOME", "NGROK_AUTHTOKEN", "WEBHOOK_BASE_URL", "OUTBOUND_PHONE_NUMBER")
    (tmp_path / ".env").write_text("".join(f"{name}=value-of-it\n" for name in names))
    assert not settings.load(environment=FULL, folder=tmp_path).warnings
    owner = (tmp_path / ".env").stat().st_uid
    if owner == 0:
        os.chown(tmp_path / ".env", 4711, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    (warning,) = settings.load(environment=FULL, folder=tmp_path).warnings
    assert warning == (
        "The file .env in this folder belongs to another user of this machine, and sets WEBHOOK_BASE_URL, "
        "NGROK_AUTHTOKEN, VOICECLI_HOME."
    )


def test_a_dotenv_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"VOICE_PROFILE=a\n" + b"#" * (1 << 20))
    with pytest.raises(ConfigurationError, match="over 1 MiB"):
        settings.load(environment={}, folder=tmp_path)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("EIGHT_X_EIGHT_API_KEY", "sk with blank"),
        ("EIGHT_X_EIGHT_SUBACCOUNT_ID", "no/slash"),
        ("EIGHT_X_EIGHT_BASE_URL", "http://voice.8x8.com"),
        ("OUTBOUND_PHONE_NUMBER", "0987"),
        ("VOICE_PROFILE", "a\x1bb"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not(variable: str, value: str, tmp_path: Path) -> None:
    loaded = settings.load(environment={**FULL, variable: value}, folder=tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        loaded.require("api_key", "subaccount_id", "source", "voice_profile", "base_url")
    assert caught.value.message.startswith(variable)
    assert value not in caught.value.message


def test_a_wrong_flag_is_wrong_usage(tmp_path: Path) -> None:
    loaded = settings.load({"source": ""}, environment=FULL, folder=tmp_path)
    with pytest.raises(InvalidInput, match="--from"):
        loaded.require("source")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"A=\x80"])
def test_a_dotenv_that_is_no_text_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        settings.load(environment={}, folder=tmp_path)


def test_a_folder_called_dotenv_is_somebodys_virtual_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert settings.load(environment=FULL, folder=tmp_path).require("source")


def test_a_line_that_is_no_setting_is_warned_of_without_its_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n\nsk-secret ???\nB: sk-secret\nC='sk-secret\n")
    loaded = settings.load(environment=FULL, folder=tmp_path)
    assert [*loaded.warnings] == [
        "The file .env in this folder has no = in line 3. A setting is NAME=value.",
        "The file .env in this folder has no = in line 4. A setting is NAME=value.",
        "The file .env in this folder can't be understood from line 5 on. Is a quote left open?",
    ]
    assert loaded.require("source") == {"source": "+33199000000"}


def test_settings_do_not_show_their_secrets(tmp_path: Path) -> None:
    loaded = settings.load(environment=FULL, folder=tmp_path)
    assert "sk-secret-key" not in repr(loaded)
    assert [*loaded.secrets()] == ["sk-secret-key"]
