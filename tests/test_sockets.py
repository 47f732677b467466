"""The outbound door's sockets against peers of all kinds, over real connections on loopback."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.settings.types import Address
from fs_1c.sockets import Came, Sockets, connected
from fs_1c.sockets import sockets as module
from fs_1c.sockets.connected import AT_A_TIME, Socket
from fs_1c.sockets.sockets import EVENTS, SLOWLY
from tests.processes import no_descriptors_left
from tests.world import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Hearing:
    """Hears all; says nothing of its own."""

    def __init__(self) -> None:
        self.deaf = self.busy = self.hasty = False
        self.heard = b""
        self.told = 0
        self.ended = 0
        self.socket: Socket[Hearing] | None = None

    def lost(self) -> None:
        self.ended += 1

    @property
    def at(self) -> Socket[Hearing]:
        assert self.socket is not None
        return self.socket


class Door:
    """Takes whoever comes."""

    def __init__(self) -> None:
        self.sockets: Sockets[Hearing] = Sockets(self._arrived, self._came)
        self.all: list[Hearing] = []
        self.stumbles = False

    def _arrived(self, connected: socket.socket, peer: str) -> None:
        if self.stumbles:
            raise ZeroDivisionError
        hearing = Hearing()
        hearing.socket = self.sockets.take(connected, hearing)
        self.all.append(hearing)

    def _came(self, came: list[Came[Hearing]]) -> None:
        for hearing, data, ended in came:
            hearing.heard += data
            hearing.told += 1
            if ended:
                hearing.at.close()

    async def visitor(self) -> socket.socket:
        """A peer that has connected and has been taken."""
        before = len(self.all)
        peer = socket.create_connection(self.sockets.address)
        peer.setblocking(False)
        await until(lambda: len(self.all) > before)
        return peer


@asynccontextmanager
async def door(host: str = "127.0.0.1") -> AsyncIterator[Door]:
    here = Door()
    await here.sockets.listen(Address(host, 0))
    try:
        yield here
    finally:
        here.sockets.close()


async def sends(peer: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(peer, data)


async def reads(peer: socket.socket, octets: int) -> bytes:
    loop, data = asyncio.get_running_loop(), b""
    while len(data) < octets and (more := await asyncio.wait_for(loop.sock_recv(peer, 1 << 20), 30)):
        data += more
    return data


@given(st.lists(st.binary(min_size=1, max_size=3 * AT_A_TIME), max_size=5), st.booleans())
def test_what_is_said_is_heard_whole_and_so_is_the_end(pieces: list[bytes], at_once: bool) -> None:
    async def story() -> None:
        async with door() as here:
            peer = await here.visitor()
            (hearing,) = here.all
            for piece in [b"".join(pieces)] if at_once else pieces:
                await sends(peer, piece)
            peer.close()
            await until(lambda: hearing.ended == 1)
            assert hearing.heard == b"".join(pieces)
            assert not here.sockets.open

    asyncio.run(story())


def test_one_that_says_very_much_has_its_turns_like_the_others() -> None:
    much = os.urandom(48 * AT_A_TIME + 17)

    async def story() -> None:
        async with door() as here:
            loud, quiet = await here.visitor(), await here.visitor()
            first, second = here.all
            saying = asyncio.create_task(sends(loud, much))
            await until(lambda: bool(first.heard))
            await sends(quiet, b"hello")
            await until(lambda: second.heard == b"hello")
            await saying
            await until(lambda: len(first.heard) == len(much))
            assert first.heard == much  # and nothing more has to come for it to be told
            assert first.ended == 0
            loud.close()
            quiet.close()
            await until(lambda: first.ended == second.ended == 1)

    asyncio.run(story())


def test_what_is_left_for_the_next_turn_needs_no_further_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connected, "AT_A_TIME", 1000)

    async def story() -> None:
        async with door() as here:
            peer = await here.visitor()
            (hearing,) = here.all
            await sends(peer, b"x" * 10_000)
            await until(lambda: hearing.heard == b"x" * 10_000)
            assert hearing.told >= 5
            peer.close()

    asyncio.run(story())


def test_nobody_stands_behind_those_who_bring_much() -> None:
    """They have a turn of their own, in which a few of them are read."""

    async def story() -> None:
        async with door() as here:
            talkers = [await here.visitor() for _ in range(3 * EVENTS)]
            for talker in talkers:
                talker.send(b"y" * 2 * AT_A_TIME)
            await until(lambda: all(one.heard for one in here.all))
            new = await here.visitor()
            new.send(b"z")
            before = sum(len(one.heard) for one in here.all)
            here.sockets._turn()
            assert here.all[-1].heard == b"z"
            assert sum(len(one.heard) for one in here.all) == before + 1
            here.sockets._slow_turn()
            assert sum(len(one.heard) for one in here.all) <= before + 1 + SLOWLY * AT_A_TIME
            await until(lambda: all(len(one.heard) == 2 * AT_A_TIME for one in here.all[:-1]))
            for peer in (*talkers, new):
                peer.close()

    asyncio.run(story())


@pytest.mark.parametrize("hasty", [False, True])
def test_what_the_dead_have_said_is_read_by_who_wants_to_know(hasty: bool) -> None:
    async def story() -> None:
        async with door() as here:
            peer = await here.visitor()
            here.all[0].hasty = hasty
            peer.send(b"x" * 1000)
            peer.close()
            await until(lambda: here.all[0].ended == 1)
            assert here.all[0].heard == (b"" if hasty else b"x" * 1000)

    asyncio.run(story())


def test_what_the_kernel_has_no_room_for_is_sent_when_it_has() -> None:
    words = [bytes([i]) * 1_000_000 for i in range(1, 9)]

    async def story() -> None:
        async with door() as here:
            peer = await here.visitor()
            (hearing,) = here.all
            for word in words:  # nobody reads meanwhile
                hearing.at.write(word)
            assert await reads(peer, sum(map(len, words))) == b"".join(words)
            hearing.deaf = True  # it may still have something to say
            for word in words:
                hearing.at.write(word)
            assert await reads(peer, sum(map(len, words))) == b"".join(words)
            await sends(peer, b"thanks")
            peer.close()
            await until(lambda: hearing.ended == 1)
            assert hearing.heard == b""

    asyncio.run(story())


def _told(hearing: Hearing, times: int) -> bool:
    return hearing.told == times


def test_the_deaf_hear_of_the_end_only_and_cost_no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with door() as here:
            peer, other = await here.visitor(), await here.visitor()
            hearing, witness = here.all
            hearing.deaf = True
            for i in range(3):
                await sends(peer, b"x" * 1000)
                await sends(other, b"y")  # when this is heard, that has been looked at
                await until(partial(_told, witness, i + 1))
            assert (hearing.told, hearing.ended) == (0, 0)
            polled = 0
            poll = here.sockets.poll

            class Counted:
                def poll(self, seconds: float, most: int) -> list[tuple[int, int]]:
                    nonlocal polled
                    polled += 1
                    return poll.poll(seconds, most)

            with monkeypatch.context() as patch:
                patch.setattr(here.sockets, "poll", Counted())
                for _ in range(100):
                    await asyncio.sleep(0)
            assert polled == 0
            peer.close()
            await until(lambda: hearing.ended == 1)
            assert (hearing.told, hearing.heard) == (1, b"")
            other.close()

    asyncio.run(story())


@pytest.mark.parametrize("who", ["FreeSWITCH", "we"])
def test_a_clean_end_is_no_reset(who: str) -> None:
    """Something of FreeSWITCH's is unread when the connection ends; it may still be reading ours."""

    async def story() -> None:
        async with door() as here:
            peer = await here.visitor()
            (hearing,) = here.all
            hearing.at.write(b"exit\n\n")
            hearing.deaf = True
            await sends(peer, b"+OK bye\n\n")
            if who == "FreeSWITCH":
                peer.shutdown(socket.SHUT_WR)
                await until(lambda: hearing.ended == 1)
            else:
                hearing.at.close()
            assert await reads(peer, 100) == b"exit\n\n"  # ConnectionResetError otherwise
            peer.close()

    asyncio.run(story())


def test_a_peer_that_resets_is_an_end() -> None:
    async def story() -> None:
        async with door() as here:
            peer = await here.visitor()
            (hearing,) = here.all
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            peer.close()
            await until(lambda: hearing.ended == 1)
            hearing.at.write(b"who is there?")  # nobody, and nothing is raised
            hearing.at.close()
            assert (hearing.ended, hearing.at.peer()) == (1, "-")

    asyncio.run(story())


def test_one_that_has_ended_does_not_end_who_has_its_number_now() -> None:
    async def story() -> None:
        async with door() as here:
            peers = [await here.visitor(), *(socket.socket() for _ in range(50))]
            first, last = here.all[0], peers[0]
            (number,) = here.sockets.open
            first.at.close()
            for last in peers[1:]:  # the kernel gives the lowest number that is free
                last.setblocking(False)
                before = len(here.all)
                await asyncio.get_running_loop().sock_connect(last, here.sockets.address)
                await until(partial(_more_than, here.all, before))
                if number in here.sockets.open:
                    break
            second = here.sockets.open[number].listener
            first.at.close()
            assert here.sockets.open[number].listener is second
            await sends(last, b"still here")
            await until(lambda: second.heard == b"still here")
            assert (first.ended, second.ended) == (1, 0)
            for peer in peers:
                peer.close()

    asyncio.run(story())


def _more_than(several: list[Hearing], before: int) -> bool:
    return len(several) > before


def test_a_connection_that_cannot_be_served_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with door() as here:
            here.stumbles = True
            peer = socket.create_connection(here.sockets.address)
            peer.setblocking(False)
            assert await reads(peer, 1) == b""
            here.stumbles = False
            (await here.visitor()).close()
            peer.close()

    asyncio.run(story())
    assert "a connection cannot be served" in caplog.text


def test_a_name_is_listened_at_wherever_it_points() -> None:
    async def story() -> None:
        async with door("localhost") as here:
            assert here.sockets.address.host in ("127.0.0.1", "::1")
            (await here.visitor()).close()
        with pytest.raises(OSError) as told:
            async with door("192.0.2.1"):  # nobody's
                pass
        assert told.value.errno == errno.EADDRNOTAVAIL

    asyncio.run(story())


def test_a_port_that_somebody_has_is_said() -> None:
    async def story() -> None:
        async with door() as here:
            other = Sockets[Hearing](lambda _, peer: None, lambda _: None)
            with pytest.raises(OSError) as told:
                await other.listen(here.sockets.address)
            assert told.value.errno == errno.EADDRINUSE
            other.close()

    asyncio.run(story())


def _refused(caplog: pytest.LogCaptureFixture) -> int:
    """How many connections the log says were refused."""
    lines = (record.getMessage() for record in caplog.records)
    told = " connections refused, their calls go on without us: Too many open files"
    return sum(int(line.removesuffix(told)) for line in lines if line.endswith(told))


def test_without_descriptors_calls_are_refused_at_once_and_taken_again_later(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.05)

    async def story() -> None:
        async with door() as here:
            peers = [socket.socket() for _ in range(6)]
            loop = asyncio.get_running_loop()
            for peer in peers:
                peer.setblocking(False)
            with no_descriptors_left() as taken:
                for peer in peers[:5]:
                    await loop.sock_connect(peer, here.sockets.address)
                    assert await reads(peer, 1) == b""  # FreeSWITCH goes on with the next action
                await until(lambda: _refused(caplog) == 5)
                assert here.all == []
                taken.close()
                await loop.sock_connect(peers[5], here.sockets.address)
                await until(lambda: len(here.all) == 1)
            for peer in peers:
                peer.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(story())
    assert _refused(caplog) == 5


def test_when_not_even_a_refusal_is_possible_it_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.05)

    async def story() -> None:
        async with door() as here:
            peer = socket.socket()
            peer.setblocking(False)
            with no_descriptors_left() as taken:
                here.sockets._give_up_reserve()
                taken.callback(os.close, os.open(os.devnull, os.O_RDONLY))  # somebody else was faster
                turns = 0
                accept = here.sockets._accept

                def counted(listening: socket.socket) -> None:
                    nonlocal turns
                    turns += 1
                    accept(listening)

                monkeypatch.setattr(here.sockets, "_accept", counted)
                await asyncio.get_running_loop().sock_connect(peer, here.sockets.address)
                await until(lambda: turns >= 2)
                assert turns < 100  # once in a `PAUSE`, and not all the time
                taken.close()
                await until(lambda: len(here.all) == 1)
            peer.close()

    asyncio.run(story())
