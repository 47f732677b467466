"""python-ESL as a transport: what it hands out, what it cannot do, what it must not be given."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from typing import Any

import pytest

pytest.importorskip("ESL", reason="python-ESL is not installed")

from fs_1c.esl.python_esl import outbound as binding_outbound
from fs_1c.esl.python_esl.inbound import PythonEslInboundDoor
from fs_1c.esl.python_esl.line import Line
from fs_1c.esl.python_esl.outbound import PythonEslOutboundDoor
from fs_1c.esl.wire import Message
from fs_1c.integration import Integration
from fs_1c.settings import InboundSettings, OutboundSettings
from tests.recordings import NAMES, messages
from tests.world import CLIENT, World, settings_for, until, world

REPLY = b"Content-Type: command/reply\nReply-Text: +OK\n\n"


class Peer:
    """FreeSWITCH's end of a line: a socket to say anything with, and what the line has heard."""

    def __init__(self) -> None:
        ours, self.socket = socket.socketpair()
        self.heard: list[Message] = []
        self.ended = 0
        self.line = Line(ours, self._hear, self._end, "esl-test")

    def _hear(self, message: Message) -> None:
        self.heard.append(message)
        self.line.listen()

    def _end(self) -> None:
        self.ended += 1

    async def says(self, octets: bytes) -> None:
        self.socket.setblocking(False)
        await asyncio.get_running_loop().sock_sendall(self.socket, octets)

    async def close(self) -> None:
        self.line.close()
        await self.line.gone
        await until(lambda: self.ended == 1)
        self.socket.close()


def framed(message: Message) -> bytes:
    length = b"Content-Length: %d\n" % len(message.body) if message.body else b""
    lines = (line for line in message._lines[1:].split(b"\n") if not line.startswith(b"Content-Length"))
    return length + b"\n".join(lines) + b"\n\n" + message.body


def told(message: Message) -> dict[str, str]:
    """What a message is, down to each header that has a value."""
    told = {"": f"{message.content_type} {message.reply}"}
    for headers in (message, message.event()):
        for name in headers.names():
            if value := headers.get(name):
                told[name] = value
    told.pop("Content-Length", None)
    return told


@pytest.mark.parametrize("name", NAMES)
def test_recordings_are_read_as_our_own_wire_reads_them(name: str) -> None:
    expected = [m for m in messages(name) if m.content_type != "text/disconnect-notice"]

    async def story() -> None:
        peer = Peer()
        await peer.says(REPLY + b"".join(framed(message) for message in expected))
        await until(lambda: len(peer.heard) == 1 + len(expected))
        await peer.close()
        for ours, theirs in zip(expected, peer.heard[1:], strict=True):
            wanted, found = told(ours), told(theirs)
            if ours.content_type == "text/event-plain":  # the library keeps the envelope for itself
                wanted.pop("Content-Type", None)
            assert found == wanted
            assert theirs.event_body == ours.event_body
            if ours.content_type == "api/response":
                assert theirs.body == ours.body

    asyncio.run(story())


def test_octets_that_are_no_utf_8_do_no_harm() -> None:
    async def story() -> None:
        peer = Peer()
        body = b"Event-Name: CHANNEL_ANSWER\nUnique-ID: x%FF\xfey\nName: \xd1\x91%D1%91\n\n"
        await peer.says(REPLY + b"Content-Type: text/event-plain\nContent-Length: %d\n\n" % len(body) + body)
        await until(lambda: len(peer.heard) == 2)
        event = peer.heard[1].event()
        assert (event.get("Unique-ID"), event.get("Name")) == ("x\ufffd\ufffdy", "ёё")
        assert event.get("No-Such-Header") is None
        await peer.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"Content-Type: command/reply\n",
        REPLY + b"Content-Type: text/event-plain\nContent-Length: 10\n\nhalf",
        REPLY,
    ],
    ids=["mute", "half a head", "half a body", "idle"],
)
def test_whatever_the_library_waits_for_a_line_can_be_closed(octets: bytes) -> None:
    async def story() -> None:
        peer = Peer()
        await peer.says(octets)
        await until(lambda: octets != REPLY or len(peer.heard) == 1)
        async with asyncio.timeout(30):
            await peer.close()
        await until(lambda: not [one for one in threading.enumerate() if one.name == "esl-test"])

    asyncio.run(story())


def test_a_peer_that_goes_ends_the_line_once() -> None:
    async def story() -> None:
        peer = Peer()
        await peer.says(REPLY)
        await until(lambda: len(peer.heard) == 1)
        peer.socket.close()
        async with asyncio.timeout(30):
            await peer.line.gone
        peer.line.write(b"exit\n\n")  # nobody is there: no error, no effect
        await peer.close()

    asyncio.run(story())


def test_a_peer_that_reads_nothing_is_left() -> None:
    async def story() -> None:
        peer = Peer()
        await peer.says(REPLY)
        await until(lambda: len(peer.heard) == 1)
        command = b"api uuid_dump " + b"x" * 2000 + b"\n\n"
        peer.line.write(command * 2000)  # a switch that hangs with its buffers full
        async with asyncio.timeout(30):
            await peer.line.gone
        await peer.close()

    asyncio.run(story())


def test_a_signal_is_not_the_end_of_a_connection() -> None:
    async def story() -> None:
        peer = Peer()
        await peer.says(REPLY)
        await until(lambda: len(peer.heard) == 1)
        (thread,) = (thread for thread in threading.enumerate() if thread.name == "esl-test")
        assert thread.ident is not None
        for _ in range(20):
            signal.pthread_kill(thread.ident, signal.SIGUSR1)
            await asyncio.sleep(0.005)  # most find it waiting inside the library
        await peer.says(REPLY)
        await until(lambda: len(peer.heard) == 2)
        assert peer.ended == 0
        await peer.close()

    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        asyncio.run(story())
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fs_1c.service.doors", lambda _: (PythonEslOutboundDoor, PythonEslInboundDoor))


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_channel_with_more_than_64_kb_of_headers_is_not_lost(mode: str) -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            call = await here.switch.call(here.script(name="ё" * 5000, mode=mode))
            assert call.answered_by in ("100", "244")  # the library loses the lines that it cuts

    asyncio.run(story())


async def _served(here: World) -> None:
    for mode in ("sync", "async"):
        call = await here.switch.call(here.script(mode=mode))
        assert call.answered_by == "244"


@pytest.mark.usefixtures("bound")
def test_a_call_beyond_the_last_thread_is_served_without_the_library(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(binding_outbound, "MAX_LINES", 1)

    async def story() -> None:
        async with world(listen=False) as here:
            reader, writer = await asyncio.open_connection(*here.door)
            assert await reader.readuntil(b"\n\n") == b"connect\n\n"
            await _served(here)
            writer.close()

    asyncio.run(story())
    assert caplog.text.count("is served without python-ESL") == 2


@pytest.mark.usefixtures("bound")
def test_a_call_for_which_there_is_no_thread_is_served_without_the_library(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def start(thread: threading.Thread) -> None:
        if thread.name == "esl-call":
            raise RuntimeError("can't start new thread")
        really(thread)

    really = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", start)

    async def story() -> None:
        async with world(listen=False) as here:
            await _served(here)
            ours, theirs = socket.socketpair()
            before = len(os.listdir("/proc/self/fd"))
            with theirs, pytest.raises(RuntimeError):
                Line(ours, lambda _: None, lambda: None, "esl-call")
            assert len(os.listdir("/proc/self/fd")) == before - 2

    asyncio.run(story())
    assert caplog.text.count("no thread for a call: can't start new thread") == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "switch.example"])
def test_others_than_the_loopback_are_refused(host: str) -> None:
    async def story() -> None:
        with Integration(settings_for("http://127.0.0.1:9/")) as integration:
            address: Any = f"{host}:8084"
            outbound = PythonEslOutboundDoor(
                integration, OutboundSettings(listen=address, allow=["10.0.0.0/8"])
            )
            with pytest.raises(OSError, match="loopback addresses only"):
                await outbound.open()
            inbound = PythonEslInboundDoor(integration, InboundSettings(address=address))
            with pytest.raises(OSError, match="loopback addresses only"):
                inbound.open()
            await inbound.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "would not greet by b'HTTP"),
        (b"Content-Type: command/reply\nContent-Length: -2\n\n", "Content-Length is not a number"),
        (b"", "the switch closed the connection"),
    ],
)
def test_what_is_no_switch_never_reaches_the_library(
    octets: bytes, why: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fs_1c.esl.python_esl.inbound.Line", None)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        writer.close()

    async def story() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with Integration(settings_for("http://127.0.0.1:9/")) as integration:
                door = PythonEslInboundDoor(integration, InboundSettings(address=f"127.0.0.1:{port}"))
                door.open()
                await until(lambda: why in caplog.text)
                await door.close()

    asyncio.run(story())
    assert "Traceback" not in caplog.text


def test_a_switch_that_accepts_and_stays_mute_is_left(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fs_1c.esl.inbound.CONNECT_WITHIN", 0.1)

    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address: Any = f"127.0.0.1:{server.getsockname()[1]}"
            with Integration(settings_for("http://127.0.0.1:9/")) as integration:
                door = PythonEslInboundDoor(integration, InboundSettings(address=address))
                door.open()
                await until(lambda: "trying again" in caplog.text)
                await door.close()

    asyncio.run(story())


@pytest.mark.usefixtures("bound")
def test_an_end_without_a_goodbye_loses_no_card() -> None:
    """Half an event, and the switch is gone: what was whole is told, and the rest after the reconnect."""

    async def story() -> None:
        async with world() as here:
            (door,) = here.service.inbound
            await here.switch.send_raw(
                b"Content-Length: 500\nContent-Type: text/event-plain\n\nEvent-Name: X"
            )
            await here.switch.stop()
            await until(lambda: not door.ready.is_set())
            await here.switch.start()
            await here.switch.wait_for_subscribers()
            await here.switch.call(here.script())
            await until(lambda: here.cards() == [(CLIENT, "KEY244")])

    asyncio.run(story())
