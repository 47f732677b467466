"""The journal and what 1C was told agree, to the last call; the whole service, from a switch's events on."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from fs_1c.call import HistoryWord, Told
from fs_1c.integration import Integration
from fs_1c.journal import calls
from fs_1c.service import Service
from fs_1c.settings import DialectName, build
from fs_1c.simulator.freeswitch import SimulatedSwitch, SwitchSettings
from fs_1c.simulator.freeswitch.recordings import interleaved
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from fs_1c.talk import Observer
from tests.history.conftest import answered, settings
from tests.history.load import ENDS, agree
from tests.history.outbox.sends import events
from tests.recordings import DATA
from tests.support import SOON, until
from tests.world import until as happens

CALLS = 200


class Hears(Observer):
    def __init__(self) -> None:
        self.words: list[HistoryWord] = []

    def told(self, word: HistoryWord) -> None:
        self.words.append(word)


def test_the_journal_and_1c_agree(tmp_path: Path) -> None:
    hears = Hears()
    with OneCSimulator(OneCSimulatorSettings(port=0, dialect="mobilon-3", sessions="autouse")) as onec:
        one = Integration(build(settings(tmp_path, onec.url, journal={"enabled": True})))
        one.observers.append(hears)
        one.tell_history()
        for event in events(CALLS):
            one.happened(event, switch="sw")
        assert one.history is not None
        until(lambda: not one.history.waiting(), 60.0)  # type: ignore[union-attr]
        one.close(SOON)
    documents = {document.call: document for document in onec.calls}
    assert len(documents) == len(onec.calls) == CALLS
    talked = {entry.call for entry in calls(tmp_path / "journal.db", limit=2 * CALLS) if entry.talks}
    assert talked == {call for call, document in documents.items() if document.answered}
    assert all(word.told is Told.TOLD for word in hears.words)
    told = Counter((word.call_uuid, word.state) for word in hears.words)
    # The cards' PREANSWER is not the history's; the owner's of a missed call is.
    had = Counter((call, state) for call, one in documents.items() for state in one.states)
    assert not told - had
    assert all(state == "PREANSWER" and call in talked for call, state in had - told)


def test_a_recorded_call_through_the_whole_service(tmp_path: Path) -> None:
    async def scenario() -> None:
        with OneCSimulator(OneCSimulatorSettings(port=0, dialect="mobilon-3")) as onec:
            async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
                inbound = [{"address": f"127.0.0.1:{switch.event_socket_port}"}]
                doors = {"esl": {"inbound": inbound, "outbound": {"enabled": False}}}
                http = {"http": {"enabled": False}}
                service = Service(build(settings(tmp_path, onec.url, **doors, **http)))
                await service.start()
                await switch.wait_for_subscribers()
                for _, message in interleaved([DATA / "inbound_blind_transfer.esl"]):
                    await switch.send_raw(message)
                await happens(lambda: len(onec.calls) == 1 and onec.calls[0].states[-1] == "END")
                await service.stop()
                [document] = onec.calls
                assert (document.answered, document.missed, document.who) == (True, False, "245")

    asyncio.run(scenario())


def test_it_is_not_told_of_by_who_only_asks(tmp_path: Path) -> None:
    """The library, or mod_python3, in a process of its own beside the service."""
    one = Integration(build(settings(tmp_path)))
    one.keep_warm()
    for event in answered("call-1"):
        one.happened(event)
    one.close(SOON)
    assert not (tmp_path / "history.db").exists()


@pytest.mark.parametrize("dialect", ENDS)
def test_calls_of_a_switch_through_a_service_of_its_own(dialect: DialectName) -> None:
    found = asyncio.run(agree(50, 50.0, dialect))
    assert not found.differ, found.differ[:5]
