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
from fs_1c.language import N_, _, ngettext, retold
from fs_1c.settings import Settings
from fs_1c.sqlite_file import Newer

WITHIN = 15.0
"""Seconds that the service may take to look."""
DONE_WITHIN = 120.0
"""Seconds that it may take to drop what may be many thousand words."""
MAX_WHY = 60
HEADINGS = (
    N_("since"),
    N_("number"),
    N_("base"),
    N_("waits"),
    N_("tries"),
    N_("next"),
    N_("why"),
    N_("call"),
)


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
                _("dropped: {words} of {calls}, 1C is not told", words=_words(counted["words"]), calls=calls)
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
        why = _("the service does not run, and without state.folder nothing is kept")
        typer.echo(f"history: {why}", err=True)
        return 1
    try:
        found = in_file(path, wanted.base, wanted.call, wanted.limit)
    except (OSError, sqlite3.Error, Newer) as error:
        why = _("{path}: cannot be read: {why}", path=path, why=plain(str(error)))
        typer.echo(f"history: {why}", err=True)
        return 1
    told: dict[str, Any] = {"calls": [{**asdict(one), "error": one.error or None} for one in found]}
    where = _("the service does not run; this is in {path}", path=path)
    Console(stderr=True).print(f"history: {where}", soft_wrap=True)
    say(out, *([json_line(told)] if as_json else _lines(told, wanted)))
    return 0


def _lines(told: Mapping[str, Any], wanted: Wanted) -> list[str]:
    """For people. Raises KeyError, TypeError, ValueError or AttributeError if that is no answer."""
    now = time.time()
    lines = [
        _(
            "Base {name}: {words} of {calls} waiting, the oldest for {age}.",
            name=name,
            words=_words(int(base["words"])),
            calls=ngettext("{count} call", "{count} calls", int(base["calls"])),
            age=_age(float(base["oldest_s"])),
        )
        + (f" {retold(base['error'])}." if base["error"] else "")
        for name, base in told.get("bases", {}).items()
    ]
    if (lost := int(told.get("lost", 0))) > 0:
        lines.append(_("Lost for want of a disk: {words}.", words=_words(lost)))
    if (disk := told.get("disk", "well")) != "well":
        late = _("The disk is late: what stands there is not shown, or not yet.")
        lines.append(late if disk == "late" else _("The disk is away: what stands there is not shown."))
    calls: Sequence[Mapping[str, Any]] = told["calls"]
    if not calls:
        if wanted.call:
            return lines or [_("Nothing waits for 1C of call {call}.", call=wanted.call)]
        return lines or [_("Nothing waits for 1C.")]
    rows = [tuple(_(one) for one in HEADINGS), *(_row(one, now) for one in calls)]
    return [*lines, *([""] if lines else []), *in_columns(rows)]


def _row(one: Mapping[str, Any], now: float) -> tuple[str, ...]:
    why = retold(plain(str(one["error"] or "-")))
    states = [str(state) for state in one["states"]]
    more = int(one["words"]) - len(states)
    turn = one["next_in"]
    following = _("the disk") if turn is None else _("its turn")
    if turn is not None and float(turn) > 0:
        following = _("in {age}", age=_age(float(turn)))
    since = datetime.fromtimestamp(float(one["since"]), UTC).astimezone()
    return (
        f"{since:%Y-%m-%d %H:%M:%S} ({_age(now - float(one['since']))})",
        plain(str(one["number"] or _("withheld"))),
        plain(str(one["base"])),
        plain(" ".join(states)) + (_(" and {count} more", count=more) if more > 0 else ""),
        str(int(one["tries"])),
        following,
        why if len(why) <= MAX_WHY else why[: MAX_WHY - 1] + "…",
        plain(str(one["call"])),
    )


def _age(seconds: float) -> str:
    """Such as 5 s, 12 min, 3 h, 2 d."""
    sizes = ((N_("{count:.0f} d"), 86400), (N_("{count:.0f} h"), 3600), (N_("{count:.0f} min"), 60))
    for text, size in sizes:
        if seconds >= 2 * size:
            return _(text, count=seconds / size)
    return _("{count:.0f} s", count=max(0.0, seconds))


def _words(count: int) -> str:
    return ngettext("{count} word", "{count} words", count)
