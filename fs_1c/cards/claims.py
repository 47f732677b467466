"""Who has the right to open a card: whoever claims the pair of call and subscriber first.

1C opens a second card for a repeated IncomingCall, and several may be about to send it: two doors of the
service, mod_python3 inside FreeSWITCH beside the service, several services that listen to one switch, and the
service that was started anew after it had died between the request and its answer. They are told apart in
four places, each for those whom the one before cannot see: the memory of the process, the switch itself, a
file for the machine, Redis for all machines.

They are asked one after the other, by everybody in this order: whoever has lost in the one does not stand in
another's way in the next. What cannot tell is passed over, and the card still opens: one card too many is
better than none.

The switch is asked where it has a name in the settings. Whoever hears of a talk has it from there, so there
is nobody without it whom it would have to be told apart from; its word needs no clock and no other machine.
When it has told, Redis is not asked: it may be away, and that is nobody's second card.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from cachetools import TTLCache

from fs_1c.cards.claims_file import CLAIM_SECONDS, ClaimsFile, News, Pair
from fs_1c.redis_client import MUST_BE, Away, BoundedRedis, connect
from fs_1c.settings import RedisSettings

log = logging.getLogger(__name__)

CLAIMS = 100_000
"""Claims that a process remembers, and no more than that."""
REDIS_WAIT = 0.5
"""Seconds that Redis may take over one word about a claim, of which there are two at the most: a card has
seconds, a caller (`redis.timeout`) has not.
"""
REDIS_SECONDS = 4 * 3600
"""A claim in Redis. It must outlive the call: a service that was started anew meanwhile takes a bridge after
a hold for a talk that begins. That is a long call; and at 20 cards a second these are 290 000 keys, 50 MB.
"""
SWITCH_WAIT = 0.5
"""Seconds that a worker waits for a switch's word about a claim; it takes less than a millisecond."""

# Whose it is now: ours, if it was nobody's. What is no text is no claim either, and would stand for ever.
_TAKE = (
    MUST_BE
    + """
must_be(KEYS[1], 'string')
local holder = redis.call('GET', KEYS[1])
if holder then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return ARGV[1]
"""
)


class Standing(Enum):
    """How a claim stands."""

    MINE = auto()
    ELSEWHERE = auto()  # another has it
    OVER = auto()  # the switch has no such leg any more
    LATER = auto()  # the switch cannot be asked just now


@dataclass(frozen=True, slots=True)
class Claim:
    """What has become of a claim.

    Attributes:
        by: The host of whoever has it, if that is another.
    """

    standing: Standing
    by: str = ""

    @property
    def mine(self) -> bool:
        return self.standing is Standing.MINE


@dataclass(frozen=True, slots=True)
class Taken:
    """What a switch says about a claim.

    Attributes:
        holder: The token of whoever has it; empty: the switch keeps none (mod_hash is not loaded).
        mine: That is the door through which it was asked.
        up: The subscriber's leg is up.
        lost: There was no answer: it is to be asked again.
    """

    holder: str = ""
    mine: bool = False
    up: bool = True
    lost: bool = False


Take = Callable[[str, str], "Future[Taken]"]
"""Claims at the switch a key (`card_key`) while this leg is up; to be asked again it does no harm. From any
thread; the future may never end.
"""


def card_key(call_uuid: str, extension: str) -> str:
    """The claim of a card as one short plain word that no other has."""
    return ":".join(_pair(call_uuid, extension))


def our_token() -> str:
    """Who claims: host, process, and what tells it from another process with that number, in a container or
    after a restart.
    """
    host = re.sub("[^A-Za-z0-9.-]", "-", socket.gethostname())[:60] or "-"
    return f"{host}:{os.getpid()}:{uuid.uuid4().hex[:12]}"


def host_of(token: str) -> str:
    """Who claimed, for people. The token may be anybody's text."""
    return re.sub("[^A-Za-z0-9.-]", "-", token.partition(":")[0])[:60]


class Claims:
    """Gives each pair of call and extension to one claimant. Thread-safe; `close` it in the end.

    Nothing is opened before `open` or the first claim, and never in the caller's thread.

    Args:
        file: Where the machine's claims are kept (SQLite), on a local disk; made with mode 0640 if it is not
            there. None: claims end with the process.
        redis: Where all switches' claims are kept; None: each switch is on its own.

    Raises SettingsError if the URL of Redis is no good or the `redis` package is missing.
    """

    def __init__(self, file: Path | None = None, redis: RedisSettings | None = None) -> None:
        # A lambda, so that the clock is looked up on each call: tests freeze it.
        self._claims: TTLCache[Pair, bool] = TTLCache(CLAIMS, CLAIM_SECONDS, timer=lambda: time.monotonic())
        self._lock = threading.Lock()
        self._file = ClaimsFile(file) if file else None
        self._shared = _Shared(redis) if redis else None
        self._unshared = 0

    @property
    def unshared(self) -> int:
        """Cards that opened though neither their switch nor Redis, where there is one, could tell whether
        another service had opened them.
        """
        return self._unshared

    @property
    def redis_up(self) -> bool | None:
        """Whether Redis answers, as far as claims have noticed; None: there is none."""
        return self._shared.up if self._shared else None

    def open(self) -> None:
        """Has the file and Redis opened now, so that no claim need wait for that. Returns at once."""
        if self._file:
            self._file.start()
        if self._shared:
            self._shared.open()

    def claim(self, call_uuid: str, extension: str) -> bool:
        """True for the first in this process who asks for this pair. Returns at once."""
        pair = _pair(call_uuid, extension)
        with self._lock:
            if pair in self._claims:
                return False
            self._claims[pair] = True
        if self._file:
            self._file.start()  # it is open, or being opened, when `confirm` needs it
        return True

    def release(self, call_uuid: str, extension: str) -> None:
        """Gives back a pair that was claimed and never confirmed: nothing was sent. Returns at once."""
        with self._lock:
            self._claims.pop(_pair(call_uuid, extension), None)

    def confirm(self, call_uuid: str, extension: str, leg_uuid: str = "", take: Take | None = None) -> Claim:
        """Whether nobody else, here or elsewhere, has this pair: it is ours, and 1C may be told.

        Call it after `claim`, on a worker thread and before anything is sent: it blocks, for two seconds at
        the very most. Once, unless it says `LATER`: where a file or Redis keeps claims, a second call for
        the same pair finds the first one there. What cannot be asked (hung, dead, locked, full, no longer
        readable) is passed over, and if that leaves nothing, the pair is ours. Never raises.

        Args:
            leg_uuid: The subscriber's leg.
            take: Claims it at the switch; None: the switch has no name.
        """
        pair = _pair(call_uuid, extension)
        at_switch = self._at_switch(pair, leg_uuid, take) if take else None
        if at_switch and not at_switch.mine:
            return at_switch
        if self._file and self._file.take(pair) is False:
            log.debug("call=%s pop extension=%s is another's, says %s", *pair, self._file.where)
            return Claim(Standing.ELSEWHERE, host_of(socket.gethostname()))
        if at_switch or not (self._shared or take):
            return Claim(Standing.MINE)
        shared = self._shared.take(pair) if self._shared else None
        if shared is None:
            with self._lock:
                self._unshared += 1
        elif not shared.mine:
            log.debug("call=%s pop extension=%s is %s's, says Redis", *pair, shared.by)
        return shared or Claim(Standing.MINE)

    def _at_switch(self, pair: Pair, leg_uuid: str, take: Take) -> Claim | None:
        """None: the switch keeps no claims."""
        try:
            taken = take(":".join(pair), leg_uuid).result(SWITCH_WAIT)
        except Exception:  # no answer within that time, or the door is being closed
            return Claim(Standing.LATER)
        return standing(taken)

    def close(self, timeout: float) -> None:
        """Lets go of the file, for at most `timeout` seconds, and of Redis. What is claimed stays claimed."""
        if self._file:
            self._file.close(timeout)
        if self._shared:
            self._shared.close()


def standing(taken: Taken) -> Claim | None:
    """What a switch's word means; None: it keeps no claims."""
    if taken.lost:
        return Claim(Standing.LATER)
    if not taken.up:
        return Claim(Standing.OVER)
    if not taken.holder:
        return None
    return Claim(Standing.MINE) if taken.mine else Claim(Standing.ELSEWHERE, host_of(taken.holder))


def _pair(call_uuid: str, extension: str) -> Pair:
    """Both as short plain words that no other pair has, whatever was put into them."""
    return _word(call_uuid), _word(extension)


def _word(text: str) -> str:
    if re.fullmatch(r"[0-9A-Za-z_.-]{1,64}", text):  # as all real ones are; legible for engineers
        return text
    return "#" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class _Shared:
    """The claims of all machines, in Redis. While it is away it is left alone; see `BoundedRedis`."""

    def __init__(self, settings: RedisSettings) -> None:
        settings = settings.model_copy(update={"timeout": REDIS_WAIT})
        client, where = connect(settings)
        self.where = f"Redis at {where}"
        self._client: Any = client
        probe = ("SET", f"{settings.prefix}alive", 1, "PX", 1000)  # one that only reads keeps no claims
        self._redis = BoundedRedis(client, where, settings.timeout, probe)
        self._news = News(self.where)
        self._prefix = f"{settings.prefix}claim:"
        self._token = our_token()

    @property
    def up(self) -> bool:
        return self._redis.up

    def open(self) -> None:
        with suppress(RuntimeError):  # no thread to be had: the first claim tries again
            self._redis.open()

    def take(self, pair: Pair) -> Claim | None:
        """None: Redis could not tell."""
        # Of this claim alone: a word that was answered too late may have arrived, and is known again by it.
        token = f"{self._token}:{uuid.uuid4().hex[:12]}"
        word = ("EVAL", _TAKE, 1, self._prefix + ":".join(pair), token, REDIS_SECONDS)
        reply: Any = None
        for again in (True, False):
            try:
                reply = self._redis.send(word)
                break
            except Away as error:
                if not (again and error.late):
                    return None
            except RuntimeError:  # no thread to be had
                return None
        if not isinstance(reply, bytes) or b":" not in reply:
            self._news.failed(f"a claim is answered with {type(reply).__name__}")
            return None
        self._news.works()
        if reply == token.encode():
            return Claim(Standing.MINE)
        return Claim(Standing.ELSEWHERE, host_of(reply.decode("utf-8", "replace")))

    def close(self) -> None:
        self._redis.close()
        self._client.connection_pool.disconnect()
