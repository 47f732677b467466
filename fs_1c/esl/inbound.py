"""The listener on a switch's event socket: tells each conversation, for ever.

What is said is `listening`; this keeps a connection to one switch and comes back by itself when the switch
does. It does nothing slow while it reads: FreeSWITCH drops a listener whose queue overflows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TypeVar, cast

from fs_1c.call import CallEvent, Presence
from fs_1c.calls import Desk
from fs_1c.cards import KEY, Post
from fs_1c.esl.listening import Heard, Listening, Refused
from fs_1c.esl.placing import Placing
from fs_1c.esl.wire import Reader, WireError
from fs_1c.integration import Integration
from fs_1c.settings import InboundSettings, Role
from fs_1c.talk import Conversations

log = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT_WITHIN = 5.0
SILENCE, ANSWER_WITHIN = 65.0, 5.0
"""Seconds without an octet after which a switch is asked whether it is there, and for its answer. Mostly its
HEARTBEAT comes every 20.
"""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds between attempts; short, since each second away is a card that opens late."""
LOOK_AGAIN = (0.5, 2.0, 10.0)
"""Seconds after a connect when it is asked again what is up (see `listening`)."""
DOUBTS, ALL_AGAIN = 0.1, 60.0
"""Seconds between questions about subscribers of whom something has changed, and about all."""
GATHER, MUCH = 0.1, 64 * 1024
"""Seconds for which a reserve that stands by leaves unread what comes, since to be woken for each event costs
it several times what is done with one; and octets that came together after which it does not: the rest must
not wait in the switch.
"""
IN_A_ROW = 30
"""Messages after which others have the loop: calls are decided there."""
UNFINISHED = 60.0
"""Seconds within which a message that has begun must end; of `show channels` of 20 000 there are 20 MB."""
MAX_JOBS = 10_000
"""Questions that wait for the switch's answer; beyond that nothing is asked."""
MAX_TOLD = 100
"""Different complaints about a switch's answers."""
REFUSED_PAUSE = 10.0
"""Seconds before a switch that refused our password or address is asked again."""


class InboundDoor:
    """Listens to one switch, reconnecting for ever.

    Args:
        integration: What opens cards; may be exchanged while the door is open.
        settings: The switch.

    Attributes:
        ready: Set while we are connected and subscribed.
        post: Ours at a switch that has a name.
        desk: Hears what becomes of the calls that it has had made here; None: it has none made.
    """

    def __init__(self, integration: Integration, settings: InboundSettings) -> None:
        self.integration = integration
        self.ready = asyncio.Event()
        self.settings = settings
        self._switch = settings.name or str(settings.address)
        self._conversations = Conversations(
            integration.people.plan,
            lambda name: self.integration.people.has_key(name),
            internal=lambda: self.integration.settings.history.internal,
        )
        integration.switches.tables[self._switch] = self._conversations.presence
        self._told: set[str] = set()  # complaints about answers of the switch
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening: Listening | None = None  # while we are connected and subscribed
        self._writer: asyncio.StreamWriter | None = None
        self._jobs: dict[str, Future[str]] = {}
        self._placing = Placing()
        self.desk: Desk | None = None
        self.post = (
            Post(
                settings,
                lambda event, take: self.integration.happened(event, self.ask, take, self._switch),
                lambda conversation: self.integration.wants_card(conversation),
                lambda: self.integration.settings.screenpop.useful_for,
                lambda event: self.integration.overheard(event, self._switch),
            )
            if settings.name
            else None
        )
        if self.post and integration.history:
            integration.history.attend(settings.name, self.post, reserve=settings.role is Role.RESERVE)

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._listen_for_ever())

    async def close(self) -> None:
        if self._task:
            if self.post:
                self.post.leave()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def ask(self, user: str, domain: str, what: str = KEY) -> Future[str]:
        """Asks the switch's directory about a subscriber, mostly for his key; from any thread. The future
        ends with that or with nothing when the switch answers or is lost; it may never end.
        """
        found: Future[str] = Future()

        def send() -> None:
            if len(self._jobs) < MAX_JOBS:
                self._background(found, lambda listening, job: listening.look_up(user, domain, what, job))
            else:
                found.set_result("")

        if self._loop is None:
            found.set_result("")
        else:
            self._loop.call_soon_threadsafe(send)
        return found

    # Calls that somebody asks for; all of these on the loop.

    def is_up(self) -> bool:
        """Are we connected, and subscribed?"""
        return self._listening is not None and self._writer is not None and not self._writer.is_closing()

    def knows(self, extension: str) -> bool:
        """Is that subscriber registered here, as far as the switch has told?"""
        return self._conversations.contacts.knows(extension)

    def state(self, extension: str, domain: str) -> Presence:
        """How it is with that subscriber, as far as this switch, or another, has told. No domain: whatever
        his is here.
        """
        table = self._conversations.presence
        state_of = self.integration.switches.at(table.core) if table.live else None
        return state_of(extension, domain) if state_of else table.state(extension, domain)

    def place(self, call_id: str, command: str) -> bool:
        """Has the switch make a call; what becomes of it is told to `desk`. False: it was not told."""
        return self._say(lambda listening: listening.place(call_id, command))

    def end(self, call_id: str) -> bool:
        """Has the switch end it. False: it was not told."""
        return self._say(lambda listening: listening.end(call_id))

    def users(self) -> Future[str]:
        """Asks which users the switch's directory lists, as a table; it may never end."""
        found: Future[str] = Future()
        self._background(found, lambda listening, job: listening.users(job))
        return found

    def _say(self, words: Callable[[Listening], bytes]) -> bool:
        """False: nobody hears it."""
        if self._listening is None or self._writer is None or self._writer.is_closing():
            return False
        self._writer.write(words(self._listening))
        return True

    def _background(self, found: Future[str], words: Callable[[Listening, str], bytes]) -> None:
        """Asks what the switch answers in the background: to `found`, or nothing if nobody hears it."""
        job = str(uuid.uuid4())
        if self._say(lambda listening: words(listening, job)):
            self._jobs[job] = found
        else:
            found.set_result("")

    def _look_again(self, listening: Listening) -> None:
        if self._writer is not None and listening is self._listening:
            self._writer.write(listening.look_again())

    def _who_is_there(self, listening: Listening, again: float) -> None:
        """Asks about subscribers, as long as this connection stands. `again`: when about all, by the loop."""
        if self._writer is None or listening is not self._listening:
            return
        loop = asyncio.get_running_loop()
        asks = listening.who_is_there()
        if loop.time() >= again:
            asks, again = asks + listening.who_is_there_in_all(), loop.time() + ALL_AGAIN
        if asks:
            self._writer.write(asks)
        loop.call_later(DOUBTS, self._who_is_there, listening, again)

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
                why = f"no sign of life for {SILENCE + ANSWER_WITHIN:g} s"
            except (OSError, WireError, EOFError) as error:
                why = str(error) or type(error).__name__
            except Exception:
                log.exception("inbound door %s: unexpected", self.settings)
                why = "unexpected error"
            if self.ready.is_set():
                self.ready.clear()
                pause = wait = FIRST_PAUSE
                told = ""
            if why != told:
                log.warning("inbound door %s: %s; trying again", self.settings, why)
                told = why
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _listen(self) -> None:
        """One connection, from connect to its end."""
        host, port = self.settings.address
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                stream, self._writer = await asyncio.open_connection(host, port)
        except TimeoutError:
            raise OSError(f"no connection within {CONNECT_WITHIN:g} s") from None
        try:
            reader = Reader(skip=True)
            listening = self._begin()
            messages, ended = 0, time.monotonic()  # and when the last of them had
            while True:
                octets = await self._patiently(lambda: stream.read(256 * 1024), listening)
                if not octets:
                    raise EOFError("the switch closed the connection")
                whole = not reader.held
                reader.feed(octets)
                while (message := reader.next()) is not None:
                    heard = listening.received(message)
                    if heard.closed:
                        return
                    self._do(heard, listening, self._writer)
                    messages, whole = messages + 1, True
                    if messages % IN_A_ROW == 0:
                        await asyncio.sleep(0)
                if whole:
                    ended = time.monotonic()
                elif time.monotonic() - ended > UNFINISHED:
                    raise WireError(f"a message has not ended within {UNFINISHED:g} s")
                if self._listening and self.post and self.post.stands_by and len(octets) < MUCH:
                    await _gather(cast("asyncio.ReadTransport", self._writer.transport))
        finally:
            self._writer.transport.abort()
            self._lost()

    def _begin(self) -> Listening:
        """Raises OSError when the password's file cannot be read."""
        token = self.post.token if self.post else ""
        settings, before = self.settings, lambda: self.integration.legs(self._switch)
        return Listening(settings.secret(), self._conversations, settings.name, token, before, self._placing)

    async def _patiently(self, read: Callable[[], Awaitable[T]], listening: Listening) -> T:
        """What comes next. Raises TimeoutError when nothing does, not even an answer to a question of ours:
        how often its HEARTBEAT comes is the switch's own affair.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SILENCE):
                return await read()
        if self._writer is not None:
            self._writer.write(listening.still_there())
        async with asyncio.timeout(ANSWER_WITHIN):
            return await read()

    def _lost(self) -> None:
        """The connection has ended, and with it the questions that the switch has not answered."""
        self._listening = self._writer = None
        self._conversations.presence.lost()
        lost, self._jobs = self._jobs, {}
        for found in lost.values():
            found.set_result("")
        if self.post:
            self.post.lost()
        self._placing.lost()
        if self.desk:
            self.desk.lost(self)

    def _do(self, heard: Heard, listening: Listening, writer: asyncio.StreamWriter) -> None:
        if heard.write:
            writer.write(heard.write)
        if heard.ready:
            self._listening = listening
            self.ready.set()
            for seconds in LOOK_AGAIN:
                asyncio.get_running_loop().call_later(seconds, self._look_again, listening)
            self._who_is_there(listening, asyncio.get_running_loop().time() + ALL_AGAIN)
            if self.post:
                self.post.connected(listening, writer.write)
            if self.desk:
                self.desk.found(self)
            log.info("inbound door %s: listening", self.settings)
        if heard.job is not None and (found := self._jobs.pop(heard.job[0], None)):
            found.set_result(heard.job[1])
        if heard.problem and heard.problem not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(heard.problem)
            log.warning("inbound door %s: %s; going on without it", self.settings, heard.problem)
        if self.post and heard.word:
            self.post.heard(heard.word)
        if self.post and heard.taken:
            self.post.told(*heard.taken)
        for call_id, step in heard.told:
            if self.desk:
                self.desk.step(call_id, step)
        for event in heard.happened:
            self.act(event)

    def act(self, event: CallEvent) -> None:
        """What a channel event has told is acted upon, if that is on us."""
        try:
            if self.post is None:
                self.integration.happened(event, self.ask, switch=self._switch)
            else:
                self.post.happened(event)
        except Exception:
            log.exception("inbound door %s: %r", self.settings, event)


async def _gather(line: asyncio.ReadTransport) -> None:
    """Leaves what comes to the kernel for a while."""
    line.pause_reading()
    try:
        await asyncio.sleep(GATHER)
    finally:
        line.resume_reading()
