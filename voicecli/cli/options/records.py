"""Options as records: a command's function takes frozen dataclasses, and each field of one is an option."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from typing import Any, TypeVar

import typer

T = TypeVar("T")


def with_records(function: Callable[..., T]) -> Callable[..., T]:
    """Let Typer see one option for each field of the records that a command takes, and hand in the records.

    A field's annotation says what kind of option it is (``Annotated[..., option(...)]``) and its
    default what it is without one; the options of a record stand where it stands among the parameters, in the
    help under its PANEL, if it has one.
    Raises TypeError where two have one name.
    """
    records: dict[str, type[Any]] = {}
    parameters: dict[str, inspect.Parameter] = {}
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation):
            records[parameter.name] = parameter.annotation
            panel = getattr(parameter.annotation, "PANEL", None)
            options = [as_parameter(field, panel) for field in fields(parameter.annotation)]
        else:
            options = [parameter]
        for one in options:
            if one.name in parameters:
                raise TypeError(f"{function.__name__} has two options called {one.name}")
            parameters[one.name] = one

    @wraps(function)
    def command(**given: Any) -> T:
        for name, record in records.items():
            given[name] = record(**{field.name: given.pop(field.name) for field in fields(record)})
        return function(**given)

    declare(command, parameters.values())
    return command


def given(*records: Any) -> dict[str, object]:
    """The options of these records that were given, by the name of each as it is written."""
    return {
        _name(field): value
        for record in records
        for field in fields(record)
        if (value := getattr(record, field.name)) != field.default
    }


def _name(field: "Field[Any]") -> str:
    """The long name of an option: the last one that is declared, else made of the field's."""
    [info] = field.type.__metadata__  # type: ignore[union-attr]
    declared = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
    return declared[-1] if declared else f"--{field.name.replace('_', '-')}"


def declare(command: Callable[..., object], parameters: Iterable[inspect.Parameter]) -> None:
    """Let Typer see these parameters of a function."""
    seen = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in seen}
    command.__signature__ = inspect.Signature(seen)  # type: ignore[attr-defined]


def as_parameter(field: "Field[Any]", panel: str | None = None) -> inspect.Parameter:
    """The parameter that Typer makes an option of. A switch has one name, without a --no- beside it."""
    [info] = field.type.__metadata__  # type: ignore[union-attr]
    info.rich_help_panel = info.rich_help_panel or panel
    if info.default is ... and not info.param_decls:
        info.param_decls = (_name(field),)
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, annotation=field.type, default=default
    )


def flag(text: str, *names: str, panel: str | None = None) -> Any:
    """An option without a value; ``text`` explains it. Without ``names`` it is called as its parameter is."""
    return typer.Option(*names, help=text, rich_help_panel=panel)


def option(
    metavar: str,
    text: str,
    *names: str,
    parser: Callable[[Any], object] | None = None,
    panel: str | None = None,
) -> Any:
    """An option with a value, called ``metavar`` in --help; ``parser`` reads it, or raises BadParameter."""
    return typer.Option(*names, metavar=metavar, help=text, parser=parser, rich_help_panel=panel)
