"""Settings: where they come from, what comes first, and what is said of those that are missing."""

import os
from pathlib import Path

import pytest

from voicecli import settings
from voicecli.errors import ConfigurationError, InvalidInput

FULL = {
    "EIGHT_X_EIGHT_API_KEY": "sk-secret-key",
    "EIGHT_X_EIGHT_SUBACCOUNT_ID": "my_sub",
    "OUTBOUND_PHONE_NUMBER": "+33199000000",
}


def test_flags_come_before_environment_before_dotenv_before_defaults(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "OUTBOUND_PHONE_NUMBER=+33199000003\nEIGHT_X_EIGHT_SUBACCOUNT_ID=from_dotenv\nVOICE_PROFILE=\n"
    )
    environment = {"OUTBOUND_PHONE_NUMBER": "+33199000002", "EIGHT_X_EIGHT_API_KEY": "from-env"}
    loaded = settings.load({"source": "+33199000001"}, environment=environment, folder=tmp_path)
    assert loaded.require("source", "api_key", "subaccount_id", "voice_profile", "base_url") == {
        "source": "+33199000001",
        "api_key": "from-env",
        "subaccount_id": "from_dotenv",
        "voice_profile": "en-US-BenjaminRUS",
        "base_url": "https://voice.8x8.com",
    }


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


def test_all_missing_settings_are_told_at_once_with_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings.load(environment={"OUTBOUND_PHONE_NUMBER": " "}, folder=tmp_path).require(
            "api_key", "subaccount_id", "source", "voice_profile"
        )
    for variable in FULL:
        assert variable in caught.value.message
    assert "made in 8x8 Connect under API keys" in caught.value.message
    assert "VOICE_PROFILE" not in caught.value.message


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
    (tmp_path / ".env").write_text("A=1\nsk-secret ???\n")
    loaded = settings.load(environment=FULL, folder=tmp_path)
    assert [*loaded.warnings] == [
        "The file .env in this folder can't be understood from line 2 on. Is a quote left open?"
    ]
    assert loaded.require("source") == {"source": "+33199000000"}


def test_settings_do_not_show_their_secrets(tmp_path: Path) -> None:
    loaded = settings.load(environment=FULL, folder=tmp_path)
    assert "sk-secret-key" not in repr(loaded)
    assert [*loaded.secrets()] == ["sk-secret-key"]
