"""`make cluster`: several switches, a service of its own for each, one Redis: what a call costs.

python -m tests.cluster.load --switches 10 --rate 20 --seconds 600 [--reserves]

Says how many cards there were and how many were missing or double, words to Redis for each card, processor
time of a service for each card, lines of its log for each call; and of each that is promised whether it is
kept. Exits with 1 if one is not.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

from fs_1c.simulator.freeswitch import CallScript, SimulatedSwitch, SwitchSettings
from tests.cluster.support import LONG, Cluster
from tests.processes import free_port, processor_time
from tests.redis_server import RedisServer, redis_server
from tests.world import onec_simulator, until

WORDS = 3.0
"""To Redis, for each card, at the most."""
LINES = 2.0
"""Of the log, for each call, at the most."""
RESERVE = 1.2
"""Processor time of a service that is a reserve, too, as a share of one that is not, at the most. Both were
measured one after the other, at the same rate, so what else the machine does counts a little.
"""
TALK = 1.0
"""Seconds."""
SENT = ("eval", "evalsha", "ping", "publish", "subscribe", "unsubscribe", "hello", "auth")


@dataclass(frozen=True)
class Cost:
    """What one run took.

    Attributes:
        calls: That were made; each should open one card.
        words: That services sent to Redis meanwhile.
        processor: Seconds that all services took.
        lines: That they logged of calls.
    """

    calls: int
    missing: int
    double: int
    words: int
    processor: float
    lines: int
    took: float

    @property
    def each(self) -> float:
        """Processor time of all services for a call, in milliseconds."""
        return self.processor / self.calls * 1000


def sent(redis: RedisServer) -> int:
    """Words that services have sent; what a script does within Redis is none."""
    counted = redis.client.info("commandstats")
    return sum(counted.get(f"cmdstat_{word}", {"calls": 0})["calls"] for word in SENT)


async def run(folder: Path, switches: int, rate: float, seconds: float, *, reserves: bool) -> Cost:
    """Calls come in at each switch at that rate, for so long."""
    async with AsyncExitStack() as stack:
        within = stack.enter_context(ExitStack())
        onec = within.enter_context(onec_simulator(latency=0.03))
        here = [
            Cluster(folder, onec, await stack.enter_async_context(SimulatedSwitch(SwitchSettings(port=0))))
            for _ in range(switches)
        ]
        redis = within.enter_context(redis_server())
        services, doors = [], []
        for i, cluster in enumerate(here):
            cluster.redis = redis
            after = here[(i + 1) % switches].switch.event_socket_port
            more = f'[[esl.inbound]]\naddress = "127.0.0.1:{after}"\nname = "sw{(i + 1) % switches}"\n'
            service = await cluster.add(
                f"service{i}",
                switch=f"sw{i}",
                outbound=(door := free_port()),
                http="enabled = false\n" + (f'{more}role = "reserve"\n' if reserves else ""),
            )
            within.callback(service.close)
            services.append(service)
            doors.append(door)
        words = sent(redis)
        used = sum(processor_time(service.process.pid) for service in services)
        began = time.monotonic()
        numbers = await asyncio.gather(
            *(callers(one, i, doors[i], rate, began + seconds) for i, one in enumerate(here))
        )
        wanted = {number for some in numbers for number in some}
        took = time.monotonic() - began

        def open_now() -> Counter[str]:
            return Counter(card.num_from for card in list(onec.cards))

        try:
            await until(lambda: len(onec.cards) >= len(wanted), LONG)
        except AssertionError:
            sys.stderr.write("cards are missing\n")
        used = sum(processor_time(service.process.pid) for service in services) - used
        words = sent(redis) - words
        for service in services:
            await service.stop()
        cards = open_now()
        lines = sum(service.log.read_text("utf-8").count("call=") for service in services)
        double = sum(many > 1 for many in cards.values())
        return Cost(len(wanted), len(wanted - cards.keys()), double, words, used, lines, took)


async def callers(cluster: Cluster, switch: int, door: int, rate: float, until_when: float) -> list[str]:
    """Clients, each with a number of his own, at an even pace whatever becomes of their calls."""
    numbers: list[str] = []
    calls: set[asyncio.Task[object]] = set()
    began = time.monotonic()
    while (now := time.monotonic()) < until_when:
        number = f"89{switch:02d}{len(numbers):07d}"
        numbers.append(number)
        script = CallScript(
            number,
            service=("127.0.0.1", door),
            answered_by="244",
            default_target="user/244@127.0.0.1",
            variables={"fs_1c_default_target": "user/244@127.0.0.1"},
            ring=0.02,
            talk=TALK,
        )
        call = asyncio.create_task(cluster.switch.call(script))
        calls.add(call)
        call.add_done_callback(calls.discard)
        await asyncio.sleep(max(0.0, began + len(numbers) / rate - now))
    await asyncio.gather(*calls)
    return numbers


def show(what: str, cost: Cost, least: Cost | None) -> bool:
    """Prints it, and what of the promises is kept. Are all?

    Args:
        least: The same without reserves, or nothing if this is that.
    """
    words, lines = cost.words / cost.calls, cost.lines / cost.calls
    promises = [
        (f"cards {cost.calls}, missing {cost.missing}, double {cost.double}", not cost.missing + cost.double),
        (f"words to Redis for a card {words:.2f}, promised {WORDS:g}", words <= WORDS),
        (f"lines of the log for a call {lines:.2f}, promised {LINES:g}", lines <= LINES),
    ]
    if least:
        share = cost.each / least.each
        promises.append((f"processor as of {share:.2f} own switches, promised {RESERVE:g}", share <= RESERVE))
    sys.stdout.write(
        f"{what}: {cost.calls} calls in {cost.took:.0f} s, {cost.each:.2f} ms of processor time each\n"
        + "".join(f"    {'kept' if kept else 'NOT KEPT'}: {promise}\n" for promise, kept in promises)
    )
    sys.stdout.flush()
    return all(kept for _, kept in promises)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--switches", type=int, default=4)
    parser.add_argument("--rate", type=float, default=5.0, help="calls a second at each switch")
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    well, least = True, None
    for what, switches, reserves in (
        ("one switch", 1, False),
        (f"{given.switches} switches, each with its own service", given.switches, False),
        (f"{given.switches} switches, each service the reserve of the next", given.switches, True),
    ):
        with tempfile.TemporaryDirectory() as folder:
            cost = asyncio.run(run(Path(folder), switches, given.rate, given.seconds, reserves=reserves))
        well &= show(what, cost, least if reserves else None)
        least = cost
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
