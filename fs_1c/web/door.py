"""The HTTP door: is the service well, the status page, and `POST /forget`, by which 1C tells that its answer
has changed.

It runs in the event loop that calls are decided on, so nothing here may cost them anything: bodies are small
and in time, what may block runs in threads of this door's own, an exception is a line in the log and a 500.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fs_1c import __version__
from fs_1c.calls import Desk
from fs_1c.cards import PostState
from fs_1c.integration import Integration
from fs_1c.settings import Address, HttpSettings
from fs_1c.web.calling import by_hand
from fs_1c.web.exchange import Refusal, body_of, guarded, text
from fs_1c.web.gate import CALL, Gate, visitor, with_token
from fs_1c.web.history import HistoryPages, state_of
from fs_1c.web.metrics import CONTENT_TYPE, Metrics
from fs_1c.web.presence import PresencePages
from fs_1c.web.server import HttpServer
from fs_1c.web.status import Feed, StatusPage

log = logging.getLogger(__name__)

THREADS = 2
"""Of our own: asyncio's threads are needed for stopping the service, whatever a slow Redis holds up here."""

T = TypeVar("T")
Doors = Callable[[], Mapping[str, bool]]
"""Tells which doors there are for calls, and whether each is up."""
Posts = Callable[[], Sequence[PostState]]
"""Tells how things are at each switch that has a name."""


@dataclass(frozen=True, slots=True)
class Forget:
    """What `POST /forget` asks.

    Attributes:
        number: In any form; None: all numbers.
        base: Only this base's answer; empty: every base's.
    """

    number: str | None
    base: str = ""


class HttpDoor:
    """Serves HTTP.

    Args:
        integration: What is asked; may be exchanged while the door is open.
        settings: Where to listen. The token is that of `integration`, so that it can be changed by SIGHUP.
        doors: The doors for calls; the service is ready when all are up.
        posts: The switches where other services may be, too.
        desk: Has calls made for who shows the token; None: nobody does.
    """

    def __init__(
        self,
        integration: Integration,
        settings: HttpSettings,
        doors: Doors,
        posts: Posts = tuple,
        desk: Desk | None = None,
    ) -> None:
        self._desk = desk
        self.feed = Feed()
        self.metrics = Metrics(lambda: self.integration, doors, posts)
        self._settings = settings
        self._doors = doors
        self._posts = posts
        self._threads = ThreadPoolExecutor(THREADS, "fs-1c-http")
        self._status = StatusPage(
            lambda: self.integration, self.feed, ready=self._known, in_thread=self._in_thread
        )
        self._presence = PresencePages(lambda: self.integration, self._in_thread)
        self._history = HistoryPages(lambda: self.integration, self._in_thread)
        self.integration = integration
        self._gate = Gate(
            settings.listen,
            settings=lambda: self.integration.settings.http,
            in_thread=self._in_thread,
            form=self._status.sign_in,
            ended=self._status.renew,
        )
        self._server = HttpServer(self._gate.before(self._application()))

    @property
    def integration(self) -> Integration:
        """The one at work; whichever it is, feed and metrics hear of its calls."""
        return self._integration

    @integration.setter
    def integration(self, integration: Integration) -> None:
        integration.observers += [self.feed, self.metrics]
        self._integration = integration
        self._status.renew()  # the token may be another one

    async def open(self, handed: Sequence[socket.socket] = ()) -> None:
        """Starts to listen, or goes on with sockets that do. Raises OSError if the address is taken."""
        await self._server.open(self._settings.listen, handed)
        log.info("http door: listening on %s", self.address)

    @property
    def address(self) -> Address:
        """Where it listens, with the real port. Only while it is open."""
        return self._server.address

    async def close(self) -> None:
        """Takes no more requests and finishes those under way, for `http_server.GRACE` seconds at most."""
        self._status.close()  # its streams would else be waited for
        await self._server.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _application(self) -> Starlette:
        application = Starlette(
            routes=[
                Route(path, guarded(endpoint), methods=[method])
                for (method, path), endpoint in {
                    ("GET", "/health/live"): self._live,
                    ("GET", "/health/ready"): self._ready,
                    ("GET", "/health"): self._health,
                    ("GET", "/metrics"): self._metrics,
                    ("GET", "/presence.json"): self._presence.told,
                    ("POST", "/forget"): self._forget,
                    ("POST", "/erase"): self._erase,
                    ("POST", CALL): self._call,
                    ("POST", "/login"): self._gate.login,
                    ("POST", "/logout"): self._gate.logout,
                    **self._history.endpoints(),
                    **self._status.endpoints(),
                }.items()
            ]
        )
        application.router.redirect_slashes = False  # it would lead wherever the Host header says
        return application

    async def _live(self, request: Request) -> Response:
        return text(200, "ok")

    async def _ready(self, request: Request) -> Response:
        state = self._readiness()
        # Doors have the switches' addresses for names, which are not for anybody.
        told = state if visitor(request).known else {"ready": state["ready"]}
        return JSONResponse(told, 200 if state["ready"] else 503)

    async def _health(self, request: Request) -> Response:
        bases = await self._in_thread(self.integration.health)
        history = await self._in_thread(lambda: state_of(self.integration))
        source = self.integration.settings.read_from
        read = {"file": str(source[0]), "read": source[1]} if source else None
        told = {"live": True, **self._known(), "bases": bases, "history": history, "settings": read}
        return JSONResponse({**told, "version": __version__})

    async def _metrics(self, request: Request) -> Response:
        told = await self._in_thread(self.metrics.text)
        return Response(told, headers={"Content-Type": CONTENT_TYPE})

    def _readiness(self) -> dict[str, object]:
        doors = dict(self._doors())
        return {"ready": all(doors.values()), "doors": doors}

    def _known(self) -> dict[str, object]:
        """How things are here, and with the other services, as far as that is known here."""
        return {**self._readiness(), **others(self.integration, self._posts())}

    async def _forget(self, request: Request) -> Response:
        integration, who = self.integration, with_token(request)
        asked = read_forget(await body_of(request))
        try:
            done = await self._in_thread(lambda: integration.forget(asked.number, asked.base))
        except ValueError as error:
            raise Refusal(400, str(error)) from None
        log.log(
            logging.WARNING if done.untold else logging.INFO,
            "http door: %s told to forget %r: %d forgotten%s",
            who.client,
            asked.number or "all",
            done.count,
            f", Redis could not be told: {', '.join(done.untold)}" if done.untold else "",
        )
        if done.untold:
            return JSONResponse({"forgotten": done.count, "untold": done.untold}, 503)
        return JSONResponse({"forgotten": done.count})

    async def _erase(self, request: Request) -> Response:
        integration, who = self.integration, with_token(request)
        asked = read_forget(await body_of(request))
        if asked.number is None or asked.base:
            raise Refusal(400, "allowed: number, alone")
        number = asked.number
        try:
            erased = await self._in_thread(lambda: integration.erase(number))
        except ValueError as error:
            raise Refusal(400, str(error)) from None
        # Not whom: the log would keep him.
        told = replace(erased, recordings=())  # a file's name may hold his number
        log.info("http door: %s told to erase a client: %s", who.client, told)
        return JSONResponse(asdict(erased))

    async def _call(self, request: Request) -> Response:
        who = with_token(request)
        if self._desk is None:
            raise Refusal(404, "this door has nobody called")
        return await by_hand(await body_of(request), self._desk, who.client)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def others(integration: Integration, posts: Sequence[PostState]) -> dict[str, object]:
    """What `/health` says of Redis and of the switches that have a name; its keys are a contract."""
    claims = integration.claims()
    return {
        "redis": None if claims.redis_up is None else {"up": claims.redis_up},
        "cards_unshared": claims.unshared,
        "switches": {
            post.switch: {
                "role": post.role.value,
                "connected": post.connected,
                "owner": post.owner,
                "since_s": round(post.since),
                "held": post.held,
            }
            for post in posts
        },
    }


def read_forget(body: bytes) -> Forget:
    """Reads the body of `POST /forget`: JSON, or what a form sends; its first character shows which, since 1C
    and curl send either under any Content-Type. Raises `Refusal` with what is allowed.
    """
    try:
        text = body.decode("utf-8-sig").strip()  # 1C may put a byte order mark before it
        given = json.loads(text, object_pairs_hook=_once) if text.startswith("{") else _form(text)
    except (ValueError, RecursionError):
        allowed = 'allowed: {"number": "..."} or {"all": true}, or the same as a form, each once'
        raise Refusal(400, f"the body: {allowed}") from None
    if unknown := given.keys() - {"number", "all", "base"}:
        raise Refusal(400, f"{min(unknown)!r}: there is no such field; allowed: number, all, base")
    number, everything, base = given.get("number"), given.get("all", False), given.get("base", "")
    if not isinstance(everything, bool):
        raise Refusal(400, "all: allowed: true or false")
    if not isinstance(number, str | None):
        raise Refusal(400, 'number: allowed: a string, such as "89235292926"')
    if not isinstance(base, str):
        raise Refusal(400, "base: allowed: the name of a base")
    if everything is (number is not None):
        raise Refusal(400, "allowed: number, or all = true, and not both")
    return Forget(number, base)


def _form(text: str) -> dict[str, object]:
    given = _once(parse_qsl(text, strict_parsing=bool(text)))
    if isinstance(number := given.get("number"), str) and number.startswith(" "):
        given["number"] = f"+{number[1:]}"  # a plus that was not encoded; no number begins with a space
    if given.get("all") in ("true", "false"):
        given["all"] = given["all"] == "true"
    return given


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Raises ValueError if a field comes twice: one of two numbers would silently stay."""
    given = dict(pairs)
    if len(given) < len(pairs):
        raise ValueError("twice")
    return given
