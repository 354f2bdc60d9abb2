"""For bench/mutants.py: what can be changed in voicecli, 200 of these changes drawn once, and where they are.

A change is described so that it is found again after its file was moved and names were changed: by the
function, the text of the statement (names of imported modules left out), the statements before and after it,
and the number of the place within the statement.
"""

import ast
import builtins
import copy
import json
import keyword
import random
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import cast

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "bench" / "mutants.json"
SIZE, SEED = 200, 16
LONG_ENOUGH = 12  # characters of an expression, to know it by
OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.In: ast.NotIn,
}
OPPOSITES |= {new: old for old, new in OPPOSITES.items()}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. All but ``file`` and ``line`` says what it is; these say where it was when it was drawn."""

    file: str
    line: int
    scope: str  # dotted names of the classes and functions around it; empty at the top of a module
    statement: str  # its text, without the statements inside it
    nth: int  # of the statements with this text in this scope
    before: str  # the statement before it in the file, and the one after it
    after: str
    kind: str  # comparison, boolean, number, call
    place: int  # within the statement
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.scope or '(module)'}: {self.was}  ->  {self.becomes}"


@dataclass(frozen=True, slots=True)
class Place:
    """A mutant in this tree: the source text from ``start`` to ``end`` (bytes) becomes ``new``."""

    mutant: Mutant
    start: int
    end: int
    new: str
    node: ast.expr
    statement: "Statement"


@dataclass(frozen=True, slots=True)
class Statement:
    node: ast.stmt
    scope: str
    in_function: bool  # not only run when the module is loaded


# -- what can be changed ---------------------------------------------------------------------------------


def places(root: Path) -> list[Place]:
    """Everything in the package that can be changed, in the order of files and lines."""
    files = sorted((root / "voicecli").rglob("*.py"))
    return [place for file in files for place in _in_file(file, file.relative_to(root).as_posix())]


def _in_file(path: Path, name: str) -> Iterator[Place]:
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(source)
    imported = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    all_statements = list(statements(tree))
    texts = [_text(statement.node, imported) for statement in all_statements]
    seen: Counter[tuple[str, str]] = Counter()
    for number, statement in enumerate(all_statements):
        text, scope = texts[number], statement.scope
        around = ["", *texts, ""][number], ["", *texts, ""][number + 2]
        seen[scope, text] += 1
        for place, (node, kind, new) in enumerate(_changes(statement.node)):
            mutant = Mutant(
                *(name, node.lineno, scope, text, seen[scope, text], *around, kind, place),
                was=ast.unparse(node),
                becomes=new[1:-1] if kind == "boolean" and new.startswith("(") else new,
            )
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
            yield Place(mutant, start, end, new, node, statement)


def statements(node: ast.AST, scope: str = "", in_function: bool = False) -> Iterator[Statement]:
    """All statements below; none for type checkers, of ``__all__``, of logging."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        if not isinstance(child, ast.stmt):
            yield from statements(child, scope, in_function)
            continue
        if re.match(r"(__all__|TYPE_CHECKING) = |(log|logger|logging)\.\w+\(", ast.unparse(child)):
            continue
        yield Statement(child, scope, in_function)
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield from statements(child, f"{scope}.{name}".strip("."), True)
            case ast.ClassDef(name=name):
                yield from statements(child, f"{scope}.{name}".strip("."), in_function)
            case _:
                yield from statements(child, scope, in_function)


def _own(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions of a statement, not of those inside it; no annotations, and nothing in an f-string
    (Python 3.11 does not say where that is)."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.expr):
                yield child
            if isinstance(child, ast.AST) and not isinstance(child, ast.stmt | ast.JoinedStr):
                yield from _own(child)


def _changes(statement: ast.stmt) -> Iterator[tuple[ast.expr, str, str]]:
    """What can be changed in a statement: the expression, the kind of change, the new text."""
    match statement:
        case ast.Expr(value=ast.Call() | ast.Await(value=ast.Call())):
            yield statement.value, "call", "pass"
    for node in _own(statement):
        match node:
            case ast.Compare(ops=operators):
                for number, operator in enumerate(operators):
                    new = copy.copy(node)
                    new.ops = [*operators[:number], OPPOSITES[type(operator)](), *operators[number + 1 :]]
                    yield node, "comparison", ast.unparse(new)
            case ast.BoolOp(op=operator):
                other = ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), node.values)
                yield node, "boolean", f"({ast.unparse(other)})"
            case ast.UnaryOp(op=ast.Not()):
                yield node, "boolean", f"({ast.unparse(node.operand)})"
            case ast.Constant(value=bool(value)):
                yield node, "boolean", str(not value)
            case ast.Constant(value=int(number) | float(number)):
                yield node, "number", str(number + 1)


def _text(statement: ast.stmt, imported: dict[str, str]) -> str:
    """The statement in one form of writing, without those inside it; ``module.name`` is ``name``."""

    def alone(value: object) -> object:
        match value:
            case list():
                return [alone(item) for item in value if not isinstance(item, ast.stmt)]
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in imported:
                return ast.Name(attribute)
            case ast.Name(id=name):
                return ast.Name(imported.get(name, name))
            case ast.AST():
                new = copy.copy(value)
                for field, part in ast.iter_fields(value):
                    setattr(new, field, alone(part))
                return new
        return value

    return ast.unparse(cast("ast.AST", alone(statement)))


# -- the same mutant in another tree ---------------------------------------------------------------------


def find(mutant: Mutant, among: list[Place]) -> Place | None:
    """Where a mutant is now: the one place that is most like it, if it is like enough."""
    alike = [
        (_likeness(mutant, place.mutant), place)
        for place in among
        if (place.mutant.kind, place.mutant.place) == (mutant.kind, mutant.place)
        and _shape(place.mutant.statement) == _shape(mutant.statement)
    ]
    alike.sort(key=lambda pair: -pair[0])
    if not alike or (len(alike) > 1 and alike[0][0] == alike[1][0]):
        return _in_another_statement(mutant, among)
    same_text = [place for _, place in alike if place.mutant.statement == mutant.statement]
    unique = len(same_text) == 1 and len(mutant.statement) > 20
    return alike[0][1] if alike[0][0] >= 4 or unique else _in_another_statement(mutant, among)


def _in_another_statement(mutant: Mutant, among: list[Place]) -> Place | None:
    """The only place with the same expression, where the statement around it was changed."""
    same = [place for place in among if (place.mutant.kind, place.mutant.was) == (mutant.kind, mutant.was)]
    here = [place for place in same if _last(place.mutant.scope) == _last(mutant.scope)]
    [found] = [None] if len(mutant.was) < LONG_ENOUGH or len(here or same) != 1 else here or same
    return found


def _likeness(one: Mutant, two: Mutant) -> float:
    return (
        3.0 * (one.statement == two.statement)
        + 2 * (one.scope == two.scope)
        + (_last(one.scope) == _last(two.scope))
        + (_shape(one.before) == _shape(two.before))
        + (_shape(one.after) == _shape(two.after))
        + 0.5 * (one.nth == two.nth)
        + 0.3 * (one.file.rpartition("/")[2] == two.file.rpartition("/")[2])
        + 0.1 * (one.file == two.file)
    )


def _last(scope: str) -> str:
    return scope.rpartition(".")[2]


@cache
def _shape(text: str) -> str:
    """A statement without its names, for those whose names were changed."""
    return re.sub(r"\b[A-Za-z_]\w*", lambda m: m[0] if m[0] in KNOWN else "_", text)


KNOWN = {*keyword.kwlist, *dir(builtins)}


def frozen(sample: Path = SAMPLE) -> list[Mutant]:
    """Those of a sample: the frozen one, or the same as they were tracked from commit to commit."""
    names = [field.name for field in fields(Mutant)]
    rows = json.loads(sample.read_text())["mutants"]
    return [Mutant(**{name: row[name] for name in names}) for row in rows]


def draw() -> None:
    """Draw the sample: every place in the package is as likely as every other."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    everything = places(ROOT)
    drawn = sorted(random.Random(SEED).sample(range(len(everything)), SIZE))
    sample = {
        "commit": commit.stdout.strip(),
        "seed": SEED,
        "of": len(everything),
        "mutants": [asdict(everything[number].mutant) for number in drawn],
    }
    SAMPLE.write_text(json.dumps(sample, indent=1, ensure_ascii=False) + "\n")
