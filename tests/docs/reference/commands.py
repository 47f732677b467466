"""The reference of commands, read from typer: what each does, its arguments and options, its exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from fs_1c.cli import app
from fs_1c.cli.simulator import app as simulator

Say = Callable[[str], str]
TITLE = "Commands"
INTRO = (
    "The same as `fs-1c --help` and `fs-1c COMMAND --help`. Errors go to stderr, one line each. With "
    "`--json` there is one line of JSON, whose keys stay.",
)
HEAD = ("option", "meaning", "default")


def commands() -> Iterator[tuple[str, Any]]:
    """Each command that can be typed, by its whole name, in the order of `--help`."""
    for name, one in _commands_of(app):
        if name == "simulator":  # its own are loaded when one is typed
            yield from ((f"simulator {inner}", command) for inner, command in _commands_of(simulator))
        else:
            yield name, one


def _commands_of(one: typer.Typer) -> list[tuple[str, Any]]:
    return list(typer.main.get_command(one).commands.items())  # type: ignore[attr-defined]


def page(say: Say) -> str:
    """The page."""
    lines = [f"# {say(TITLE)}", ""]
    for text in INTRO:
        lines += [say(text), ""]
    for name, command in commands():
        lines += [
            f"## `fs-1c {name}`",
            "",
            *_about(command, say),
            "",
            "```",
            _usage(name, command, say),
            "```",
            "",
        ]
        rows = [row for one in command.params if (row := _row(one, say))]
        if rows:
            cells = [tuple(map(say, HEAD)), ("---",) * 3, *rows]
            lines += [f"| {' | '.join(row)} |" for row in cells]
            lines.append("")
        assert command.epilog, f"{name}: say its exit codes in fs_1c.cli.exits"
        lines += [say(command.epilog), ""]
    return "\n".join(lines)


def _about(command: Any, say: Say) -> Iterator[str]:
    for number, paragraph in enumerate((command.help or "").split("\n\n")):
        if number:
            yield ""
        yield say(" ".join(paragraph.split()))


def _usage(name: str, command: Any, say: Say) -> str:
    words = ["fs-1c", name]
    for one in command.params:
        if one.param_type_name == "argument":
            words.append(_argument(one) if one.required else f"[{_argument(one)}]")
        elif one.required:
            words.append(f"{one.opts[0]} {_value(one)}")
    return " ".join([*words, say("[OPTIONS]")])


def _argument(one: Any) -> str:
    return str(one.metavar or one.name).upper()


def _value(one: Any) -> str:
    kinds = {Path: "FILE", int: "N", float: "N"}
    return str(
        one.metavar or next((word for kind, word in kinds.items() if isinstance(one.default, kind)), "TEXT")
    )


def _row(one: Any, say: Say) -> tuple[str, str, str] | None:
    """Its option or argument, what it means, its default; None for --help."""
    if one.name == "help":
        return None
    if one.param_type_name == "argument":
        names = [_argument(one)]
    elif one.is_flag:
        names = [*one.opts, *one.secondary_opts]
    else:
        names = [*one.opts[:-1], f"{one.opts[-1]} {_value(one)}"]
    shown = ", ".join(f"`{name}`".replace("|", "\\|") for name in names)
    return shown, say(one.help or "").replace("|", "\\|"), _default(one, say)


def _default(one: Any, say: Say) -> str:
    if one.required:
        return say("required")
    told = [] if one.default in (None, "", False) else [f"`{one.default}`"]
    if one.default is True:
        told = [f"`{one.opts[0]}`"]
    return ", ".join([*([f"`{one.envvar}`"] if one.envvar else []), *told])
