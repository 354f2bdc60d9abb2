"""No output shows a secret, however it is written and wherever it stands."""

import io
import json
from urllib.parse import quote

import pytest

from voicecli.errors import Refused, VoicecliError
from voicecli.output import Column, Output, TableRow
from voicecli.output.formats import Json
from voicecli.output.secrets import has_secret_name

SECRETS = (
    'pass"wörd\\1',
    "tab\there",
    "new\nline",
    "\x1b[31mred",
    "sl/ash+plus %25",
    "it's me",
    "\U0001f511key",
    "zero\u200bwidth",
    "e\u0301\u0301accents",
    "lone\udc80half",
    "482913",
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def outputs(kind: type[Output], secret: str, *, terminal: bool = False) -> tuple[Output, io.StringIO]:
    """An output whose both streams are one."""
    stream = Terminal() if terminal else io.StringIO()
    output = kind(stream, stream)
    output.hide(secret)
    return output, stream


def tells(shown: str, secret: str) -> bool:
    """Whether the secret, or all of it but its special characters, can be read."""
    plain = shown.replace("\n", "").replace("\\", "")
    letters = max("".join(c if c.isascii() and c.isalnum() else " " for c in secret).split(), key=len)
    return letters in plain


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("kind", [Output, Json])
def test_a_secret_is_hidden_in_all_its_forms(kind: type[Output], secret: str) -> None:
    output, stream = outputs(kind, secret)
    document = {"a": [secret, {"b": f"x{secret}y"}], secret: 1, "raw": json.dumps({"inner": secret})}
    url = f"https://example.com/?q={quote(secret, errors='replace')}"
    output.result(f"{secret} {secret!r} {url}", document)
    output.result(output.json_for_people(document), document)
    output.row(TableRow((Column("one", 5), Column("two", 0)), (secret, secret), document))
    output.report([(secret, "")], document)
    output.warning(secret)
    output.note(secret)
    output.error(VoicecliError(f"It says {secret}.", hint=repr(secret)))
    output.traceback(ValueError(secret))
    assert not tells(stream.getvalue(), secret), stream.getvalue()
    assert "***" in stream.getvalue()


@pytest.mark.parametrize("width", ["20", "40"])
def test_a_secret_is_hidden_before_a_terminal_cuts_or_breaks_it(
    width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    secret = "correct horse battery staple"
    output, stream = outputs(Output, secret, terminal=True)
    output.row(TableRow((Column("one", 5), Column("two", 0)), (secret, secret), {}))
    output.report([(secret, "")], {})
    output.progress(f"asking with {secret}")
    output.error(VoicecliError(f"It was the password {secret} that it did not like."))
    assert not any(word in stream.getvalue() for word in ("corre", "horse", "battery", "staple"))


def test_programs_still_get_json_when_a_secret_looks_like_it() -> None:
    for secret in ("true", '": "', "12345", "name", '","'):
        output, stream = outputs(Json, secret)
        output.result("", {"name": "x", "12345": 12345, "deep": [{"a": "b"}, True]})
        assert json.loads(stream.getvalue())["deep"][1] is True
        assert "12345" not in stream.getvalue() or secret != "12345"


NAMES = (
    "password PASSWORD dbPassword secret client_secret TOKEN accessToken httpAuthHeader HTTPAUTHHEADER"
    " http-auth-header Authorization apiKey api_key x-api-key credentials"
)


@pytest.mark.parametrize("kind", [Output, Json])
def test_what_has_a_secrets_name_is_hidden_at_any_depth(kind: type[Output]) -> None:
    for name in NAMES.split():
        output, stream = outputs(kind, "irrelevant")
        document = {"a": [{"b": {name: "hush"}}], name: [{"x": "hush"}, 4711, True, None]}
        output.result(output.json_for_people(document), document)
        assert json.loads(stream.getvalue()) == {
            "a": [{"b": {name: "***"}}],
            name: [{"x": "***"}, "***", True, None],
        }


def test_a_stream_of_json_hides_them_too() -> None:
    output, stream = outputs(Json, 'pass"wörd')
    rows = output.stream(lambda error: None)
    rows.add(TableRow((Column("one", 0),), ("",), {"text": 'pass"wörd', "deep": {"Token": "hush"}}))
    rows.add(TableRow((Column("one", 0),), ("",), {"words": "nothing to hide"}))
    rows.close()
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first == {"text": "***", "deep": {"Token": "***"}}
    assert second == {"words": "nothing to hide"}


def test_one_secret_that_is_a_part_of_another_leaves_nothing_of_it() -> None:
    output, stream = outputs(Output, "hush")
    output.hide("hush-hush-2")
    output.note("hush-hush-2")
    assert stream.getvalue() == "***\n"


def test_names_that_only_sound_like_it_are_shown() -> None:
    assert not any(map(has_secret_name, ("sessionId", "text", "callflow", "key", "passed", "sourceRefId")))


def test_no_error_quotes_the_key_that_an_answer_echoes() -> None:
    from voicecli.voice_api.operations.webhooks import list_webhooks
    from voicecli.voice_api.wire import HttpResponse

    answer = HttpResponse(401, {}, b'{"code": 1, "message": "no such key: some-key-1"}')
    with pytest.raises(Refused) as caught:
        list_webhooks().read(answer, api_key="some-key-1")
    assert "some-key-1" not in str(caught.value)
