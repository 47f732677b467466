"""The listener on a switch's event socket over python-ESL."""

from __future__ import annotations

import asyncio
import socket

from fs_1c.esl import inbound
from fs_1c.esl.inbound import InboundDoor
from fs_1c.esl.listening import Listening
from fs_1c.esl.python_esl.line import Line, only_loopback
from fs_1c.esl.wire import Message, Reader, WireError
from fs_1c.settings import Address

GREETING = b"Content-Type: auth/request"
ENDS_WITHIN = 3.0
"""Seconds that a closing door waits for its thread, which needs none."""


class PythonEslInboundDoor(InboundDoor):
    """`InboundDoor`, with python-ESL between the socket and what is heard."""

    def open(self) -> None:
        """Raises OSError when the switch's address is none of the loopback."""
        only_loopback(self.settings.address)
        super().open()

    async def _listen(self) -> None:
        """One connection, from connect to its end."""
        listening = self._begin()
        messages: asyncio.Queue[Message | None] = asyncio.Queue()
        try:
            async with asyncio.timeout(inbound.CONNECT_WITHIN):
                connected = await self._greeted(listening)
        except TimeoutError:
            raise OSError(f"no greeting within {inbound.CONNECT_WITHIN:g} s") from None
        line = Line(connected, messages.put_nowait, lambda: messages.put_nowait(None), "esl-listener")
        loop = asyncio.get_running_loop()
        self._writer = asyncio.StreamWriter(line, asyncio.Protocol(), None, loop)
        try:
            while True:
                message = await self._patiently(messages.get, listening)
                if message is None:
                    raise EOFError("the switch closed the connection")
                heard = listening.received(message)
                if heard.closed:
                    return
                self._do(heard, listening, self._writer)
                line.listen()
        finally:
            line.abort()
            self._lost()
            await asyncio.wait([line.gone], timeout=ENDS_WITHIN)

    async def _greeted(self, listening: Listening) -> socket.socket:
        """A socket whose first octets are a switch's greeting, not yet taken from it.

        The library connects without a time-out, closes descriptor 0 when a name cannot be resolved, and does
        not tell why it was turned away; so it is handed a connection that is good. (It says `connect` to it,
        which a switch answers by an error and no more.)
        """
        connected = await _connect(self.settings.address)
        try:
            greeting = await _peek(connected)
            if not greeting:
                raise EOFError("the switch closed the connection")
            if not greeting.startswith(GREETING):
                reader = Reader()
                reader.feed(greeting)
                if (message := reader.next()) is not None:
                    listening.received(message)  # raises, if we are refused
                raise WireError(f"a switch would not greet by {greeting[:40]!r}")
        except BaseException:
            connected.close()
            raise
        return connected


async def _connect(address: Address) -> socket.socket:
    """A connection to the first of its addresses that takes one, not blocking. Raises OSError."""
    loop = asyncio.get_running_loop()
    problem = OSError(f"{address} has no address")
    for family, kind, protocol, _, where in await loop.getaddrinfo(*address, type=socket.SOCK_STREAM):
        connected = socket.socket(family, kind, protocol)
        try:
            connected.setblocking(False)
            await loop.sock_connect(connected, where)
            return connected
        except OSError as error:
            connected.close()
            problem = error
        except BaseException:
            connected.close()
            raise
    raise problem


async def _peek(connected: socket.socket) -> bytes:
    """The first octets that come, left where they are."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connected, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connected)
    return connected.recv(4096, socket.MSG_PEEK)
