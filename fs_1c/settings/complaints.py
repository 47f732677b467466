"""What is wrong with a settings file, in the words of whoever writes one: pydantic's errors → lines. Pure.

A line never repeats a value, which may be a secret in the wrong place; it looks at what kind of value it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fs_1c.settings.types import SECONDS

_URL = 'url = "http://HOST/BASE/ws/NAME"'
_NEEDED = MappingProxyType(
    {
        "onec": f'is missing; write three lines: [onec], {_URL} and username = "…"; and password_file',
        "onec.url": f"is missing; write {_URL}",
    }
)
_BOUNDS = ("greater_than", "greater_than_equal", "less_than_equal")
_SAID = MappingProxyType(
    {
        "missing": "is missing",
        "bool_type": "allowed: true or false, without quotes",
        "bool_parsing": "allowed: true or false, without quotes",
        "int_type": "allowed: a whole number in digits, such as 4",
        "int_parsing": "allowed: a whole number in digits, such as 4",
        "int_from_float": "allowed: a whole number in digits, such as 4",
        "int_parsing_size": "allowed: a smaller whole number",
        "float_type": "allowed: a number in digits, such as 0.5",
        "float_parsing": "allowed: a number in digits, such as 0.5",
        "finite_number": "allowed: a number in digits, such as 0.5",
        "path_type": "allowed: a path in quotes",
        "enum": "allowed: {expected}",
        "literal_error": "allowed: {expected}",
        "greater_than": "allowed: more than {gt:g}",
        "greater_than_equal": "allowed: at least {ge:g}",
        "less_than_equal": "allowed: at most {le:g}",
        "string_too_short": "allowed: at least {min_length} characters",
        "string_too_long": "allowed: at most {max_length} characters",
        "too_long": "allowed: at most {max_length} of them",
    }
)
"""Pydantic's kinds of errors that need no look at the value."""

_FORMS = MappingProxyType(
    {
        "^[A-Z]{2}$": "two capital Latin letters, such as RU",
        "^[0-9]{0,6}$": "up to six digits",
        "^[0-9]{1,9}$": "an extension of up to nine digits",
        r"^\+?[0-9]{0,20}$": "digits, perhaps with a plus before them",
        "^(manager|last-rung|nobody|[0-9]{1,9})$": "manager, last-rung, nobody, or an extension",
        r"^([^\W\d][\w.-]{0,99})?$": "a name as 1C has it: letters, digits, _ . -, and a letter in front",
    }
)
"""What the models' patterns mean."""


def told(problem: Mapping[str, Any], model: type[BaseModel], unnamed: str) -> tuple[str, str]:
    """The setting, and what is wrong with it.

    Args:
        problem: One of pydantic's errors, with its input.
        model: The model that it comes from.
        unnamed: The name of a level that does not stand in the file.
    """
    whole = problem["loc"]
    key = ".".join(str(part) for part in whole if part != unnamed)
    kind, value, context = problem["type"], problem.get("input"), problem.get("ctx", {})
    if kind == "extra_forbidden":
        return key, _unheard_of(whole, value, model)
    if kind == "missing" and key in _NEEDED:
        return key, _NEEDED[key]
    field = _field(model, whole)
    if shape := _shape(key, kind, value, several=bool(field and any(_models(field.annotation)))):
        return key, shape
    if kind == "string_pattern_mismatch":
        return key, f"allowed: {_FORMS.get(context['pattern'], context['pattern'])}"
    if said := _SAID.get(kind):
        seconds = " s" if kind in _BOUNDS and field and SECONDS in field.metadata else ""
        return key, said.format(**context) + seconds
    return key, str(problem["msg"]).removeprefix("Value error, ")


def _shape(key: str, kind: str, value: object, *, several: bool) -> str:
    """One thing where several are meant, or the other way round; `several`: sections, each with a head."""
    section, _, last = key.rpartition(".")
    if last.isdigit() and kind in ("model_type", "model_attributes_type"):
        return f"is a section: write [[{section}]], with two brackets, above each"
    if kind in ("tuple_type", "list_type"):
        if isinstance(value, dict) or several:
            return f"there may be several: write [[{key}]], with two brackets, above each"
        return 'allowed: a list in brackets, such as ["…", "…"], even if it has one entry'
    if kind in ("model_type", "model_attributes_type"):
        if isinstance(value, list):
            return f"there is only one: write [{key}], with one bracket"
        return f"is a section: write [{key}] in a line of its own, and its settings below it"
    if kind == "dict_type":
        if isinstance(value, list):
            return f"is a section: write [{key}], with one bracket, or [{key}.NAME] for each of several"
        return f"is a section: write [{key}] in a line of its own, and name = value below it"
    if kind == "string_type":
        if isinstance(value, list):
            return "allowed: one text in quotes, and no list"
        if isinstance(value, dict):
            return "allowed: one text in quotes, and no section"
        return 'allowed: text, which stands in quotes: "…"'
    return ""


def _unheard_of(whole: Sequence[object], value: object, model: type[BaseModel]) -> str:
    """Perhaps one is meant that is written much the same, or that belongs into another section."""
    name = str(whole[-1])
    if whole[0] == "onec" and len(whole) == 3 and isinstance(value, dict):
        return "allowed: [onec] for one base, or [onec.NAME] for each of several, but not both"
    if len(whole) > 1 and name in model.model_fields:
        return f"there is no such setting here, but a section of its own: write [{name}] in a line of its own"
    beside = _names(_section(model, whole[:-1]))
    if close := get_close_matches(name, beside, n=1, cutoff=0.75):
        return f"there is no such setting; perhaps {close[0]} is meant"
    elsewhere = [path for path in _paths(model) if path.rpartition(".")[2] == name]
    if elsewhere:
        return f"there is no such setting here, but in another section: {', '.join(elsewhere)}"
    return "there is no such setting"


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models in an annotation: `X`, `X | None`, `tuple[X, ...]`, `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _section(model: type[BaseModel] | None, path: Sequence[object]) -> type[BaseModel] | None:
    """The model of that section."""
    for part in path:
        field = model.model_fields.get(str(part)) if model else None
        if field is not None:
            model = next(_models(field.annotation), None)
        # Anything else is the name of a base, or which of several it is.
    return model


def _names(model: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _field(model: type[BaseModel], path: Sequence[object]) -> FieldInfo | None:
    section = _section(model, path[:-1]) if path else None
    return section.model_fields.get(str(path[-1])) if section else None


def _paths(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """All settings, with their sections."""
    for name, field in model.model_fields.items():
        inner = list(_models(field.annotation))
        yield from (path for one in inner for path in _paths(one, f"{above}{name}."))
        if not inner:
            yield f"{above}{field.alias or name}"
