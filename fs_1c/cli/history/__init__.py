"""`fs-1c history`: what waits for 1C, since when and why; has it tried at once, or dropped."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from fs_1c.channel import json_line, plain
from fs_1c.cli.common import out, refuse_unknown_base, usable_settings
from fs_1c.cli.history.lines import lines, words_of
from fs_1c.cli.running import NOBODY, ask, stranger, tell
from fs_1c.cli.terminal import say
from fs_1c.history import bases_as_json, history_file, in_file
from fs_1c.language import _, ngettext
from fs_1c.settings import Settings
from fs_1c.sqlite_file import Newer

WITHIN = 15.0
"""Seconds that the service may take to look."""
DONE_WITHIN = 120.0
"""Seconds that it may take to drop what may be many thousand words."""


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
        return _("history.enabled is off: 1C is told of no calls")
    if wanted.retry and wanted.drop:
        return _("allowed is one of --retry and --drop")
    if wanted.everything and (wanted.call or wanted.base):
        return _("allowed is one of --all, and --call and --base")
    if wanted.drop and not (wanted.call or wanted.base or wanted.everything):
        return _("--drop: allowed with --call UUID, --base NAME, or --all")
    if wanted.everything and not (wanted.retry or wanted.drop):
        return _("--all: allowed with --retry or --drop")
    door = settings.http
    if (wanted.retry or wanted.drop) and not (door.enabled and door.listen.port and door.secret()):
        return _(
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
            calls = ngettext("{count} call", "{count} calls", counted["calls"])
            done = (
                _(
                    "dropped: {words} of {calls}, 1C is not told",
                    words=words_of(counted["words"]),
                    calls=calls,
                )
                if wanted.drop
                else _("tried at once: {calls}", calls=calls)
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
                shown = [json_line(told)] if as_json else lines(told, wanted.call, wanted.base)
            except (KeyError, TypeError, ValueError, AttributeError):
                why = stranger(door)
            else:
                say(out, *shown)
                return 0
        if status != NOBODY:
            typer.echo(f"history: {plain(why)}", err=True)
            return 2 if status == 400 else 1
    return _of_the_file(settings, wanted, as_json)


def _of_the_file(settings: Settings, wanted: Wanted, as_json: bool) -> int:
    """Nobody answers: what stands in the file."""
    path = history_file(settings)
    if path is None:
        why = _("the service does not run, and without state.folder nothing is kept")
        typer.echo(f"history: {why}", err=True)
        return 1
    try:
        bases, found = in_file(path, wanted.base, wanted.call, wanted.limit)
    except (OSError, sqlite3.Error, Newer) as error:
        why = _("{path}: cannot be read: {why}", path=path, why=plain(str(error)))
        typer.echo(f"history: {why}", err=True)
        return 1
    now = time.time()
    told: dict[str, Any] = {
        "bases": bases_as_json(bases, now),
        "calls": [{**asdict(one), "error": one.error or None} for one in found],
    }
    where = _("the service does not run; this is in {path}", path=path)
    Console(stderr=True).print(f"history: {where}", soft_wrap=True)
    say(out, *([json_line(told)] if as_json else lines(told, wanted.call, wanted.base, runs=False)))
    return 0
