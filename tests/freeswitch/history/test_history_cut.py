"""The documents of calls during which the service, or its ear at the switch, was away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fs_1c.simulator.onec import Client, Document, Fault
from tests.freeswitch.conftest import Company
from tests.freeswitch.sip import PATIENCE, Agents, Leg, Manner, State
from tests.freeswitch.switch import Switch

pytestmark = pytest.mark.freeswitch

TOLERANCE = 1.0
CLIENTS = {manager: Client(f"89231112{manager}", "Клиент", "0", manager) for manager in ("240", "241", "245")}


@pytest.fixture(params=["mobilon-3", "itoolabs"])
def company(
    request: pytest.FixtureRequest, switch: Switch, agents: Agents, tmp_path: Path
) -> Iterator[Company]:
    made = Company(switch, agents)
    token: dict[str, Any] = {"crm_token": "rehearsal"} if request.param == "itoolabs" else {}
    made.serve(
        inbound=True,
        dialect=request.param,
        clients=tuple(CLIENTS.values()),
        onec=token,
        history={"enabled": True},
        state={"folder": str(tmp_path)},
    )
    yield made
    made.close()


def document(company: Company, caller: Leg) -> Document:
    """When 1C has heard of its end."""
    onec = company.onec
    assert onec is not None

    def made() -> list[Document]:
        return [one for one in onec.calls if one.call == caller.call_id]

    company.until(lambda: any(one.states[-1] in ("END", "history") for one in made()), "it has no end in 1C")
    (document,) = made()
    return document


def talks(company: Company, manager: str) -> tuple[Leg, float, float]:
    """A client who talks to his manager; between which two moments that began."""
    phone = company.phone(manager, Manner.RINGS)
    caller = company.call("sync", CLIENTS[manager].number)
    leg = phone.rings()
    before = time.monotonic()
    leg.answer()
    caller.to_be(State.TALKING)
    company.watcher.wait("CHANNEL_BRIDGE", caller.call_id, within=PATIENCE)
    return caller, before, time.monotonic()


def is_right(made: Document, who: str, least: float, most: float) -> None:
    assert (made.who, made.missed, made.answered) == (who, False, True)
    assert least - TOLERANCE <= made.seconds <= most + TOLERANCE


@pytest.mark.parametrize("away", ["the ear", "the service"])
def test_a_call_goes_on_where_the_switch_says_it_is(company: Company, away: str) -> None:
    """One is handed over meanwhile, one is answered meanwhile, after early media, one ends meanwhile."""
    running = company.running
    assert running is not None
    with ThreadPoolExecutor(2) as people:
        first, second = people.map(lambda manager: talks(company, manager), ("240", "241"))
    late = company.phone("245", Manner.ANNOUNCES)
    third = company.call("sync", CLIENTS["245"].number)
    ringing = late.rings()
    third.to_be(State.RINGING)
    assert company.onec is not None
    onec = company.onec
    company.until(lambda: len(onec.cards) >= 2, "1C does not hear of the talks")

    if away == "the ear":
        running.cut_off()
    else:
        running.stop()
    colleague = company.phone("247", Manner.RINGS)
    assert company.switch.api(f"uuid_transfer {first[0].call_id} 247 XML public").startswith("+OK")
    colleague.rings().answer()
    company.watcher.wait("CHANNEL_BRIDGE", first[0].call_id, 2, PATIENCE)
    ended = time.monotonic()
    company.after(second[0])
    time.sleep(2 * TOLERANCE)
    answering = time.monotonic()
    ringing.answer()
    third.to_be(State.TALKING)
    company.watcher.wait("CHANNEL_ANSWER", third.call_id, within=PATIENCE)
    began = time.monotonic()
    if away == "the ear":
        running.listens_again()
    else:
        running = company.serve_again()
    back = document(company, second[0])
    company.card_opens(4)  # of those two with whom somebody talks whose card 1C does not have
    for caller, who, before, after in (
        (first[0], "247", first[1], first[2]),
        (third, "245", answering, began),
    ):
        least = time.monotonic() - after
        company.after(caller)
        is_right(document(company, caller), who, least, time.monotonic() - before)
    # When it ended nobody can say any more: not before we went, not after we came back.
    is_right(back, "241", ended - second[2], time.monotonic() - second[1])


def test_who_hangs_up_while_1c_is_asked_about_him_has_called(company: Company) -> None:
    onec = company.onec
    assert onec is not None
    company.until(lambda: onec.stats.requests > 0, "1C is not woken")
    asked = onec.stats.requests
    onec.fault = Fault("slow-answer", seconds=3600.0, operation=_lookup(company))
    caller = company.call("sync", CLIENTS["240"].number)
    company.until(lambda: onec.stats.requests > asked, "1C is not asked")
    company.after(caller)
    onec.clear_fault()
    made = document(company, caller)
    assert (made.missed, made.answered, made.seconds, made.outgoing) == (True, False, 0, False)
    assert made.number[-10:] == CLIENTS["240"].number[-10:]


def _lookup(company: Company) -> str:
    return "contact" if company._settings["onec"]["dialect"] == "itoolabs" else "SayName"
