"""`fs-1c erase`: what is kept of one client goes, in the running service, in Redis, in the journal."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from fs_1c.channel import plain
from fs_1c.cli.common import usable_settings
from fs_1c.cli.running import NOBODY, stranger, tell
from fs_1c.integration import ERASE_WITHIN, Integration
from fs_1c.language import _, ngettext, retold
from fs_1c.settings import Settings

_COUNTED = ("calls", "cards", "talks", "answers", "words")


def run(config: Path, number: str) -> int:
    """Has the running service do it; where there is none, does it itself. Returns the exit code: 1 if the
    service could not be told, or something is left.
    """
    settings = usable_settings(config)
    told, left = _by_the_service(settings, number)
    if not told:
        try:
            with Integration(settings) as integration:
                told = asdict(integration.erase(number))
        except ValueError as error:
            typer.echo(f"erase: {retold(str(error))}", err=True)
            return 2
    left += told["left"]
    typer.echo(_("erased: {what}", what=", ".join(_counted(told))))
    for file in told["recordings"]:
        typer.echo(_("a recording stays, for it is the switch's: {file}", file=plain(file)))
    for line in left:
        typer.echo(f"erase: {plain(retold(line))}", err=True)
    return 1 if left else 0


def _by_the_service(settings: Settings, number: str) -> tuple[dict[str, Any], list[str]]:
    """What it did, or nothing; and why it could not be told."""
    door = settings.http
    if not (door.enabled and door.listen.port):
        return {}, [_("without http.enabled and a port of http.listen a service that runs could not be told")]
    status, why, told = tell(door, "/erase", {"number": number}, ERASE_WITHIN + 10)
    if status == 400:
        typer.echo(f"erase: {why}", err=True)
        raise typer.Exit(2)
    if status == NOBODY:
        return {}, []
    if status == 200:
        try:
            return {
                **{key: int(told[key]) for key in _COUNTED},
                **{key: [str(one) for one in told[key]] for key in ("left", "recordings")},
            }, []
        except (KeyError, TypeError, ValueError):
            why = stranger(door)
    return {}, [_("the service: {why}", why=why)]


def _counted(told: dict[str, Any]) -> list[str]:
    calls, cards, talks, answers, words = (int(told[key]) for key in _COUNTED)
    return [
        ngettext("{count} call", "{count} calls", calls),
        ngettext("{count} card", "{count} cards", cards),
        ngettext("{count} conversation", "{count} conversations", talks),
        ngettext("{count} remembered answer", "{count} remembered answers", answers),
        ngettext("{count} word that 1C was to be told", "{count} words that 1C was to be told", words),
    ]
