"""`python -m tests.cluster.history DIALECT WHAT TIMES [SEED]`: an own service and its reserve, each a
process, one simulated switch, one Redis and one 1C that is told of fifty calls, while something happens at a
random moment; what 1C has in the end. WHAT is one of `HAPPENS`; TIMES how often, each with other moments, and
with 1C's faults at random beneath it if WHAT ends with `+faults`.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import tempfile
from collections import Counter, defaultdict
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fs_1c.history.relay.shared import SAME
from fs_1c.simulator.freeswitch import CallResult, CallScript, SimulatedSwitch, SwitchSettings
from fs_1c.simulator.onec import Fault, OneCSimulator, OneCSimulatorSettings
from tests.cluster.support import LONG, Cluster, Service
from tests.history.killed import faults_of
from tests.redis_server import redis_server
from tests.world import until

HAPPENS = ("nothing", "killed", "killed-and-started", "frozen", "redis-killed", "both-killed")
HARMFUL = frozenset(["END", "INCOMING", "COMPLETED", "CANCELLED"])
WORDS = {
    ("mobilon-3", True): ["START", "ANSWER", "HANGUP", "END"],
    ("mobilon-3", False): ["START", "HANGUP", "END"],
    ("itoolabs", True): ["INCOMING", "COMPLETED", "history"],
    ("itoolabs", False): ["INCOMING", "CANCELLED", "history"],
}
AT_ONCE = 3
"""Runs of the tool that are made at a time."""
CARDS = frozenset(["PREANSWER", "ACCEPTED"])
"""Words by which a card opens, which the cards say."""


@dataclass
class Found:
    """What came of it.

    Attributes:
        calls: How many there were.
        unknown: Harmful words that no service said again, for 1C might have them.
        lacking: Those of them that 1C has not.
        twice: Harmless words that 1C was told more than once.
        taken_over: Words that the reserve has taken.
        faults: Of 1C, that have befallen a request.
        wrong: Lines that should not be.
    """

    calls: int = 0
    unknown: int = 0
    lacking: int = 0
    twice: int = 0
    taken_over: int = 0
    faults: int = 0
    wrong: list[str] = field(default_factory=list)


async def told_by_two(
    folder: Path, dialect: str, what: str, calls: int, seed: int, faults: tuple[str, ...] = ()
) -> Found:
    """See above."""
    random = Random(seed)
    given = OneCSimulatorSettings(port=0, dialect=dialect, latency=0.003)  # type: ignore[arg-type]
    with ExitStack() as stack:
        onec = stack.enter_context(OneCSimulator(given))
        async with SimulatedSwitch(SwitchSettings(port=0)) as switch:
            here = Cluster(folder, onec, switch)
            here.redis = stack.enter_context(redis_server("--appendonly", "yes", "--appendfsync", "always"))
            for name, role in (("own", "own"), ("reserve", "reserve")):
                here.services[name] = Service(here, name, _settings(here, dialect, role))
                stack.callback(here.services[name].close)
                await here.services[name].start()
            await here.services["reserve"].says("the reserve stands by")
            await until(
                lambda: here.redis is not None and here.redis.client.exists("fs-1c:history:sw:own"), LONG
            )
            at = random.randrange(calls)
            found = Found(calls)
            fails = asyncio.create_task(_fails(onec, faults, Random(seed)))
            under_way = []
            for i in range(calls):
                under_way.append(asyncio.create_task(switch.call(_script(i, random))))
                await asyncio.sleep(0.02 + random.random() * 0.06)
                if i == at:
                    await _happens(here, what)
            results = await asyncio.gather(*under_way)
            await _ends(here, what)
            fails.cancel()
            found.faults = sum(onec._counted.faults.values())
            onec.fault = None
            with suppress(AssertionError):  # what lacks is said then
                await until(lambda: not _lacks(here, dialect, results), 2 * LONG)
            for service in here.services.values():
                await service.stop()
            _compare(here, dialect, results, found)
            return found


async def _fails(onec: OneCSimulator, faults: tuple[str, ...], random: Random) -> None:
    """A fault at a time, each for one request, if one comes to which it can happen."""
    while faults:
        onec.fault = Fault(random.choice(faults), times=1)
        await asyncio.sleep(0.04)


def _settings(here: Cluster, dialect: str, role: str) -> str:
    token = 'crm_token = "rehearsal"\n' if dialect == "itoolabs" else ""
    assert here.redis is not None
    return (
        f'[onec]\nurl = "{here.onec.url}"\ndialect = "{dialect}"\ntimeout = "1s"\nkeep_warm = "0s"\n{token}'
        f'[history]\nenabled = true\n[state]\nfolder = "FOLDER"\n'
        f'[redis]\nurl = "{here.redis.url}"\n[esl.outbound]\nenabled = false\n[http]\nenabled = false\n'
        f'[[esl.inbound]]\naddress = "127.0.0.1:{here.switch.event_socket_port}"\nname = "sw"\n'
        f'role = "{role}"\n'
    )


def _script(i: int, random: Random) -> CallScript:
    """Each fifth is missed."""
    return CallScript(
        f"8923500{i:04d}",
        answered_by=None if i % 5 == 4 else "244",
        default_target="user/244@127.0.0.1",
        ring=0.02 + random.random() * 0.1,
        talk=0.1 + random.random() * 2,
    )


async def _happens(here: Cluster, what: str) -> None:
    own, redis = here.services["own"], here.redis
    assert redis is not None
    match what:
        case "killed" | "killed-and-started":
            own.kill()
        case "frozen":
            own.freeze()
        case "redis-killed":
            redis.kill()
        case "both-killed":
            redis.kill()
            own.kill()


async def _ends(here: Cluster, what: str) -> None:
    """What was away comes back, after the reserve has had its turn; but for who is just killed."""
    own, reserve, redis = here.services["own"], here.services["reserve"], here.redis
    assert redis is not None
    if what in ("redis-killed", "both-killed"):
        await asyncio.to_thread(redis.start)
    if what in ("killed", "killed-and-started", "frozen"):
        await reserve.says("its own service is gone;")
    if what in ("killed-and-started", "both-killed"):
        await own.start()
    if what == "frozen":
        own.thaw()


def _logs(here: Cluster) -> str:
    return "".join(
        log.read_text("utf-8", "replace")
        for service in here.services.values()
        for log in service.log.parent.glob("log-*")
    )


def _unknown(here: Cluster) -> set[tuple[str, str]]:
    found = re.findall(r"call=(\S+) history (\S+) extension=\S+ base=\S+ (?:unknown|refused)", _logs(here))
    return {(call, SAME.get(word, word)) for call, word in found}


def _lacks(here: Cluster, dialect: str, results: list[CallResult]) -> list[tuple[str, list[str]]]:
    """What 1C has not been told though it could have been."""
    unknown, found, all_told = _unknown(here), [], _told(here)
    for result in results:
        told = all_told[result.uuid]
        wanted = WORDS[dialect, result.answered_by is not None]
        if lacks := [word for word in wanted if word not in told]:
            # Nothing is taken of a call of which 1C does not know, and no document is made without its end.
            needed = "END" if dialect == "mobilon-3" else "INCOMING"
            doubtful = [SAME.get(word, word) for word in lacks]
            if (result.uuid, needed) in unknown or all((result.uuid, word) in unknown for word in doubtful):
                continue
            found.append((result.uuid, lacks))
    return found


def _told(here: Cluster) -> defaultdict[str, list[str]]:
    """By call."""
    told = defaultdict[str, list[str]](list)
    for document in here.onec.calls:
        told[document.call] += [state for state in document.states if state not in CARDS]
    return told


def _compare(here: Cluster, dialect: str, results: list[CallResult], found: Found) -> None:
    unknown, all_told = _unknown(here), _told(here)
    found.unknown = len(unknown)
    found.lacking = sum(
        state not in {SAME.get(one, one) for one in all_told[call]} for call, state in unknown
    )
    found.taken_over = sum(int(many) for many in re.findall(r"(\d+) words are taken over", _logs(here)))
    found.wrong += [f"lacks {one}" for one in _lacks(here, dialect, results)]
    found.wrong += [line for line in _logs(here).splitlines() if "Traceback" in line or " ERROR " in line]
    documents = Counter(document.call for document in here.onec.calls)
    for result in results:
        told, wanted = all_told[result.uuid], WORDS[dialect, result.answered_by is not None]
        if documents[result.uuid] > 1:
            found.wrong.append(f"{result.uuid}: {documents[result.uuid]} documents")
        if [word for word in wanted if word in told] != list(dict.fromkeys(told)):
            found.wrong.append(f"{result.uuid}: told in the order {told}")
        many = [word for word, times in Counter(told).items() if times > 1]
        found.twice += sum(word not in HARMFUL for word in many)
        found.wrong += [f"{result.uuid}: {word} twice" for word in many if word in HARMFUL]


async def many(dialect: str, what: str, times: int, seed: int, faults: tuple[str, ...]) -> int:
    """So often, some at a time, for most of it is waiting. Returns how often it was not right."""
    sums, wrong, room = Counter[str](), 0, asyncio.Semaphore(AT_ONCE)

    async def one(seed: int) -> None:
        nonlocal wrong
        async with room:
            with tempfile.TemporaryDirectory() as folder:
                found = await told_by_two(Path(folder), dialect, what, 50, seed, faults)
        wrong += bool(found.wrong)
        for name in ("calls", "unknown", "lacking", "twice", "taken_over", "faults"):
            sums[name] += getattr(found, name)
        sys.stdout.write(f"{seed}: {found}\n")
        sys.stdout.flush()

    await asyncio.gather(*(one(seed + i) for i in range(times)))
    sys.stdout.write(f"{dialect} {what}: {times} times, {dict(sums)}, {wrong} of them not right\n")
    return wrong


def main(dialect: str, what: str, times: str, seed: str = "1") -> int:
    what, _, more = what.partition("+")
    faults = faults_of(dialect) if more == "faults" else ()
    return 1 if asyncio.run(many(dialect, what, int(times), int(seed), faults)) else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(*sys.argv[1:]))
