"""Both doors against peers that misbehave: one connection is closed with one line, the service goes on."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable

import pytest

from fs_1c.call import Decision
from fs_1c.esl import inbound as inbound_module
from fs_1c.esl.dialogue import Dialogue, Step
from fs_1c.esl.inbound import InboundDoor
from fs_1c.esl.listening import Listening
from fs_1c.esl.outbound.turns import AT_ONCE
from fs_1c.esl.wire import Message
from fs_1c.integration import Integration
from fs_1c.settings import InboundSettings
from fs_1c.simulator.freeswitch import SimulatedSwitch, SwitchSettings
from tests.recordings import received, records
from tests.world import CLIENT, settings_for, until, world

MALFORMED = {
    "negative length": b"Content-Type: command/reply\nContent-Length: -5\n\n",
    "huge length": b"Content-Type: command/reply\nContent-Length: 99999999999999999999\n\n",
    "length in words": b"Content-Type: command/reply\nContent-Length: many\n\n",
    "a header of 1 MB": b"Content-Type: command/reply\nX: " + b"x" * (1 << 20) + b"\n\n",
    "no separator": b"x" * 300_000,
    "not UTF-8": b"\xff\xfe\xfd\n\n",
    "HTTP": b"GET / HTTP/1.1\nHost: x\n\n",
    "not the channel": b"Content-Type: command/reply\nReply-Text: -ERR\n\n",
}


@pytest.mark.parametrize("octets", MALFORMED.values(), ids=MALFORMED)
def test_outbound_malformed_input_closes_that_connection_only(
    octets: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            reader, writer = await asyncio.open_connection(*here.door)
            assert await reader.readuntil(b"\n\n") == b"connect\n\n"
            writer.write(octets)
            assert await _closed(reader)
            writer.close()
            result = await here.switch.call(here.script())
            assert result.answered_by == "244"

    asyncio.run(story())
    complaints = [
        r for r in caplog.records if r.name.startswith("fs_1c.esl.outbound") and r.levelno >= logging.WARNING
    ]
    assert len(complaints) == 1
    assert len(complaints[0].getMessage()) < 300
    assert not complaints[0].exc_info


def test_outbound_connect_is_sent_before_anything_is_read() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            streams = [await asyncio.open_connection(*here.door) for _ in range(50)]
            for reader, _ in streams:
                assert await asyncio.wait_for(reader.readuntil(b"\n\n"), 30) == b"connect\n\n"
            for _, writer in streams:
                writer.close()

    asyncio.run(story())


def test_outbound_the_recorded_bytes_in_small_pieces_are_answered_in_one_write() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            await here.switch.call(here.script())  # now it is remembered
            reader, writer = await asyncio.open_connection(*here.door)
            await reader.readuntil(b"\n\n")
            data = next(r.data for r in records("outbound_sync_route") if r.direction == "<<<")
            for start in range(0, len(data), 500):
                writer.write(data[start : start + 500])
                await writer.drain()
            answer = await asyncio.wait_for(reader.read(65536), 30)
            assert answer.startswith(b"sendmsg\ncall-command: execute\nexecute-app-name: multiset\n")
            assert answer.endswith(b"user/244@${domain}exit\n\n")
            assert answer.count(b"\n\n") == 2
            writer.close()

    asyncio.run(story())


def test_outbound_a_stopping_service_finishes_the_decisions_under_way() -> None:
    async def story() -> None:
        async with world(latency=0.3, listen=False) as here:
            call = asyncio.create_task(here.switch.call(here.script()))
            await until(lambda: here.lookups() == [CLIENT])
            await here.service.stop()
            result = await call
            assert (result.service_outcome, result.answered_by) == ("exited", "244")

    asyncio.run(story())


def test_outbound_calls_that_come_together_do_not_depend_on_each_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    understood = Dialogue.received

    def stumbles(dialogue: Dialogue, message: Message) -> Step:
        if message.get("Unique-ID") == "stumbling":
            raise RuntimeError("a defect of ours")
        return understood(dialogue, message)

    decided = Dialogue.decided

    def stumbles_later(dialogue: Dialogue, decision: Decision | None) -> bytes:
        if dialogue.call is not None and dialogue.call.uuid == "stumbling-later":
            raise RuntimeError("another one")
        return decided(dialogue, decision)

    monkeypatch.setattr(Dialogue, "received", stumbles)
    monkeypatch.setattr(Dialogue, "decided", stumbles_later)
    data = next(r.data for r in records("outbound_sync_route") if r.direction == "<<<")
    stumbling = re.sub(rb"\nUnique-ID: .*", b"\nUnique-ID: stumbling", data)
    later = re.sub(rb"\nUnique-ID: .*", b"\nUnique-ID: stumbling-later", data)
    bad = {3: MALFORMED["not UTF-8"], 7: later, AT_ONCE - 1: stumbling, AT_ONCE: MALFORMED["HTTP"]}

    async def story() -> None:
        async with world(listen=False) as here:
            await here.switch.call(here.script())  # now it is remembered
            streams = [await asyncio.open_connection(*here.door) for _ in range(2 * AT_ONCE + 1)]
            for reader, _ in streams:
                assert await asyncio.wait_for(reader.readuntil(b"\n\n"), 30) == b"connect\n\n"
            for i, (_, writer) in enumerate(streams):  # the service has no turn meanwhile
                writer.write(bad.get(i, data))
            for i, (reader, writer) in enumerate(streams):
                if i in bad:
                    assert await _closed(reader)
                else:
                    said = await asyncio.wait_for(reader.readuntil(b"exit\n\n"), 30)
                    assert b"fs_1c_target=" in said
                writer.close()

    asyncio.run(story())
    closed = [r.getMessage() for r in caplog.records if "closed:" in r.getMessage()]
    assert len(closed) == len(bad)
    assert sum("RuntimeError" in line for line in closed) == 2


async def _closed(reader: asyncio.StreamReader) -> bool:
    try:
        while await asyncio.wait_for(reader.read(65536), 30):
            pass
    except ConnectionError:
        pass
    return True


def test_inbound_it_comes_back_when_the_switch_does() -> None:
    async def story() -> None:
        async with world() as here:
            (door,) = here.service.inbound
            for _ in range(3):
                await here.switch.stop()
                await until(lambda: not door.ready.is_set())
                await here.switch.start()
                await here.switch.wait_for_subscribers()
            await here.switch.call(here.script())
            await until(lambda: here.cards() == [(CLIENT, "KEY244")])

    asyncio.run(story())


@pytest.mark.parametrize(
    "octets", [octets for name, octets in MALFORMED.items() if name != "not the channel"]
)
def test_inbound_malformed_input_costs_one_reconnect(octets: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with world() as here:
            await here.switch.send_raw(octets)
            await until(lambda: "trying again" in caplog.text)
            ends = time.monotonic() + 10
            while not here.cards():  # the switch may still count the connection that we have left
                assert time.monotonic() < ends
                await here.switch.play("inbound_answered", speed=20.0)
                await asyncio.sleep(0.02)
            await here.settle()
            assert here.cards() == [(CLIENT, "KEY244")]

    asyncio.run(story())
    assert sum("trying again" in record.getMessage() for record in caplog.records) == 1


def _listen(settings: InboundSettings, happened: Callable[[], bool]) -> None:
    async def story() -> None:
        with Integration(settings_for("http://127.0.0.1:9/")) as integration:
            door = InboundDoor(integration, settings)
            door.open()
            await until(happened)
            await door.close()

    asyncio.run(story())


def test_inbound_a_wrong_password_is_said_clearly_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with SimulatedSwitch(SwitchSettings(password="other")) as switch:
            with Integration(settings_for("http://127.0.0.1:9/")) as integration:
                address = f"127.0.0.1:{switch.event_socket_port}"
                door = InboundDoor(integration, InboundSettings(address=address, password="hush"))
                door.open()
                await until(lambda: "the password is wrong" in caplog.text)
                await door.close()

    asyncio.run(story())
    assert "hush" not in caplog.text


def test_inbound_the_access_list_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async def reject(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n")
        writer.close()

    async def story() -> None:
        server = await asyncio.start_server(reject, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with Integration(settings_for("http://127.0.0.1:9/")) as integration:
            door = InboundDoor(integration, InboundSettings(address=f"127.0.0.1:{port}"))
            door.open()
            await until(lambda: "apply-inbound-acl" in caplog.text)
            await door.close()
        server.close()

    asyncio.run(story())


def test_inbound_an_absent_switch_is_complained_about_once(caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[float] = []

    async def story() -> None:
        async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            attempts.append(0)
            writer.close()

        server = await asyncio.start_server(count, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with Integration(settings_for("http://127.0.0.1:9/")) as integration:
            door = InboundDoor(integration, InboundSettings(address=f"127.0.0.1:{port}"))
            door.open()
            await until(lambda: len(attempts) >= 4)
            await door.close()
        server.close()

    asyncio.run(story())
    assert sum("trying again" in record.getMessage() for record in caplog.records) == 1


def test_inbound_a_switch_that_falls_silent_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fs_1c.esl.inbound.SILENCE", 0.2)
    monkeypatch.setattr("fs_1c.esl.inbound.ANSWER_WITHIN", 0.2)
    monkeypatch.setattr(Listening, "still_there", lambda _: b"\n")  # which no switch answers

    async def story() -> None:
        async with SimulatedSwitch(SwitchSettings(heartbeat=None)) as switch:
            with Integration(settings_for("http://127.0.0.1:9/")) as integration:
                settings = InboundSettings(address=f"127.0.0.1:{switch.event_socket_port}")
                door = InboundDoor(integration, settings)
                door.open()
                await until(lambda: "no sign of life" in caplog.text)
                await door.close()

    asyncio.run(story())


def test_inbound_a_switch_that_only_answers_is_there(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its HEARTBEAT may come every two minutes, or never."""
    monkeypatch.setattr("fs_1c.esl.inbound.SILENCE", 0.05)
    monkeypatch.setattr(inbound_module, "LOOK_AGAIN", ())

    async def story() -> None:
        async with SimulatedSwitch(SwitchSettings(heartbeat=None)) as switch:
            with Integration(settings_for("http://127.0.0.1:9/")) as integration:
                settings = InboundSettings(address=f"127.0.0.1:{switch.event_socket_port}")
                door = InboundDoor(integration, settings)
                asked = 0

                def counted(listening: Listening) -> bytes:
                    nonlocal asked
                    asked += 1
                    return still_there(listening)

                still_there = Listening.still_there
                monkeypatch.setattr(Listening, "still_there", counted)
                door.open()
                await until(lambda: asked >= 5)
                assert door.ready.is_set()
                await door.close()

    asyncio.run(story())
    assert "trying again" not in caplog.text


def test_inbound_a_recording_of_the_whole_session_is_understood() -> None:
    # The server plays the recorded bytes, greeting and replies included, whatever we send.
    async def story() -> None:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(talking)
            await carded.wait()
            writer.write(after)
            await reader.read()

        whole, carded = received("inbound_group"), asyncio.Event()
        bridged = whole.index(b"Event-Name: CHANNEL_BRIDGE")
        end = whole.rindex(b"Content-Length", 0, whole.index(b"Event-Name: CHANNEL_HANGUP", bridged))
        talking, after = whole[:end], whole[end:]
        server = await asyncio.start_server(play, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with world(listen=False) as here:
            door = InboundDoor(here.service.integration, InboundSettings(address=f"127.0.0.1:{port}"))
            door.open()
            await until(lambda: here.cards() == [(CLIENT, "KEY244")])
            carded.set()
            await until(lambda: not len(door._conversations))
            await door.close()
        server.close()

    asyncio.run(story())
