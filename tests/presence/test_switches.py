"""What is known of a subscriber by several switches: his own first, then whoever knows better."""

from __future__ import annotations

import itertools

import pytest

from fs_1c.call import Presence, PresenceState
from fs_1c.esl import InboundDoor
from fs_1c.integration import Integration
from fs_1c.numbers import NumberPlan
from fs_1c.presence import Switches
from fs_1c.presence.switches import believed
from fs_1c.settings import InboundSettings, build
from fs_1c.talk import Conversations
from tests.talk.exchange import NO_VERTO, NOBODY

FREE, BUSY, AWAY, UNKNOWN = PresenceState
ROW = {"reg_user": "244", "realm": "pbx.example", "token": "a", "url": "sip:244@10.0.0.1:5060"}


def listening(switches: Switches, name: str, core: str, *rows: dict[str, str]) -> None:
    table = switches.tables[name] = Conversations(NumberPlan()).presence
    table.registrar.seed(rows)
    table.live, table.core = True, core


def leaves(switches: Switches, name: str) -> None:
    """He takes his telephone away there."""
    table = switches.tables[name]
    table.registrar.seed([])
    for question in table.registrar.questions():
        table.registrar.found(question, NOBODY, NO_VERTO)


def state(switches: Switches, core: str, domain: str = "pbx.example") -> PresenceState | None:
    state_of = switches.at(core)
    return state_of("244", domain).state if state_of else None


def test_the_call_of_a_switch_is_known_by_its_core_uuid() -> None:
    switches = Switches()
    assert state(switches, "core-1") is None, "none is listened to"
    listening(switches, "sw1", "core-1", ROW)
    assert state(switches, "core-1") is FREE
    assert state(switches, "", "") is FREE, "a door that does not tell, and only one switch"
    listening(switches, "sw2", "core-2")
    assert state(switches, "core-1", "") is FREE
    assert [state(switches, core, "") for core in ("core-2", "core-3", "")] == [UNKNOWN] * 3
    assert [state(switches, core) for core in ("core-2", "core-3", "")] == [FREE] * 3, "of the same domain"
    assert state(switches, "core-2", "other.example") is UNKNOWN, "where 244 is somebody else"


def test_who_is_at_two_switches_is_away_when_he_is_at_neither() -> None:
    switches = Switches()
    for name in ("sw1", "sw2"):
        listening(switches, name, f"core-{name}", ROW)
    leaves(switches, "sw1")
    assert state(switches, "core-sw1") is FREE
    leaves(switches, "sw2")
    assert state(switches, "core-sw1") is AWAY
    switches.tables["sw2"].lost()
    assert state(switches, "core-sw1") is UNKNOWN, "he may be back there"
    listening(switches, "sw3", "core-3")
    switches.tables["sw1"].lost()
    assert state(switches, "core-sw1") is UNKNOWN


def test_a_switch_that_was_not_heard_of_yet_makes_nobody_away() -> None:
    switches = Switches()
    listening(switches, "sw1", "core-1", ROW)
    leaves(switches, "sw1")
    assert [state(switches, core) for core in ("core-1", "core-2")] == [AWAY, UNKNOWN]


NONE = None
DECLINES = Presence(BUSY, 1.0, declines=True)
TALKS, THERE, GONE, UNSURE = Presence(BUSY, 2.0, "1"), Presence(FREE), Presence(AWAY, 3.0), Presence(UNKNOWN)


@pytest.mark.parametrize(
    ("here", "others", "expected"),
    [
        (THERE, [TALKS], THERE),
        (TALKS, [THERE], TALKS),
        (GONE, [THERE], THERE),
        (GONE, [GONE, TALKS, THERE], TALKS),
        (NONE, [GONE], GONE),
        (NONE, [GONE, UNSURE], UNSURE),
        (GONE, [NONE], GONE),
        (UNSURE, [GONE], UNSURE),
        (NONE, [NONE], UNSURE),
        (DECLINES, [THERE], THERE),
        (DECLINES, [GONE], DECLINES),
    ],
)
def test_whom_to_believe(here: Presence | None, others: list[Presence | None], expected: Presence) -> None:
    assert believed(here, others) == expected


def test_nobody_is_away_whom_anybody_has_seen_or_is_not_sure_of() -> None:
    kinds = (NONE, DECLINES, TALKS, THERE, GONE, UNSURE)
    for here, *others in itertools.product(kinds, repeat=3):
        if believed(here, others).state is AWAY:
            assert {one.state for one in (here, *others) if one} == {AWAY}


def test_a_door_that_calls_subscribers_believes_other_switches_too() -> None:
    """So nobody is refused a call (`calls.refuse_away`) whose telephone is at another switch."""
    with Integration(build({"onec": {"url": "http://127.0.0.1:9/nobody"}})) as integration:
        door = InboundDoor(integration, InboundSettings(name="sw1"))
        listening(integration.switches, "sw2", "core-2", ROW)
        table = integration.switches.tables["sw1"]
        table.registrar.seed([ROW])
        table.live, table.core = True, "core-1"
        leaves(integration.switches, "sw1")
        assert door.state("244", "pbx.example").state is FREE
        assert door.state("244", "").state is AWAY, "perhaps a namesake"
        leaves(integration.switches, "sw2")
        assert door.state("244", "pbx.example").state is AWAY
        table.lost()
        assert door.state("244", "pbx.example").state is UNKNOWN
