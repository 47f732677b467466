"""Can a subscriber take a call: registrations, legs, what declines."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory

from fs_1c.call import Presence
from tests.talk.exchange import AWAY, BUSY, DOMAIN, FREE, NO_VERTO, NOBODY, UNKNOWN, Exchange


@pytest.fixture
def switch() -> Iterator[Exchange]:
    with freeze_time("2026-11-28 14:02:00+00:00") as clock:
        assert isinstance(clock, FrozenDateTimeFactory)
        yield Exchange(clock)


def test_who_is_registered_is_free_until_he_answers_and_after_the_call(switch: Exchange) -> None:
    assert switch.state() is UNKNOWN
    switch.hears(switch.register())
    switch.hears(switch.leg("CHANNEL_CREATE", "one"), switch.leg("CHANNEL_PROGRESS", "one"))
    assert switch.state() is FREE, "a telephone that rings makes nobody busy"
    switch.hears(switch.leg("CHANNEL_ANSWER", "one"))
    assert switch.table.state("244", DOMAIN) == Presence(BUSY, time.time())
    assert switch.state(domain="") is BUSY
    assert switch.state(domain="other.example") is UNKNOWN, "a namesake of another company"
    switch.hears(switch.leg("CHANNEL_HANGUP_COMPLETE", "one"))
    assert switch.state() is FREE


def test_with_whom_he_talks(switch: Exchange) -> None:
    caller = {"Unique-ID": "client", "Caller-Caller-ID-Number": "89235292926", "Call-Direction": "inbound"}
    switch.hears({"Event-Name": "CHANNEL_CREATE", **caller}, {"Event-Name": "CHANNEL_ANSWER", **caller})
    switch.hears(switch.leg("CHANNEL_CREATE", "one"), switch.leg("CHANNEL_ANSWER", "one"))
    bridge = {"Bridge-A-Unique-ID": "client", "Bridge-B-Unique-ID": "one", "Event-Name": "CHANNEL_BRIDGE"}
    switch.hears({**caller, **bridge, "Answer-State": "answered"})
    assert switch.table.state("244", DOMAIN).whom == "89235292926"


def test_who_dials_is_busy_before_anybody_answers(switch: Exchange) -> None:
    calls = {"Call-Direction": "inbound", "Caller-Caller-ID-Number": "244", "variable_user_name": "244"}
    switch.hears(switch.leg("CHANNEL_CREATE", "one", "89131112233", **calls, variable_dialed_user=""))
    assert switch.state() is BUSY
    switch.hears(switch.leg("CHANNEL_HANGUP_COMPLETE", "one", "89131112233", **calls))
    assert switch.state() is UNKNOWN


def test_one_of_two_telephones_that_talks_is_enough(switch: Exchange) -> None:
    switch.hears(switch.register(call_id="a"), switch.register(call_id="b"))
    for uuid in ("one", "two"):
        switch.hears(switch.leg("CHANNEL_CREATE", uuid), switch.leg("CHANNEL_ANSWER", uuid))
    switch.hears(switch.leg("CHANNEL_HANGUP_COMPLETE", "one"))
    assert switch.state() is BUSY
    switch.hears(switch.leg("CHANNEL_HANGUP_COMPLETE", "two"))
    assert switch.state() is FREE


@pytest.mark.parametrize("how", ["unregister", "expire"])
def test_away_is_who_took_his_leave_when_the_switch_confirms_it(switch: Exchange, how: str) -> None:
    switch.hears(switch.register())
    switch.hears(switch.unregister(how=how))
    assert switch.state() is UNKNOWN, "the switch has not been asked what is left"
    switch.answers()
    assert switch.state() is AWAY
    switch.hears(switch.register())
    assert switch.state() is FREE


def test_a_telephone_of_which_no_event_and_no_seed_has_told_is_there_all_the_same(switch: Exchange) -> None:
    """Without multiple-registrations `show registrations` has one of a subscriber's telephones."""
    switch.register(call_id="a")  # which was before us
    switch.register(call_id="b")
    switch.seed()
    switch.hears(switch.unregister(call_id="b"))
    switch.answers()
    assert switch.state() is FREE
    switch.unregister(call_id="a")
    for _ in range(6):  # minutes
        switch.clock.tick(60)
        switch.seed()
        switch.answers()
    assert switch.state() is AWAY


def test_a_lost_event_costs_until_the_next_seed(switch: Exchange) -> None:
    switch.hears(switch.register())
    switch.unregister()
    assert switch.state() is FREE
    switch.seed()
    switch.answers()
    assert switch.state() is AWAY
    switch.register()
    switch.seed()
    assert switch.state() is FREE


def test_a_late_unregister_does_not_take_a_newer_registration(switch: Exchange) -> None:
    switch.hears(switch.register())
    late = switch.unregister()
    switch.hears(switch.register(), late)
    assert switch.state() is FREE


def test_who_talks_without_a_registration_is_not_known_from_then_on(switch: Exchange) -> None:
    switch.hears(switch.register(), switch.unregister())
    switch.answers()
    switch.hears(switch.leg("CHANNEL_CREATE", "one"))
    assert switch.state() is UNKNOWN, "somebody rings him: he may be there"
    switch.hears(switch.leg("CHANNEL_ANSWER", "one"), switch.leg("CHANNEL_HANGUP_COMPLETE", "one"))
    switch.answers()
    assert switch.state() is UNKNOWN


def test_who_has_a_browser_telephone_is_not_away(switch: Exchange) -> None:
    switch.verto = "verto.rtc/u:0a-1b"
    switch.hears(switch.register(), switch.unregister())
    switch.answers()
    assert switch.state() is UNKNOWN


def test_a_registration_that_was_not_refreshed_is_not_known(switch: Exchange) -> None:
    switch.hears(switch.register())
    switch.clock.tick(3600 + 181)
    assert switch.state() is UNKNOWN


def test_a_telephone_that_answers_no_pings_is_away(switch: Exchange) -> None:
    switch.hears(switch.register(call_id="a"), switch.register(call_id="b"))
    switch.hears(switch.pings("UNREACHABLE", call_id="a"))
    switch.answers()
    assert switch.state() is FREE
    switch.hears(switch.pings("UNREACHABLE", call_id="b"))
    switch.answers()
    assert switch.state() is AWAY
    switch.seed()
    switch.answers()
    assert switch.state() is AWAY
    switch.hears(switch.pings("REACHABLE", call_id="b"))
    assert switch.state() is FREE


def test_a_ping_that_is_answered_again_unheard_is_seen_by_the_refresh(switch: Exchange) -> None:
    switch.hears(switch.register())
    switch.seed()
    switch.hears(switch.pings("UNREACHABLE"))
    switch.answers()
    switch.seed()
    assert switch.state() is AWAY
    switch.clock.tick(60)
    switch.register()
    switch.seed()
    assert switch.state() is FREE


def test_an_answer_that_is_older_than_what_was_heard_since_does_not_count(switch: Exchange) -> None:
    switch.hears(switch.register(), switch.unregister())
    switch.clock.tick(1)
    (question,) = switch.table.registrar.questions()
    switch.hears(switch.register())
    switch.table.registrar.found(question, NOBODY, NO_VERTO)
    assert switch.state() is FREE
    switch.clock.tick(3600 + 181)
    assert switch.state() is UNKNOWN


@pytest.mark.parametrize("sofia", ["", "-ERR Command not found!", "error/facility_not_subscribed"])
def test_only_one_answer_says_that_nobody_is_there(switch: Exchange, sofia: str) -> None:
    switch.hears(switch.register(), switch.unregister())
    switch.clock.tick(1)
    (question,) = switch.table.registrar.questions()
    switch.table.registrar.found(question, sofia, NO_VERTO)
    assert switch.state() is UNKNOWN


def test_who_was_away_before_his_last_registration_is_not_for_that(switch: Exchange) -> None:
    switch.hears(switch.register(), switch.unregister())
    switch.answers()
    assert switch.state() is AWAY
    switch.hears(switch.register())
    switch.clock.tick(3600 + 181)
    assert switch.state() is UNKNOWN, "its end has not been heard, nor has the switch been asked"


def test_one_of_two_telephones_declines_and_the_other_does_not(switch: Exchange) -> None:
    switch.hears(switch.register(call_id="a"), switch.register(call_id="b"))
    switch.hears(switch.leg("CHANNEL_CREATE", "other"))
    switch.declines("one")
    assert switch.state() is FREE


@pytest.mark.parametrize(
    ("status", "cause"), [("486", "USER_BUSY"), ("603", "CALL_REJECTED"), ("480", "NO_USER_RESPONSE")]
)
def test_do_not_disturb(switch: Exchange, status: str, cause: str) -> None:
    switch.hears(switch.register())
    switch.declines("one", status, cause)
    assert switch.table.state("244", DOMAIN) == Presence(BUSY, time.time(), declines=True)
    switch.clock.tick(121)
    assert switch.state() is FREE


def test_a_sign_of_him_ends_do_not_disturb(switch: Exchange) -> None:
    switch.hears(switch.register())
    switch.declines("one")
    switch.hears(switch.leg("CHANNEL_CREATE", "two"), switch.leg("CHANNEL_PROGRESS", "two"))
    assert switch.state() is FREE


def test_what_is_no_do_not_disturb(switch: Exchange) -> None:
    switch.hears(switch.register())
    switch.declines("one", status="403", cause="CALL_REJECTED")
    assert switch.state() is FREE, "a switch that must not call him"
    switch.hears(switch.leg("CHANNEL_CREATE", "two"), switch.leg("CHANNEL_PROGRESS", "two"))
    end = {"Hangup-Cause": "USER_BUSY", "variable_sip_term_status": "486"}
    switch.hears(switch.leg("CHANNEL_HANGUP_COMPLETE", "two", **end))
    assert switch.state() is FREE, "he has declined that one call"
    switch.hears(switch.leg("CHANNEL_CREATE", "three"), switch.leg("CHANNEL_ANSWER", "three"))
    switch.declines("four")
    switch.hears(switch.leg("CHANNEL_HANGUP_COMPLETE", "three"))
    assert switch.state() is FREE, "his telephone took no second call"


def test_a_lost_switch_is_unknown(switch: Exchange) -> None:
    switch.hears(switch.register())
    switch.table.lost()
    assert switch.state() is UNKNOWN
    assert switch.table.counts()[UNKNOWN] == 1


def test_long_calls_are_looked_at_in_turn(switch: Exchange) -> None:
    for number in range(300):
        uuid = f"leg-{number}"
        switch.hears(switch.leg("CHANNEL_CREATE", uuid), switch.leg("CHANNEL_ANSWER", uuid))
    assert switch.table.to_be_looked_at() == []
    switch.clock.tick(601)
    looked_at = {*switch.table.to_be_looked_at(), *switch.table.to_be_looked_at()}
    assert len(looked_at) == 300
