"""Which words a base of dialect 2 with our own extension is told. Of each recorded call: `exact`."""

from __future__ import annotations

import pytest

from fs_1c.call import Began, CallEvent, Conversation, HungUp, TalksOutside, Unidentified
from fs_1c.history.tables import Policy, register
from fs_1c.settings import PopWhen
from tests.history.test_tables import happened, shown, told
from tests.talk.test_story import TOLD


@pytest.mark.parametrize("name", TOLD)
def test_a_row_a_call_bears_what_comes_twice(name: str) -> None:
    assert not [one for call in told(happened(name), register) for one in call if one.once]


RING = Policy(PopWhen.RING)


@pytest.mark.parametrize(
    ("policy", "manager", "heir"),
    [
        (Policy(), "244", "244"),
        (Policy(), "", "247"),
        (RING, "244", "244"),
        (RING, "247", "247"),  # his card has another operation, which makes nobody an owner
        (Policy(missed_owner="last-rung"), "244", "247"),
        (Policy(missed_owner="100"), "244", "100"),
        (Policy(missed_owner="nobody"), "244", ""),
    ],
)
def test_who_owns_a_missed_call(policy: Policy, manager: str, heir: str) -> None:
    (call,) = told(happened("inbound_abandoned"), register, policy, manager)
    assert [(one.state, one.extension) for one in call if one.owner] == ([("END", heir)] if heir else [])
    (answered,) = told(happened("inbound_answered"), register, policy, manager)
    assert not [one for one in answered if one.owner]


CLIENT = Began("call", "call", "89235292926", "74951234567", at=10.0)
OUTGOING = Began("call", "call", "89235292926", "89235292926", "", "244", "a", True, 10.0)
CALLS: dict[str, tuple[list[CallEvent], str]] = {
    "nobody was called": ([CLIENT, HungUp("call", 15.0)], "START; END"),
    "a manager outside": (
        [CLIENT, TalksOutside("call", "m", "89230000077", 12.0), HungUp("call", 20.0)],
        "START; ANSWER 89230000077; END 89230000077",
    ),
    "nobody knows who": (
        [CLIENT, Unidentified("call", "m", "1", "x", "", 12.0), HungUp("call", 20.0)],
        "START; ANSWER; END x",
    ),
    "outgoing, not taken": (
        [OUTGOING, HungUp("call", 15.0, "USER_BUSY"), HungUp("a", 15.0)],
        "START 244; END 244",
    ),
    "a service that was started in the middle": (
        [
            CLIENT,
            Conversation("call", "a", "89235292926", "244", age=100.0, at=12.0),
            HungUp("call", 20.0),
        ],
        "START; ANSWER 244; END 244",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call(name: str) -> None:
    events, said = CALLS[name]
    assert shown(told(events, register)) == said
