"""The door by which 1C has calls made: an address of its own, closed unless `calls.listen` is set. A guest of
the loop that calls are decided on, as the HTTP door is; TLS by a proxy before it, or by its own certificate.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fs_1c.calls import Desk
from fs_1c.integration import Integration
from fs_1c.settings import Address, CallsSettings
from fs_1c.web.calling.accounts import accounts
from fs_1c.web.calling.day import rows
from fs_1c.web.calling.forms import Forms
from fs_1c.web.calling.keeper import Keeper
from fs_1c.web.calling.own import Own
from fs_1c.web.exchange import guarded
from fs_1c.web.server import HttpServer

log = logging.getLogger(__name__)

DOOR = "calls door"
JOURNAL_WITHIN = 5.0
"""Seconds."""

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]


class CallingDoor:
    """Serves the forms.

    Args:
        integration: Whose settings and keys count; may be exchanged while the door is open.
        settings: Where to listen, and which forms there are: those stay as they are until a restart.
        desk: Has the calls made.
    """

    def __init__(self, integration: Integration, settings: CallsSettings, desk: Desk) -> None:
        self.integration = integration
        self._settings = settings
        self._pace = desk.pace
        self._threads = ThreadPoolExecutor(1, "fs-1c-calls")
        keeper = Keeper(lambda: self.integration, self._in_thread)
        self._reader = ThreadPoolExecutor(1, "fs-1c-calls-journal")
        forms = Forms(keeper, desk, lambda: accounts(self.integration, desk), self._day).endpoints()
        wanted = [route for form in settings.forms for route in forms.get(form, ())]
        own = Own(keeper, desk, lambda: list(self.integration.settings.onec))
        application = Starlette(routes=self._routes((*own.endpoints(), *wanted)))
        application.router.redirect_slashes = False  # it would lead wherever the Host header says
        certificate, key = settings.cert_file, settings.key_file
        self._server = HttpServer(
            application,
            certificate=(certificate, key) if certificate and key else None,
            name=DOOR,
            pace=desk.pace,
        )

    async def open(self, handed: Sequence[socket.socket] = ()) -> None:
        """Starts to listen. Raises OSError if the address is taken, or the certificate is no good."""
        assert self._settings.listen is not None  # noqa: S101
        await self._server.open(self._settings.listen, handed)
        log.info("calls door: listening on %s", self.address)

    @property
    def address(self) -> Address:
        """Where it listens, with the real port. Only while it is open."""
        return self._server.address

    async def close(self) -> None:
        """Takes no more requests; calls that were made go on."""
        await self._server.close()
        for threads in (self._threads, self._reader):
            threads.shutdown(wait=False, cancel_futures=True)

    async def _day(self, begins: float, ends: float) -> list[dict[str, Any]]:
        """A thread of its own: a disk that hangs must not hold up those who call. Raises TimeoutError."""
        settings, links = self.integration.settings, self.integration.links
        async with asyncio.timeout(JOURNAL_WITHIN):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._reader, lambda: rows(settings, links, begins, ends))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _routes(self, endpoints: Iterable[tuple[str, str, Endpoint]]) -> list[Route]:
        """A route for each path, which knows all of its methods; who only looks (HEAD) has nobody called."""
        by_path: dict[str, dict[str, Endpoint]] = {}
        for method, path, endpoint in endpoints:
            by_path.setdefault(path, {})[method] = endpoint
        routes = []
        for path, methods in by_path.items():
            route = Route(path, self._answers(methods), methods=list(methods))
            route.methods = set(methods)
            routes.append(route)
        return routes

    def _answers(self, methods: Mapping[str, Endpoint]) -> Endpoint:
        """The endpoint of each method. To read a request, to work on it and to answer it are a turn each."""

        async def answer(request: Request) -> Response:
            await self._pace.turn()
            response = await methods[request.method](request)
            await self._pace.turn()  # many may have waited for the same: a switch that comes back, a time-out
            return response

        return guarded(answer, DOOR)
