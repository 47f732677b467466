"""The status page's feed: bounded, never in the way of a call, complete for whoever keeps up."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Send

from fs_1c.call import Call, Caller, Decision, Outcome, Result, ScreenPop
from fs_1c.journal.texts import fit
from fs_1c.numbers import Number, NumberPlan
from fs_1c.web.status import stream
from fs_1c.web.status.feed import Feed
from fs_1c.web.status.stream import MAX_STREAMS, PORTION, Streams, View, place
from tests.world import conversation, until

HERE = b"event: here\ndata: {}\n\n"
"""All that was before is told."""
VIEW = View(mask=False, titles=True, plan=NumberPlan())


def decision(uuid: str = "call-1", title: str = "") -> Decision:
    number = Number("+79235292926", "89235292926")
    return Decision(Call(uuid, "89235292926"), Caller(number, Result.FOUND, title=title), (), None)


def fill(feed: Feed, count: int) -> None:
    for i in range(count):
        feed.decided(decision(f"call-{i + 1}"))


@given(
    size=st.integers(1, 8),
    told=st.integers(0, 30),
    after=st.none() | st.integers(0, 40),
    limit=st.integers(1, 10),
)
def test_what_is_read_and_what_is_missed_is_all_there_was(
    size: int, told: int, after: int | None, limit: int
) -> None:
    feed = Feed(size)
    fill(feed, told)
    events, missed = feed.since(after, limit)
    ids = [event.id for event in events]
    kept = list(range(max(1, told - size + 1), told + 1))
    assert ids == [one for one in kept if one > (after or 0)][:limit]
    lost = set(range(1, told + 1)) - set(kept)
    assert missed == (0 if after is None else len([one for one in lost if one > after]))


def test_readers_in_a_loop_hear_of_every_event_told_in_any_thread() -> None:
    threads, each, readers = 4, 200, 50

    async def story() -> list[list[int]]:
        feed = Feed(threads * each)

        async def reads() -> list[int]:
            ids: list[int] = []
            while len(ids) < threads * each:
                await feed.news(ids[-1] if ids else None)
                ids += [event.id for event in feed.since(ids[-1] if ids else None, 7)[0]]
            return ids

        reading = [asyncio.create_task(reads()) for _ in range(readers)]
        telling = [threading.Thread(target=fill, args=(feed, each)) for _ in range(threads)]
        for thread in telling:
            thread.start()
        async with asyncio.timeout(20):
            return await asyncio.gather(*reading)

    assert asyncio.run(story()) == [list(range(1, threads * each + 1))] * readers


def test_a_thousand_who_wait_cost_the_teller_one_call_to_their_loop() -> None:
    async def story() -> int:
        feed = Feed()
        waiting = [asyncio.create_task(feed.news(None)) for _ in range(1000)]
        await asyncio.sleep(0)
        loop, called = asyncio.get_running_loop(), 0
        there = loop.call_soon_threadsafe

        def counting(*given: object) -> asyncio.Handle:
            nonlocal called
            called += 1
            return there(*given)  # type: ignore[arg-type]

        loop.call_soon_threadsafe = counting  # type: ignore[method-assign, assignment]
        fill(feed, 100)
        loop.call_soon_threadsafe = there  # type: ignore[method-assign]
        async with asyncio.timeout(30):
            await asyncio.gather(*waiting)
        return called

    assert asyncio.run(story()) == 1


def test_who_tells_never_hears_of_trouble(caplog: pytest.LogCaptureFixture) -> None:
    feed = Feed()

    async def waits_and_leaves() -> None:
        waiting = asyncio.create_task(feed.news(None))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(waits_and_leaves())
    fill(feed, 1)  # the loop that somebody waited in is closed
    feed.decided(cast(Decision, None))
    assert len(feed.since(None)[0]) == 1
    assert "an event is lost" in caplog.text


def test_nobody_waits_for_a_closed_feed() -> None:
    async def story() -> None:
        feed = Feed()
        waiting = asyncio.create_task(feed.news(None))
        await asyncio.sleep(0)
        feed.close()
        async with asyncio.timeout(30):
            await waiting
            await feed.news(None)

    asyncio.run(story())


async def parts(streams: Streams, after: int | None = None) -> list[bytes]:
    async with aclosing(streams.events(after, VIEW)) as told:
        return [part async for part in told if part != HERE]


def test_a_stream_ends_by_itself_and_goes_on_where_it_ended() -> None:
    async def story() -> None:
        feed = Feed()
        fill(feed, 2 * PORTION + 3)
        streams = Streams(feed)
        told = streams.events(None, VIEW)
        with freeze_time("2026-01-01", real_asyncio=True) as clock:
            seen = b"".join([await anext(told) for _ in range(4)])
            clock.tick(stream.STREAM_FOR)
            assert [part async for part in told] == [HERE]
        ids = [line[4:].decode() for line in seen.splitlines() if line.startswith(b"id: ")]
        assert ids == [f"{feed.epoch}-{i + 1}" for i in range(2 * PORTION + 3)]
        feed.popped(conversation(), ScreenPop(Outcome.ACCEPTED))
        feed.close()
        again = b"".join(await parts(streams, place(ids[-1], feed.epoch)))
        assert again.count(b"data: ") == 1
        assert json.loads(again.split(b"data: ")[1])["pops"][0]["outcome"] == "accepted"

    asyncio.run(story())


def test_who_comes_when_all_places_are_taken_is_told_all_and_to_come_later() -> None:
    async def story() -> None:
        feed = Feed()
        fill(feed, 3 * PORTION)
        streams = Streams(feed)
        staying = [streams.events(None, VIEW) for _ in range(MAX_STREAMS)]
        for one in staying:
            assert await anext(one) == b"retry: 500\n\n"
        async with asyncio.timeout(30):
            retry, *rest = await parts(streams)
        assert 10_000 <= int(retry.split()[1]) < 20_000
        assert b"".join(rest).count(b"data: ") == 3 * PORTION
        await staying[0].aclose()
        told = streams.events(None, VIEW)
        assert await anext(told) == b"retry: 500\n\n"
        for one in (*staying, told):
            await one.aclose()

    asyncio.run(story())


def test_a_slow_reader_is_told_how_much_he_missed_and_holds_nothing_up() -> None:
    async def story() -> bytes:
        feed = Feed(10)
        told = Streams(feed).events(None, VIEW)
        fill(feed, 1)
        for _ in range(2):
            await anext(told)
        assert await anext(told) == HERE
        fill(feed, 100)
        part = await anext(told)
        await told.aclose()
        return part

    assert asyncio.run(story()) == b'event: gap\ndata: {"missed": 90}\n\n'


@given(st.text(max_size=40), st.text("0123456789abcdef-", max_size=30))
def test_any_place_is_understood_or_the_beginning(text: str, likely: str) -> None:
    epoch = "0123456789ab"
    assert place(f"{epoch}-17", epoch) == 17
    for asked in (text, likely, f"{epoch}-{text}", f"{likely}-1"):
        assert isinstance(place(asked, epoch), int | None)
    assert place("ffffffffffff-17", epoch) is None


@given(st.text() | st.text("\r\n\u2028\ud800\x00<>&$"))
def test_no_text_breaks_out_of_its_event(text: str) -> None:
    async def story() -> bytes:
        feed = Feed()
        feed.decided(decision(text, title=text))
        feed.close()
        return b"".join(await parts(Streams(feed)))

    _, event, rest = asyncio.run(story()).split(b"\n\n")
    assert rest == b""
    _, data = event.split(b"\n")
    told = json.loads(data.removeprefix(b"data: "))
    assert (told["call"], told["decisions"][0]["title"]) == (fit(text), fit(text))


def test_a_failing_stream_is_logged_and_ends_its_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield b": first\n\n"
        raise ValueError("broken")

    async def story() -> list[object]:
        sent: list[object] = []

        async def send(message: object) -> None:
            sent.append(message)

        async def receive() -> dict[str, str]:
            await asyncio.sleep(60)
            return {}

        answer = stream.EventStream(broken, {})
        await answer({"type": "http"}, cast(Receive, receive), cast(Send, send))
        return sent

    assert len(asyncio.run(story())) == 3
    assert "the stream of events failed" in caplog.text


def test_a_reader_that_does_not_read_is_let_go_when_he_hangs_up() -> None:
    async def story() -> None:
        feed, hung_up = Feed(), asyncio.Event()
        streams = Streams(feed)

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.body" and message["more_body"]:
                await asyncio.sleep(60)  # its buffer is full

        async def receive() -> dict[str, str]:
            await hung_up.wait()
            return {"type": "http.disconnect"}

        answer = stream.EventStream(lambda: streams.events(None, VIEW), {})
        going = asyncio.ensure_future(answer({"type": "http"}, cast(Receive, receive), cast(Send, send)))
        await until(lambda: streams._open == 1)
        hung_up.set()
        await asyncio.wait_for(going, 30)
        assert streams._open == 0

    asyncio.run(story())
