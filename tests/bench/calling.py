"""What a call costs that 1C asks for: from the request to the telephone's INVITE, beside `fs_cli originate`;
and what fifty requests at once cost the calls that come in.

`python -m tests.bench.calling [--calls 50]`; it needs a FreeSWITCH, and waits for two seconds between clicks.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests
from rich.console import Console

from fs_1c.simulator.onec import Client
from tests.freeswitch.configuration import PASSWORD
from tests.freeswitch.conftest import CHIZH, Company
from tests.freeswitch.sip import Agents, Leg, Manner, State
from tests.freeswitch.switch import EventSocket, Switch

TOKEN = "t0ken-of-the-base"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
out = Console(highlight=False)
NUMBERS = [f"89235{n:06}" for n in range(1000)]
AT_ONCE = 50
# A process of its own: its work must not be taken for the service's.
BURSTS = """
import json, random, socket, sys, time
from urllib.parse import urlsplit
url, token, at_once = urlsplit(sys.argv[1]), sys.argv[2], int(sys.argv[3])
while True:
    sockets = []
    for n in range(at_once):
        number, extension = f"89235{random.randrange(1000):06}", random.choice(["246", "247"])
        body = json.dumps({"number": number, "extension": extension})
        head = f"POST /calls HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Bearer {token}\\r\\n"
        one = socket.create_connection((url.hostname, url.port))
        one.sendall(f"{head}Content-Length: {len(body)}\\r\\n\\r\\n{body}".encode())
        sockets.append(one)
    for one in sockets:
        print(one.recv(65536)[9:12].decode(), flush=True)
        one.close()
    time.sleep(1)
"""


def measured(company: Company, does: Callable[[str], None], numbers: list[str]) -> list[float]:
    """Milliseconds from the request to the telephone's INVITE, of each."""
    took = []
    for number in numbers:
        desk = company.phone("244", Manner.RINGS)
        before = len(desk.legs)
        began = time.monotonic()
        asking = threading.Thread(target=does, args=(number,))
        asking.start()
        leg = desk.rings(before + 1, 30.0)
        took.append((leg.began - began) * 1000)
        company.switch.api("hupall")
        leg.to_be(State.OVER, 30.0)
        asking.join()
    return took


def told(name: str, took: list[float]) -> None:
    cut = statistics.quantiles(took, n=100)
    out.print(f"{name:36} median {statistics.median(took):6.1f}  p90 {cut[89]:6.1f}  p99 {cut[98]:6.1f} ms")


def incoming(company: Company, count: int) -> list[float]:
    """Milliseconds from a caller's INVITE to his manager's, through the outbound door."""
    took = []
    for _ in range(count):
        manager = company.phone("245", Manner.RINGS)
        before = len(manager.legs)
        caller: Leg = company.call("sync", CHIZH.number)
        leg = manager.rings(before + 1, 30.0)
        took.append((leg.began - caller.began) * 1000)
        caller.hang_up()
        leg.to_be(State.OVER, 30.0)
    return took


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--calls", type=int, default=50)
    count = asked.parse_args().calls
    agents, folder = Agents(), Path(tempfile.mkdtemp())
    (folder / "certificates").mkdir()
    (folder / "switch").mkdir()
    with Switch(folder / "switch", folder / "certificates", agents.port) as switch:
        company = Company(switch, agents)
        clients = (
            Client(CHIZH.number, CHIZH.title, "0", "245"),
            *(Client(n, "Клиент", "0", "") for n in NUMBERS),
        )
        company.serve(
            inbound=True,
            clients=clients,
            calls={
                "listen": "127.0.0.1:0",
                "token": TOKEN,
                "dial": f"sofia/internal/sip:{{number}}@127.0.0.1:{agents.port}",
                "per_minute": 1000,
            },
        )
        assert company.running is not None and company.running.service.calling is not None
        url = f"http://{company.running.service.calling.address}/calls"
        session, line = requests.Session(), EventSocket(switch.event_socket)

        def by_1c(number: str) -> None:
            told = {"number": number, "extension": "244"}
            answer = session.post(url, json=told, headers=SHOWN, timeout=30)
            assert answer.status_code in (201, 409), answer.text

        def by_socket(number: str) -> None:
            line.ask(b"bgapi originate user/244 &echo\n\n")

        def by_fs_cli(number: str) -> None:
            words = ["fs_cli", "-P", str(switch.event_socket), "-p", PASSWORD, "-x"]
            subprocess.run([*words, "bgapi originate user/244 &echo"], check=True, capture_output=True)

        measured(company, by_1c, NUMBERS[-3:])
        told("by 1C, its client new", measured(company, by_1c, NUMBERS[:count]))
        # The same clients again, but not the same clicks.
        time.sleep(2.1)
        told("by 1C, its client remembered", measured(company, by_1c, NUMBERS[:count]))
        told("bgapi on an open event socket", measured(company, by_socket, NUMBERS[:count]))
        if shutil.which("fs_cli"):
            told("fs_cli -x 'bgapi originate …'", measured(company, by_fs_cli, NUMBERS[:count]))

        alone, beside, answers = [], [], []
        for _ in range(4):  # in turns: the machine has other work, too
            alone += incoming(company, count)
            with subprocess.Popen(
                [sys.executable, "-c", BURSTS, url, TOKEN, str(AT_ONCE)], stdout=-1
            ) as bursts:
                beside += incoming(company, count)
                bursts.terminate()
                answers += bursts.communicate()[0].decode().split()
        told("incoming, alone", alone)
        told(f"incoming, {AT_ONCE} ask at once, each second", beside)
        out.print("answers to those:", {one: answers.count(one) for one in sorted(set(answers))})
        company.close()
    agents.close()


if __name__ == "__main__":
    main()
