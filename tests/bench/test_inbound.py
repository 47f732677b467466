"""The comparison of inbound listeners: what is poured is whole, what is lost is noticed. No network, no
peers.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from fs_1c.call import CallEvent, Conversation, HungUp, Outcome, ScreenPop
from fs_1c.cards.subscribers import Ask
from fs_1c.esl import commands
from fs_1c.esl.inbound import InboundDoor
from fs_1c.integration import Integration
from fs_1c.journal.writer import Journal
from fs_1c.numbers import NumberPlan
from fs_1c.presence import Switches
from fs_1c.settings import InboundSettings, JournalSettings
from fs_1c.settings.types import Address
from fs_1c.talk import People
from fs_1c.talk.conversations import EVENTS
from tests.bench.peers import environments, inbound, inbound_switch, wire
from tests.bench.peers.environments import Unavailable
from tests.bench.peers.inbound_calls import Stream, stream
from tests.bench.peers.inbound_switch import PouringSwitch
from tests.bench.peers.services import inbound_parsers as parsers
from tests.recordings import parse

SMALL = stream(360, 0, "298")


@pytest.fixture(autouse=True)
def _our_listeners_subscribe_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound_switch, "QUIET", 0.05)


class Told:
    """In an integration's place: keeps what it is told; asks for the mark's key."""

    def __init__(self) -> None:
        self.people = People(NumberPlan())
        self.switches = Switches()
        self.happenings: list[CallEvent] = []

    def legs(self, switch: str) -> set[str]:
        return set()

    def happened(self, happening: CallEvent, ask: Ask, *, switch: str) -> None:
        self.happenings.append(happening)
        if (
            isinstance(happening, Conversation)
            and not happening.ringing
            and happening.extension == SMALL.mark
        ):
            ask(happening.extension, happening.domain)


def poured_over_our_door(poured: Stream) -> list[CallEvent]:
    """What our door tells about it."""
    told = Told()

    async def story() -> None:
        with PouringSwitch() as switch:
            settings = InboundSettings(address=Address("127.0.0.1", switch.port))
            door = InboundDoor(cast(Integration, told), settings)
            door.open()
            try:
                await asyncio.to_thread(switch.await_listener)
                await asyncio.to_thread(switch.pour, poured)
            finally:
                await door.close()

    asyncio.run(story())
    return told.happenings


def test_a_stream_is_so_many_whole_calls_in_turn_and_the_bridge_of_a_marked_one() -> None:
    messages = parse(b"".join(SMALL.pieces))
    events = [message.event() for message in messages]
    assert len(messages) == SMALL.events > 300
    assert {event.get("Event-Name") for event in events} <= set(EVENTS)
    assert len(set(SMALL.calls)) == len(SMALL.calls) == 37
    ends = [
        event.get("Unique-ID") for event in events if event.get("Event-Name") == "CHANNEL_HANGUP_COMPLETE"
    ]
    assert len(set(ends)) == len(ends) == 2 * 36
    last = events[-1]
    assert (last.get("Event-Name"), last.get("variable_dialed_user")) == ("CHANNEL_BRIDGE", SMALL.mark)
    assert events[0].get("Unique-ID") != events[1].get("Unique-ID")
    assert not set(SMALL.calls) & set(stream(360, 1000, "298").calls)


def test_our_door_handles_every_event_that_is_poured() -> None:
    told = poured_over_our_door(SMALL)
    talks = [one.call_uuid for one in told if isinstance(one, Conversation) and not one.ringing]
    rung = [one.call_uuid for one in told if isinstance(one, Conversation) and one.ringing]
    assert talks == rung == list(SMALL.calls)
    assert len([one for one in told if isinstance(one, HungUp)]) == 2 * (len(SMALL.calls) - 1)


@pytest.mark.parametrize("name", [inbound.OURS, inbound.OUTBOX, inbound.TELLING, inbound.FOLLOWING])
def test_a_round_of_the_real_service_loses_nothing(name: str) -> None:
    ours = next(one for one in inbound._ours() if one.name == name)
    done = inbound._round(ours, SMALL, stream(360, 1000, "299"))
    assert done.lost == ""
    assert done.rate > 0
    assert done.cpu >= 0


def test_a_call_that_is_not_in_the_journal_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "PATIENCE", 0.0)
    journal = Journal(tmp_path / "journal.db", JournalSettings(), NumberPlan())
    for call in SMALL.calls[1:]:
        journal.popped(Conversation(call, "leg", "89235292926", "244"), ScreenPop(Outcome.NO_KEY))
    journal.close()
    assert inbound._missing_in_journal([SMALL], tmp_path) == f"1 calls, {SMALL.calls[0]} among them"
    assert inbound._missing_in_journal([replace(SMALL, calls=SMALL.calls[1:])], tmp_path) == ""


def test_who_has_counted_too_few_has_lost_some(tmp_path: Path) -> None:
    (tmp_path / "out").write_text(f"244 3\n298 {SMALL.events - 2}\n")
    assert inbound._uncounted([SMALL], tmp_path) == "2 events"
    (tmp_path / "out").write_text(f"244 3\n298 {6 * len(SMALL.calls) - 3}\n")
    assert inbound._untold([SMALL], tmp_path) == ""


@pytest.mark.parametrize(
    ("asks", "complaint"),
    [
        (commands.subscribe(["ALL"]), "wants .*CUSTOM"),
        (commands.subscribe(EVENTS[1:]), "wants CHANNEL_ANSWER"),
    ],
)
def test_who_does_not_listen_to_the_same_is_not_compared(asks: bytes, complaint: str) -> None:
    with PouringSwitch() as switch, socket.create_connection(("127.0.0.1", switch.port)) as listener:
        listener.sendall(commands.auth("ClueCon") + asks)
        with pytest.raises(ValueError, match=complaint):
            switch.await_listener()


def test_who_wants_all_and_filters_listens_to_the_same() -> None:
    asks = [commands.auth("ClueCon"), commands.subscribe(["ALL"])]
    asks += [b"filter Event-Name %s\n\n" % name.encode() for name in EVENTS]
    with PouringSwitch() as switch, socket.create_connection(("127.0.0.1", switch.port)) as listener:
        listener.sendall(b"".join(asks))
        switch.await_listener()


def test_who_goes_away_is_noticed() -> None:
    with PouringSwitch() as switch, socket.create_connection(("127.0.0.1", switch.port)) as listener:
        listener.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionError, match="has gone"):
            switch.await_listener()


def test_a_listener_that_breaks_down_has_failed_and_its_log_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound_switch, "COMES_WITHIN", 0.3)
    broken = inbound.Listener(
        "broken", lambda port, _: ["sh", "-c", "echo no such module >&2"], lambda *_: ""
    )
    with pytest.raises(inbound.Failed, match=r"failed: timed out; its log ends: no such module"):
        inbound._round(broken, SMALL, SMALL)


def test_the_table_names_who_is_missing_and_who_has_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_peer(peer: str) -> Path:
        raise Unavailable("no network")

    monkeypatch.setattr(environments, "python", no_peer)
    listeners, missing = inbound._listeners()
    good, bad = inbound.Round(2000.0, 1e-4, 3_000_000, ""), inbound.Round(1000.0, 1e-4, 0, "7 events")
    seen = {listeners[0].name: [good, good, bad], inbound.BEHIND: [bad, bad, bad]}
    found = inbound._found(seen, {"genesis": missing["genesis"]}, SMALL, 3)
    assert [row[0] for row in found.rows] == [inbound.OURS, "greenswitch", "genesis"]
    assert found.rows[0] == (inbound.OURS, "2,000", "2.0", "100", "3", "no: 7 events")
    assert found.rows[2] == ("genesis", "no network", "", "", "", "")
    assert {len(row) for row in found.rows} == {len(found.columns)}
    assert list(found.bars.values()) == [((inbound.OURS, 2000.0), ("greenswitch", 1000.0))]


@pytest.mark.parametrize("parse", [parsers.messages, parsers.events, parsers.values, parsers.everything])
def test_each_parser_of_ours_finds_every_message(parse: Callable[[list[bytes]], int]) -> None:
    octets = b"".join(SMALL.pieces[:1])
    pieces = [octets[at : at + 1460] for at in range(0, len(octets), 1460)]
    assert parse(pieces) == octets.count(b"Content-Type: text/event-plain")


def test_the_wire_is_measured_and_a_missing_peer_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_peer(peer: str) -> Path:
        raise Unavailable("no network")

    monkeypatch.setattr(environments, "python", no_peer)
    monkeypatch.setattr(wire, "QUICK_SECONDS", 0.01)
    monkeypatch.setattr(wire, "PARSERS", (wire.PARSERS[0], wire.PARSERS[-1]))
    found = wire.measure(quick=True)
    (ours, *rates), genesis = found.rows
    assert ours == "fs-1c: messages"
    assert all(int(rate.replace(",", "")) > 0 for rate in rates)
    assert genesis == ("genesis: all values", "no network", "", "", "")


def test_a_parser_that_loses_messages_is_not_compared(tmp_path: Path) -> None:
    (tmp_path / "stream").write_bytes(SMALL.pieces[0])
    with pytest.raises(RuntimeError, match="has lost messages"):
        wire._rates(Path(sys.executable), "messages", tmp_path / "stream", 0.01, 10**9)
