"""The simulated 1C as a whole: starts, stops, remembers, goes wrong when told to."""

import contextlib
import copy
import logging
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from socketserver import ThreadingTCPServer
from typing import Any, Self
from urllib.parse import quote

from fs_1c.simulator.onec.calls import Calls, Document
from fs_1c.simulator.onec.clients import EXAMPLE, ClientBook, load_clients
from fs_1c.simulator.onec.dialects import Operation, Signature
from fs_1c.simulator.onec.fault_table import Stage
from fs_1c.simulator.onec.faults import Fault
from fs_1c.simulator.onec.service import Service
from fs_1c.simulator.onec.sessions import SessionPool, Stats
from fs_1c.simulator.onec.settings import OneCSimulatorSettings

MAX_REQUESTS = 10_000

log = logging.getLogger("fs_1c.simulator.onec")


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A SOAP request that passed authentication, also one that was then answered with a fault.

    operation, parameters: as sent. time: seconds since the epoch. soap_version: `1.1` or `1.2`.
    """

    operation: str
    parameters: dict[str, str]
    time: float
    soap_version: str


@dataclass(frozen=True, slots=True)
class Card:
    """One card on one screen. num_from: the caller's number as sent. time: seconds since the epoch.
    key: the subscriber's; a credential in production, hence not in the repr. extension: if that was told."""

    num_from: str
    key: str = field(repr=False)
    time: float
    extension: str = ""


class OneCSimulator:
    """A simulated 1C on a real socket; a context manager that starts and stops it. Safe in any thread.

    It may be started again after a stop, and then listens on the same port; what it has received stays,
    its sessions are lost. Raises ClientFileError; `start` raises OSError when the address is taken.

    clients: who is known. port: the TCP port; 0 before the first start when any free one was asked for.
    requests, cards: the latest 10 000, oldest first. calls: the documents made of calls.
    fault: what is wrong now, with the `times` that are left. Set it to have something go wrong.
    """

    def __init__(self, settings: OneCSimulatorSettings | None = None) -> None:
        self.settings = settings or OneCSimulatorSettings()
        self.port, clients = self.settings.port, self.settings.clients
        known = clients if isinstance(clients, tuple) else load_clients(clients or EXAMPLE)
        self.clients = ClientBook(known, self.settings.search)
        self.sessions = SessionPool(self.settings)
        self._lock, self._counted = self.sessions.lock, self.sessions.stats
        self.fault = self.settings.fault
        self.requests: tuple[ReceivedRequest, ...] = ()
        self.cards: tuple[Card, ...] = ()
        self._calls = Calls(at_answer=self.settings.cards_at_answer, ignored=self.settings.ignored)
        self._server: Server | None = None
        self._last: Server | None = None  # that was killed; the port stays ours
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listens when it returns. Raises RuntimeError when it is running already."""
        if self._server is not None:
            raise RuntimeError("the simulated 1C is running already")
        self._let_go()
        self._server = server = Server(self, (self.settings.host, self.port))
        self.port = server.server_address[1]
        self.sessions.open()
        self._thread = threading.Thread(target=server.serve_forever, daemon=True)
        self._thread.start()
        log.info("the simulated 1C listens at %s", self.url)

    def stop(self) -> None:
        """As if 1C's server had died: nobody listens, nor will anybody else at that port, and connections are
        cut. Does nothing when stopped.
        """
        server, self._server = self._server, None
        if server is not None:
            server.kill()
            self._last = server
            self.wait()
            log.info("the simulated 1C has stopped")

    def wait(self) -> None:
        """Until it is stopped."""
        # A signal that comes just before a wait without end begins would never be heard.
        thread = self._thread
        while thread is not None and thread.is_alive():
            thread.join(0.5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
        self._let_go()

    def _let_go(self) -> None:
        if self._last is not None:
            self._last.server_close()
            self._last = None

    @property
    def address(self) -> str:
        """Where it listens: http://127.0.0.1:8080."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"http://{host}:{self.port}"

    @property
    def url(self) -> str:
        """Where the service is: http://127.0.0.1:8080/telephony/ws/VATS."""
        return f"{self.address}{quote(self.settings.service_path)}"

    def clear_fault(self) -> None:
        """All is well again. Requests that a fault has hung stay hung until their clients leave."""
        self.fault = None

    @property
    def calls(self) -> tuple[Document, ...]:
        """What 1C has made of the calls that it was told of; they do not change any more."""
        with self._lock:
            return tuple(copy.deepcopy(self._calls.documents))

    @property
    def stats(self) -> Stats:
        """The counters as of now; they do not change any more."""
        return self.sessions.counts()

    # What follows is what its connections tell it.

    def take(self, *stages: Stage, operation: str | None = None) -> Fault | None:
        """The fault to strike now, counted: it belongs to these stages and to this operation."""
        with self._lock:
            fault = self.fault
            if fault is None or fault.kind.stage not in stages:
                return None
            wanted = (fault.operation,) if fault.operation else fault.kind.operations
            if wanted and operation not in wanted:
                return None
            if fault.times is not None:
                self.fault = replace(fault, times=fault.times - 1) if fault.times > 1 else None
            self._counted.faults[fault.name] = self._counted.faults.get(fault.name, 0) + 1
            return fault

    def count_arrived(self) -> None:
        """A request has been read whole."""
        with self._lock:
            self._counted.requests += 1
            self._counted.requests_now += 1

    def count_ended(self, operation: str, status: int | None) -> None:
        """It is about to be answered; None: never will be."""
        with self._lock:
            self._counted.requests_now -= 1
            counts, key = self._counted.by_operation.setdefault(operation, {}), str(status or "none")
            counts[key] = counts.get(key, 0) + 1

    def remember_request(self, operation: Operation) -> None:
        """1C has got an operation."""
        told = dict(operation.parameters)
        request = ReceivedRequest(operation.name, told, time.time(), operation.version)
        with self._lock:
            self.requests = (*self.requests, request)[-MAX_REQUESTS:]

    def execute(self, signature: Signature, told: Mapping[str, str]) -> None:
        """1C does what the operation is for, unless it has been stopped meanwhile. Raises ValueError."""
        with self._lock:
            if self._server is not None and (pop := signature.tells(self._calls, told)) is not None:
                self.cards = (*self.cards, Card(*pop[:2], time.time(), pop[2]))[-MAX_REQUESTS:]
                self._counted.cards += 1


class Server(ThreadingTCPServer):
    """Listens from its making on; a thread for each connection. Raises OSError when the address is taken.

    stopping: that it is stopped, which ends whatever waits.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, onec: "OneCSimulator", address: tuple[str, int]) -> None:
        self.onec, self.stopping = onec, threading.Event()
        self._connections: set[socket.socket] = set()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        host, port = address
        with socket.socket(self.address_family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if port == 0:
                probe.bind(address)
                port = probe.getsockname()[1]
            super().__init__((host, port), Service)

    # The types of what is accepted are the base class's own.
    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self._connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news; anything else is a mistake in the simulator."""
        if not isinstance(sys.exc_info()[1], OSError):
            log.exception("%s:%s: the simulator failed", *client_address[:2])

    def kill(self) -> None:
        """No new connections, no old ones, now: a request in work gets no answer."""
        self.stopping.set()
        self.onec.sessions.close()
        # Nobody listens any more, and the port stays taken, for it was asked for by number.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # which wakes who waits for connections
        self.shutdown()
        ends = time.monotonic() + 1.0
        while self._connections and time.monotonic() < ends:
            for connection in tuple(self._connections):
                with contextlib.suppress(OSError):  # it was already gone
                    connection.shutdown(socket.SHUT_RDWR)
            time.sleep(0.001)
