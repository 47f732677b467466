"""Listening sockets that somebody else has made and hands over: systemd, or the process before."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fs_1c.sockets.connected import address_of

if TYPE_CHECKING:  # what stands here is wanted before settings are: loading those takes a while
    from fs_1c.settings import Address


class WrongSocket(Exception):
    """A listening socket has been handed over that no door can use; the message is one line."""


async def must_stand_at(address: Address, listening: Sequence[socket.socket]) -> None:
    """Raises `WrongSocket` unless the settings have a door where these listen: who may come in, and whether
    he must show a token, depends on where that is. Raises OSError when a name cannot be resolved.
    """
    if not listening:
        return
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    wanted = {info[4][:2] for info in infos}
    for one in listening:
        if (stands := one.getsockname()[:2]) not in wanted:
            raise WrongSocket(
                f"{address}, but systemd hands over {address_of(stands)}; allowed: the same here and as "
                "ListenStream= in its socket unit"
            )
