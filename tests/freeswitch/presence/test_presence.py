"""Who can take a call, as a real FreeSWITCH tells it of real phones; and where a client goes by that.

The manager's phones are baresip, registered by digest. Whoever else has a phone is tests.freeswitch.sip.
"""

from __future__ import annotations

import pytest

from fs_1c.call import Presence, PresenceState
from fs_1c.calls import Placed, Refusal, Why
from tests.freeswitch.configuration import DOMAIN
from tests.freeswitch.conftest import BUSY as OF_246
from tests.freeswitch.conftest import CHIZH
from tests.freeswitch.phones import BARESIP, Softphone
from tests.freeswitch.presence.test_phones import Desks, desks, office, talks
from tests.freeswitch.sip import PATIENCE, Leg, Manner, State

__all__ = ["desks", "office"]  # fixtures

pytestmark = [
    pytest.mark.freeswitch,
    pytest.mark.skipif(BARESIP is None, reason="there is no baresip on PATH"),
]

FREE, BUSY, AWAY, UNKNOWN = PresenceState
NEXT = {"routing": {"when_busy": "next", "when_away": "next"}}
DEFAULT = "100"


def presence(desks: Desks, extension: str = "244") -> Presence:
    assert desks.running is not None
    (table,) = desks.running.service.integration.switches.tables.values()
    return table.state(extension, DOMAIN)


def test_the_switch_says_who_it_is_before_anybody_calls(desks: Desks) -> None:
    desks.open()
    assert desks.running is not None
    (table,) = desks.running.service.integration.switches.tables.values()
    desks.until(lambda: bool(table.core), "it has not")
    assert table.core == desks.switch.api("global_getvar core_uuid")
    caller = desks.dial("sync")
    created = desks.watcher.wait("CHANNEL_CREATE", caller.call_id, within=PATIENCE)
    assert created.get("Core-UUID") == table.core


def is_(desks: Desks, state: PresenceState, extension: str = "244") -> Presence:
    """Waits until that is known of him."""
    desks.until(
        lambda: presence(desks, extension).state is state,
        f"{extension} is {presence(desks, extension)}, not {state}",
    )
    return presence(desks, extension)


def state_said(desks: Desks, caller: Leg) -> str:
    return desks.switch.api(f"uuid_getvar {caller.call_id} fs_1c_manager_state")


def goes_to_the_default(desks: Desks, manager: Softphone, state: str) -> None:
    """Another call of his client: the manager's phone does not ring for it."""
    rang = len(manager.told("CALL_INCOMING"))
    caller = desks.dial("sync").to_be(State.TALKING)
    assert state_said(desks, caller) == state
    assert len(manager.told("CALL_INCOMING")) == rang
    caller.hang_up()


def test_free_talking_on_hold_with_two_phones_and_away(desks: Desks) -> None:
    desks.open(**NEXT, calls={"dial": "sofia/gateway/nowhere/{number}"})
    desks.phone(DEFAULT)
    first = desks.softphone("244")
    is_(desks, FREE)
    caller = talks(desks, first)
    assert state_said(desks, caller) == "free"
    assert is_(desks, BUSY).whom == CHIZH.number
    goes_to_the_default(desks, first, "busy")
    first.hold()
    desks.watcher.wait("CHANNEL_HOLD", desks.colleagues_leg(caller), within=PATIENCE)
    goes_to_the_default(desks, first, "busy")
    second = desks.softphone("244", "tcp")
    goes_to_the_default(desks, second, "busy")
    caller.hang_up()
    is_(desks, FREE)
    first.close()
    third = talks(desks, second, times=1)  # `show registrations` has one phone of his, and may have lost it
    third.hang_up()
    is_(desks, FREE)
    second.close()
    is_(desks, AWAY)
    goes_to_the_default(desks, second, "away")
    refused = desks.click("244")
    assert isinstance(refused, Refusal) and refused.why is Why.NOT_REGISTERED
    assert isinstance(desks.click("100"), Placed), "of whom nothing is known is rung"


def test_a_phone_that_is_dead_but_registered_is_there_as_far_as_the_switch_knows(desks: Desks) -> None:
    desks.open(routing={**NEXT["routing"], "dead_after": "1s"})
    desks.phone(DEFAULT)
    manager = desks.softphone("244")
    is_(desks, FREE)
    manager.dies()
    caller = desks.dial("sync").to_be(State.TALKING)
    assert state_said(desks, caller) == "free"


def test_who_declines_without_ringing_is_not_rung_again(desks: Desks) -> None:
    desks.open(**NEXT)
    default, manager = desks.phone(DEFAULT), desks.phone("246", Manner.BUSY)
    desks.dial("sync", OF_246).to_be(State.TALKING).hang_up()
    assert is_(desks, BUSY, "246").declines
    caller = desks.dial("sync", OF_246).to_be(State.TALKING)
    assert state_said(desks, caller) == "busy"
    assert (len(manager.legs), len(default.legs)) == (1, 2)


def test_a_busy_manager_rings_together_with_the_next(desks: Desks) -> None:
    desks.open(routing={"when_busy": "both", "then": ["user/100@{domain}"]})
    default = desks.phone(DEFAULT, Manner.RINGS)
    manager = desks.softphone("244")
    is_(desks, FREE)
    talks(desks, manager)
    is_(desks, BUSY)
    other = desks.dial("sync")
    manager.rings(2)
    default.rings().answer()
    other.to_be(State.TALKING)
    is_(desks, BUSY)


def test_a_deputy_who_is_free_rings_in_his_place(desks: Desks) -> None:
    desks.open(routing={"when_busy": "next", "deputies": {"244": ["242", "243"]}})
    manager, away, deputy = desks.softphone("244"), desks.softphone("242"), desks.softphone("243")
    talks(desks, manager)
    away.close()
    for extension, state in (("244", BUSY), ("242", AWAY), ("243", FREE)):
        is_(desks, state, extension)
    caller = desks.dial("sync")
    deputy.answer()
    caller.to_be(State.TALKING)
    assert desks.switch.api(f"uuid_getvar {caller.call_id} fs_1c_manager") == "244"


def test_a_client_who_is_turned_away_hears_it_at_once(desks: Desks) -> None:
    desks.open(routing={"category": [{"is": CHIZH.category, "reject": "CALL_REJECTED"}]})
    manager, default = desks.softphone("244"), desks.phone(DEFAULT)
    for door in ("sync", "async"):
        assert desks.dial(door).to_be(State.OVER).status == 603
    assert (manager.told("CALL_INCOMING"), default.legs) == ([], [])


def test_the_event_socket_is_cut_in_mid_call(desks: Desks) -> None:
    desks.open(**NEXT)
    manager = desks.softphone("244")
    caller = talks(desks, manager)
    is_(desks, BUSY)
    assert desks.running is not None
    desks.running.cut_off()
    assert presence(desks).state is UNKNOWN
    caller.hang_up()
    desks.switch.quiet()
    desks.running.listens_again()
    is_(desks, FREE)
    again = talks(desks, manager, times=2)
    desks.running.cut_off()
    desks.running.listens_again()
    is_(desks, BUSY)
    again.hang_up()
    is_(desks, FREE)


def test_the_switch_is_killed_and_started_again(desks: Desks) -> None:
    desks.open(**NEXT)
    manager = desks.softphone("244")
    talks(desks, manager)
    is_(desks, BUSY)
    desks.power_failure()
    is_(desks, UNKNOWN)
    desks.power_returns()
    assert desks.running is not None
    desks.running.listens()
    desks.until(lambda: presence(desks).state in (FREE, UNKNOWN), "he is not known to be away, nor to talk")
    again = desks.dial("sync")  # whether the switch has kept his registration or not: nobody waits for him
    if presence(desks).state is FREE:
        manager.answer(2)
    else:
        desks.phone(DEFAULT)
    again.to_be(State.TALKING)
