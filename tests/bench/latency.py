"""What each door adds to a call on a real FreeSWITCH: from the caller's INVITE to the manager's.

`python -m tests.bench.latency [rounds]`; the doors take turns in each round, 1C's answer is remembered.
"""

from __future__ import annotations

import contextlib
import http.server
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests.dialplan.files import FOLDER
from tests.freeswitch.conftest import python_switch_in
from tests.freeswitch.sip import Agents, Manner, State
from tests.freeswitch.switch import BINARY, Switch
from tests.processes import start, wait_for

ROUNDS = 50
CALLER = "89235292926"
DOORS = {
    "plain bridge": "244",
    "outbound's dialplan without its socket": "no-door",
    "mod_cidlookup, a local HTTP server": "cidlookup",
    "outbound, sync": "sync",
    "outbound, sync.xml without its set_profile_var and set": "less",
    "outbound, sync.xml as it is shipped": "shipped",
    "mod_python3": "python",
    "mod_python3, bridge": "python-bridge",
    "outbound, async": "async",
}
BINDING = {
    "plain bridge": "244",
    "python-ESL, sync": "sync",
    "python-ESL, async": "async",
}

_EXTENSIONS = """<extension name="cidlookup"><condition field="destination_number" expression="^cidlookup$">
<action application="set" data="hangup_after_bridge=true"/>
<action application="cidlookup" data="${caller_id_number}"/>
<action application="bridge" data="user/244@127.0.0.1"/></condition></extension>
<extension name="no-door"><condition field="destination_number" expression="^no-door$">
<action application="set" data="fs_1c_target=[progress_timeout=3,leg_timeout=20]user/244@127.0.0.1"/>
<action application="set" data="guard=untouched"/>
<action application="set" data="hangup_after_bridge=true"/>
<action application="set" data="continue_on_fail=true"/>
<action application="bridge" data="${fs_1c_target}"/></condition></extension>"""


def shipped(service: int) -> str:
    """sync.xml, and the same without the two applications that stand between `socket` and `bridge`."""
    whole = re.sub("<!--.*?-->", "", (FOLDER / "sync.xml").read_text(), flags=re.DOTALL)
    whole = whole.partition("<include>")[2].partition("</include>")[0]
    whole = whole.replace("127.0.0.1:8084", f"127.0.0.1:{service}")
    less = re.sub(r'<action application="(set|set_profile_var)"\s[^>]*/>', "", whole)
    named = {"shipped": whole, "less": less}
    return "".join(text.replace(r"(\+?74951234567)", name) for name, text in named.items())


def main() -> None:
    out = Console(highlight=False)
    if BINARY is None:
        out.print("there is no freeswitch on PATH")
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    table = Table("door", "median, ms", "p95, ms", "above plain, ms")
    table.title = f"INVITE to INVITE, {rounds} calls each, remembered answers"
    for transport, doors in (("own", DOORS), ("python-esl", BINDING)):
        with world(transport) as (agents, switch):
            if switch is None:
                out.print(f"transport {transport}: not to be had here")
                continue
            took = measure(agents, doors, rounds)
        plain = statistics.median(took["plain bridge"])
        for door, times in took.items():
            median, late = statistics.median(times), statistics.quantiles(times, n=20)[-1]
            table.add_row(door, f"{median:.2f}", f"{late:.2f}", f"{median - plain:+.2f}")
        table.add_section()
    out.print(table)


def measure(agents: Agents, doors: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """Milliseconds by door."""
    phone = agents.phone("244", Manner.RINGS)
    took: dict[str, list[float]] = {door: [] for door in doors}
    for i in range(rounds + 2):  # the first two are for connections and caches
        for door, dialled in doors.items():
            caller = agents.call(dialled, CALLER)
            leg = phone.rings(len(phone.legs) + 1)
            if i >= 2:
                took[door].append((leg.began - caller.began) * 1000)
            caller.hang_up()
            leg.to_be(State.OVER)
            caller.to_be(State.OVER)
            time.sleep(0.02)  # the channels end
    return took


@contextlib.contextmanager
def world(transport: str) -> Iterator[tuple[Agents, Switch | None]]:
    """A switch with mod_python3 inside and the service beside it, 1C and somebody who looks names up."""
    with (
        tempfile.TemporaryDirectory() as folder,
        OneCSimulator(OneCSimulatorSettings(port=0)) as onec,
        names() as port,
    ):
        agents = Agents()
        certificates = Path(tempfile.gettempdir()) / "fs-1c-bench-certificates"
        certificates.mkdir(exist_ok=True)
        switch = python_switch_in(Path(folder), certificates, agents.port)
        conf = Path(folder) / "conf" / "freeswitch.xml"
        conf.write_text(
            conf.read_text()
            .replace("</modules>", '<load module="mod_cidlookup"/><load module="mod_hash"/></modules>')
            .replace(
                '<context name="public">', f'<context name="public">{_EXTENSIONS}{shipped(switch.service)}'
            )
            .replace(
                '<configuration name="event_socket.conf">',
                '<configuration name="cidlookup.conf"><settings>'
                f'<param name="url" value="http://127.0.0.1:{port}/?n=${{caller_id_number}}"/>'
                '</settings></configuration><configuration name="event_socket.conf">',
            )
        )
        settings = Path(folder) / "fs-1c.toml"
        settings.write_text(
            f'[onec]\nurl = "{onec.url}"\n[esl]\ntransport = "{transport}"\n[http]\nenabled = false\n'
            f'[esl.outbound]\nlisten = "127.0.0.1:{switch.service}"\n'
        )
        log = Path(folder) / "service.log"
        service = start(["serve", "-c", str(settings)], Path(folder) / "out", log)
        try:
            wait_for(log, "outbound door: listening")
            with switch:
                agents.switch = ("127.0.0.1", switch.sip)
                switch.api("fsctl loglevel err")
                yield agents, switch
        except AssertionError:
            if service.exitcode is None:
                raise
            yield agents, None
        finally:
            service.terminate()
            service.join()
            agents.close()


@contextlib.contextmanager
def names() -> Iterator[int]:
    """An HTTP server that knows everybody's name; its port."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = "Фэйковый чиж".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
