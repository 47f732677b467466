"""A service written with greenswitch. `PORT sync|async URL`"""

# mypy: disable-error-code="import-not-found,import-untyped"
from __future__ import annotations

# Before anything else, as requests must wait for its greenlet alone.
from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

import greenswitch  # noqa: E402

from tests.bench.peers.services.outbound_lookup import Lookup  # noqa: E402

lookup = Lookup(sys.argv[3])


class Route:
    """Sets the variables; the server says `exit` when `run` returns."""

    def __init__(self, session: greenswitch.esl.OutboundSession) -> None:
        self.session = session

    def run(self) -> None:
        client = lookup.find(self.session.caller_id_number)
        self.session.call_command("multiset", client.variables())


class Bridge(Route):
    """Sets the variables, bridges and stays until the conversation is over."""

    def run(self) -> None:
        self.session.myevents()
        self.session.linger()
        super().run()
        self.session.bridge(lookup.find(self.session.caller_id_number).target())


port, held = int(sys.argv[1]), sys.argv[2] == "async"
server = greenswitch.OutboundESLServer("127.0.0.1", port, Bridge if held else Route, max_connections=10_000)
server.listen()
