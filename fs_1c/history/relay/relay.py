"""Who says the words of a switch to which several services listen: its own service, or a reserve when that is
gone.

Each service has its own file, which works without Redis: what is here only adds to it. What is harmful twice
is said once by all services together, everything else at least once, and in order within a call.

*The own service* puts what it has written down into Redis, too, and says there what has come to its end. *A
reserve* hears the switch itself, so it knows the calls and makes the same words, but keeps those of the last
half minute only. Who is gone it has from the switch alone (`cards/duty`). When the own service is, it takes
over what waits in Redis, then what it has kept and Redis has not heard of, and goes on with the calls. It
finishes what it has taken, also when the own service is back; that finds in Redis what it need not say.

*Who comes back hears the other out.* Of what happened while the own service was not connected to the switch
it knows only what is left: a call that was answered and is over looks missed to it. So how such a call ended
it does not say before the reserve has put into Redis what it has heard till the own one's first word on this
connection (`said_all`), for `HEARS_OUT` seconds at the most. And whoever says how a call ended waits for what
came before it, while a service that is there has that (`_CLAIM`).

*Nobody says a harmful word that he has not claimed in Redis* just before it leaves, so a service that is
frozen and thawed, or killed and started with its file, finds what others have said, or may have. A claim
names the service by its file: after a restart it is still its own, and the file knows whether the word had
left.

*Redis is away:* a reserve says nothing new. The own service goes on without claims (`alone`), but only after
`LEASE` seconds in which it has not been in Redis, and only with words that it has made since the switch hands
its presence on without a gap: no reserve has acted since. A reserve compares since when the own service has
not been in Redis with since when it is not at the switch: it leaves alone what that may have said meanwhile.
When Redis is back the own service first says there what has come to its end and what waits, and then that it
is here.

*Redis has lost what it knew* (it was started anew and keeps nothing on a disk): each life of it has a name,
in each word with it, and what was made while another may have acted counts as told, for nobody can know. So a
Redis that keeps its data costs nothing here, and one that does not costs words only when a service goes at
the same time.

A service that has never heard of a reserve at its switch does none of this.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Any, Protocol

from fs_1c.channel import plain
from fs_1c.history import kept
from fs_1c.history.kept import Word
from fs_1c.history.pace import ELSEWHERE
from fs_1c.history.relay import rows, shared
from fs_1c.history.relay.shared import (
    ENDS,
    PORTION,
    Attached,
    Claim,
    Lost,
    Shared,
    Waiting,
    comes_before,
    field_of,
)
from fs_1c.onec import OneCError, Reached
from fs_1c.redis_client import Away, BoundedRedis, connect
from fs_1c.settings import RedisSettings

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks at a switch."""
LEASE = 10.0
"""Seconds without Redis after which the own service goes on without it."""
TIMEOUT = 0.5
"""Seconds that Redis may take over one word: no caller waits for that."""
RING = 30
"""Words of the own service's presence, one a second, for which a reserve keeps what it could say."""
LATE = 2
"""Such words that our own disk may be late with what was heard before one."""
MAX_RING = 20_000
NOTHING = -RING
"""As a number of words of its presence: none of what is kept."""
RECENT = 90.0
"""Seconds for which a service knows what it has said, to tell a Redis that does not: longer than a ring."""
MAX_RECENT = 50_000
HEARS_OUT = 15.0
"""Seconds in Redis for which the own service waits for what a reserve has heard while it was away."""
NOBODY_HEARD = 5.0
"""Seconds after which a reserve that is there has been heard at the switch."""
LEARNS_WITHIN = 20.0
"""Seconds in which a service that was started has heard from its switch, if that is there."""
BEHIND = 30.0
"""Seconds until it is tried again to put what Redis had no room for."""
ROWS = 500
"""Words that are read at a time."""
ASKED_WITHIN = 30.0
"""Seconds that the file may take over something that only we wait for."""


class AtSwitch(Protocol):
    """What a switch tells of the services that listen to it; from any thread."""

    @property
    def reserved(self) -> bool:
        """To an own service: a reserve has been heard."""

    @property
    def life(self) -> str:
        """What we are called there, on each connection otherwise."""

    @property
    def owner(self) -> str:
        """What the own service that was heard last is called, on each connection otherwise; or empty."""

    @property
    def owner_words(self) -> int:
        """How many words of the own service have been heard."""

    @property
    def owner_came(self) -> int:
        """How many had been when it came, or came back; -1: we have come later."""

    def alone_for(self) -> float | None:
        """Seconds for which nobody but us has acted; None: that cannot be said now."""

    def owner_away(self) -> float | None:
        """Seconds since the own service was heard; None: it was not."""


class Host(Protocol):
    """Whose words these are: the outbox."""

    def ask(self, what: Callable[[sqlite3.Connection], Any]) -> Any:
        """Reads or changes something in its file; blocks. Raises TimeoutError."""

    def is_flying(self, base: str, call: str) -> bool:
        """Whether a word of that call is being told. While the file is asked."""

    def adopted(self, managers: dict[str, str]) -> None:
        """There are words that were others'; of these calls the client's manager is known."""

    def said(self, words: list[Word]) -> None:
        """Another has told 1C these."""

    def unknowable(self, switch: str, before: float) -> int:
        """Harmful words of that switch that were made before count as told; blocks. Returns how many."""

    def heard_out(self, switch: str) -> None:
        """What ended there while we were away can be told: nobody knows more of it."""


@dataclass(eq=False)
class Part:
    """What this service is to one switch.

    Attributes:
        shares: There is another that may say its words.
        asked: Redis has been asked whether there is.
        life: Of the Redis that knows our words; empty: none does.
        acts: A reserve: it has taken over.
        owes: A reserve: the own service was gone, and what is kept has not been offered since.
        owed: How many of its words had been heard when it came back: it may have missed what was before.
        owner: The own service's name, as it was last.
        heard_out: An own service: what it was called when it knew what a reserve had heard.
        hears, hears_since: What it is called while it waits for that in Redis, and since when.
        at: When we were in Redis last, or began, on the monotonic clock.
        born, born_at: When we began, on that clock and in seconds since the epoch.
        behind: Redis had no room for all; tried again then.
        quiet_until: Till then we do not say that we are here: Redis does not know what we have said.
        ring: What a reserve could say: how many of the own service's words it had heard then, the word, the
            client's manager, and whether the call was over.
    """

    switch: str
    reserve: bool
    post: AtSwitch
    shares: bool = False
    asked: bool = False
    life: str = ""
    acts: bool = False
    owes: bool = False
    owed: int = NOTHING
    owner: str = ""
    heard_out: str = ""
    hears: str = ""
    hears_since: float = 0.0
    at: float = field(default_factory=time.monotonic)
    born: float = field(default_factory=time.monotonic)
    born_at: float = field(default_factory=time.time)
    behind: float = 0.0
    quiet_until: float = 0.0
    ring: deque[tuple[int, Word, str, bool]] = field(default_factory=lambda: deque(maxlen=MAX_RING))
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def since(self) -> float | None:
        """Since when nobody but us has acted, seconds since the epoch."""
        alone = self.post.alone_for()
        return None if alone is None else time.time() - alone

    def safe(self, word: Word) -> bool:
        """Nobody else can have said it."""
        since = self.since
        return since is not None and word.made >= since

    def looks(self) -> None:
        """Whether the own service is there, or was not for a while."""
        if self.post.alone_for() is None:
            self.stands_by()
        elif not self.acts:
            self.owes, self.owed = True, self.post.owner_words
        if (owner := self.post.owner) != self.owner:
            self.owes, self.owner = True, owner
            if (came := self.post.owner_came) >= 0:
                self.owed = max(self.owed, came)

    def stands_by(self) -> None:
        """The own service says what happens. What is old it has said, if it was there then."""
        with self.lock:
            self.acts = False
            said, owed = self.post.owner_words - RING, self.owed if self.owes else -1
            if any(owed < one[0] <= said for one in self.ring):
                left = [one for one in self.ring if not owed < one[0] <= said]
                self.ring.clear()
                self.ring.extend(left)


def may_be_alone(*, safe: bool, silent: float) -> bool:
    """Whether the own service may say a harmful word without a claim, when it has not been in Redis for
    `silent` seconds.
    """
    return safe and silent > LEASE


def doubtful(silent: float | None, away: float | None) -> bool:
    """Whether the own service may have said harmful words without a claim: it has not been in Redis for
    `silent` seconds and not at the switch for `away`; None: it never was, as far as we know.
    """
    return silent is None or away is None or silent - away > LEASE / 2


def adopt(
    connection: sqlite3.Connection, found: Waiting, me: str, own: bool, turn: float, *, under_way: bool
) -> tuple[int, list[str]]:
    """Writes down what waits in Redis of a call and is not here, before what comes later in it. Returns how
    many words that were, and the fields of those of which this file knows that they have come to their end.
    """
    known = rows.of_call(connection, found.base, found.call)
    here = {field_of(row) for row in known}
    over, new = [name for name, by in found.taken if by == me and name not in here], list[Word]()
    for word, by in found.words:
        name = field_of(word)
        if name in here:
            continue
        if (own and by == me) or not kept.put(connection, [word], lambda _: turn):
            over.append(name)
        else:
            new.append(word)
    later = [row for row in known if any(comes_before(word, row) for word in new)]
    if later and not under_way:
        rows.behind(connection, later)
    return len(new), over


class Relay:
    """All that this service shares. Thread-safe; what does not say that it blocks returns at once.

    Raises SettingsError if the URL of Redis is no good or the `redis` package is missing.
    """

    def __init__(self, settings: RedisSettings, keep_for: float, host: Host) -> None:
        client, where = connect(settings.model_copy(update={"timeout": TIMEOUT}))
        self._client: Any = client
        probe = ("SET", f"{settings.prefix}alive", 1, "PX", 1000)
        self._redis = BoundedRedis(client, where, TIMEOUT, probe)
        self._host = host
        self._shared = Shared(self._redis, settings.prefix, keep_for)
        self._parts: dict[str, Part] = {}
        self._recent: deque[tuple[float, Word]] = deque(maxlen=MAX_RECENT)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def attend(self, switch: str, post: AtSwitch, *, reserve: bool) -> None:
        """We listen to that switch."""
        self._parts[switch] = Part(switch, reserve, post, shares=reserve)

    def open(self) -> None:
        """Begins. Raises RuntimeError if there is no thread to be had."""
        if self._thread is None and self._parts:
            thread = threading.Thread(target=self._work, name="fs-1c-history-redis", daemon=True)
            thread.start()
            self._thread = thread

    def close(self) -> None:
        self._stop.set()
        self._redis.close()
        if self._thread is not None:
            self._thread.join(2 * TIMEOUT)
        self._client.connection_pool.disconnect()

    def life(self, switch: str) -> str:
        """What we are called at that switch; on another connection otherwise."""
        part = self._parts.get(switch)
        return part.post.life if part is not None else ""

    def hears_out(self, switch: str) -> bool:
        """Whether another may know more of what happened there while we were away, and will say so."""
        part = self._parts.get(switch)
        if part is None or part.reserve:
            return False
        return not part.heard_out or part.heard_out != part.post.life

    def is_reserve(self, switch: str) -> bool:
        part = self._parts.get(switch)
        return part is not None and part.reserve

    # Words, on the outbox' thread.

    def keeps(self, switch: str, words: list[Word], manager: str, *, over: bool) -> bool:
        """Whether these are not to be said now, but perhaps later: they are kept here."""
        part = self._parts.get(switch)
        if part is None:
            return True
        with part.lock:
            if part.acts:
                return False
            part.ring.extend((part.post.owner_words, word, manager, over) for word in words)
            return True

    def put(self, words: list[Word], manager: str, *, over: bool) -> None:
        """These words of one call are written down."""
        part = self._parts.get(words[0].switch)
        if part is None or not part.life:
            return
        sent = self._shared.put(part.switch, part.life, words, over=over, manager=manager)
        sent.add_done_callback(lambda reply: self._was_put(part, words, reply))

    def settled(self, word: Word) -> None:
        """It has come to its end."""
        part = self._parts.get(word.switch)
        if part is None:
            return
        now = time.monotonic()
        self._recent.append((now, word))
        while self._recent and self._recent[0][0] < now - RECENT:
            self._recent.popleft()
        if part.life:
            said = [field_of(word)]
            self._shared.settle(
                part.switch, part.life, word.base, word.call, said, long=part.reserve
            ).add_done_callback(lambda reply: self._was_done(part, reply))

    def back(self, word: Word) -> None:
        """It has surely not arrived."""
        part = self._parts.get(word.switch)
        if part is not None and part.life:
            self._shared.back(word, part.life).add_done_callback(lambda reply: self._was_done(part, reply))

    # A harmful word, on a worker.

    def may_leave(self, word: Word) -> None:
        """Blocks for a second at the most. Raises `OneCError` if it must not: another's it is, or it has to
        wait.
        """
        part = self._parts.get(word.switch)
        if part is None:
            return
        safe = part.safe(word)
        if not part.shares:
            # However new a word is: what it tells may be of while we were gone.
            if part.asked or (part.post.alone_for() or 0.0) >= NOBODY_HEARD:
                return
            raise _error("busy", "nobody knows yet whether there is a reserve")
        if life := part.life:
            try:
                claim = self._shared.claim(word, life, safe=safe)
            except Away:
                part.life = ""
            else:
                if claim is Claim.MINE:
                    return
                if claim is Claim.SAID:
                    raise _error(ELSEWHERE, "another service has said it, or may have")
                if claim is not Claim.LIFE:
                    raise _error("busy", f"Redis says: {claim.value}")
                part.life = ""
        if not part.reserve and may_be_alone(safe=safe, silent=time.monotonic() - part.at):
            return
        raise _error("busy", "Redis is away, and another service may have said it")

    def erase(self, is_his: Callable[[str], bool]) -> str:
        """Erases what waits in Redis of a client; blocks. Returns what could not be erased, and why."""
        try:
            for part in self._parts.values():
                with part.lock:
                    left = [one for one in part.ring if not is_his(one[1].number)]
                    part.ring.clear()
                    part.ring.extend(left)
                if not part.shares:
                    continue
                life = self._shared.attach(part.switch, _fresh(), reserve=part.reserve).life
                for found in self._read(part, life):
                    for word, _ in found.words:
                        if is_his(word.number):
                            self._done(part, life, [(word.base, word.call, field_of(word))])
        except (Away, Lost):
            return "Redis: away, not erased"
        return ""

    # The thread.

    def _work(self) -> None:
        while not self._stop.wait(EVERY):
            for part in list(self._parts.values()):
                self.look(part)

    def look(self, part: Part) -> None:
        """What there is to do for a switch now; blocks."""
        try:
            if not self._shared.me:
                self._shared.me = self._host.ask(rows.me)
            if part.reserve:
                part.looks()
            if part.shares or self._is_shared(part):
                self._share(part)
        except (Away, Lost):
            part.life = ""
            if part.reserve:
                part.stands_by()
        except TimeoutError:
            part.life = ""  # the disk hangs
        except Exception:
            part.life = ""
            log.exception("history of %s in Redis", part.switch)
        with contextlib.suppress(Away):
            self._hear_out(part)

    def _hear_out(self, part: Part) -> None:
        """Whether the reserve has said what it has heard and we have not, or there is none."""
        me, now = part.post.life, time.monotonic()
        if part.reserve or not me or part.heard_out == me:
            return
        if not part.shares:
            over = part.asked or (part.post.alone_for() or 0.0) >= NOBODY_HEARD
        elif not part.life:
            over, part.hears = False, ""
        else:
            if part.hears != me:
                part.hears, part.hears_since = me, now
            over = now - part.hears_since >= HEARS_OUT or self._shared.heard(part.switch) == me
        if over:
            self._heard_out(part)

    def _heard_out(self, part: Part) -> None:
        part.heard_out = part.post.life
        self._host.heard_out(part.switch)

    def _is_shared(self, part: Part) -> bool:
        """Whether there is a reserve, or was."""
        if not part.post.reserved and not self._host.ask(
            lambda connection: rows.life(connection, part.switch)
        ):
            there = self._shared.attach(part.switch, _fresh(), reserve=False).reserved
            part.asked = not there
            if not there:
                return False
        part.shares = True
        return True

    def _share(self, part: Part) -> None:
        began = time.monotonic()
        if not part.life and not self._attach(part):
            return
        if part.behind and began >= part.behind:
            self._put_all(part)
        quiet = began < part.quiet_until
        self._shared.alive(part.switch, part.life, own=not (part.reserve or quiet))
        if not quiet:
            part.at = began
        if part.owes:
            self._take_over(part)

    def _attach(self, part: Part) -> bool:
        """Redis learns what we have; whether that is done."""
        there = self._shared.attach(part.switch, _fresh(), reserve=part.reserve)
        known = self._host.ask(lambda connection: rows.life(connection, part.switch))
        if there.life != known and not self._begin(part, there, known):
            return False
        part.life = there.life
        recent = [word for _, word in list(self._recent) if word.switch == part.switch]
        self._done(part, part.life, [(word.base, word.call, field_of(word)) for word in recent])
        self._put_all(part)
        if not part.reserve:
            managers: dict[str, str] = {}
            for found in self._read(part, part.life):
                self._adopt(part, found, managers)
            self._host.adopted(managers)
        return True

    def _begin(self, part: Part, there: Attached, known: str) -> bool:
        """A Redis that does not know what was: what may have been said counts as told."""
        since = part.since
        if since is None and not part.reserve and time.monotonic() - part.born < LEARNS_WITHIN:
            return False
        if known or there.reserved:
            if not part.reserve:
                self._heard_out(part)  # what ended while we were away is among it
            lost = self._host.unknowable(part.switch, time.time() if since is None else since)
            if lost:
                log.warning(
                    "history of %s: Redis has lost what was said; %d words count as told, for another service"
                    " may have said them",
                    part.switch,
                    lost,
                )
        if known:
            part.quiet_until = part.born + RECENT
        self._host.ask(lambda connection: rows.lives(connection, part.switch, there.life))
        return True

    def _put_all(self, part: Part) -> None:
        """What waits in the file waits in Redis, too."""
        part.behind, after = 0.0, 0
        while True:
            portion = partial(rows.of_switch, switch=part.switch, after=after, limit=ROWS)
            if not (found := self._host.ask(portion)):
                return
            after = found[-1].id
            sent = []
            for _, group in groupby(found, lambda word: (word.base, word.call)):
                words = list(group)
                over = not part.reserve and any(field_of(word) in ENDS for word in words)
                put = self._shared.put(part.switch, part.life, words, long=part.reserve, over=over)
                sent.append((words, put))
            for words, reply in sent:
                self._was_put(part, words, reply)
            if not part.life:
                raise Away
            if part.behind:
                return

    def _take_over(self, part: Part) -> None:
        """The own service is gone, and what it has not said is ours; or it is back, and what it cannot have
        heard is.
        """
        there = self._shared.attach(part.switch, _fresh(), reserve=True)
        if there.life != part.life:
            raise Lost
        gone, owner = part.post.alone_for() is not None, part.owner
        self._host.ask(lambda _: None)  # what was heard before that owner is in the ring
        doubt = doubtful(there.silent, part.post.owner_away())
        if doubt and not gone:
            return  # it has not said yet what it has said
        taken, left = self._adopt_all(part, doubt=doubt) if gone else (0, 0)
        while True:
            with part.lock:
                ring = [one for one in part.ring if gone or one[0] <= part.owed + LATE]
                rest = [] if gone else [one for one in part.ring if one[0] > part.owed + LATE]
                part.ring.clear()
                part.ring.extend(rest)
                if not ring:
                    part.acts, part.owes, part.owed = gone, False, NOTHING
                    break
            for _, group in groupby(ring, lambda one: (one[1].base, one[1].call)):
                said = [(word, manager, over) for _, word, manager, over in group]
                ours = [word for word, *_ in said if not (doubt and word.once and not part.safe(word))]
                left += len(said) - len(ours)
                over = said[-1][2] and not doubt  # else the own service has something to say of it
                if ours:
                    taken += self._offer(part, ours, said[-1][1], over=over)
        self._shared.said_all(part.switch, owner)
        self._host.adopted({})
        if gone or taken:
            log.warning(
                "history of %s: its own service %s; %d words are taken over%s",
                part.switch,
                "is gone" if gone else "was gone",
                taken,
                f", {left} are not, for it may have said them without Redis" if left else "",
            )

    def _adopt_all(self, part: Part, *, doubt: bool) -> tuple[int, int]:
        """What waits in Redis is ours. Returns how many words are, and how many may not be."""
        managers: dict[str, str] = {}
        taken = left = 0
        for found in self._read(part, part.life, long=True):
            words = tuple(
                (word, by) for word, by in found.words if not (doubt and word.once and by != self._shared.me)
            )
            left += len(found.words) - len(words)
            taken += self._adopt(part, replace(found, words=words), managers)
            for name, by in found.taken:
                if by != self._shared.me:
                    log.warning(
                        "call=%s history %s extension=- base=%s unknown: another was at it when it went",
                        plain(found.call),
                        plain(name),
                        found.base,
                    )
        self._host.adopted(managers)
        return taken, left

    def _offer(self, part: Part, words: list[Word], manager: str, *, over: bool) -> int:
        """What we could have said is ours if Redis has not heard of it."""
        reply = self._shared.put(
            part.switch, part.life, words, long=True, over=over, manager=manager
        ).result()
        states = self._shared.understood(reply, words)
        new = [word for word, state in zip(words, states or [1] * len(words), strict=True) if state == 1]
        if new:
            self._host.ask(lambda connection: kept.put(connection, new))
        return len(new)

    def _adopt(self, part: Part, found: Waiting, managers: dict[str, str]) -> int:
        me, life = self._shared.me, part.life
        # No clock of ours has seen them made.
        made = (part.since or part.born_at) - 0.001
        words = tuple((replace(word, made=min(word.made, made)), by) for word, by in found.words)
        if found.manager:
            managers[found.call] = found.manager
        waits = any(by != me for _, by in found.taken)
        turn = time.monotonic() + shared.TAKES if waits else 0.0  # till then it may be told
        known = replace(found, words=words)
        own, under_way = not part.reserve, self._host.is_flying

        def write(connection: sqlite3.Connection) -> tuple[int, list[str]]:
            is_under_way = under_way(found.base, found.call)
            return adopt(connection, known, me, own, turn, under_way=is_under_way)

        taken, over = self._host.ask(write)
        self._done(part, life, [(found.base, found.call, name) for name in over])
        return int(taken)

    def _read(self, part: Part, life: str, *, long: bool = False) -> list[Waiting]:
        members = self._shared.waiting(part.switch)
        found: list[Waiting] = []
        for i in range(0, len(members), PORTION):
            found += self._shared.read(part.switch, life, members[i : i + PORTION], long=long)
        return found

    def _done(self, part: Part, life: str, said: list[tuple[str, str, str]]) -> None:
        """These have come to their end, by base, call and field; blocks."""
        replies: list[Future[Any]] = [
            self._shared.settle(part.switch, life, base, call, [name], long=part.reserve)
            for base, call, name in said
        ]
        for reply in replies:
            if reply.result() == b"life":
                raise Lost

    def _was_put(self, part: Part, words: list[Word], reply: Future[Any]) -> None:
        try:
            states = self._shared.understood(reply.result(), words)
        except (Away, Lost):
            part.life = ""
            return
        if states is not None:
            if said := [word for word, state in zip(words, states, strict=True) if state < 0]:
                self._host.said(said)
        else:
            if not part.behind:
                log.warning(
                    "history of %s: Redis has no room for more calls; the rest waits in the file alone",
                    part.switch,
                )
            part.behind = time.monotonic() + BEHIND

    def _was_done(self, part: Part, reply: Future[Any]) -> None:
        with contextlib.suppress(Away):
            if reply.result() != b"life":
                return
        part.life = ""


def _fresh() -> str:
    return uuid.uuid4().hex


def _error(kind: str, message: str) -> OneCError:
    return OneCError(kind, message, Reached.NO, base_down=False)
