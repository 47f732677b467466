"""`fs-1c call`: has the running service call a client, through its HTTP door."""

from __future__ import annotations

from pathlib import Path

import typer

from fs_1c.channel import json_line, plain
from fs_1c.cli.common import usable_settings
from fs_1c.cli.running import stranger, tell
from fs_1c.language import _, retold

_WRONG = ("number", "not-allowed", "not-set")
WITHIN = 20.0
"""Seconds; the service answers when the telephone rings, or after 15."""


def run(config: Path, client: str, extension: str, *, as_json: bool) -> int:
    """Returns the exit code: 1 if it could not be told, 2 wrong input, 4 if the call came to nothing."""
    settings = usable_settings(config)
    door, token = settings.http, settings.http.secret()
    missing = {"http.enabled": door.enabled, "http.token": token, "http.listen": door.listen.port}
    missing["calls.dial"] = settings.calls.dial
    for setting, there in missing.items():
        if not there:
            why = _("{setting} is missing: the running service cannot be told", setting=setting)
            typer.echo(f"{config}: {why}", err=True)
            return 2
    status, why, told = tell(door, "/call", {"number": client, "extension": extension}, WITHIN)
    if status != 200:
        typer.echo(f"call: {plain(why)}", err=True)
        return 2 if status == 400 else 1
    try:
        made, code, message = bool(told["made"]), plain(str(told["code"])), plain(str(told["message"]))
        call_id = plain(str(told["call"]["id"])) if told["call"] else ""
    except (KeyError, TypeError):
        typer.echo(f"call: {stranger(door)}", err=True)
        return 1
    if as_json:
        typer.echo(json_line(told))
    elif made:
        typer.echo(f"{call_id} {retold(message)}")
    else:
        typer.echo(f"call: {code}: {retold(message)}", err=True)
    return 0 if made else 2 if code in _WRONG else 4
