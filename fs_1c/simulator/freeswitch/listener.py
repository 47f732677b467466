"""One connection of mod_event_socket, whichever side opened it: what it subscribed to and how commands are
answered.

As in FreeSWITCH, the outbound socket and port 8021 share one parser of commands (source: parse_command and
event_handler in mod_event_socket.c, order of the branches kept: commands are told apart by prefix).
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import deque
from typing import Protocol

from fs_1c.simulator.freeswitch import commands
from fs_1c.simulator.freeswitch.commands import Command
from fs_1c.simulator.freeswitch.messages import Event
from fs_1c.simulator.freeswitch.subscription import Subscription

CONTROLLED = ("resume", "connect", "getvar", "linger", "nolinger")
"""Commands that only make sense for the one call a connection controls."""


class Controlled(Protocol):
    """The call an outbound connection controls."""

    uuid: str
    resume: bool

    def variable(self, name: str) -> str | None: ...
    def channel_data(self) -> bytes: ...
    def enqueue(self, command: Command) -> None: ...
    async def perform(self, command: Command) -> None: ...


class Hub(Protocol):
    """The FreeSWITCH a connection belongs to."""

    def check_password(self, password: str) -> bool: ...
    def api(self, name: str, argument: str) -> str | None: ...
    def fire_job(self, job: str, owner: str, name: str, argument: str, result: str) -> None: ...
    def message_to(self, channel: str, command: Command) -> bool: ...
    def count_subscribers(self) -> None: ...


class Listener:
    """State of one connection; writing is all the I/O it does.

    Attributes:
        running: False once the connection is to be closed (``exit``, wrong password, unread events).
        exited: it ended by ``exit``.
        linger: seconds to stay after the call, -1 for ever, None not at all.
        held: events wait (a sync execute is running, or part of a command has come).
        authed: commands are obeyed.
        subscription: what events it asked for.
    """

    def __init__(
        self,
        hub: Hub,
        writer: asyncio.StreamWriter,
        backlog: int,
        call: Controlled | None = None,
        sync: bool = False,
    ) -> None:
        self.running = True
        self.exited = False
        self.linger: int | None = None
        self.held = False
        self.authed = call is not None
        self._hub, self._writer, self._backlog, self._call, self._sync = hub, writer, backlog, call, sync
        self.subscription = Subscription()
        self._waiting: deque[Event] = deque()

    @property
    def subscribed(self) -> bool:
        """It is a client of the event socket that asked for events of all calls."""
        return self.authed and self._call is None and self.subscription.on and self.subscription.mine is None

    def write(self, data: bytes) -> None:
        """Sends bytes as they are; a peer that leaves too much unread is thrown out."""
        if self._writer.is_closing():
            return
        self._writer.write(data)
        if self._writer.transport.get_write_buffer_size() > self._backlog:
            self.running = False
            self._writer.transport.abort()

    def offer(self, event: Event) -> None:
        """Delivers an event if it was asked for, at once or when it is no longer held."""
        if not self.running or not self.subscription.wants(event):
            return
        if self.held:
            self._waiting.append(event)
        else:
            self.write(event.framed(self.subscription.encoding))

    def release(self, still_held: bool = False) -> None:
        """Delivers what waited."""
        self.held = still_held
        while self._waiting and not self.held:
            self.write(self._waiting.popleft().framed(self.subscription.encoding))

    async def obey(self, command: Command) -> bytes:
        """Does what the command says and returns the bytes of the answer."""
        if command.starts("exit") or command.starts("..."):
            self.running, self.exited = False, True
            return commands.reply("+OK bye")
        if not self.authed:
            return commands.reply(self._authenticate(command))
        for word, obey in _COMMANDS.items():
            if command.starts(word) and (self._call is not None or word not in CONTROLLED):
                return await obey(self, command)
        return commands.reply("")

    def _authenticate(self, command: Command) -> str:
        if command.starts("auth ") and self._hub.check_password(command.line[5:]):
            self.authed = True
            return "+OK accepted"
        if command.starts("auth ") or command.starts("userauth "):
            self.running = False
            return "-ERR invalid"
        return ""

    async def _filter(self, command: Command) -> bytes:
        return commands.reply(self.subscription.filter(command.line[7:]))

    async def _resume(self, _command: Command) -> bytes:
        if self._call:
            self._call.resume = True
        return commands.reply("+OK")

    async def _connect(self, _command: Command) -> bytes:
        return self._call.channel_data() if self._call else b""

    async def _getvar(self, command: Command) -> bytes:
        name = command.line.partition(" ")[2]
        return commands.reply((self._call.variable(name) if self._call else None) or "")

    async def _myevents(self, command: Command) -> bytes:
        if self.subscription.mine is not None:
            return commands.reply("-ERR aready enabled.")  # FreeSWITCH's own spelling
        words = command.line.split(" ")
        if self._call is None and len(words) < 2:
            return commands.reply("")
        encoding = "json" if "json" in command.line.lower() else "plain"
        self.subscription.ask_mine(self._call.uuid if self._call else words[1], encoding)
        return commands.reply("+OK Events Enabled")

    async def _divert(self, command: Command) -> bytes:
        onoff = command.line[13:].strip(" ")
        if self._call is None or not onoff:
            return commands.reply("-ERR missing value." if self._call else "-ERR not controlling a session.")
        return commands.reply("+OK events diverted" if onoff.lower() == "on" else "+OK events not diverted")

    async def _sendmsg(self, command: Command) -> bytes:
        target = command.line[7:].strip(" ")
        # A stray CR further on glues the next lines to this one: FreeSWITCH sees no uuid in that.
        target = "" if target.startswith("\n") else target
        target = target or command.get("session-id") or ""
        if self._call is None or target not in ("", self._call.uuid):
            found = bool(target) and self._hub.message_to(target, command)
            return commands.reply("+OK" if found else f"-ERR invalid session id [{target}]")
        if self._sync and (command.get("async") or "").lower() not in ("true", "yes", "on", "1"):
            self.held = True
            await self._call.perform(command)
        else:
            self._call.enqueue(command)
        return commands.reply("+OK")

    async def _api(self, command: Command) -> bytes:
        name, _, argument = command.line[4:].partition(" ")
        result = self._hub.api(name, argument)
        return commands.api_response(f"-ERR {name} Command not found!\n" if result is None else result)

    async def _bgapi(self, command: Command) -> bytes:
        name, _, argument = command.line[6:].partition(" ")
        job = command.get("Job-UUID") or str(uuid.uuid4())
        result = self._hub.api(name, argument)
        result = f"-ERR {name} Command not found!\n" if result is None else result
        owner = self._call.uuid if self._call else ""
        # The job runs in a thread of its own, so its event never overtakes the reply.
        asyncio.get_running_loop().call_soon(self._hub.fire_job, job, owner, name, argument, result)
        return commands.reply(f"~Reply-Text: +OK Job-UUID: {job}\nJob-UUID: {job}\n\n")

    async def _sendevent(self, _command: Command) -> bytes:
        return commands.reply(f"+OK {uuid.uuid4()}")

    async def _log(self, command: Command) -> bytes:
        return commands.reply(f"+OK log level {command.line[3:].strip()} [7]")

    async def _nolog(self, _command: Command) -> bytes:
        return commands.reply("-ERR not loging")  # FreeSWITCH's own spelling

    async def _linger(self, command: Command) -> bytes:
        seconds = command.line[7:] if command.line[6:7] == " " else ""
        if not seconds:
            self.linger = -1
            return commands.reply("+OK will linger")
        self.linger = int(digits[0]) if (digits := re.match(r"\d{1,9}", seconds)) else 0
        return commands.reply(f"+OK will linger {self.linger} seconds")

    async def _nolinger(self, _command: Command) -> bytes:
        self.linger = None
        return commands.reply("+OK will not linger")

    async def _event(self, command: Command) -> bytes:
        answer = self.subscription.ask(command.line.split(" ")[1:])
        self._hub.count_subscribers()
        return commands.reply(answer)

    async def _nixevent(self, command: Command) -> bytes:
        return commands.reply(self.subscription.nix(command.line.split(" ")[1:]))

    async def _noevents(self, _command: Command) -> bytes:
        self._waiting.clear()
        return commands.reply(self.subscription.stop())


_COMMANDS = {
    "filter ": Listener._filter,
    "resume": Listener._resume,
    "connect": Listener._connect,
    "getvar": Listener._getvar,
    "myevents": Listener._myevents,
    "divert_events": Listener._divert,
    "sendmsg": Listener._sendmsg,
    "sendevent": Listener._sendevent,
    "api ": Listener._api,
    "bgapi ": Listener._bgapi,
    "log": Listener._log,
    "linger": Listener._linger,
    "nolinger": Listener._nolinger,
    "nolog": Listener._nolog,
    "event": Listener._event,
    "nixevent": Listener._nixevent,
    "noevents": Listener._noevents,
}
