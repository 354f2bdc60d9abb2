"""The program's entry: ``voicecli`` and ``python -m voicecli``."""

import gc
import sys


def main() -> None:
    if sys.argv[1:] == ["--version"]:  # scripts ask at every start: no need to load a parser for it
        from voicecli import __version__

        print(f"voicecli {__version__}")
        return
    gc.set_threshold(50_000, 20, 20)  # loading modules makes no garbage worth looking for
    from voicecli.cli.app import run

    code = run(sys.argv[1:])
    gc.freeze()  # the process ends: a last search through every module would take a tenth of a `call`
    sys.exit(code)


if __name__ == "__main__":
    main()
