"""`fs-1c forget`: tells the running service, through its HTTP door, that 1C's answer has changed."""

from __future__ import annotations

from pathlib import Path

import typer

from fs_1c.channel import plain
from fs_1c.cli.common import refuse_unknown_base, usable_settings
from fs_1c.cli.running import stranger, tell
from fs_1c.language import _


def run(config: Path, number: str, *, everything: bool, base: str) -> int:
    """Has one number forgotten, or all. Returns the exit code."""
    settings = usable_settings(config)
    refuse_unknown_base(settings, base)
    if bool(number) == everything:
        typer.echo(f"forget: {_('allowed is one of NUMBER and --all')}", err=True)
        return 2
    door, token = settings.http, settings.http.secret()
    missing = {"http.enabled": door.enabled, "http.token": token, "http.listen": door.listen.port}
    for setting, there in missing.items():
        if not there:
            why = _("{setting} is missing: the running service cannot be told", setting=setting)
            typer.echo(f"{config}: {why}", err=True)
            return 2
    body: dict[str, object] = {"all": True} if everything else {"number": number}
    status, why, told = tell(door, "/forget", {**body, "base": base}, 10.0)
    if told:
        try:
            count, untold = int(told["forgotten"]), [str(one) for one in told.get("untold", ())]
        except (KeyError, TypeError, ValueError):
            status, why = 0, stranger(door)
        else:
            typer.echo(_("forgotten: {count}", count=count))
            if not untold:
                return 0
            why = _(
                "Redis could not be told, other services will be when it is there: {untold}",
                untold=plain(", ".join(untold)),
            )
    elif status == 200:
        why = stranger(door)
    typer.echo(f"forget: {why}", err=True)
    return 2 if status == 400 else 1
