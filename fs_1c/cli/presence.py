"""`fs-1c presence`: who can take a call, as the running service knows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from fs_1c.call import PresenceState
from fs_1c.channel import json_line, plain
from fs_1c.cli.common import out, usable_settings
from fs_1c.cli.running import ask, stranger
from fs_1c.cli.terminal import say
from fs_1c.journal import in_columns
from fs_1c.language import N_, _, ngettext, pgettext

HEADINGS = (N_("extension"), N_("state"), N_("since"), N_("with"), N_("domain"), N_("switch"))


def run(config: Path, extension: str, *, as_json: bool) -> int:
    """Shows it. Returns the exit code: 1 if the service is not reached or refuses."""
    door = usable_settings(config).http
    status, why, told = ask(door, "/presence.json", {"extension": extension, "limit": "10000"}, 15.0)
    if status == 200:
        try:
            say(out, *([json_line(told)] if as_json else _lines(told)))
            return 0
        except (KeyError, TypeError, ValueError, AttributeError):
            why = stranger(door)
    typer.echo(f"presence: {plain(why)}", err=True)
    return 1


def _lines(told: Mapping[str, Any]) -> list[str]:
    """For people. Raises KeyError, TypeError, ValueError or AttributeError if that is no answer."""
    lines = [_switch(str(name), switch) for name, switch in told["switches"].items()]
    rows = [_row(one) for one in told["subscribers"]]
    if rows:
        lines += ["", *in_columns([[_(one) for one in HEADINGS], *rows])]
    else:
        lines.append(_("Nothing is known: they are rung as if free."))
    return lines + ([_("{count} more.", count=more)] if (more := int(told["more"])) > 0 else [])


def _switch(name: str, told: Mapping[str, Any]) -> str:
    subscribers = told["subscribers"].items()
    counts = ", ".join(_count(plain(str(state)), int(count)) for state, count in subscribers)
    if not told["heard"]:
        said = _("Switch {name} is not heard, so all are unknown", name=plain(name))
    else:
        said = _("Switch {name} is heard", name=plain(name))
    if told.get("elsewhere"):
        said += _(", as another service tells")
    elif told["told_s"] is not None:
        said += _(", and told all registrations {seconds} s ago", seconds=int(told["told_s"]))
    return f"{said}: {counts}."


def _count(state: str, count: int) -> str:
    match state:
        case PresenceState.FREE:
            return ngettext("{count} free", "{count} free", count)
        case PresenceState.BUSY:
            return ngettext("{count} busy", "{count} busy", count)
        case PresenceState.AWAY:
            return ngettext("{count} away", "{count} away", count)
        case PresenceState.UNKNOWN:
            return ngettext("{count} unknown", "{count} unknown", count)
    return f"{count} {state}"


def _state(state: str) -> str:
    words = {
        PresenceState.FREE: pgettext("subscriber", "free"),
        PresenceState.BUSY: pgettext("subscriber", "busy"),
        PresenceState.AWAY: pgettext("subscriber", "away"),
        PresenceState.UNKNOWN: pgettext("subscriber", "unknown"),
    }
    return words.get(PresenceState(state), state) if state in set(PresenceState) else state


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    since = str(one["since"] or "")[:19].replace("T", " ")
    whom = _("declines calls") if one["declines"] else one["whom"]
    cells = (one["extension"], _state(str(one["state"])), since, whom, one["domain"], one["switch"])
    return tuple(plain(str(cell or "-")) for cell in cells)
