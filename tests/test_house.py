"""The house: which floor may import from which, and what a command loads."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import voicecli

PACKAGE = Path(voicecli.__file__).parent
FLOORS = (
    (
        {"errors", "version"},
        {"spreadsheets"},
        {
            "clock",
            "durations",
            "quiet_hours",
            "interrupts",
            "json_values",
            "phone",
            "platforms",
            "plurals",
            "spelling",
            "team_store",
            "threads",
            "urls",
        },
        {"account", "at_most"},
        {"setting_files", "setting_table"},
        {"settings"},
    ),
    ({"voice_api"}, {"sessions"}),
    ({"output", "store", "tunnel"},),
    ({"listener", "sandbox"}, {"calling"}, {"broadcast"}, {"checks"}),
    ({"manual"}, {"cli"}, {"__main__"}, {""}),
)
"""A module imports from lower floors, and on its own floor from rooms of an earlier step (its own room
apart). The last room is the package itself, whose names are for programs that import it."""
PLACE = {
    room: (floor, step)
    for floor, steps in enumerate(FLOORS)
    for step, rooms in enumerate(steps)
    for room in rooms
}
DOES_IO = {"settings", "setting_files", "platforms", "threads", "clock", "interrupts"}
CARRIERS = {"transport", "exchange", "client", "async_client", "download"}
LIBRARIES = {
    "typer": {"cli"},
    "rich": {"cli", "output"},
    "phonenumbers": {"phone", "sandbox"},
    "orjson": {"listener", "output", "broadcast"},
    "openpyxl": {"broadcast"},
}


@dataclass(frozen=True)
class Source:
    """One file of the package: its name as a module, its place in the folder, and what its code has."""

    module: str
    path: str
    nodes: list[ast.AST]

    def imports(self) -> Iterator[str]:
        """What it imports, anywhere in it."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                assert node.level == 0, f"{self.module} imports relatively"
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                modules = [name for name in names if node.module == "voicecli" or name in all_modules()]
                yield from modules or [node.module]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield from self._imported_by_name(node)

    def _imported_by_name(self, call: ast.Call) -> Iterator[str]:
        """Each module that ``import_module(f"voicecli.room.{name}")`` may mean."""
        match call:
            case ast.Call(ast.Name("import_module"), [ast.JoinedStr([ast.Constant(str(start)), *_])]):
                yield from (name for name in all_modules() if name.startswith(start) and name != self.module)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def all_modules() -> frozenset[str]:
    return frozenset(map(module_of, PACKAGE.rglob("*.py")))


@cache
def sources() -> list[Source]:
    kinds = ast.Import | ast.ImportFrom | ast.Attribute | ast.Constant | ast.Call
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)]
        found.append(Source(module_of(path), str(path.relative_to(PACKAGE)), nodes))
    return found


def outside_of_the_store() -> Iterator[tuple[str, ast.AST]]:
    for source in sources():
        if not source.path.startswith("store/"):
            yield from ((source.path, node) for node in source.nodes)


@cache
def imports() -> list[tuple[str, str]]:
    """Every import in the package: the module's dotted name, and what it imports."""
    return [(source.module, imported) for source in sources() for imported in source.imports()]


def our_imports() -> list[tuple[str, str]]:
    return [pair for pair in imports() if pair[1].startswith("voicecli.")]


def room(module: str) -> str:
    return [*module.split("."), ""][1]


ROOT_NAMES = {f"voicecli.{name}" for name in voicecli.__all__}


def test_every_room_has_its_place() -> None:
    rooms = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - {"__init__", "__pycache__"} == set(PLACE) - {""}


def test_a_module_imports_only_from_lower_floors_and_earlier_steps() -> None:
    wrong = [
        (importer, imported)
        for importer, imported in our_imports()
        if room(importer) != room(imported) and PLACE[room(importer)] <= PLACE[room(imported)]
    ]
    assert wrong == []


def test_no_module_imports_from_the_package_root() -> None:
    assert [pair for pair in imports() if pair[1] == "voicecli" or pair[1] in ROOT_NAMES] == []


def test_only_settings_reads_the_environment() -> None:
    readers = {
        source.path
        for source in sources()
        for node in source.nodes
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert readers == {"settings.py"}


def test_rooms_import_each_other_in_no_circle() -> None:
    edges = {(room(a), room(b)) for a, b in our_imports() if room(a) != room(b)}
    assert circle(edges) == set()


def test_modules_import_each_other_in_no_circle() -> None:
    packages = {
        ".".join(path.parent.relative_to(PACKAGE.parent).parts) for path in PACKAGE.rglob("*/__init__.py")
    }
    modules = {importer for importer, _ in our_imports()} - packages
    edges = {(a, b) for a, b in our_imports() if a in modules and b in modules}
    assert len(edges) > 100
    assert circle(edges) == set()


def circle(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The edges that are left when whatever leads nowhere is taken away, again and again."""
    while leaves := {b for _, b in edges} - {a for a, _ in edges}:
        edges = {(a, b) for a, b in edges if b not in leaves}
    return edges


def test_libraries_stay_in_their_rooms() -> None:
    strays = [
        (importer, library)
        for importer, imported in imports()
        for library in [imported.split(".")[0]]
        if room(importer) not in LIBRARIES.get(library, {room(importer)})
    ]
    assert strays == []


SQL = re.compile(
    r"\s*(SELECT\s.*\sFROM|INSERT\s(OR\s\w+\s)?INTO|UPDATE\s\w+\sSET|DELETE\sFROM|PRAGMA|BEGIN\s|CREATE\s)\s?",
    re.S,
)
ENGINE = {"sqlite3": "voicecli.store", "fcntl": "voicecli.platforms"}


def test_the_engine_stays_in_the_store_and_locks_of_files_in_platforms() -> None:
    strays = [
        (importer, imported)
        for importer, imported in imports()
        if imported in ENGINE and not importer.startswith(ENGINE[imported])
    ]
    assert strays == []


def test_no_other_room_writes_a_statement() -> None:
    strays = {
        (path, node.value)
        for path, node in outside_of_the_store()
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    }
    assert strays == set()
    assert SQL.match("SELECT id FROM calls")


def test_parameters_of_statements_have_no_numbers() -> None:
    """Python 3.14 refuses a sequence of values for them."""
    texts = [node.value for source in sources() for node in source.nodes if isinstance(node, ast.Constant)]
    assert [text for text in texts if isinstance(text, str) and re.search(r"= ?\?\d", text)] == []


def test_other_rooms_know_nothing_of_the_engine_but_the_store_itself() -> None:
    """Neither a transaction nor a cursor: they hand the Store to functions of the room."""
    names = {
        (path, alias.name)
        for path, node in outside_of_the_store()
        if isinstance(node, ast.ImportFrom) and node.module == "voicecli.store.sqlite"
        for alias in node.names
        if alias.name != "Store"
    }
    calls = {
        (path, node.func.attr)
        for path, node in outside_of_the_store()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in ("change", "change_many", "executemany", "_db")
    }
    assert (names, calls) == (set(), set())


def test_the_writing_process_loads_little() -> None:
    """It is started with every listener, and anew where it died."""
    show = "import sys, voicecli.listener.writer; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "voicecli.store.event_recording" in loaded
    assert not {"asyncio", "httpx", "json", "psycopg", "voicecli.voice_api", "voicecli.account"} & loaded


def test_floors_0_and_1_do_no_io() -> None:
    doers = {
        "socket",
        "os",
        "pathlib",
        "httpx",
        "aiohttp",
        "sqlite3",
        "subprocess",
        "asyncio",
        "threading",
        "time",
    }
    found = [
        (importer, imported)
        for importer, imported in imports()
        if PLACE[room(importer)][0] < 2 and room(importer) not in DOES_IO
        if importer.rpartition(".")[2] not in CARRIERS and imported.split(".")[0] in doers
    ]
    assert found == []


LOADED = """
import gc, json, os, sys
from voicecli.__main__ import main
for number, arguments in enumerate(json.loads(sys.argv[1])):
    if number > 1:
        import voicecli.cli.app  # by all but --version and a call, so that it need not be loaded by each
    if os.fork() == 0:
        gc.freeze()
        searches = [generation["collections"] for generation in gc.get_stats()]
        code = None
        sys.argv[1:] = arguments
        sys.stdout = sys.stderr = open(os.devnull, "w")
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        modules, searched = [*sys.modules], gc.get_stats()
        searches = [now["collections"] - before for now, before in zip(searched, searches)]
        os.write(1, (json.dumps([code, modules, sum(searches)]) + "\\n").encode())
        os._exit(0)
    os.wait()
"""
NOT_LOADED = (
    (["--version"], {"typer", "rich", "httpx", "aiohttp", "phonenumbers"}, 0),
    (
        ["call", "+33199001234", "hi", "--retries", "0"],
        {
            "rich",
            "aiohttp",
            "dotenv",
            "pyngrok",
            "asyncio",
            "cryptography",
            "voicecli.voice_api.spelled_out",
            "voicecli.voice_api.webhook_events",
        },
        5,
    ),
    (["--help"], {"rich", "httpx", "dotenv", "phonenumbers", "voicecli.cli.call"}, 0),
    (["call", "--help"], {"rich", "httpx", "dotenv", "phonenumbers", "asyncio", "sqlite3"}, 0),
    (["call", "+33199001234", "hi", "--dry-run"], {"rich", "aiohttp", "dotenv", "httpx"}, 0),
    (["sandbox", "--print-env"], {"rich", "httpx", "dotenv", "aiohttp"}, 0),
    (["api", "GET", "/numbers", "--dry-run"], {"rich", "httpx", "dotenv", "aiohttp", "asyncio"}, 0),
    (["logs", "export", "--json"], {"rich", "httpx", "dotenv", "aiohttp", "tempfile"}, 2),
    (["sessions"], {"rich", "httpx", "dotenv", "aiohttp", "asyncio", "phonenumbers", "orjson"}, 0),
    (["sessions", "--to", "+33199001234"], {"rich", "httpx", "aiohttp", "asyncio", "phonenumbers"}, 0),
    (["events", "--since", "1h"], {"rich", "httpx", "dotenv", "aiohttp", "asyncio", "phonenumbers"}, 0),
    (["stats"], {"rich", "httpx", "dotenv", "aiohttp", "asyncio", "phonenumbers"}, 0),
    (["prune", "--older-than", "30d"], {"rich", "httpx", "dotenv", "aiohttp", "asyncio"}, 0),
    (["config"], {"rich", "httpx", "dotenv", "aiohttp", "asyncio", "phonenumbers", "sqlite3"}, 0),
    (["broadcast", "list"], {"rich", "httpx", "dotenv", "aiohttp", "asyncio", "phonenumbers"}, 0),
    (["broadcast", "results", "b1"], {"rich", "httpx", "aiohttp", "asyncio", "xlsxwriter", "jinja2"}, 2),
    (["trigger", "vss", "--dry-run"], {"rich", "httpx", "dotenv", "aiohttp", "asyncio", "sqlite3"}, 0),
)


def test_a_command_loads_only_what_it_uses(tmp_path: Path) -> None:
    settings = {
        "EIGHT_X_EIGHT_API_KEY": "some-key",
        "EIGHT_X_EIGHT_SUBACCOUNT_ID": "some_sub",
        "OUTBOUND_PHONE_NUMBER": "+33199000000",
        "EIGHT_X_EIGHT_BASE_URL": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps([arguments for arguments, *_ in NOT_LOADED])],
        capture_output=True,
        text=True,
        env={**os.environ, **settings},
        cwd=tmp_path,
        check=True,
    )
    for (arguments, not_loaded, code), line in zip(NOT_LOADED, done.stdout.splitlines(), strict=True):
        found, loaded, searches = json.loads(line)
        assert found == code, arguments
        assert searches == 0, f"{arguments}: garbage was looked for, which takes 12 ms here"
        assert "sys" in loaded
        assert set(loaded) & {*not_loaded, "psycopg"} == set(), arguments  # the stores are files here


def test_the_public_names_are_all_there() -> None:
    assert all(getattr(voicecli, name) for name in voicecli.__all__)
    assert voicecli.Client.__name__ == "Client"
    assert dir(voicecli) == sorted(voicecli.__all__)
    with pytest.raises(AttributeError):
        _ = voicecli.nonsense


CHANGED_IN_PLACE = {
    "Kind",
    *("Context", "Counts", "InFlight", "Ledger", "PlayedLeg", "Statistics", "ValidatedList"),
    *("_Job", "WaitedCall"),
}


def test_values_are_frozen() -> None:
    """Every dataclass, but for a few that are there to be changed."""
    texts = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    found = re.findall(r"^ *@dataclass(.*)\n *class (\w+)", texts, re.MULTILINE)
    others = {name for options, name in found if options != "(frozen=True, slots=True)"}
    assert others == CHANGED_IN_PLACE
