"""Has workers tell each base what waits in its outbox: which words leave, and what becomes of them."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from fs_1c.call import Failure, HistoryWord, Told
from fs_1c.history import kept
from fs_1c.history.changes import Changes, Key
from fs_1c.history.kept import Word
from fs_1c.history.office import Office
from fs_1c.history.outbox import Outbox
from fs_1c.history.pace import Became, Fate, Pace, became
from fs_1c.history.relay import Sharing
from fs_1c.history.tables import mobilon
from fs_1c.history.waiting import Desk, Saying
from fs_1c.numbers import Number, read
from fs_1c.onec import CallState, Client, OneCError, Reached, Urgency, WorkerPool
from fs_1c.settings import RedisSettings

log = logging.getLogger(__name__)

PRUNE_EVERY = 600.0
"""Seconds between two looks for what is too old."""
BEFORE_A_CARD = 3.0
"""Seconds that a card may wait for the words that must come before it."""
FOR_ORDER = 0.5
"""Seconds for which it does where 1C takes it without them: that its call began then comes before it."""
BUSY_PAUSE = 0.05
"""Seconds until it is tried again for a card what the disk or another service held up."""
MARKED_WITHIN = 5.0
"""Seconds that the disk may take to write down that a word leaves."""

_TOLD = {Fate.TOLD: Told.TOLD, Fate.UNKNOWN: Told.UNKNOWN, Fate.REFUSED: Told.REFUSED}


class Sending:
    """Who sends what is in the outbox. Private methods are the outbox' thread's, if they do not say more.

    Args:
        found: Hears of the stories, and managers, that the process before has left.

    Attributes:
        office: Who is told.
        outbox: From where.
        counted: Words by base and what became of them.
        sharing: What other services have to do with it; None: each tells what it hears.
        desk: Tells how much waits, and has it tried at once, or dropped.
    """

    def __init__(
        self,
        path: Path | None,
        office: Office,
        found: Callable[[list[tuple[str, str]]], int],
        redis: RedisSettings | None,
    ) -> None:
        self.office = office
        self.outbox = Outbox(path, self)
        self.sharing = Sharing(redis, office.keep_for, self.outbox, self._settled) if redis else None
        self.counted: Counter[tuple[str, Told]] = Counter()
        self._found = found
        self._saying = Saying()
        # What follows is the outbox' thread's own.
        self._paces: dict[str, Pace] = {}
        self._jobs: dict[Key, Future[Any]] = {}  # of words under way
        self._cards: dict[Key, list[Future[Word | None]]] = {}  # that wait for such a one
        self._prune_at = 0.0
        self.desk = Desk(self.outbox, self._paces, self._settled)

    def before_card(self, client: Client, base: str, call: str, seconds: float) -> None:
        """See `History.before_card`."""
        known = self.office.bases.get(base)
        if known is None or not (known.pool.card_needs_call or known.table is mobilon):
            return
        needs = known.pool.card_needs_call
        ends = time.monotonic() + min(seconds, BEFORE_A_CARD if needs else FOR_ORDER)
        while self.outbox.is_open and (left := ends - time.monotonic()) > 0:
            waits: Future[Word | None] = Future()
            self.outbox.put(partial(self._first, (base, call), waits), hurry=True)
            try:
                word = waits.result(left)
            except TimeoutError:
                if not waits.cancel() and (word := waits.result()) is not None:
                    self.outbox.put(partial(self._not_sent, word))
                return
            if word is None:
                return
            if not needs and word.state != "START":
                self.outbox.put(partial(self._not_sent, word))
                return
            pace = self._paces.get(base)
            if word.once and pace is not None and pace.is_down and pace.unsure:
                self.outbox.put(partial(self._waits, word), hurry=True)
                why = "1C gives no answer of its own, and must not be told a call twice"
                raise OneCError("down", why, Reached.NO, base_down=True, passing=True)
            error = self._tell(client, word)
            self.outbox.put(partial(self._ended, word, error), hurry=True)
            if not needs:
                return
            if error is not None and error.kind == "busy":
                time.sleep(BUSY_PAUSE)
            if error is not None and error.reached is Reached.NO and (error.passing or error.base_down):
                raise error

    def takes_nothing(self, base: str) -> bool:
        """Whether it has said so. On the outbox' thread."""
        return self._pace(base).silent

    def anew(self, changes: Changes) -> None:
        """Other settings: whoever took nothing may take it now, and whoever was down may be elsewhere."""
        self._paces.clear()
        self._prune_at = 0.0

    def found(self, stories: list[tuple[str, str]], unknown: list[Word]) -> None:
        """What the process before has left."""
        for word in unknown:
            self._settled(word, Told.UNKNOWN, Failure("killed", "the service died while it was being told"))
        up = self._found(stories)
        if up or unknown:
            log.info("history: %d calls were up, of %d words 1C may have been told", up, len(unknown))

    def choose(self, connection: Connection, flying: set[Key]) -> tuple[list[Word], float]:
        now, wake = time.monotonic(), self._prune_at
        if now >= self._prune_at:
            wake = self._prune_at = now + PRUNE_EVERY
            if given_up := kept.prune(connection, time.time(), self.office.keep_for, flying):
                wake = self._prune_at = now
                self._given_up(given_up)
        chosen: list[Word] = []
        for name, base in self.office.bases.items():
            if base.table is None:
                continue
            pace = self._pace(name)
            if pace.asks(now):
                self._probe(name, base.pool, pace)
            under_way = {call for where, call in flying if where == name}
            if room := pace.room(base.pool.sessions[1], len(under_way)):
                chosen += kept.next_words(connection, name, now, room, under_way)
                wake = min(wake, kept.next_turn(connection, name) or math.inf)
            elif pace.failures and not pace.probing and not pace.answers:
                wake = min(wake, pace.until)
        return chosen, wake

    def send(self, word: Word) -> None:
        base = self.office.bases.get(word.base)
        if base is None:  # other settings have come meanwhile
            self.outbox.put(partial(self._not_sent, word))
            return
        job = base.pool.submit(Urgency.HISTORY, lambda client: self._tell(client, word))
        self._jobs[word.base, word.call] = job
        job.add_done_callback(partial(self._left, word))

    def _left(self, word: Word, job: Future[OneCError | None]) -> None:
        if job.cancelled():
            self.outbox.put(partial(self._not_sent, word))
            return
        error = job.exception() or job.result()
        if error is not None and not isinstance(error, OneCError):
            log.error("call=%s history %s: %r", word.call, word.state, error, exc_info=error)
            error = OneCError("internal", type(error).__name__, Reached.YES, base_down=False)
        self.outbox.put(partial(self._ended, word, error))

    def _tell(self, client: Client, word: Word) -> OneCError | None:
        """On a worker."""
        office = self.office
        base = office.bases.get(word.base)
        number = read(word.number, office.plan)
        if base is not None and isinstance(number, Number):
            written = number.written(base.number_format)
        else:
            written = word.number
        state = CallState(
            word.state,
            word.call,
            written,
            word.destination,
            word.outgoing,
            word.extension,
            office.key(word.extension) if word.owner else "",
            word.owner,
            word.at,
            word.began,
            word.seconds,
            word.answered,
            word.link,
            word.once,
        )
        try:
            if self.sharing and not word.once:
                self.sharing.may_leave(word)
            client.tell(state, lambda: self._leaves(word))
        except OneCError as error:
            return error
        return None

    def _leaves(self, word: Word) -> None:
        """On a worker, just before a word leaves that must not be said twice: it must be ours, and that is
        written down.
        """
        if self.sharing:
            self.sharing.may_leave(word)
        marked: Future[bool] = Future()
        self.outbox.put(lambda changes: changes.leaving.append((word, marked)), hurry=True)
        try:
            if marked.result(MARKED_WITHIN):
                return
        except TimeoutError:
            pass
        raise OneCError("busy", "the disk has not taken it", Reached.NO, base_down=False)

    def _ended(self, word: Word, error: OneCError | None, changes: Changes) -> None:
        key = word.base, word.call
        pace = self._pace(word.base)
        known = pace.silent
        pace.ended(error, time.monotonic())
        self._saying.base(word.base, pace.failures, error)
        if pace.silent:
            if error is not None and not known:
                self._takes_nothing(word.base, error, changes)
            self._landed(key, word, Became(Fate.REFUSED), "", changes)
            return
        fate = became(error, word.tries, once=word.once)
        self._landed(key, word, fate, str(error or ""), changes)
        if taken := _TOLD.get(fate.fate):
            failure = error.failure() if error else None
            changes.after.append(partial(self._settled, word, taken, failure))
        elif error is not None:
            log.debug("call=%s history %s base=%s not told: %s", word.call, word.state, word.base, error)
            if self.sharing:
                self.sharing.not_told(word, fate.fate, error, changes)

    def _waits(self, word: Word, changes: Changes) -> None:
        """A card wants it, and it would be lost at a base that is as it is."""
        self._pace(word.base).wanted(time.monotonic())
        self._not_sent(word, changes)

    def _not_sent(self, word: Word, changes: Changes) -> None:
        self._landed((word.base, word.call), word, Became(Fate.AGAIN, 0.0, word.tries), word.error, changes)

    def _landed(self, key: Key, word: Word, became: Became, why: str, changes: Changes) -> None:
        self._jobs.pop(key, None)
        changes.ended.append((word, became, why, self.outbox.flying.pop(key, False)))
        for waits in self._cards.pop(key, ()):
            self._first(key, waits, changes)

    def _first(self, key: Key, waits: Future[Word | None], changes: Changes) -> None:
        """A card waits for the call's words: they leave before all others."""
        if key in self.outbox.flying or any(key == other for other, _ in changes.first):
            self._cards.setdefault(key, []).append(waits)
            if (job := self._jobs.get(key)) is not None:
                job.cancel()  # if no worker has it yet, the card's does it
        elif self._pace(key[0]).silent:
            waits.set_result(None)
        else:
            changes.first.append((key, waits))

    def _takes_nothing(self, base: str, error: OneCError, changes: Changes) -> None:
        changes.silent.append(base)
        log.warning("1C base %s takes no history, and is told nothing: %s", base, error.message)

    def _probe(self, name: str, pool: WorkerPool, pace: Pace) -> None:
        pace.probing = True
        asked = pool.submit(Urgency.HISTORY, Client.warm_up)
        asked.add_done_callback(lambda asked: self.outbox.put(partial(self._probed, name, asked)))

    def _probed(self, name: str, asked: Future[None], changes: Changes) -> None:
        pace = self._pace(name)
        error = asked.exception()
        pace.probed(error if isinstance(error, OneCError) else None, time.monotonic())
        self._saying.base(name, pace.failures, error)

    def _pace(self, name: str) -> Pace:
        return self._paces.setdefault(name, Pace())

    def _settled(self, word: Word, told: Told, failure: Failure | None) -> None:
        """It has come to an end: the log and the observers are told."""
        self.counted[word.base, told] += 1
        became = HistoryWord(
            word.base,
            word.call,
            word.state,
            word.extension,
            told,
            word.at,
            max(0.0, time.time() - word.at),
            failure,
        )
        self._saying.ended(became)
        try:
            self.office.told(became)
        except Exception:
            log.exception("history")
        if self.sharing:  # last: whoever is killed before it has another say what is unknown
            self.sharing.settled(word)

    def _given_up(self, words: list[Word]) -> None:
        log.warning(
            "history: %d words of %d calls given up, the first call=%s base=%s: 1C was away for %g s%s",
            len(words),
            len({(word.base, word.call) for word in words}),
            words[0].call,
            words[0].base,
            self.office.keep_for,
            f" ({words[0].error})" if words[0].error else "",
        )
        for word in words:
            self._settled(word, Told.GIVEN_UP, None)
