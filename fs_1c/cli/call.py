"""`fs-1c call`: has the running service call a client, through its HTTP door."""

from __future__ import annotations

from pathlib import Path

import typer

from fs_1c.calls import Result, Why
from fs_1c.channel import json_line, plain
from fs_1c.cli.common import usable_settings
from fs_1c.cli.running import stranger, tell
from fs_1c.language import _

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
        state = str(told["call"].get("state", "")) if told["call"] else ""
    except (KeyError, TypeError):
        typer.echo(f"call: {stranger(door)}", err=True)
        return 1
    if as_json:
        typer.echo(json_line(told))
    elif made:
        typer.echo(f"{call_id} {_words(state) or message}")
    else:
        typer.echo(f"call: {code}: {_words(code) or message}", err=True)
    return 0 if made else 2 if code in _WRONG else 4


def _words(code: str) -> str:
    """How far a call is, or why it came to nothing; empty for a code of another version's.

    In the reader's language: the service's own sentence is for 1C, in Russian.
    """
    words: dict[str, str] = {
        "asked": _("the switch has not answered yet"),
        "placed": _("the switch has the call"),
        "ringing": _("the subscriber's telephone rings"),
        "answered": _("the subscriber has picked up, the client is called"),
        "client-rings": _("the client's telephone rings"),
        "talking": _("they talk"),
        Why.NUMBER: _("that is no telephone number"),
        Why.NOT_ALLOWED: _("that number may not be called (calls.allow)"),
        Why.NO_SUBSCRIBER: _("there is no such subscriber"),
        Why.TOO_MANY: _("too many calls, try again later"),
        Why.NOT_SET: _("calls are not set up (calls.dial)"),
        Why.NO_SWITCH: _("there is no connection to the switch, no call was made"),
        Why.NOT_REGISTERED: _("the subscriber's telephone is not registered"),
        Result.NOT_PLACED: _("the switch did not take the call, it was not made"),
        Result.UNKNOWN: _("the connection to the switch was lost: nobody knows whether the call was made"),
        Result.UNHEARD: _("the call is over; how it ended is not known"),
        Result.BUSY: _("the subscriber's telephone is busy"),
        Result.NO_ANSWER: _("the subscriber did not pick up"),
        Result.CANCELLED: _("the call was ended"),
        Result.CLIENT_BUSY: _("the client is busy"),
        Result.CLIENT_NO_ANSWER: _("the client does not answer"),
        Result.CLIENT_NO_NUMBER: _("the client has no such number"),
        Result.CLIENT_FAILED: _("the client cannot be reached"),
        Result.FAILED: _("the call failed"),
    }
    return words.get(code, "")
