"""Whether who has no key has a card is for the dialect to say: some bases know people by their extensions."""

from __future__ import annotations

from typing import Any

import pytest

from fs_1c.call import Outcome
from fs_1c.cards.claims import Claims
from fs_1c.onec import WorkerPool
from fs_1c.simulator.onec import REHEARSAL, OneCSimulator, OneCSimulatorSettings
from tests.cards.test_screenpop import ended, over, talk
from tests.support import base


@pytest.mark.parametrize(
    ("dialect", "outcome"),
    [("mobilon-2", Outcome.NO_KEY), ("mobilon-3", Outcome.ACCEPTED), ("itoolabs", Outcome.ACCEPTED)],
)
def test_who_has_no_key(dialect: Any, outcome: Outcome) -> None:
    with OneCSimulator(OneCSimulatorSettings(port=0, dialect=dialect)) as onec:
        pool = WorkerPool("test", base(onec.url, dialect=dialect, crm_token=REHEARSAL))
        told = over(pool, Claims()).conversation(talk("300", destination="74951234567"))
        assert ended(told).outcome is outcome
        assert bool(onec.requests) is (outcome is Outcome.ACCEPTED)
        if dialect == "itoolabs":
            (sent,) = [request.parameters for request in onec.requests]
            assert (sent["type"], sent["ext"], sent["diversion"]) == ("ACCEPTED", "300", "74951234567")
        pool.close(0.1)


def test_the_line_of_an_outgoing_call_is_nobodys() -> None:
    with OneCSimulator(OneCSimulatorSettings(port=0, dialect="itoolabs")) as onec:
        pool = WorkerPool("test", base(onec.url, dialect="itoolabs", crm_token=REHEARSAL))
        conversation = talk("300", destination="89235292926", outgoing=True)
        assert (
            ended(over(pool, Claims(), outgoing=True).conversation(conversation)).outcome is Outcome.ACCEPTED
        )
        assert "diversion" not in onec.requests[0].parameters
        pool.close(0.1)
