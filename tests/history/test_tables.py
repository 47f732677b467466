"""Which words a step of a call becomes, in both dialects of the field; of each recorded call: `exact`."""

from __future__ import annotations

import pytest

from fs_1c.call import Began, CallEvent, Conversation, HungUp, TalksOutside, Unidentified
from fs_1c.history.tables import Policy, Table, Telling, itoolabs, mobilon
from fs_1c.settings import PopWhen
from fs_1c.talk import Conversations, Stories, Story
from tests.talk.test_story import PLAN, TOLD, feed_of


def told(
    happened: list[CallEvent], table: Table, policy: Policy | None = None, manager: str = ""
) -> list[list[Telling]]:
    """What 1C is told of each call, in the order in which they began."""
    stories, before = Stories(), dict[str, Story]()
    said: dict[str, list[Telling]] = {}
    for event in happened:
        if (story := stories.heard(event)) is None:
            continue
        call = story.call_uuid
        said.setdefault(call, []).extend(table(before.get(call), event, story, policy or Policy(), manager))
        before[call] = story
    return list(said.values())


def shown(told: list[list[Telling]]) -> str:
    return " | ".join(
        "; ".join(f"{one.state} {one.extension}".strip() + "*" * one.owner for one in call) for call in told
    )


def happened(name: str) -> list[CallEvent]:
    conversations = Conversations(PLAN)
    return [told for event in feed_of(name) for told in conversations.feed(event)]


RING = Policy(PopWhen.RING)
ABANDONED = "inbound_abandoned"  # 247 rings


@pytest.mark.parametrize(
    ("policy", "manager", "heir"),
    [
        (Policy(), "244", "244"),
        (Policy(), "", "247"),
        (RING, "244", "244"),
        (RING, "247", ""),  # his card was opened when his telephone rang, by that very word
        (Policy(missed_owner="last-rung"), "244", "247"),
        (Policy(missed_owner="100"), "244", "100"),
        (Policy(missed_owner="nobody"), "244", ""),
    ],
)
def test_who_owns_a_missed_call(policy: Policy, manager: str, heir: str) -> None:
    (call,) = told(happened(ABANDONED), mobilon, policy, manager)
    assert [one.extension for one in call if one.owner] == ([heir] if heir else [])
    assert {one.extension for one in call[-2:]} == {heir or "247"}  # the last whom 1C hears of has it
    (answered,) = told(happened("inbound_answered"), mobilon, policy, manager)
    assert not [one for one in answered if one.owner]


CLIENT = Began("call", "call", "89235292926", "74951234567", at=10.0)


def test_a_call_that_nobody_was_called_for_is_told_of_at_its_end() -> None:
    nobody: list[CallEvent] = [CLIENT, HungUp("call", 15.0)]
    assert shown(told(nobody, itoolabs)) == "INCOMING 74951234567; CANCELLED 74951234567; history 74951234567"
    assert shown(told(nobody, itoolabs, manager="244")) == "INCOMING 244; CANCELLED 244; history 244"


def test_a_manager_outside_has_answered() -> None:
    """Without ANSWER a base takes the call for missed."""
    outside: list[CallEvent] = [CLIENT, TalksOutside("call", "m", "89230000077", 12.0), HungUp("call", 20.0)]
    assert shown(told(outside, mobilon)) == (
        "START 74951234567; ANSWER 89230000077; HANGUP 89230000077; END 89230000077"
    )
    unknown: list[CallEvent] = [CLIENT, Unidentified("call", "m", "1", "x", "?", 12.0), HungUp("call", 20.0)]
    assert shown(told(unknown, mobilon)).startswith("START 74951234567; ANSWER 74951234567; HANGUP")


def test_who_looks_in_at_a_conference_is_not_responsible() -> None:
    """But who stays to the end, like the one before him, is."""
    both: list[CallEvent] = [
        CLIENT,
        *(Conversation("call", leg, "1", leg, at=11.0) for leg in ("244", "245")),
    ]
    over = HungUp("call", 20.0)
    (looked_in,), (stayed,) = (
        told([*both, *ends], mobilon) for ends in ((HungUp("245", 13.0), over), (over,))
    )
    assert shown([looked_in]) == "START 74951234567; ANSWER 244; ANSWER 245; HANGUP 244; END 244"
    assert shown([stayed]) == "START 74951234567; ANSWER 244; ANSWER 245; HANGUP 245; END 245"


def test_an_outgoing_call_that_nobody_takes() -> None:
    calls: list[CallEvent] = [
        Began("call", "call", "89235292926", "89235292926", "", "244", "a", True, 10.0),
        HungUp("call", 15.0, "USER_BUSY"),
        HungUp("a", 15.0),
    ]
    assert shown(told(calls, mobilon)) == "START 244; HANGUP 244; END 244"
    assert shown(told(calls, itoolabs)) == "OUTGOING 244; CANCELLED 244; history 244"


def test_a_service_that_was_started_in_the_middle_tells_what_it_knows() -> None:
    heard: list[CallEvent] = [
        Began("call", "call", "89235292926", "74951234567", at=10.0),
        Conversation("call", "a", "89235292926", "244", age=100.0, at=12.0),
        HungUp("call", 20.0),
    ]
    assert shown(told(heard, mobilon)) == "START 74951234567; ANSWER 244; HANGUP 244; END 244"


@pytest.mark.parametrize("table", [mobilon, itoolabs])
@pytest.mark.parametrize("name", TOLD)
def test_what_is_harmful_twice_is_said_once_and_the_end_is_last(name: str, table: Table) -> None:
    for call in told(happened(name), table):
        once = [one.state for one in call if one.once]
        assert len(once) == len(set(once))
        assert call[-1].state in ("END", "history")
