"""What a reserve costs: processor time of a call's events at a switch's own service, and at its reserve.

python -m tests.bench.reserve [--calls 200] [--rounds 5] [--rate 20]

Both listen in turn, in one process, to a switch that tells of recorded calls, one event after the other. What
is counted is the time of the loop's thread, so the ratio hardly depends on what else the machine does. The
own one decides no calls here and opens no cards, which cost a service more than all of their events: what
being a reserve costs it in all, `tests.cluster.load` measures.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from fs_1c.call import CallEvent, HungUp
from fs_1c.esl.inbound import InboundDoor
from fs_1c.integration import Integration
from fs_1c.settings import Role
from fs_1c.talk import Observer, Story
from tests.bench.peers.inbound_switch import PASSWORD, PouringSwitch
from tests.service import load
from tests.world import settings_for

LEGS = 2
"""Of a recorded call."""


class Counting(Observer):
    """Knows when all that was told has been heard."""

    def __init__(self, legs: int) -> None:
        self._legs = legs
        self.all = asyncio.Event()

    def heard(self, event: CallEvent, story: Story | None) -> None:
        self._legs -= isinstance(event, HungUp)
        if not self._legs:
            self.all.set()


def tell(switch: PouringSwitch, messages: Sequence[bytes], pause: float) -> None:
    """One message after the other."""
    for message in messages:
        switch.say(message)
        time.sleep(pause)


async def spent(folder: Path, role: Role, first: int, calls: int, rate: float) -> float:
    """Seconds of processor time for each call.

    Args:
        first: The number of the first call.
        rate: Calls a second.
    """
    messages = [message for i in range(calls) for message in load.messages(first + i)]
    with PouringSwitch() as switch:
        at = {"address": f"127.0.0.1:{switch.port}", "password": PASSWORD, "name": "sw", "role": role.value}
        settings = settings_for(
            "http://127.0.0.1:1/",
            esl={"inbound": [at]},
            state={"folder": str(folder)},
            subscribers={"keys": {}},
        )
        with Integration(settings) as integration:
            integration.observers.append(counting := Counting(LEGS * calls))
            integration.tell_history()
            door = InboundDoor(integration, settings.esl.inbound[0])
            door.open()
            await asyncio.to_thread(switch.await_listener)
            began = time.thread_time()
            telling = threading.Thread(target=tell, args=(switch, messages, calls / rate / len(messages)))
            telling.start()
            await counting.all.wait()
            took = time.thread_time() - began
            telling.join()
            await door.close()
    return took / calls


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    found: dict[Role, list[float]] = {Role.OWN: [], Role.RESERVE: []}
    for i in range(given.rounds):
        for role, times in found.items():
            with tempfile.TemporaryDirectory() as folder:
                times.append(asyncio.run(spent(Path(folder), role, i * given.calls, given.calls, given.rate)))
    own, reserve = (statistics.median(times) for times in found.values())
    sys.stdout.write(
        f"events of a call: own {own * 1e6:.0f} us, reserve {reserve * 1e6:.0f} us, "
        f"reserve : own {reserve / own:.2f}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
