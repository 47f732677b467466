"""What 1C is told of each recorded call, word for word, in both dialects that have words for it."""

from __future__ import annotations

import pytest

from fs_1c.call import Began, CallEvent, Conversation, HungUp, TalksOutside, Unidentified
from fs_1c.history.tables import Policy, Table, Telling, itoolabs, mobilon
from fs_1c.settings import PopWhen
from fs_1c.talk import Conversations, Stories, Story
from tests.talk.test_story import PLAN, TOLD, feed_of

# mobilon, itoolabs. The cards' own words (PREANSWER, ACCEPTED) are not the history's to say. * = may own it.
SAID: dict[str, tuple[str, str]] = {
    "inbound_abandoned": (
        "START u247; PREANSWER 247*; HANGUP 247; END 247",
        "INCOMING 247; CANCELLED 247; history 247",
    ),
    "inbound_answered": (
        "START u244; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244",
    ),
    "inbound_attended_transfer": (
        "START u244; ANSWER 244; ANSWER 243; HANGUP 243; END 243",
        "INCOMING 244; COMPLETED 243; history 243",
    ),
    "inbound_attended_up": (
        "START 244; ANSWER 244; ANSWER 245; HANGUP 245; END 245",
        "INCOMING 244; COMPLETED 245; history 245",
    ),
    "03c_refer_attended_outside": (
        "START 74951000410; ANSWER 410; ANSWER 89237774100; HANGUP 89237774100; END 89237774100"
        " | START 410; ANSWER 410; HANGUP 410; END 410",
        "INCOMING 410; COMPLETED 89237774100; history 89237774100 | OUTGOING 410; COMPLETED 410; history 410",
    ),
    "inbound_blind_transfer": (
        "START u244; ANSWER 244; ANSWER 245; HANGUP 245; END 245",
        "INCOMING 244; COMPLETED 245; history 245",
    ),
    "inbound_client_called_first": (
        "START; ANSWER 561; HANGUP 561; END 561",
        "OUTGOING 561; COMPLETED 561; history 561",
    ),
    "inbound_click_to_call": (
        "START 244; ANSWER 244; HANGUP 244; END 244",
        "OUTGOING 244; COMPLETED 244; history 244",
    ),
    "inbound_early_media": (
        "START 244; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244",
    ),
    "inbound_early_media_after_answer": (
        "START valet; ANSWER 245; HANGUP 245; END 245",
        "INCOMING 245; COMPLETED 245; history 245",
    ),
    "inbound_early_media_asked_about": (
        "START 74953900340; ANSWER 341; HANGUP 341; END 341",
        "INCOMING 341; COMPLETED 341; history 341",
    ),
    "inbound_early_media_unanswered": (
        "START 244; PREANSWER 244*; HANGUP 244; END 244",
        "INCOMING 244; CANCELLED 244; history 244",
    ),
    "inbound_failover": (
        "START failover; ANSWER 245; HANGUP 245; END 245",
        "INCOMING 247; COMPLETED 245; history 245",
    ),
    "inbound_group": (
        "START group; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244",
    ),
    "inbound_hold": (
        "START 244; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244",
    ),
    "inbound_internal": (
        "",
        "",
    ),
    "inbound_loopback_group": (
        "START loop; ANSWER 245; HANGUP 245; END 245",
        "INCOMING 244; COMPLETED 245; history 245",
    ),
    "inbound_manager_hangs_up": (
        "START u249; ANSWER 249; HANGUP 249; END 249",
        "INCOMING 249; COMPLETED 249; history 249",
    ),
    "inbound_outgoing": (
        "START 244; ANSWER 244; HANGUP 244; END 244",
        "OUTGOING 244; COMPLETED 244; history 244",
    ),
    "inbound_park": (
        "START 244; ANSWER 244; ANSWER 245; HANGUP 245; END 245",
        "INCOMING 244; COMPLETED 245; history 245",
    ),
    "inbound_pickup": (
        "START 244; ANSWER 245; HANGUP 245; END 245",
        "INCOMING 244; COMPLETED 245; history 245",
    ),
    "inbound_pickup_from_a_phone": (
        "START 244; ANSWER 243; HANGUP 243; END 243",
        "INCOMING 244; COMPLETED 243; history 243",
    ),
    "inbound_rings_again": (
        "START 74957600390; PREANSWER 391*; HANGUP 391; END 391",
        "INCOMING 391; CANCELLED 391; history 391",
    ),
    "inbound_three_way": (
        "START 244; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244",
    ),
    "01_plain": (
        "START 74951234567; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244",
    ),
    "02_refer_blind": (
        "START 74951234567; ANSWER 244; ANSWER 243; HANGUP 243; END 243",
        "INCOMING 244; COMPLETED 243; history 243",
    ),
    "03_refer_attended": (
        "START 74951234567; ANSWER 244; ANSWER 243; HANGUP 243; END 243",
        "INCOMING 244; COMPLETED 243; history 243",
    ),
    "03b_refer_semiattended": (
        "START 74951234567; ANSWER 244; ANSWER 243; HANGUP 243; END 243",
        "INCOMING 244; COMPLETED 243; history 243",
    ),
    "06_call_waiting": (
        "START 74951234573; ANSWER 244; HANGUP 244; END 244"
        " | START 74951234573; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244 | INCOMING 244; COMPLETED 244; history 244",
    ),
    "07_two_registrations": (
        "START 74951234573; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244",
    ),
    "08_302_to_243": (
        "START 74951234573; ANSWER 243; HANGUP 243; END 243",
        "INCOMING 243; COMPLETED 243; history 243",
    ),
    "10d_dead_phone_blackhole_udp": (
        "START 74951234567; ANSWER 100; HANGUP 100; END 100",
        "INCOMING 100; COMPLETED 100; history 100",
    ),
    "11c_pickup_with_hash": (
        "START 74951234574; ANSWER 243; HANGUP 243; END 243",
        "INCOMING 244; COMPLETED 243; history 243",
    ),
    "12_outgoing": (
        "START 244; ANSWER 244; HANGUP 244; END 244",
        "OUTGOING 244; COMPLETED 244; history 244",
    ),
    "12b_outgoing_then_blind": (
        "START 244; ANSWER 244; ANSWER 243; HANGUP 243; END 243",
        "OUTGOING 244; COMPLETED 243; history 243",
    ),
    "12e_click_to_call": (
        "START 244; ANSWER 244; HANGUP 244; END 244",
        "OUTGOING 244; COMPLETED 244; history 244",
    ),
    "12f_outgoing_sent_on": (
        "START 621; ANSWER 621; HANGUP 621; END 621 | START 621; HANGUP 621; END 621",
        "OUTGOING 621; COMPLETED 621; history 621 | OUTGOING 621; CANCELLED 621; history 621",
    ),
    "13_valet": (
        "START 74951234573; ANSWER 244; ANSWER 243; HANGUP 243; END 243",
        "INCOMING 244; COMPLETED 243; history 243",
    ),
    "14_threeway_then_leaves": (
        "START 74951234573; ANSWER 244; ANSWER 243; HANGUP 243; END 243",
        "INCOMING 244; COMPLETED 243; history 243",
    ),
    "04_outside_and_back": (
        "START 74951234567; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244",
    ),
    "08h_302_to_busy_245": (
        "START 74951234567; HANGUP 74951234567; END 74951234567",
        "INCOMING 74951234567; CANCELLED 74951234567; history 74951234567",
    ),
    "08l_group_member_redirects": (
        "START 74951234568; ANSWER 243; HANGUP 243; END 243",
        "INCOMING 245; COMPLETED 243; history 243",
    ),
    "11_pickup_stock": (
        "START 74951234567; PREANSWER 100*; HANGUP 100; END 100",
        "INCOMING 244; CANCELLED 100; history 100",
    ),
    "13e_valet_sync_as_shipped": (
        "START 74951234567; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244",
    ),
    "26_number_alias_246_is_petrov": (
        "START 74951234573; ANSWER petrov; HANGUP petrov; END petrov",
        "INCOMING petrov; COMPLETED petrov; history petrov",
    ),
    "28_blf_pickup_invite_replaces_ringing": (
        "START 74951234573; ANSWER 243; HANGUP 243; END 243",
        "INCOMING 244; COMPLETED 243; history 243",
    ),
    "37_intercom_from_phone_with_did_in_From": (
        "",
        "",
    ),
    "form_a": (
        "START 7495888000a; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244",
    ),
    "form_c": (
        "START 7495888000c; ANSWER 244; HANGUP 244; END 244",
        "INCOMING 244; COMPLETED 244; history 244",
    ),
}


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


@pytest.mark.parametrize("name", TOLD)
def test_a_recorded_call(name: str) -> None:
    assert (shown(told(happened(name), mobilon)), shown(told(happened(name), itoolabs))) == SAID[name]


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
