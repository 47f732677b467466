"""A simulated FreeSWITCH: the event socket it serves and the calls placed on it."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from fs_1c.simulator.freeswitch import announcements, api, event_socket, socket_app, templates
from fs_1c.simulator.freeswitch import bridge as bridging
from fs_1c.simulator.freeswitch.call import LiveCall
from fs_1c.simulator.freeswitch.commands import Command
from fs_1c.simulator.freeswitch.listener import Listener
from fs_1c.simulator.freeswitch.messages import Event
from fs_1c.simulator.freeswitch.script import CallResult, CallScript, SwitchSettings


class SwitchStoppedError(ConnectionAbortedError):
    """The simulated FreeSWITCH was stopped while a call was up."""


class SimulatedSwitch:
    """Plays FreeSWITCH from recorded traffic. Use it as an asynchronous context manager, or start and stop
    it.

    Attributes:
        settings: as given.
        event_socket_port: TCP port of the event socket; known after :meth:`start`, kept over a restart.
        core_uuid: a new one at each start, by which a restart shows.
        channels: live channels' uuid → the last event about it.
        calls: live channels' uuid → the call it is part of.
    """

    def __init__(self, settings: SwitchSettings | None = None) -> None:
        self.settings = settings or SwitchSettings()
        self.event_socket_port = self.settings.port
        self.core_uuid = str(uuid.uuid4())
        self.channels: dict[str, Event] = {}
        self.calls: dict[str, LiveCall] = {}
        self._server: asyncio.Server | None = None
        self._connections: dict[Listener, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[CallResult] | asyncio.Task[None]] = set()
        self._sequence = self._sessions = 0
        self._started = 0.0
        self._subscribed = asyncio.Event()

    # -- life --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts the event socket; after :meth:`stop` this is a restart on the same port.

        Raises:
            OSError: the port is taken.
        """
        self.core_uuid = str(uuid.uuid4())
        self._started = time.monotonic()
        templates.warm()
        self._server = await asyncio.start_server(self._accept, self.settings.host, self.event_socket_port)
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
        self._connections.clear()
        self.channels.clear()
        self.calls.clear()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> SimulatedSwitch:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # -- calls -------------------------------------------------------------------------------------

    async def call(self, script: CallScript) -> CallResult:
        """Places one call and returns when it is over; a lingering service connection may outlive it.

        Raises:
            SwitchStoppedError: the switch was stopped meanwhile.
        """
        task = asyncio.ensure_future(self._place(script))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            raise SwitchStoppedError("the simulated FreeSWITCH was stopped during the call") from None

    async def _place(self, script: CallScript) -> CallResult:
        call = LiveCall(self, script)
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(script.patience, call.caller_leaves)]
        if script.cancel_after is not None:
            timers.append(loop.call_later(script.cancel_after, call.caller_leaves, True))
        try:
            call.tell("inbound_answered", 0)
            call.variables.set("hangup_after_bridge", "true")
            for name, value in script.variables.items():
                call.variables.set(name, value)
            if await socket_app.run(call, self):
                await self._dialplan(call)
            call.hangup("NORMAL_CLEARING")
            self._report(call)
        finally:
            for timer in timers:
                timer.cancel()
            for channel in [channel for channel, owner in self.calls.items() if owner is call]:
                del self.calls[channel]
                self.channels.pop(channel, None)
            call.finished.set()
        return call.result()

    async def _dialplan(self, call: LiveCall) -> None:
        """What follows ``socket``: the target the service chose, else the default one."""
        if call.down.is_set():
            return
        if call.variables.get("fs_1c_target"):
            await call.execute("bridge", "${fs_1c_target}")
        elif call.script.default_target:
            await call.execute("bridge", call.script.default_target)
        else:
            call.hangup("NO_ROUTE_DESTINATION")

    def _report(self, call: LiveCall) -> None:
        call.run_hook(call.variables.get("api_hangup_hook"))
        talked, rung = call.bridged_to is not None, call.callee_uuid != ""
        for index in (14, 15) if talked else (4, 5):
            call.tell(
                "outbound_async_bridge" if talked else "outbound_async_cancel", index, Hangup_Cause=call.cause
            )
        capture, index = ("inbound_answered", 9) if talked else ("inbound_abandoned", 5)
        if not rung:
            capture, index = "outbound_async_cancel", 6
        call.tell(capture, index, Hangup_Cause=call.cause)

    # -- recordings and raw bytes ------------------------------------------------------------------

    async def play(self, *recordings: str | Path, cut: int | None = None, speed: float | None = None) -> None:
        """Sends the events of recordings, verbatim, to every subscriber, whatever names it asked for.

        Args:
            recordings: names of shipped ones (``inbound_answered``) or files; several are interleaved by
                their times.
            cut: bytes per write, at the most; None writes whole events.
            speed: how many times faster than it was; None: all of it at once.

        Raises:
            CaptureError: a recording cannot be read.
        """
        timed = announcements.interleaved(recordings)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for seconds, message in timed:
            if speed is not None:
                await asyncio.sleep(began + (seconds - timed[0][0]) / speed - loop.time())
            size = cut or len(message)
            for at in range(0, len(message), size):
                await self.send_raw(message[at : at + size])
                await asyncio.sleep(0)  # lets the transport write each piece on its own

    async def send_raw(self, data: bytes) -> None:
        """Sends any bytes to every subscriber of the event socket."""
        for listener, writer in list(self._connections.items()):
            if listener.subscribed:
                listener.write(data)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()

    async def wait_for_subscribers(self, count: int = 1, timeout: float = 5.0) -> None:  # noqa: ASYNC109
        """Waits until ``count`` connections have asked for events.

        Raises:
            TimeoutError: they have not in ``timeout`` seconds.
        """
        async with asyncio.timeout(timeout):
            while sum(listener.subscribed for listener in self._connections) < count:
                self._subscribed.clear()
                await self._subscribed.wait()

    # -- what connections and calls ask of it ------------------------------------------------------

    def fire(self, event: Event) -> None:
        """Tells every connection that wants it of an event."""
        channel = event.get("Unique-ID")
        if channel and channel in self.calls:
            if event.name == "CHANNEL_HANGUP_COMPLETE":
                self.channels.pop(channel, None)
            elif event.name != "CHANNEL_STATE":
                self.channels[channel] = event
        for listener in list(self._connections):
            listener.offer(event)

    def fire_job(self, job: str, owner: str, name: str, argument: str, result: str) -> None:
        """BACKGROUND_JOB, the end of a ``bgapi``."""
        first = announcements.first_headers("BACKGROUND_JOB", self.core_uuid, self.next_sequence())
        self.fire(announcements.job(first, job, owner, name, argument, result))

    def api(self, name: str, argument: str) -> str | None:
        """An API command's output, None when there is no such command."""
        return api.run(self, name, argument)

    async def bridge(self, call: LiveCall, dial_string: str, by_service: bool) -> None:
        """The application ``bridge``."""
        await bridging.bridge(call, dial_string, by_service)

    def directory(self, extension: str) -> Mapping[str, str]:
        """A subscriber's directory variables."""
        return self.settings.directory.get(extension, {})

    def enter(self, channel: str, call: LiveCall) -> None:
        """A channel comes up."""
        self.calls[channel] = call

    def message_to(self, channel: str, command: Command) -> bool:
        """``sendmsg UUID``: True when there is such a channel."""
        call = self.calls.get(channel)
        if call is not None:
            call.enqueue(command)
        return call is not None

    def check_password(self, password: str) -> bool:
        """The event socket's password."""
        return hmac.compare_digest(password.encode("utf-8", "replace"), self.settings.password.encode())

    def next_sequence(self) -> int:
        """The next ``Event-Sequence``."""
        self._sequence += 1
        return self._sequence

    def next_session(self) -> int:
        """The next ``session_id``."""
        self._sessions += 1
        return self._sessions

    def count_subscribers(self) -> None:
        """A connection has asked for events."""
        self._subscribed.set()

    def join(self, listener: Listener, writer: asyncio.StreamWriter) -> None:
        """A connection opens."""
        self._connections[listener] = writer

    def leave(self, listener: Listener, _writer: asyncio.StreamWriter) -> None:
        """A connection closes."""
        self._connections.pop(listener, None)

    def background(self, task: asyncio.Task[None]) -> None:
        """Keeps a task until it is done or the switch stops."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- inside ------------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self.background(task)
        with contextlib.suppress(asyncio.CancelledError):
            await event_socket.serve(self, reader, writer)

    async def _beat(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            first = announcements.first_headers("HEARTBEAT", self.core_uuid, self.next_sequence())
            up = time.monotonic() - self._started
            self.fire(announcements.heartbeat(first, up, len(self.channels), self._sessions))
