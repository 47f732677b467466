"""`fs-1c lookup` and `fs-1c pop`: 1C asked by hand, now. Both return the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from fs_1c.call import Caller, Failure, Outcome, Result, ScreenPop
from fs_1c.channel import json_line
from fs_1c.cli.common import out, refuse_unknown_base, usable_settings
from fs_1c.cli.terminal import say
from fs_1c.integration import Integration
from fs_1c.journal import card_word, lookup_word
from fs_1c.language import _, retold
from fs_1c.settings import Settings, empty

_EXIT_LOOKUP = {Result.FOUND: 0, Result.UNKNOWN: 3, Result.SKIPPED: 3}


def lookup(config: Path, number: str, *, base: str, as_json: bool) -> int:
    """Who calls from `number`."""
    settings = usable_settings(config)
    refuse_unknown_base(settings, base)
    with Integration(settings) as integration:
        caller = integration.lookup(number, base)
    if as_json:
        typer.echo(json_line(caller_as_json(number, caller)))
    else:
        _show_caller(number, caller)
        _mind_the_password(settings, caller.error, base)
    malformed = caller.error is not None and caller.error.message == "malformed"
    return 2 if malformed else _EXIT_LOOKUP.get(caller.result, 4)


def pop(config: Path, number: str, *, extension: str, key: str, base: str, as_json: bool) -> int:
    """The card of `number` at a subscriber, who is given by extension or by key."""
    settings = usable_settings(config)
    refuse_unknown_base(settings, base)
    if bool(extension) == bool(key):
        typer.echo(f"pop: {_('allowed is one of --extension and --key')}", err=True)
        return 2
    with Integration(settings) as integration:
        told = integration.pop(number, extension=extension, key=key, base=base)
    if as_json:
        typer.echo(json_line(pop_as_json(told)))
    else:
        took = _("{outcome} in {ms:.0f} ms", outcome=card_word(told.outcome), ms=told.took * 1000)
        accepted = _("{took} (1C took it; whether it was shown it never says)", took=took)
        say(out, f"{took}: {retold(told.error.message)}" if told.error else accepted)
        _mind_the_password(settings, told.error, base)
    wrong = told.outcome in (Outcome.NO_KEY, Outcome.SKIPPED)
    return 0 if told.outcome is Outcome.ACCEPTED else 2 if wrong else 4


def _mind_the_password(settings: Settings, error: Failure | None, base: str) -> None:
    """1C does not let us in, and the password has not been written yet: the command that writes it."""
    file = settings.onec[base or next(iter(settings.onec))].password_file
    if error and error.kind == "unauthorized" and file and not file.read_text("utf-8-sig").strip("\r\n"):
        typer.echo(retold(empty(file)), err=True)


def caller_as_json(number: str, caller: Caller) -> dict[str, Any]:
    """The answer of `lookup --json`; its keys are a contract."""
    return {
        "number": caller.number.e164 if caller.number else number,
        "asked_as": caller.asked_as or None,
        "result": caller.result.value,
        "title": caller.title,
        "category": caller.category,
        "manager": caller.manager,
        "source": caller.source.value,
        "took_ms": round(caller.took * 1000, 1),
        "error": {"kind": caller.error.kind, "message": caller.error.message} if caller.error else None,
    }


def pop_as_json(told: ScreenPop) -> dict[str, Any]:
    """The answer of `pop --json`; its keys are a contract."""
    return {
        "outcome": told.outcome.value,
        "took_ms": round(told.took * 1000, 1),
        "error": {"kind": told.error.kind, "message": told.error.message} if told.error else None,
    }


def _show_caller(number: str, caller: Caller) -> None:
    took = _("{ms:.0f} ms", ms=caller.took * 1000)
    asked = asked_as(number, caller.asked_as) if caller.asked_as else number
    if caller.result is Result.FOUND:
        say(out, f"{asked}: {caller.title}")
        category, manager = caller.category or "-", caller.manager or "-"
        known = _("category {category}, manager {manager}", category=category, manager=manager)
        say(out, f"{known}, {took}")
    elif caller.error and caller.error.message == "malformed":
        why = _("is no telephone number, so 1C is not asked; needed is a whole one, such as 89235292926")
        say(out, f"{asked}: {why}")
    elif caller.error:
        say(out, f"{asked}: {lookup_word(caller.result)}: {retold(caller.error.message)} ({took})")
    else:
        say(out, f"{asked}: {_('1C knows no such client')} ({took})")


def asked_as(number: str, written: str) -> str:
    """A number, and as what it was asked about."""
    return _("{number} (asked as {written})", number=number, written=written)
