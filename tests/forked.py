"""``voicecli`` as a process of its own, in a fraction of the time: forked from one that has loaded it.

For all that a command does once it is loaded. What start-up itself does (imports, locale, signals while
loading, closed streams, limits of the process, its name) needs ``python -m voicecli``.
"""

import atexit
import marshal
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

import process_guard

LONGEST = 100_000  # bytes of a request; longer ones are started in the ordinary way
ENDED = struct.Struct("!IQ")  # the status, and the processor time in microseconds
started = 0
processor_seconds = 0.0
"""What all that have ended took, which nothing else counts: they are no children of this process."""


class Forked(subprocess.Popen[Any]):
    """``python -m voicecli`` with these arguments: a Popen in all else. Started anew if not ``forked``.

    With ``-c`` first it is Python that runs this script.
    """

    def __init__(self, arguments: Sequence[str], *, forked: bool = True, **options: Any) -> None:
        self._forked = forked
        self._ended: socket.socket | None = None
        global started
        started += 1
        self._arguments = [*arguments]
        program = [] if self._arguments[:1] == ["-c"] else ["-m", "voicecli"]
        process_guard.check([*program, *arguments])
        super().__init__([sys.executable, *program, *arguments], **options)

    def _execute_child(self, args: list[str], *rest: Any) -> None:
        cwd, env = rest[4], rest[5]
        p2cread, _, _, c2pwrite, _, errwrite = rest[9:15]
        env = dict(os.environ if env is None else env)
        what = {"arguments": self._arguments, "cwd": str(cwd or Path.cwd()), "env": env}
        request = marshal.dumps(what)
        if not self._forked or not _starts_alike(env) or len(request) > LONGEST:
            super()._execute_child(args, *rest)  # type: ignore[misc]
            return
        self._ended, theirs = socket.socketpair()
        streams = [own if fd == -1 else fd for own, fd in enumerate((p2cread, c2pwrite, errwrite))]
        with theirs:
            socket.send_fds(_server(), [request], [theirs.fileno(), *streams])
        self.pid = int.from_bytes(self._ended.recv(4), "big")
        self._child_created = True
        self._close_pipe_fds(*rest[9:15])  # type: ignore[attr-defined]

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        global processor_seconds
        if self._ended is None:
            return super()._try_wait(wait_flags)  # type: ignore[misc, no-any-return]
        self._ended.setblocking(not wait_flags)
        try:
            status, microseconds = ENDED.unpack(self._ended.recv(ENDED.size))
        except BlockingIOError:
            return 0, 0
        self._ended.close()
        processor_seconds += microseconds / 1e6
        return self.pid, status

    def _internal_poll(self, *rest: Any, **options: Any) -> int | None:
        if self._ended is None:
            return super()._internal_poll(*rest, **options)  # type: ignore[misc, no-any-return]
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):  # type: ignore[attr-defined]
            try:
                if self.returncode is None:
                    pid, status = self._try_wait(os.WNOHANG)
                    if pid:
                        self.returncode = os.waitstatus_to_exitcode(status)
            finally:
                self._waitpid_lock.release()  # type: ignore[attr-defined]
        return self.returncode


def run(arguments: Sequence[str], timeout: float, **options: Any) -> "subprocess.CompletedProcess[Any]":
    """``subprocess.run`` of the program, its output captured."""
    data = options.pop("input", None)
    stdin = subprocess.DEVNULL if data is None else subprocess.PIPE
    pipe = subprocess.PIPE
    with Forked(arguments, stdin=stdin, stdout=pipe, stderr=pipe, **options) as process:
        try:
            out, err = process.communicate(data, timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@contextmanager
def under_way(
    arguments: Sequence[str], *, stdin: int = subprocess.DEVNULL, **options: Any
) -> Iterator["subprocess.Popen[str]"]:
    """The program, its output in pipes; killed in the end if it still runs."""
    pipe = subprocess.PIPE
    with Forked(arguments, stdin=stdin, stdout=pipe, stderr=pipe, text=True, **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


CLIENT = """#!{python} -IS
import _signal, _socket, marshal, os, sys
asking = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
asking.connect({address!r})
what = dict(arguments=sys.argv[1:], cwd=os.getcwd(), env=dict(os.environ), in_thread=True)
streams = b"".join(fd.to_bytes(4, sys.byteorder) for fd in (0, 1, 2))
asking.sendmsg([marshal.dumps(what)], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
pid = int.from_bytes(asking.recv(4), "big")
_signal.signal(_signal.SIGINT, lambda number, frame: os.kill(pid, number))
status = int.from_bytes(asking.recv(100)[:4], "big")
sys.exit(os.waitstatus_to_exitcode(status) % 256)
"""


@contextmanager
def program(path: Path) -> Iterator[Path]:
    """An executable for shells that is ``voicecli``, forked; it passes on Ctrl-C, but no other signal."""
    address = str(path.with_suffix(".socket"))
    path.write_text(CLIENT.format(python=sys.executable, address=address))
    path.chmod(0o755)
    _server()  # before there are streams that it would inherit

    def serve_all() -> None:
        while True:
            asking, _ = listener.accept()
            request, fds, *_ = socket.recv_fds(asking, LONGEST, 3)
            if not request:
                asking.close()
                return
            threading.Thread(target=_pass_on, args=(asking, request, fds)).start()

    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen()
        thread = threading.Thread(target=serve_all)
        thread.start()
        yield path
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as last:
            last.connect(address)
        thread.join()


def _pass_on(asking: socket.socket, request: bytes, fds: list[int]) -> None:
    """A request to the server, and what it answers."""
    global processor_seconds
    ended, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(_server(), [request], [theirs.fileno(), *fds])
    for fd in fds:
        os.close(fd)
    with asking, ended, suppress(BrokenPipeError):
        asking.send(ended.recv(4))
        end = ended.recv(ENDED.size)
        processor_seconds += ENDED.unpack(end)[1] / 1e6
        asking.send(end)


def _starts_alike(env: Mapping[str, str]) -> bool:
    """Whether Python starts in this environment as it did in the server's."""
    return all(env.get(name) == os.environ.get(name) for name in {*env, *os.environ} if _matters(name))


def _matters(name: str) -> bool:
    return name.startswith(("LC_", "LANG", "PYTHON")) and name != "PYTHONHASHSEED"


def _server() -> socket.socket:
    """Where requests go: to a process that is started with the first of them, and ends with this one."""
    global _requests
    if _requests is None:
        _requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        atexit.register(_requests.close)
        with theirs:
            os.set_inheritable(theirs.fileno(), True)
            os.posix_spawn(sys.executable, [sys.executable, __file__, str(theirs.fileno())], os.environ)
    return _requests


_requests: socket.socket | None = None


# -- the server ------------------------------------------------------------------------------------------


def serve(requests: socket.socket) -> bool:
    """True in a process that is to run the program, False once nobody can ask any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ended_child, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    running: dict[int, socket.socket] = {}
    while True:
        ready, *_ = select.select([requests, ended_child], [], [])
        if ended_child in ready:
            os.read(ended_child, 4096)
            _tell_ends(running)
        if requests not in ready:
            continue
        request, fds, *_ = socket.recv_fds(requests, 2 * LONGEST, 4)
        if not request:
            for left in running:
                os.kill(left, signal.SIGKILL)
            return False
        if (pid := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (requests, *running.values()):
                other.detach()
            _become(fds[1:], **marshal.loads(request))
            return True
        running[pid] = socket.socket(fileno=fds[0])
        running[pid].send(pid.to_bytes(4, "big"))
        for fd in fds[1:]:
            os.close(fd)


def _tell_ends(running: dict[int, socket.socket]) -> None:
    """Tell of each program that has ended by now how it did."""
    with suppress(ChildProcessError):
        while running:
            pid, status, used = os.wait4(-1, os.WNOHANG)
            if not pid:
                return
            with running.pop(pid) as ended, suppress(BrokenPipeError):
                ended.send(ENDED.pack(status, round((used.ru_utime + used.ru_stime) * 1e6)))


def _become(
    streams: list[int], arguments: list[str], cwd: str, env: dict[str, str], *, in_thread: bool = False
) -> None:
    """Make this process what ``python -m voicecli`` is when it begins; a listener's writer is a thread of it
    if ``in_thread``."""
    if in_thread:
        import writer_thread

        from voicecli.listener import recorder

        recorder.start_writer = writer_thread.start
    for fd, stream in enumerate(streams):
        os.dup2(stream, fd)
    os.closerange(3, 1024)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["voicecli", *arguments]
    sys.stdin = sys.__stdin__ = _opened(0, "r", sys.stdin)
    sys.stdout = sys.__stdout__ = _opened(1, "w", sys.stdout)
    sys.stderr = sys.__stderr__ = _opened(2, "w", sys.stderr)


def _opened(fd: int, mode: str, like: TextIO) -> TextIO:
    buffering = 1 if fd == 2 or os.isatty(fd) else -1
    return cast("TextIO", os.fdopen(fd, mode, buffering, encoding=like.encoding, errors=like.errors))


def _run_script() -> None:
    """What ``python -c`` does."""
    script = sys.argv.pop(2)
    del sys.argv[0]
    exec(script, {"__name__": "__main__"})


def _end_with(main: Callable[[], None]) -> None:
    """Run the program and end as the interpreter does, but without clearing up: to take the modules down
    would copy all memory that is shared with the server."""
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    except Exception:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = 120
    os._exit(code)


def _load() -> None:
    """Load all that a command may load; a thread or an open file would not survive the fork."""
    import importlib
    import pkgutil

    import ready_stores

    import voicecli
    from voicecli.cli import app

    for module in pkgutil.walk_packages(voicecli.__path__, "voicecli."):
        if not module.name.endswith(("__main__", "platforms.windows")):
            importlib.import_module(module.name)
    ready_stores.install()
    app.parser()
    for command in app.COMMANDS:
        app.load(command)


if __name__ == "__main__":
    import gc

    from voicecli.__main__ import main

    _load()
    gc.freeze()
    if serve(socket.socket(fileno=int(sys.argv[1]))):
        _end_with(_run_script if sys.argv[1:2] == ["-c"] else main)
