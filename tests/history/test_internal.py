"""A call of one subscriber to another, from the switch's events to 1C, by the whole service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fs_1c.service import Service
from fs_1c.settings import build
from fs_1c.simulator.freeswitch import SimulatedSwitch, SwitchSettings
from fs_1c.simulator.freeswitch.recordings import interleaved
from tests import ROOT
from tests.history.conftest import settings
from tests.simulator.support import simulator
from tests.support import until

INTERNAL = ROOT / "tests" / "data" / "conversations" / "inbound_internal.esl"
CLIENTS = ROOT / "tests" / "data" / "inbound_manager_hangs_up.esl"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("wanted", [True, False])
def test_1c_has_a_document_of_it_if_that_is_set(tmp_path: Path, wanted: bool) -> None:
    async def story() -> None:
        with simulator(dialect="mobilon-3") as onec:
            async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
                more: dict[str, Any] = {
                    "history": {"internal": wanted},
                    "journal": {"enabled": True},
                    "http": {"enabled": False},
                    "esl": {
                        "outbound": {"enabled": False},
                        "inbound": [{"address": f"127.0.0.1:{switch.event_socket_port}"}],
                    },
                }
                service = Service(build(settings(tmp_path, onec.url, **more)))
                await service.start()
                try:
                    await switch.wait_for_subscribers()
                    # The client's call comes after it, by the same socket: once 1C has that one, it has both.
                    for recording in (INTERNAL, CLIENTS):
                        for _, message in interleaved([recording]):
                            await switch.send_raw(message)
                    await asyncio.to_thread(until, lambda: len(onec.calls) == 1 + wanted, 60)
                    await asyncio.to_thread(
                        until,
                        lambda: service.integration.history and not service.integration.history.waiting(),
                    )
                finally:
                    await service.stop()
            internal = [one for one in onec.calls if len(one.number) < 7]
            assert len(internal) == wanted and len(onec.calls) == 1 + wanted
            for one in internal:
                assert one.answered and not one.missed and one.who and one.states.count("END") == 1
            assert not [card for card in onec.cards if len(card.num_from) < 7]

    asyncio.run(story())
