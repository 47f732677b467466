"""A simulated 1C and a simulated FreeSWITCH with whole calls, until stdin ends: `python -m
tests.debian.traffic RATE`. Then one line of JSON: what became of them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
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
class Odd:
    """A call to be looked for in the log.

    Attributes:
        uuid, outcome, result: As in the log; how the service ended its part; what it said.
        held: Milliseconds in which the switch heard nobody but the service.
        over: Seconds since 1970: when everybody had hung up.
    """

    uuid: str
    outcome: str
    result: str
    held: float
    over: float


@dataclass(frozen=True)
class Traffic:
    """What became of all calls.

    Attributes:
        calls, answered, named: How many; whose client somebody has heard; of whom 1C's name was shown.
        outcomes: How the service ended its part, by the switch.
        results: What it said.
        slowest: Milliseconds that the one who waited longest was with the service.
        behind: Milliseconds by which a call was made too late at the most: so long did this machine stall.
        nameless: Of which 1C's name was not shown, or that the service did not let go by itself.
        cards, twice, without: Opened; beyond one for each call of the manager; his calls without one.
        cardless: The manager's calls from numbers that have fewer cards than calls.
    """

    calls: int
    answered: int
    named: int
    outcomes: dict[str, int]
    results: dict[str, int]
    slowest: float
    behind: float
    nameless: list[Odd]
    cards: int
    twice: int
    without: int
    cardless: list[Odd]


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
            calling: list[asyncio.Task[tuple[CallResult, float]]] = []
            loop = asyncio.get_running_loop()
            began, behind = loop.time(), 0.0
            while not over.done() and len(calling) < CALLS:
                script = CallScript(number(len(calling)), service=DOOR, ring=0.3, talk=TALK)
                calling.append(asyncio.create_task(_called(switch, script)))
                due = began + len(calling) / rate
                await asyncio.sleep(max(0.0, due - loop.time()))
                behind = max(behind, loop.time() - due)
            ended, over_at = zip(*await asyncio.gather(*calling), strict=True)
            managed = Counter(number(i) for i, one in enumerate(ended) if one.answered_by == MANAGER)
            for _ in range(300):  # the last cards are on their way
                cards = Counter(card.num_from for card in onec.cards)
                if cards.total() >= managed.total():
                    break
                await asyncio.sleep(0.1)
    odd = [
        Odd(one.uuid, one.service_outcome, _result(one), round(one.held_ms, 1), at)
        for one, at in zip(ended, over_at, strict=True)
    ]
    fewer = managed - cards
    named = [f"Клиент {i % NUMBERS}" in one.display_name for i, one in enumerate(ended)]
    return Traffic(
        calls=len(ended),
        answered=sum(one.answered_by is not None for one in ended),
        named=sum(named),
        outcomes=dict(Counter(one.service_outcome for one in ended)),
        results=dict(Counter(map(_result, ended))),
        slowest=round(max(one.held_ms for one in ended), 1),
        behind=round(behind * 1000, 1),
        nameless=[one for one, shown in zip(odd, named, strict=True) if not shown or one.outcome != "exited"],
        cards=cards.total(),
        twice=(cards - managed).total(),
        without=fewer.total(),
        cardless=[one for i, one in enumerate(odd) if fewer[number(i)] and ended[i].answered_by == MANAGER],
    )


async def _called(switch: SimulatedSwitch, script: CallScript) -> tuple[CallResult, float]:
    return await switch.call(script), time.time()


def _result(call: CallResult) -> str:
    return call.variables.get("fs_1c_result", "none")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(asyncio.run(run(float(sys.argv[1]))))) + "\n")
