"""The documents that a 1C makes of real calls, beside what was done on the telephones.

All scenarios of a base are played at the same time, each by a client of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fs_1c.simulator.onec import Client, Document
from tests.freeswitch.configuration import DOMAIN
from tests.freeswitch.office import Office
from tests.freeswitch.phones import BARESIP, Softphone
from tests.freeswitch.presence.test_phones import Desks, replaced
from tests.freeswitch.sip import PATIENCE, Agents, Leg, Manner, State
from tests.freeswitch.switch import BINARY
from tests.freeswitch.test_dialplan import QUEUE

pytestmark = [
    pytest.mark.freeswitch,
    pytest.mark.skipif(BARESIP is None, reason="there is no baresip on PATH"),
]

RINGS, TALKS = 3.0, 1.0
"""Seconds: a call that is billed as a whole is seen to be wrong."""
TOLERANCE = 1.0
HAND = ("100", "240", "241", "245", "247", "249")
"""Telephones of tests.freeswitch.sip, for all scenarios. 246 is busy; 242, 243 and 244 are softphones."""


@dataclass(frozen=True)
class Truth:
    """What was done on the telephones.

    Attributes:
        number: The client's.
        who: The last who talked to him; of a missed call whose telephone rang first.
        owner: Of a missed call.
        lasted: Seconds of the talk, at least and at most: by what was seen before and after it.
        call: What the call is called, if its caller knows.
    """

    number: str
    who: str
    lasted: tuple[float, float] = (0.0, 0.0)
    missed: bool = False
    owner: str = ""
    outgoing: bool = False
    call: str = ""
    recorded: bool = False


class Clock:
    """Seconds of a talk, from both sides: it began after `answering` and before `began`."""

    def __init__(self) -> None:
        self._answering = time.monotonic()
        self._began = self._ending = 0.0

    def began(self) -> None:
        self._began = time.monotonic()

    def ending(self) -> None:
        self._ending = time.monotonic()

    def ended(self) -> tuple[float, float]:
        return self._ending - self._began, time.monotonic() - self._answering


class Calls:
    """What clients and subscribers do. `clients` of 1C have the manager by whom the scenario is played."""

    def __init__(self, desks: Desks, agents: Agents) -> None:
        self.desks, self.agents = desks, agents
        self.phones = {extension: desks.phone(extension, Manner.RINGS) for extension in HAND}
        self.soft: dict[str, Softphone] = {}
        self.others: list[Truth] = []

    def also(self, truth: Truth) -> None:
        """Of a scenario with two calls, the other."""
        self.others.append(truth)

    def at(self, extension: str, client: str, times: int = 1) -> Leg:
        """The call of that client at that telephone, when it has come."""
        phone = self.phones[extension]

        def legs() -> list[Leg]:
            return [leg for leg in phone.legs if f":{client}@" in leg.from_header]

        self.agents.wait(lambda: len(legs()) >= times, f"{extension} does not ring for {client}")
        return legs()[times - 1]

    def dial(self, client: str, example: str = "sync") -> Leg:
        return self.desks.dial(example, client)

    def answer(self, leg: Leg, caller: Leg) -> Clock:
        clock = Clock()
        leg.answer()
        caller.to_be(State.TALKING)
        # Who hands the call on before that, some milliseconds after his answer, has talked to nobody.
        self.desks.watcher.wait("CHANNEL_BRIDGE", caller.call_id, within=PATIENCE)
        clock.began()
        return clock

    def ends(self, clock: Clock, caller: Leg) -> tuple[float, float]:
        clock.ending()
        self.desks.after(caller)
        return clock.ended()


def answered(calls: Calls, client: str) -> Truth:
    """It rings for long, they talk for a moment."""
    caller = calls.dial(client)
    leg = calls.at("240", client)
    time.sleep(RINGS)
    clock = calls.answer(leg, caller)
    time.sleep(TALKS)
    return Truth(client, "240", calls.ends(clock, caller), call=caller.call_id)


def recorded(calls: Calls, client: str) -> Truth:
    if calls.desks.switch.api("module_exists mod_sndfile") != "true":
        pytest.skip("this FreeSWITCH has no mod_sndfile")
    caller = calls.dial(client, "recorded")
    clock = calls.answer(calls.at("240", client), caller)
    time.sleep(TALKS)
    return Truth(client, "240", calls.ends(clock, caller), call=caller.call_id, recorded=True)


def the_other_of_two_at_once(calls: Calls, client: str) -> Truth:
    """One number, two calls: the second is missed while the first talks."""
    first = calls.dial(client)
    clock = calls.answer(calls.at("240", client), first)
    second = calls.dial(client)
    calls.at("240", client, 2)
    calls.desks.after(second)
    time.sleep(TALKS)
    calls.also(Truth(client, "240", calls.ends(clock, first), call=first.call_id))
    return Truth(client, "240", missed=True, owner="240", call=second.call_id)


def in_vain(calls: Calls, client: str, rings: str, owner: str) -> Truth:
    caller = calls.dial(client)
    calls.at(rings, client)
    caller.to_be(State.RINGING)  # so the switch knows that it rings
    calls.desks.after(caller)
    return Truth(client, rings, missed=True, owner=owner, call=caller.call_id)


def missed(calls: Calls, client: str) -> Truth:
    return in_vain(calls, client, "249", "249")


def busy_then_default(calls: Calls, client: str) -> Truth:
    caller = calls.dial(client)
    clock = calls.answer(calls.at("100", client), caller)
    time.sleep(TALKS)
    return Truth(client, "100", calls.ends(clock, caller), call=caller.call_id)


def busy_then_nobody(calls: Calls, client: str) -> Truth:
    """The manager owns it, though the other's telephone rang last."""
    return in_vain(calls, client, "100", "246")


def of_no_manager(calls: Calls, client: str) -> Truth:
    return in_vain(calls, client, "100", "100")


def in_the_greeting(calls: Calls, client: str) -> Truth:
    """The switch has answered, and nobody has."""
    caller = calls.desks.call("greeting", client).to_be(State.TALKING)
    calls.at("249", client)
    time.sleep(TALKS)
    calls.desks.after(caller)
    return Truth(client, "249", missed=True, owner="249", call=caller.call_id)


def blind_transfer(calls: Calls, client: str) -> Truth:
    caller = calls.dial(client)
    first = calls.at("247", client)
    clock = calls.answer(first, caller)
    first.refer("241")
    second = calls.at("241", client)
    second.answer()
    calls.desks.watcher.wait("CHANNEL_BRIDGE", caller.call_id, 2, PATIENCE)
    time.sleep(TALKS)
    return Truth(client, "241", calls.ends(clock, caller), call=caller.call_id)


def blind_transfer_that_nobody_takes(calls: Calls, client: str) -> Truth:
    """He has talked to somebody: it is not missed. Ringing again is no talk."""
    caller = calls.dial(client)
    first = calls.at("247", client)
    clock = calls.answer(first, caller)
    time.sleep(TALKS)
    clock.ending()
    first.refer("241")
    calls.at("241", client)
    lasted = clock.ended()
    time.sleep(RINGS)
    calls.desks.after(caller)
    return Truth(client, "247", lasted, call=caller.call_id)


def attended_transfer(calls: Calls, client: str) -> Truth:
    """By softphones, with hold and resume before."""
    desks, manager, colleague = calls.desks, calls.soft["243"], calls.soft["242"]
    caller = calls.dial(client)
    clock = Clock()
    manager.answer()
    caller.to_be(State.TALKING)
    clock.began()
    own = manager.told("CALL_INCOMING")[0]["id"]
    leg = desks.colleagues_leg(caller)
    manager.hold()
    desks.watcher.wait("CHANNEL_HOLD", leg, within=PATIENCE)
    manager.resume()
    desks.watcher.wait("CHANNEL_UNHOLD", leg, within=PATIENCE)
    manager.hold()
    manager.command("dial", manager.uri("242"))
    colleague.answer()
    consultation = manager.to_tell("CALL_ESTABLISHED", 2)["id"]
    manager.command("callfind", own)
    manager.transfer(replaced(desks, manager.uri("242"), consultation))
    desks.watcher.wait("CHANNEL_BRIDGE", caller.call_id, 2, PATIENCE)
    time.sleep(TALKS)
    return Truth(client, "242", calls.ends(clock, caller), call=caller.call_id)


def pick_up(calls: Calls, client: str) -> Truth:
    """By the key with a lamp."""
    caller = calls.dial(client)
    ringing = calls.at("247", client)
    clock = Clock()
    colleague = calls.agents.call("247", "245", replaces=ringing)
    caller.to_be(State.TALKING)
    colleague.to_be(State.TALKING)
    clock.began()
    time.sleep(TALKS)
    return Truth(client, "245", calls.ends(clock, caller), call=caller.call_id)


def group(calls: Calls, client: str) -> Truth:
    caller = calls.dial(client, "ring_group")
    calls.soft["244"].rings()
    clock = calls.answer(calls.at("245", client), caller)
    time.sleep(TALKS)
    return Truth(client, "245", calls.ends(clock, caller), call=caller.call_id)


def queue(calls: Calls, client: str) -> Truth:
    """The switch answers at once, the agent later."""
    if not QUEUE:
        pytest.skip("this FreeSWITCH has no mod_callcenter")
    caller = calls.dial(client, "queue").to_be(State.TALKING)
    agent = calls.at("245", client)
    time.sleep(2 * TALKS)
    clock = Clock()
    agent.answer()
    calls.desks.watcher.wait("CHANNEL_BRIDGE", caller.call_id, within=PATIENCE)
    clock.began()
    time.sleep(TALKS)
    return Truth(client, "245", calls.ends(clock, caller), call=caller.call_id)


def called(calls: Calls, client: str, who: str, theirs: Leg, last: Leg) -> Truth:
    """`last`, the client's leg or the subscriber's, rings for long before they talk."""
    desks = calls.desks
    time.sleep(RINGS)
    clock = Clock()
    last.answer()
    desks.until(lambda: client in desks.switch.api("show bridged_calls"), "they are not connected", PATIENCE)
    clock.began()
    time.sleep(TALKS)
    clock.ending()
    theirs.hang_up()
    desks.until(lambda: client not in desks.switch.api("show channels"), "they stay", PATIENCE)
    return Truth(client, who, clock.ended(), outgoing=True)


def originate(calls: Calls, what: str) -> None:
    assert calls.desks.switch.api(f"bgapi originate {what}").startswith("+OK")


def outgoing(calls: Calls, client: str) -> Truth:
    phone, soft = calls.desks.phone(client, Manner.RINGS), calls.soft["244"]
    soft.command("dial", soft.uri(client))
    leg = phone.rings()
    return called(calls, client, "244", leg, leg)


def callback(calls: Calls, client: str) -> Truth:
    """The switch calls the subscriber first, then the client."""
    phone = calls.desks.phone(client, Manner.RINGS)
    originate(calls, f"{{origination_caller_id_number={client}}}user/241@127.0.0.1 {client} XML default")
    calls.at("241", client).answer()
    leg = phone.rings()
    return called(calls, client, "241", leg, leg)


def client_called_first(calls: Calls, client: str) -> Truth:
    """As a dialler does: when he answers, a subscriber's telephone rings."""
    phone = calls.desks.phone(client, Manner.RINGS)
    where = f"{{domain_name={DOMAIN}}}sofia/internal/sip:{client}@{DOMAIN}:{calls.agents.port}"
    originate(calls, f"{where} 241 XML default")
    theirs = phone.rings()
    theirs.answer()
    return called(calls, client, "241", theirs, calls.at("241", client))


Scenario = Callable[[Calls, str], Truth]
MANAGERS: dict[Scenario, str] = {
    answered: "240",
    recorded: "240",
    the_other_of_two_at_once: "240",
    missed: "249",
    busy_then_default: "246",
    busy_then_nobody: "246",
    of_no_manager: "",
    in_the_greeting: "249",
    blind_transfer: "247",
    blind_transfer_that_nobody_takes: "247",
    attended_transfer: "243",
    pick_up: "247",
    group: "",
    queue: "246",
    outgoing: "",
    callback: "",
    client_called_first: "",
}
CLIENTS = {play: f"8923111{index:04}" for index, play in enumerate(MANAGERS, 10)}


class Played:
    """All scenarios at once, and what 1C has made of them."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        assert calls.desks.onec is not None
        self.onec = calls.desks.onec
        with ThreadPoolExecutor(len(MANAGERS)) as people:
            self.truths: dict[Scenario, Future[Truth]] = {
                play: people.submit(play, calls, CLIENTS[play]) for play in MANAGERS
            }

    def document(self, truth: Truth) -> Document:
        """What 1C has made of a call, when it has heard of its end."""

        def made() -> list[Document]:
            return [
                one
                for one in self.onec.calls
                if one.number[-10:] == truth.number[-10:] and truth.call in ("", one.call)
            ]

        def over() -> bool:
            return any(one.states[-1] in ("END", "history") for one in made())

        self.calls.desks.until(over, f"1C does not hear of its end: {self.onec.calls}")
        (document,) = made()
        return document

    def agrees(self, truth: Truth, dialect: str) -> None:
        made = self.document(truth)
        assert (made.outgoing, made.missed, made.answered) == (truth.outgoing, truth.missed, not truth.missed)
        least, most = truth.lasted
        assert least - TOLERANCE <= made.seconds <= most + TOLERANCE
        assert bool(made.link) == truth.recorded
        if dialect == "mobilon-3":
            assert made.reminders == truth.missed
            assert made.owners == [truth.owner] or not truth.missed
        if not truth.missed or dialect == "itoolabs":
            assert made.who == truth.who


@pytest.fixture(scope="module")
def office(certificates: Path, agents: Agents, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    if BINARY is None:
        pytest.skip("there is no freeswitch on PATH")
    folder = tmp_path_factory.mktemp("office")
    with Office(folder, certificates, agents.port, tuple(map(str, QUEUE))) as started:
        yield started


@pytest.fixture(scope="module", params=["mobilon-3", "itoolabs"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def played(
    dialect: str, office: Office, agents: Agents, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("telephones")
    desks = Desks(office, agents, folder)
    calls = Calls(desks, agents)
    known = tuple(Client(CLIENTS[play], play.__name__, "0", who) for play, who in MANAGERS.items())
    more: dict[str, Any] = {"crm_token": "rehearsal"} if dialect == "itoolabs" else {}
    try:
        desks.open(
            clients=known,
            dialect=dialect,
            onec=more,
            history={"enabled": True},
            state={"folder": str(folder)},
            recordings={
                "folder": str(office.folder / "recordings"),
                "link": "http://pbx.example/recordings",
                "listen": "127.0.0.1:0",
            },
        )
        if QUEUE:
            office.api("callcenter_config agent set status 244@default 'Logged Out'")
        calls.soft = {extension: desks.softphone(extension) for extension in ("242", "243", "244")}
        yield Played(calls)
    finally:
        desks.close()


@pytest.mark.parametrize("play", MANAGERS, ids=lambda play: play.__name__)
def test_1c_has_what_was_done(played: Played, dialect: str, play: Scenario) -> None:
    played.agrees(played.truths[play].result(), dialect)


def test_1c_has_the_first_of_two_calls_at_once_too(played: Played, dialect: str) -> None:
    played.truths[the_other_of_two_at_once].result()
    (first,) = played.calls.others
    played.agrees(first, dialect)


def test_no_document_is_of_anything_else(played: Played) -> None:
    """The calls between subscribers, a consultation among them, make none."""
    truths = [truth.result() for truth in played.truths.values() if truth.exception() is None]
    for truth in (*truths, *played.calls.others):
        played.document(truth)
    assert len(played.onec.calls) == len(truths) + len(played.calls.others)
