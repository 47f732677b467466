"""The service is killed, restarted, or cut off from the switch in the middle of a conversation: one card, and
a card for whoever was answered meanwhile.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fs_1c.journal.reading import JournalError, calls
from fs_1c.service import Service
from fs_1c.simulator.freeswitch import CallResult, CallScript, SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import Fault, OneCSimulator
from tests.processes import serving, wait_for
from tests.service.support import LONG, pops, settings_file
from tests.world import CLIENT, onec_simulator, settings_for, until

DOORLESS = "[esl.outbound]\nenabled = false\n[http]\nenabled = false\n"


def test_killed_between_the_claim_and_the_answer_it_opens_no_second_card(tmp_path: Path) -> None:
    async def story() -> None:
        with onec_simulator() as onec:
            async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
                config = settings_file(tmp_path, onec, DOORLESS, switch)
                with serving(config, tmp_path / "first") as process:
                    await asyncio.to_thread(wait_for, tmp_path / "first", "listening")
                    onec.fault = Fault("mute-after-request", operation="IncomingCall")
                    talking = asyncio.create_task(switch.call(LONG))
                    await until(lambda: pops(onec) == 1)
                    process.send_signal(signal.SIGKILL)
                    await asyncio.to_thread(process.wait)
                onec.clear_fault()
                with serving(config, tmp_path / "second"):
                    await until(lambda: outcomes(tmp_path) == ["elsewhere"])
                talking.cancel()
                assert pops(onec) == 1

    asyncio.run(story())


def service(folder: Path, onec: OneCSimulator, switch: SimulatedSwitch, **more: Any) -> Service:
    """A listener only, in this process."""
    listener = {"address": f"127.0.0.1:{switch.event_socket_port}"}
    esl = {"outbound": {"enabled": False}, "inbound": [listener]}
    return Service(settings_for(onec.url, esl=esl, state={"folder": str(folder)}, **more))


def outcomes(folder: Path) -> list[str]:
    """Of all pops in the journal."""
    with suppress(JournalError):
        return sorted(pop.outcome for call in calls(folder / "journal.db") for pop in call.pops)
    return []


@pytest.mark.parametrize("answered", ["before", "meanwhile"])
def test_a_service_that_is_restarted_in_a_conversation_opens_one_card(tmp_path: Path, answered: str) -> None:
    async def story() -> None:
        with onec_simulator() as onec:
            async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
                first = service(tmp_path, onec, switch)
                await first.start()
                await switch.wait_for_subscribers()
                if answered == "meanwhile":
                    await first.stop()
                talking = asyncio.create_task(switch.call(LONG))
                if answered == "meanwhile":
                    await until(lambda: any(call.bridged_to for call in switch.calls.values()))
                else:
                    await until(lambda: len(onec.cards) == 1)
                    await first.stop()
                second = service(tmp_path, onec, switch)
                await second.start()
                await until(lambda: outcomes(tmp_path) == expected)
                await second.stop()
                talking.cancel()
                assert [(card.num_from, card.key) for card in onec.cards] == [(CLIENT, "KEY244")]

    expected = ["accepted", "elsewhere"] if answered == "before" else ["accepted"]
    asyncio.run(story())


def test_a_lost_connection_to_the_switch_costs_no_card_and_opens_none_twice(tmp_path: Path) -> None:
    async def story() -> None:
        with onec_simulator() as onec:
            async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
                only = service(tmp_path, onec, switch)
                await only.start()
                await switch.wait_for_subscribers()
                talking: list[asyncio.Task[CallResult]] = []
                for expected in (1, 2, 3):
                    for writer in list(switch._connections.values()) if talking else ():
                        writer.transport.abort()  # and the next one is answered before it is back
                    talking.append(asyncio.create_task(switch.call(LONG)))
                    await until(partial(len_is, onec, expected))
                await only.stop()
                for task in talking:
                    task.cancel()
        assert outcomes(tmp_path) == ["accepted"] * 3

    asyncio.run(story())


def len_is(onec: OneCSimulator, expected: int) -> bool:
    return len(onec.cards) == expected


def test_the_directory_of_the_switch_is_asked_for_keys(tmp_path: Path) -> None:
    async def story() -> None:
        directory = {"244": {"fs_1c_key": "from the directory"}, "245": {}}
        with onec_simulator() as onec:
            async with SimulatedSwitch(SwitchSettings(port=0, directory=directory)) as switch:
                keys = {"keys": {}, "directory": True}
                only = service(tmp_path, onec, switch, subscribers=keys)
                await only.start()
                await switch.wait_for_subscribers()
                for extension in ("244", "245"):
                    target = f"user/{extension}@127.0.0.1"
                    script = CallScript(CLIENT, answered_by=extension, default_target=target, talk=0.3)
                    await switch.call(script)
                await until(lambda: len(outcomes(tmp_path)) == 2)
                await only.stop()
                assert [card.key for card in onec.cards] == ["from the directory"]
        assert outcomes(tmp_path) == ["accepted", "no key"]

    asyncio.run(story())
