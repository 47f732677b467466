"""What a service can ask by `api NAME ARGUMENT`; source: mod_commands.c."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from fs_1c.simulator.freeswitch.call import APPLICATIONS

if TYPE_CHECKING:
    from fs_1c.simulator.freeswitch.switch import SimulatedSwitch

MODULES = ("mod_commands", "mod_dptools", "mod_event_socket", "mod_sofia")

_COLUMNS = {
    "uuid": "Unique-ID",
    "direction": "Call-Direction",
    "name": "Channel-Name",
    "callstate": "Channel-Call-State",
    "cid_num": "Caller-Caller-ID-Number",
    "dest": "Caller-Destination-Number",
    "presence_id": "Channel-Presence-ID",
}
"""Columns of `show channels`, some of them, and the header that each is taken from here."""


def run(switch: SimulatedSwitch, name: str, argument: str) -> str | None:
    """What the command writes, None when there is no such command."""
    command = _COMMANDS.get(name)
    return None if command is None else command(switch, *(*argument.split(), "", "", "")[:3])


def _show(switch: SimulatedSwitch, what: str, _as: str, form: str) -> str:
    rows = [{"name": name} for name in sorted(APPLICATIONS)] if what == "application" else []
    if what == "channels":
        up = switch.channels.values()
        rows = [{name: event.get(key) or "" for name, key in _COLUMNS.items()} for event in up]
    if what not in ("channels", "application", "registrations") or form != "json":
        return "-USAGE: show channels|application|registrations as json\n"
    # Without "rows": that is what FreeSWITCH says when nothing is up.
    told = {"row_count": len(rows), "rows": rows} if rows else {"row_count": 0}
    return json.dumps(told, ensure_ascii=False) + "\n"


def _uuid_dump(switch: SimulatedSwitch, channel: str, *_: str) -> str:
    """A channel's data: the last event about it, and what its call knows better."""
    event, call = switch.channels.get(channel), switch.calls.get(channel)
    if event is None:
        return "-ERR No such channel!\n"
    passing = ("Bridge-", "Application", "Hangup-")
    changes: dict[str, str | None] = {key: None for key, _ in event.headers if key.startswith(passing)}
    changes["Event-Name"] = "CHANNEL_DATA"
    if call is not None and channel == call.uuid:
        changes |= {f"variable_{name}": value for name, value in call.variables.items()}
    return event.changed(changes).plain().decode("utf-8", "surrogateescape")


def _user_data(switch: SimulatedSwitch, user: str, _var: str, name: str) -> str:
    return switch.settings.directory.get(user.partition("@")[0], {}).get(name, "")


_COMMANDS: dict[str, Callable[[SimulatedSwitch, str, str, str], str]] = {
    "global_getvar": lambda _, name, *__: "127.0.0.1" if name == "domain" else "",
    "module_exists": lambda _, module, *__: "true" if module in MODULES else "false",
    "show": _show,
    "status": lambda switch, *_: f"UP 0 years\nFreeSWITCH is ready\n{len(switch.channels)} session(s)\n",
    "user_data": _user_data,
    "user_exists": lambda switch, _, user, __: "true" if switch.settings.directory.get(user) else "false",
    "uuid_dump": _uuid_dump,
    "version": lambda *_: "FreeSWITCH Version 1.11.3-dev (simulated by fs-1c)\n",
}
