"""`fs-1c presence`: who can take a call, as the running service knows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from fs_1c.channel import json_line, plain
from fs_1c.cli.common import out, usable_settings
from fs_1c.cli.running import ask, stranger
from fs_1c.cli.terminal import say
from fs_1c.journal import in_columns

HEADINGS = ("extension", "state", "since", "with", "domain", "switch")


def run(config: Path, extension: str, *, as_json: bool) -> int:
    """Shows it. Returns the exit code: 1 if the service is not reached or refuses."""
    door = usable_settings(config).http
    status, why, told = ask(door, "/presence.json", {"extension": extension, "limit": "10000"}, 15.0)
    if status == 200:
        try:
            say(out, *([json_line(told)] if as_json else _lines(told)))
            return 0
        except (KeyError, TypeError, ValueError, AttributeError):
            why = stranger(door)
    typer.echo(f"presence: {plain(why)}", err=True)
    return 1


def _lines(told: Mapping[str, Any]) -> list[str]:
    """For people. Raises KeyError, TypeError, ValueError or AttributeError if that is no answer."""
    lines, rows = [_switch(*one) for one in told["switches"].items()], [*map(_row, told["subscribers"])]
    lines += ["", *in_columns([HEADINGS, *rows])] if rows else ["Nothing is known: they are rung as if free."]
    return lines + ([f"{more} more."] if (more := int(told["more"])) > 0 else [])


def _switch(name: str, told: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{int(count)} {plain(str(state))}" for state, count in told["subscribers"].items())
    heard = "is heard" if told["heard"] else "is not heard, so all are unknown"
    all_told = "" if told["told_s"] is None else f", and told all registrations {int(told['told_s'])} s ago"
    all_told = ", told of by another service" if told.get("elsewhere") else all_told
    return f"Switch {plain(name)} {heard}{all_told}: {counts}."


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    since = str(one["since"] or "")[:19].replace("T", " ")
    whom = "declines calls" if one["declines"] else one["whom"]
    cells = (one["extension"], one["state"], since, whom, one["domain"], one["switch"])
    return tuple(plain(str(cell or "-")) for cell in cells)
