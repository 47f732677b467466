"""The HTTP door: is the service well, the status page, and `POST /forget`, by which 1C tells that its answer
has changed.

It runs in the event loop that calls are decided on, so nothing here may cost them anything: bodies are small
and in time, what may block runs in threads of this door's own, an exception is a line in the log and a 500.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import wraps
from typing import TypeVar
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fs_1c import __version__
from fs_1c.integration import Integration
from fs_1c.settings import Address, HttpSettings, is_loopback
from fs_1c.web.metrics import CONTENT_TYPE, Metrics
from fs_1c.web.server import HttpServer
from fs_1c.web.status import Feed, StatusPage, bearer

log = logging.getLogger(__name__)

MAX_BODY = 4096
"""Octets of a request's body."""
BODY_WITHIN = 1.5
"""Seconds in which a body must have come; a slow one must not hold up a stop."""
THREADS = 2
"""Of our own: asyncio's threads are needed for stopping the service, whatever a slow Redis holds up here."""

T = TypeVar("T")
Doors = Callable[[], Mapping[str, bool]]
"""Tells which doors there are for calls, and whether each is up."""


class _Refusal(Exception):
    """The request gets this answer: a status and one clear line, for whoever wrote the other side."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.response = _text(status, text, headers)


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
    """

    def __init__(self, integration: Integration, settings: HttpSettings, doors: Doors) -> None:
        self.feed = Feed()
        self.metrics = Metrics(lambda: self.integration, doors)
        self.integration = integration
        self._settings = settings
        self._doors = doors
        self._threads = ThreadPoolExecutor(THREADS, "fs-1c-http")
        self._status = StatusPage(
            lambda: self.integration,
            self.feed,
            settings.listen,
            ready=self._readiness,
            body=_body,
            in_thread=self._in_thread,
        )
        self._server = HttpServer(self._application())

    @property
    def integration(self) -> Integration:
        """The one at work; whichever it is, feed and metrics hear of its calls."""
        return self._integration

    @integration.setter
    def integration(self, integration: Integration) -> None:
        integration.observers += [self.feed, self.metrics]
        self._integration = integration

    async def open(self) -> None:
        """Starts to listen. Raises OSError when the address cannot be had."""
        await self._server.open(self._settings.listen)
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
                Route("/health/live", _guarded(self._live), methods=["GET"]),
                Route("/health/ready", _guarded(self._ready), methods=["GET"]),
                Route("/health", _guarded(self._health), methods=["GET"]),
                Route("/metrics", _guarded(self._metrics), methods=["GET"]),
                Route("/forget", _guarded(self._forget), methods=["POST"]),
                Route("/erase", _guarded(self._erase), methods=["POST"]),
                *(
                    Route(path, _guarded(endpoint), methods=[method])
                    for (method, path), endpoint in self._status.endpoints().items()
                ),
            ]
        )
        application.router.redirect_slashes = False  # it would lead wherever the Host header says
        return application

    async def _live(self, request: Request) -> Response:
        return _text(200, "ok")

    async def _ready(self, request: Request) -> Response:
        state = self._readiness()
        return JSONResponse(state, 200 if state["ready"] else 503)

    async def _health(self, request: Request) -> Response:
        bases = await self._in_thread(self.integration.health)
        return JSONResponse({"live": True, **self._readiness(), "bases": bases, "version": __version__})

    async def _metrics(self, request: Request) -> Response:
        await self._admit_reader(request)
        text = await self._in_thread(self.metrics.text)
        return Response(text, headers={"Content-Type": CONTENT_TYPE})

    def _readiness(self) -> dict[str, object]:
        doors = dict(self._doors())
        return {"ready": all(doors.values()), "doors": doors}

    async def _forget(self, request: Request) -> Response:
        integration = self.integration
        self._admit(request, await self._in_thread(integration.settings.http.secret))
        asked = read_forget(await _body(request))
        try:
            count = await self._in_thread(lambda: integration.forget(asked.number, asked.base))
        except ValueError as error:
            raise _Refusal(400, str(error)) from None
        log.info(
            "http door: %s told to forget %r: %d forgotten", _client(request), asked.number or "all", count
        )
        return JSONResponse({"forgotten": count})

    async def _erase(self, request: Request) -> Response:
        integration = self.integration
        self._admit(request, await self._in_thread(integration.settings.http.secret))
        asked = read_forget(await _body(request))
        if asked.number is None or asked.base:
            raise _Refusal(400, "allowed: number, alone")
        number = asked.number
        try:
            erased = await self._in_thread(lambda: integration.erase(number))
        except ValueError as error:
            raise _Refusal(400, str(error)) from None
        # Not whom: the log would keep him.
        log.info("http door: %s told to erase a client: %s", _client(request), erased)
        return JSONResponse(asdict(erased))

    async def _admit_reader(self, request: Request) -> None:
        """Who reads must show the token where the door is open to other machines."""
        if not is_loopback(self._settings.listen.host):
            self._admit(request, await self._in_thread(self.integration.settings.http.secret))

    def _admit(self, request: Request, token: str) -> None:
        if not token:
            raise _Refusal(403, "closed: set http.token or http.token_file in the settings to open it")
        if not bearer(request.headers, token):
            log.warning("http door: %s showed no token, or a wrong one", _client(request))
            raise _Refusal(
                401, "wrong token: allowed: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
            )

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def read_forget(body: bytes) -> Forget:
    """Reads the body of `POST /forget`: JSON, or what a form sends; its first character shows which, since 1C
    and curl send either under any Content-Type. Raises `_Refusal` with what is allowed.
    """
    try:
        text = body.decode("utf-8-sig").strip()  # 1C may put a byte order mark before it
        given = json.loads(text, object_pairs_hook=_once) if text.startswith("{") else _form(text)
    except (ValueError, RecursionError):
        allowed = 'allowed: {"number": "..."} or {"all": true}, or the same as a form, each once'
        raise _Refusal(400, f"the body: {allowed}") from None
    if unknown := given.keys() - {"number", "all", "base"}:
        raise _Refusal(400, f"{min(unknown)!r}: there is no such field; allowed: number, all, base")
    number, everything, base = given.get("number"), given.get("all", False), given.get("base", "")
    if not isinstance(everything, bool):
        raise _Refusal(400, "all: allowed: true or false")
    if not isinstance(number, str | None):
        raise _Refusal(400, 'number: allowed: a string, such as "89235292926"')
    if not isinstance(base, str):
        raise _Refusal(400, "base: allowed: the name of a base")
    if everything is (number is not None):
        raise _Refusal(400, "allowed: number, or all = true, and not both")
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


async def _body(request: Request) -> bytes:
    """The whole body. Raises `_Refusal` when it is too large or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    # uvicorn goes on reading and throws away what comes, so that the client can read this.
                    raise _Refusal(413, f"the body: allowed are up to {MAX_BODY} bytes")
    except TimeoutError:
        late = f"the body: allowed are up to {BODY_WITHIN:g} s until it is here"
        raise _Refusal(408, late, {"Connection": "close"}) from None
    return bytes(body)


def _guarded(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint, which now always answers."""

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except _Refusal as refusal:
            return refusal.response
        except ClientDisconnect:
            return _text(400, "the client has gone")  # nobody hears it
        except Exception:
            log.exception("http door: %s failed", request.url.path)
            return _text(500, "internal error; the service's log says which")

    return answer


def _text(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    # What was sent to us may be repeated here: line breaks and half a surrogate pair included.
    line = "".join(c if c.isprintable() else "?" for c in text)
    return Response(f"{line}\n", status, headers, media_type="text/plain")


def _client(request: Request) -> str:
    return request.client.host if request.client else "somebody"
