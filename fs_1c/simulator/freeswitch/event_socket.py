"""The event socket: the server on port 8021 of a simulated FreeSWITCH."""

from __future__ import annotations

import asyncio

from fs_1c.simulator.freeswitch import commands
from fs_1c.simulator.freeswitch.commands import BadCommandError, CommandReader
from fs_1c.simulator.freeswitch.listener import Listener
from fs_1c.simulator.freeswitch.socket_app import Board


async def serve(board: Board, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serves one client from greeting to goodbye."""
    listener = Listener(board, writer, board.settings.backlog)
    board.join(listener, writer)
    try:
        listener.write(b"Content-Type: auth/request\n\n")
        async with asyncio.timeout(board.settings.first_command) as first:
            await _obey(listener, reader, first)
        listener.write(commands.disconnect_notice(None))
    except (TimeoutError, BadCommandError):
        listener.write(commands.disconnect_notice(None))
    except ConnectionError:
        pass  # the client is gone: nothing is left to say
    finally:
        board.leave(listener, writer)
        writer.close()


async def _obey(listener: Listener, reader: asyncio.StreamReader, first: asyncio.Timeout) -> None:
    incoming = CommandReader()
    while listener.running:
        command = incoming.take()
        if command is not None:
            first.reschedule(None)  # only the first command has to come in time
            listener.write(await listener.obey(command))
            continue
        listener.release(still_held=incoming.partial)
        data = await reader.read(65536)
        if not data:
            raise ConnectionResetError
        incoming.feed(data)
