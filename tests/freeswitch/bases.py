"""A company with three bases of 1C, one a dialect, and what its people do with their telephones.

The number that is dialled says which base a call belongs to, or the dialplan does.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fs_1c.simulator.onec import Client, Document, OneCSimulator, OneCSimulatorSettings
from tests.dialplan.files import SECOND_NUMBER
from tests.dialplan.switch import OWN_NUMBERS, number, ship
from tests.freeswitch.configuration import PASSWORD
from tests.freeswitch.conftest import NOBODY_IS_DEAD, Company, Running
from tests.freeswitch.sip import Agents, Leg, Manner, State
from tests.freeswitch.switch import Switch

BASES = {"three": "mobilon-3", "sales": "itoolabs", "service": "mobilon-2"}
"""The dialect of each; mobilon-2 with our own extension. bases.xml chooses the latter two by their names."""
NAMES = tuple(BASES)
EXTENSIONS = ("100", *(str(extension) for extension in range(240, 250)))
BUSY = "246"
MAILBOX = "74951230097"
"""A number without an example: who finds nobody is answered by the switch."""
_LINES = (number("sync"), number("ring_group"), MAILBOX)

_OWN = """<include>
  <extension name="mailbox"><condition field="destination_number" expression="^({mailbox})$">
    <action application="multiset" data="^^~continue_on_fail=true~hangup_after_bridge=true"/>
    <action application="socket" data="127.0.0.1:{service} full"/>
    <action application="bridge" data="${{fs_1c_target}}"/>
    <action application="answer"/>
    <action application="sleep" data="600000"/>
  </condition></extension>
{outgoing}</include>
"""
_OUTGOING = """  <extension name="out-{base}">
    <condition field="caller_id_number" expression="^24{of}$"/>
    <condition field="destination_number" expression="^(8\\d{{10}})$">
      <action application="export" data="fs_1c_base={base}"/>
      <action application="set" data="hangup_after_bridge=true"/>
      <action application="bridge" data="sofia/internal/sip:$1@127.0.0.1:{phones}"/>
    </condition>
  </extension>
"""


CHOSEN = {"sales": number("bases"), "service": number("bases", SECOND_NUMBER)}
"""Numbers that no base has: their dialplan chooses it."""


def line(example: str, base: str) -> str:
    """What a client dials to reach that example, or `MAILBOX`, of that base."""
    if example == "bases":
        return CHOSEN[base]
    usual = number(example) if example in OWN_NUMBERS else example
    return usual[:8] + str(NAMES.index(base)) + usual[9:]


def switch_in(folder: Path, certificates: Path, phones: int) -> Switch:
    """A switch whose examples have a number for each base."""
    switch = ship(Switch(folder, certificates, phones), phones)
    outgoing = "".join(_OUTGOING.format(base=name, of=i, phones=phones) for i, name in enumerate(BASES))
    own = _OWN.format(service=switch.service, mailbox=MAILBOX, outgoing=outgoing)
    public = folder / "conf" / "dialplan" / "public"
    (public / "own.xml").write_text(own)
    for file in public.glob("*.xml"):
        # A machine that stands still for a second is no 1C that is slow.
        text = file.read_text().replace("fs_1c_deadline=1200ms", "fs_1c_deadline=10s")
        for usual in _LINES:
            text = text.replace(usual, f"{usual[:8]}[0-{len(BASES) - 1}]{usual[9:]}")
        file.write_text(text)
    return switch


@dataclass
class Truth:
    """What was done on the telephones.

    Attributes:
        base: Its name.
        client: His number.
        who: The last who talked to him; of a missed call its owner; empty: nobody.
        line: That was dialled.
        call: What the call is called; empty: its caller does not know.
        dialled, rang: When; it rang not later. Seconds since the epoch.
        rang_at: Whose telephone, first; empty: nobody's.
        answering, talking, leaving, over: The talk began between the first two and ended between the others.
    """

    base: str
    client: str
    who: str
    line: str = ""
    call: str = ""
    outgoing: bool = False
    dialled: float = field(default_factory=time.time)
    rang: float = 0.0
    rang_at: str = ""
    answering: float = 0.0
    talking: float = 0.0
    leaving: float = 0.0
    over: float = 0.0

    @property
    def answered(self) -> bool:
        return bool(self.answering)

    @property
    def missed(self) -> bool:
        return not (self.answered or self.outgoing)

    @property
    def seconds(self) -> tuple[float, float]:
        """The talk lasted at least and at most that; on a quiet machine both are the same."""
        if not self.answered:
            return 0.0, 0.0
        return max(0.0, self.leaving - self.talking), self.over - self.answering


class ThreeBases(Company):
    """That company. Phones ring until they are answered, but for 246, which is busy."""

    def __init__(self, switch: Switch, agents: Agents, state: Path) -> None:
        super().__init__(switch, agents)
        self._state = state
        self.bases: dict[str, OneCSimulator] = {}
        self.phones = {one: self.phone(one, Manner.RINGS) for one in EXTENSIONS if one != BUSY}

    def open(self, clients: Iterable[Client], **more: Any) -> Running:
        bases: dict[str, Any] = {}
        for name, dialect in BASES.items():
            onec = OneCSimulator(
                OneCSimulatorSettings(port=0, clients=tuple(clients), dialect=dialect, sessions="autouse")  # type: ignore[arg-type]
            )
            onec.start()
            self.bases[name] = onec
            own = [line(one, name) for one in ("sync", "ring_group", MAILBOX)]
            bases[name] = {"url": onec.url, "dialect": dialect, "destinations": own}
            if dialect == "itoolabs":
                bases[name]["crm_token"] = "rehearsal"
        self._settings = {
            "onec": bases,
            "lookup": {"deadline": "30s"},
            "routing": {"ring_for": "30s", **NOBODY_IS_DEAD},
            "history": {"enabled": True},
            "state": {"folder": str(self._state)},
            "subscribers": {"keys": {one: f"KEY{one}" for one in EXTENSIONS}},
            "esl": {
                "outbound": {"listen": f"127.0.0.1:{self.switch.service}", "linger": 1},
                "inbound": [{"address": f"127.0.0.1:{self.switch.event_socket}", "password": PASSWORD}],
            },
            "http": {"listen": "127.0.0.1:0"},
            **more,
        }
        return self.serve_again()

    def rings_for(self, truth: Truth, extension: str) -> Leg:
        """The call of that client at that telephone, when it has come."""
        phone = self.phones[extension]

        def legs() -> list[Leg]:
            return [leg for leg in phone.legs if f":{truth.client}@" in leg.from_header]

        self._agents.wait(lambda: bool(legs()), f"{extension} does not ring for {truth.client}")
        truth.rang, truth.rang_at = truth.rang or time.time(), truth.rang_at or extension
        return legs()[0]

    def dials(self, truth: Truth, example: str) -> Leg:
        truth.line, truth.dialled = line(example, truth.base), time.time()
        caller = self.call(truth.line, truth.client)
        truth.call = caller.call_id
        return caller

    def answers(self, truth: Truth, leg: Leg, caller: Leg) -> None:
        """They talk when it returns."""
        truth.answering = time.time()
        leg.answer()
        caller.to_be(State.TALKING)
        leg.to_be(State.TALKING)
        truth.talking = time.time()

    def leaves(self, truth: Truth, who: Leg) -> None:
        """He hangs up; it is over at the switch, too, when it returns."""
        truth.leaving = time.time()
        who.hang_up()
        if truth.call:
            self.watcher.wait("CHANNEL_HANGUP_COMPLETE", truth.call, within=30.0)
        else:
            self.until(lambda: truth.client not in self.switch.api("show channels"), "the call stays")
        truth.over = time.time()

    def documents(self, truths: list[Truth]) -> list[Document]:
        """Waits until each base has been told of its calls; ends the service; a document a truth."""
        wanted = {name: sum(truth.base == name for truth in truths) for name in BASES}
        with contextlib.suppress(AssertionError):
            self.until(lambda: {name: len(_over(onec)) for name, onec in self.bases.items()} == wanted, "")
        assert self.running is not None
        self.running.stop()
        told = "\n".join(f"{name}: {one}" for name, onec in self.bases.items() for one in onec.calls)
        assert {name: len(_over(onec)) for name, onec in self.bases.items()} == wanted, told
        assert {name: len(onec.calls) for name, onec in self.bases.items()} == wanted, told
        return [_of(truth, self.bases[truth.base].calls) for truth in truths]

    def close(self) -> None:
        super().close()
        for onec in self.bases.values():
            onec.stop()


def _over(onec: OneCSimulator) -> list[Document]:
    return [one for one in onec.calls if {"END", "history"} & set(one.states)]


def _of(truth: Truth, documents: Iterable[Document]) -> Document:
    (document,) = (
        one
        for one in documents
        if one.number[-10:] == truth.client[-10:] and (not truth.call or one.call == truth.call)
    )
    return document
