"""Calls from the first ring to the card, through both doors: real sockets, simulated ends."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.recordings import DATA
from tests.world import CLIENT, DEFAULT, until, world

TITLE = "Фэйковый чиж"


def test_sync_a_client_is_named_goes_to_his_manager_and_has_his_card_opened_once() -> None:
    async def story() -> None:
        async with world() as here:
            result = await here.switch.call(here.script())
            assert result.service_outcome == "exited"
            assert result.answered_by == "244"
            assert result.display_name == TITLE
            assert {k: v for k, v in result.variables.items() if k.startswith("fs_1c_")} == {
                "fs_1c_default_target": DEFAULT,
                "fs_1c_result": "found",
                "fs_1c_number": "+79235292926",
                "fs_1c_title": TITLE,
                "fs_1c_category": "0",
                "fs_1c_manager": "244",
                "fs_1c_manager_state": "unknown",
                "fs_1c_target": "[progress_timeout=3,leg_timeout=20]user/244@127.0.0.1",
            }
            assert [command.split(b"\n")[0] for command in result.commands] == [
                b"connect",
                b"sendmsg",
                b"exit",
            ]
            assert await here.carded(1) == [(CLIENT, "KEY244")]
            assert here.lookups() == [CLIENT]

    asyncio.run(story())


def test_both_doors_hear_of_a_conversation_and_one_card_opens() -> None:
    async def story() -> None:
        async with world() as here:
            result = await here.switch.call(here.script(mode="async"))
            assert result.answered_by == "244"
            assert await here.carded(1) == [(CLIENT, "KEY244")]

    asyncio.run(story())


def test_the_second_call_of_a_client_does_not_ask_1c() -> None:
    async def story() -> None:
        async with world() as here:
            first = await here.switch.call(here.script())
            second = await here.switch.call(here.script("+7 (923) 529-29-26"))
            assert first.variables["fs_1c_target"] == second.variables["fs_1c_target"]
            assert here.lookups() == [CLIENT]
            assert await here.carded(2) == [(CLIENT, "KEY244")] * 2

    asyncio.run(story())


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_an_unknown_client_rings_the_dialplans_default(mode: str) -> None:
    async def story() -> None:
        async with world() as here:
            result = await here.switch.call(here.script("84950000001", mode=mode))
            assert result.variables["fs_1c_result"] == "unknown"
            assert "fs_1c_target" not in result.variables
            assert (result.answered_by, result.display_name) == ("100", "84950000001")
            assert await here.carded(1) == [("84950000001", "KEY100")]

    asyncio.run(story())


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(
    "caller", [{"number": "anonymous"}, {"number": CLIENT, "private": True}, {"number": "243"}]
)
def test_1c_is_not_asked_about_extensions_and_withheld_numbers(mode: str, caller: dict[str, str]) -> None:
    async def story() -> None:
        async with world() as here:
            result = await here.switch.call(here.script(**caller, mode=mode))
            assert result.variables["fs_1c_result"] == "skipped"
            assert result.answered_by == "100"
            await here.settle()
            assert (here.lookups(), here.cards()) == ([], [])

    asyncio.run(story())


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_1c_away_costs_nothing(mode: str) -> None:
    async def story() -> None:
        async with world() as here:
            here.onec.stop()
            result = await here.switch.call(here.script(mode=mode))
            assert result.variables["fs_1c_result"] == "failed"
            assert result.answered_by == "100"

    asyncio.run(story())


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_1c_too_slow_the_call_goes_on_and_the_answer_serves_the_next(mode: str) -> None:
    async def story() -> None:
        async with world(held=True, lookup={"deadline": "100ms"}) as here:
            result = await here.switch.call(here.script(mode=mode))
            assert (result.variables["fs_1c_result"], result.answered_by) == ("late", "100")
            await until(lambda: here.lookups() == [CLIENT])
            here.held.answers.set()
            await here.settle()
            result = await here.switch.call(here.script(mode=mode))
            assert (result.variables["fs_1c_result"], result.answered_by) == ("found", "244")
            assert here.lookups() == [CLIENT]

    asyncio.run(story())


def test_the_dialplan_sets_the_deadline() -> None:
    async def story() -> None:
        async with world(held=True) as here:
            variables = {"fs_1c_deadline": "50ms"}
            result = await here.switch.call(here.script(variables=variables))
            assert result.variables["fs_1c_result"] == "late"

    asyncio.run(story())


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_caller_hangs_up_during_the_lookup(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fs_1c")

    async def story() -> None:
        async with world(held=True) as here:
            result = await here.leaves_during_the_lookup(mode)
            assert result.service_outcome == "hung up"
            assert result.answered_by is None
            assert not any(b"multiset" in command for command in result.commands)
            await until(lambda: f"call={result.uuid} gone" in caplog.text)
            assert here.cards() == []

    asyncio.run(story())


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_nobody_answers_no_card(mode: str) -> None:
    async def story() -> None:
        async with world() as here:
            result = await here.switch.call(here.script(mode=mode, answered_by=None))
            assert result.answered_by is None
            await here.settle()
            assert here.cards() == []

    asyncio.run(story())


EXPECTED = {
    "inbound_answered": ["KEY244"],
    "inbound_group": ["KEY244"],
    "inbound_failover": ["KEY245"],
    "inbound_blind_transfer": ["KEY244", "KEY245"],
    "inbound_attended_transfer": ["KEY244", "KEY243"],
    "inbound_abandoned": [],
}


def test_recorded_calls_played_one_after_another_pop_exactly_so() -> None:
    async def story() -> None:
        async with world() as here:
            expected: list[str] = []
            for name, keys in EXPECTED.items():
                path = DATA / f"{name}.esl"
                await here.play(path if path.exists() else name)
                expected += keys
                await here.carded(len(expected))
                assert sorted(key for _, key in here.cards()) == sorted(expected), name
            assert {number for number, _ in here.cards()} == {CLIENT}

    asyncio.run(story())


def test_recorded_calls_played_at_the_same_time_pop_exactly_so() -> None:
    async def story() -> None:
        async with world() as here:
            names = [DATA / f"{name}.esl" for name in EXPECTED if (DATA / f"{name}.esl").exists()]
            await here.play(*names, "inbound_answered", "inbound_abandoned")
            expected = sorted(key for keys in EXPECTED.values() for key in keys)
            assert sorted(key for _, key in await here.carded(len(expected))) == expected

    asyncio.run(story())


def test_a_hundred_calls_at_once_are_all_decided() -> None:
    async def story() -> None:
        async with world(latency=0.05) as here:
            scripts = [here.script(f"8495{7000000 + i % 20}", mode="sync") for i in range(100)]
            results = await asyncio.gather(*(here.switch.call(script) for script in scripts))
            assert {result.answered_by for result in results} == {"100"}
            assert {result.variables["fs_1c_result"] for result in results} == {"unknown"}
            assert sorted(here.lookups()) == [f"8495{7000000 + i}" for i in range(20)]

    asyncio.run(story())


def test_keys_and_passwords_stay_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def story() -> None:
        async with world() as here:
            await here.switch.call(here.script())
            await here.carded(1)
            here.onec.stop()
            await here.switch.call(here.script())
            await here.settle()

    asyncio.run(story())
    assert "pop extension=244" in caplog.text
    assert "KEY244" not in caplog.text
    assert "s3cret" not in caplog.text
    assert "ClueCon" not in caplog.text
