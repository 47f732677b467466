"""What both ESL doors do, whatever carries them: our own wire or python-ESL."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from fs_1c import service
from fs_1c.esl.inbound import InboundDoor
from fs_1c.esl.listening import Listening
from fs_1c.integration import Integration
from fs_1c.settings import InboundSettings
from fs_1c.simulator.freeswitch import CallScript, SimulatedSwitch, SwitchSettings
from tests.recordings import DATA, records
from tests.support import SOON
from tests.world import CLIENT, DEFAULT, World, settings_for, until, world

TITLE = "Фэйковый чиж"
MODES = ("sync", "async")
without_library = pytest.mark.skipif(
    importlib.util.find_spec("ESL") is None, reason="python-ESL is not installed"
)


@pytest.fixture(params=["own", pytest.param("python-esl", marks=without_library)], autouse=True)
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The service's doors use it."""
    if request.param == "python-esl":
        from fs_1c.esl.python_esl.inbound import PythonEslInboundDoor
        from fs_1c.esl.python_esl.outbound import PythonEslOutboundDoor

        monkeypatch.setattr(service, "OutboundDoor", PythonEslOutboundDoor)
        monkeypatch.setattr(service, "InboundDoor", PythonEslInboundDoor)
    return str(request.param)


def door_class() -> type[InboundDoor]:
    chosen: type[InboundDoor] = vars(service)["InboundDoor"]
    return chosen


# FreeSWITCH connects to us.


def test_sync_a_known_client_goes_to_his_manager() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            result = await here.switch.call(here.script())
            assert (result.service_outcome, result.answered_by) == ("exited", "244")
            assert result.display_name == TITLE
            assert result.variables["fs_1c_target"] == "[progress_timeout=3,leg_timeout=20]user/244@127.0.0.1"
            assert [command.split(b"\n")[0] for command in result.commands] == [
                b"connect",
                b"sendmsg",
                b"exit",
            ]
            again = await here.switch.call(here.script())  # remembered now
            assert (again.service_outcome, again.answered_by) == ("exited", "244")
            assert here.lookups() == [CLIENT]

    asyncio.run(story())


def test_async_a_known_client_has_his_card_opened_by_his_own_conversation() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            result = await here.switch.call(here.script(mode="async"))
            assert (result.answered_by, result.display_name) == ("244", TITLE)
            assert result.bridged_to == f"[progress_timeout=3,leg_timeout=20]user/244@127.0.0.1|{DEFAULT}"
            assert await here.carded(1) == [(CLIENT, "KEY244")]

    asyncio.run(story())


@pytest.mark.parametrize("mode", MODES)
def test_whoever_is_not_known_rings_the_default(mode: str) -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            stranger = here.script("84950000001", mode=mode)
            withheld = here.script(mode=mode, private=True)
            for script, result in ((stranger, "unknown"), (withheld, "skipped")):
                call = await here.switch.call(script)
                assert (call.variables["fs_1c_result"], call.answered_by) == (result, "100")
                assert "fs_1c_target" not in call.variables

    asyncio.run(story())


def test_async_without_any_target_the_dialplan_has_the_call_back() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            call = await here.switch.call(here.script("84950000001", mode="async", variables={}))
            assert (call.service_outcome, call.answered_by) == ("exited", "100")
            assert b"resume\n" in [command + b"\n" for command in call.commands]

    asyncio.run(story())


@pytest.mark.parametrize("mode", MODES)
def test_a_slow_1c_costs_the_deadline(mode: str) -> None:
    async def story() -> None:
        async with world(held=True, listen=False, lookup={"deadline": "50ms"}) as here:
            call = await here.switch.call(here.script(mode=mode))
            assert (call.variables["fs_1c_result"], call.answered_by) == ("late", "100")

    asyncio.run(story())


@pytest.mark.parametrize("mode", MODES)
def test_1c_away_costs_nothing(mode: str) -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            here.onec.stop()
            call = await here.switch.call(here.script(mode=mode))
            assert (call.variables["fs_1c_result"], call.answered_by) == ("failed", "100")

    asyncio.run(story())


@pytest.mark.parametrize("mode", MODES)
def test_a_core_that_fails_costs_nothing(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Integration, "decide_now", fail)

    async def story() -> None:
        async with world(listen=False) as here:
            call = await here.switch.call(here.script(mode=mode))
            assert (call.service_outcome == "exited" or mode == "async") and call.answered_by == "100"

    asyncio.run(story())


@pytest.mark.parametrize("mode", MODES)
def test_a_caller_who_hangs_up_during_the_lookup(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fs_1c")

    async def story() -> None:
        async with world(held=True, listen=False) as here:
            call = await here.leaves_during_the_lookup(mode)
            assert (call.service_outcome, call.answered_by) == ("hung up", None)
            assert not any(b"multiset" in command for command in call.commands)
            await until(lambda: f"call={call.uuid} gone" in caplog.text)

    asyncio.run(story())
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("mode", MODES)
def test_a_stopping_service_finishes_the_decisions_under_way(mode: str) -> None:
    async def story() -> None:
        async with world(held=True, listen=False) as here:
            call = asyncio.create_task(here.switch.call(here.script(mode=mode)))
            await until(lambda: here.lookups() == [CLIENT])
            stopping = asyncio.create_task(here.service.stop())
            await asyncio.sleep(0)
            here.held.answers.set()
            await stopping
            assert (await call).answered_by == "244"

    asyncio.run(story())


def test_async_a_conversation_outlives_the_service() -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            call = asyncio.create_task(here.switch.call(here.script(mode="async", talk=0.5)))
            await here.carded(1)
            await here.service.stop()
            assert (await call).answered_by == "244"

    asyncio.run(story())


def test_a_hundred_calls_at_once_are_all_let_go() -> None:
    data = next(r.data for r in records("outbound_sync_route") if r.direction == "<<<")

    async def one(here: World) -> bytes:
        reader, writer = await asyncio.open_connection(*here.door)
        assert await reader.readuntil(b"\n\n") == b"connect\n\n"
        writer.write(data)
        said = await reader.readuntil(b"exit\n\n")
        writer.close()
        return said

    async def story() -> None:
        async with world(latency=0.1, listen=False) as here, asyncio.timeout(SOON):
            said = await asyncio.gather(*(one(here) for _ in range(100)))
            assert all(
                b"fs_1c_target=[progress_timeout=3,leg_timeout=20]user/244@" in words for words in said
            )
            assert here.lookups() == [CLIENT]

    asyncio.run(story())


HOSTILE = (
    "${system(touch file)}",
    "x\nEvent-Name: CHANNEL_HANGUP\n\nexit",
    "%0A%0Aexit",
    "ARRAY::a|:b",
    "'\"\\,|{}[]<>^^:_:",
    "ё" * 1000,
    "",
)


@pytest.mark.parametrize("mode", MODES)
def test_hostile_names_are_just_names(mode: str) -> None:
    async def story() -> None:
        async with world(listen=False) as here:
            for name in HOSTILE:
                call = await here.switch.call(here.script(mode=mode, name=name))
                assert (call.answered_by, call.display_name, call.executed_code) == ("244", TITLE, []), name
            expected = [(CLIENT, "KEY244")] * len(HOSTILE) if mode == "async" else []
            assert await here.carded(len(expected)) == expected

    asyncio.run(story())


def test_a_peer_that_stays_silent_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fs_1c.esl.outbound.connection.FIRST_WORD", 0.05)
    monkeypatch.setattr("fs_1c.esl.outbound.door.LOOK_EVERY", 0.05)

    async def story() -> None:
        async with world(listen=False) as here:
            reader, writer = await asyncio.open_connection(*here.door)
            async with asyncio.timeout(30):
                assert await reader.read() == b"connect\n\n"
            writer.close()

    asyncio.run(story())
    assert "no channel data within 0.05 s" in caplog.text


# We connect to FreeSWITCH.


def test_recorded_calls_open_exactly_their_cards() -> None:
    keys = ["KEY244"] * 4 + ["KEY245"] * 2 + ["KEY243"]

    async def story() -> None:
        async with world() as here:
            names = ("group", "failover", "blind_transfer", "attended_transfer")
            files = [DATA / f"inbound_{name}.esl" for name in names]
            await here.play(*files, "inbound_answered", "inbound_abandoned")
            assert sorted(await here.carded(len(keys))) == sorted((CLIENT, key) for key in keys)

    asyncio.run(story())


def test_it_comes_back_when_the_switch_does() -> None:
    async def story() -> None:
        async with world() as here:
            (door,) = here.service.inbound
            for _ in range(2):
                await here.switch.stop()
                await until(lambda: not door.ready.is_set())
                await here.switch.start()
                await here.switch.wait_for_subscribers()
            await here.switch.call(here.script())
            assert await here.carded(1) == [(CLIENT, "KEY244")]

    asyncio.run(story())


def test_what_was_bridged_meanwhile_is_learnt() -> None:
    async def story() -> None:
        async with world() as here:
            (door,) = here.service.inbound
            await door.close()
            door.ready.clear()
            call = asyncio.create_task(here.switch.call(here.script(talk=1.0)))
            await until(lambda: len(here.switch.channels) == 2)
            door.open()
            assert await here.carded(1) == [(CLIENT, "KEY244")]
            assert (await call).answered_by == "244"

    asyncio.run(story())


async def _listener(
    story: Callable[[InboundDoor], Awaitable[None]], address: str, password: str = "ClueCon"
) -> None:
    with Integration(settings_for("http://127.0.0.1:9/")) as integration:
        door = door_class()(integration, InboundSettings(address=address, password=password))
        door.open()
        await story(door)
        async with asyncio.timeout(30):
            await door.close()


def test_keys_are_asked_from_the_switchs_directory() -> None:
    async def ask(door: InboundDoor) -> None:
        assert await asyncio.wrap_future(door.ask("244", "127.0.0.1")) == ""  # not connected yet
        await door.ready.wait()
        asked = [door.ask(extension, "127.0.0.1") for extension in ("244", "245", "299")]
        assert [await asyncio.wrap_future(one) for one in asked] == ["KEY244", "ключ", ""]

    async def story() -> None:
        directory = {"244": {"fs_1c_key": "KEY244"}, "245": {"fs_1c_key": "ключ"}}
        async with SimulatedSwitch(SwitchSettings(directory=directory)) as switch, asyncio.timeout(30):
            await _listener(ask, f"127.0.0.1:{switch.event_socket_port}")

    asyncio.run(story())


def test_a_wrong_password_is_said_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with SimulatedSwitch(SwitchSettings(password="other")) as switch:
            address = f"127.0.0.1:{switch.event_socket_port}"
            await _listener(lambda _: until(lambda: "the password is wrong" in caplog.text), address, "hush")

    asyncio.run(story())
    assert "hush" not in caplog.text


def test_the_access_list_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async def reject(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n")
        writer.close()

    async def story() -> None:
        async with await asyncio.start_server(reject, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            named = until(lambda: "apply-inbound-acl" in caplog.text)
            await _listener(lambda _: named, f"127.0.0.1:{port}")

    asyncio.run(story())


def test_a_switch_that_falls_silent_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fs_1c.esl.inbound.SILENCE", 0.2)
    monkeypatch.setattr("fs_1c.esl.inbound.ANSWER_WITHIN", 0.2)
    monkeypatch.setattr(Listening, "still_there", lambda _: b"\n")  # which no switch answers

    async def story() -> None:
        async with SimulatedSwitch(SwitchSettings(heartbeat=None)) as switch:
            silent = until(lambda: "no sign of life" in caplog.text)
            await _listener(lambda _: silent, f"127.0.0.1:{switch.event_socket_port}")

    asyncio.run(story())


# Both.


def test_nothing_is_left_behind() -> None:
    async def visit(here: World) -> None:
        async with AsyncExitStack() as stack:
            for mode in MODES:
                await here.switch.call(here.script(mode=mode))
            _, quiet = await asyncio.open_connection(*here.door)  # says nothing, for as long as it likes
            stack.callback(quiet.close)
            _, rude = await asyncio.open_connection(*here.door)
            rude.write(b"Content-Type: command/reply\nContent-Length: 100\n\nhalf")
            stack.callback(rude.close)
            script: CallScript = here.script(mode="async", talk=0.3)
            call = asyncio.create_task(here.switch.call(script))
            await here.carded(3)
            async with asyncio.timeout(30):
                assert here.service.outbound is not None
                await here.service.outbound.close(0.05)  # it would wait longer for the two
                await here.service.stop()
            await call

    async def story() -> None:
        async with world() as here:
            await visit(here)
        await until(lambda: not any(one.name.startswith("esl-") for one in threading.enumerate()))
        # Each of these has a connection of the simulated 1C, which ends when it has run.
        await until(lambda: not any("process_request" in one.name for one in threading.enumerate()))

    asyncio.run(story())  # what is loaded or opened once, is by now
    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(story())
    assert len(os.listdir("/proc/self/fd")) <= before
