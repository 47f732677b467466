"""Who talks to the client, however it came about: the cards in 1C's log, exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.freeswitch.conftest import CHIZH, Company
from tests.freeswitch.sip import Leg, Manner, State

pytestmark = pytest.mark.freeswitch

FIRST, SECOND, THIRD = ((CHIZH.number, f"KEY{extension}") for extension in (244, 245, 243))


def talks_to(company: Company, extension: str = "244") -> Leg:
    """The client, who talks to that subscriber."""
    company.phone(extension)
    caller = company.call(extension).to_be(State.TALKING)
    company.watcher.wait("CHANNEL_BRIDGE", caller.call_id)
    return caller


def called(company: Company, extension: str, application: str) -> str:
    """Has a subscriber called; the application runs when he answers. The uuid of his leg."""
    company.phone(extension)
    answer = company.switch.api(f"originate user/{extension}@127.0.0.1 &{application}")
    assert answer.startswith("+OK "), answer
    return answer.removeprefix("+OK ")


def test_an_abandoned_call_opens_none(company: Company) -> None:
    company.serve(inbound=True)
    manager = company.phone("244", Manner.RINGS)
    caller = company.call("sync")
    manager.rings()
    caller.hang_up()
    assert company.all_cards() == []


def test_after_a_failover_the_card_is_for_the_second(company: Company) -> None:
    company.serve(inbound=True)
    company.phone("246", Manner.BUSY)
    company.phone("243")
    company.call("sync", "89235290246").to_be(State.TALKING)
    company.card_opens()
    assert company.all_cards() == [("89235290246", "KEY243")]


@pytest.mark.parametrize("by", ["the switch", "a telephone"])
def test_a_ringing_call_that_is_picked_up(company: Company, by: str) -> None:
    company.serve(inbound=True)
    manager = company.phone("244", Manner.RINGS)
    caller = company.call("sync")
    manager.rings()
    if by == "the switch":
        called(company, "245", f"intercept({caller.call_id})")
    else:
        company.switch.api(f"global_setvar waiting={caller.call_id}")
        company.call("pick-up", "245")
    caller.to_be(State.TALKING)
    company.card_opens()
    assert company.all_cards() == [SECOND]


def test_hold_and_resume_open_no_second_card(company: Company) -> None:
    company.serve(inbound=True)
    caller = talks_to(company)
    company.card_opens()
    for command in (f"uuid_hold {caller.call_id}", f"uuid_hold off {caller.call_id}"):
        assert company.switch.api(command).startswith("+OK")
    assert company.all_cards() == [FIRST]


def test_a_parked_call_that_is_retrieved(company: Company) -> None:
    company.serve(inbound=True)
    caller = talks_to(company)
    company.card_opens()
    assert company.switch.api(f"uuid_park {caller.call_id}").startswith("+OK")
    company.watcher.wait("CHANNEL_PARK", caller.call_id)
    by_another = called(company, "245", f"intercept({caller.call_id})")
    company.watcher.wait("CHANNEL_BRIDGE", by_another)
    company.card_opens(2)
    assert company.switch.api(f"uuid_park {caller.call_id}").startswith("+OK")
    company.watcher.wait("CHANNEL_PARK", caller.call_id, times=2)
    by_the_first = called(company, "244", f"intercept({caller.call_id})")
    company.watcher.wait("CHANNEL_BRIDGE", by_the_first)
    assert company.all_cards() == [FIRST, SECOND]


def test_who_joins_a_conversation_takes_nobodys_card(company: Company) -> None:
    company.serve(inbound=True)
    caller = talks_to(company)
    company.card_opens()
    third = called(company, "245", f"three_way({caller.call_id})")
    company.watcher.wait("CHANNEL_ANSWER", third)
    assert company.all_cards() == [FIRST]


@pytest.mark.parametrize("door", ["sync", "async"])
def test_a_card_waits_for_the_answer_after_an_announcement(company: Company, door: str) -> None:
    company.serve(inbound=door == "sync")
    manager = company.phone("244", Manner.ANNOUNCES)
    caller = company.call(door)
    leg = manager.rings()
    company.watcher.wait("CHANNEL_BRIDGE", caller.call_id)  # to the announcement
    assert company.onec is not None
    assert not company.onec.cards
    leg.answer()
    company.card_opens()
    assert company.all_cards() == [FIRST]


def test_an_announcement_that_nobody_follows_opens_none(company: Company) -> None:
    company.serve(inbound=True)
    manager = company.phone("244", Manner.ANNOUNCES)
    caller = company.call("sync")
    manager.rings()
    company.watcher.wait("CHANNEL_BRIDGE", caller.call_id)
    caller.hang_up()
    assert company.all_cards() == []


def test_a_group_of_loopback_channels_opens_one(company: Company) -> None:
    if company.switch.api("module_exists mod_loopback") != "true":
        pytest.skip("this freeswitch has no mod_loopback")
    company.serve(inbound=True)
    company.phone("244", Manner.RINGS)
    company.phone("245")
    caller = company.call("loopback").to_be(State.TALKING)
    company.watcher.wait("CHANNEL_BRIDGE", caller.call_id)
    company.card_opens()
    assert company.all_cards() == [SECOND]


def test_two_subscribers_are_no_business_of_1c(company: Company) -> None:
    company.serve(inbound=True)
    company.phone("244")
    caller = company.call("244", "243").to_be(State.TALKING)
    company.watcher.wait("CHANNEL_BRIDGE", caller.call_id)
    assert company.all_cards() == []


@pytest.mark.parametrize("wanted", [True, False])
def test_a_subscriber_who_calls_a_client(company: Company, wanted: bool) -> None:
    company.serve(inbound=True, screenpop={"outgoing": wanted})
    company.phone(CHIZH.number, Manner.ANNOUNCES)
    caller = company.call("outside", "244")
    client = company.phone(CHIZH.number).rings()
    company.watcher.wait("CHANNEL_BRIDGE", caller.call_id)
    client.answer()
    caller.to_be(State.TALKING)
    if wanted:
        company.card_opens()
    assert company.all_cards() == ([FIRST] if wanted else [])


def test_cards_when_it_rings_and_none_again_for_who_answers(company: Company) -> None:
    company.serve(inbound=True, screenpop={"when": "ring"})
    company.phone("244", Manner.RINGS)
    quick = company.phone("245", Manner.RINGS)
    caller = company.call("group")
    company.card_opens(2)
    quick.rings().answer()
    caller.to_be(State.TALKING)
    company.watcher.wait("CHANNEL_BRIDGE", caller.call_id)
    assert sorted(company.all_cards()) == [FIRST, SECOND]


def test_the_key_of_the_directory(company: Company) -> None:
    company.serve(inbound=True, subscribers={"directory": True})
    talks_to(company)
    company.card_opens()
    assert company.all_cards() == [FIRST]


def test_a_listener_that_was_cut_off_learns_what_it_missed(company: Company) -> None:
    running = company.serve(inbound=True)
    first = talks_to(company)
    company.card_opens()
    running.cut_off()
    company.call("244", "84951112233").to_be(State.TALKING)  # while nobody listens
    running.listens_again()
    company.card_opens(2)
    assert first.state is State.TALKING
    assert company.all_cards() == [FIRST, ("84951112233", "KEY244")]


def test_a_service_restarted_in_the_middle_of_conversations(company: Company, tmp_path: Path) -> None:
    running = company.serve(inbound=True, state={"folder": str(tmp_path)})
    first = talks_to(company)
    company.card_opens()
    running.stop()
    meanwhile = company.call("244", "84951112233").to_be(State.TALKING)
    company.watcher.wait("CHANNEL_BRIDGE", meanwhile.call_id)
    company.serve_again()
    company.card_opens(2)
    company.phone("245")
    assert company.switch.api(f"uuid_transfer {first.call_id} 245 XML public").startswith("+OK")
    company.card_opens(3)
    assert company.all_cards() == [FIRST, ("84951112233", "KEY244"), SECOND]


def test_a_switch_restarted_in_the_middle_of_a_conversation(mortal_company: Company, tmp_path: Path) -> None:
    company = mortal_company
    (tmp_path / "state").mkdir()
    running = company.serve(inbound=True, state={"folder": str(tmp_path / "state")})
    talks_to(company)
    company.card_opens()
    company.power_failure()
    company.until(lambda: not running.is_listening(), "the service does not notice")
    company.power_returns()
    running.listens()
    talks_to(company)
    company.card_opens(2)
    assert running.legs() <= 2  # those of before are forgotten
    assert company.all_cards() == [FIRST, FIRST]
