"""What a service that is started again knows of calls that are up; and cards that need a word before them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs_1c.call import Began, Conversation, HungUp, Outcome, TalksOutside
from fs_1c.esl.listening import Listening
from fs_1c.history import kept
from fs_1c.history.changes import Changes
from fs_1c.history.stories import as_json, of_json
from fs_1c.integration import Integration
from fs_1c.numbers import NumberPlan
from fs_1c.onec import CallState, Card, Client, OneCError, Reached
from fs_1c.service import Service
from fs_1c.settings import build
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from fs_1c.talk import Conversations, Stories, Story
from tests.esl.test_listening import api
from tests.history.conftest import TOLD_OF_AN_ANSWERED_CALL as ALL
from tests.history.conftest import Ear, answered, happen, settings, telling
from tests.history.test_tables import happened
from tests.support import SOON, until
from tests.talk.test_story import TOLD

DOWN = OneCError("unreachable", "no connection", Reached.NO, base_down=True, passing=True)


@pytest.mark.parametrize("name", TOLD)
def test_a_story_is_read_as_it_was_written(name: str) -> None:
    stories = Stories()
    for event in happened(name):
        if (story := stories.heard(event, "10.0.0.1:8021")) is not None:
            assert of_json(as_json(story)) == story


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1,2]", "null", "[" * 100_000, '[["a"],[],[],[],[],[]]'])
def test_what_is_no_story_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError):
        of_json(text)


def test_stories_go_on() -> None:
    before, after = Stories(), Stories()
    begun, talk, *ends = answered("call-1")
    before.heard(begun, "sw")
    up = before.heard(talk, "sw")
    assert up is not None
    after.restore([up])
    assert after.legs("sw") == {"call-1", "call-1-a"}
    assert after.legs("another") == set()
    after.heard(begun, "sw")  # learnt again from the switch: the same call
    after.heard(talk, "sw")
    assert len(after) == 1
    *_, last = [after.heard(event, "sw") for event in ends]
    assert last is not None and last.ended == 1010.0 and last.seconds == 8.0
    assert len(after) == 0 and after.legs("sw") == set()


def test_what_is_known_is_not_restored_over() -> None:
    stories = Stories()
    known = stories.heard(answered("call-1")[0], "sw")
    stories.restore([Story("call-1", "another")])
    assert stories.heard(answered("call-1")[1], "sw").number == known.number  # type: ignore[union-attr]


def test_a_switch_is_asked_about_legs_of_before() -> None:
    """By the switch that has them, at each connection, as long as nothing has been heard of them."""
    asked = "6c3f1f4e-5a3c-4b0e-9a52-0d1f7e6f2a11"
    legs = {asked, "no uuid; api shutdown"}
    listening = Listening("x", Conversations(NumberPlan()), before=lambda: legs)
    written = listening.look_again()
    assert written.count(b"uuid_dump") == 1 and asked.encode() in written and b"shutdown" not in written
    gone = listening.received(api(b"-ERR No such channel!\n")).happened
    assert [event.leg_uuid for event in gone if isinstance(event, HungUp)] == [asked]
    assert b"uuid_dump" not in listening.look_again()


def test_calls_that_ended_while_no_service_was_there_are_ended(ear: Ear, tmp_path: Path) -> None:
    with telling(tmp_path) as one:
        happen(one, answered("ended")[:2], answered("up")[:2], switch="10.0.0.1:8021")
        until(lambda: len(ear.told) == 4)
    with telling(tmp_path) as one:
        until(lambda: one.legs("10.0.0.1:8021") == {"ended", "ended-a", "up", "up-a"})
        assert not one.legs("10.0.0.2:8021")
        one.happened(HungUp("ended-a"), switch="10.0.0.1:8021")
        one.happened(HungUp("ended"), switch="10.0.0.1:8021")  # the switch does not say when
        until(lambda: ear.states("ended") == ALL)
        assert one.legs("10.0.0.1:8021") == {"up", "up-a"}
        happen(one, answered("up")[2:])
        until(lambda: ear.states("up") == ALL)
    assert len(ear.told) == 8


@pytest.mark.parametrize("patience", [60.0, 0.05])
def test_no_switch_is_heard_before_the_disk_has_told_what_was_up_unless_it_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    """What a switch tells of a call that was up, and that it is over, belongs to the story that goes on."""
    monkeypatch.setattr("fs_1c.service.REMEMBERS_WITHIN", patience)
    waits, tells = patience == 60.0, threading.Event()

    async def story() -> None:
        heard: asyncio.Future[set[str]] = asyncio.get_running_loop().create_future()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if not heard.done():
                heard.set_result(only.integration.legs(switch))
            writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        switch = "{}:{}".format(*server.sockets[0].getsockname())
        with telling(tmp_path) as one:
            happen(one, answered("call-1")[:2], switch=switch)
            until(lambda: one.history.waiting()["default"].words == 2)  # type: ignore[union-attr]
        begin = kept.begin
        monkeypatch.setattr(kept, "begin", lambda *of: tells.wait(SOON) and begin(*of))
        esl = {"outbound": {"enabled": False}, "inbound": [{"address": switch}]}
        only = Service(build(settings(tmp_path, esl=esl, http={"enabled": False})))
        starting = asyncio.create_task(only.start())
        if waits:
            await asyncio.wait({heard}, timeout=0.2)
            tells.set()
        assert await asyncio.wait_for(heard, SOON) == ({"call-1", "call-1-a"} if waits else set())
        tells.set()
        await starting
        await only.stop()
        server.close()

    asyncio.run(story())


def test_what_began_before_is_not_said_to_begin_again(ear: Ear, tmp_path: Path) -> None:
    ear.before = lambda state: None
    for _ in range(3):
        with telling(tmp_path, onec={"dialect": "itoolabs", "crm_token": "rehearsal"}) as one:
            happen(one, answered("call-1")[:2])  # learnt anew from the switch
            until(lambda: ear.states("call-1") == ["INCOMING"])


def test_a_story_without_its_words_does_not_say_harmful_things_again(ear: Ear, tmp_path: Path) -> None:
    """`said` alone keeps them from it."""
    said: list[CallState] = []
    ear.after = said.append
    with telling(tmp_path) as one:
        happen(one, answered("call-1"))
        until(lambda: ear.states("call-1") == ALL)
    with telling(tmp_path) as one:
        happen(one, answered("call-1"))
        until(lambda: len(said) == 7)
    assert [one.state for one in said].count("END") == 1


# Cards that need a word before them.


@pytest.fixture
def unf() -> Iterator[OneCSimulator]:
    with OneCSimulator(OneCSimulatorSettings(port=0, dialect="itoolabs", latency=0.02)) as running:
        yield running


def of_unf(folder: Path, url: str, sessions: int) -> Integration:
    onec = {"dialect": "itoolabs", "crm_token": "rehearsal", "sessions": sessions}
    one = Integration(build(settings(folder, url, onec=onec)))
    one.tell_history()
    return one


@pytest.mark.parametrize("sessions", [1, 2, 4])
def test_a_card_comes_after_the_word_by_which_1c_knows_the_call(
    unf: OneCSimulator, tmp_path: Path, sessions: int
) -> None:
    one = of_unf(tmp_path, unf.url, sessions)
    for i in range(10):
        for event in answered(f"call-{i}")[:2]:
            one.happened(event, switch="sw")
    until(lambda: len(unf.cards) == 10)
    for i in range(10):
        for event in answered(f"call-{i}")[2:]:
            one.happened(event, switch="sw")
    until(lambda: all(document.states[-1] == "history" for document in unf.calls))
    one.close(SOON)
    assert [document.states for document in unf.calls] == [
        ["INCOMING", "ACCEPTED", "COMPLETED", "history"]
    ] * 10


def test_a_card_goes_before_a_thousand_words_that_wait(unf: OneCSimulator, tmp_path: Path) -> None:
    one = of_unf(tmp_path, unf.url, 2)
    assert one.history is not None
    happen(one, *(answered(f"old-{i}") for i in range(300)))
    for event in answered("new")[:2]:
        one.happened(event, switch="sw")
    until(lambda: [card.extension for card in unf.cards] == ["244"])
    assert sum(waits.words for waits in one.history.waiting().values()) > 500
    one.close(0.1)


def test_a_card_does_not_wait_for_a_disk_that_hangs(
    unf: OneCSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fs_1c.history.sending.BEFORE_A_CARD", 0.05)
    one = of_unf(tmp_path, unf.url, 2)
    assert one.history is not None
    goes_on = threading.Event()

    def hang(changes: Changes) -> None:
        goes_on.wait(SOON)

    one.history._outbox.put(hang)
    begun, talk = answered("call-1")[:2]
    assert isinstance(talk, Conversation)
    one.happened(begun, switch="sw")
    told = one.conversation(talk)
    assert told is not None and told.result(SOON).outcome is Outcome.ACCEPTED
    goes_on.set()
    until(lambda: [document.states for document in unf.calls] == [["INCOMING"]])
    one.close(SOON)


def test_a_card_of_a_base_that_is_away_is_tried_again_with_its_word(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards: list[str] = []

    def open_card(client: Client, card: Card) -> bool:
        cards.append(card.call)
        return True

    monkeypatch.setattr(Client, "open_card", open_card)

    def before(state: CallState) -> None:
        if len(ear.told) == 0 and not cards and next(tries) < 2:
            raise DOWN

    tries = iter(range(100))
    ear.before = before
    one = of_unf(tmp_path, "http://127.0.0.1:9/base", 2)
    for event in answered("call-1")[:2]:
        one.happened(event, switch="sw")
    until(lambda: cards == ["call-1"])
    assert ear.states("call-1") == ["INCOMING"]
    one.close(SOON)


def test_whoever_talks_outside_has_no_card_but_a_word(ear: Ear, tmp_path: Path) -> None:
    with telling(tmp_path) as one:
        begun = Began("call", "call", "89235292926", "74951234567", at=10.0)
        happen(one, [begun, TalksOutside("call", "m", "89230000077", 12.0), HungUp("call", 20.0)])
        until(lambda: ear.states("call") == ALL)
