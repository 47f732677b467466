"""A simulated FreeSWITCH: the event socket that it serves and the calls that are placed on it."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from typing import Any

from fs_1c.simulator.freeswitch import recordings
from fs_1c.simulator.freeswitch.call import APPLICATIONS, LiveCall
from fs_1c.simulator.freeswitch.listener import Listener
from fs_1c.simulator.freeswitch.script import CallResult, CallScript, SwitchSettings
from fs_1c.simulator.freeswitch.wire import Command, Event, parse_event

MODULES = ("mod_commands", "mod_dptools", "mod_event_socket", "mod_hash", "mod_sofia")
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


class SwitchStoppedError(ConnectionAbortedError):
    """The simulated FreeSWITCH was stopped while a call was up."""


class SimulatedSwitch:
    """Plays FreeSWITCH from recorded traffic: an asynchronous context manager, or to be started and stopped.

    Attributes:
        event_socket_port: TCP port of the event socket; known after `start`, kept over a restart.
        core_uuid: A new one at each start, by which a restart shows.
        channels: uuid of a channel that is up → the last event about it, of a call or of what is played.
        calls: uuid of such a channel → the call that it is part of.
        hash: What mod_hash keeps, `realm_key` → value.
        subscribers_changed: Somebody has asked for events.
    """

    def __init__(self, settings: SwitchSettings | None = None) -> None:
        self.settings: SwitchSettings = settings or SwitchSettings()
        self.event_socket_port = self.settings.port
        self.core_uuid = str(uuid.uuid4())
        self.channels: dict[str, Event] = {}
        self.calls: dict[str, LiveCall] = {}
        self.hash: dict[str, str] = {}
        self._sequence = itertools.count(1)
        self.subscribers_changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: dict[Listener, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Future[Any]] = set()

    # Life.

    async def start(self) -> None:
        """Starts the event socket; after `stop` this is a restart on the same port. Raises OSError."""
        self.core_uuid = str(uuid.uuid4())
        recordings.told()  # so that the first call is as quick as any other
        where = self.settings.host, self.event_socket_port
        self._server = await asyncio.start_server(lambda *streams: Listener(self, streams).serve(), *where)
        self.event_socket_port = self._server.sockets[0].getsockname()[1]
        if self.settings.heartbeat is not None:
            self.background(asyncio.ensure_future(self._beat(self.settings.heartbeat)))

    async def stop(self) -> None:
        """Closes everything at once and without a goodbye, as a killed FreeSWITCH would. Calls are lost."""
        if self._server is not None:
            self._server.close()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        for writer in list(self._connections.values()):
            writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        for living in (self._connections, self.channels, self.calls, self.hash):
            living.clear()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> SimulatedSwitch:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _beat(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            told = {"Event-Info": "System Ready", "Session-Count": str(len(self.channels))}
            self._announce("HEARTBEAT", told)

    def background(self, task: asyncio.Future[Any]) -> None:
        """Keeps a task until it is done, or ends it when the switch is stopped."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Calls.

    async def call(self, script: CallScript) -> CallResult:
        """Plays one call to its end; a lingering service may stay. Raises SwitchStoppedError."""
        placing = asyncio.ensure_future(self._place(LiveCall(self, script)))
        self.background(placing)
        try:
            return await placing
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            raise SwitchStoppedError("the simulated FreeSWITCH was stopped during the call") from None

    async def _place(self, call: LiveCall) -> CallResult:
        loop, script = asyncio.get_running_loop(), call.script
        timers = [loop.call_later(script.patience, call.caller_leaves)]
        if script.cancel_after is not None:
            timers.append(loop.call_later(script.cancel_after, call.caller_leaves, True))
        try:
            call.tell("create")
            for name, value in {"hangup_after_bridge": "true", **script.variables}.items():
                call.variables.set(name, value)
            if script.service is None or await call.socket(*script.service):
                target = "${fs_1c_target}" if call.variables.get("fs_1c_target") else script.default_target
                if target:
                    await call.execute("bridge", target)
                else:
                    call.hangup("NO_ROUTE_DESTINATION")
            call.hangup("NORMAL_CLEARING")
            call.run_hook(call.variables.get("api_hangup_hook"))
            for what in ("state hangup", "state reporting", "end"):
                call.tell(what)
        finally:
            for timer in timers:
                timer.cancel()
            for channel in [channel for channel, owner in self.calls.items() if owner is call]:
                del self.calls[channel]
                self.channels.pop(channel, None)
            call.finished.set()
        call.display_name = call.display_name if call.callee else call.shows
        return call

    # Recordings and octets as they are.

    async def play(self, *names: str | Path, speed: float = inf) -> None:
        """Sends the events of recordings, verbatim, to every subscriber, whatever it asked for. What is up in
        them is told by `show channels as json` and `uuid_dump`, too. Raises CaptureError.

        Args:
            names: Of shipped ones (`inbound_answered`) or files, interleaved by their times.
            speed: How many times faster than it was.
        """
        timed, began = recordings.interleaved(names), asyncio.get_running_loop().time()
        for seconds, message in timed:
            until = began + (seconds - timed[0][0]) / speed
            await asyncio.sleep(until - asyncio.get_running_loop().time())
            self._remember(parse_event(message.partition(b"\n\n")[2]))
            await self.send_raw(message)

    async def send_raw(self, data: bytes) -> None:
        for one, writer in list(self._connections.items()):
            if one.subscribed:
                one.write(data)
                with suppress(ConnectionError):
                    await writer.drain()

    async def wait_for_subscribers(self, count: int = 1, timeout: float = 5.0) -> None:  # noqa: ASYNC109
        """Until so many connections have asked for events; raises TimeoutError after so many seconds."""
        async with asyncio.timeout(timeout):
            while sum(one.subscribed for one in self._connections) < count:
                self.subscribers_changed.clear()
                await self.subscribers_changed.wait()

    # What connections and calls ask of it.

    def fire(self, event: Event) -> None:
        self._remember(event)
        for one in list(self._connections):
            one.offer(event)

    def _remember(self, event: Event) -> None:
        channel = event.get("Unique-ID")
        if channel and event.name in ("CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY"):
            self.channels.pop(channel, None)
        elif channel and event.get("variable_uuid"):  # one that tells all of its channel
            self.channels[channel] = event
        pair = event.get("Bridge-A-Unique-ID"), event.get("Bridge-B-Unique-ID")
        for one, other in (pair, pair[::-1]) if event.name == "CHANNEL_BRIDGE" else ():
            if one in self.channels:  # which is in neither's own events
                told = {f"variable_{name}": other for name in ("bridge_to", "bridge_uuid", "signal_bond")}
                told |= {"Caller-Channel-Bridged-Time": event.get("Event-Date-Timestamp")}
                self.channels[one] = self.channels[one].changed(told)

    def end_job(self, job: str, owner: str, question: str, answer: str) -> None:
        name, _, argument = question.partition(" ")
        told = {"Job-UUID": job, "Job-Owner-UUID": owner, "Job-Command": name, "Job-Command-Arg": argument}
        self._announce("BACKGROUND_JOB", told, answer)

    def _announce(self, name: str, told: Mapping[str, str], body: str = "") -> None:
        headers = {"Event-Name": name, "FreeSWITCH-Hostname": "vm", **self.stamp(), **told}
        self.fire(Event(tuple((key, value) for key, value in headers.items() if value), body))

    def sent(self, name: str, command: Command) -> str:
        """An event that a client of the event socket sends; returns its Event-UUID."""
        told = {key: value for key, value in command.headers if key.lower() != "content-length"}
        identity = str(uuid.uuid4())
        # Not before the reply: FreeSWITCH hands events out on another thread.
        event = functools.partial(self._announce, name.strip(), {**told, "Event-UUID": identity})
        asyncio.get_running_loop().call_soon(event)
        return identity

    def stamp(self) -> dict[str, str]:
        return recordings.stamp(self.core_uuid, next(self._sequence))

    def api(self, name: str, argument: str) -> str | None:
        """An API command's output, None when there is no such command; source: mod_commands.c."""
        directory = self.settings.directory
        match (name, *argument.split()):
            case ["global_getvar", variable]:
                return "127.0.0.1" if variable == "domain" else ""
            case ["module_exists", module]:
                return "true" if module in MODULES else "false"
            case ["show", "application", "as", "json"]:
                return _rows([{"name": application} for application in sorted(APPLICATIONS)])
            case ["show", "channels", "as", "json"]:
                up = self.channels.values()
                return _rows([{name: one.get(key) or "" for name, key in _COLUMNS.items()} for one in up])
            case ["show", "registrations", "as", "json"]:
                return _rows([])
            case ["user_data", user, "var", variable]:
                return directory.get(user.partition("@")[0], {}).get(variable, "")
            case ["user_exists", "id", user, *_]:
                return "true" if directory.get(user) else "false"
            case ["uuid_dump", channel]:
                return self._dump(channel)
            case ["uuid_exists", channel]:
                return "true" if channel in self.channels else "false"
            case ["hash", word]:
                return self._hash(*word.split("/", 3))
            case ["version"]:
                return "FreeSWITCH Version 1.11.3-dev (simulated by fs-1c)\n"
        return None

    def _hash(self, what: str, *given: str) -> str:
        """mod_hash, as far as a service needs it."""
        match what, *given:
            case "insert_ifempty", realm, key, value:
                had = self.hash.setdefault(f"{realm}_{key}", value)
                return "+OK\n" if had is value else "-ERR key already exists\n"
            case "select", realm, key:
                return self.hash.get(f"{realm}_{key}") or "-ERR no reply\n"
            case "delete_ifmatch", realm, key, value:
                if (had := self.hash.get(f"{realm}_{key}", "")) != value:
                    return "-ERR Doesn't match\n" if had else "-ERR Not found\n"
                del self.hash[f"{realm}_{key}"]
                return "+OK\n"
        return "-ERR Usage: hash insert|insert_ifempty|select|delete|delete_ifmatch/realm/key[/value]\n"

    def _dump(self, channel: str) -> str:
        """A channel's data: the last event about it, and what its call knows better."""
        event, call = self.channels.get(channel), self.calls.get(channel)
        if event is None:
            return "-ERR No such channel!\n"
        passing = ("Bridge-", "Application", "Hangup-")
        changes: dict[str, str | None] = {key: None for key, _ in event.headers if key.startswith(passing)}
        changes["Event-Name"] = "CHANNEL_DATA"
        if call is not None and channel == call.uuid:
            changes |= {f"variable_{name}": value for name, value in call.variables.items()}
        return event.changed(changes).plain().decode("utf-8", "surrogateescape")

    @contextmanager
    def connected(self, one: Listener, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._connections[one] = writer
        if (holding := asyncio.current_task()) is not None:
            self.background(holding)
        try:
            yield
        finally:
            self._connections.pop(one, None)
            writer.close()


def _rows(rows: list[dict[str, str]]) -> str:
    # Without "rows": that is what FreeSWITCH says when nothing is up.
    told = {"row_count": len(rows), "rows": rows} if rows else {"row_count": 0}
    return json.dumps(told, ensure_ascii=False) + "\n"
