"""uvicorn as a guest: in an event loop that belongs to calls, and that it must neither fill nor stop.

Sockets are shared with the calls, so connections are few and short-lived; signals, logs and exits are the
service's, not its. Who keeps us waiting must not keep others out: behind a proxy all have one address, so
what counts is not who has many connections but who has said nothing, or reads nothing, for the longest.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from fs_1c.calls import Pace
from fs_1c.settings import Address

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
"""At the same time. The next one takes the place of whoever has kept us waiting longest, if there is one."""
PATIENCE = 5.0
"""Seconds in which a request's head must be there, and in which a client must take what is written for it."""
LIFE = 30.0
"""Seconds that a connection lasts at the most, however busy its client keeps it; more for files."""
HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""Of every answer."""
GRACE = 2
"""Seconds in which a closing server finishes the requests under way; so does a connection whose life ends."""


class HttpServer:
    """Serves an ASGI application over HTTP/1.1.

    Args:
        application: What answers. It must not raise, and must have answered within `GRACE` seconds; what
            lasts longer must bear to be cut.
        life: Seconds that a connection lasts at the most, however busy its client keeps it; None: `LIFE`.
        patience: Seconds in which a client must take what is written for it; None: `PATIENCE`.
        certificate: Files of the certificate and its key, for https; None: plain HTTP.
        name: Of the door, for the log.
        pace: Gives each request its turn to be read; None: that is when it comes.
    """

    def __init__(
        self,
        application: ASGIApp,
        life: float | None = None,
        patience: float | None = None,
        *,
        certificate: tuple[Path, Path] | None = None,
        name: str = "http door",
        pace: Pace | None = None,
    ) -> None:
        times = {"life": life or LIFE, "patience": patience or PATIENCE, "pace": pace}
        self._certificate = certificate
        self._name = name
        self._server = _Server(
            uvicorn.Config(
                application,
                http=type("_Connection", (_Connection,), times),
                ws="none",
                lifespan="off",
                interface="asgi3",
                backlog=1,  # accepted in one turn of the loop: see `startup`
                log_config=None,
                log_level="error",  # each broken request would be a line, and anybody can send those
                access_log=False,
                proxy_headers=False,
                server_header=False,
                headers=list(HEADERS),
                timeout_graceful_shutdown=GRACE,
                ssl_certfile=certificate[0] if certificate else None,
                ssl_keyfile=certificate[1] if certificate else None,
            )
        )
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, listen: Address, handed: Sequence[socket.socket] = ()) -> None:
        """Starts to listen, or goes on with sockets that do. Raises OSError if the address is taken, or the
        certificate is no good.
        """
        loop = asyncio.get_running_loop()
        if self._certificate:  # else uvicorn would find out, when nobody hears it
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(*self._certificate)
        if not handed:
            found = await loop.getaddrinfo(*listen, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, *_, where = found[0]
            # It listens from here on. uvicorn, given no socket, would end the process if it had none.
            handed = [socket.create_server(where[:2], family=family, backlog=MAX_CONNECTIONS)]
        self._socket = handed[0]
        self._task = loop.create_task(self._server.serve(list(handed)))
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
        self._server.end()
        await asyncio.wait({self._task}, timeout=GRACE + 1)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        self._socket = self._task = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not self._server.should_exit:
            log.error("%s: closed for good; calls go on without it", self._name, exc_info=task.exception())


class _Connection(H11Protocol):
    """uvicorn's, but not for ever and not without number; its own limits begin with a request's head."""

    life: float
    patience: float
    pace: Pace | None
    _came = b""
    """What is not read yet: its turn comes."""
    _end: asyncio.TimerHandle | None = None
    _waits: float | None = None
    """Since when for its client, who has to say or to take something."""
    _gives_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS and not self._has_place():
            transport.abort()
        else:
            self._end = self.loop.call_later(self.life, self._finish)
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._end, self._gives_up):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._under_way and not self._gives_up:
            self._wait()  # a next request begins
        if self.pace is None or self._under_way:
            super().data_received(data)
            return
        begins, self._came = not self._came, self._came + data
        if begins:
            self.transport.pause_reading()
            self.pace.step(self._read)

    def _read(self) -> None:
        data, self._came = self._came, b""
        if not self.transport.is_closing():
            self.transport.resume_reading()
            super().data_received(data)

    def handle_events(self) -> None:
        super().handle_events()
        if self._under_way and not self.flow.write_paused:
            self._wait_no_more()

    def on_response_complete(self) -> None:
        self._waits = self.loop.time()  # for a next one, for as long as uvicorn keeps the connection
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait(self.patience)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._under_way:
            self._wait_no_more()
        else:
            self._wait()

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [*HEADERS, ("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close")]
            for event in (h11.Response(status_code=400, headers=headers), h11.Data(f"{msg}\n".encode())):
                self.transport.write(self.conn.send(event) or b"")
            self.conn.send(h11.EndOfMessage())
        self.transport.close()

    @property
    def _under_way(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def _has_place(self) -> bool:
        """Now that there are too many: is there one to hang up on for this one's sake?"""
        others = (one for one in self.connections if isinstance(one, _Connection) and one is not self)
        waiting = [(one._waits, id(one), one) for one in others if one._waits is not None and not one._came]
        if waiting:
            _, _, longest = min(waiting)
            self.connections.discard(longest)
            longest.transport.abort()
        return bool(waiting)

    def _wait(self, patience: float | None = None) -> None:
        self._wait_no_more()
        self._waits = self.loop.time()
        self._gives_up = self.loop.call_later(patience or PATIENCE, self.transport.abort)

    def _wait_no_more(self) -> None:
        self._waits = None
        if self._gives_up:
            self._gives_up.cancel()
            self._gives_up = None

    def _finish(self) -> None:
        self.shutdown()
        # A client that does not read would else keep what is written for him, and the connection, for ever.
        self._end = self.loop.call_later(GRACE, self.transport.abort)

    def shutdown(self) -> None:
        """Hangs up, after the answer if a request is under way."""
        if not self.transport.is_closing():
            super().shutdown()


class _Server(uvicorn.Server):
    """uvicorn's, but signals are the service's, and it ends when it is told to. Left to itself it would look
    ten times a second, and then wait a tenth, whether anybody is served or not.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._told.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # which writes the answers' date anew
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for one in (*self.servers, *(sockets or ())):
            one.close()
        for _ in range(3):
            await asyncio.sleep(0)  # until then asyncio tells of whom it has just accepted
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # an idle connection is gone by then
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets=sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to listen. asyncio accepts in one turn as many connections as may wait, and fifty at once
        would have a call wait for all of them; so it is told of one, and the kernel of more.
        """
        await super().startup(sockets=sockets)
        for one in sockets or ():
            one.listen(MAX_CONNECTIONS)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
