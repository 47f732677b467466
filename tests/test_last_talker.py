"""Whoever talked to a client last is rung when 1C names nobody, or is away; and no call waits for that."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from fs_1c.call import (
    Began,
    Call,
    Caller,
    Conversation,
    Decision,
    HungUp,
    LastTalk,
    Presence,
    PresenceState,
    Result,
)
from fs_1c.directory import BreakerState, Directory
from fs_1c.integration import Integration
from fs_1c.journal import Journal, calls, story
from fs_1c.journal.last import rows, talkers
from fs_1c.numbers import NumberPlan
from fs_1c.settings import JournalSettings, SettingsError, build
from fs_1c.simulator.onec import Client, OneCSimulator, OneCSimulatorSettings
from fs_1c.talk import Stories
from tests.support import SEED, SOON, HeldOneC, until

NOBODYS, UNKNOWN = "89235292900", "89235292999"
CLIENTS = (Client(SEED, "Фэйковый чиж", "0", "241"), Client(NOBODYS, "Ничей", "0", ""))
RUNG = "[progress_timeout=3,leg_timeout=20]user/{}@pbx.example"
Make = Callable[..., Integration]


def simulated(kind: type[OneCSimulator] = OneCSimulator) -> OneCSimulator:
    return kind(OneCSimulatorSettings(port=0, clients=CLIENTS))


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with simulated() as running:
        yield running


@pytest.fixture
def integration(tmp_path: Path) -> Iterator[Make]:
    made: list[Integration] = []

    def make(url: str, deadline: float = 2 * SOON, **routing: Any) -> Integration:
        settings = {
            "onec": {"url": url},
            "lookup": {"deadline": deadline},
            "state": {"folder": str(tmp_path)},
            "routing": {"last_talker": "7d", **routing},
        }
        made.append(Integration(build(settings)))
        return made[-1]

    yield make
    for one in made:
        one.close(0.1)


def talked(folder: Path, *pairs: tuple[str, str], hours_ago: float = 1.0) -> None:
    """Clients and subscribers have talked to each other for a minute, each pair in a call of its own."""
    at = time.time() - hours_ago * 3600
    with freeze_time(datetime.fromtimestamp(at, UTC).replace(tzinfo=None), tick=False):
        journal = Journal(folder / "journal.db", JournalSettings(), NumberPlan())
        for number, extension in pairs:
            stories, uuid = Stories(), f"talk-{number}-{extension}"
            for event in (
                Began(uuid, uuid, number, at=at - 65),
                Conversation(uuid, f"{uuid}-leg", number, extension, at=at - 60, age=60.0),
                HungUp(uuid, at),
            ):
                journal.heard(event, stories.heard(event, "sw"))
        journal.close(SOON)


def call(number: str, **given: Any) -> Call:
    return Call(f"call-{number}", number, domain="pbx.example", **given)


def by_both(here: Integration, number: str) -> Decision:
    """What a thread is told, and an event loop; and nobody is told at once what has to be asked for."""
    decision = here.decide(call(number))
    assert asyncio.run(here.decide_async(call(number))).variables == decision.variables
    assert here.decide_now(call(number)) is None
    return decision


@pytest.mark.parametrize("number", [NOBODYS, UNKNOWN])
def test_1c_names_nobody(
    onec: OneCSimulator, integration: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture, number: str
) -> None:
    caplog.set_level(logging.INFO)
    talked(tmp_path, (number, "244"))
    here = integration(onec.url, then=["user/100@{domain}"])
    decision = by_both(here, number)
    assert decision.target == f"{RUNG.format('244')}|user/100@pbx.example"
    assert dict(decision.variables)["fs_1c_source"] == "last-talker"
    line = next(one.getMessage() for one in caplog.records if " lookup number=" in one.getMessage())
    assert " why=244 talked to the client last (" in line
    here.close()
    (entry,) = calls(tmp_path / "journal.db", call=f"call-{number}")
    assert entry.decisions[0].why == decision.why
    lines = story(entry)
    assert f"{decision.why}." in lines
    assert f"Sent to {decision.target}: to 244, for 1C names nobody who could be rung, then" in "\n".join(
        lines
    )


def test_1c_names_somebody(onec: OneCSimulator, integration: Make, tmp_path: Path) -> None:
    talked(tmp_path, (SEED, "244"))
    here = integration(onec.url)
    assert here.decide(call(SEED)).target == RUNG.format("241")
    remembered = here.decide_now(call(SEED))
    assert remembered is not None and remembered.target == RUNG.format("241"), "nobody has to be asked"
    assert "fs_1c_source" not in dict(remembered.variables)


def test_1c_is_away_for_a_day_and_clients_reach_whom_they_know(
    onec: OneCSimulator, integration: Make, tmp_path: Path
) -> None:
    """After a restart: nothing is remembered of 1C, which refuses connections and later counts as down."""
    clients = {f"892352900{n:02}": str(200 + n) for n in range(30)}
    talked(tmp_path, *clients.items(), hours_ago=23.5)
    onec.stop()
    here = integration(onec.url)
    for number, extension in clients.items():
        decision = here.decide(call(number))
        assert decision.caller.result is Result.FAILED
        assert decision.target == RUNG.format(extension)
    assert here.states()["default"].breaker is not BreakerState.CLOSED
    assert by_both(here, next(iter(clients))).target == RUNG.format("200")
    assert here.decide(call(UNKNOWN)).target is None
    withheld = here.decide_now(call(next(iter(clients)), private=True))
    assert withheld is not None and withheld.target is None, "who is not to be known is not known by this"


def test_what_is_remembered_of_1c_goes_before(onec: OneCSimulator, integration: Make, tmp_path: Path) -> None:
    talked(tmp_path, (SEED, "244"))
    here = integration(onec.url)
    here.decide(call(SEED))
    onec.stop()
    assert here.decide(call(SEED)).target == RUNG.format("241")


def test_it_is_asked_beside_the_lookup(
    integration: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal has answered before 1C has; nobody has waited for it in between."""
    talked(tmp_path, (NOBODYS, "244"))
    answered, look = threading.Event(), rows.last_talk

    def looked(*given: Any) -> LastTalk | None:
        try:
            return look(*given)
        finally:
            answered.set()

    monkeypatch.setattr(talkers, "last_talk", looked)
    with simulated(HeldOneC) as onec:
        assert isinstance(onec, HeldOneC)
        here = integration(onec.url)
        decisions: list[Decision] = []
        caller = threading.Thread(target=lambda: decisions.append(here.decide(call(NOBODYS))))
        caller.start()
        assert answered.wait(SOON) and not decisions
        onec.answers.set()
        caller.join(SOON)
        assert decisions[0].target == RUNG.format("244")


def test_1c_is_late(integration: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What 1C has left of the caller's time was enough for the journal."""
    talked(tmp_path, (SEED, "244"))
    answered, look, lookup = threading.Event(), rows.last_talk, Directory.lookup

    def looked(*given: Any) -> LastTalk | None:
        try:
            return look(*given)
        finally:
            answered.set()

    def late(here: Directory, received: str, deadline: float, **more: Any) -> Caller:
        assert answered.wait(SOON)
        return lookup(here, received, 0.0, **more)

    monkeypatch.setattr(talkers, "last_talk", looked)
    monkeypatch.setattr(Directory, "lookup", late)
    with simulated(HeldOneC) as onec:
        decision = integration(onec.url).decide(call(SEED))
    assert (decision.caller.result, decision.target) == (Result.LATE, RUNG.format("244"))


@pytest.mark.parametrize("door", ["thread", "loop"])
def test_a_journal_that_hangs_costs_one_caller_a_part_of_his_deadline(
    onec: OneCSimulator, integration: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(
        talkers, "last_talk", lambda *_: hangs.wait(2 * SOON) and LastTalk("244", time.time())
    )
    here = integration(onec.url, deadline=0.2)

    def decide(number: str) -> Decision:
        if door == "loop":
            return asyncio.run(here.decide_async(call(number)))
        return here.decide(call(number))

    for number in (NOBODYS, UNKNOWN, NOBODYS):
        decision = decide(number)
        assert decision.target is None and decision.why == ""
    assert here._deciding.talkers is not None
    assert here._deciding.talkers.ask("+79235292900").told == (), "nobody is waited for while it hangs"
    hangs.set()
    until(lambda: decide(NOBODYS).target == RUNG.format("244"))


def test_a_journal_that_is_broken_or_away_costs_nothing(
    onec: OneCSimulator, integration: Make, tmp_path: Path
) -> None:
    here = integration(onec.url)
    assert here.decide(call(NOBODYS)).caller.result is Result.FOUND, "there is none yet"
    (tmp_path / "journal.db").unlink(missing_ok=True)
    (tmp_path / "journal.db").write_bytes(b"corrupt" * 1000)
    decision = here.decide(call(NOBODYS))
    assert (decision.caller.result, decision.target) == (Result.FOUND, None)


@pytest.mark.parametrize("lie", ["", "${system id}", "2" * 500, "000", "244@evil", "user/244"])
def test_a_journal_that_lies_has_nobody_rung(
    onec: OneCSimulator, integration: Make, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    monkeypatch.setattr(talkers, "last_talk", lambda *_: LastTalk(lie, time.time()))
    decision = integration(onec.url).decide(call(NOBODYS))
    assert decision.target is None and "fs_1c_manager" not in dict(decision.variables)


def test_he_is_looked_at_like_a_manager(onec: OneCSimulator, integration: Make, tmp_path: Path) -> None:
    talked(tmp_path, (NOBODYS, "244"))
    here = integration(onec.url, when_away="next", deputies={"244": ["245"]})

    class Table:
        core = "core"

        def state(self, extension: str, domain: str) -> Presence:
            return Presence(PresenceState.AWAY if extension == "244" else PresenceState.FREE)

    here.switches.tables["sw"] = Table()  # type: ignore[assignment]
    decision = here.decide(call(NOBODYS))
    assert decision.target == RUNG.format("245")
    assert dict(decision.variables)["fs_1c_manager_state"] == "away"
    assert decision.why.endswith("; 244 is away: 245 rings in his place")


def test_who_is_erased_has_talked_to_nobody(onec: OneCSimulator, integration: Make, tmp_path: Path) -> None:
    talked(tmp_path, (NOBODYS, "244"))
    here = integration(onec.url)
    assert here.decide(call(NOBODYS)).target == RUNG.format("244")
    assert not here.erase(NOBODYS).left
    assert here.decide(call(NOBODYS)).target is None


def test_it_needs_a_journal() -> None:
    onec = {"url": "http://1c.example/ws"}
    for more in ({}, {"state": {"folder": "/tmp"}, "journal": {"enabled": False}}):
        with pytest.raises(SettingsError, match=r"routing\.last_talker: allowed only with a journal"):
            build({"onec": onec, "routing": {"last_talker": "7d"}, **more})
