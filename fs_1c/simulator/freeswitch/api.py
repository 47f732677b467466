"""API commands (``api NAME ARGUMENTS``) a service asks of FreeSWITCH; source: mod_commands.c."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Protocol

from fs_1c.simulator.freeswitch import values
from fs_1c.simulator.freeswitch.call import LiveCall
from fs_1c.simulator.freeswitch.messages import Event, with_headers

NO_CHANNEL = "-ERR No such channel!\n"
VERSION = "FreeSWITCH Version 1.11.3-dev (simulated by fs-1c)\n"

APPLICATIONS = ("answer", "bridge", "export", "hangup", "multiset", "set", "socket", "unset")
MODULES = ("mod_commands", "mod_dptools", "mod_event_socket", "mod_sofia")

_COLUMNS = {
    "uuid": "Unique-ID",
    "direction": "Call-Direction",
    "created": "",
    "created_epoch": "",
    "name": "Channel-Name",
    "state": "Channel-State",
    "cid_name": "Caller-Caller-ID-Name",
    "cid_num": "Caller-Caller-ID-Number",
    "ip_addr": "Caller-Network-Addr",
    "dest": "Caller-Destination-Number",
    "application": "variable_current_application",
    "application_data": "variable_current_application_data",
    "dialplan": "Caller-Dialplan",
    "context": "Caller-Context",
    "read_codec": "Channel-Read-Codec-Name",
    "read_rate": "Channel-Read-Codec-Rate",
    "read_bit_rate": "Channel-Read-Codec-Bit-Rate",
    "write_codec": "Channel-Write-Codec-Name",
    "write_rate": "Channel-Write-Codec-Rate",
    "write_bit_rate": "Channel-Write-Codec-Bit-Rate",
    "secure": "",
    "hostname": "FreeSWITCH-Hostname",
    "presence_id": "Channel-Presence-ID",
    "presence_data": "",
    "accountcode": "variable_accountcode",
    "callstate": "Channel-Call-State",
    "callee_name": "Caller-Callee-ID-Name",
    "callee_num": "Caller-Callee-ID-Number",
    "callee_direction": "",
    "call_uuid": "Channel-Call-UUID",
    "sent_callee_name": "",
    "sent_callee_num": "",
    "initial_cid_name": "Caller-Orig-Caller-ID-Name",
    "initial_cid_num": "Caller-Orig-Caller-ID-Number",
    "initial_ip_addr": "Caller-Network-Addr",
    "initial_dest": "Caller-Destination-Number",
    "initial_dialplan": "Caller-Dialplan",
    "initial_context": "Caller-Context",
}
"""Columns of ``show channels`` (source: create_channels_sql) and the header each is taken from here."""


class House(Protocol):
    """What the commands look at: channels by uuid, each with the last event about it."""

    channels: dict[str, Event]
    calls: dict[str, LiveCall]

    def directory(self, extension: str) -> Mapping[str, str]: ...


def run(house: House, name: str, argument: str) -> str | None:
    """What the command writes, None when there is no such command."""
    command = _COMMANDS.get(name)
    return None if command is None else command(house, argument)


def dump(house: House, channel: str) -> Event | None:
    """A channel's data now, None when it is not up."""
    event = house.channels.get(channel)
    if event is None:
        return None
    call = house.calls[channel]
    changes: dict[str, str | None] = {"Event-Name": "CHANNEL_DATA"}
    if channel == call.uuid:
        changes |= {f"variable_{name}": value for name, value in call.variables.items()}
    elif call.variables.get("bridge_to") == channel:
        changes |= {f"variable_{name}": call.uuid for name in ("bridge_to", "bridge_uuid", "signal_bond")}
        changes["Caller-Channel-Bridged-Time"] = str(call.times["bridged"])
    left_out = ("Bridge-", "Application", "Hangup-")
    kept = [(key, value) for key, value in event.headers if not key.startswith(left_out)]
    return Event(with_headers(kept, changes))


def _show(house: House, argument: str) -> str:
    words = argument.split()
    if words == ["application", "as", "json"]:
        rows = [{"name": name} for name in APPLICATIONS]
        return json.dumps({"row_count": len(rows), "rows": rows})
    if not words or words[0] not in ("channels", "calls"):
        return "-USAGE: show channels [as json]\n"
    rows = [_row(event) for event in house.channels.values()]
    if words[1:] == ["as", "json"]:
        if not rows:
            return '{"row_count": 0}\n'  # without "rows": that is what FreeSWITCH says when nothing is up
        return json.dumps({"row_count": len(rows), "rows": rows}, ensure_ascii=False, separators=(",", ":"))
    if words[1:] == ["count"]:
        return f"\n{len(rows)} total.\n"
    lines = [",".join(_COLUMNS), *(",".join(row.values()) for row in rows)] if rows else []
    return "".join(f"{line}\n" for line in lines) + f"\n{len(rows)} total.\n"


def _row(event: Event) -> dict[str, str]:
    row = {column: (event.get(header) or "") if header else "" for column, header in _COLUMNS.items()}
    row["created_epoch"] = (event.get("Caller-Channel-Created-Time") or "0")[:-6]
    row["created"] = event.get("Event-Date-Local") or ""
    return row


def _uuid_dump(house: House, argument: str) -> str:
    words = values.separate(argument, " ", 2)
    if not words:
        return "-USAGE: <uuid> [format]\n"
    event = dump(house, words[0])
    if event is None:
        return NO_CHANNEL
    if words[1:] == ["json"]:
        return event.json().decode()
    return event.plain(encoded=words[1:] != ["plain"]).decode("utf-8", "surrogateescape")


def _uuid_getvar(house: House, argument: str) -> str:
    words = values.separate(argument, " ", 4)
    if len(words) < 2:
        return "-USAGE: <uuid> <var>\n"
    event = dump(house, words[0])
    if event is None:
        return NO_CHANNEL
    call = house.calls[words[0]]
    value = call.variable(words[1]) if call.uuid == words[0] else event.get(f"variable_{words[1]}")
    return "_undef_" if value is None else value


def _uuid_setvar(house: House, argument: str) -> str:
    words = values.separate(argument, " ", 3)
    if len(words) < 2:
        return "-USAGE: <uuid> <var> [value]\n"
    if words[0] not in house.channels:
        return NO_CHANNEL
    house.calls[words[0]].variables.set(words[1], words[2] if len(words) > 2 else None)
    return "+OK\n"


def _uuid_setvar_multi(house: House, argument: str) -> str:
    channel, _, pairs = argument.partition(" ")
    if channel not in house.channels:
        return NO_CHANNEL
    done = 0
    for pair in values.separate(pairs, ";", 64):
        name, _, value = pair.partition("=")
        house.calls[channel].variables.set(name, value)
        done += bool(name)
    return "+OK\n" if done else "-USAGE: <uuid> <var>=<value>;<var>=<value>...\n"


def _uuid_kill(house: House, argument: str) -> str:
    channel, _, cause = argument.partition(" ")
    if channel not in house.channels:
        return NO_CHANNEL
    house.calls[channel].hangup(cause.strip() or "NORMAL_CLEARING")
    return "+OK\n"


def _user_data(house: House, argument: str) -> str:
    words = values.separate(argument, " ", 3)
    if len(words) < 3 or words[1] != "var":
        return "-ERR no reply\n"
    return values.Variables(house.directory(words[0].partition("@")[0])).get(words[2]) or "-ERR no reply\n"


def _user_exists(house: House, argument: str) -> str:
    words = argument.split()
    return "true" if len(words) > 1 and house.directory(words[1]) else "false"


def _status(house: House, _argument: str) -> str:
    return f"UP 0 years, 0 days\n{VERSION.rstrip()} is ready\n{len(house.channels)} session(s) - simulated\n"


_COMMANDS: dict[str, Callable[[House, str], str]] = {
    "create_uuid": lambda _house, _argument: str(uuid.uuid4()),
    "echo": lambda _house, argument: argument,
    "global_getvar": lambda _house, argument: {"domain": "127.0.0.1"}.get(argument.strip(), ""),
    "hostname": lambda _house, _argument: "simulator",
    "module_exists": lambda _house, argument: "true" if argument.strip() in MODULES else "false",
    "show": _show,
    "status": _status,
    "user_data": _user_data,
    "user_exists": _user_exists,
    "uuid_dump": _uuid_dump,
    "uuid_exists": lambda house, argument: "true" if argument.strip() in house.channels else "false",
    "uuid_getvar": _uuid_getvar,
    "uuid_kill": _uuid_kill,
    "uuid_setvar": _uuid_setvar,
    "uuid_setvar_multi": _uuid_setvar_multi,
    "version": lambda _house, _argument: VERSION,
}
