"""What people do with real phones, in the dialplans that are shipped: nobody is lost, the cards are right.

The manager's and a colleague's phone are baresip, registered by digest over UDP or TCP. The client, and
whoever else has a phone, is tests.freeswitch.sip.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fs_1c.calls import Placed, Refusal
from tests.dialplan.switch import number
from tests.freeswitch.configuration import DOMAIN
from tests.freeswitch.conftest import CHIZH, CLIENTS, Company
from tests.freeswitch.office import SECRET, SOFTPHONES, Office
from tests.freeswitch.phones import BARESIP, Softphone
from tests.freeswitch.sip import Agents, Leg, Manner, Phone, State
from tests.freeswitch.switch import BINARY

pytestmark = [
    pytest.mark.freeswitch,
    pytest.mark.skipif(BARESIP is None, reason="there is no baresip on PATH"),
]

STRANGER = "89991112233"
SILENT = CLIENTS[2]  # the client of 247
FIRST, SECOND, DEFAULT = ((CHIZH.number, f"KEY{extension}") for extension in (244, 243, 100))
KEYS = {"keys": {str(extension): f"KEY{extension}" for extension in (100, *range(240, 250))}}
OUTSIDE = "89139990000"


class Desks(Company):
    """A company with softphones on its desks."""

    def __init__(self, office: Office, agents: Agents, folder: Path) -> None:
        super().__init__(office, agents)
        self._office = office
        self._agents = agents
        self._folder = folder
        self._softphones: list[Softphone] = []

    def softphone(self, extension: str, transport: str = "udp") -> Softphone:
        """A new one, registered; a second one of the extension rings beside the first."""
        folder = self._folder / f"phone-{len(self._softphones)}"
        made = Softphone(folder, extension, SECRET, self._office.registrar, transport)
        made.start()
        self._softphones.append(made)
        self.until(lambda: f":{made.sip}" in self._contacts(extension), "the switch does not know it")
        return made

    def open(self, **more: Any) -> None:
        self.serve(inbound=True, subscribers=KEYS, **more)

    def dial(self, example: str, who: str = CHIZH.number, name: str = "") -> Leg:
        return self.call(number(example), who, name)

    def click(self, extension: str, number: str = CHIZH.number) -> Placed | Refusal:
        """1C asks for a call."""
        assert self.running is not None
        return self.running.click(number, extension)

    def shows(self, caller: Leg, name: str) -> None:
        """Waits until whoever talks with the client is shown that name: as who calls, or who was called."""

        def shown() -> set[str]:
            leg = self.colleagues_leg(caller)
            return {self.switch.api(f"uuid_getvar {leg} calle{which}_id_name") for which in ("r", "e")}

        self.until(lambda: name in shown(), f"{name} is not shown")

    def colleagues_leg(self, caller: Leg) -> str:
        """The channel with which the client talks now."""
        return self.switch.api(f"uuid_getvar {caller.call_id} bridge_uuid")

    def hears(self) -> None:
        self._agents.hears()

    def close(self) -> None:
        super().close()
        for softphone in self._softphones:
            softphone.close()
        for extension in SOFTPHONES:
            self.until(lambda e=extension: not self._contacts(e), "registrations stay")  # type: ignore[misc]

    def _contacts(self, extension: str) -> str:
        """Where the switch would ring that extension; it knows milliseconds after it has told the phone."""
        told = self.switch.api(f"sofia_contact phones/{extension}@{DOMAIN}")
        return told if "sip:" in told else ""


@pytest.fixture(scope="module")
def office(certificates: Path, agents: Agents, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    if BINARY is None:
        pytest.skip("there is no freeswitch on PATH")
    with Office(tmp_path_factory.mktemp("office"), certificates, agents.port) as started:
        yield started


@pytest.fixture
def desks(office: Office, agents: Agents, tmp_path: Path) -> Iterator[Desks]:
    made = Desks(office, agents, tmp_path)
    yield made
    made.close()


def talks(desks: Desks, manager: Softphone, who: str = CHIZH.number, times: int = 1) -> Leg:
    """A client, who talks to his manager."""
    caller = desks.dial("sync", who)
    manager.answer(times)
    caller.to_be(State.TALKING)
    desks.card_opens(times)
    return caller


@pytest.mark.parametrize(
    ("transport", "how", "shown"), [("udp", "as-is", "Фэйковый чиж"), ("tcp", "latin", "Feykovyy chizh")]
)
def test_a_client_reaches_his_manager_by_name(desks: Desks, transport: str, how: str, shown: str) -> None:
    desks.open(routing={"name": how})
    manager = desks.softphone("244", transport)
    caller = desks.dial("sync")
    assert manager.answer() == shown
    caller.to_be(State.TALKING)
    desks.card_opens()
    assert desks.all_cards() == [FIRST]


def test_a_blind_transfer_to_a_colleague(desks: Desks) -> None:
    desks.open()
    manager, colleague = desks.softphone("244"), desks.softphone("243", "tcp")
    caller = talks(desks, manager)
    manager.transfer("243")
    assert colleague.answer() == "Фэйковый чиж"
    desks.card_opens(2)
    assert caller.state is State.TALKING
    assert desks.all_cards() == [FIRST, SECOND]


def test_a_blind_transfer_to_a_number_outside(desks: Desks) -> None:
    """It is in the office's own context, not in that of the trunk."""
    desks.open()
    outside = desks.phone(OUTSIDE)
    manager = desks.softphone("244")
    caller = talks(desks, manager)
    manager.transfer(OUTSIDE)
    outside.talks()
    assert caller.state is State.TALKING
    assert desks.all_cards() == [FIRST]


def test_a_transfer_by_the_trunk_does_not_get_out(desks: Desks) -> None:
    """force_transfer_context is the client's leg's alone: a REFER from outside is no way to dial outside."""
    desks.open()
    outside = desks.phone(OUTSIDE)
    manager = desks.softphone("244")
    caller = talks(desks, manager)
    caller.refer(OUTSIDE)
    manager.to_tell("CALL_CLOSED")
    desks.switch.quiet()
    assert not outside.legs
    assert desks.all_cards() == [FIRST]


def test_a_parked_client_is_fetched(desks: Desks) -> None:
    desks.open()
    manager, colleague = desks.softphone("244"), desks.softphone("243")
    caller = talks(desks, manager)
    manager.transfer("6001")
    desks.until(lambda: "6001" in desks.switch.api("valet_info"), "he is not parked")
    assert caller.state is State.TALKING
    colleague.dial("6001")
    desks.card_opens(2)
    assert caller.state is State.TALKING
    desks.shows(caller, "Фэйковый чиж")
    assert desks.all_cards() == [FIRST, SECOND]


def test_an_attended_transfer(desks: Desks) -> None:
    desks.open()
    manager, colleague = desks.softphone("244"), desks.softphone("243")
    caller = talks(desks, manager)
    client = manager.told("CALL_INCOMING")[0]["id"]
    manager.hold()
    manager.command("dial", manager.uri("243"))
    colleague.answer()
    consultation = manager.to_tell("CALL_ESTABLISHED", 2)["id"]
    manager.command("callfind", client)
    manager.transfer(replaced(desks, manager.uri("243"), consultation))
    desks.card_opens(2)
    assert caller.state is State.TALKING
    desks.shows(caller, "Фэйковый чиж")
    assert desks.all_cards() == [FIRST, SECOND]


def replaced(desks: Desks, uri: str, call: str) -> str:
    """Refer-To that has the other party take the place of the one who refers, in that call of his."""
    own = next(e.get("Unique-ID") for e in desks.watcher.events if e.get("variable_sip_call_id") == call)
    tags = [desks.switch.api(f"uuid_getvar {own} sip_{which}_tag") for which in ("to", "from")]
    return f"<{uri}?Replaces={call}%3Bto-tag%3D{tags[0]}%3Bfrom-tag%3D{tags[1]}>"


@pytest.mark.parametrize("code", ["**244", "*8", "886"])
def test_a_ringing_call_is_picked_up_by_a_standard_code(desks: Desks, code: str) -> None:
    desks.open()
    manager, colleague = desks.softphone("244"), desks.softphone("243")
    caller = desks.dial("sync")
    manager.rings()
    colleague.dial(code)
    caller.to_be(State.TALKING)
    desks.card_opens()
    manager.to_tell("CALL_CLOSED")
    desks.shows(caller, "Фэйковый чиж")
    assert desks.all_cards() == [SECOND]


def test_a_ringing_call_is_picked_up_by_the_key_with_a_lamp(desks: Desks) -> None:
    """INVITE with Replaces: FreeSWITCH shows the client's number on the colleague's leg from the first."""
    desks.open()
    manager = desks.phone("247", Manner.RINGS)
    caller = desks.dial("sync", SILENT.number)
    colleague = desks._agents.call("247", "245", replaces=manager.rings())
    caller.to_be(State.TALKING)
    colleague.to_be(State.TALKING)
    desks.card_opens()
    assert desks.all_cards() == [(SILENT.number, "KEY245")]


def test_a_phone_that_forwards_is_followed_by_the_default_target(desks: Desks) -> None:
    desks.open()
    manager, elsewhere, default = (
        desks.phone("247", Manner.FORWARDS),
        desks.softphone("243"),
        desks.phone("100"),
    )
    caller = desks.dial("sync", SILENT.number)
    default.talks()
    desks.card_opens()
    assert caller.state is State.TALKING
    assert len(manager.legs) == 1 and not elsewhere.told("CALL_INCOMING")
    assert desks.all_cards() == [(SILENT.number, "KEY100")]


def test_a_phone_that_forwards_does_not_silence_its_group(desks: Desks) -> None:
    desks.open()
    one, elsewhere = desks.softphone("244"), desks.softphone("243")
    other = desks.phone("245", Manner.FORWARDS)
    caller = desks.dial("ring_group", STRANGER)
    other.rings()
    one.answer()
    caller.to_be(State.TALKING)
    desks.card_opens()
    assert not elsewhere.told("CALL_INCOMING")
    assert desks.all_cards() == [(STRANGER, "KEY244")]


def test_hold_and_resume_open_no_second_card(desks: Desks) -> None:
    desks.open()
    manager = desks.softphone("244")
    caller = talks(desks, manager)
    manager.hold()
    desks.watcher.wait("CHANNEL_HOLD", desks.colleagues_leg(caller))
    manager.resume()
    desks.watcher.wait("CHANNEL_UNHOLD", desks.colleagues_leg(caller))
    assert caller.state is State.TALKING
    assert desks.all_cards() == [FIRST]


def test_a_second_call_waits_and_is_answered(desks: Desks) -> None:
    other = "89231110000"
    desks.open()
    manager = desks.softphone("244")
    first = talks(desks, manager)
    second = desks.call("244", other)
    manager.answer(2)
    second.to_be(State.TALKING)
    desks.card_opens(2)
    assert first.state is State.TALKING
    assert desks.all_cards() == [FIRST, (other, "KEY244")]


def test_two_phones_of_one_subscriber(desks: Desks) -> None:
    desks.open()
    one, other = desks.softphone("244"), desks.softphone("244", "tcp")
    caller = desks.dial("sync")
    one.rings()
    other.answer()
    caller.to_be(State.TALKING)
    desks.card_opens()
    one.to_tell("CALL_CLOSED")
    assert desks.all_cards() == [FIRST]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_dead_phone_costs_what_the_settings_say(desks: Desks, transport: str) -> None:
    """It is registered, and never says a word. Without dead_after it costs all of ring_for in silence."""
    desks.open(routing={"dead_after": "1s", "ring_for": "5m"})
    default = desks.phone("100")
    desks.softphone("244", transport).dies()
    caller = desks.dial("sync")
    assert default.talks().began - caller.began >= 1.0
    desks.card_opens()
    assert desks.all_cards() == [DEFAULT]


def test_a_dead_phone_does_not_silence_the_living_one(desks: Desks) -> None:
    desks.open(routing={"dead_after": "1s"})
    default = desks.phone("100", Manner.RINGS)
    desks.softphone("244", "tcp").dies()
    manager = desks.softphone("244")
    caller = says_a_word_in_time(desks, lambda: desks.dial("sync"))
    nobody_else_rings(default)
    manager.answer(len(manager.told("CALL_INCOMING")))
    caller.to_be(State.TALKING)
    desks.card_opens()
    assert desks.all_cards() == [FIRST]


def says_a_word_in_time(desks: Desks, dial: Callable[[], Leg]) -> Leg:
    """Calls until the switch has heard within `dead_after`, a second here, that a telephone rings: one of a
    machine that stands still is dead. The caller who hears that.
    """
    for _ in range(20):
        caller = dial()
        while time.monotonic() - caller.began < 1.0:
            legs = json.loads(desks.switch.api("show channels as json")).get("rows", [])
            called = {leg["callstate"] for leg in legs if leg["direction"] == "outbound"}
            if called & {"RINGING", "EARLY"} and time.monotonic() - caller.began < 1.0:
                return caller
        caller.hang_up()
        desks.switch.quiet()
    raise AssertionError("this machine is never quick enough")


def nobody_else_rings(default: Phone) -> None:
    """Not when `dead_after` has passed."""
    rang = len(default.legs)
    with pytest.raises(AssertionError):
        default.rings(rang + 1, within=2.2)


def test_who_was_answered_before_hears_ringing(desks: Desks) -> None:
    desks.open()
    manager = desks.softphone("244")
    caller = desks.call("greeting").to_be(State.TALKING)
    manager.rings()
    desks.hears()
    manager.answer()
    desks.card_opens()
    assert caller.state is State.TALKING
    assert desks.all_cards() == [FIRST]


def test_a_stranger_keeps_the_name_that_he_has(desks: Desks) -> None:
    desks.open()
    default = desks.phone("100")
    caller = desks.dial("sync", STRANGER, "Mobile")
    assert default.talks().name == "Mobile"
    assert desks.switch.api(f"uuid_getvar {caller.call_id} caller_id_name") == "Mobile"
    desks.card_opens()
    assert desks.all_cards() == [(STRANGER, "KEY100")]


def test_a_phone_that_announces_is_not_dead(desks: Desks) -> None:
    """183 is a word, too, even where the announcement itself is not let through (ignore_early_media)."""
    desks.open(routing={"dead_after": "1s"})
    manager, default = desks.phone("247", Manner.ANNOUNCES), desks.phone("100", Manner.RINGS)
    caller = says_a_word_in_time(desks, lambda: desks.dial("ring_group", SILENT.number))
    nobody_else_rings(default)
    manager.legs[-1].answer()
    caller.to_be(State.TALKING)
    desks.card_opens()
    assert desks.all_cards() == [(SILENT.number, "KEY247")]
