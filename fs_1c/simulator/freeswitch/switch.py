"""A simulated FreeSWITCH: the event socket that it serves and the calls that are placed on it."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fs_1c.simulator.freeswitch import announcements, api
from fs_1c.simulator.freeswitch.call import LiveCall
from fs_1c.simulator.freeswitch.listener import Listener
from fs_1c.simulator.freeswitch.script import CallResult, CallScript, SwitchSettings
from fs_1c.simulator.freeswitch.wire import Event, parse_event


class SwitchStoppedError(ConnectionAbortedError):
    """The simulated FreeSWITCH was stopped while a call was up."""


class SimulatedSwitch:
    """Plays FreeSWITCH from recorded traffic: an asynchronous context manager, or to be started and stopped.

    Attributes:
        event_socket_port: TCP port of the event socket; known after `start`, kept over a restart.
        core_uuid: A new one at each start, by which a restart shows.
        channels: uuid of a channel that is up → the last event about it, of a call or of what is played.
        calls: uuid of such a channel → the call that it is part of.
        sessions: Numbers for `session_id`.
        subscribers_changed: Somebody has asked for events.
    """

    def __init__(self, settings: SwitchSettings | None = None) -> None:
        self.settings: SwitchSettings = settings or SwitchSettings()
        self.event_socket_port = self.settings.port
        self.core_uuid = str(uuid.uuid4())
        self.channels: dict[str, Event] = {}
        self.calls: dict[str, LiveCall] = {}
        self.sessions, self._sequence = itertools.count(1), itertools.count(1)
        self.subscribers_changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: dict[Listener, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Future[Any]] = set()

    # Life.

    async def start(self) -> None:
        """Starts the event socket; after `stop` this is a restart on the same port. Raises OSError."""
        self.core_uuid = str(uuid.uuid4())
        announcements.warm_up()
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
        for living in (self._connections, self.channels, self.calls):
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
        return call.result()

    # Recordings and octets as they are.

    async def play(self, *recordings: str | Path, cut: int | None = None, speed: float | None = None) -> None:
        """Sends the events of recordings, verbatim, to every subscriber, whatever it asked for. What is up in
        them is told by `show channels as json` and `uuid_dump`, too. Raises CaptureError.

        Args:
            recordings: Names of shipped ones (`inbound_answered`) or files, interleaved by their times.
            cut: Octets per write, at the most; None writes whole events.
            speed: How many times faster than it was; None: all of it at once.
        """
        timed = announcements.interleaved(recordings)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for seconds, message in timed:
            if speed is not None:
                await asyncio.sleep(began + (seconds - timed[0][0]) / speed - loop.time())
            self._remember(parse_event(message.partition(b"\n\n")[2]))
            size = cut or len(message)
            for at in range(0, len(message), size):
                await self.send_raw(message[at : at + size])
                await asyncio.sleep(0)  # lets the transport write each piece on its own

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

    def stamp(self) -> dict[str, str]:
        return announcements.stamp(self.core_uuid, next(self._sequence))

    def api(self, name: str, argument: str) -> str | None:
        """An API command's output, None when there is no such command; see `SwitchSettings.answers`."""
        answers = self.settings.answers
        odd = answers.get(f"{name} {argument}", answers.get(name))
        return api.run(self, name, argument) if odd is None else odd.decode("utf-8", "surrogateescape")

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
