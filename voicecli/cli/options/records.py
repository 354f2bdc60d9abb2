"""Options as records: a command's function takes frozen dataclasses, and each field of one is an option."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")


def with_records(function: Callable[..., T]) -> Callable[..., T]:
    """Let Typer see one option for each field of the records that a command takes, and hand in the records.

    A field's annotation says what kind of option it is (``Annotated[..., typer.Option(...)]``) and its
    default what it is without one; the options of a record stand where it stands among the parameters.
    Raises TypeError where two have one name.
    """
    records: dict[str, type[Any]] = {}
    parameters: dict[str, inspect.Parameter] = {}
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation):
            records[parameter.name] = parameter.annotation
            options = [option(field) for field in fields(parameter.annotation)]
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


def declare(command: Callable[..., object], parameters: Iterable[inspect.Parameter]) -> None:
    """Let Typer see these parameters of a function."""
    seen = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in seen}
    command.__signature__ = inspect.Signature(seen)  # type: ignore[attr-defined]


def option(field: "Field[Any]") -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, annotation=field.type, default=default
    )
