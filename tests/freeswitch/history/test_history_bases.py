"""Several bases of 1C on one switch: each has the documents of its own calls, and of no others.

All at once, of each base: what is done on the telephones, beside the documents.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fs_1c.esl import inbound
from fs_1c.simulator.onec import Client, Document
from tests.freeswitch.bases import BASES, BUSY, CHOSEN, MAILBOX, NAMES, ThreeBases, Truth, switch_in
from tests.freeswitch.sip import Agents, Manner, State
from tests.freeswitch.switch import BINARY, Switch

pytestmark = pytest.mark.freeswitch

RINGS, TALKS = 3.0, 1.2
"""Seconds: who bills the ringing, too, is seen."""
TOLERANCE = 1.0

CALLS_OUT = "calls out"
"""A subscriber of each base does."""

Scenario = Callable[[ThreeBases, Truth], None]


@pytest.fixture(scope="module")
def three_bases_switch(
    certificates: Path, agents: Agents, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Switch]:
    if BINARY is None:
        pytest.skip("there is no freeswitch on PATH")
    with switch_in(tmp_path_factory.mktemp("bases"), certificates, agents.port) as started:
        yield started


@pytest.fixture
def company(three_bases_switch: Switch, agents: Agents, tmp_path: Path) -> Iterator[ThreeBases]:
    made = ThreeBases(three_bases_switch, agents, tmp_path)
    yield made
    made.close()


def talk(company: ThreeBases, truth: Truth, dialled: str, *rung: str, rings: float = RINGS) -> None:
    """All of these ring, and the last of them answers."""
    caller = company.dials(truth, dialled)
    legs = [company.rings_for(truth, extension) for extension in rung]
    time.sleep(rings)
    company.answers(truth, legs[-1], caller)
    time.sleep(TALKS)
    company.leaves(truth, caller)


def answered(company: ThreeBases, truth: Truth) -> None:
    talk(company, truth, "sync", "244")


def group(company: ThreeBases, truth: Truth) -> None:
    talk(company, truth, "ring_group", "244", "245")


def chosen_by_the_dialplan(company: ThreeBases, truth: Truth) -> None:
    """It was not told by the channel when his telephone rang."""
    talk(company, truth, "bases", "244", rings=0.0)


def missed(company: ThreeBases, truth: Truth) -> None:
    caller = company.dials(truth, "sync")
    company.rings_for(truth, "247")
    caller.to_be(State.RINGING)
    company.leaves(truth, caller)


def busy_then_default(company: ThreeBases, truth: Truth) -> None:
    talk(company, truth, "sync", "100")


def busy_then_nobody(company: ThreeBases, truth: Truth) -> None:
    """The manager is to call back, though another's telephone rang, and his did not."""
    caller = company.dials(truth, "sync")
    company.rings_for(truth, "100")
    caller.to_be(State.RINGING)
    company.leaves(truth, caller)


def a_mailbox_answers(company: ThreeBases, truth: Truth) -> None:
    """The switch has answered, and nobody has."""
    caller = company.dials(truth, MAILBOX).to_be(State.TALKING)
    truth.rang = time.time()
    time.sleep(RINGS)
    company.leaves(truth, caller)


def outgoing(company: ThreeBases, truth: Truth) -> None:
    _calls_out(company, truth, answered=True)


def outgoing_to_nobody(company: ThreeBases, truth: Truth) -> None:
    """It is no missed call."""
    _calls_out(company, truth, answered=False)


def _calls_out(company: ThreeBases, truth: Truth, *, answered: bool) -> None:
    client = company.phone(truth.client, Manner.RINGS)
    caller = company.call(truth.client, truth.who)
    leg = client.rings()
    truth.rang = time.time()
    caller.to_be(State.RINGING)
    if answered:
        time.sleep(RINGS)
        company.answers(truth, leg, caller)
        time.sleep(TALKS)
    company.leaves(truth, caller)


# The client's manager, and whose the call is in the end (of a missed one: who owns it).
SCENARIOS: dict[Scenario, tuple[str, str]] = {
    answered: ("244", "244"),
    chosen_by_the_dialplan: ("244", "244"),
    group: ("", "245"),
    missed: ("247", "247"),
    busy_then_default: (BUSY, "100"),
    busy_then_nobody: (BUSY, BUSY),
    a_mailbox_answers: (BUSY, BUSY),
    outgoing: ("", CALLS_OUT),
    outgoing_to_nobody: ("", CALLS_OUT),
}


def test_each_base_has_its_own_calls_as_they_were(
    company: ThreeBases, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a service that has been there for long: it learns by events alone, and by no dump of a channel.
    monkeypatch.setattr(inbound, "LOOK_AGAIN", ())
    played: list[tuple[Scenario, Truth]] = []
    clients = []
    for at, base in enumerate(NAMES):
        for place, (scenario, (manager, who)) in enumerate(SCENARIOS.items()):
            if scenario is chosen_by_the_dialplan and base not in CHOSEN:
                continue
            number, out = f"8923{at}{place:02}0077", who == CALLS_OUT
            if manager:
                clients.append(Client(number, f"Клиент {place}", "0", manager))
            played.append((scenario, Truth(base, number, f"24{at}" if out else who, outgoing=out)))
    company.open(clients)
    with ThreadPoolExecutor(len(played)) as pool:
        for done in [pool.submit(scenario, company, truth) for scenario, truth in played]:
            done.result()
    documents = company.documents([truth for _, truth in played])
    wrong = [
        f"{truth.base}, {scenario.__name__}: {fault}; {truth}; {made}"
        for (scenario, truth), made in zip(played, documents, strict=True)
        for fault in faults(truth, made)
    ]
    assert not wrong, "\n".join(wrong)


def faults(truth: Truth, made: Document) -> list[str]:
    """In what a document differs from the truth."""
    least, most = truth.seconds
    dialect = BASES[truth.base]
    said = {
        "outgoing": made.outgoing == truth.outgoing,
        "answered": made.answered == truth.answered,
        "missed": made.missed == truth.missed,
        "seconds": least - TOLERANCE <= made.seconds <= most + TOLERANCE,
        "line": made.line == truth.line,
    }
    if dialect == "mobilon-2":  # it has times, of whole seconds
        said["began"] = int(truth.dialled - TOLERANCE) <= made.began <= truth.rang + TOLERANCE
        since = int(truth.answering - TOLERANCE) <= made.since <= truth.talking + TOLERANCE
        said["since"] = since or not truth.answered
    if truth.missed and dialect != "itoolabs":
        said["owners"] = made.owners == [truth.who]
    if not (truth.missed and dialect == "mobilon-2"):
        # Who is called first has the call in 1С:УНФ, unless another answers.
        first = truth.missed and dialect == "itoolabs" and truth.rang_at
        said["who"] = made.who == (first or truth.who)
    if dialect == "mobilon-3":
        said["reminders"] = made.reminders == truth.missed
    for word in ("INCOMING", "OUTGOING", "COMPLETED", "CANCELLED", "END"):
        said[f"{word} once"] = made.states.count(word) <= 1
    said["last"] = made.states[-1] in ("END", "history")
    return [what for what, is_right in said.items() if not is_right]
