"""What was found, for people and for machines; and `fs-1c check` itself."""

from __future__ import annotations

import textwrap
import threading
import time
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.status import Status
from rich.text import Text

from fs_1c import __version__
from fs_1c.bounds import OutOfTime, within
from fs_1c.channel import json_line
from fs_1c.check import chain
from fs_1c.check.finding import Finding, Level, exit_code
from fs_1c.check.walk import Unseen
from fs_1c.language import N_, _, ngettext, retold
from fs_1c.settings import SettingsError, load

LOAD_WITHIN = 10.0
SETTINGS_WRONG = 2
_STYLE = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red", Level.SKIPPED: "dim"}
_MARK = dict(zip(Level, (N_("ok"), N_("warning"), N_("PROBLEM"), N_("skipped")), strict=True))
_STEP_WIDTH = 15


def run(path: Path, numbers: Sequence[str], *, as_json: bool, console: Console) -> int:
    """Checks, shows what was found on `console`, and returns the exit code.

    0: no link is broken; 1: one is; 2: the settings cannot be used.
    """
    started = time.monotonic()
    try:
        settings = within(LOAD_WITHIN, lambda: load(path))
    except SettingsError as error:
        return _unusable(error.problems, as_json, console, started)
    except OutOfTime:
        slow = f"{path}: it, or a file that it names, could not be read within {LOAD_WITHIN:g} s"
        return _unusable([slow], as_json, console, started)
    show = _Silent() if as_json else _Shown(console)
    with show:
        found = chain.walk(settings, path, numbers, show)
    code = exit_code(found)
    if as_json:
        _tell(console, as_object(found, code, time.monotonic() - started))
    else:
        console.print(_sum(found), markup=False)
    return code


def _unusable(problems: Sequence[str], as_json: bool, console: Console, started: float) -> int:
    if as_json:
        found = [
            Finding(
                "settings",
                Level.PROBLEM,
                one,
                "Nothing works with them.",
                "Correct that line.",
                where="settings",
            )
            for one in problems
        ]
        _tell(console, as_object(found, SETTINGS_WRONG, time.monotonic() - started))
    else:
        for one in problems:
            typer.echo(retold(one), err=True)
    return SETTINGS_WRONG


def as_object(found: Sequence[Finding], code: int, took: float) -> dict[str, Any]:
    """The answer of `check --json`; its keys are a contract."""
    levels = Counter(finding.level for finding in found)
    return {
        "ok": code == 0,
        "version": __version__,
        "problems": levels[Level.PROBLEM],
        "warnings": levels[Level.WARNING],
        "took_ms": round(took * 1000, 1),
        "findings": [
            {
                "where": finding.where,
                "step": finding.step,
                "level": finding.level.value,
                "what": finding.what,
                "why": finding.why,
                "remedy": finding.remedy,
                "took_ms": finding.took_ms,
            }
            for finding in found
        ],
    }


def _tell(console: Console, told: dict[str, Any]) -> None:
    console.file.write(f"{json_line(told)}\n")


def _sum(found: Sequence[Finding]) -> Text:
    levels = Counter(finding.level for finding in found)
    problems, warnings = levels[Level.PROBLEM], levels[Level.WARNING]
    told = [ngettext("{count} problem", "{count} problems", problems)] if problems else []
    told += [ngettext("{count} warning", "{count} warnings", warnings)] if warnings else []
    level = Level.PROBLEM if problems else Level.WARNING if warnings else Level.OK
    return Text(", ".join(told) or _("All is well."), style=_STYLE[level])


class _Silent(Unseen):
    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass


class _Shown:
    """Shows each link when all is known about it; on a terminal, what is being looked at besides."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = console.status("") if console.is_terminal else None
        self._now: dict[str, str] = {}
        self._lock = threading.Lock()

    def begun(self, where: str, step: str) -> None:
        with self._lock:
            self._now[where] = step
            self._refresh()

    def finished(self, where: str, findings: Sequence[Finding]) -> None:
        with self._lock:
            self._now.pop(where, None)
            self._refresh()
            for line in lines(where, findings, self._console.width if self._status else None):
                self._console.print(line, soft_wrap=True)

    def __enter__(self) -> None:
        if self._status:
            self._status.start()

    def __exit__(self, *exception: object) -> None:
        if self._status:
            self._status.stop()

    def _refresh(self) -> None:
        if self._status:
            self._status.update(Text(" · ".join(f"{retold(at)}: {step}" for at, step in self._now.items())))


def lines(where: str, findings: Sequence[Finding], width: int | None = None) -> list[Text]:
    """One link of the chain for people. `width`: characters of a line; None: lines are not broken."""
    told = [Text(retold(where), style="bold")] if findings else []
    margin = max(len(_(mark)) for mark in _MARK.values())
    for _alike, group in groupby(findings, key=lambda one: (one.level, one.what)):
        same = list(group)  # steps that were skipped for one reason
        finding = same[0]
        steps = ", ".join(dict.fromkeys(one.step for one in same)) + (":" if len(same) > 1 else "")
        timed = finding.level is Level.OK and finding.took_ms >= 1
        took = _(" ({ms:.0f} ms)", ms=finding.took_ms) if timed else ""
        head = Text(f"  {_(_MARK[finding.level]):<{margin}} ", _STYLE[finding.level])
        hang = " " * (_STEP_WIDTH + 1)
        told += _folded(head, f"{steps:<{_STEP_WIDTH}} {retold(finding.what)}{took}", width, hang)
        indent = Text(" " * len(head) + hang)
        told += _folded(indent, retold(finding.why), width) if finding.why else []
        told += _folded(indent, f"→ {retold(finding.remedy)}", width) if finding.remedy else []
    return told


def _folded(head: Text, rest: str, width: int | None, hang: str = "") -> list[Text]:
    """`head` and `rest` on one line, or on several; all but the first begin with `hang`, below `rest`."""
    if width is None:
        return [head + Text(rest)]
    room = max(20, width - len(head))
    first, *more = textwrap.wrap(rest, room, subsequent_indent=hang, break_on_hyphens=False) or [""]
    return [head + Text(first), *(Text(" " * len(head) + line) for line in more)]
