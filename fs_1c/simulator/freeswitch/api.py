"""What a service can ask by `api NAME ARGUMENT`; source: mod_commands.c."""

from __future__ import annotations

import json
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
    directory = switch.settings.directory
    match (name, *argument.split()):
        case ["global_getvar", variable]:
            return "127.0.0.1" if variable == "domain" else ""
        case ["module_exists", module]:
            return "true" if module in MODULES else "false"
        case ["show", "application", "as", "json"]:
            return _rows([{"name": application} for application in sorted(APPLICATIONS)])
        case ["show", "channels", "as", "json"]:
            up = switch.channels.values()
            return _rows([{name: one.get(key) or "" for name, key in _COLUMNS.items()} for one in up])
        case ["show", "registrations", "as", "json"]:
            return _rows([])
        case ["status"]:
            return f"UP 0 years\nFreeSWITCH is ready\n{len(switch.channels)} session(s)\n"
        case ["user_data", user, "var", variable]:
            return directory.get(user.partition("@")[0], {}).get(variable, "")
        case ["user_exists", "id", user, *_]:
            return "true" if directory.get(user) else "false"
        case ["uuid_dump", channel]:
            return _dump(switch, channel)
        case ["version"]:
            return "FreeSWITCH Version 1.11.3-dev (simulated by fs-1c)\n"
    return None


def _rows(rows: list[dict[str, str]]) -> str:
    # Without "rows": that is what FreeSWITCH says when nothing is up.
    told = {"row_count": len(rows), "rows": rows} if rows else {"row_count": 0}
    return json.dumps(told, ensure_ascii=False) + "\n"


def _dump(switch: SimulatedSwitch, channel: str) -> str:
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
