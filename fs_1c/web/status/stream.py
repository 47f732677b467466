"""Server-sent events: rows to JSON to the wire."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

from cachetools import LRUCache
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fs_1c.journal import CallEntry, DecisionEntry, EndEntry, as_json, in_e164
from fs_1c.numbers import NumberPlan
from fs_1c.web.status.feed import SIZE, Event, Feed, FeedRow
from fs_1c.web.status.masking import masked_values

log = logging.getLogger(__name__)

MAX_STREAMS = 16
"""At the same time. Who comes later is told what there is, and to come again."""
STREAM_FOR = 20.0
"""Seconds; connections do not live much longer. Browsers come again by themselves."""
PORTION = 20
"""Events put together at a time: calls are decided in between."""
GATHER = 0.2
"""Seconds between two portions of what is new."""
BEAT = 5.0
"""Seconds of silence after which a sign of life is sent."""
COME_AGAIN, COME_LATER = 500, 10_000
"""Milliseconds after which a browser comes again; later, if there were too many."""

UNMASKED = frozenset({"call", "leg", "when", "since", "began", "of_when"})
"""Keys of JSON whose digits are no number."""
_ID = re.compile(r"([0-9a-f]{12})-(\d{1,15})")


@dataclass(frozen=True, slots=True)
class View:
    """How somebody wants to be told.

    Attributes:
        mask: Without the middle digits of numbers.
        titles: With clients' names.
    """

    mask: bool
    titles: bool
    plan: NumberPlan


def entry_of(row: FeedRow, plan: NumberPlan) -> CallEntry:
    """What the row tells, as a call of the journal of which nothing else is known."""
    if isinstance(row, DecisionEntry):
        return CallEntry(row.at, row.call, row.number, (row,), ())
    if isinstance(row, EndEntry):
        end = in_e164(row, plan)
        return CallEntry(end.at, end.call, end.number, (), (), ends=(end,))
    pop = in_e164(row, plan)
    return CallEntry(pop.at, pop.call, pop.number, (), (pop,))


def as_text(entry: CallEntry, view: View) -> str:
    """One line of JSON, in the form of `fs-1c journal --json`. ASCII: nothing in it can break a line or be
    half a surrogate pair on the wire.
    """
    if not view.titles:
        decisions = tuple(decision._replace(title=None) for decision in entry.decisions)
        entry = replace(entry, decisions=decisions)
    told: object = as_json(entry)
    return json.dumps(masked_values(told, UNMASKED) if view.mask else told)


def place(asked: str, epoch: str) -> int | None:
    """The id in `Last-Event-ID`, or None: none, none of ours, or that of another process."""
    match = _ID.fullmatch(asked)
    return int(match[2]) if match and match[1] == epoch else None


class Streams:
    """All who listen to the feed. For one event loop."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._open = 0
        self._renewed = 0
        self._told: LRUCache[tuple[int, View], bytes] = LRUCache(2 * SIZE)

    def renew(self) -> None:
        """All streams end; who may come again does so by himself and misses nothing. In the loop."""
        self._renewed += 1
        self._feed.wake()

    async def events(self, after: int | None, view: View) -> AsyncGenerator[bytes, None]:
        """What happened after `after`, and what happens from now on, for `STREAM_FOR` seconds."""
        stays = self._open < MAX_STREAMS
        # Not all at the same moment.
        again = COME_AGAIN if stays else COME_LATER + secrets.randbelow(COME_LATER)
        self._open += stays
        renewed = self._renewed
        try:
            ends = time.monotonic() + (STREAM_FOR if stays else 0)
            yield f"retry: {again}\n\n".encode()
            here = False
            while renewed == self._renewed:
                events, missed = self._feed.since(after, PORTION)
                if missed:
                    yield f'event: gap\ndata: {{"missed": {missed}}}\n\n'.encode()
                if events:
                    after = events[-1].id
                    yield b"".join(self._event(event, view) for event in events)
                left = ends - time.monotonic()
                if len(events) == PORTION and left > -STREAM_FOR:
                    await asyncio.sleep(0)  # there is more that is old
                    continue
                if not here:
                    here = True
                    yield b"event: here\ndata: {}\n\n"  # all that was before is told
                if left <= 0 or self._feed.closed:
                    return
                if events:
                    await asyncio.sleep(GATHER)
                    continue
                try:
                    async with asyncio.timeout(min(BEAT, left)):
                        await self._feed.news(after)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._open -= stays

    def _event(self, event: Event, view: View) -> bytes:
        known = self._told.get((event.id, view))
        if known is None:
            text = as_text(entry_of(event.row, view.plan), view)
            known = f"id: {self._feed.epoch}-{event.id}\ndata: {text}\n\n".encode()
            self._told[event.id, view] = known
        return known


class EventStream(Response):
    """Sends what `parts` yields, until that ends or the client has gone."""

    media_type = "text/event-stream"

    def __init__(self, parts: Callable[[], AsyncGenerator[bytes, None]], headers: dict[str, str]) -> None:
        super().__init__(None, 200, headers, "text/event-stream")
        del self.headers["content-length"]
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        # A task of its own, since it waits in two places: for news, and for a client that does not read.
        sending = asyncio.ensure_future(self._send(send))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            gone.cancel()
            sent, _ = await asyncio.gather(sending, gone, return_exceptions=True)
        if isinstance(sent, Exception) and not isinstance(sent, OSError):
            log.error("status page: the stream of events failed", exc_info=sent)
        with contextlib.suppress(OSError):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send) -> None:
        async with contextlib.aclosing(self._parts()) as parts:
            async for part in parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
