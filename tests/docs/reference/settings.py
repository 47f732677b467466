"""The reference of settings, read from the models: each with its type, its default and what it means."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from fs_1c.settings import Address, Settings, types

Say = Callable[[str], str]
TITLE = "Settings"
INTRO = (
    "The file is `/etc/fs-1c/fs-1c.toml`, or what `--config` or `FS_1C_CONFIG` names, in TOML and UTF-8; "
    "[an example with all of it]({examples}/fs-1c.toml). What is not set has its default; what does not "
    "exist is refused, with a line that says what is allowed.",
    "Any setting can come from the environment instead, which wins over the file: "
    "`FS_1C_LOOKUP__DEADLINE=500ms` is `[lookup] deadline`, `FS_1C_ONEC__PASSWORD` is `[onec] password`.",
    "A duration is a number and its unit: `800ms`, `5s`, `5m`, `24h`, `7d`. A secret is shown nowhere, and "
    "need not stand in this file: see the settings that end with `_file`.",
    "SIGHUP (`systemctl reload fs-1c`) reads the settings again. What takes effect only after a restart is "
    "said in the log then.",
)
HEAD = ("setting", "type", "default", "meaning")
LONGEST = 366 * 86400.0
"""What every duration may be at the most; nobody needs to be told."""
UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@dataclass
class Table:
    """A section of the file: how it is headed there, what it is for, its settings as rows of four cells."""

    head: str
    about: str
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)


@cache
def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field, its own and those of the models that it comes from."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if not issubclass(one, types.Section):
            continue
        body = ast.parse(inspect.getsource(one)).body[0]
        assert isinstance(body, ast.ClassDef)
        for node, after in zip(body.body, body.body[1:], strict=False):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                match after:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        found[node.target.id] = " ".join(text.split())
    return found


DURATIONS = (
    types.Duration,
    types.LongDuration,
    types.KeptDuration,
    types.DurationOrOff,
    types.KeptDurationOrOff,
)


def tables(say: Say) -> list[Table]:
    """All sections, in the order of the file."""
    return [table for name in Settings.model_fields for table in _section(name, Settings, name, say)]


def _section(name: str, holder: type[BaseModel], path: str, say: Say) -> Iterator[Table]:
    hint = get_type_hints(holder, include_extras=True)[name]
    model = _model(hint)
    assert model is not None
    repeated = get_origin(hint) is tuple
    table = Table(f"[[{path}]]" if repeated else f"[{path}]", say(" ".join((model.__doc__ or "").split())))
    yield table
    hints = get_type_hints(model, include_extras=True)
    # What all sections with a password have comes after what this one is about.
    for inner, about in sorted(
        model.model_fields.items(), key=lambda one: one[0] not in vars(model)["__annotations__"]
    ):
        if _model(hints[inner]):
            yield from _section(inner, model, f"{path}.{inner}", say)
        else:
            meaning = _meanings(model).get(inner, "")
            kind = _kind(hints[inner], about, say)
            default = say("required") if about.is_required() else _default(hints[inner], about)
            table.rows.append((about.alias or inner, kind, default, say(meaning)))


def _model(hint: Any) -> type[BaseModel] | None:
    """The model of a section, of one among several or of one that need not be there."""
    kinds = [hint, *get_args(hint)]
    return next((one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _kind(hint: Any, about: FieldInfo, say: Say) -> str:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _kind(next(one for one in get_args(hint) if one is not NoneType), about, say)
    if origin is Literal or (isinstance(hint, type) and issubclass(hint, StrEnum)):
        return ", ".join(f"`{one}`" for one in (get_args(hint) or hint))
    if origin is tuple:
        return say("list: {}").format(_kind(get_args(hint)[0], about, say))
    named = {
        id(types.Duration): "duration",
        id(types.LongDuration): "duration",
        id(types.KeptDuration): "duration",
        id(types.DurationOrOff): "duration, or `off`",
        id(types.KeptDurationOrOff): "duration, or `off`",
        id(types.AddressField): "`HOST:PORT`",
        id(types.NetworkField): "network",
        id(types.NumberPattern): "pattern of a number",
        id(types.XmlName): "name",
        id(types.ExtensionTemplate): "dial string with `{extension}`, `{domain}`",
        id(types.ExternalTemplate): "dial string with `{number}`, `{domain}`",
        id(types.FollowerTemplate): "dial string with `{domain}`",
        id(SecretStr): "secret",
        id(Path): "path",
        id(types.ReadableFile): "path",
        id(bool): "`true`, `false`",
        id(str): "text",
        id(int): "whole number",
        id(float): "decimal number",
    }
    words = say(named.get(id(hint), "table"))
    return f"{words}, {bounds}" if (bounds := _bounds(hint, about)) else words


def _bounds(hint: Any, about: FieldInfo) -> str:
    low, high, above = (
        [float(str(getattr(one, name))) for one in about.metadata if isinstance(one, kind)]
        for kind, name in ((Ge, "ge"), (Le, "le"), (Gt, "gt"))
    )
    if hint in DURATIONS:
        shown = [f"≥ {_duration(low[-1])}" if low and low[-1] else ""]
        shown += [f"≤ {_duration(high[-1])}" if high[-1] < LONGEST else ""]
        return ", ".join(filter(None, shown))
    if hint not in (int, float):
        return ""
    if above:
        return f"> {above[0]:g}, ≤ {high[0]:g}"
    return f"{low[0]:g}…{high[0]:,.0f}".replace(",", "\u202f")


def _duration(seconds: Any) -> str:
    if seconds == 0:
        return "off"
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    # Up to 48 hours are told in hours, as people do.
    for size, unit in UNITS:
        if seconds % size == 0 and (unit != "d" or seconds > 2 * size):
            return f"{seconds // size:g}{unit}"
    return f"{seconds:g}s"


def _default(hint: Any, about: FieldInfo) -> str:
    value = about.default_factory() if about.default_factory else about.default  # type: ignore[call-arg]
    assert value is not PydanticUndefined
    if value is None:
        return "—"
    if value == () and get_origin(hint) is not tuple:
        value = {}  # a table of the file, kept as pairs
    if hint in DURATIONS:
        return f'`"{_duration(value)}"`'
    return f"`{_toml(value)}`"


def _toml(value: Any) -> str:
    match value:
        case SecretStr():
            return f'"{value.get_secret_value()}"'
        case bool():
            return str(value).lower()
        case Address() | str() | Path() | IPv4Network():
            return f'"{value}"'
        case tuple() | list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict() if not value:
            return "{}"
        case _:
            return str(value)


def page(say: Say, examples: str) -> str:
    """The page; `examples` is the way to docs/examples."""
    lines = [f"# {say(TITLE)}", ""]
    for text in INTRO:
        lines += [say(text).replace("{examples}", examples), ""]
    for table in tables(say):
        lines += [f"## `{table.head}`", "", table.about, ""]
        if table.rows:
            lines += [_row(tuple(map(say, HEAD))), "| --- | --- | --- | --- |"]
            lines += [_row((f"`{row[0]}`", *row[1:])) for row in table.rows]
            lines.append("")
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
