"""The outbound door against peers who mean harm: what they cost the others is counted, not timed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fs_1c.esl.dialogue import Dialogue, Step
from fs_1c.esl.outbound import OutboundDoor, connection, turns
from fs_1c.esl.outbound import door as door_module
from fs_1c.esl.outbound.connection import MAX_MESSAGE
from fs_1c.esl.outbound.turns import IN_A_ROW, SLICE
from fs_1c.esl.wire import Message
from fs_1c.sockets import complaints as complaining
from tests.processes import no_descriptors_left
from tests.recordings import records
from tests.world import World, until, world

DATA = next(r.data for r in records("outbound_sync_route") if r.direction == "<<<")
ASYNC = DATA.replace(b"Socket-Mode: static", b"Socket-Mode: async")
NOTE = b"Content-Type: text/event-plain\nContent-Length: 22\n\nEvent-Name: HEARTBEAT\n"
Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]

# What a turn of the loop does for one peer is bounded.


async def connected(here: World) -> Peer:
    peer = await asyncio.open_connection(*here.door)
    await peer[0].readuntil(b"connect\n\n")
    return peer


@contextlib.asynccontextmanager
async def attacked(**more: Any) -> AsyncIterator[tuple[World, OutboundDoor]]:
    async with world(listen=False, **more) as here:
        assert here.service.outbound is not None
        await here.switch.call(here.script())  # now it is remembered
        yield here, here.service.outbound


async def hung_up(peer: Peer) -> None:
    with contextlib.suppress(ConnectionError):
        while await asyncio.wait_for(peer[0].read(65536), 10):
            pass
    peer[1].close()


@pytest.mark.parametrize(
    "first", [b"Content-Type:x\n\n\n" * 60_000, b"Content-Type: command/reply\n\n" * 2, NOTE]
)
def test_whoever_says_anything_before_the_channels_data_is_hung_up_on_after_one_message(
    first: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    understood, heard = Dialogue.received, list[Message]()

    def received(dialogue: Dialogue, message: Message) -> Step:
        heard.append(message)
        return understood(dialogue, message)

    async def story() -> None:
        async with attacked() as (here, _):
            monkeypatch.setattr(Dialogue, "received", received)
            peer = await connected(here)
            peer[1].write(first)
            await hung_up(peer)

    asyncio.run(story())
    assert len(heard) == 1
    assert caplog.text.count("closed: ") == 1


def test_the_callers_goodbye_may_come_before_his_data(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with attacked() as (here, _):
            peer = await connected(here)
            peer[1].write(b"Content-Type: text/disconnect-notice\nContent-Length: 3\n\nbye")
            await hung_up(peer)

    asyncio.run(story())
    assert "closed:" not in caplog.text


def test_between_two_slices_of_what_many_say_a_call_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    understood, since = Dialogue.received, 0
    most = 0
    peers = 20

    def received(dialogue: Dialogue, message: Message) -> Step:
        nonlocal since, most
        since += message.content_type == "text/event-plain"
        most = max(most, since)
        return understood(dialogue, message)

    async def story() -> None:
        nonlocal since
        async with attacked() as (here, door):
            flooding = [await connected(here) for _ in range(peers)]
            for _, writer in flooding:
                writer.write(ASYNC)
            for reader, _ in flooding:
                await reader.readuntil(b"myevents plain\n\n")
            monkeypatch.setattr(Dialogue, "received", received)
            for _, writer in flooding:
                writer.write(NOTE * 500)
            while True:  # turns of the loop: others have each of them
                since = 0
                await asyncio.sleep(0)
                if most and not door.turns._in_line:
                    break
            monkeypatch.setattr(Dialogue, "received", understood)  # a door that closes hears them to the last
            for peer in flooding:
                peer[1].close()

    asyncio.run(story())
    assert 0 < most <= 2 * (SLICE + IN_A_ROW)


def test_events_that_wait_in_line_are_all_heard_and_so_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    understood, heard = Dialogue.received, 0

    def received(dialogue: Dialogue, message: Message) -> Step:
        nonlocal heard
        heard += message.content_type == "text/event-plain"
        return understood(dialogue, message)

    monkeypatch.setattr(Dialogue, "received", received)

    async def story() -> None:
        async with attacked() as (here, door):
            flooding = [await connected(here) for _ in range(5)]
            for _, writer in flooding:
                writer.write(ASYNC + NOTE * 3000)  # more than may be read at once
                writer.write_eof()
            await until(lambda: heard == 5 * 3000 and not door._connections)
            for _, writer in flooding:
                writer.close()
            assert not door.turns.kept
            assert door.turns._kept_in_all == 0

    asyncio.run(story())


# Who may come at all.


def test_whoever_comes_from_elsewhere_hears_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(complaining, "PAUSE", 0.05)
    peers, hears = 100, list[bytes]()

    async def story() -> None:
        allowed = {"outbound": {"listen": "127.0.0.1:0", "allow": ["10.0.0.0/24"]}}
        async with attacked(esl=allowed) as (here, door):
            for comes_from in ("192.0.2.9", "10.0.0.9"):
                arrived = door._sockets._arrived  # type: ignore[union-attr]
                with monkeypatch.context() as patch:
                    patch.setattr(
                        door._sockets,
                        "_arrived",
                        lambda one, _: arrived(one, comes_from),  # noqa: B023
                    )
                    for _ in range(peers if comes_from == "192.0.2.9" else 1):
                        reader, writer = await asyncio.open_connection(*here.door)
                        hears.append(await asyncio.wait_for(reader.read(9), 10))
                        writer.close()
            assert (await here.switch.call(here.script())).answered_by == "244"  # from the loopback
            await until(lambda: "left out" in caplog.text)

    asyncio.run(story())
    assert hears == [b""] * peers + [b"connect\n\n"]
    lines = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    told = "outbound door: 192.0.2.9 is not in esl.outbound.allow: hung up on"
    assert 0 < lines.count(told) < peers


# What is kept is bounded, in octets and in time.


def hoard(octets: int) -> bytes:
    return b"Content-Type: text/event-plain\nContent-Length: %d\n\n" % MAX_MESSAGE + b"x" * octets


def test_the_largest_hoarder_is_hung_up_on_and_calls_are_decided(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(turns, "MAX_KEPT", 500_000)

    async def story() -> None:
        async with attacked() as (here, door):
            peers = []
            for octets in (100_000, 200_000, 150_000, 120_000):
                peers.append(await connected(here))
                peers[-1][1].write(ASYNC + hoard(octets))
                await until(lambda: len(door.turns.kept) == len(peers) or "too many octets" in caplog.text)
            await until(lambda: "too many octets" in caplog.text)
            await hung_up(peers[1])
            await until(lambda: len(door.turns.kept) == 3)
            assert door.turns._kept_in_all == sum(door.turns.kept.values()) <= 500_000
            assert (await here.switch.call(here.script())).answered_by == "244"
            for peer in peers:
                peer[1].close()
            await until(lambda: door.turns._kept_in_all == 0)

    asyncio.run(story())
    assert caplog.text.count("too many octets") == 1


def test_hoarders_who_go_together_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is hung up on while what the others have brought in the same turn is taken."""
    monkeypatch.setattr(turns, "MAX_KEPT", 100_000)

    async def story() -> None:
        async with attacked() as (here, door):
            peers = [await connected(here) for _ in range(120)]
            for _, writer in peers:
                writer.write(hoard(50_000))
            for peer in peers:
                peer[1].close()
            await until(lambda: not door._connections)
            assert door.turns._kept_in_all == 0
            assert not door.turns.kept

    asyncio.run(story())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (DATA[:100], "no channel data within"),
        (b"\n", "no channel data within"),
        (ASYNC + hoard(10), "a message has not ended within"),
        (DATA, ""),  # it does not hang up after `exit`
    ],
)
def test_what_must_come_at_once_has_seconds(
    said: bytes, why: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "FIRST_WORD", 0.1)
    monkeypatch.setattr(door_module, "LOOK_EVERY", 0.1)

    async def story() -> None:
        async with attacked() as (here, _):
            reader, writer = await connected(here)

            async def drip() -> None:
                writer.write(said)
                while b"Content-Type: text/event-plain" in said or said == b"\n":
                    await asyncio.sleep(0.02)
                    writer.write(b"\n")

            dripping = asyncio.create_task(drip())
            await hung_up((reader, writer))
            dripping.cancel()

    asyncio.run(story())
    assert why in caplog.text
    assert ("closed:" in caplog.text) == bool(why)


def test_a_conversation_of_hours_is_not_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_WORD", 0.02)
    monkeypatch.setattr(door_module, "LOOK_EVERY", 0.02)
    looks = 0
    look = OutboundDoor._look_at_all

    def counted(door: OutboundDoor) -> None:
        nonlocal looks
        looks += 1
        look(door)

    monkeypatch.setattr(OutboundDoor, "_look_at_all", counted)

    async def story() -> None:
        async with attacked() as (here, door):
            _, writer = await connected(here)
            writer.write(ASYNC)
            await until(lambda: looks > 10)
            assert len(door._connections) == 1
            writer.close()

    asyncio.run(story())


def test_without_descriptors_the_mute_go_first(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with attacked() as (here, door):
            peers = [await connected(here) for _ in range(3)]
            followed = await connected(here)
            followed[1].write(ASYNC)
            await until(lambda: len(door._undecided) == 3)
            await asyncio.sleep(door_module.MUTE + 0.01)
            with socket.socket() as late, no_descriptors_left() as taken:
                late.setblocking(False)
                await asyncio.get_running_loop().sock_connect(late, here.door)
                said = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(late, 100), 10)
                assert said == b"connect\n\n"
                assert not followed[1].is_closing()
                taken.close()
            await hung_up(peers[0])
            for peer in [*peers, followed]:
                peer[1].close()

    asyncio.run(story())
    assert "out of descriptors" in caplog.text


def test_many_complaints_are_a_few_lines_and_a_number(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(complaining, "PAUSE", 0.05)

    async def story() -> None:
        complaints = complaining.Complaints(logging.getLogger("test"))
        for i in range(1000):
            complaints.add("line %d", i)
        await until(lambda: "left out" in caplog.text)
        complaints.add("line %d", 1000)

    asyncio.run(story())
    told = [record.getMessage() for record in caplog.records if record.name == "test"]
    assert told[: complaining.LINES] == [f"line {i}" for i in range(complaining.LINES)]
    assert told[complaining.LINES :] == ["990 more such lines in a second are left out", "line 1000"]
