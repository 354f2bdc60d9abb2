"""What voicecli keeps is its owner's alone, and it writes through no link that somebody else has made."""

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import NUMBER, RunningSandbox
from test_damaged_store import voicecli

from voicecli.errors import ConfigurationError, InvalidInput
from voicecli.output.files import replace, target
from voicecli.platforms import private_files
from voicecli.platforms.locks import Lock
from voicecli.store import keys
from voicecli.store.sqlite import SqliteStore
from voicecli.tunnel import ngrok_program

SOMEBODY = 12345  # an id without a name
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def read_key(home: Path) -> None:
    keys.read_or_make(home / keys.FILES["once"], lost="")


def take_lock(home: Path) -> None:
    lock = Lock.take(home / "some.lock")
    assert lock is not None
    lock.close()


Use = Callable[[Path], None]
USES: list[tuple[Use, str]] = [
    (lambda home: SqliteStore(home).close(), "voicecli.sqlite3"),
    (read_key, keys.FILES["once"]),
    (take_lock, "some.lock"),
]


@pytest.mark.parametrize(("use", "name"), USES)
def test_what_others_can_read_is_kept_to_its_owner(use: Use, name: str, tmp_path: Path) -> None:
    use(tmp_path)
    (tmp_path / name).chmod(0o664)
    use(tmp_path)
    assert mode(tmp_path / name) == 0o600


def test_so_is_the_log_of_a_store_in_use(tmp_path: Path) -> None:
    with SqliteStore(tmp_path):
        files = [tmp_path / f"voicecli.sqlite3{end}" for end in ("", "-wal", "-shm")]
        for path in files:
            path.chmod(0o644)
        with SqliteStore(tmp_path):
            assert [mode(path) for path in files] == [0o600] * 3


@as_root
@pytest.mark.parametrize(("use", "name"), USES)
@pytest.mark.parametrize("way", ["readable", "link"])
def test_what_is_somebody_else_s_is_refused(
    use: Use, name: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(tmp_path)
    if way == "link":
        (tmp_path / name).rename(tmp_path / "mine")
        (tmp_path / name).symlink_to("mine")
        os.chown(tmp_path / name, SOMEBODY, SOMEBODY, follow_symlinks=False)
    else:
        (tmp_path / name).chmod(0o666)

        def not_permitted(*_: object, **__: object) -> None:
            raise PermissionError

        monkeypatch.setattr(Path, "chmod", not_permitted)  # root may
    with pytest.raises(ConfigurationError, match="somebody else"):
        use(tmp_path)


@as_root
@pytest.mark.parametrize("of_folder", [False, True])
def test_a_file_for_the_user_goes_through_no_link_of_somebody_else_s(of_folder: bool, tmp_path: Path) -> None:
    precious = tmp_path / "own"
    precious.mkdir()
    (precious / "file").write_bytes(b"precious")
    link, path = tmp_path / "link", tmp_path / "link"
    if of_folder:
        link.symlink_to(precious)
        path = link / "file"
    else:
        link.symlink_to(precious / "file")
    replace(target(str(path), tmp_path), iter([b"by my own link"]))
    os.chown(link, SOMEBODY, SOMEBODY, follow_symlinks=False)
    with pytest.raises(InvalidInput, match="link"):
        target(str(path), tmp_path)
    assert (precious / "file").read_bytes() == b"by my own link"


def test_links_that_lead_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("../" + tmp_path.name + "/a")
    assert private_files.foreign_link(tmp_path / "a") is None


# -- no home folder ----------------------------------------------------------------------------------


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user id without a name, and no HOME, as in docker run -u 12345."""

    def no_such_user(_id: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", no_such_user)
    for name in ("HOME", "XDG_DATA_HOME", "VOICECLI_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("nameless")
@pytest.mark.parametrize("home", ["~nobody-has-this-name/x", "~/x", None])
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("sessions",), 3, "Set VOICECLI_HOME"),
        (("events",), 3, "Set VOICECLI_HOME"),
        (("listen", "--no-tunnel", "--port", "0"), 3, "Set VOICECLI_HOME"),
        (("call", NUMBER, "hi", "--once"), 3, "Set VOICECLI_HOME"),
        (("call", NUMBER, "hi"), 0, "voicecli sessions will not know this call. This user"),
    ],
)
def test_a_user_without_a_home_is_told_to_set_one(
    home: str | None,
    arguments: tuple[str, ...],
    code: int,
    words: str,
    tmp_path: Path,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {**sandbox.environment, "VOICECLI_HOME": home or ""}.items():
        monkeypatch.setenv(name, value)
    done = voicecli(*arguments)
    assert done.code == code, done
    assert words in " ".join(done.err.split()), done
    assert list(tmp_path.iterdir()) == [], "nothing is made in a folder that is called ~"


def test_the_agent_is_installed_into_no_folder_that_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyngrok.conf.DEFAULT_NGROK_PATH", "~/.config/ngrok/ngrok")
    with pytest.raises(ConfigurationError, match="has no home folder"):
        asyncio.run(ngrok_program.install_agent(lambda _: None))
    assert list(tmp_path.iterdir()) == []
