"""The simulated 1C as a whole: starts, stops, remembers."""

import logging
import socket
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from fs_1c.simulator.onec.clients import ClientBook, example_clients, load_clients
from fs_1c.simulator.onec.handler import OneCHandler
from fs_1c.simulator.onec.received import Card, Received, ReceivedRequest
from fs_1c.simulator.onec.settings import OneCSimulatorSettings

# Seconds: how often the accepting thread looks whether it is to stop; how long a stop waits for threads in
# flight.
POLL = 0.02
DRAIN = 1.0

log = logging.getLogger("fs_1c.simulator.onec")


class _Server(ThreadingHTTPServer):
    """One listening socket and its connections, for one start of the simulator."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], settings: OneCSimulatorSettings, book: ClientBook, received: Received
    ) -> None:
        self.settings = settings
        self.book = book
        self.received = received
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, OneCHandler)
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        self.own_host = f"{host}:{self.server_port}"

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the DNS for this machine's name and may wait for it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    # The types of what is accepted are the base class's own.
    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        # Before it is closed: its number may be somebody else's at once, and `kill` must not touch that.
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news; anything else is a mistake in the simulator."""
        if isinstance(sys.exc_info()[1], OSError):
            log.debug("%s:%s went away", client_address[0], client_address[1])
        else:
            log.exception("%s:%s: the simulator failed", client_address[0], client_address[1])

    def kill(self) -> None:
        """No new connections, no old ones, now. A request in work gets no answer."""
        self.stopping.set()
        self._cut_connections()
        self.shutdown()
        self.server_close()
        self._cut_connections()  # those accepted in between
        with self._changed:
            self._changed.wait_for(lambda: not self._connections, DRAIN)

    def _cut_connections(self) -> None:
        with self._changed:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    log.debug("a connection was already gone")


class OneCSimulator:
    """A simulated 1C on a real socket; a context manager that starts and stops it.

    It may be started again after a stop, and then listens on the same port; what it has received stays until
    `clear`. Raises ClientFileError when the clients file is broken; `start` raises OSError when the address
    is taken.
    """

    def __init__(self, settings: OneCSimulatorSettings | None = None) -> None:
        self.settings = settings or OneCSimulatorSettings()
        self._received = Received()
        self._port = self.settings.port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        clients = self.settings.clients
        if clients is None:
            clients = example_clients()
        elif isinstance(clients, Path):
            clients = load_clients(clients)
        self._book = ClientBook.of(clients)

    def start(self) -> None:
        """Listens when it returns. Raises RuntimeError when it is running already."""
        if self._server is not None:
            raise RuntimeError("the simulated 1C is running already")
        server = _Server((self.settings.host, self._port), self.settings, self._book, self._received)
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

    @property
    def clients(self) -> ClientBook:
        """Who is known."""
        return self._book

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
    def url(self) -> str:
        """Where the service is: http://127.0.0.1:8080/telephony/ws/VATS."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"http://{host}:{self._port}{quote(self.settings.path)}"

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The latest 10 000 requests, oldest first."""
        return self._received.requests()

    @property
    def cards(self) -> tuple[Card, ...]:
        """The latest 10 000 accepted IncomingCalls, oldest first."""
        return self._received.cards()

    def clear(self) -> None:
        """Forgets requests and cards."""
        self._received.clear()


def serve_forever(settings: OneCSimulatorSettings) -> None:
    """Runs a simulated 1C until KeyboardInterrupt, which it passes on once everything is closed.

    Raises ClientFileError (the clients file) or OSError (the address) before it has begun to listen.
    """
    with OneCSimulator(settings) as simulator:
        simulator.wait()
