"""uvicorn as a guest: in an event loop that belongs to calls, and that it must neither fill nor stop.

Sockets are shared with the calls, so connections are few and short-lived; signals, logs and exits are the
service's, not its.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from fs_1c.settings import Address

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
"""At the same time; the next one is hung up on."""
LIFE = 30.0
"""Seconds that a connection lasts at the most, however busy its client keeps it."""
GRACE = 2
"""Seconds in which a closing server finishes the requests under way; so does a connection whose life ends."""


class HttpServer:
    """Serves an ASGI application over HTTP/1.1.

    Args:
        application: What answers. It must not raise, and must have answered within `GRACE` seconds; what
            lasts longer must bear to be cut.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._server = _Server(
            uvicorn.Config(
                application,
                http=_Connection,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="error",  # each broken request would be a line, and anybody can send those
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, listen: Address) -> None:
        """Starts to listen. Raises OSError when the address cannot be had."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(*listen, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, where = found[0]
        # It listens from here on. uvicorn, given no socket, would end the process if it could not have one.
        self._socket = socket.create_server(where[:2], family=family, backlog=MAX_CONNECTIONS)
        self._task = loop.create_task(self._server.serve([self._socket]))
        self._task.add_done_callback(self._ended)

    @property
    def address(self) -> Address:
        """Where it listens, with the real port. Only while it is open."""
        if self._socket is None:
            raise RuntimeError("the server is not open")
        host, port = self._socket.getsockname()[:2]
        return Address(host, port)

    async def close(self) -> None:
        """Takes no more requests, finishes those under way, for `GRACE` seconds at most; then hangs up."""
        if self._task is None:
            return
        self._server.should_exit = True
        await asyncio.wait({self._task}, timeout=GRACE + 1)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        self._socket = self._task = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not self._server.should_exit:
            log.error("http door: closed for good; calls go on without it", exc_info=task.exception())


class _Connection(H11Protocol):
    """uvicorn's, but not for ever and not without number; its own limits begin with a request's head."""

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._end = self.loop.call_later(LIFE, self._finish)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end:
            self._end.cancel()
        super().connection_lost(exc)

    def _finish(self) -> None:
        self.shutdown()
        # A client that does not read would else keep what is written for him, and the connection, for ever.
        self._end = self.loop.call_later(GRACE, self.transport.abort)

    def shutdown(self) -> None:
        """Hangs up, after the answer if a request is under way."""
        if not self.transport.is_closing():
            super().shutdown()


class _Server(uvicorn.Server):
    """uvicorn's, but signals are the service's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
