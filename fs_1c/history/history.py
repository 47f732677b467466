"""Has each base told what becomes of its calls: the story's events → words, into the outbox, to workers."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from fs_1c.call import Began, CallEvent, Decision, Failure, HistoryWord, Recorded, Told
from fs_1c.history import kept
from fs_1c.history.desk import Desk
from fs_1c.history.kept import Waits, Word
from fs_1c.history.outbox import Changes, Key, Outbox
from fs_1c.history.pace import NO_HISTORY, Became, Fate, Pace, became
from fs_1c.history.stories import of_json
from fs_1c.history.tables import Policy, Table, itoolabs, mobilon, owns
from fs_1c.numbers import Number, NumberFormat, NumberPlan, is_extension, read
from fs_1c.onec import CallState, Client, OneCError, Reached, Urgency, WorkerPool
from fs_1c.settings import Settings
from fs_1c.talk import Observer, Story

log = logging.getLogger(__name__)

MAX_CALLS = 50_000
"""Calls whose story, and whose manager, is remembered."""
PRUNE_EVERY = 600.0
"""Seconds between two looks for what is too old."""
BEFORE_A_CARD = 3.0
"""Seconds that a card may wait for the words that must come before it."""
MARKED_WITHIN = 5.0
"""Seconds that the disk may take to write down that a word leaves."""
ANSWERS_WITHIN = 5.0
"""Seconds that a question about what waits may take."""

_TABLES: dict[str, Table] = {"mobilon": mobilon, "itoolabs": itoolabs}
_TOLD = {Fate.TOLD: Told.TOLD, Fate.UNKNOWN: Told.UNKNOWN, Fate.REFUSED: Told.REFUSED}


def history_file(settings: Settings) -> Path | None:
    """Where the outbox stands; None if there is none."""
    folder = settings.state.folder
    return folder / "history.db" if folder and settings.history.enabled else None


@dataclass(frozen=True, slots=True)
class Base:
    """A base that may be told."""

    pool: WorkerPool
    number_format: NumberFormat

    @property
    def table(self) -> Table | None:
        return _TABLES.get(self.pool.tells)


@dataclass(frozen=True, slots=True)
class Office:
    """Who is told, and by what rules; exchanged when the settings are read again.

    Attributes:
        bases: By name.
        base_of: Which of them a call belongs to.
        key: A subscriber's key by his extension, or empty.
        restore: Gets the stories that the process before has left, with calls that are up.
        told: Hears what became of each word.
        keep_for: Seconds after which 1C need not be told any more.
        others: Switches of whose calls another service tells, by name.
    """

    bases: Mapping[str, Base]
    base_of: Callable[[Story], str]
    key: Callable[[str], str]
    restore: Callable[[list[Story]], None]
    told: Callable[[HistoryWord], None]
    plan: NumberPlan
    policy: Policy
    keep_for: float
    others: frozenset[str] = frozenset()


class History(Observer):
    """Tells the bases. Nothing is told before `open`. Thread-safe; what does not say that it blocks returns
    at once, and nothing raises.

    Args:
        path: Where it is written down what they are to be told; None: nowhere.

    Attributes:
        counted: Words by base and what became of them.
        desk: Tells how much waits, and has it tried at once, or dropped.
    """

    def __init__(self, path: Path | None, office: Office) -> None:
        self.counted: Counter[tuple[str, Told]] = Counter()
        self._office = office
        self._outbox = Outbox(path, self)
        self._path = path
        # What follows is the outbox' thread's own.
        self._before: OrderedDict[str, Story] = OrderedDict()
        self._managers: OrderedDict[str, str] = OrderedDict()
        self._paces: dict[str, Pace] = {}
        self._jobs: dict[Key, Future[Any]] = {}  # of words under way
        self._cards: dict[Key, list[Future[Word | None]]] = {}  # that wait for such a one
        self._prune_at = 0.0
        self.desk = Desk(self._outbox, self._paces, self._settled)

    @property
    def lost(self) -> int:
        """Words that nobody will be told, for want of a disk."""
        return self._outbox.lost

    def open(self, office: Office) -> None:
        """Begins, or goes on with other settings."""
        self._office = office
        if self._path is None and not self._outbox.is_open:
            log.warning(
                "history: no state.folder is set; what 1C has not been told is lost with this process"
            )
        try:
            self._outbox.open()
        except RuntimeError as error:  # no thread to be had
            log.warning("history: %s", error)
        self._outbox.put(self._anew, hurry=True)

    def close(self, timeout: float) -> None:
        """Writes down what waits; blocks for at most `timeout` seconds."""
        self._outbox.close(timeout)

    # Calls.

    def heard(self, event: CallEvent, story: Story | None) -> None:
        """What 1C is to be told of it goes to the outbox."""
        if story is not None and self._outbox.is_open:
            self._outbox.put(partial(self._happened, event, story), may_be_lost=True)

    def decided(self, decision: Decision) -> None:
        """Who the client's manager is."""
        if decision.caller.manager and self._outbox.is_open:
            manager = next((value for name, value in decision.variables if name == "fs_1c_manager"), "")
            if is_extension(manager, self._office.plan):
                call = decision.call.uuid
                self._outbox.put(lambda _: _remember(self._managers, call, manager), may_be_lost=True)

    def owns(self, call: str, extension: str) -> bool:
        """Whether a card that opens when that subscriber's telephone rings makes him the call's owner."""
        return owns(extension, self._office.policy, self._managers.get(call, ""))

    def before_card(self, client: Client, base: str, call: str, seconds: float) -> None:
        """Tells 1C what it must know of a call before it takes a card; blocks, on a worker, for `seconds`, or
        `BEFORE_A_CARD`, and a request at the most.

        Raises `OneCError` if that has surely not reached 1C, and a card would not, either.
        """
        known = self._office.bases.get(base)
        if known is None or not known.pool.card_needs_call:
            return
        ends = time.monotonic() + min(seconds, BEFORE_A_CARD)
        while self._outbox.is_open and (left := ends - time.monotonic()) > 0:
            waits: Future[Word | None] = Future()
            self._outbox.put(partial(self._first, (base, call), waits), hurry=True)
            try:
                word = waits.result(left)
            except TimeoutError:
                if not waits.cancel() and (word := waits.result()) is not None:
                    self._outbox.put(partial(self._not_sent, word))
                return
            if word is None:
                return
            error = self._tell(client, word)
            self._outbox.put(partial(self._ended, word, error), hurry=True)
            if error is not None and error.reached is Reached.NO and (error.passing or error.base_down):
                raise error

    def waiting(self) -> dict[str, Waits]:
        """What waits, by base; blocks for at most `ANSWERS_WITHIN` seconds. Raises TimeoutError."""
        return self._ask(kept.waiting, ANSWERS_WITHIN) if self._outbox.is_open else {}

    def erase(self, is_his: Callable[[str], bool], timeout: float) -> tuple[int, str]:
        """Erases what is kept of a client, so that 1C is not told of his calls so far; blocks, for at most
        `timeout` seconds. Returns how many words that were, and what could not be erased, and why.
        """
        done: Future[tuple[int, str]] = Future()
        erase = partial(self._outbox.erase, is_his, done)
        if self._outbox.is_open:
            self._outbox.put(lambda changes: changes.after.append(erase), hurry=True)
        else:
            erase()
        try:
            return done.result(timeout)
        except TimeoutError:
            return 0, f"the disk has not done it within {timeout:g} s; it is done when the disk allows"

    def _ask(self, what: Callable[[Connection], Any], timeout: float) -> Any:
        answer: Future[Any] = Future()
        self._outbox.put(lambda changes: changes.asked.append((what, answer)), hurry=True)
        return answer.result(timeout)

    # On the outbox' thread: what happens.

    def _happened(self, event: CallEvent, story: Story, changes: Changes) -> None:
        office, call = self._office, story.call_uuid
        name = office.base_of(story)
        base = office.bases.get(name)
        table = base.table if base else None
        if table is None or self._pace(name).silent or story.switch in office.others:
            return
        before, manager = self._before.get(call), self._managers.get(call, "")
        if before is None:
            changes.begun.add(call)
        now = time.time()
        at = story.began if isinstance(event, Began) and story.began else getattr(event, "at", 0.0)
        if isinstance(event, Recorded) or not at:
            at = now
        for said in table(before, event, story, office.policy, manager):
            changes.words.append(
                Word(
                    0,
                    name,
                    call,
                    said.state,
                    said.extension,
                    said.owner,
                    said.once,
                    story.number,
                    story.destination,
                    story.outgoing,
                    at,
                    story.began or at,
                    round(story.seconds),
                    story.answered,
                    _link(story),
                    now,
                )
            )
        if story.ended is None:
            _remember(self._before, call, story)
            changes.stories[call] = (story, manager)
        else:
            self._before.pop(call, None)
            self._managers.pop(call, None)
            changes.stories[call] = None

    def _anew(self, changes: Changes) -> None:
        """Other settings: whoever took nothing may take it now, and whoever was down may be elsewhere."""
        self._paces.clear()
        self._prune_at = 0.0

    def found(self, stories: list[tuple[str, str]], unknown: list[Word]) -> None:
        """What the process before has left."""
        up = []
        for text, manager in stories:
            try:
                story = of_json(text)
            except ValueError as error:
                log.warning("history: %s", error)
                continue
            if story.call_uuid not in self._before:
                up.append(story)
                _remember(self._before, story.call_uuid, story)
                if manager:
                    _remember(self._managers, story.call_uuid, manager)
        for word in unknown:
            self._settled(word, Told.UNKNOWN, Failure("killed", "the service died while it was being told"))
        if up or unknown:
            log.info("history: %d calls were up, of %d words 1C may have been told", len(up), len(unknown))
        self._office.restore(up)

    # On the outbox' thread: who is told.

    def choose(self, connection: Connection, flying: set[Key]) -> tuple[list[Word], float]:
        now, wake = time.monotonic(), self._prune_at
        if now >= self._prune_at:
            wake = self._prune_at = now + PRUNE_EVERY
            if given_up := kept.prune(connection, time.time(), self._office.keep_for, flying):
                wake = self._prune_at = now
                self._given_up(given_up)
        chosen: list[Word] = []
        for name, base in self._office.bases.items():
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
        base = self._office.bases.get(word.base)
        if base is None:  # other settings have come meanwhile
            self._outbox.put(partial(self._not_sent, word))
            return
        job = base.pool.submit(Urgency.HISTORY, lambda client: self._tell(client, word))
        self._jobs[word.base, word.call] = job
        job.add_done_callback(partial(self._left, word))

    def _left(self, word: Word, job: Future[OneCError | None]) -> None:
        if job.cancelled():
            self._outbox.put(partial(self._not_sent, word))
            return
        error = job.exception() or job.result()
        if error is not None and not isinstance(error, OneCError):
            log.error("call=%s history %s: %r", word.call, word.state, error, exc_info=error)
            error = OneCError("internal", type(error).__name__, Reached.YES, base_down=False)
        self._outbox.put(partial(self._ended, word, error))

    def _tell(self, client: Client, word: Word) -> OneCError | None:
        """On a worker."""
        office = self._office
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
            client.tell(state, lambda: self._leaves(word))
        except OneCError as error:
            return error
        return None

    def _leaves(self, word: Word) -> None:
        """On a worker, just before a word leaves that must not be said twice: that is written down."""
        marked: Future[bool] = Future()
        self._outbox.put(lambda changes: changes.leaving.append((word, marked)), hurry=True)
        try:
            if marked.result(MARKED_WITHIN):
                return
        except TimeoutError:
            pass
        raise OneCError("busy", "the disk has not taken it", Reached.NO, base_down=False)

    def _ended(self, word: Word, error: OneCError | None, changes: Changes) -> None:
        key = word.base, word.call
        pace = self._pace(word.base)
        pace.ended(error, time.monotonic())
        if pace.silent:
            if error is not None and error.kind == NO_HISTORY:
                self._takes_nothing(word.base, error, changes)
            self._landed(key, word, Became(Fate.REFUSED), "", changes)
            return
        fate = became(error, word.tries, once=word.once)
        self._landed(key, word, fate, str(error or ""), changes)
        if taken := _TOLD.get(fate.fate):
            failure = error.failure() if error else None
            changes.after.append(partial(self._settled, word, taken, failure))
        elif error is not None:
            log.debug("call=%s history %s base=%s again: %s", word.call, word.state, word.base, error)

    def _not_sent(self, word: Word, changes: Changes) -> None:
        self._landed((word.base, word.call), word, Became(Fate.AGAIN, 0.0, word.tries), word.error, changes)

    def _landed(self, key: Key, word: Word, became: Became, why: str, changes: Changes) -> None:
        self._jobs.pop(key, None)
        changes.ended.append((word, became, why, self._outbox.flying.pop(key, False)))
        for waits in self._cards.pop(key, ()):
            self._first(key, waits, changes)

    def _first(self, key: Key, waits: Future[Word | None], changes: Changes) -> None:
        """A card waits for the call's words: they leave before all others."""
        if key in self._outbox.flying or any(key == other for other, _ in changes.first):
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
        asked.add_done_callback(lambda asked: self._outbox.put(partial(self._probed, name, asked)))

    def _probed(self, name: str, asked: Future[None], changes: Changes) -> None:
        pace = self._pace(name)
        error = asked.exception()
        pace.probed(error if isinstance(error, OneCError) else None, time.monotonic())

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
        _log(became)
        try:
            self._office.told(became)
        except Exception:
            log.exception("history")

    def _given_up(self, words: list[Word]) -> None:
        log.warning(
            "history: %d words of %d calls given up, the first call=%s base=%s: 1C was away for %g s%s",
            len(words),
            len({(word.base, word.call) for word in words}),
            words[0].call,
            words[0].base,
            self._office.keep_for,
            f" ({words[0].error})" if words[0].error else "",
        )
        for word in words:
            self._settled(word, Told.GIVEN_UP, None)


def policy_of(settings: Settings) -> Policy:
    """Who owns a missed call, and when cards open."""
    return Policy(settings.screenpop.when, settings.history.missed_owner)


def _link(story: Story) -> str:
    """The latest recording, where the switch keeps it behind an address."""
    return next((file for file in reversed(story.recordings) if file.startswith(("http://", "https://"))), "")


def _remember(where: OrderedDict[str, Any], call: str, what: Any) -> None:
    where[call] = what
    if len(where) > MAX_CALLS:
        where.popitem(last=False)


def _log(word: HistoryWord) -> None:
    amiss = word.told in (Told.UNKNOWN, Told.REFUSED)
    log.log(
        logging.WARNING if amiss else logging.DEBUG,
        "call=%s history %s extension=%s base=%s %s after %.1fs%s",
        word.call_uuid,
        word.state,
        word.extension or "-",
        word.base,
        word.told,
        word.took,
        f" error={word.error.kind}: {word.error.message}" if word.error else "",
    )
