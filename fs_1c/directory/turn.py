"""A number's way through Redis: somebody else's answer, or the right to ask 1C, without a thread that waits.

Of all who ask about a number at the same time one has the claim and asks 1C; the others look again and again,
by a timer, and for a short while only: whoever has the claim may be slow, frozen or dead. Then they ask 1C
themselves. A claim ends by itself soon, and is renewed while its holder is at work.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from fs_1c.directory import entries
from fs_1c.directory.entries import MAX_ENTRY
from fs_1c.onec import Answer
from fs_1c.redis_client import Away, BoundedRedis
from fs_1c.settings import LookupSettings
from fs_1c.timers import TIMERS

log = logging.getLogger(__name__)

MAX_AHEAD = 5.0
"""Seconds that an entry may be ahead of Redis' clock, which is another machine's after a failover; it counts
as of now. Further ahead it is none of ours: it would be of now at each look, and so stay fresh for ever.
"""
CLAIM_FOR, RENEWED = 2.0, 1.0
"""Seconds until a claim ends that nobody renews, and after which it is renewed."""
FIRST_PAUSE, MAX_PAUSE = 0.02, 0.1
"""Seconds between two looks for another's answer: from, to."""

# The answer unless it is the one that the asker has seen; else, if he wants it, the claim. An array of
# answer, seconds and microseconds of Redis' clock, and 1 for a claim taken, or why nothing can be written.
_TURN = """
local size = redis.pcall('STRLEN', KEYS[1])
local answer = ''
if type(size) == 'table' or size > tonumber(ARGV[1]) then redis.pcall('DEL', KEYS[1])
else answer = redis.call('GET', KEYS[1]) or '' end
local mine = 0
if answer == ARGV[2] and ARGV[4] ~= '0' then
    -- A claim without an end, or with a later one than ours would have, is nobody's who asks 1C.
    local left = redis.call('PTTL', KEYS[2])
    if left == -1 or left > 2 * tonumber(ARGV[4]) then redis.pcall('DEL', KEYS[2]) end
    local took = redis.pcall('SET', KEYS[2], ARGV[3], 'NX', 'PX', ARGV[4])
    if type(took) == 'table' and took['err'] then mine = took['err'] elseif took then mine = 1 end
end
local now = redis.call('TIME')
return {answer, now[1], now[2], mine}
"""
# Gives the claim back, with the answer if there is one. A claim that is gone was forgotten together with the
# answer that was being asked for: that one may have been read before the change, so it is not kept.
_SETTLE = """
if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if ARGV[2] ~= '' then
    local now = redis.call('TIME')
    local asked = string.format('{"asked_at":%.3f', now[1] + now[2] / 1000000 - ARGV[3])
    redis.call('SET', KEYS[1], asked .. ARGV[2], 'PX', ARGV[4])
end
return 1
"""
# Unless somebody has written another one meanwhile.
_DROP = "if redis.pcall('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
_RENEW = """
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""


@dataclass(frozen=True, slots=True)
class Shared:
    """What 1C has told another switch, `age` seconds ago."""

    answer: Answer
    age: float


@dataclass(frozen=True, slots=True)
class Look:
    """What one look has found.

    Attributes:
        raw: The entry, if there is one.
        shared: It, if it is an answer that is still kept.
        mine: The claim is ours now.
    """

    raw: bytes
    shared: Shared | None
    mine: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where one base's answers are kept, and for how long.

    Attributes:
        prefix: Of its keys.
        claim_for: Seconds after which a claim is not renewed any more: the base's request timeout.
    """

    redis: BoundedRedis
    prefix: str
    lookup: LookupSettings
    claim_for: float

    def keys(self, e164: str) -> tuple[str, str]:
        """Of the answer, and of the claim to ask for it."""
        return f"{self.prefix}{e164}", f"{self.prefix}{e164}:claim"

    def good_for(self, answer: Answer) -> tuple[float, float]:
        """Seconds in which it is fresh, and in which it is kept."""
        if not answer.known:
            return self.lookup.unknown_for, self.lookup.unknown_for
        return self.lookup.fresh_for, self.lookup.fresh_for + self.lookup.stale_for

    def look(self, e164: str, token: str = "", seen: bytes = b"") -> Future[Any]:
        """Asks what stands there; the reply is for `understood`.

        Args:
            token: Of the claim that is wanted; empty: none is.
            seen: What does not count as an answer.
        """
        wanted = round(CLAIM_FOR * 1000) if token else 0
        return self.redis.begin(("EVAL", _TURN, 2, *self.keys(e164), MAX_ENTRY, seen, token, wanted))

    def understood(self, e164: str, reply: Any, seen: bytes = b"") -> Look:
        """Raises `Away` if no Redis says so."""
        try:
            raw, seconds, micros, mine = reply
            now = int(seconds) + int(micros) / 1e6
        except (TypeError, ValueError):
            raise self.redis.lied() from None
        if not isinstance(raw, bytes) or len(raw) > MAX_ENTRY:
            raise self.redis.lied()
        if isinstance(mine, bytes):
            self.redis.refused(mine.decode("ascii", "replace"))
        entry = entries.read(raw)
        if entry is None or entry.asked_at > now + MAX_AHEAD:
            if raw and raw != seen:
                self.redis.begin(("EVAL", _DROP, 1, self.keys(e164)[0], raw))
            return Look(raw, None, mine == 1)
        age = max(0.0, now - entry.asked_at)
        kept = age < self.good_for(entry.answer)[1]
        return Look(raw, Shared(entry.answer, age) if kept else None, mine == 1)


class Turn:
    """Somebody's who asks about a number. Thread-safe, never blocks.

    Args:
        max_age: Seconds that another's answer may be old; None: fresh by the settings.
        wait_for: Seconds to wait for one while another asks.
        wanted: Whether it is worth keeping the claim, for as long as 1C has not answered.

    Attributes:
        came: Ends with another's answer, or with this turn: then 1C is to be asked, and `settle` to be told.
    """

    def __init__(
        self, place: Place, e164: str, max_age: float | None, wait_for: float, wanted: Callable[[], bool]
    ) -> None:
        self.came: Future[Shared | Turn] = Future()
        self._place = place
        self._e164 = e164
        self._max_age = max_age
        self._wanted = wanted
        self._token = uuid.uuid4().hex
        self._ends = time.monotonic() + wait_for
        self._pause = FIRST_PAUSE
        self._seen = b""
        self._claimed = False  # else there is nothing to settle
        self._settled = False
        self._renewed_until = 0.0

    def begin(self) -> None:
        """Looks for the first time."""
        self._look()

    def settle(self, answer: Answer | None = None, age: float = 0.0) -> Future[Any] | None:
        """1C was asked, and has told this `age` seconds ago, or has failed. Gives the claim back, if it is
        still ours; returns at once, with what ends when that is done.
        """
        self._settled = True
        if not self._claimed:
            return None
        body, left = b"", 0
        if answer is not None and not answer.error:
            left = round((self._place.good_for(answer)[1] - age) * 1000)
            body = entries.written(answer) if left > 0 else b""
        command = ("EVAL", _SETTLE, 2, *self._place.keys(self._e164), self._token, body, age, left)
        return self._place.redis.begin(command, may_probe=False)  # else the claim ends by itself

    def _look(self) -> None:
        self._place.look(self._e164, self._token, self._seen).add_done_callback(self._looked)

    def _looked(self, reply: Future[Any]) -> None:
        try:
            self._found(self._place.understood(self._e164, reply.result(), self._seen))
        except Away:
            self.came.set_result(self)
        except Exception:  # whoever waits must be told something
            log.exception("answers in Redis")
            if not self.came.done():
                self.came.set_result(self)

    def _found(self, look: Look) -> None:
        if look.shared is not None:
            fresh_for = self._place.good_for(look.shared.answer)[0]
            if look.shared.age < (fresh_for if self._max_age is None else self._max_age):
                self.came.set_result(look.shared)
                return
        if look.mine:
            self._claimed = True
            self._renewed_until = time.monotonic() + self._place.claim_for
            TIMERS.after(RENEWED, self._renew)
            self.came.set_result(self)
        elif (left := self._ends - time.monotonic()) <= 0 or not self._place.redis.up:
            self.came.set_result(self)
        elif look.raw != self._seen:  # an answer, but not good enough: it does not count any more
            self._seen = look.raw
            self._look()
        else:
            TIMERS.after(min(self._pause, left), self._look)
            self._pause = min(self._pause * 1.5, MAX_PAUSE)

    def _renew(self) -> None:
        if self._settled or time.monotonic() >= self._renewed_until or not self._wanted():
            return
        command = ("EVAL", _RENEW, 1, self._place.keys(self._e164)[1], self._token, round(CLAIM_FOR * 1000))
        self._place.redis.begin(command, may_probe=False).add_done_callback(self._was_renewed)

    def _was_renewed(self, reply: Future[Any]) -> None:
        if reply.exception() is not None or reply.result() == 1:  # else it is another's by now
            TIMERS.after(RENEWED, self._renew)
