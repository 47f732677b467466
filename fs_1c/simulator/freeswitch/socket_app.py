"""The application ``socket``: FreeSWITCH connects to a service and obeys it (source: socket_function,
listener_run).

Sync: the call waits inside the application and each ``execute`` is answered when it is done. Async: the call
is parked and looks at its queue every 20 ms while the service talks.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Protocol

from fs_1c.simulator.freeswitch import commands
from fs_1c.simulator.freeswitch.call import LiveCall
from fs_1c.simulator.freeswitch.commands import BadCommandError, CommandReader
from fs_1c.simulator.freeswitch.listener import Hub, Listener
from fs_1c.simulator.freeswitch.script import Outcome, SwitchSettings

TICK = 0.02
"""Seconds between two looks a parked channel takes at its queue."""

CONNECT_TIMEOUT = 127.0
"""Seconds after which the kernel gives up on a host that swallows everything; FreeSWITCH sets no bound of its
own."""


class Board(Hub, Protocol):
    """What a service's connection needs of the FreeSWITCH it is made by."""

    settings: SwitchSettings

    def join(self, listener: Listener, writer: asyncio.StreamWriter) -> None: ...
    def leave(self, listener: Listener, writer: asyncio.StreamWriter) -> None: ...
    def background(self, task: asyncio.Task[None]) -> None: ...


async def run(call: LiveCall, board: Board) -> bool:
    """Runs the application; True when the dialplan goes on with its next action."""
    if call.script.service is None:
        return True
    host, port = call.script.service
    told = _begin(call, f"{host}:{port}{' async' if call.script.mode == 'async' else ''} full", host)
    streams = await _connect(call, host, port)
    if streams is None:
        # Nobody listens: the next action runs at once, in async as well.
        call.outcome = "hung up" if call.down.is_set() else "unreachable"
        goes_on = True
    elif call.script.mode == "sync":
        conversation = Conversation(call, board, *streams)
        await conversation.hold()
        call.let_go()
        goes_on = True
    else:
        goes_on = await _park(call, Conversation(call, board, *streams), board)
    bridged = call.bridged_to is not None
    call.tell("outbound_async_bridge" if bridged else "outbound_async_cancel", 11 if bridged else 3, **told)
    return goes_on and not call.down.is_set()


def _begin(call: LiveCall, data: str, host: str) -> dict[str, str | None]:
    for name, value in (
        ("current_application", "socket"),
        ("current_application_data", data),
        ("socket_host", host),
    ):
        call.variables.set(name, value)
    told: dict[str, str | None] = {"Application": "socket", "Application_Data": data}
    told["Application_UUID"] = str(uuid.uuid4())
    call.tell("outbound_async_bridge", 1, **told)
    return told


async def _connect(
    call: LiveCall, host: str, port: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    connecting = asyncio.ensure_future(asyncio.open_connection(host, port))
    hung_up = asyncio.ensure_future(call.down.wait())
    try:
        await asyncio.wait(
            (connecting, hung_up), timeout=CONNECT_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
        )
        return connecting.result() if connecting.done() and not connecting.exception() else None
    finally:
        connecting.cancel()
        hung_up.cancel()


async def _park(call: LiveCall, conversation: Conversation, board: Board) -> bool:
    """Async: parks the call and executes what the service queues.

    ``exit`` without ``resume`` ends the call. A service that stays mute or dies leaves the caller in silence
    until he gives up; with ``resume`` said before, the dialplan goes on.
    """
    talking = asyncio.ensure_future(conversation.hold())
    board.background(talking)
    down = asyncio.ensure_future(call.down.wait())
    connected = asyncio.ensure_future(conversation.connected.wait())
    await asyncio.wait((talking, down, connected), return_when=asyncio.FIRST_COMPLETED)
    down.cancel()
    connected.cancel()
    parked = False
    while not await call.wait(TICK):
        if not parked:
            call.tell("outbound_async_cancel", 0)
            parked = True
            continue
        while call.queue and not call.down.is_set():
            await call.perform(call.queue.pop(0))
        if talking.done() and not call.queue and (call.resume or call.outcome == "exited"):
            break
    if not talking.done():  # the call is over before its service has noticed
        call.outcome = "hung up"
        call.let_go()
    elif not call.resume:
        call.hangup("NORMAL_CLEARING")
    if parked:
        bridged = call.bridged_to is not None
        capture, index = ("outbound_async_bridge", 12) if bridged else ("outbound_async_cancel", 2)
        call.tell(capture, index, Hangup_Cause=call.cause or None)
    return call.resume


class Conversation:
    """The connection to one service about one call."""

    def __init__(
        self, call: LiveCall, board: Board, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connected = asyncio.Event()
        self._call, self._board, self._reader, self._writer = call, board, reader, writer
        self._sync = call.script.mode == "sync"
        self._listener = Listener(board, writer, board.settings.backlog, call, self._sync)
        self._incoming = CommandReader()
        self._lingering = False

    async def hold(self) -> None:
        """Obeys the service until it lets go, the call ends or, with ``linger``, the time after it is
        over."""
        call, listener = self._call, self._listener
        self._board.join(listener, self._writer)
        try:
            outcome = await self._obey(asyncio.get_running_loop().time() + self._board.settings.first_command)
            call.outcome = outcome
            call.let_go()
            if outcome == "hung up" and listener.linger is not None:
                await self._stay(listener.linger)
            if outcome != "closed":
                listener.write(commands.disconnect_notice(call.uuid))
        finally:
            self._board.leave(listener, self._writer)
            self._writer.close()

    async def _stay(self, seconds: int) -> None:
        if not self._sync:
            await self._call.finished.wait()  # the last events come before the notice
        self._listener.write(commands.linger_notice(self._call.uuid, self._call.channel_name, seconds))
        self._lingering = True
        await self._obey(asyncio.get_running_loop().time() + seconds if seconds >= 0 else None)

    async def _obey(self, deadline: float | None) -> Outcome:
        """Commands until something ends it; the deadline is for the first one, or for all of them while
        lingering."""
        first = not self._lingering
        while True:
            try:
                command = self._incoming.take() if self._lingering or not self._call.down.is_set() else None
            except BadCommandError:
                return "closed"
            if command is None:
                self._listener.release(still_held=self._incoming.partial)
                stopped = await self._more(deadline)
                if stopped is not None:
                    return stopped
                continue
            self._call.commands.append(command.raw)
            answer = await self._listener.obey(command)
            if command.starts("connect"):
                self.connected.set()
            # FreeSWITCH drops the answer to a first command; only connect and api write their own.
            if not first or command.starts("connect") or command.starts("api "):
                self._listener.write(answer)
            if first and not self._lingering:
                first, deadline = False, None
            if not self._listener.running:
                return "exited" if self._listener.exited else "closed"

    async def _more(self, deadline: float | None) -> Outcome | None:
        """Waits for bytes; None when some came, else why there will be no more."""
        if self._call.down.is_set() and not self._lingering:
            return "hung up"
        reading = asyncio.ensure_future(self._reader.read(65536))
        hung_up = asyncio.ensure_future(self._call.down.wait())
        waited = {reading} if self._lingering else {reading, hung_up}
        timeout = None if deadline is None else max(0.0, deadline - asyncio.get_running_loop().time())
        try:
            await asyncio.wait(waited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if self._call.down.is_set() and not self._lingering:
                return "hung up"
            if not reading.done():
                return "mute"
            data = b"" if reading.exception() else reading.result()
        finally:
            reading.cancel()
            hung_up.cancel()
        self._incoming.feed(data)
        return None if data else "closed"
