"""The connection to the switch is cut between a request and its answer: 1C is told the truth, and no call is
made twice. Between the service and the switch stands what cuts it, before or after the command has passed.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fs_1c.calls import Result
from tests.freeswitch.calling.test_calling import (
    CLIENTS,
    NUMBERS,
    TOKEN,
    WAITS,
    all_the_time_in_the_world,
    ask,
    calls,
)
from tests.freeswitch.configuration import PASSWORD
from tests.freeswitch.conftest import Company
from tests.freeswitch.sip import Manner

__all__ = ["all_the_time_in_the_world"]
pytestmark = pytest.mark.freeswitch
COMMAND = b" originate {"


class Cutter:
    """Passes octets between the service and the switch, until a command that makes a call.

    Args:
        passes: That command reaches the switch; its answer does not come back.
    """

    def __init__(self, switch: int, *, passes: bool) -> None:
        self.cut = threading.Event()
        self.commands = 0
        self._switch = switch
        self._passes = passes
        self._taken = threading.Event()  # the switch has said that it has a command
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                service = self._server.accept()[0]
                switch = socket.create_connection(("127.0.0.1", self._switch))
                for one, other in ((service, switch), (switch, service)):
                    threading.Thread(
                        target=self._pass, args=(one, other, one is service), daemon=True
                    ).start()

    def _pass(self, one: socket.socket, other: socket.socket, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while octets := one.recv(65536):
                if asks and COMMAND in octets:
                    self.commands += 1
                    if not self.cut.is_set():
                        # The way back first: no answer may come through it.
                        one.shutdown(socket.SHUT_RDWR)
                        if self._passes:
                            other.sendall(octets)
                            assert self._taken.wait(WAITS)
                        other.shutdown(socket.SHUT_RDWR)
                        self.cut.set()
                        return
                if not asks and b"Job-UUID" in octets:
                    self._taken.set()
                other.sendall(octets)
            other.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@contextlib.contextmanager
def behind(company: Company, *, passes: bool) -> Iterator[Cutter]:
    cutter = Cutter(company.switch.event_socket, passes=passes)
    try:
        company.serve(
            clients=CLIENTS,
            esl={
                "outbound": {"listen": f"127.0.0.1:{company.switch.service}"},
                "inbound": [{"address": f"127.0.0.1:{cutter.port}", "password": PASSWORD}],
            },
            calls={
                "listen": "127.0.0.1:0",
                "token": TOKEN,
                "dial": f"sofia/internal/sip:{{number}}@127.0.0.1:{company.agents_port}",
            },
        )
        yield cutter
    finally:
        cutter.close()


def test_the_switch_had_it_and_that_is_found_out(company: Company) -> None:
    with behind(company, passes=True) as cutter:
        desk = company.phone("244", Manner.RINGS)
        said = ask(company, "subscriber", NUMBERS["own"])
        assert cutter.cut.is_set()
        assert said.json()["result"] == "SUCCESS", said.text
        desk.rings(within=WAITS)
        (call,) = calls(company)
        assert call.id == said.json()["callid"] and call.is_up
        assert cutter.commands == 1 == len(desk.legs)


def test_the_switch_never_had_it_and_nobody_can_know(company: Company) -> None:
    """What is asked meanwhile again is the same click; after that nothing is made by itself."""
    with behind(company, passes=False) as cutter, ThreadPoolExecutor() as at_once:
        desk = company.phone("244", Manner.RINGS)
        asked = at_once.submit(ask, company, "own", NUMBERS["own"])
        assert cutter.cut.wait(WAITS)
        again = ask(company, "key", NUMBERS["own"])
        said = asked.result()
        assert (said.status_code, said.json()["error"]) == (504, "unknown"), said.text
        assert (again.json()["result"], again.json()["code"]) == ("FAIL", "4")
        assert "неизвестно" in again.json()["message"]
        (call,) = calls(company)
        assert call.progress.result is Result.UNKNOWN
        assert cutter.commands == 1 and not desk.legs
