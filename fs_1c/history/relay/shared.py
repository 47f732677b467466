"""What is kept in Redis of the words that wait for 1C, and what becomes of it; what must be done in one go
`scripts` do. Who does what with it, and why: `relay`.

Each call of a switch has a hash, in which each of its words has a field. The field holds the word while it
waits; `!SERVICE SECONDS` since a service has taken a harmful one to say it; `-` when it has come to its end.
A sorted set for the switch has the calls of which something waits, oldest first: it is bounded, and whoever
finds it full leaves what he has in his own file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import astuple, dataclass, fields, replace
from enum import Enum
from typing import Any

from fs_1c.history.kept import Word
from fs_1c.history.relay import scripts
from fs_1c.redis_client import Away, BoundedRedis

MAX_CALLS = 20_000
"""Calls of one switch that wait in Redis."""
REMEMBERED, REMEMBERED_LONG = 900, 24 * 3600
"""Seconds for which it is known what was said of a call that is over: by its own service; by a reserve, and
for longer where words wait for longer.
"""
TAKES = 15.0
"""Seconds in which whoever has taken a word has said it, or is dead."""
PORTION = 100
"""Calls that are read at a time."""
SAME = {"CANCELLED": "COMPLETED"}
"""Harmful words of which a call has one or the other."""
BEGINS = ("START", "INCOMING", "OUTGOING")
"""Words that come before all others of a call."""
ENDS = ("END", "COMPLETED")
"""Fields of how a call ended: whoever says that says what follows, too."""
NOBODY = "-"
"""Whose word it is that its own service is to look at, with what that is called: no service is called so."""
HERE = 15
"""Seconds after its last look at Redis for which a service counts as there."""
MAX_WORD = 8000
"""Characters of a word that is read; a longer one is none of ours."""
MAX_NUMBER = 1e11
"""Of places, seconds and times: a larger one is none of ours, and no calendar has it."""


class Claim(Enum):
    """Whether a harmful word may be said."""

    MINE = "mine"
    SAID = "said"  # another has said it, or may have
    BUSY = "busy"  # another is at it
    BEFORE = "before"  # another, who is there, has what comes before it
    UNKNOWN = "unknown"  # Redis knows nothing of it
    LIFE = "life"  # Redis has lost what it knew


class Lost(Exception):
    """Redis is another than it was: it has lost what it knew."""


@dataclass(frozen=True, slots=True)
class Attached:
    """What Redis says to whoever comes.

    Attributes:
        life: Of what it knows; another one after it has lost it.
        silent: Seconds since the switch's own service was here; None: it never was.
        reserved: A reserve has been here.
        owner: What its own service is called that was here last, or empty.
    """

    life: str
    silent: float | None
    reserved: bool
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What Redis has of one call.

    Attributes:
        manager: The client's, by his extension, or empty.
        words: That wait, in order, each with the service that has put it there.
        taken: Fields of harmful ones that a service has taken to say, with that.
    """

    base: str
    call: str
    manager: str
    words: tuple[tuple[Word, str], ...]
    taken: tuple[tuple[str, str], ...]


def field_of(word: Word) -> str:
    """By what a word is known in all services. What is said once has one name in its call."""
    return SAME.get(word.state, word.state) if word.once else f"{word.state}:{word.extension}:{word.at:.3f}"


def place_of(word: Word) -> tuple[bool, float]:
    """In its call, by the switch's clock, whoever has heard it; `scripts.CLAIM` has the same rule."""
    return word.state not in BEGINS, word.at


class Shared:
    """One Redis. Futures end with `Away` when it is, and nothing blocks but what says so.

    Args:
        keep_for: Seconds after which nothing waits any more.

    Attributes:
        me: This service, by its file: the same after a restart; empty until the file has told it.
    """

    def __init__(self, redis: BoundedRedis, prefix: str, keep_for: float) -> None:
        self.me = ""
        self._redis = redis
        self._prefix = f"{prefix}history:"
        self._keep_for = max(60, round(keep_for))
        self._remembers = max(REMEMBERED_LONG, self._keep_for)

    def attach(self, switch: str, fresh: str, *, reserve: bool) -> Attached:
        """Blocks. Raises `Away`. `fresh` names its life if it has none."""
        stands_by = f"{self._prefix}{switch}:reserve"
        keys = (
            self._life,
            self._own(switch),
            stands_by,
            self._owner(switch),
            self._index(switch),
            self._said(switch),
        )
        stays = self._keep_for if reserve else 0
        try:
            life, now, own, reserved, owner = self._eval(scripts.ATTACH, keys, fresh, stays).result()
            silent = max(0.0, float(now) - float(own)) if own else None
            names = life.decode("utf-8", "replace"), owner.decode("utf-8", "replace")
            return Attached(names[0], silent, bool(reserved), names[1])
        except (TypeError, ValueError, AttributeError):
            raise self._redis.lied() from None

    def alive(self, switch: str, life: str, *, own: bool) -> None:
        """Says that we are here, and if we are the switch's `own` service that this is. Blocks. Raises `Away`
        and `Lost`.
        """
        keys = (self._life, self._own(switch), self._here + self.me, self._owner(switch))
        stays = self._keep_for if own else 0
        _checked(self._eval(scripts.ALIVE, keys, life, stays, HERE, self.me).result())

    def said_all(self, switch: str, owner: str) -> None:
        """Here is all that we have heard before that owner came. Blocks. Raises `Away`."""
        self._redis.begin(("SET", _octets(self._said(switch)), _octets(owner), "EX", self._keep_for)).result()

    def heard(self, switch: str) -> str:
        """Before which owner came all that others have heard is here. Blocks. Raises `Away`."""
        reply = self._redis.begin(("GET", _octets(self._said(switch)))).result()
        return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else ""

    def put(
        self,
        switch: str,
        life: str,
        words: list[Word],
        *,
        long: bool = False,
        over: bool = False,
        manager: str = "",
        by: str = "",
    ) -> Future[Any]:
        """Words of one call, `by` us unless it is said whose. The reply is for `understood`."""
        by = by or self.me
        member = _member(words[0])
        told = [one for word in words for one in (field_of(word), self._written(word, by))]
        flags = ("1" if long else "", "1" if over else "", manager, by, f" {' '.join(ENDS)} ")
        keys = (self._life, self._index(switch), self._hash(switch, member))
        return self._eval(scripts.PUT, keys, life, member, MAX_CALLS, self._keep_for, *flags, *told)

    def understood(self, reply: Any, words: list[Word]) -> list[int] | None:
        """For each word: 1: it is there now; 2: it was, from us; 0: from another, or it is about to be said;
        -1: it has come to its end, or its call has. None: there is no room.

        Raises `Away` and `Lost`.
        """
        _checked(reply)
        if reply == b"full":
            return None
        if not isinstance(reply, list) or len(reply) != len(words) or not set(reply) <= {2, 1, 0, -1}:
            raise self._redis.lied()
        return reply

    def claim(self, word: Word, life: str, *, safe: bool) -> Claim:
        """Blocks. Raises `Away`.

        Args:
            safe: Nobody else can have said it, whatever Redis has lost.
        """
        keys = (self._life, self._hash(word.switch, _member(word)))
        given = 1 if safe else 0, self._keep_for, TAKES, "" if word.state in BEGINS else repr(word.at)
        order = f" {' '.join(BEGINS)} ", self._here, _AT, word.state
        reply = self._eval(scripts.CLAIM, keys, life, field_of(word), self.me, *given, *order).result()
        try:
            return Claim(reply.decode("ascii"))
        except (AttributeError, ValueError):
            raise self._redis.lied() from None

    def settle(self, switch: str, life: str, base: str, call: str, said: Iterable[str], *, long: bool) -> Any:
        """These fields have come to their end; a future."""
        member = f"{base}:{call}"
        keys = (self._life, self._index(switch), self._hash(switch, member))
        stays = self._remembers if long else REMEMBERED
        return self._eval(scripts.SETTLE, keys, life, member, stays, self._remembers, *said)

    def back(self, word: Word, life: str) -> Future[Any]:
        """It has surely not arrived: others may have it."""
        keys = (self._life, self._hash(word.switch, _member(word)))
        return self._eval(scripts.BACK, keys, life, field_of(word), self.me, self._written(word))

    def waiting(self, switch: str) -> list[str]:
        """The calls of which something waits, oldest first, for `read`. Blocks. Raises `Away`."""
        reply = self._redis.send(("ZRANGE", self._index(switch), 0, -1))
        if not isinstance(reply, list):
            raise self._redis.lied()
        names = (one.decode("utf-8", "surrogateescape") for one in reply if isinstance(one, bytes))
        return [one for one in names if _is_written(one)]

    def read(self, switch: str, life: str, members: list[str], *, long: bool = False) -> list[Waiting]:
        """What waits of each. Blocks. Raises `Away` and `Lost`.

        Args:
            long: What becomes of these is to be known for as long as anything may wait.
        """
        keys = (self._life, self._index(switch), *(self._hash(switch, one) for one in members))
        reply = self._eval(scripts.READ, keys, life, self._keep_for if long else 0, *members).result()
        _checked(reply)
        if not isinstance(reply, list):
            raise self._redis.lied()
        return [_waiting(switch, one, all_) for one, all_ in zip(members, reply, strict=False)]

    def close(self) -> None:
        self._redis.close()

    @property
    def _life(self) -> str:
        return f"{self._prefix}life"

    def _own(self, switch: str) -> str:
        return f"{self._prefix}{switch}:own"

    def _owner(self, switch: str) -> str:
        return f"{self._prefix}{switch}:owner"

    def _said(self, switch: str) -> str:
        return f"{self._prefix}{switch}:said"

    @property
    def _here(self) -> str:
        return f"{self._prefix}here:"

    def _index(self, switch: str) -> str:
        return f"{self._prefix}{switch}:calls"

    def _hash(self, switch: str, member: str) -> str:
        return f"{self._prefix}{switch}:call:{member}"

    def _written(self, word: Word, by: str = "") -> str:
        return json.dumps([*astuple(word), by or self.me])

    def _eval(self, script: str, keys: tuple[str, ...], *given: str | int | float) -> Future[Any]:
        told = (_octets(one) if isinstance(one, str) else one for one in given)
        return self._redis.begin(("EVAL", script, len(keys), *map(_octets, keys), *told))


_AT = [field.name for field in fields(Word)].index("at") + 1
"""Where that is in a word as it is written, by Lua's count."""


def _octets(text: str) -> Any:
    return text.encode("utf-8", "surrogateescape")


def _member(word: Word) -> str:
    return f"{word.base}:{word.call}"


def _checked(reply: Any) -> None:
    if reply == b"life":
        raise Lost


def _waiting(switch: str, member: str, all_: Any) -> Waiting:
    """What stands there may be anybody's: what is read of it a file can keep, and is of that call."""
    base, _, call = member.partition(":")
    words: list[tuple[Word, str]] = []
    taken: list[tuple[str, str]] = []
    manager = ""
    pairs: Iterator[Any] = iter(all_ if isinstance(all_, list) else ())
    for name, value in zip(pairs, pairs, strict=False):
        if not isinstance(name, bytes) or not isinstance(value, bytes) or len(value) > MAX_WORD:
            continue
        if name == b".manager":
            manager = value.decode("utf-8", "replace")
        elif value.startswith(b"!"):
            by = value[1:].partition(b" ")[0].decode("ascii", "replace")
            taken.append((name.decode("utf-8", "replace"), by))
        elif value.startswith(b"[") and (found := _word(switch, base, call, value)) is not None:
            words.append(found)
    words.sort(key=lambda one: (*place_of(one[0]), one[0].made, one[0].id))
    return Waiting(base, call, manager, tuple(words), tuple(taken))


_TYPES = {"int": int, "str": str, "bool": bool, "float": (int, float)}
_KINDS: tuple[Any, ...] = tuple(_TYPES[str(field.type)] for field in fields(Word))


def _word(switch: str, base: str, call: str, text: bytes) -> tuple[Word, str] | None:
    try:
        *values, by = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    if len(values) != len(_KINDS) or not isinstance(by, str):
        return None
    if not all(isinstance(value, kind) for value, kind in zip(values, _KINDS, strict=True)):
        return None
    if not all(_is_written(one) if isinstance(one, str) else 0 <= one < MAX_NUMBER for one in values):
        return None
    word = replace(Word(*values), switch=switch, tries=0, leaving=False, error="")
    return (word, by) if (word.base, word.call) == (base, call) else None


def _is_written(text: str) -> bool:
    """Can a file keep it? A surrogate is no letter."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


__all__ = ["Attached", "Away", "Claim", "Lost", "Shared", "Waiting", "field_of", "place_of"]
