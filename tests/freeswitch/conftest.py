"""A company with a telephone system: a real FreeSWITCH, phones, a simulated 1C, our service between them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import shutil
import socket
import subprocess
import sysconfig
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from fs_1c.calls import Placed, Refusal
from fs_1c.esl.wire import Headers
from fs_1c.onec import NOBODY
from fs_1c.service import Service
from fs_1c.settings import build
from fs_1c.simulator.onec import Client, OneCSimulator, OneCSimulatorSettings
from tests import ROOT
from tests.freeswitch.configuration import PASSWORD
from tests.freeswitch.sip import PATIENCE, Agents, Leg, Manner, Phone
from tests.freeswitch.switch import BINARY, Switch, Watcher

CHIZH = Client("89235292926", "Фэйковый чиж", "0", "244")
BUSY, SILENT, UNREGISTERED = "89235290246", "89235290247", "89235290248"
STRANGER = "89991112233"
NOBODY_IS_DEAD = {"dead_after": "15s"}
"""A telephone of a machine that stands still for three seconds is not, unless a test is about dead ones."""
CLIENTS = (
    CHIZH,
    Client(BUSY, "Занятый менеджер", "0", "246"),
    Client(SILENT, "Молчаливый менеджер", "0", "247"),
    Client(UNREGISTERED, "Незарегистрированный менеджер", "0", "248"),
)


@pytest.fixture(autouse=True)
def _what_the_service_says(caplog: pytest.LogCaptureFixture) -> None:
    """All of it is shown with a test that fails."""
    caplog.set_level(logging.INFO, "fs_1c")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows the end of the switch's log with a test that fails, too."""
    report = yield
    if report.when == "call" and report.failed:
        for found in getattr(item, "funcargs", {}).values():
            if isinstance(found, Company):
                log = found.switch.log()
                why = [
                    line
                    for line in log.splitlines()
                    if " Hangup " in line or "[ERR]" in line or "[CRIT]" in line
                ]
                report.sections.append(("FreeSWITCH's log: why channels ended", "\n".join(why[-300:])))
                report.sections.append(("FreeSWITCH's log, its end", log[-20_000:]))
    return report


class Running:
    """Our service, in a thread with an event loop of its own."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="service", daemon=True)
        self._thread.start()
        self.service = Service(build(settings))
        self._do(self.service.start())
        self.listens()

    def listens(self) -> None:
        """Waits until every inbound door is open; TimeoutError if one never is."""
        for door in self.service.inbound:
            self._do(door.ready.wait())

    def is_listening(self) -> bool:
        return all(door.ready.is_set() for door in self.service.inbound)

    def cut_off(self) -> None:
        """Closes the listeners; `listens_again` opens them. What they know of the switch's calls stays."""
        for door in self.service.inbound:
            self._do(door.close())
            door.ready.clear()

    def listens_again(self) -> None:
        async def open_again() -> None:
            for door in self.service.inbound:
                door.open()

        self._do(open_again())
        self.listens()

    def click(self, number: str, extension: str) -> Placed | Refusal:
        asked = self.service.desk.ask(number, (extension,))
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result(PATIENCE)

    def legs(self) -> int:
        """How many legs the listeners remember."""
        return sum(len(door._conversations) for door in self.service.inbound)

    def stop(self) -> None:
        if self._loop.is_running():
            self._do(self.service.stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)


class Company:
    """Everything a test call needs; all its waiting ends in AssertionError after a few seconds.

    Args:
        transport: Of the service's ESL doors.
    """

    def __init__(self, switch: Switch, agents: Agents, transport: str = "own") -> None:
        self._transport = transport
        self.switch = switch
        self.running: Running | None = None
        self.onec: OneCSimulator | None = None
        self._settings: dict[str, Any] = {}
        self._agents = agents
        self._agents.forget()  # a switch that was stopped could not end its calls
        self._agents.switch = ("127.0.0.1", switch.sip)
        self.watcher = Watcher(switch.event_socket)

    def serve(
        self,
        *,
        inbound: bool = False,
        latency: float = 0.0,
        clients: tuple[Client, ...] = CLIENTS,
        dialect: str = "mobilon-2",
        of: type[OneCSimulator] = OneCSimulator,
        **more: Any,
    ) -> Running:
        """Starts 1C and our service.

        Args:
            inbound: With a listener on the switch, too.
            latency: Seconds that 1C thinks.
            clients: Whom 1C knows.
            dialect: Of the base.
            of: What 1C is.
            more: Sections of the settings.
        """
        simulated = OneCSimulatorSettings(port=0, latency=latency, clients=clients, dialect=dialect)  # type: ignore[arg-type]
        self.onec = of(simulated)
        self.onec.start()
        listener = {"address": f"127.0.0.1:{self.switch.event_socket}", "password": PASSWORD}
        settings = {
            "onec": {"url": self.onec.url, "dialect": dialect},
            "lookup": {"deadline": "30s"},
            "routing": NOBODY_IS_DEAD,
            "subscribers": {"keys": {str(extension): f"KEY{extension}" for extension in range(240, 250)}},
            "esl": {
                "transport": self._transport,
                "outbound": {"listen": f"127.0.0.1:{self.switch.service}", "linger": 1},
                "inbound": [listener] if inbound else [],
            },
            "http": {"listen": "127.0.0.1:0"},
        }
        self._settings = _merged(settings, more)
        return self.serve_again()

    def serve_again(self) -> Running:
        """Starts a service with the same settings, 1C being what it was."""
        self.running = Running(self._settings)
        return self.running

    def phone(self, extension: str, manner: Manner = Manner.ANSWERS) -> Phone:
        return self._agents.phone(extension, manner)

    def call(self, door: str, number: str = CHIZH.number, name: str = "", *, withheld: bool = False) -> Leg:
        """A caller dials the number whose dialplan uses that door."""
        return self._agents.call(door, number, name, withheld=withheld)

    @property
    def agents_port(self) -> int:
        """Where all phones, and whoever is called outside, are."""
        return self._agents.port

    def result(self, caller: Leg) -> str:
        """`fs_1c_result`, as the channel of a call that is up has it."""
        return self.switch.api(f"uuid_getvar {caller.call_id} fs_1c_result")

    def after(self, caller: Leg) -> Headers:
        """What the channel held when it ended; ends the call if it is still up."""
        caller.hang_up()
        return self.watcher.wait("CHANNEL_HANGUP_COMPLETE", caller.call_id)

    def asked(self) -> list[str]:
        """The numbers that 1C was asked about, but for the one that belongs to nobody and keeps us awake."""
        assert self.onec is not None
        numbers = [r.parameters["Number"] for r in self.onec.requests if r.operation == "SayName"]
        return [number for number in numbers if number != NOBODY]

    def card_opens(self, how_many: int = 1) -> None:
        """Waits for that many cards."""
        onec = self.onec
        assert onec is not None
        self.until(lambda: len(onec.cards) >= how_many, f"there are not {how_many} cards")

    def all_cards(self) -> list[tuple[str, str]]:
        """Ends all calls and the service; the number and the key of every card that was ever opened."""
        assert self.onec is not None and self.running is not None
        self.switch.api("hupall")
        self.watcher.all_over()
        self.running.stop()
        return [(card.num_from, card.key) for card in self.onec.cards]

    def until(self, happened: Callable[[], bool], otherwise: str, within: float = PATIENCE) -> None:
        ends = time.monotonic() + within
        while not happened():
            assert time.monotonic() < ends, otherwise
            time.sleep(0.01)

    @contextlib.contextmanager
    def other_service(self, serve: Callable[[socket.socket], None]) -> Iterator[None]:
        """A program that is not ours listens where the service should; `serve` gets each connection."""
        with socket.create_server(("127.0.0.1", self.switch.service)) as server:

            def accept() -> None:
                with contextlib.suppress(OSError):
                    while True:
                        serve(server.accept()[0])

            threading.Thread(target=accept, name="other service", daemon=True).start()
            yield
            server.shutdown(socket.SHUT_RDWR)

    def power_failure(self) -> None:
        """The switch dies; `power_returns` starts it again."""
        self.watcher.close()
        self.switch.kill()

    def power_returns(self) -> None:
        self.switch.start()
        self.watcher = Watcher(self.switch.event_socket)

    def close(self) -> None:
        self.switch.api("hupall")
        if self.running is not None:
            self.running.stop()  # ends the lingering of async sockets
        if self.onec is not None:
            self.onec.stop()
        self.switch.quiet()
        self.watcher.close()


class PythonCompany(Company):
    """A company whose switch asks 1C by itself."""

    def serve_inside(
        self,
        *,
        latency: float = 0.0,
        clients: tuple[Client, ...] = CLIENTS,
        of: type[OneCSimulator] = OneCSimulator,
        **more: Any,
    ) -> None:
        """Starts 1C and has the switch read settings for it."""
        self.start_1c(latency, clients, of)
        self.write_settings(**more)
        assert self.command("reload").startswith("+OK")

    def start_1c(
        self,
        latency: float = 0.0,
        clients: tuple[Client, ...] = CLIENTS,
        of: type[OneCSimulator] = OneCSimulator,
    ) -> OneCSimulator:
        pool: dict[str, Any] = {"sessions": "autouse", "session_max_age": 60.0, "pool_size": 60}
        self.onec = of(OneCSimulatorSettings(port=0, latency=latency, clients=clients, **pool))
        self.onec.start()
        return self.onec

    def write_settings(self, **more: Any) -> None:
        keys = {str(extension): f"KEY{extension}" for extension in range(240, 250)}
        settings: dict[str, Any] = {
            "onec": {"url": self.onec.url if self.onec else ""},
            "lookup": {"deadline": "30s"},
            "routing": NOBODY_IS_DEAD,
            "subscribers": {"keys": keys},
        }
        self.settings_file.write_text(as_toml(_merged(settings, more)))

    @property
    def settings_file(self) -> Path:
        return self.switch.folder / "fs-1c.toml"

    def command(self, words: str) -> str:
        return self.switch.api(f"python fs_1c_dialplan {words}")

    def cards(self, how_many: int) -> list[tuple[str, str]]:
        """Waits for that many cards, ends all calls, and tells the number and the key of every card."""
        self.card_opens(how_many)
        assert self.onec is not None
        self.switch.api("hupall")
        self.watcher.all_over()
        return [(card.num_from, card.key) for card in self.onec.cards]


def as_toml(settings: dict[str, Any], table: str = "") -> str:
    """Nested dictionaries as TOML; texts, numbers and lists are written there as in JSON."""
    lines = [f"{json.dumps(k)} = {json.dumps(v)}" for k, v in settings.items() if not isinstance(v, dict)]
    nested = [(f"{table}{k}", v) for k, v in settings.items() if isinstance(v, dict)]
    return "\n".join(lines) + "".join(f"\n[{name}]\n{as_toml(v, f'{name}.')}" for name, v in nested) + "\n"


def python_switch_in(folder: Path, certificates: Path, phones: int) -> Switch:
    """A switch with this library inside; its settings are `fs-1c.toml` in that folder."""
    if BINARY is None:
        pytest.skip("there is no freeswitch on PATH")
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "dialplan/mod_python/fs_1c_dialplan.py", folder / "scripts")
    packages = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    environment = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *packages]),
        "PATH": os.defpath,  # an interpreter that is first there would lend the switch its standard library
        "FS_1C_CONFIG": str(folder / "fs-1c.toml"),
    }
    return Switch(folder, certificates, phones, python=True, environment=environment)


def has_python(switch: Switch) -> Switch:
    if switch.api("module_exists mod_python3") != "true":
        pytest.skip("this FreeSWITCH has no mod_python3")
    return switch


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where FreeSWITCH keeps its certificates. Making them takes seconds: all workers have the same."""
    if not shutil.which("openssl"):  # it makes them itself
        return tmp_path_factory.mktemp("certificates")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= "certificates"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "wss.pem").exists():
            # A shorter key it does not take. One of four primes is made in a twentieth of the time.
            for make in (
                "openssl genrsa -primes 4 -out key.pem 4096",
                "openssl req -x509 -new -key key.pem -subj /CN=FreeSWITCH -out own.pem",
            ):
                subprocess.run(make.split(), cwd=folder, check=True, capture_output=True)
            both = (folder / "own.pem").read_text() + (folder / "key.pem").read_text()
            for name in ("dtls-srtp.pem", "wss.pem"):
                (folder / name).write_text(both)
    return folder


@pytest.fixture(scope="session")
def agents() -> Iterator[Agents]:
    made = Agents()
    yield made
    made.close()


@pytest.fixture(scope="package")  # idle, it would take processor time from all that comes behind
def switch(certificates: Path, agents: Agents, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switch]:
    """The switch that all tests share, except those that kill it."""
    if BINARY is None:
        pytest.skip("there is no freeswitch on PATH")
    with Switch(tmp_path_factory.mktemp("switch"), certificates, agents.port) as started:
        yield started


@pytest.fixture
def company(switch: Switch, agents: Agents) -> Iterator[Company]:
    made = Company(switch, agents)
    yield made
    made.close()


@pytest.fixture
def mortal_company(certificates: Path, agents: Agents, tmp_path: Path) -> Iterator[Company]:
    """A company whose switch is its own, to be killed."""
    if BINARY is None:
        pytest.skip("there is no freeswitch on PATH")
    with Switch(tmp_path, certificates, agents.port) as started:
        made = Company(started, agents)
        yield made
        made.close()


def _merged(settings: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A section of `more` is instead of ours; but 1C stays where it is, and nobody is dead."""
    kept = {name: {**settings[name], **more.get(name, {})} for name in ("onec", "routing")}
    return settings | more | kept
