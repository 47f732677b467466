"""Cards open at whoever talks to the client: groups, transfers, and a switch that was restarted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.freeswitch.conftest import CHIZH, Company
from tests.freeswitch.sip import Leg, Manner, State

pytestmark = pytest.mark.freeswitch

FIRST, SECOND = (CHIZH.number, "KEY244"), (CHIZH.number, "KEY245")
Transfer = Callable[[Company, Leg], None]


def blind(company: Company, caller: Leg) -> None:
    assert company.switch.api(f"uuid_transfer {caller.call_id} 245 XML public").startswith("+OK")


def blind_by_the_manager(company: Company, caller: Leg) -> None:
    assert company.switch.api(f"uuid_transfer {_with(company, caller)} -bleg 245 XML public").startswith(
        "+OK"
    )


def attended(company: Company, caller: Leg) -> None:
    consultation = company.call("245", "244").to_be(State.TALKING)
    colleague = _with(company, consultation)
    assert company.switch.api(f"uuid_bridge {caller.call_id} {colleague}").startswith("+OK")


def _with(company: Company, caller: Leg) -> str:
    """The uuid of the leg that a caller's is bridged to."""
    return company.watcher.wait("CHANNEL_BRIDGE", caller.call_id).get("Bridge-B-Unique-ID") or ""


def test_in_a_group_the_card_is_for_who_answered(company: Company) -> None:
    company.serve(inbound=True)
    slow, quick = company.phone("244", Manner.RINGS), company.phone("245", Manner.RINGS)

    company.call("group").to_be(State.RINGING)
    loser = slow.rings()
    quick.rings().answer()
    loser.to_be(State.OVER)
    company.card_opens()
    assert company.all_cards() == [SECOND]


@pytest.mark.parametrize("door", ["group", "sync", "async", "async-stay"])
@pytest.mark.parametrize("transfer", [blind, blind_by_the_manager, attended])
def test_a_transfer_opens_a_card_at_the_second_too(company: Company, transfer: Transfer, door: str) -> None:
    """And neither we nor FreeSWITCH tear the call apart: an async socket outlives the transfer."""
    company.serve(inbound=door in ("group", "sync"))
    manager, last = company.phone("244"), company.phone("243")

    caller = company.call(door).to_be(State.TALKING)
    company.card_opens()
    colleague = company.phone("245")
    transfer(company, caller)
    company.card_opens(2)
    manager.legs[0].to_be(State.OVER)
    with pytest.raises(AssertionError):
        caller.to_be(State.OVER, within=0.2)
    assert colleague.talks().state is caller.state is State.TALKING
    assert not last.legs
    assert company.all_cards() == [FIRST, SECOND]


@pytest.mark.parametrize("door", ["sync", "async", "async-stay"])
def test_a_call_transferred_while_it_rings(company: Company, door: str) -> None:
    company.serve(inbound=True)
    manager, colleague, last = company.phone("244", Manner.RINGS), company.phone("245"), company.phone("243")

    caller = company.call(door)
    manager.rings()
    caller.to_be(State.RINGING)
    blind(company, caller)
    colleague.talks()
    company.card_opens()
    with pytest.raises(AssertionError):
        colleague.talks().to_be(State.OVER, within=0.2)
    assert caller.to_be(State.TALKING)
    assert not last.legs
    assert company.all_cards() == [SECOND]


def test_a_dialplan_that_wants_its_caller_back_after_the_conversation(company: Company) -> None:
    company.serve()
    manager, next_one = company.phone("244"), company.phone("243")

    caller = company.call("async-stay").to_be(State.TALKING)
    company.card_opens()
    manager.talks().hang_up()
    next_one.talks()
    assert caller.state is State.TALKING
    assert company.all_cards()[:1] == [FIRST]


def test_a_restarted_switch_is_listened_to_again(mortal_company: Company) -> None:
    company = mortal_company
    running = company.serve(inbound=True)
    first = company.phone("244")
    company.call("sync").to_be(State.TALKING)
    company.card_opens()

    company.power_failure()
    company.until(lambda: not running.is_listening(), "the service does not notice")
    company.power_returns()
    running.listens()
    company.call("sync").to_be(State.TALKING)
    company.card_opens(2)
    assert len(first.legs) == 2
    assert company.all_cards() == [FIRST, FIRST]
