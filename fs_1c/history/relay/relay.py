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
came before it, while a service that is there has that (`scripts.CLAIM`).

*Nobody says a harmful word that he has not claimed in Redis* just before it leaves, so a service that is
frozen and thawed, or killed and started with its file, finds what others have said, or may have. A claim
names the service by its file: after a restart it is still its own, and the file knows whether the word had
left.

*What is not harmful keeps its order*, too: it leaves after Redis has answered whether it is ours, so of a
call that the reserve has taken a thawed service says nothing before what that has not said yet. Without Redis
it waits till its presence has been handed on for a while.

*Redis is away:* a reserve says nothing new. The own service goes on without claims (`alone`), but only after
`LEASE` seconds in which it has not been in Redis, and only with words that it has made since the switch hands
its presence on without a gap: no reserve has acted since. A reserve compares since when the own service has
not been in Redis with since when it is not at the switch: it leaves alone what that may have said meanwhile.
When Redis is back the own service first says there what has come to its end and what waits, and then that it
is here. After a restart it has that from its file. So what a reserve could say only after a minute
(`hands.IN_DOUBT_AFTER`) it leaves to that file, which knows; it is not for one with another file: that counts
as told.

*Redis has lost what it knew* (it was started anew and keeps nothing on a disk): each life of it has a name,
in each word with it, and what was made while another may have acted counts as told, for nobody can know. So a
Redis that keeps its data costs nothing here, and one that does not costs words only when a service goes at
the same time.

A service that has never heard of a reserve at its switch does none of this.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from fs_1c.history.kept import Word
from fs_1c.history.pace import ELSEWHERE
from fs_1c.history.relay import rows
from fs_1c.history.relay.hands import Hands, fresh
from fs_1c.history.relay.order import Order, error
from fs_1c.history.relay.part import AtSwitch, Host, Part, may_be_alone
from fs_1c.history.relay.shared import Attached, Claim, Lost, Shared, field_of
from fs_1c.redis_client import Away, BoundedRedis, connect
from fs_1c.settings import RedisSettings

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks at a switch."""
TIMEOUT = 0.5
"""Seconds that Redis may take over one word: no caller waits for that."""
RECENT = 90.0
"""Seconds for which a service knows what it has said, to tell a Redis that does not: longer than a ring."""
MAX_RECENT = 50_000
HEARS_OUT = 15.0
"""Seconds in Redis for which the own service waits for what a reserve has heard while it was away."""
NOBODY_HEARD = 5.0
"""Seconds after which a reserve that is there has been heard at the switch."""
ANSWERS_WITHIN = 2 * TIMEOUT
"""Seconds that a worker waits for an answer of Redis that has been asked for before: it ends by itself."""
LEARNS_WITHIN = 20.0
"""Seconds in which a service that was started has heard from its switch, if that is there."""
ASKED_WITHIN = 30.0
"""Seconds that the file may take over something that only we wait for."""


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
        self._hands = Hands(self._shared, host)
        self._parts: dict[str, Part] = {}
        self._recent: deque[tuple[float, Word]] = deque(maxlen=MAX_RECENT)
        self._order = Order()
        self.dropped = self._order.dropped
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
        answered = self._order.asks(words)
        sent = self._shared.put(part.switch, part.life, words, over=over, manager=manager)
        sent.add_done_callback(partial(self._was_put, part, words, answered))

    def _was_put(self, part: Part, words: list[Word], answered: Future[None], reply: Future[Any]) -> None:
        """On the thread that hears Redis."""
        theirs: list[Word] = []
        try:
            theirs = self._hands.was_put(part, words, reply)
        finally:
            self._order.answered(words, answered, theirs)
        if theirs:
            self._host.said(theirs)

    def settled(self, word: Word) -> None:
        """It has come to its end."""
        part = self._parts.get(word.switch)
        if part is None:
            return
        self.dropped(word)
        now = time.monotonic()
        self._recent.append((now, word))
        while self._recent and self._recent[0][0] < now - RECENT:
            self._recent.popleft()
        if part.life:
            said = [field_of(word)]
            self._shared.settle(
                part.switch, part.life, word.base, word.call, said, long=part.reserve
            ).add_done_callback(lambda reply: self._hands.was_done(part, reply))

    def back(self, word: Word) -> None:
        """It has surely not arrived."""
        part = self._parts.get(word.switch)
        if part is not None and part.life:
            self._shared.back(word, part.life).add_done_callback(
                lambda reply: self._hands.was_done(part, reply)
            )

    # A word, on a worker.

    def may_leave(self, word: Word) -> None:
        """Blocks for a second at the most. Raises `OneCError` if it must not: another's it is, or it has to
        wait.
        """
        part = self._parts.get(word.switch)
        if part is None:
            return
        if word.once:
            self._is_ours(part, word)
        elif part.shares:
            self._has_its_turn(part, word)

    def _has_its_turn(self, part: Part, word: Word) -> None:
        """What comes before it in its call another may have still to say."""
        self._order.is_ours(word, ANSWERS_WITHIN)
        if not part.life and not part.reserve and (part.post.alone_for() or 0.0) < NOBODY_HEARD:
            raise error("busy", "Redis is away, and another service may be at its call")

    def _is_ours(self, part: Part, word: Word) -> None:
        """What is harmful twice is claimed."""
        safe = part.safe(word)
        if not part.shares:
            # However new a word is: what it tells may be of while we were gone.
            if part.asked or (part.post.alone_for() or 0.0) >= NOBODY_HEARD:
                return
            raise error("busy", "nobody knows yet whether there is a reserve")
        if life := part.life:
            try:
                claim = self._shared.claim(word, life, safe=safe)
            except Away:
                part.life = ""
            else:
                if claim is Claim.MINE:
                    return
                if claim is Claim.SAID:
                    raise error(ELSEWHERE, "another service has said it, or may have")
                if claim is not Claim.LIFE:
                    raise error("busy", f"Redis says: {claim.value}")
                part.life = ""
        if not part.reserve and may_be_alone(safe=safe, silent=time.monotonic() - part.at):
            return
        raise error("busy", "Redis is away, and another service may have said it")

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
                life = self._shared.attach(part.switch, fresh(), reserve=part.reserve).life
                for found in self._hands.read(part, life):
                    for word, _ in found.words:
                        if is_his(word.number):
                            self._hands.done(part, life, [(word.base, word.call, field_of(word))])
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
        with contextlib.suppress(Away, Lost, TimeoutError):
            self._hear_out(part)

    def _hear_out(self, part: Part) -> None:
        """Whether the reserve has said what it has heard and we have not, or there is none."""
        me, now = part.post.life, time.monotonic()
        if part.reserve or not me or me == (part.took if part.shares else part.heard_out):
            return
        if not part.shares:
            over = part.asked or (part.post.alone_for() or 0.0) >= NOBODY_HEARD
        elif not part.life:
            over, part.hears = False, ""
        else:
            if part.hears != me:
                part.hears, part.hears_since = me, now
            over = now - part.hears_since >= HEARS_OUT
            if self._shared.heard(part.switch) == me:  # however late
                self._hands.adopt_waiting(part, left=True)
                part.took, over = me, True
        if over and part.heard_out != me:
            self._heard_out(part, me)

    def _heard_out(self, part: Part, me: str) -> None:
        """On the connection on which we were called so; there may be another by now."""
        part.heard_out = me
        self._host.heard_out(part.switch)

    def _is_shared(self, part: Part) -> bool:
        """Whether there is a reserve, or was."""
        if not part.post.reserved and not self._host.ask(
            lambda connection: rows.life(connection, part.switch)
        ):
            there = self._shared.attach(part.switch, fresh(), reserve=False).reserved
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
            self._hands.put_all(part)
        quiet = began < part.quiet_until
        self._shared.alive(part.switch, part.life, own=not (part.reserve or quiet))
        if not quiet:
            part.at = began
        if part.owes:
            self._hands.take_over(part)

    def _attach(self, part: Part) -> bool:
        """Redis learns what we have; whether that is done."""
        there = self._shared.attach(part.switch, fresh(), reserve=part.reserve)
        known = self._host.ask(lambda connection: rows.life(connection, part.switch))
        if there.life != known and not self._begin(part, there, known):
            return False
        part.life = there.life
        recent = [word for _, word in list(self._recent) if word.switch == part.switch]
        self._hands.done(part, part.life, [(word.base, word.call, field_of(word)) for word in recent])
        if part.tells_told:  # it may have said it without Redis, and others have heard the same calls
            self._hands.tell_told(part)
            part.tells_told = False
        self._hands.put_all(part)
        if not part.reserve:
            self._hands.adopt_waiting(part)
        return True

    def _begin(self, part: Part, there: Attached, known: str) -> bool:
        """A Redis that does not know what was: what may have been said counts as told."""
        since = part.since
        if since is None and not part.reserve and time.monotonic() - part.born < LEARNS_WITHIN:
            return False
        if known or there.reserved:
            if not part.reserve:
                self._heard_out(part, part.post.life)  # what ended while we were away is among it
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
