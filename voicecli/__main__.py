"""The program's entry: ``voicecli`` and ``python -m voicecli``."""

# Not signal: that loads as much as takes 5 ms, in which Python's own handler may raise anywhere.
import _signal  # type: ignore[import-not-found]
import gc
import sys

TAB_TIMEOUT = 3  # seconds


def main() -> None:
    try:
        if sys.argv[1:] == ["--version"]:  # scripts ask at every start: no need to load a parser for it
            from voicecli.cli.version import show_version

            show_version()
            sys.exit()
        _note_signals()
        gc.set_threshold(50_000, 20, 20)  # loading modules makes no garbage worth looking for
        from voicecli.cli.app import run
        from voicecli.cli.context import COMPLETION
        from voicecli.settings import process_environment

        gc.freeze()  # what is loaded stays, and is not counted: a `call` ends before the first search
        if process_environment().get(COMPLETION):
            _end_at_any_signal()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # no character may stop a message
        code = run(sys.argv[1:])
        for number in _signals():  # the answer is out: nothing is left to interrupt
            _signal.signal(number, _signal.SIG_IGN)
        gc.freeze()  # the process ends: a last search through every module would take a tenth of a `call`
        _end_beside_threads(code)
        sys.exit(code)
    except KeyboardInterrupt:  # before signals are noted; ``run`` sees to all others
        sys.exit(130)


def _note_signals() -> None:
    """From now on Ctrl-C, SIGTERM and SIGHUP take effect where ``interrupts`` lets them, where nobody has
    other plans for them, such as nohup."""
    from voicecli import interrupts

    for number in _signals():
        if _signal.getsignal(number) in (_signal.SIG_DFL, _signal.default_int_handler):
            _signal.signal(number, lambda number, _frame: interrupts.note(number))
    if hasattr(_signal, "SIGBREAK"):
        from voicecli.platforms import system

        system.prepare_console()


def _end_at_any_signal() -> None:
    """For TAB, which changes nothing: any signal ends it at once, and so does the time, where a disk on a
    network does not answer, say. The shell waits for it."""
    for number in _signals():
        _signal.signal(number, _signal.SIG_DFL)
    if hasattr(_signal, "alarm"):  # Windows has none
        _signal.alarm(TAB_TIMEOUT)


def _signals() -> list[int]:
    """Those that ask the program to end. Windows has no SIGHUP, the others no SIGBREAK."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    return [getattr(_signal, name) for name in names if hasattr(_signal, name)]


def _end_beside_threads(code: int) -> None:
    """End the process at once where a thread is still at work that nobody waits for, such as a request that
    was interrupted: the interpreter can crash when it clears up beneath it (SIGSEGV in place of the code). So
    it has been seen of CPython with daemon threads of any kind (python/cpython#110052); what ours was at is
    not known: it was seen 2 times in 59, and not again in 188 runs without this function."""
    threading = sys.modules.get("threading")
    if threading is None or not any(thread.daemon for thread in threading.enumerate()):
        return
    import atexit
    import os

    threading._shutdown()  # noqa: SLF001 - as the interpreter does it: it waits for the other threads
    atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            pass  # it has been told where that matters
    os._exit(code)


if __name__ == "__main__":
    main()
