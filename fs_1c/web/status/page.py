"""The page's addresses: `/`, `/events`, `/state`, `/journal`; and `/journal.json`, for the other services.
Who may read them is not decided here, but that nobody reads the last without a token.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from fs_1c import __version__
from fs_1c.integration import Integration
from fs_1c.journal import JournalError, calls, journal_file, with_addresses
from fs_1c.numbers import Number, read
from fs_1c.recordings import Links, address
from fs_1c.settings import Settings
from fs_1c.web.exchange import text
from fs_1c.web.gate import Visitor, visitor, with_token
from fs_1c.web.history import state_of as history_of
from fs_1c.web.status import html
from fs_1c.web.status.feed import Feed
from fs_1c.web.status.masking import masked_values
from fs_1c.web.status.stream import UNMASKED, EventStream, Streams, View, as_text, place

log = logging.getLogger(__name__)

MAX_CALLS = 200
"""Calls of the journal in one answer."""
MAX_SOUGHT = 512
"""Characters of what is sought there."""
JOURNAL_WITHIN = 1.5
"""Seconds; a disk that hangs must not hold up a stop."""
MAX_READING = 8
"""Who may wait for the journal at a time: it is read by one thread, which is nobody else's."""

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]


class InThread(Protocol):
    """Runs what may block in a thread."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]: ...


class StatusPage:
    """Answers for the HTTP door.

    Args:
        integration: Gives the one that is at work now.
        feed: What is shown; an observer of the integration.
        ready: Gives what `/health/ready` says.
        in_thread: Runs what may block in one of the door's threads.
    """

    def __init__(
        self,
        integration: Callable[[], Integration],
        feed: Feed,
        *,
        ready: Callable[[], dict[str, object]],
        in_thread: InThread,
    ) -> None:
        self._integration = integration
        self._feed = feed
        self._ready = ready
        self._in_thread = in_thread
        self._streams = Streams(feed)
        self._reader = ThreadPoolExecutor(1, "fs-1c-status")
        self._may_wait = threading.BoundedSemaphore(MAX_READING)

    def endpoints(self) -> Mapping[tuple[str, str], Endpoint]:
        """What answers, by method and path."""
        return {
            ("GET", "/"): self._page,
            ("GET", "/events"): self._events,
            ("GET", "/state"): self._state,
            ("GET", "/journal"): self._journal,
            ("GET", "/journal.json"): self._for_neighbours,
        }

    def renew(self) -> None:
        """Whoever reads a stream has to come again, and be let in again. In the loop."""
        self._streams.renew()

    def close(self) -> None:
        """Ends the streams; the feed is closed with them."""
        self._feed.close()
        self._reader.shutdown(wait=False, cancel_futures=True)

    async def _page(self, request: Request) -> Response:
        if not visitor(request).known:
            return self.sign_in(request, False)
        return _document(200, html.page(_language(request)))

    def sign_in(self, request: Request, wrong: bool) -> Response:
        """The form; after a wrong token, it says so."""
        return _document(401, html.sign_in(_language(request), wrong))

    async def _events(self, request: Request) -> Response:
        # A browser that comes again shows its place in a header; one that has slept, in the address.
        asked = request.headers.get("Last-Event-ID") or request.query_params.get("after", "")
        after, view = place(asked, self._feed.epoch), self._view(request)
        headers = {"X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            return Response(None, 200, headers, EventStream.media_type)
        return EventStream(lambda: self._streams.events(after, view), headers)

    async def _state(self, request: Request) -> Response:
        state, who = await self._in_thread(lambda: state_of(self._integration())), visitor(request)
        told = {**self._ready(), "closable": who.token, "page": self._asks(who), **state}
        view = self._view(request)
        return _json(json.dumps(masked_values(told, UNMASKED) if view.mask else told))

    def _asks(self, who: Visitor) -> str:
        """What the page shows to have somebody called; empty: it cannot."""
        return who.page if self._integration().settings.calls.dial else ""

    async def _journal(self, request: Request) -> Response:
        return await self._sought(request, self._view(request))

    async def _for_neighbours(self, request: Request) -> Response:
        """The journal in whole, with whose it is: on the loopback, too, for nobody without a token."""
        with_token(request)
        view = replace(self._view(request), mask=False)
        name = json.dumps(self._integration().settings.cluster.our_name)
        return await self._sought(request, view, f'{{"service": {name}, "calls": ', "}")

    async def _sought(self, request: Request, view: View, before: str = "", after: str = "") -> Response:
        """The calls that are sought, as JSON, with that before and after them."""
        asked, settings, links = request.query_params, self._integration().settings, self._integration().links
        number, call = asked.get("number", "").strip(), asked.get("call", "").strip()
        missed = asked.get("missed", "") not in ("", "0")
        if max(len(number), len(call)) > MAX_SOUGHT:
            return text(400, f"number, call: allowed are up to {MAX_SOUGHT} characters")
        limit = asked.get("limit", "50")
        if not (limit.isascii() and limit.isdigit() and len(limit) < 6 and 0 < int(limit) <= MAX_CALLS):
            return text(400, f"limit: allowed: 1 to {MAX_CALLS}")
        if journal_file(settings) is None:
            return text(404, "no journal is kept: state.folder is not set, or journal.enabled is off")
        try:
            found = await self._read(
                lambda: search(settings, number, call, int(limit), view, links, missed=missed)
            )
            return _json(f"{before}{found}{after}")
        except JournalError as error:
            return text(503, str(error))
        except TimeoutError:
            return text(503, "the journal takes too long; calls do not wait for it")

    async def _read(self, work: Callable[[], str]) -> str:
        """Raises TimeoutError; JournalError, if too many wait."""
        if not self._may_wait.acquire(blocking=False):
            raise JournalError("too many read the journal at this moment")
        try:
            job = self._reader.submit(work)
        except BaseException:
            self._may_wait.release()
            raise
        job.add_done_callback(lambda _: self._may_wait.release())
        async with asyncio.timeout(JOURNAL_WITHIN):
            return await asyncio.wrap_future(job)

    def _view(self, request: Request) -> View:
        settings = self._integration().settings
        mask = request.query_params.get("mask", "") not in ("", "0")
        return View(mask, settings.journal.titles, settings.numbers.plan())


def state_of(integration: Integration) -> dict[str, object]:
    """How the bases are, and what the chart needs; may block."""
    settings, health, states = integration.settings, integration.health(), integration.states()
    journal = integration.journal
    return {
        "version": __version__,
        "deadline_ms": round(settings.lookup.deadline * 1000),
        "bases": {
            name: {
                **health[name],
                "sessions": state.sessions,
                "sessions_allowed": state.sessions_allowed,
            }
            for name, state in states.items()
        },
        "journal": {"kept": journal is not None, "rows_lost": journal.rows_lost if journal else 0},
        "history": history_of(integration),
        "listens": bool(integration.switches.tables or integration.switches.elsewhere),
    }


def search(
    settings: Settings,
    number: str,
    call: str,
    limit: int,
    view: View,
    links: Links | None = None,
    *,
    missed: bool = False,
) -> str:
    """What the journal says, as `fs-1c journal --json` does; blocks. Raises JournalError.

    Args:
        missed: Only calls that nobody answered, of clients who have not been talked to since.
    """
    path = journal_file(settings)
    if path is None:
        raise JournalError("no journal is kept")
    parsed = read(number, view.plan)
    sought = parsed.e164 if isinstance(parsed, Number) else number
    entries = calls(path, number=sought or None, call=call or None, limit=limit, missed=missed)
    given = None if view.mask else links
    told = (with_addresses(entry, lambda file, switch: address(given, file, switch)) for entry in entries)
    return f"[{', '.join(as_text(entry, view) for entry in told)}]"


def _language(request: Request) -> str:
    return html.language(request.query_params.get("lang", ""), request.headers.get("Accept-Language", ""))


def _document(status: int, document: html.Document) -> Response:
    headers = {"Content-Security-Policy": document.policy, "Vary": "Accept-Language, Cookie"}
    return Response(document.text, status, headers, "text/html")


def _json(told: str) -> Response:
    return Response(told, 200, media_type="application/json")
