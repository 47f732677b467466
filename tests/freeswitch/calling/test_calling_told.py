"""A call that 1C has asked for is a call like any other: 1C is told all of it, and the journal has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fs_1c.calls import Stage
from fs_1c.journal import calls as journal
from fs_1c.journal import journal_file
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests.freeswitch.calling.test_calling import (
    CLIENTS,
    NUMBERS,
    WAITS,
    all_the_time_in_the_world,
    ask,
    calls,
)
from tests.freeswitch.conftest import Company
from tests.freeswitch.sip import Manner

__all__ = ["all_the_time_in_the_world"]
pytestmark = pytest.mark.freeswitch


@pytest.mark.parametrize("manner", [Manner.ANSWERS, Manner.BUSY])
def test_1c_is_told_the_whole_call_and_the_journal_has_it(
    company: Company, tmp_path: Path, manner: Manner
) -> None:
    number = NUMBERS["own"]
    with OneCSimulator(OneCSimulatorSettings(port=0, clients=CLIENTS, dialect="mobilon-3")) as onec:
        base = {"url": onec.url, "dialect": "mobilon-3", "keep_warm": "0s"}
        # The trunk wants digits before the number, which are not the client's.
        company.serve(
            inbound=True,
            clients=CLIENTS,
            onec=base,
            history={"enabled": True},
            state={"folder": str(tmp_path)},
            screenpop={"outgoing": True},
            calls={
                "listen": "127.0.0.1:0",
                "token": "t0ken-of-the-base",
                "dial": f"sofia/internal/sip:77{{number}}@127.0.0.1:{company.agents_port}",
            },
        )
        desk, client = company.phone("244", Manner.RINGS), company.phone(f"77{number}", manner)
        assert ask(company, "own", number).status_code == 201
        desk.rings(within=WAITS).answer()
        (call,) = calls(company)
        if manner is Manner.ANSWERS:
            company.until(lambda: call.progress.stage is Stage.TALKING, "they do not talk", WAITS)
            company.until(lambda: len(onec.cards) == 1, "there is no card", WAITS)
            desk.legs[0].hang_up()
        company.until(lambda: bool(onec.calls) and onec.calls[0].states[-1] == "END", "1C is not told", WAITS)
        (told,) = onec.calls
        assert (told.number, told.who) == (number, "244")
        if manner is Manner.ANSWERS:
            # PREANSWER is the card, and may be first.
            assert sorted(told.states) == sorted(["PREANSWER", "START", "ANSWER", "HANGUP", "END"])
            assert told.answered
            assert [(card.num_from, card.key) for card in onec.cards] == [(number, "KEY244")]
        else:
            assert told.states == ["START", "HANGUP", "END"]
            assert told.outgoing and not (told.answered or told.missed or onec.cards)
        assert client.legs
        assert company.running is not None
        settings = company.running.service.integration.settings
        company.running.stop()
        path = journal_file(settings)
        assert path is not None
        if manner is Manner.ANSWERS:
            (row,) = journal(path)
            (talk,) = row.talks
            assert (talk.number, talk.extension, talk.outgoing) == (f"+7{number[1:]}", "244", True)
            assert [pop.outcome for pop in row.pops] == ["accepted"]
