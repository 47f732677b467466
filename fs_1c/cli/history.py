"""`fs-1c history`: what waits for 1C, since when and why; has it tried at once, or dropped."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from fs_1c.channel import json_line, plain
from fs_1c.cli.common import out, refuse_unknown_base, usable_settings
from fs_1c.cli.running import NOBODY, ask, stranger, tell
from fs_1c.cli.terminal import say
from fs_1c.history import history_file, in_file
from fs_1c.journal import in_columns
from fs_1c.settings import Settings
from fs_1c.sqlite_file import Newer

WITHIN = 15.0
"""Seconds that the service may take to look."""
DONE_WITHIN = 120.0
"""Seconds that it may take to drop what may be many thousand words."""
MAX_WHY = 60
HEADINGS = ("since", "number", "base", "waits", "tries", "next", "why", "call")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed."""

    call: str
    base: str
    limit: int
    retry: bool
    drop: bool
    everything: bool


def run(config: Path, wanted: Wanted, *, as_json: bool) -> int:
    """Shows what waits, or has something done about it. Returns the exit code: 1 if the service is not
    reached or refuses.
    """
    settings = usable_settings(config)
    refuse_unknown_base(settings, wanted.base)
    if problem := _problem(settings, wanted):
        typer.echo(
            f"{config}: {problem}" if problem.startswith("history.") else f"history: {problem}", err=True
        )
        return 2
    return _do(settings, wanted, as_json) if wanted.retry or wanted.drop else _show(settings, wanted, as_json)


def _problem(settings: Settings, wanted: Wanted) -> str:
    if not settings.tells_history:
        return "history.enabled is off: 1C is told of no calls"
    if wanted.retry and wanted.drop:
        return "allowed is one of --retry and --drop"
    if wanted.everything and (wanted.call or wanted.base):
        return "allowed is one of --all, and --call and --base"
    if wanted.drop and not (wanted.call or wanted.base or wanted.everything):
        return "--drop: allowed with --call UUID, --base NAME, or --all"
    if wanted.everything and not (wanted.retry or wanted.drop):
        return "--all: allowed with --retry or --drop"
    door = settings.http
    if (wanted.retry or wanted.drop) and not (door.enabled and door.listen.port and door.secret()):
        return (
            "http: allowed with http.enabled, a port of http.listen and http.token: "
            "else the running service cannot be told"
        )
    return ""


def _do(settings: Settings, wanted: Wanted, as_json: bool) -> int:
    do = "drop" if wanted.drop else "retry"
    chosen: dict[str, Any] = {"call": wanted.call, "base": wanted.base}
    if not (wanted.call or wanted.base):
        chosen = {"all": True}
    status, why, told = tell(settings.http, "/history", {"do": do, **chosen}, DONE_WITHIN)
    if status == 200:
        try:
            counted = {name: int(told[name]) for name in (("words", "calls") if wanted.drop else ("calls",))}
        except (KeyError, TypeError, ValueError):
            why = stranger(settings.http)
        else:
            done = (
                f"dropped: {counted['words']} words of {counted['calls']} calls, of which 1C is not told"
                if wanted.drop
                else f"tried at once: {counted['calls']} calls"
            )
            typer.echo(json_line(counted) if as_json else done)
            return 0
    typer.echo(f"history: {plain(why)}", err=True)
    return 2 if status == 400 else 1


def _show(settings: Settings, wanted: Wanted, as_json: bool) -> int:
    door = settings.http
    asked = {"base": wanted.base, "call": wanted.call, "limit": str(wanted.limit)}
    if door.enabled and door.listen.port:
        status, why, told = ask(door, "/history", asked, WITHIN)
        if status == 200:
            try:
                lines = [json_line(told)] if as_json else _lines(told, wanted)
            except (KeyError, TypeError, ValueError, AttributeError):
                why = stranger(door)
            else:
                say(out, *lines)
                return 0
        if status != NOBODY:
            typer.echo(f"history: {plain(why)}", err=True)
            return 2 if status == 400 else 1
    return _of_the_file(settings, wanted, as_json)


def _of_the_file(settings: Settings, wanted: Wanted, as_json: bool) -> int:
    """Nobody answers: what stands in the file."""
    path = history_file(settings)
    if path is None:
        typer.echo("history: the service does not run, and without state.folder nothing is kept", err=True)
        return 1
    try:
        found = in_file(path, wanted.base, wanted.call, wanted.limit)
    except (OSError, sqlite3.Error, Newer) as error:
        typer.echo(f"history: {path}: cannot be read: {plain(str(error))}", err=True)
        return 1
    told: dict[str, Any] = {"calls": [{**asdict(one), "error": one.error or None} for one in found]}
    Console(stderr=True).print(f"history: the service does not run; this is in {path}", soft_wrap=True)
    say(out, *([json_line(told)] if as_json else _lines(told, wanted)))
    return 0


def _lines(told: Mapping[str, Any], wanted: Wanted) -> list[str]:
    """For people. Raises KeyError, TypeError, ValueError or AttributeError if that is no answer."""
    now = time.time()
    lines = [
        f"Base {name}: {int(base['words'])} words of {int(base['calls'])} calls wait, the oldest for "
        f"{_age(float(base['oldest_s']))}." + (f" {base['error']}." if base["error"] else "")
        for name, base in told.get("bases", {}).items()
    ]
    if (lost := int(told.get("lost", 0))) > 0:
        lines.append(f"Lost for want of a disk: {lost} words.")
    if (disk := told.get("disk", "well")) != "well":
        lines.append(f"The disk is {disk}: what stands there is not shown, or not yet.")
    calls: Sequence[Mapping[str, Any]] = told["calls"]
    if not calls:
        return lines or [f"Nothing waits for 1C{f' of call {wanted.call}' if wanted.call else ''}."]
    rows = [HEADINGS, *(_row(one, now) for one in calls)]
    return [*lines, *([""] if lines else []), *in_columns(rows)]


def _row(one: Mapping[str, Any], now: float) -> tuple[str, ...]:
    why = plain(str(one["error"] or "-"))
    states = [str(state) for state in one["states"]]
    more = int(one["words"]) - len(states)
    turn = one["next_in"]
    since = datetime.fromtimestamp(float(one["since"]), UTC).astimezone()
    return (
        f"{since:%Y-%m-%d %H:%M:%S} ({_age(now - float(one['since']))})",
        plain(str(one["number"] or "withheld")),
        plain(str(one["base"])),
        plain(" ".join(states)) + (f" and {more} more" if more > 0 else ""),
        str(int(one["tries"])),
        "the disk" if turn is None else f"in {_age(float(turn))}" if float(turn) > 0 else "its turn",
        why if len(why) <= MAX_WHY else why[: MAX_WHY - 1] + "…",
        plain(str(one["call"])),
    )


def _age(seconds: float) -> str:
    """Such as 5 s, 12 min, 3 h, 2 d."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
