"""What several commands have in common: usable settings, a base, the terminal."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from fs_1c.language import _, retold
from fs_1c.settings import Settings, SettingsError, load

out = Console(highlight=False, soft_wrap=True)


def usable_settings(path: Path) -> Settings:
    """The settings in that file; else a line for each problem, and exit code 2."""
    try:
        return load(path)
    except SettingsError as error:
        for problem in error.problems:
            typer.echo(retold(problem), err=True)
        raise typer.Exit(2) from None


def refuse_unknown_base(settings: Settings, base: str) -> None:
    """Exit code 2 for a base that the settings do not have; empty: none was chosen."""
    if base and base not in settings.onec:
        typer.echo(_("--base: {base}: allowed: {bases}", base=base, bases=", ".join(settings.onec)), err=True)
        raise typer.Exit(2)
