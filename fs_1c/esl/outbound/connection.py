"""One call's connection: what has come on it, what is said on it, and whether it moves as FreeSWITCH does."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Protocol

from fs_1c.call import Call, Decision
from fs_1c.esl import commands
from fs_1c.esl.dialogue import Dialogue, State, Step
from fs_1c.esl.wire import Reader, WireError
from fs_1c.timers import STALLS

if TYPE_CHECKING:
    from fs_1c.esl.outbound.door import OutboundDoor

log = logging.getLogger(__name__)

FIRST_WORD = 5.0
"""Seconds within which FreeSWITCH must send the channel's data, end a message that it has begun, and hang up
after `exit`; it takes a millisecond. It may become twice as long until somebody looks.
"""
ORDINARY = 32 * 1024
"""Octets up to which a new call's data is read before all else; it has 6 000."""
MAX_MESSAGE = 256 * 1024
"""Octets of a message's header lines, and of its body."""


class Carrier(Protocol):
    """What takes our words to FreeSWITCH. Nothing here raises."""

    def write(self, data: bytes) -> None:
        """Sends commands."""

    def close(self) -> None:
        """Hangs up; the connection's `lost` is called, now or later."""

    def listen(self) -> None:
        """What has come is read: now the rest may come."""

    def peer(self) -> str:
        """Who is at the other end, for a log line."""


class Connection:
    """One call's connection."""

    __slots__ = (
        "_called",
        "_carrier",
        "_dialogue",
        "_door",
        "_ended",
        "_messages",
        "_reader",
        "_stands",
        "_started",
        "_task",
        "_turns",
        "_unwritten",
        "_waited",
        "busy",
    )

    def __init__(self, door: OutboundDoor, linger: int) -> None:
        self.busy = False  # it stands in line
        self._door = door
        self._turns = door.turns
        self._reader = Reader(MAX_MESSAGE, MAX_MESSAGE)
        self._dialogue = Dialogue(linger, door.integration.people)
        self._carrier: Carrier | None = None
        self._task: asyncio.Task[None] | None = None
        self._started = self._called = 0.0  # accepted; connected, from when on a caller waits
        self._unwritten = b""
        self._ended = self._waited = False
        self._messages = 0
        self._stands: tuple[State, int, float] | None = None  # how far it had come, and since when

    def begin(self, carrier: Carrier, waited: float) -> None:
        """FreeSWITCH has connected, `waited` seconds ago, and waits for the first command."""
        self._carrier = carrier
        self._since_now(waited)
        carrier.write(commands.CONNECT)
        self._door.begun(self)

    def _since_now(self, waited: float) -> None:
        self._started = time.monotonic()
        self._called = self._started - waited

    @property
    def deaf(self) -> bool:
        """Only replies and a goodbye are left; FreeSWITCH closes the connection."""
        return self._dialogue.state is State.LEAVING

    @property
    def hasty(self) -> bool:
        """No call has come yet, and whoever has hung up brings none."""
        return self._dialogue.state is State.CONNECTING

    @property
    def deciding(self) -> bool:
        return self._dialogue.state is State.DECIDING

    def heard(self, data: bytes, ended: bool) -> None:
        """Takes what has come, and acts on it if it is a new call's and little. Never raises: others wait for
        their turn.
        """
        if self._carrier is None:
            return  # hung up on, since it came
        self._ended = ended
        if data:
            self._reader.feed(data)
            if self._dialogue.state is not State.CONNECTING or self._reader.held > ORDINARY:
                self._wait()
            else:
                self.read(1)

    def _wait(self) -> None:
        self.busy = self._waited = True
        self._turns.waits(self)
        self._turns.keeps(self, self._reader.held)

    def read(self, most: int) -> int:
        """Acts on so many messages; returns how many there were. If there may be more it stands in line for
        them. Never raises.
        """
        self.busy, read = False, 0
        try:
            while read < most and self._carrier is not None and (message := self._reader.next()) is not None:
                read += 1
                self._do(self._dialogue.received(message))
                if self._dialogue.state is State.GONE:
                    self._gone()
        except WireError as error:
            self._broken(str(error))
        except Exception as error:
            log.exception("call=%s", self._uuid)
            self._broken(type(error).__name__)
        self._messages += read
        kept = self._reader.held if self._carrier is not None else 0
        if kept and read == most:
            self._wait()
        elif kept or self in self._turns.kept:
            self._turns.keeps(self, kept)
        return read

    def flush(self) -> None:
        """Sends what there is to be said."""
        unwritten, self._unwritten = self._unwritten, b""
        if unwritten and self._carrier is not None and self._dialogue.state is not State.GONE:
            self._carrier.write(unwritten)

    def done(self) -> None:
        """What has come is acted upon, and answered: but for what stands in line."""
        if self._carrier is None or self.busy:
            return
        if self._ended:
            self._carrier.close()
        elif self._waited:
            self._waited = False
            self._carrier.listen()

    def lost(self) -> None:
        """The connection has ended."""
        self._dialogue.state = State.GONE
        self._carrier = None
        self._gone()
        self._door.went(self)

    def close(self) -> None:
        if self._carrier is not None:
            self._carrier.close()

    @property
    def _uuid(self) -> str:
        return self._dialogue.call.uuid if self._dialogue.call else "-"

    def _do(self, step: Step) -> None:
        if step.write:
            self._unwritten += step.write
        if step.decide is not None:
            self._turns.asks(self, step.decide)
        for event in step.happened:
            try:
                self._door.integration.happened(event)
            except Exception:
                log.exception("call=%s: %r", self._uuid, event)
        if step.close:
            self.close()

    def decide(self, call: Call) -> None:
        """Decides what this connection has asked for, now or when 1C has answered. Never raises."""
        if self._dialogue.state is not State.DECIDING:
            return  # the caller has gone meanwhile
        try:
            decision = self._door.integration.decide_now(call, self._called)
        except Exception:
            log.exception("call=%s cannot be decided", call.uuid)
            self._decided(None)
            return
        if decision is not None:
            self._decided(decision)
        else:
            self._task = asyncio.get_running_loop().create_task(self._decide_later(call))

    async def _decide_later(self, call: Call) -> None:
        decision: Decision | None = None
        try:
            decision = await self._door.integration.decide_async(call, self._called)
        except Exception:
            log.exception("call=%s cannot be decided", call.uuid)
        self._decided(decision)
        self.flush()

    def _decided(self, decision: Decision | None) -> None:
        try:
            self._unwritten += self._dialogue.decided(decision)
        except Exception as error:
            log.exception("call=%s", self._uuid)
            self._broken(type(error).__name__)
            return
        self._door.settled(self)
        if decision is not None:
            self._turns.decided(decision)

    def _gone(self) -> None:
        """The caller has hung up, or FreeSWITCH has: nobody waits for a decision any more."""
        if self._task and not self._task.done():
            self._task.cancel()  # ends the waiting, not the request: its answer serves the next call
            self._task = None
            took = (time.monotonic() - self._called) * 1000
            log.info("call=%s gone after %.0fms, undecided", self._uuid, took)
        self._door.settled(self)

    def must_have_moved(self, now: float) -> None:
        """Ends the connection if something has not come in time that FreeSWITCH sends at once."""
        state, since = self._dialogue.state, self._started
        if state is State.DECIDING or (state is State.FOLLOWING and not self._reader.held):
            self._stands = None
            return
        if state is not State.CONNECTING:
            if self._stands is None or self._stands[:2] != (state, self._messages):
                self._stands = (state, self._messages, now)
            since = self._stands[2]
        now -= STALLS.since(since)  # while we did not run we did not hear
        late = now - since >= FIRST_WORD
        if state is State.CONNECTING and late:
            self._broken(f"no channel data within {FIRST_WORD:g} s")
        elif state is State.FOLLOWING and late:
            self._broken(f"a message has not ended within {FIRST_WORD:g} s")
        elif now - since >= FIRST_WORD + self._dialogue.lingers:
            self.close()

    def can_be_spared(self, latest: float) -> bool:
        """Nothing is expected of it any more, or there was nothing at that time yet."""
        if self._dialogue.state is State.CONNECTING:
            return self._started <= latest
        return self._dialogue.state is State.LEAVING

    def keeps_too_much(self) -> None:
        """Ends the connection: somebody must, and it has brought the most that is unfinished."""
        self._broken("too many octets of unfinished messages")
        self._turns.keeps(self, 0)

    def _broken(self, why: str) -> None:
        self.flush()
        if self._carrier is not None:
            self._door.complaints.add(
                "outbound door: call=%s connection from %s closed: %s", self._uuid, self._carrier.peer(), why
            )
            self._carrier.close()
            self._carrier = None
