"""The event socket of a switch that has very much to tell. It answers as the simulated FreeSWITCH does."""

from __future__ import annotations

import select
import socket
import time
import uuid
from types import TracebackType
from typing import Self

from fs_1c.simulator.freeswitch import SimulatedSwitch, wire
from fs_1c.simulator.freeswitch.listener import Subscription
from fs_1c.simulator.freeswitch.wire import Command, CommandReader, Event
from fs_1c.talk.conversations import EVENTS
from tests.bench.peers.inbound_calls import Stream

PASSWORD = "ClueCon"
QUIET = 0.3
"""Seconds without a command after which a listener has said what it wants."""
COMES_WITHIN, PATIENCE = 20.0, 60.0
"""Seconds in which a listener must have connected, and that it may take over anything later."""


_NO_CALLS = SimulatedSwitch()
"""A switch whose channels are nowhere but in the stream."""


class PouringSwitch:
    """One listener at a time; whoever plays the switch calls these in turn: `await_listener`, `pour`."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(COMES_WITHIN)
        self.port: int = self._server.getsockname()[1]
        self._listener: socket.socket | None = None
        self._commands = CommandReader()
        self._subscription = Subscription()
        self._filters: set[str] = set()  # names of events, where only those of them are wanted
        self._asked: set[str] = set()  # subscribers whose keys were asked for

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        if self._listener:
            self._listener.close()

    def await_listener(self) -> None:
        """Until somebody has come, has subscribed to exactly what is poured, and waits for it. Raises
        TimeoutError if nobody comes.
        """
        self._listener, _ = self._server.accept()
        self._listener.settimeout(PATIENCE)
        self._listener.sendall(b"Content-Type: auth/request\n\n")
        ends = time.monotonic() + PATIENCE
        while self._obey(QUIET) or not self._subscription.names:
            if time.monotonic() > ends:
                raise TimeoutError("the listener does not subscribe")
        wanted = {name for name in (*EVENTS, "CUSTOM") if self._wants(name)}
        if wanted != set(EVENTS):
            raise ValueError(f"the listener wants {' '.join(sorted(wanted)) or 'nothing'}")

    def _wants(self, name: str) -> bool:
        return self._subscription.wants(_named(name)) and (not self._filters or name in self._filters)

    def pour(self, stream: Stream) -> float:
        """Sends all of it as fast as it is taken; seconds until the listener has asked for the mark's key.
        Raises OSError if it goes away, TimeoutError if it does not ask.
        """
        assert self._listener is not None
        started = time.perf_counter()
        for piece in stream.pieces:
            self._listener.sendall(piece)
            self._obey(0)
        while stream.mark not in self._asked:
            if not self._obey(PATIENCE):
                raise TimeoutError("the listener does not come to the end of the events")
        return time.perf_counter() - started

    def say(self, message: bytes) -> None:
        """Sends one message, and obeys what was asked meanwhile. Raises OSError if the listener goes away."""
        assert self._listener is not None
        self._listener.sendall(message)
        self._obey(0)

    def _obey(self, wait: float) -> bool:
        """Answers the commands that are there, or come within so many seconds. False if there were none."""
        assert self._listener is not None
        if not select.select([self._listener], [], [], wait)[0]:
            return False
        octets = self._listener.recv(65536)
        if not octets:
            raise ConnectionResetError("the listener has gone")
        self._commands.feed(octets)
        while (command := self._commands.take()) is not None:
            self._listener.sendall(self._answer(command))
        return True

    def _answer(self, command: Command) -> bytes:
        word, _, argument = command.line.partition(" ")
        match word:
            case "auth":
                return wire.reply("+OK accepted" if argument == PASSWORD else "-ERR invalid")
            case "event" | "events":
                return wire.reply(self._subscription.ask(argument.split(" ")))
            case "filter":
                header, _, value = argument.partition(" ")
                if header == "Event-Name":
                    self._filters.add(value)
                return wire.reply(f"+OK filter added. [{header}]=[{value}]")
            case "api":
                return wire.api_response(_api(argument))
            case "bgapi":
                return self._job(command, argument)
        return wire.reply("")

    def _job(self, command: Command, line: str) -> bytes:
        name, _, argument = line.partition(" ")
        if name == "user_data":
            self._asked.add(argument.split()[0].partition("@")[0])
        job = command.get("Job-UUID") or str(uuid.uuid4())
        reply = wire.reply(f"~Reply-Text: +OK Job-UUID: {job}\nJob-UUID: {job}\n\n")
        told = {"Job-UUID": job, "Job-Command": name, "Job-Command-Arg": argument}
        event = Event((("Event-Name", "BACKGROUND_JOB"), *told.items()), _api(line))
        return reply + (event.framed() if self._subscription.wants(event) else b"")


def _api(line: str) -> str:
    name, _, argument = line.partition(" ")
    said = _NO_CALLS.api(name, argument)
    return f"-ERR {name} Command not found!\n" if said is None else said


def _named(name: str) -> Event:
    return Event((("Event-Name", name),))
