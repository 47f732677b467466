"""`make cluster`: several switches, a service of its own for each, one Redis: what a call costs.

python -m tests.cluster.load --switches 10 --rate 20 --seconds 600 [--talk 1] [--keep FOLDER]

Says how many cards there were and how many were missing or double, words to Redis for each card, processor
time of a service for each card, lines of its log for each call; and of each that is promised whether it is
kept. Of each missing card it says why, by what its switch and the services know of the call. Exits with 1 if
a promise is not kept.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from fs_1c.simulator.freeswitch import CallResult, CallScript, SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec.simulator import MAX_REQUESTS
from tests.cluster.missing import why
from tests.cluster.support import LONG, Cluster
from tests.processes import free_port, processor_time
from tests.redis_server import RedisServer, redis_server
from tests.world import onec_simulator, until

WORDS = 3.0
"""To Redis, for each card, at the most."""
LINES = 2.0
"""Of the log, for each call, at the most."""
RESERVE = 1.2
"""Processor time of a service that is a reserve, too, as a share of one that is not, at the most. Both are
measured at the same time: what else the machine does makes calls dearer, but for both.
"""
LOOK = 0.05
"""Seconds between two looks whether our loop stands still."""
MOST_SHOWN = 20
"""Missing cards of which all is shown."""
SENT = ("eval", "evalsha", "ping", "publish", "subscribe", "unsubscribe", "hello", "auth")


@dataclass(frozen=True)
class Cost:
    """What one run took.

    Attributes:
        calls: That were made; each should open one card.
        words: That services sent to Redis meanwhile.
        processor: Seconds that all services took.
        stood: Seconds for which our own loop, and so all switches here, stood still at the longest.
        share: What a service took for a call of its own switch that is a reserve, too, as a share of one that
            is not; None: all are, or none is.
        lines: That they logged of calls.
        missing: Why a card is missing, in a word and in all lines, by the client's number.
    """

    calls: int
    missing: dict[str, tuple[str, list[str]]]
    double: int
    words: int
    processor: float
    stood: float
    share: float | None
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


async def run(
    folder: Path, switches: int, rate: float, seconds: float, talk: float, *, reserves: int
) -> Cost:
    """Calls come in at each switch at that rate, for so long, and talk for `talk` seconds each.

    Args:
        reserves: Each so manieth service is the reserve of the next one's switch; 0: none is.
    """
    async with AsyncExitStack() as stack:
        within = stack.enter_context(ExitStack())
        onec = within.enter_context(onec_simulator(latency=0.03))
        here = [
            Cluster(folder, onec, await stack.enter_async_context(SimulatedSwitch(SwitchSettings(port=0))))
            for _ in range(switches)
        ]
        redis = within.enter_context(redis_server())
        services, doors = [], []
        is_reserve = [bool(reserves) and i % reserves == 0 for i in range(switches)]
        for i, cluster in enumerate(here):
            cluster.redis = redis
            after = here[(i + 1) % switches].switch.event_socket_port
            more = f'[[esl.inbound]]\naddress = "127.0.0.1:{after}"\nname = "sw{(i + 1) % switches}"\n'
            service = await cluster.add(
                f"service{i}",
                switch=f"sw{i}",
                outbound=(door := free_port()),
                http="enabled = false\n" + (f'{more}role = "reserve"\n' if is_reserve[i] else ""),
            )
            within.callback(service.close)
            services.append(service)
            doors.append(door)
        words = sent(redis)
        used = [processor_time(service.process.pid) for service in services]
        began = time.monotonic()
        watch = asyncio.create_task(stands(stood := [0.0]))
        calls = await asyncio.gather(
            *(callers(one, i, doors[i], rate, talk, began + seconds) for i, one in enumerate(here))
        )
        wanted = {number: call for some in calls for number, call in some.items()}
        took = time.monotonic() - began
        watch.cancel()

        def open_now() -> Counter[str]:
            return Counter(card.num_from for card in list(onec.cards))

        try:
            await until(lambda: len(onec.cards) >= len(wanted), LONG)
        except AssertionError:
            sys.stderr.write("cards are missing\n")
        used = [
            processor_time(service.process.pid) - before
            for service, before in zip(services, used, strict=True)
        ]
        words = sent(redis) - words
        for service in services:
            await service.stop()
        cards = open_now()
        lines = sum(service.log.read_text("utf-8").count("call=") for service in services)
        double = sum(many > 1 for many in cards.values())
        folders = [service.config.parent for service in services]
        missing = {number: why(call, folders) for number, call in wanted.items() if number not in cards}
        each: dict[bool, list[float]] = {True: [], False: []}
        for i, seconds_used in enumerate(used):
            each[is_reserve[i]].append(seconds_used / len(calls[i]))
        share = mean(each[True]) / mean(each[False]) if all(each.values()) else None
        return Cost(len(wanted), missing, double, words, sum(used), stood[0], share, lines, took)


async def stands(longest: list[float]) -> None:
    """Keeps the longest time for which the loop stood still. Then talks end as soon as they are heard of."""
    while True:
        due = time.monotonic() + LOOK
        await asyncio.sleep(LOOK)
        longest[0] = max(longest[0], time.monotonic() - due)


async def callers(
    cluster: Cluster, switch: int, door: int, rate: float, talk: float, until_when: float
) -> dict[str, CallResult]:
    """Clients, each with a number of his own, at an even pace whatever becomes of their calls."""
    calls: dict[str, asyncio.Task[CallResult]] = {}
    began = time.monotonic()
    while (now := time.monotonic()) < until_when:
        number = f"89{switch:02d}{len(calls):07d}"
        script = CallScript(
            number,
            service=("127.0.0.1", door),
            answered_by="244",
            default_target="user/244@127.0.0.1",
            variables={"fs_1c_default_target": "user/244@127.0.0.1"},
            ring=0.02,
            talk=talk,
        )
        calls[number] = asyncio.create_task(made(cluster.switch, script))
        await asyncio.sleep(max(0.0, began + len(calls) / rate - now))
    return dict(zip(calls, await asyncio.gather(*calls.values()), strict=True))


async def made(switch: SimulatedSwitch, script: CallScript) -> CallResult:
    """Makes a call; no more of it than is kept of very many."""
    call = await switch.call(script)
    return CallResult(
        call.uuid,
        "",
        answered_by=call.answered_by,
        service_outcome=call.service_outcome,
        hangup_cause=call.hangup_cause,
    )


def show(what: str, cost: Cost) -> bool:
    """Prints it, and what of the promises is kept. Are all?"""
    words, lines = cost.words / cost.calls, cost.lines / cost.calls
    promises = [
        (
            f"cards {cost.calls}, missing {len(cost.missing)}, double {cost.double}",
            not cost.missing and not cost.double,
        ),
        (f"words to Redis for a card {words:.2f}, promised {WORDS:g}", words <= WORDS),
        (f"lines of the log for a call {lines:.2f}, promised {LINES:g}", lines <= LINES),
    ]
    if cost.share is not None:
        promises.append(
            (
                f"processor of a reserve as of {cost.share:.2f} own switches, promised {RESERVE:g}",
                cost.share <= RESERVE,
            )
        )
    sys.stdout.write(
        f"{what}: {cost.calls} calls in {cost.took:.0f} s, {cost.each:.2f} ms of processor time each, "
        f"switches here stood still for up to {cost.stood:.1f} s\n"
        + "".join(f"    {'kept' if kept else 'NOT KEPT'}: {promise}\n" for promise, kept in promises)
        + "".join(
            f"    {many} missing: {reason}\n"
            for reason, many in Counter(reason for reason, _ in cost.missing.values()).most_common()
        )
        + "".join(
            f"    {number}: {line}\n"
            for number, (_, known) in list(cost.missing.items())[:MOST_SHOWN]
            for line in known
        )
    )
    sys.stdout.flush()
    return all(kept for _, kept in promises)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--switches", type=int, default=4)
    parser.add_argument("--rate", type=float, default=5.0, help="calls a second at each switch")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--talk", type=float, default=1.0, help="seconds that each of them lasts")
    parser.add_argument("--keep", type=Path, help="a new folder for logs and journals of all services")
    given = parser.parse_args()
    if given.switches * given.rate * given.seconds > MAX_REQUESTS:
        parser.error(f"allowed: at most {MAX_REQUESTS} calls; the simulated 1C keeps no more cards")
    well = True
    for what, switches, reserves in (
        ("one switch", 1, 0),
        (f"{given.switches} switches, every other service the reserve of the next", given.switches, 2),
        (f"{given.switches} switches, each service the reserve of the next", given.switches, 1),
    ):
        kept = given.keep and given.keep / what.replace(" ", "-")
        with nullcontext(kept) if kept else tempfile.TemporaryDirectory() as folder:
            Path(folder).mkdir(parents=True, exist_ok=not kept)
            cost = asyncio.run(
                run(Path(folder), switches, given.rate, given.seconds, given.talk, reserves=reserves)
            )
        well &= show(what, cost)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
