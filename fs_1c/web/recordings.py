"""The door for recordings: who has an address that `recordings.Links` has made may listen, and nobody else.

It has an address, a thread and a loop of its own, so that a file of hundreds of megabytes is no guest in the
loop that calls are decided on, and so that what is published for listening is nothing else of this service.
Ranges, ETags and threads that read the disk are starlette's.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
import threading
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from functools import cache
from html import escape
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from fs_1c.recordings import Links, NoFile, WrongLink
from fs_1c.settings import Address
from fs_1c.web.exchange import guarded
from fs_1c.web.server import HttpServer
from fs_1c.web.status.html import language

log = logging.getLogger(__name__)

LIFE = 4 * 3600.0
"""Seconds that a connection lasts at the most: a recording of hours over a slow line."""
PATIENCE = 120.0
"""Seconds in which a client must take something: a browser that plays reads on when it needs more."""
STARTS_WITHIN = 5.0
TYPES = {
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
}
"""What a browser plays. All else is a file to be saved, whatever is in it."""
_STYLE = "body{font:16px/1.5 sans-serif;max-width:40em;margin:3em auto;padding:0 1em}audio{width:100%}"
_WORDS = {
    "en": {
        "altered": "This address is not complete, or was changed. Open it from 1C again.",
        "old": "This address is not good any more: recordings are open for a limited time.",
        "none": "There is no recording at this address: it is not written yet, or was moved or deleted.",
        "sides": "This recording is in several files, one for each side.",
    },
    "ru": {
        "altered": "Адрес скопирован не целиком или изменён. Откройте его из 1С ещё раз.",
        "old": "Срок действия адреса истёк: записи открыты ограниченное время.",
        "none": "По этому адресу записи нет: она ещё не записана, перенесена или удалена.",
        "sides": "Эта запись — в нескольких файлах, по одному на каждую сторону разговора.",
    },
}


class RecordingsDoor:
    """Serves recordings.

    Args:
        links: Reads the addresses; may be exchanged while it is open.
        listen: Where it listens.
    """

    def __init__(self, links: Links, listen: Address) -> None:
        self.links = links
        self._listen = listen
        self._server = HttpServer(_application(self._answer), LIFE, PATIENCE)
        self._handed: Sequence[socket.socket] = ()
        self._opened: Future[Address] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="fs-1c-recordings", daemon=True)

    async def open(self, handed: Sequence[socket.socket] = ()) -> None:
        """Starts to listen, or goes on with sockets that do. Raises OSError if the address is taken."""
        self._handed = handed
        self._thread.start()
        await asyncio.wait_for(asyncio.wrap_future(self._opened), STARTS_WITHIN)
        log.info("recordings: listening on %s", self.address)

    @property
    def address(self) -> Address:
        """Where it listens, with the real port. Only while it is open."""
        return self._opened.result(0)

    async def close(self) -> None:
        """Takes no more requests; who listens to a long one is cut off after `server.GRACE` seconds."""
        if self._loop and self._closing and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._closing.set)
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception:
            log.exception("recordings: closed for good; calls go on without it")

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._server.open(self._listen, self._handed)
        except OSError as error:
            self._opened.set_exception(error)
            return
        self._opened.set_result(self._server.address)
        await self._closing.wait()
        await self._server.close()

    async def _answer(self, request: Request) -> Response:
        words = _WORDS[language("", request.headers.get("Accept-Language", ""))]
        path = request.scope["path"]
        try:
            found = await asyncio.to_thread(_found, self.links, path)
        except WrongLink as error:
            log.info("recordings: an address is %s: %s", error, path.rpartition("/")[2][:100])
            return _page(403, words[str(error)])
        except NoFile:
            return _page(404, words["none"])
        if isinstance(found, list):
            return _page(200, words["sides"], found)
        log.info("recordings: %s %s", request.method, found.name)
        return _Recording(found)


def _found(links: Links, path: str) -> Path | list[str]:
    """The recording at an address, or the addresses of its sides, as the page there names them; looks at the
    disk. Raises `WrongLink` or `NoFile`.
    """
    file = links.file(path)
    if file.is_file():
        return file
    folder = links.folder.resolve()
    if sides := [links.beside(path, links.folder / side.relative_to(folder)) for side in links.sides(file)]:
        return sides
    raise NoFile


class _Recording(FileResponse):
    """A file, as it is now: one that is still being written goes on after what was said of its length."""

    def __init__(self, file: Path) -> None:
        kind = TYPES.get(file.suffix.lower())
        super().__init__(
            file,
            media_type=kind or "application/octet-stream",
            filename=file.name,
            content_disposition_type="inline" if kind else "attachment",
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = -1

        async def send_no_more(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.start":
                left = int(dict(message["headers"]).get(b"content-length", b"-1"))
            elif left >= 0 and scope["method"] != "HEAD":
                body = message.get("body", b"")[:left]
                message = {**message, "body": body}
                left -= len(body)
            await send(message)

        await super().__call__(scope, receive, send_no_more)


def _application(answer: Callable[[Request], Awaitable[Response]]) -> Starlette:
    endpoint = guarded(answer, "recordings")
    application = Starlette(routes=[Route("/{path:path}", endpoint, methods=["GET", "HEAD"])])
    application.router.redirect_slashes = False
    return application


def _page(status: int, line: str, files: list[str] | None = None) -> HTMLResponse:
    """A page that needs nothing from elsewhere; of `files` it may play those that it names."""
    text = f"<!doctype html><meta charset=utf-8><title>fs-1c</title><style>{_STYLE}</style><p>{line}</p>"
    for url in map(escape, files or ()):
        name = url.rpartition("/")[2]
        text += f'<p><audio controls src="{url}"></audio></p><p><a href="{url}">{name}</a></p>'
    policy = ("default-src 'none'", f"style-src '{_hash()}'", "media-src 'self'", "base-uri 'none'")
    return HTMLResponse(text, status, {"Content-Security-Policy": "; ".join((*policy, "form-action 'none'"))})


@cache
def _hash() -> str:
    return "sha256-" + b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
