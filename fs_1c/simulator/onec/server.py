"""The listening socket of the simulated 1C and its connections, for one start."""

import contextlib
import logging
import socket
import sys
import threading
from http.server import ThreadingHTTPServer
from typing import Any

from fs_1c.simulator.onec.handler import OneCHandler
from fs_1c.simulator.onec.transport import to_be_reset
from fs_1c.simulator.onec.world import Run, Simulated

# Seconds that a stop waits for threads in flight.
DRAIN = 1.0

log = logging.getLogger("fs_1c.simulator.onec")


class Server(ThreadingHTTPServer):
    """Listens from its making on; a thread for each connection. Raises OSError when the address is taken."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], simulated: Simulated) -> None:
        self.simulated = simulated
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, OneCHandler)
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        self.run = Run(f"{host}:{self.server_port}")

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
        if to_be_reset(request):
            self.close_request(request)  # a shutdown would send a FIN first, and the client read a tidy end
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news; anything else is a mistake in the simulator."""
        if isinstance(sys.exc_info()[1], OSError):
            log.debug("%s:%s went away", client_address[0], client_address[1])
        else:
            log.exception("%s:%s: the simulator failed", client_address[0], client_address[1])

    def kill(self) -> None:
        """No new connections, no old ones, now. A request in work gets no answer."""
        self.run.stopping.set()
        self.simulated.sessions.close()
        self._cut_connections()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
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
