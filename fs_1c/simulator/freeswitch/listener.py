"""One connection of mod_event_socket, whichever side opened it: what it hears of and how it is answered.

As in FreeSWITCH, the outbound socket and port 8021 share one parser of commands (source: parse_command and
event_handler), which tells them apart by prefix, in this order.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fs_1c.simulator.freeswitch import wire
from fs_1c.simulator.freeswitch.script import Outcome
from fs_1c.simulator.freeswitch.values import atoi
from fs_1c.simulator.freeswitch.wire import Command, Event

if TYPE_CHECKING:
    from fs_1c.simulator.freeswitch.call import LiveCall
    from fs_1c.simulator.freeswitch.switch import SimulatedSwitch

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_WORDS = "exit|...|auth |resume|connect|myevents|sendmsg|sendevent|api |bgapi |linger|event|noevents"


@dataclass(slots=True)
class Subscription:
    """What a connection wants to hear of: names of events, ALL among them perhaps, and subclasses of CUSTOM
    ones; after `myevents` those of one channel only.
    """

    names: set[str] = field(default_factory=set)
    subclasses: set[str] = field(default_factory=set)
    mine: str | None = None

    def wants(self, event: Event) -> bool:
        asked = bool({"ALL", event.name} & self.names)
        if event.name == "CUSTOM" and "ALL" not in self.names:
            asked = event.get("Event-Subclass") in self.subclasses
        if self.mine is not None:
            whose = event.get("Unique-ID") or event.get("Job-Owner-UUID")
            asked = whose == self.mine and (asked or event.name.startswith("CHANNEL_"))
        return asked

    def ask(self, words: list[str]) -> str:
        """`event plain NAME… CUSTOM SUBCLASS…`; returns the reply. A name that is none never comes."""
        words = [word for word in words if word and word.lower() != "plain"]
        names = [word.upper() for word in words]
        custom = names.index("CUSTOM") + 1 if "CUSTOM" in names else len(names)
        self.names |= set(names[:custom])
        self.subclasses |= set(words[custom:])
        return "+OK event listener enabled plain" if names else "-ERR no keywords supplied"


class Listener:
    """A connection, with the call that it controls if it is a service's.

    Attributes:
        linger: Seconds to stay after the call, -1 for ever, None not at all.
        lingering: The call is over and the peer is still obeyed.
    """

    def __init__(self, switch: SimulatedSwitch, streams: Streams, call: LiveCall | None = None) -> None:
        self.linger: int | None = None
        self.lingering = False
        self._switch, self._call, (self._reader, self._writer) = switch, call, streams
        self._subscription, self._authed = Subscription(), call is not None
        self._ended: Outcome | None = None
        self._incoming = wire.CommandReader()
        self._held = False  # events wait: a sync execute is running, or part of a command has come
        self._waiting: deque[Event] = deque()

    @property
    def subscribed(self) -> bool:
        """It is a client of the event socket that asked for events of all calls."""
        return self._call is None and self._subscription.mine is None and bool(self._subscription.names)

    def write(self, octets: bytes) -> None:
        """Sends octets as they are."""
        if not self._writer.is_closing():
            self._writer.write(octets)

    def offer(self, event: Event) -> None:
        """Delivers an event if it was asked for, at once or when it is no longer held."""
        if self._subscription.wants(event):
            self._waiting.append(event)
            self.release(self._held)

    def release(self, still_held: bool = False) -> None:
        self._held = still_held
        while self._waiting and not self._held:
            self.write(self._waiting.popleft().framed())

    async def serve(self) -> None:
        """Serves a client of port 8021, from greeting to goodbye."""
        with suppress(asyncio.CancelledError), self._switch.connected(self, self._writer):
            self.write(b"Content-Type: auth/request\n\n")
            await self.obey(self._switch.settings.first_command)
            self.write(wire.disconnect_notice(None))

    async def obey(self, patience: float | None) -> Outcome:
        """Does what it is told until something ends it; so many seconds for the first command."""
        call = self._call
        first = patience is not None and call is not None
        while call is None or self.lingering or not call.down.is_set():
            try:
                if (command := self._incoming.take()) is not None:
                    answer = await self._answer(command)
                    # FreeSWITCH drops the answer to a service's first command, unless it writes its own.
                    if not first or command.starts("connect") or command.starts("api "):
                        self.write(answer)
                    first, patience = False, None
                    if self._ended is not None:
                        return self._ended
                    continue
                self.release(still_held=self._incoming.partial)
                reading = asyncio.wait_for(self._reader.read(65536), patience)
                octets = await (call.unless_down(reading) if call and not self.lingering else reading)
            except TimeoutError:
                return "mute"
            except (wire.BadCommandError, ConnectionError):
                return "closed"
            if octets == b"":
                self._writer.close()
                return "closed"
            self._incoming.feed(octets or b"")
        return "hung up"

    async def _answer(self, command: Command) -> bytes:
        call = self._call
        if call is not None:
            call.commands.append(command.raw)
        word = next((word for word in _WORDS.split("|") if command.starts(word)), "")
        argument, said = command.line[len(word) :], ""  # which is the answer to what is no command
        match word if self._authed or word in ("exit", "...", "auth ") else "":
            case "exit" | "...":
                self._ended, said = "exited", "+OK bye"
            case "auth ":
                self._authed = argument == self._switch.settings.password
                self._ended = None if self._authed else "closed"
                said = "+OK accepted" if self._authed else "-ERR invalid"
            case "connect" if call is not None:
                return call.channel_data()
            case "resume" if call is not None:
                call.resume, said = True, "+OK"
            case "sendmsg" if call is not None:
                said = "+OK"
                if call.script.mode == "async":
                    call.queue.append(command)
                else:
                    self._held = True
                    await call.perform(command)
            case "sendevent":
                said = f"+OK {self._switch.sent(argument, command)}"
            case "api ":
                return wire.api_response(self._api(argument))
            case "bgapi ":
                job = command.get("Job-UUID") or str(uuid.uuid4())
                told = (job, call.uuid if call else "", argument, self._api(argument))
                # The job runs in a thread of its own, so its event never overtakes the reply.
                asyncio.get_running_loop().call_soon(self._switch.end_job, *told)
                said = f"~Reply-Text: +OK Job-UUID: {job}\nJob-UUID: {job}\n\n"
            case "linger" if call is not None:
                self.linger = atoi(argument) if argument.startswith(" ") else -1
                said = "+OK will linger" + ("" if self.linger < 0 else f" {self.linger} seconds")
            case "myevents" if argument.strip(" ").lower() not in ("json", "xml"):
                self._subscription.mine = call.uuid if call else argument.strip(" ").partition(" ")[0] or None
                said = "+OK Events Enabled" if self._subscription.mine else ""
            case "event":
                said = self._subscription.ask(command.line.split(" ")[1:])
                self._switch.subscribers_changed.set()
            case "noevents":
                self._waiting.clear()
                self._subscription, said = Subscription(), "+OK no longer listening for events"
        return wire.reply(said)

    def _api(self, question: str) -> str:
        if (odd := self._switch.settings.answers.get(question)) is not None:
            return odd.decode("utf-8", "surrogateescape")
        name, _, argument = question.partition(" ")
        answer = self._switch.api(name, argument)
        return f"-ERR {name} Command not found!\n" if answer is None else answer
