"""The program's entry: ``voicecli`` and ``python -m voicecli``."""

import sys


def main() -> None:
    if sys.argv[1:] == ["--version"]:  # asked by scripts at every start: no need to load a parser for it
        from voicecli import __version__

        print(f"voicecli {__version__}")
        return
    from voicecli.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
