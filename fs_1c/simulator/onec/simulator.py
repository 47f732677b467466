"""The simulated 1C as a whole: starts, stops, remembers, goes wrong when told to."""

import logging
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from fs_1c.simulator.onec.clients import ClientBook, example_clients, load_clients
from fs_1c.simulator.onec.faults import Fault
from fs_1c.simulator.onec.received import Card, ReceivedEvent, ReceivedRequest
from fs_1c.simulator.onec.server import Server
from fs_1c.simulator.onec.settings import OneCSimulatorSettings
from fs_1c.simulator.onec.stats import Stats
from fs_1c.simulator.onec.world import Simulated

# Seconds: how often the accepting thread looks whether it is to stop, if a stop does not wake it.
POLL = 0.02

log = logging.getLogger("fs_1c.simulator.onec")


class OneCSimulator:
    """A simulated 1C on a real socket; a context manager that starts and stops it.

    It may be started again after a stop, and then listens on the same port; what it has received stays until
    `clear`, its sessions are lost. Raises ClientFileError when the clients file is broken; `start` raises
    OSError when the address is taken.
    """

    def __init__(self, settings: OneCSimulatorSettings | None = None) -> None:
        self.settings = settings or OneCSimulatorSettings()
        self._port = self.settings.port
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        clients = self.settings.clients
        if clients is None:
            clients = example_clients()
        elif isinstance(clients, Path):
            clients = load_clients(clients)
        book = ClientBook.of(clients, self.settings.search)
        self._simulated = Simulated.of(self.settings, book)

    def start(self) -> None:
        """Listens when it returns. Raises RuntimeError when it is running already."""
        if self._server is not None:
            raise RuntimeError("the simulated 1C is running already")
        server = Server((self.settings.host, self._port), self._simulated)
        self._simulated.sessions.open()
        self._server, self._port = server, server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(POLL,), name="1c-simulator", daemon=True)
        thread.start()
        self._thread = thread
        log.info("the simulated 1C listens at %s", self.url)

    def stop(self) -> None:
        """As if 1C's server had died: nobody listens, connections are cut. Does nothing when stopped."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None and thread is not None:
            server.kill()
            thread.join()
            log.info("the simulated 1C has stopped")

    def wait(self) -> None:
        """Until it is stopped."""
        if (thread := self._thread) is not None:
            thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The TCP port; 0 before the first start when any free one was asked for."""
        return self._port

    @property
    def address(self) -> str:
        """Where it listens: http://127.0.0.1:8080."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"http://{host}:{self._port}"

    @property
    def url(self) -> str:
        """Where the service is: http://127.0.0.1:8080/telephony/ws/VATS."""
        return f"{self.address}{quote(self.settings.service_path)}"

    @property
    def clients(self) -> ClientBook:
        """Who is known."""
        return self._simulated.book

    @property
    def fault(self) -> Fault | None:
        """What is wrong now, with the `times` that are left. Set it to have something go wrong."""
        return self._simulated.faults.fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._simulated.faults.set(fault)

    def clear_fault(self) -> None:
        """All is well again. Requests that a fault has hung stay hung until their clients leave."""
        self.fault = None

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The latest 10 000 requests, oldest first."""
        return self._simulated.received.requests()

    @property
    def cards(self) -> tuple[Card, ...]:
        """The latest 10 000 cards opened, oldest first."""
        return self._simulated.received.cards()

    @property
    def events(self) -> tuple[ReceivedEvent, ...]:
        """The latest 1 000 events of the dialect mobilon-3, oldest first."""
        return self._simulated.received.events()

    @property
    def stats(self) -> Stats:
        """The counters."""
        return self._simulated.stats()

    def clear(self) -> None:
        """Forgets requests, cards and events, and counts anew."""
        self._simulated.clear()


def serve_forever(settings: OneCSimulatorSettings) -> None:
    """Runs a simulated 1C until KeyboardInterrupt, which it passes on once everything is closed.

    Raises ClientFileError (the clients file) or OSError (the address) before it has begun to listen.
    """
    with OneCSimulator(settings) as simulator:
        simulator.wait()
