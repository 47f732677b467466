"""A simulated 1C and a simulated FreeSWITCH with whole calls, until stdin ends: `python -m
tests.debian.traffic RATE`. Then one line of JSON: what became of them.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass

from fs_1c.simulator.freeswitch import CallResult, CallScript, SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import Client, OneCSimulator, OneCSimulatorSettings

CALLS = 9_000
"""At the most: the simulated 1C keeps 10 000 requests."""
DOOR = "127.0.0.1", 8084
MANAGER, TALK = "244", 5.0
NUMBERS = 200
"""Clients who call, one after the other, and again: not more new ones than one trunk may bring."""


@dataclass(frozen=True)
class Traffic:
    """What became of all calls.

    Attributes:
        calls, answered, named: How many; whose client somebody has heard; of whom 1C's name was shown.
        outcomes: How the service ended its part, by the switch.
        results: What it said.
        slowest: Milliseconds that the one who waited longest was with the service.
        cards, twice, without: Opened; beyond one for each call of the manager; his calls without one.
    """

    calls: int
    answered: int
    named: int
    outcomes: dict[str, int]
    results: dict[str, int]
    slowest: float
    cards: int
    twice: int
    without: int


def number(i: int) -> str:
    return f"8923{5000000 + i % NUMBERS}"


async def run(rate: float) -> Traffic:
    clients = tuple(Client(number(i), f"Клиент {i}", "0", MANAGER) for i in range(NUMBERS))
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    with OneCSimulator(OneCSimulatorSettings(port=8080, latency=0.01, clients=clients)) as onec:
        async with SimulatedSwitch(SwitchSettings(port=8021)) as switch:
            sys.stdout.write("here\n")
            sys.stdout.flush()
            await switch.wait_for_subscribers(timeout=120.0)
            sys.stdout.write("calls\n")
            sys.stdout.flush()
            calling: list[asyncio.Task[CallResult]] = []
            loop = asyncio.get_running_loop()
            began = loop.time()
            while not over.done() and len(calling) < CALLS:
                script = CallScript(number(len(calling)), service=DOOR, ring=0.3, talk=TALK)
                calling.append(asyncio.create_task(switch.call(script)))
                await asyncio.sleep(max(0.0, began + len(calling) / rate - loop.time()))
            ended = await asyncio.gather(*calling)
            managed = Counter(number(i) for i, one in enumerate(ended) if one.answered_by == MANAGER)
            for _ in range(300):  # the last cards are on their way
                cards = Counter(card.num_from for card in onec.cards)
                if cards.total() >= managed.total():
                    break
                await asyncio.sleep(0.1)
    return Traffic(
        calls=len(ended),
        answered=sum(one.answered_by is not None for one in ended),
        named=sum(f"Клиент {i % NUMBERS}" in one.display_name for i, one in enumerate(ended)),
        outcomes=dict(Counter(one.service_outcome for one in ended)),
        results=dict(Counter(one.variables.get("fs_1c_result", "none") for one in ended)),
        slowest=round(max(one.lookup_ms or 0.0 for one in ended), 1),
        cards=cards.total(),
        twice=(cards - managed).total(),
        without=(managed - cards).total(),
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(asyncio.run(run(float(sys.argv[1]))))) + "\n")
