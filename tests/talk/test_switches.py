"""Which switch a call is at, and so whose subscribers its manager is one of."""

from __future__ import annotations

from fs_1c.call import PresenceState
from fs_1c.numbers import NumberPlan
from fs_1c.talk import Conversations, Switches

FREE, UNKNOWN = PresenceState.FREE, PresenceState.UNKNOWN
ROW = {"reg_user": "244", "realm": "pbx.example", "token": "a", "url": "sip:244@10.0.0.1:5060"}


def listening(switches: Switches, name: str, core: str, *rows: dict[str, str]) -> None:
    table = switches.tables[name] = Conversations(NumberPlan()).presence
    table.seed(rows)
    table.live, table.core = True, core


def state(switches: Switches, core: str) -> PresenceState | None:
    state_of = switches.at(core)
    return state_of("244", "pbx.example").state if state_of else None


def test_the_call_of_a_switch_is_known_by_its_core_uuid() -> None:
    switches = Switches()
    assert state(switches, "core-1") is None, "none is listened to"
    listening(switches, "sw1", "core-1", ROW)
    assert state(switches, "core-1") is FREE
    assert state(switches, "") is FREE, "a door that does not tell, and only one switch"
    assert state(switches, "core-2") is UNKNOWN, "of another switch, where 244 may be somebody else"
    listening(switches, "sw2", "core-2")
    assert [state(switches, core) for core in ("core-1", "core-2", "core-3", "")] == [FREE, *[UNKNOWN] * 3]


def test_a_switch_that_was_not_heard_of_yet_is_nobodys() -> None:
    switches = Switches()
    listening(switches, "sw1", "", ROW)
    assert state(switches, "core-1") is UNKNOWN
