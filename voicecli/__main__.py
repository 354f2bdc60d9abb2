"""The program's entry: ``voicecli`` and ``python -m voicecli``."""

import gc
import sys


def main() -> None:
    try:
        if sys.argv[1:] == ["--version"]:  # scripts ask at every start: no need to load a parser for it
            from voicecli.cli.version import show_version

            show_version()
            sys.exit()
        from voicecli.cli import interrupts

        interrupts.listen()  # an exception in the midst of an import may get lost
        gc.set_threshold(50_000, 20, 20)  # loading modules makes no garbage worth looking for
        from voicecli.cli.app import run

        code = run(sys.argv[1:])
        interrupts.ignore()  # the answer is out: nothing is left to interrupt
        gc.freeze()  # the process ends: a last search through every module would take a tenth of a `call`
        sys.exit(code)
    except KeyboardInterrupt:  # before anything was loaded; ``run`` sees to its own
        sys.exit(130)


if __name__ == "__main__":
    main()
