"""`python -m tests.history.killed DIALECT KILLS [SEED]`: a service that tells 1C is killed and started again
until all has been said; what 1C has then. Fifty calls for each `A_RUN` kills, at other moments each time, and
with 1C's faults at random beneath it if DIALECT ends with `+faults`. Exits 1 if something is not right.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import Pipe
from random import Random

from fs_1c.simulator.onec import Fault, OneCSimulator, OneCSimulatorSettings
from fs_1c.simulator.onec.fault_table import KINDS
from tests.history.outbox import sends
from tests.processes import fork

WITHIN = 120.0
"""Seconds that one life may take."""
A_RUN = 4
"""Kills of fifty calls."""
WORDS = {
    ("mobilon-2", False): ["START", "ANSWER", "END"],
    ("mobilon-2", True): ["START", "END"],
    ("mobilon-3", False): ["START", "ANSWER", "HANGUP", "END"],
    ("mobilon-3", True): ["START", "PREANSWER", "HANGUP", "END"],
    ("itoolabs", False): ["INCOMING", "COMPLETED", "history"],
    ("itoolabs", True): ["INCOMING", "CANCELLED", "history"],
}
HARMFUL = frozenset(["END", "PREANSWER", "INCOMING", "COMPLETED", "CANCELLED"])
"""But nothing is to our own extension."""
LIES = {"itoolabs": frozenset(["empty-200"])}
"""Faults that are a good answer letter by letter, though 1C has done nothing: no service can know of them."""


@dataclass
class Found:
    """What came of it.

    Attributes:
        lives: How often the service was started.
        words: That 1C was told in the end, those that were told twice counted twice.
        unknown: Harmful ones that the service did not say again, for 1C might have them.
        missing: Those of them that 1C has not.
        wrong: Lines that should not be.
    """

    lives: int = 0
    words: int = 0
    unknown: int = 0
    missing: int = 0
    wrong: list[str] = field(default_factory=list)


def faults_of(dialect: str) -> tuple[str, ...]:
    """Those of 1C that its answer, or none, gives away."""
    return tuple(name for name in KINDS if name not in LIES.get(dialect, ()))


def killed(dialect: str, calls: int, kills: int, seed: int, faults: tuple[str, ...] = ()) -> Found:
    """Kills it so often, at random moments; then lets it end."""
    random, found = Random(seed), Found()
    settings = OneCSimulatorSettings(port=0, dialect=dialect, latency=0.003)  # type: ignore[arg-type]
    said: set[tuple[str, str]] = set()
    with tempfile.TemporaryDirectory() as folder, OneCSimulator(settings) as onec:
        now, done = 0, False
        while not done:
            found.lives += 1
            after = random.randint(1, max(2, calls * 5 // max(1, kills))) if found.lives <= kills else None
            now, done, log = _life(folder, onec, dialect, calls, now, after, random, faults)
            said |= set(re.findall(r"call=(\S+) history (\S+) extension=\S+ base=\S+ unknown", log))
            said |= set(re.findall(r"call=(\S+) history (\S+) extension=\S+ base=\S+ refused", log))
            found.wrong += [line for line in log.splitlines() if "Traceback" in line or "ERROR" in line]
        found.unknown = len(said)
        _compare(onec, dialect, calls, said, found)
    return found


def _life(
    folder: str,
    onec: OneCSimulator,
    dialect: str,
    calls: int,
    now: int,
    after: int | None,
    random: Random,
    faults: tuple[str, ...],
) -> tuple[int, bool, str]:
    """One life: up to which event it has heard, whether it came to its end, what it logged."""
    reading, writing = Pipe(duplex=False)
    with tempfile.NamedTemporaryFile("r") as log, open(reading.fileno(), closefd=False) as said:
        arguments = folder, onec.url, dialect, str(calls), str(now)
        process = fork(sends.forked, writing, log.name, *arguments)
        writing.close()
        ends, heard, done = time.monotonic() + WITHIN, 0, False
        for line in said:
            assert time.monotonic() < ends
            done = line.strip() == "done"
            if not done:
                now, heard = int(line) + 1, heard + 1
            if faults and random.random() < 0.05 and not done:
                onec.fault = Fault(random.choice(faults), times=1)
            if after is not None and (heard >= after or done):
                time.sleep(random.random() * 0.02)
                break
        if after is None:
            process.wait(WITHIN)
        else:
            process.kill()
            process.wait()
            done = False
            for line in said:  # so far the switch has come meanwhile
                now = int(line) + 1 if line.strip().isdecimal() else now
        return now, done, log.read()


def _compare(
    onec: OneCSimulator, dialect: str, calls: int, unknown: set[tuple[str, str]], found: Found
) -> None:
    """What each call's document has, and what it should have."""
    documents = Counter(document.call for document in onec.calls)
    for i in range(calls):
        name, missed = f"call-{i}", i % 5 == 4
        wanted = WORDS[dialect, missed]
        told = [state for document in onec.calls if document.call == name for state in document.states]
        found.words += len(told)
        first = list(dict.fromkeys(told))
        lacks = [word for word in wanted if word not in told]
        found.missing += len(lacks)
        if documents[name] > 1:
            found.wrong.append(f"{name}: {documents[name]} documents")
        # Nothing is taken of a call of which 1C does not know, and no document is made without its end.
        needed = {"mobilon-3": "END", "itoolabs": "INCOMING"}.get(dialect, "")
        if (name, needed) not in unknown and any((name, word) not in unknown for word in lacks):
            found.wrong.append(f"{name}: lacks {lacks}, has {told}")
        if first != [word for word in wanted if word in told]:
            found.wrong.append(f"{name}: told in the order {told}")
        harmful = HARMFUL if dialect != "mobilon-2" else ()
        if twice := [word for word, count in Counter(told).items() if count > 1 and word in harmful]:
            found.wrong.append(f"{name}: twice {twice}")


def main(what: str, kills: str, seed: str = "1") -> int:
    dialect, _, more = what.partition("+")
    sums = Counter[str]()
    for one in range(int(seed), int(seed) + -(-int(kills) // A_RUN)):
        found = killed(dialect, 50, A_RUN, one, faults_of(dialect) if more == "faults" else ())
        sums["kills"] += found.lives - 1
        sums["wrong"] += len(found.wrong)
        for name in ("words", "unknown", "missing"):
            sums[name] += getattr(found, name)
        if found.wrong:
            sys.stdout.write(f"{one}: {found}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{what}: {dict(sums)}\n")
    return 1 if sums["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
