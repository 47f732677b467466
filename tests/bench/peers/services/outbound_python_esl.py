"""A service written with python-ESL, FreeSWITCH's own library: a thread a call. `PORT sync|async URL`"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

import socketserver
import sys

from ESL import ESLconnection

from tests.bench.peers.services.outbound_lookup import Lookup

lookup = Lookup(sys.argv[3])


class Route(socketserver.BaseRequestHandler):
    """Sets the variables and leaves."""

    def handle(self) -> None:
        # The library sends `connect`, and closes the descriptor itself.
        connection = ESLconnection(self.request.detach())
        if connection.connected():
            self.serve(connection)

    def serve(self, connection: ESLconnection) -> None:
        client = lookup.find(connection.getInfo().getHeader("Caller-Caller-ID-Number"))
        connection.execute("multiset", client.variables())
        connection.send("exit")


class Bridge(Route):
    """Sets the variables, bridges and stays until the conversation is over."""

    def serve(self, connection: ESLconnection) -> None:
        client = lookup.find(connection.getInfo().getHeader("Caller-Caller-ID-Number"))
        connection.sendRecv("linger 5")
        connection.sendRecv("myevents plain")
        connection.execute("multiset", client.variables())
        connection.execute("bridge", client.target())
        while connection.connected():
            connection.recvEvent()


class Server(socketserver.ThreadingTCPServer):
    """Takes as many calls at once as FreeSWITCH may have."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 4096


Server(("127.0.0.1", int(sys.argv[1])), Bridge if sys.argv[2] == "async" else Route).serve_forever()
