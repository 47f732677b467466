"""Calls through a real FreeSWITCH: who rings, what his phone shows, what happens when things fail."""

from __future__ import annotations

import logging
import socket

import pytest

from tests.freeswitch.conftest import BUSY, CHIZH, SILENT, STRANGER, UNREGISTERED, Company
from tests.freeswitch.sip import Manner, State
from tests.processes import no_descriptors_left
from tests.support import HeldOneC

pytestmark = pytest.mark.freeswitch

DOORS = ("sync", "async")


@pytest.mark.parametrize("inbound", [True, False])
@pytest.mark.parametrize("door", [*DOORS, "async-resume"])
def test_a_known_client_reaches_his_manager(company: Company, door: str, inbound: bool) -> None:
    company.serve(inbound=inbound)
    manager, default = company.phone("244"), company.phone("240")

    caller = company.call(door, name="Mobile")
    assert manager.talks().name == "Фэйковый чиж"
    caller.to_be(State.TALKING)
    expected = [] if door == "sync" and not inbound else [("89235292926", "KEY244")]
    company.card_opens(len(expected))
    ended = company.after(caller)

    names = ("result", "number", "title", "category", "manager", "target")
    assert [ended.get(f"variable_fs_1c_{name}") for name in names] == [
        "found",
        "+79235292926",
        "Фэйковый чиж",
        "0",
        "244",
        "[progress_timeout=15,leg_timeout=20]user/244@127.0.0.1",
    ]
    assert company.all_cards() == expected, "one card, however many doors saw the conversation"
    assert company.asked() == ["89235292926"]
    assert not default.legs


@pytest.mark.parametrize("door", DOORS)
def test_an_unknown_client_reaches_the_default(company: Company, door: str) -> None:
    company.serve()
    default = company.phone("240")

    caller = company.call(door, STRANGER, "Иван")
    assert default.talks().name == "Иван"
    assert company.result(caller) == "unknown"
    assert company.after(caller).get("variable_effective_caller_id_name") is None


@pytest.mark.parametrize("door", DOORS)
def test_a_withheld_number_is_not_asked_about(company: Company, door: str) -> None:
    company.serve(inbound=True)
    default = company.phone("240")

    caller = company.call(door, withheld=True)
    default.talks()
    assert company.result(caller) == "skipped"
    assert company.asked() == []
    assert company.all_cards() == []


@pytest.mark.parametrize("door", DOORS)
def test_a_mute_1c_costs_the_deadline_and_no_more(company: Company, door: str) -> None:
    company.serve(latency=3600.0, onec={"timeout": "1h"}, lookup={"deadline": "500ms"})
    default = company.phone("240")

    caller = company.call(door)
    rang = default.talks()
    assert rang.began - caller.began >= 0.5
    assert company.result(caller) == "late"


@pytest.mark.parametrize("door", [*DOORS, "async-resume"])
def test_no_service_costs_nothing(company: Company, door: str) -> None:
    default = company.phone("240" if door == "sync" else "243")  # after `socket` the dialplan goes on

    company.call(door)
    default.talks()


@pytest.mark.parametrize("door", ["sync", "async-resume"])
def test_a_service_that_dies_costs_nothing(company: Company, door: str) -> None:
    default = company.phone("240" if door == "sync" else "243")

    with company.other_service(socket.socket.close):
        company.call(door)
        default.talks()


@pytest.mark.parametrize("door", ["sync", "async-resume"])
def test_a_service_without_descriptors_costs_nothing(company: Company, door: str) -> None:
    company.serve()
    manager, default = company.phone("244"), company.phone("240" if door == "sync" else "243")

    with no_descriptors_left():
        company.call(door)
        default.talks()
    company.call(door)
    manager.talks()


def test_without_socket_resume_a_service_that_dies_leaves_an_async_call_in_silence(company: Company) -> None:
    """Not what anybody wants, but what FreeSWITCH does: why our async dialplans set `socket_resume`."""
    last = company.phone("243")

    with company.other_service(socket.socket.close):
        caller = company.call("async")
        company.watcher.wait("CHANNEL_PARK", caller.call_id)
        with pytest.raises(AssertionError):
            last.rings(within=0.5)
        assert caller.state is State.CALLING


@pytest.mark.parametrize("door", ["async", "async-resume"])
def test_a_conversation_outlives_the_service(company: Company, door: str) -> None:
    running = company.serve()
    manager, last = company.phone("244"), company.phone("243")

    caller = company.call(door).to_be(State.TALKING)
    running.stop()
    with pytest.raises(AssertionError):
        last.rings(within=0.5)
    assert manager.talks().state is caller.state is State.TALKING


@pytest.mark.parametrize("door", ["async", "async-resume"])
def test_a_ringing_phone_outlives_the_service(company: Company, door: str) -> None:
    running = company.serve(clients=(CHIZH,))
    manager, default = company.phone("244", Manner.RINGS), company.phone("240", Manner.BUSY)
    last = company.phone("243")

    caller = company.call(door).to_be(State.RINGING)
    running.stop()
    manager.rings().reject()
    assert last.talks()
    assert len(default.legs) == 1
    caller.to_be(State.TALKING)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("number", "manager"), [(BUSY, "246"), (UNREGISTERED, "248")])
def test_a_manager_who_cannot_talk(company: Company, door: str, number: str, manager: str) -> None:
    company.serve()
    company.phone(manager, Manner.BUSY)
    follows = company.phone("243" if door == "sync" else "240")  # sync: the dialplan's own next action

    caller = company.call(door, number)
    follows.talks()
    caller.to_be(State.TALKING)
    assert company.result(caller) == "found"


@pytest.mark.parametrize("door", DOORS)
def test_when_nobody_can_talk_the_dialplan_goes_on(company: Company, door: str) -> None:
    company.serve()
    company.phone("246", Manner.BUSY)
    company.phone("240", Manner.BUSY)
    last = company.phone("243")

    caller = company.call(door, BUSY)
    last.talks()
    caller.to_be(State.TALKING)


@pytest.mark.parametrize("door", ["sync", "async"])
def test_a_silent_manager_rings_for_as_long_as_the_settings_say(company: Company, door: str) -> None:
    company.serve(inbound=True, routing={"ring_for": "2s", "then": ["user/241@{domain}"]})
    manager, follows = company.phone("247", Manner.RINGS), company.phone("241")

    caller = company.call(door, SILENT)
    follows.talks()
    assert manager.rings().to_be(State.OVER).status == 487
    caller.to_be(State.TALKING)
    company.card_opens()
    assert company.all_cards() == [(SILENT, "KEY241")]


@pytest.mark.parametrize("door", DOORS)
def test_the_caller_gives_up_during_the_lookup(
    company: Company, door: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    company.serve(of=HeldOneC)
    onec, manager = company.onec, company.phone("244")
    assert isinstance(onec, HeldOneC)

    impatient = company.call(door)
    company.until(lambda: bool(company.asked()), "1C is not asked")
    impatient.hang_up()
    assert impatient.to_be(State.OVER).status == 487
    company.until(lambda: f"call={impatient.call_id} gone" in caplog.text, "the log does not tell")
    assert not manager.legs

    onec.answers.set()
    again = company.call(door)
    assert manager.talks().name == "Фэйковый чиж"
    assert company.result(again) == "found"
    assert company.asked() == ["89235292926"], "the answer that came too late is remembered"
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("door", DOORS)
def test_a_caller_with_quotes_in_his_name(company: Company, door: str) -> None:
    """Left alone, FreeSWITCH 1.10 fails to call any phone for him."""
    company.serve()
    default = company.phone("240")

    company.call(door, STRANGER, 'ООО "Ромашка"')
    assert default.talks().name == "ООО «Ромашка»"


def test_calls_at_the_same_time(company: Company) -> None:
    """1C is asked once about a number, and nobody gets somebody else's manager."""
    company.serve(inbound=True, latency=0.2)
    manager, default = company.phone("244"), company.phone("240")

    callers = [company.call(door, CHIZH.number if i % 2 else STRANGER) for i in range(10) for door in DOORS]
    for caller in callers:
        caller.to_be(State.TALKING)
    company.card_opens(20)
    assert {leg.name for leg in manager.legs} == {"Фэйковый чиж"}
    assert len(manager.legs) == len(default.legs) == 10
    assert sorted(company.asked()) == sorted([CHIZH.number, STRANGER])
    assert sorted(company.all_cards()) == [(CHIZH.number, "KEY244")] * 10 + [(STRANGER, "KEY240")] * 10
