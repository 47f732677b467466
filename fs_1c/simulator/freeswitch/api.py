"""What a service can ask by `api NAME ARGUMENT`; source: mod_commands.c."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from fs_1c.simulator.freeswitch.wire import Event

if TYPE_CHECKING:
    from fs_1c.simulator.freeswitch.switch import SimulatedSwitch

NO_CHANNEL = "-ERR No such channel!\n"
APPLICATIONS = ("answer", "bridge", "export", "hangup", "multiset", "set", "socket", "unset")
MODULES = ("mod_commands", "mod_dptools", "mod_event_socket", "mod_sofia")

_COLUMNS = (
    "uuid=Unique-ID direction=Call-Direction created=Event-Date-Local created_epoch=Event-Date-Timestamp"
    " name=Channel-Name state=Channel-State cid_name=Caller-Caller-ID-Name cid_num=Caller-Caller-ID-Number"
    " ip_addr=Caller-Network-Addr dest=Caller-Destination-Number application=variable_current_application"
    " application_data=variable_current_application_data dialplan=Caller-Dialplan context=Caller-Context"
    " read_codec=Channel-Read-Codec-Name write_codec=Channel-Write-Codec-Name hostname=FreeSWITCH-Hostname"
    " presence_id=Channel-Presence-ID accountcode=variable_accountcode callstate=Channel-Call-State"
    " callee_name=Caller-Callee-ID-Name callee_num=Caller-Callee-ID-Number call_uuid=Channel-Call-UUID"
    " initial_cid_name=Caller-Orig-Caller-ID-Name initial_cid_num=Caller-Orig-Caller-ID-Number"
    " initial_dest=Caller-Destination-Number"
).split()
"""Columns of `show channels` (source: create_channels_sql) and the header that each is taken from here."""


def run(switch: SimulatedSwitch, name: str, argument: str) -> str | None:
    """What the command writes, None when there is no such command."""
    command = _COMMANDS.get(name)
    return None if command is None else command(switch, *(*argument.split(), "", "", "")[:3])


def dump(switch: SimulatedSwitch, channel: str) -> Event | None:
    """A channel's data, None when it is not up: the last event about it, and what its call knows better."""
    event, call = switch.channels.get(channel), switch.calls.get(channel)
    if event is None:
        return None
    passing = ("Bridge-", "Application", "Hangup-")
    changes: dict[str, str | None] = {key: None for key, _ in event.headers if key.startswith(passing)}
    changes["Event-Name"] = "CHANNEL_DATA"
    if call is not None and channel == call.uuid:
        changes |= {f"variable_{name}": value for name, value in call.variables.items()}
    return event.changed(changes)


def _show(switch: SimulatedSwitch, what: str, _as: str, form: str) -> str:
    rows = [{"name": name} for name in APPLICATIONS] if what == "application" else []
    if what == "channels":
        columns = [column.split("=") for column in _COLUMNS]
        rows = [{name: event.get(key) or "" for name, key in columns} for event in switch.channels.values()]
    if what not in ("channels", "application", "registrations") or form != "json":
        return "-USAGE: show channels|application|registrations as json\n"
    # Without "rows": that is what FreeSWITCH says when nothing is up.
    told = {"row_count": len(rows), "rows": rows} if rows else {"row_count": 0}
    return json.dumps(told, ensure_ascii=False) + "\n"


def _uuid_dump(switch: SimulatedSwitch, channel: str, form: str, _: str) -> str:
    event = dump(switch, channel)
    if event is not None and form == "json":
        return json.dumps(dict(event.headers), ensure_ascii=False)
    return NO_CHANNEL if event is None else event.plain(form != "plain").decode("utf-8", "surrogateescape")


def _uuid_getvar(switch: SimulatedSwitch, channel: str, name: str, _: str) -> str:
    event = dump(switch, channel)
    return NO_CHANNEL if event is None else event.get(f"variable_{name}") or "_undef_"


def _uuid_kill(switch: SimulatedSwitch, channel: str, cause: str, _: str) -> str:
    call = switch.calls.get(channel)
    if call is not None:
        call.hangup(cause or "NORMAL_CLEARING")
    return NO_CHANNEL if call is None else "+OK\n"


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
    "uuid_getvar": _uuid_getvar,
    "uuid_kill": _uuid_kill,
    "version": lambda *_: "FreeSWITCH Version 1.11.3-dev (simulated by fs-1c)\n",
}
