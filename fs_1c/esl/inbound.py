"""The listener on a switch's event socket: connects, authenticates, subscribes, tells each conversation; for
ever.

What is said is a small state machine without I/O (`Listening`); `InboundDoor` keeps a connection to one
switch and comes back by itself when the switch does. It does nothing slow while it reads: FreeSWITCH drops a
listener whose queue overflows.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass

from fs_1c.call import Conversation
from fs_1c.conversations import EVENTS, Conversations
from fs_1c.esl import commands
from fs_1c.esl.wire import Message, Reader, WireError
from fs_1c.integration import Integration
from fs_1c.settings import InboundSettings

log = logging.getLogger(__name__)

CONNECT_WITHIN = 5.0
SILENCE = 65.0
"""Seconds without an octet after which a switch counts as dead: its HEARTBEAT comes every 20."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds between attempts; short, since each second away is a card that opens late."""
REFUSED_PAUSE = 10.0
"""Seconds before a switch that refused our password or address is asked again."""


class Refused(Exception):
    """The switch does not let us in: the password, or its access list."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What to do after a message.

    Attributes:
        write: Octets to be sent; may be empty.
        conversation: A conversation that has just begun.
        ready: We are subscribed now.
        closed: FreeSWITCH takes its leave.
    """

    write: bytes = b""
    conversation: Conversation | None = None
    ready: bool = False
    closed: bool = False


class Listening:
    """What is said on one event-socket connection; no I/O.

    Args:
        password: The event socket's.
        conversations: Outlives the connection: what it knows is still true after a reconnect.
    """

    def __init__(self, password: str, conversations: Conversations) -> None:
        self._password = password
        self._conversations = conversations
        self._asked = ""

    def received(self, message: Message) -> Heard:
        """Takes one message. Raises `Refused` or `WireError`."""
        match message.content_type:
            case "text/event-plain":
                return Heard(conversation=self._conversations.feed(message.event()))
            case "auth/request":
                self._asked = "auth"
                return Heard(commands.auth(self._password))
            case "command/reply":
                return self._replied(message.reply)
            case "text/rude-rejection":
                raise Refused(
                    "its access list (event_socket.conf.xml, apply-inbound-acl) does not allow our address"
                )
            case "text/disconnect-notice":
                return Heard(closed=True)
        return Heard()

    def _replied(self, reply: str) -> Heard:
        if self._asked == "auth":
            if not reply.startswith("+OK"):
                raise Refused("the password is wrong")
            self._asked = "event"
            return Heard(commands.subscribe([*EVENTS, "HEARTBEAT"]))
        if self._asked == "event":
            if not reply.startswith("+OK"):
                raise WireError(f"the subscription was answered by {reply[:80]!r}")
            self._asked = ""
            return Heard(ready=True)
        return Heard()


class InboundDoor:
    """Listens to one switch, reconnecting for ever.

    Args:
        integration: What opens cards; may be exchanged while the door is open.
        settings: The switch.

    Attributes:
        ready: Set while we are connected and subscribed.
    """

    def __init__(self, integration: Integration, settings: InboundSettings) -> None:
        self.integration = integration
        self.ready = asyncio.Event()
        self._settings = settings
        self._conversations = Conversations(integration.plan)
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._listen_for_ever())

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen_for_ever(self) -> None:
        pause = FIRST_PAUSE
        told = ""  # the same complaint once, not once a second
        while True:
            wait = pause
            try:
                await self._listen()
                why = "the switch closed the connection"
            except Refused as error:
                why, wait = f"refused: {error}", REFUSED_PAUSE
            except TimeoutError:
                why = f"no sign of life for {SILENCE:g} s"
            except (OSError, WireError, EOFError) as error:
                why = str(error) or type(error).__name__
            except Exception:
                log.exception("inbound door %s: unexpected", self._settings.address)
                why = "unexpected error"
            if self.ready.is_set():
                self.ready.clear()
                pause = wait = FIRST_PAUSE
                told = ""
            if why != told:
                log.warning("inbound door %s: %s; trying again", self._settings.address, why)
                told = why
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _listen(self) -> None:
        """One connection, from connect to its end."""
        host, port = self._settings.address
        async with asyncio.timeout(CONNECT_WITHIN):
            stream, writer = await asyncio.open_connection(host, port)
        try:
            reader = Reader()
            listening = Listening(self._settings.secret(), self._conversations)
            while True:
                async with asyncio.timeout(SILENCE):
                    octets = await stream.read(256 * 1024)
                if not octets:
                    raise EOFError("the switch closed the connection")
                reader.feed(octets)
                while (message := reader.next()) is not None:
                    heard = listening.received(message)
                    if heard.closed:
                        return
                    self._do(heard, writer)
        finally:
            writer.transport.abort()

    def _do(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        if heard.write:
            writer.write(heard.write)
        if heard.ready:
            self.ready.set()
            log.info("inbound door %s: listening", self._settings.address)
        if heard.conversation is not None:
            try:
                self.integration.conversation(heard.conversation)
            except Exception:
                log.exception("call=%s pop failed", heard.conversation.call_uuid)
