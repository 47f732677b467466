"""What a base of dialect 2 with our own extension is told of each recorded call, word for word."""

from __future__ import annotations

import pytest

from fs_1c.call import Began, CallEvent, Conversation, HungUp, TalksOutside, Unidentified
from fs_1c.history.tables import Policy, register
from fs_1c.settings import PopWhen
from tests.history.test_tables import happened, shown, told
from tests.talk.test_story import TOLD

# Whom a word is about; * = he owns the missed call.
SAID = {
    "inbound_abandoned": "START; END 247*",
    "inbound_answered": "START; ANSWER 244; END 244",
    "inbound_attended_transfer": "START; ANSWER 244; ANSWER 243; END 243",
    "inbound_attended_up": "START; ANSWER 244; ANSWER 245; END 245",
    "03c_refer_attended_outside": (
        "START; ANSWER 410; ANSWER 89237774100; END 89237774100 | START 410; ANSWER 410; END 410"
    ),
    "inbound_blind_transfer": "START; ANSWER 244; ANSWER 245; END 245",
    "inbound_client_called_first": "START; ANSWER 561; END 561",
    "inbound_click_to_call": "START 244; ANSWER 244; END 244",
    "inbound_early_media": "START; ANSWER 244; END 244",
    "inbound_early_media_after_answer": "START; ANSWER 245; END 245",
    "inbound_early_media_asked_about": "START; ANSWER 341; END 341",
    "inbound_early_media_unanswered": "START; END 244*",
    "inbound_failover": "START; ANSWER 245; END 245",
    "inbound_group": "START; ANSWER 244; END 244",
    "inbound_hold": "START; ANSWER 244; END 244",
    "inbound_internal": "",
    "inbound_loopback_group": "START; ANSWER 245; END 245",
    "inbound_manager_hangs_up": "START; ANSWER 249; END 249",
    "inbound_outgoing": "START 244; ANSWER 244; END 244",
    "inbound_park": "START; ANSWER 244; ANSWER 245; END 245",
    "inbound_pickup": "START; ANSWER 245; END 245",
    "inbound_pickup_from_a_phone": "START; ANSWER 243; END 243",
    "inbound_rings_again": "START; END 391*",
    "inbound_three_way": "START; ANSWER 244; END 244",
    "01_plain": "START; ANSWER 244; END 244",
    "02_refer_blind": "START; ANSWER 244; ANSWER 243; END 243",
    "03_refer_attended": "START; ANSWER 244; ANSWER 243; END 243",
    "03b_refer_semiattended": "START; ANSWER 244; ANSWER 243; END 243",
    "06_call_waiting": "START; ANSWER 244; END 244 | START; ANSWER 244; END 244",
    "07_two_registrations": "START; ANSWER 244; END 244",
    "08_302_to_243": "START; ANSWER 243; END 243",
    "10d_dead_phone_blackhole_udp": "START; ANSWER 100; END 100",
    "11c_pickup_with_hash": "START; ANSWER 243; END 243",
    "12_outgoing": "START 244; ANSWER 244; END 244",
    "12b_outgoing_then_blind": "START 244; ANSWER 244; ANSWER 243; END 243",
    "12e_click_to_call": "START 244; ANSWER 244; END 244",
    "12f_outgoing_sent_on": "START 621; ANSWER 621; END 621 | START 621; END 621",
    "13_valet": "START; ANSWER 244; ANSWER 243; END 243",
    "14_threeway_then_leaves": "START; ANSWER 244; ANSWER 243; END 243",
    "04_outside_and_back": "START; ANSWER 244; END 244",
    "08h_302_to_busy_245": "START; END",
    "08l_group_member_redirects": "START; ANSWER 243; END 243",
    "11_pickup_stock": "START; END 100*",
    "13e_valet_sync_as_shipped": "START; ANSWER 244; END 244",
    "26_number_alias_246_is_petrov": "START; ANSWER petrov; END petrov",
    "28_blf_pickup_invite_replaces_ringing": "START; ANSWER 243; END 243",
    "37_intercom_from_phone_with_did_in_From": "",
    "form_a": "START; ANSWER 244; END 244",
    "form_c": "START; ANSWER 244; END 244",
}


@pytest.mark.parametrize("name", TOLD)
def test_a_recorded_call(name: str) -> None:
    said = told(happened(name), register)
    assert shown(said) == SAID[name]
    assert not [one for call in said for one in call if one.once]  # a row a call bears what comes twice


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
