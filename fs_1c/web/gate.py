"""Stands before every address of the HTTP door, those included that there are not: nothing is told to whom
`access` does not let in. Signing in and out is here, too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from fs_1c.settings import Address, HttpSettings, is_loopback
from fs_1c.web.access import (
    COOKIE,
    COOKIE_FOR,
    FOREIGN,
    PAGE,
    Sessions,
    Tries,
    bearer,
    client_of,
    host_is_ours,
    proxied,
    same,
)
from fs_1c.web.exchange import Refusal, body_of, guarded

log = logging.getLogger(__name__)

HEALTH = ("/health/live", "/health/ready")
"""Yes or no, for whoever balances the load: answered to anybody, through proxies, too."""
CALL = "/call"
"""What the page asks for beside reading: a session does, with the page's own token."""
SIGN_IN = ("/", "/login", "/logout")
"""Where a stranger gets no more than the form."""
_PUBLISHED = (
    "this request came from elsewhere or through a proxy, and no token is set: set http.token_file in the "
    "settings, so that not everybody who gets here reads about clients"
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks.

    Attributes:
        known: He may be told.
        token: There is one, so somebody else might not be.
        client: His address, for the log and for counting wrong tokens.
        page: What his page must show to ask for more than to read; empty: he has no session.
    """

    known: bool
    token: bool
    client: str
    page: str = ""


def visitor(request: Request) -> Visitor:
    """Who the gate says that asks."""
    found: Visitor = request.state.visitor
    return found


def with_token(request: Request) -> Visitor:
    """Who asks, if a token is set, which he has shown then. Raises `Refusal`."""
    who = visitor(request)
    if not who.token:
        raise Refusal(403, "closed: set http.token or http.token_file in the settings to open it")
    return who


class Gate:
    """An ASGI application before another one.

    Args:
        listen: Where the door listens, according to the settings.
        settings: Gives those of now; the token may change.
        in_thread: Reads the token, which may be in a file.
        form: The page on which one signs in; told whether a wrong token was just shown.
        ended: Is called when a session has ended, so that what was opened in it ends, too.
    """

    def __init__(
        self,
        listen: Address,
        *,
        settings: Callable[[], HttpSettings],
        in_thread: Callable[[Callable[[], str]], Awaitable[str]],
        form: Callable[[Request, bool], Response],
        ended: Callable[[], None],
    ) -> None:
        self._listen = listen
        self._settings = settings
        self._in_thread = in_thread
        self._form = form
        self._ended = ended
        self._sessions = Sessions()
        self._tries = Tries()

    def before(self, application: ASGIApp) -> ASGIApp:
        """Lets through to the application whom it may."""

        @guarded
        async def let_in(request: Request) -> ASGIApp:
            request.state.visitor = await self._look_at(request)
            return application

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await (await let_in(Request(scope, receive)))(scope, receive, send)

        return answer

    async def _look_at(self, request: Request) -> Visitor:
        """Raises `Refusal`."""
        path, token = request.url.path, self._settings().token_is_set
        peer = request.client.host if request.client else "somebody"
        client = client_of(peer, request.headers.get("X-Forwarded-For", "")) if token else peer
        if _from_elsewhere(request):
            raise Refusal(403, "for this service's own page only")
        known = await self._shows(request, client) if token else self._is_here(request)
        if not known and path not in HEALTH and not (token and path in SIGN_IN):
            if request.method not in ("GET", "HEAD") or bearer(request.headers) is not None:
                log.warning("http door: %s showed no token, or a wrong one", client)
            allowed = "wrong token: allowed: Authorization: Bearer TOKEN, or in a browser, sign in at /"
            raise Refusal(401, allowed, {"WWW-Authenticate": "Bearer"})
        cookie = request.cookies.get(COOKIE, "") if known and bearer(request.headers) is None else ""
        return Visitor(known, token, client, self._sessions.page(cookie) if token and cookie else "")

    def _is_here(self, request: Request) -> bool:
        """Without a token: is he on this machine? False: perhaps not, but what he asks is for anybody. Raises
        `Refusal`.
        """
        lan = not is_loopback(self._listen.host)  # since the settings were read again, which moves no door
        if lan or proxied(request.headers.keys(), request.scope["http_version"]):
            if request.url.path in HEALTH:
                return False
            raise Refusal(403, _PUBLISHED)
        if not host_is_ours(request.headers.get("Host", ""), self._listen):
            raise Refusal(421, "allowed: by the name localhost, or by a loopback address")
        return True

    async def _shows(self, request: Request, client: str) -> bool:
        """Does he show the token, or the cookie of a session that began with it? Here `Host` says nothing: a
        foreign page has neither.
        """
        given, cookie = bearer(request.headers), request.cookies.get(COOKIE, "")
        if given is not None:
            return bool(await self._right(given, client, program=True))
        reads = request.method in ("GET", "HEAD")
        asks = request.url.path == CALL and self._sessions.asks(cookie, request.headers.get(PAGE, ""))
        if not cookie or not (reads or asks):
            return False
        return self._sessions.good(cookie, await self._in_thread(self._settings().secret))

    async def _right(self, given: bytes, client: str, *, program: bool) -> str:
        """The token, if this is it, else nothing. Raises `Refusal` if too many try."""
        if pause := self._tries.pause(client, program=program):
            if not self._tries.wait(client):
                raise Refusal(429, "too many wrong tokens; try again in some seconds", {"Retry-After": "2"})
            try:
                await asyncio.sleep(pause)
            finally:
                self._tries.waited(client)
        token = await self._in_thread(self._settings().secret)
        right = same(given, token)
        self._tries.ended(client, right, program=program)
        return token if right else ""

    async def login(self, request: Request) -> Response:
        """Begins a session for who shows the token."""
        who = visitor(request)
        if not who.token:
            return RedirectResponse("/", 303)
        given = dict(parse_qsl((await body_of(request)).decode("latin-1"), encoding="latin-1"))
        shown = given.get("token", "").strip().encode("latin-1", "replace")
        token = await self._right(shown, who.client, program=False)
        if not token:
            log.warning("status page: %s tried to sign in with a wrong token", who.client)
            return self._form(request, True)
        log.info("status page: %s signed in", who.client)
        answer = RedirectResponse("/", 303)
        # This door speaks plain HTTP. A proxy that speaks HTTPS before it says so.
        secure = request.headers.get("X-Forwarded-Proto", "") == "https"
        cookie = self._sessions.begin(token)
        answer.set_cookie(COOKIE, cookie, max_age=COOKIE_FOR, httponly=True, samesite="strict", secure=secure)
        return answer

    async def logout(self, request: Request) -> Response:
        """Ends the session, wherever else its cookie may be."""
        if self._sessions.end(request.cookies.get(COOKIE, "")):
            log.info("status page: %s signed out", visitor(request).client)
            self._ended()
        answer = RedirectResponse("/", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer


def _from_elsewhere(request: Request) -> bool:
    """Is it a page of somebody else that asks? It cannot read what comes, but would take places that others
    want, or sign somebody out. To follow a link is no asking.
    """
    if request.headers.get("Sec-Fetch-Site") not in FOREIGN or request.url.path in HEALTH:
        return False
    follows = request.url.path == "/" or request.headers.get("Sec-Fetch-Dest") == "document"
    return not (follows and request.method in ("GET", "HEAD"))
