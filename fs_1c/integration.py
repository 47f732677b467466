"""A phone call, from the first ring to the card: the one object that every door holds.

integration = Integration.from_file(Path("/etc/fs-1c/fs-1c.toml"))
decision = integration.decide(call)             # before the first phone rings
...
integration.conversation(conversation)          # when somebody answers
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from fs_1c import channel, numbers
from fs_1c.call import (
    Call,
    Caller,
    CallEvent,
    Conversation,
    Decision,
    Failure,
    HistoryWord,
    HungUp,
    LastTalk,
    Outcome,
    Result,
    ScreenPop,
    Unidentified,
)
from fs_1c.cards import Ask, Claims, ScreenPops, Subscribers, Take, no_key, open_card
from fs_1c.directory import Blocked, BreakerState, Directory, SharedAnswers
from fs_1c.history import Base, History, Office, history_file, policy_of
from fs_1c.journal import Asked, ErasedRows, Journal, JournalError, LastTalkers, journal_file
from fs_1c.numbers import Number, NumberFormat, in_e164, read
from fs_1c.onec import CallState, Card, OneCError, Urgency, WorkerPool
from fs_1c.presence import Sharing, Switches, shared_name
from fs_1c.recordings import links_of
from fs_1c.routing import decide, is_vacant, shown
from fs_1c.settings import Role, Settings, load
from fs_1c.talk import Observer, People, Stories, Story

if TYPE_CHECKING:
    from fs_1c.tracing import Tracing

log = logging.getLogger(__name__)

ERASE_WITHIN = 30.0
"""Seconds that the journal, and the history, may take to erase a client: a file is written anew."""
MAX_DEADLINE = 10.0
"""Seconds; a dialplan that grants more has a typing error in it, and its callers would hang up."""
FOR_LAST_TALKER = 0.25
"""Of his deadline: what a caller may wait for the journal, and Redis, when 1C has answered before them."""


@dataclass(frozen=True, slots=True)
class BaseState:
    """How one base is at this moment.

    Attributes:
        remembered: Answers remembered here.
        sessions: Requests under way, each on a session (a licence) of its own.
        sessions_allowed: How many there may be.
        redis_up: Whether Redis answers and takes what is written, as far as lookups have noticed; None: there
            is none.
        untold: Numbers that were forgotten here and that Redis could not be told about yet; None: all.
    """

    breaker: BreakerState
    remembered: int
    sessions: int
    sessions_allowed: int
    redis_up: bool | None = None
    untold: int | None = 0


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten.

    Attributes:
        count: Answers that were remembered here.
        untold: Bases of which Redis, and by it other services, could not be told; they will be when it is
            there, if this service still runs then.
    """

    count: int
    untold: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimsState:
    """How it is with what services know of each other's cards.

    Attributes:
        redis_up: Whether Redis answers, as far as claims and lookups have noticed; None: there is none.
        unshared: Cards that opened though neither their switch nor Redis could tell whether another service
            had opened them; since the start.
    """

    redis_up: bool | None
    unshared: int


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased of one client.

    Attributes:
        calls, cards, talks: The journal's rows.
        answers: What was remembered here of 1C's answers.
        words: That 1C was to be told of his calls.
        left: What could not be erased, and why; a line each.
        recordings: Files that stay, for they are the switch's.
    """

    calls: int
    cards: int
    talks: int
    answers: int
    words: int
    left: tuple[str, ...]
    recordings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Base:
    pool: WorkerPool
    directory: Directory
    number_format: NumberFormat


class Integration:
    """FreeSWITCH on one side, the bases of 1C on the other. Thread-safe; `close` it in the end."""

    def __init__(self, settings: Settings, before: Integration | None = None) -> None:
        """Builds the rooms. `before` is the integration that this one relieves: what was claimed stays
        claimed, and the stories and the journal go on. Whoever else observed that one must observe this one.
        """
        self.settings = settings
        self.plan = settings.numbers.plan()
        self.subscribers = Subscribers(settings.subscribers)
        self.people = People(self.plan, lambda name: bool(self.subscribers.key(name)))
        self.observers: list[Observer] = []
        self._stories: Stories = before._stories if before else Stories()
        self._telling: threading.Lock = before._telling if before else threading.Lock()
        self.switches: Switches = before.switches if before else Switches()
        self._sharing: Sharing | None = before._sharing if before else _sharing(settings, self.switches)
        self._bases: dict[str, _Base] = {}
        listed = settings.numbers.blocked_file
        self._blocked = Blocked(listed, self.plan) if listed else None
        for name, base in settings.onec.items():
            pool = WorkerPool(name, base, partial(self._asked, name))
            shared = (
                SharedAnswers(settings.redis, name, settings.lookup, base.timeout) if settings.redis else None
            )
            untold = before._bases[name].directory.untold if before and name in before._bases else ()
            directory = Directory(
                pool,
                base.number_format,
                self.plan,
                settings.lookup,
                settings.breaker,
                shared,
                untold,
                self._blocked or (),
            )
            self._bases[name] = _Base(pool, directory, base.number_format)
        self._only_base = self._bases[name] if len(self._bases) == 1 else None
        state = settings.state.folder
        self._claims: Claims = (
            before._claims if before else Claims(state / "claims.db" if state else None, settings.redis)
        )
        self.links = links_of(settings)
        self.history: History | None = before.history if before else None
        if not before and settings.tells_history:
            self.history = History(history_file(settings), self._office(), settings.redis)
        self._pops = ScreenPops(
            self._base_of, self.subscribers, self.plan, self._claims, settings.screenpop, self.history
        )
        self.journal: Journal | None = before.journal if before else _journal(settings)
        self._talkers = _talkers(settings)
        self._tracing: Tracing | None = before._tracing if before else _tracing(settings)
        observers = (self.journal, self.history, self._talkers, self._tracing)
        self.observers += [one for one in observers if one]
        self._opening: set[Future[ScreenPop]] = set()
        self._relieved = False
        # Last: if anything above has failed, the one before goes on with all this.
        if before:
            before._relieved = True

    @classmethod
    def from_file(cls, path: Path) -> Integration:
        """Raises `fs_1c.settings.SettingsError`."""
        return cls(load(path))

    # A client rings.

    def decide(self, call: Call) -> Decision:
        """What to do with the call; blocks the thread, until the deadline at the most. Never raises."""
        began, deadline, asked = time.monotonic(), self._deadline(call), self._who_talked_last(call)
        caller = self._directory(call).lookup(call.number, deadline, private=call.private, trunk=call.trunk)
        last = None
        if asked and self._is_vacant(call, caller):
            last = asked.wait(_patience(deadline, began))
            caller = replace(caller, took=time.monotonic() - began)
        decision = self._decision(call, caller, last)
        self.decided(decision)
        return decision

    async def decide_async(self, call: Call, since: float | None = None) -> Decision:
        """The same for an event loop: waits without blocking it. The caller says `decided` when he has
        carried it out.

        Args:
            since: When the call began to wait for us, on the monotonic clock; None: now.
        """
        began = time.monotonic() if since is None else since
        deadline, asked = self._deadline(call), self._who_talked_last(call)
        caller = await self._directory(call).lookup_async(
            call.number, deadline, private=call.private, trunk=call.trunk, since=began
        )
        last = None
        if asked and self._is_vacant(call, caller):
            last = await asked.wait_async(_patience(deadline, began))
            caller = replace(caller, took=time.monotonic() - began)
        return self._decision(call, caller, last)

    def decide_now(self, call: Call, since: float | None = None) -> Decision | None:
        """The decision if it takes no waiting: a remembered answer, or a number 1C is not asked about; and
        nobody has to be asked who talked last. The caller says `decided` when he has carried it out.
        """
        known = self._directory(call).known(call.number, private=call.private, since=since)
        if not isinstance(known, Caller) or (self._talkers and self._is_vacant(call, known)):
            return None
        return self._decision(call, known)

    async def name_of(self, number: str, base: str = "") -> str:
        """Who a client is, as a telephone shows him, or nothing; waits no longer than a caller does, and no
        caller waits for it.
        """
        directory = self._base(base).directory
        caller = await directory.lookup_async(number, self.settings.lookup.deadline, hurried=False)
        return shown(caller.title, "", self.settings.routing.name)

    def decided(self, decision: Decision) -> None:
        """Tells the log and the observers: after the fact, since a call must not wait for these."""
        caller = decision.caller
        amiss = decision.refused or caller.result in (Result.LATE, Result.FAILED)
        level = logging.WARNING if amiss else logging.INFO
        log.log(
            level,
            "call=%s lookup number=%s result=%s source=%s took=%.1fms target=%s%s%s%s",
            decision.call.uuid,
            caller.number.e164 if caller.number else "-",
            caller.result,
            caller.source,
            caller.took * 1000,
            decision.target or "-",
            f" error={caller.error.kind}: {caller.error.message}" if caller.error else "",
            f" refused={decision.refused}" if decision.refused else "",
            f" why={decision.why}" if decision.why else "",
        )
        if decision.call.base:
            with self._telling:
                self._stories.chosen(decision.call.uuid, decision.call.base)
        for observer in self.observers:
            observer.decided(decision)

    # Somebody answers.

    def conversation(
        self,
        conversation: Conversation,
        ask: Ask | None = None,
        take: Take | None = None,
        switch: str = "",
    ) -> Future[ScreenPop] | None:
        """Opens the client's card at the subscriber who talks to him, once; returns at once.

        Args:
            ask: Asks the directory of the conversation's switch for the subscriber's key, if it must be.
            take: Claims the card at the conversation's switch, if that has a name.
            switch: Whose events have told of it, by its name or address, if it is listened to.
        """
        # Told first: a card may have to wait for what 1C is told of its call.
        self._heard(conversation, switch)
        told = self._pops.conversation(conversation, ask, take)
        if told is not None:
            self._opening.add(told)
            told.add_done_callback(self._opening.discard)
            told.add_done_callback(lambda ended: self._popped(conversation, ended.result()))
            base = self._base(conversation.base, conversation.destination)
            base.directory.renew(conversation.number)
        return told

    def wants_card(self, conversation: Conversation) -> bool:
        """Whether the settings want a card for such a conversation."""
        return self._pops.wants(conversation)

    def happened(
        self, event: CallEvent, ask: Ask | None = None, take: Take | None = None, switch: str = ""
    ) -> None:
        """What channel events have told; returns at once.

        Args:
            switch: Whose events, by its name or address, if it is listened to.
        """
        match event:
            case Conversation():
                self.conversation(event, ask, take, switch)
            case HungUp(leg_uuid):
                self._pops.hung_up(leg_uuid)
                self._heard(event if event.at else replace(event, at=time.time()), switch)
            case Unidentified():
                self._unidentified(event, switch)
            case _:
                self._heard(event, switch)

    def overheard(self, event: CallEvent, switch: str) -> None:
        """What channel events have told at a switch where this is the reserve, whoever acts upon it; returns
        at once.
        """
        if self.history:
            now = replace(event, at=time.time()) if isinstance(event, HungUp) and not event.at else event
            self.history.overheard(now, switch)

    def legs(self, switch: str) -> set[str]:
        """Legs that were up at that switch, as far as this service knows from before its start."""
        with self._telling:
            legs = self._stories.legs(switch)
        return legs | self.history.legs(switch) if self.history else legs

    # 1C has changed.

    def forget(self, number: str | None, base: str = "") -> Forgotten:
        """Forgets what 1C said about a number, in any form, or about all, here and in all services with the
        same Redis. Blocks for as long as that may take.

        Args:
            base: Only what this base said; empty: every base.

        Raises ValueError if `number` is no number, or there is no such base.
        """
        if base and base not in self._bases:
            raise ValueError(f"there is no base {base}; allowed: {', '.join(self._bases)}")
        names = [base] if base else list(self._bases)
        channel.forget()
        done = {name: self._bases[name].directory.forget(number) for name in names}
        count = sum(one.count for one in done.values())
        return Forgotten(count, tuple(name for name, one in done.items() if not one.told))

    def erase(self, received: str) -> Erased:
        """Erases what is kept of one client: what 1C said, here and in Redis, and all that the journal has.
        Blocks, for `ERASE_WITHIN` seconds at the most. Should he call again, that is kept again.

        Args:
            received: His number in any form; or, as the journal has it, what a trunk sent in place of one.

        Raises ValueError if that is none that anything could be kept of.
        """
        number = in_e164(received.strip(), self.plan)
        if getattr(read(number, self.plan), "reason", "") == "withheld":
            raise ValueError("no number: nothing is kept by it")
        done = [base.directory.erase(number) for base in self._bases.values()]
        channel.forget()
        numbers.forget()

        def is_his(text: str) -> bool:
            return bool(text) and in_e164(text, self.plan) == number

        for observer in self.observers:
            observer.erased(is_his)
        rows, left = ErasedRows(), []
        words, why = self.history.erase(is_his, ERASE_WITHIN) if self.history else (0, "")
        if why:
            left.append(f"history: {why}")
        try:
            rows = self.journal.erase(number, ERASE_WITHIN) if self.journal else rows
        except JournalError as error:
            left.append(f"journal: {error}")
        if rows.left:
            left.append(f"journal: {rows.left}")
        talkers_told = self._talkers is None or self._talkers.erase(number)
        if not (talkers_told and all(one.told for one in done)):
            left.append("Redis: away, not erased")
        answers = sum(one.count for one in done)
        return Erased(rows.calls, rows.pops, rows.talks, answers, words, tuple(left), rows.recordings)

    def health(self) -> dict[str, dict[str, object]]:
        """How the bases are, by base: breaker (`closed`, `open`, `half-open`), since when it has not been
        closed (ISO 8601, or None) and what was wrong last, answers remembered.
        """
        return {
            name: {
                "breaker": state.breaker.value,
                "since": None
                if since is None
                else datetime.fromtimestamp(since).astimezone().isoformat("T", "seconds"),
                "why": self._bases[name].directory.why_down,
                "remembered": state.remembered,
            }
            for name, state in self.states().items()
            for since in [self._bases[name].directory.down_since]
        }

    def states(self) -> dict[str, BaseState]:
        """How the bases are at this moment, by name."""
        return {
            name: BaseState(
                base.directory.breaker,
                len(base.directory),
                *base.pool.sessions,
                base.directory.redis_up,
                None if None in (untold := base.directory.untold) else len(untold),
            )
            for name, base in self._bases.items()
        }

    def claims(self) -> ClaimsState:
        """How the claims of cards are at this moment."""
        # Where each switch has a name, claims do not ask Redis; lookups always do, and listen to it besides.
        noticed = (self._claims.redis_up, *(base.directory.redis_up for base in self._bases.values()))
        up = [one for one in noticed if one is not None]
        return ClaimsState(all(up) if up else None, self._claims.unshared)

    # An engineer asks.

    def lookup(self, number: str, base: str = "") -> Caller:
        """Asks 1C now, past the cache."""
        return self._base(base).directory.ask(number)

    def pop(self, number: str, *, extension: str = "", key: str = "", base: str = "") -> ScreenPop:
        """Opens a card, now, for a subscriber given by extension or by key; waits for the outcome. A 1C that
        opens cards only of calls that it has been told of is told of one, of no length, which stays there.
        """
        whose = key or self.subscribers.key(extension)
        chosen = self._base(base)
        if (unknown := no_key(chosen.pool, extension, whose)) is not None:
            return unknown
        parsed = read(number, self.plan)
        if not isinstance(parsed, Number):
            return ScreenPop(Outcome.SKIPPED, error=Failure("skipped", parsed.reason))
        call, written, now = str(uuid.uuid4()), parsed.written(chosen.number_format), time.time()
        card = Card(written, whose, extension, call, now)
        if not chosen.pool.card_needs_call:
            return open_card(chosen.pool, card, 1.0).result()
        of = CallState("INCOMING", call, written, extension=extension, when=now, began=now, once=True)
        try:
            _tell(chosen.pool, of)
            popped = open_card(chosen.pool, card, 1.0).result()
            _tell(chosen.pool, replace(of, state="COMPLETED"), replace(of, state="history", answered=True))
        except OneCError as error:
            return ScreenPop(Outcome.FAILED, time.time() - now, error.failure())
        return popped

    def keep_warm(self) -> None:
        """Wakes the bases and keeps them awake, until `close`; says in one line each how they are."""
        if self.journal:
            self.journal.open()  # so that what is wrong with it is in the log at once
        self._claims.open()
        if self._sharing:
            self._sharing.open()
        if self._tracing:
            self._tracing.open()
        for base in self._bases.values():
            base.pool.keep_warm()

    def tell_history(self) -> None:
        """1C is told what becomes of calls, and what it has not been told before, until `close`. Who hears of
        all calls does that, once on a machine. Returns at once.
        """
        if self.history:
            self.history.open(self._office())

    def finish_cards(self, timeout: float) -> None:
        """Waits, for at most `timeout` seconds, until 1C has been told of the cards that are wanted now."""
        futures.wait(set(self._opening), timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Finishes what is under way, for at most `timeout` seconds."""
        ends = time.monotonic() + timeout
        self.subscribers.close()
        for one in (self._blocked, self._talkers):
            if one:
                one.close()
        for name, base in self._bases.items():
            if base.directory.untold and not self._relieved:
                log.warning("1C base %s: what was forgotten is not told to other services any more", name)
            base.directory.close()
            base.pool.close(max(0.0, ends - time.monotonic()))
        if not self._relieved:  # else the next one goes on with these
            self._claims.close(max(0.1, ends - time.monotonic()))
            if self._sharing:
                self._sharing.close(max(0.1, ends - time.monotonic()))
            for kept in (self.history, self.journal, self._tracing):
                if kept:
                    kept.close(max(0.1, ends - time.monotonic()))

    def __enter__(self) -> Integration:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _base(self, chosen: str, destination: str = "") -> _Base:
        return self._only_base or self._bases[self.settings.base_for(chosen, destination)]

    def _directory(self, call: Call) -> Directory:
        return self._base(call.base, call.destination).directory

    def _base_of(self, conversation: Conversation) -> tuple[WorkerPool, NumberFormat]:
        base = self._base(conversation.base, conversation.destination)
        return base.pool, base.number_format

    def _deadline(self, call: Call) -> float:
        return self.settings.lookup.deadline if call.deadline is None else min(call.deadline, MAX_DEADLINE)

    def _who_talked_last(self, call: Call) -> Asked | None:
        """Asks that beside the lookup; None: nobody wants to know."""
        if self._talkers is None or call.private:
            return None
        number = read(call.number, self.plan)
        return self._talkers.ask(number.e164) if isinstance(number, Number) else None

    def _is_vacant(self, call: Call, caller: Caller) -> bool:
        return is_vacant(call, caller, self.settings.routing, self.plan)

    def _decision(self, call: Call, caller: Caller, last: LastTalk | None = None) -> Decision:
        return decide(call, caller, self.settings.routing, self.plan, self.switches.at(call.switch), last)

    def _unidentified(self, event: Unidentified, switch: str) -> None:
        log.warning("call=%s no card at leg=%s: %s", event.call_uuid, event.leg_uuid, event.why)
        conversation = Conversation(event.call_uuid, event.leg_uuid, event.number, event.name)
        self._heard(event, switch)
        self._popped(
            conversation, ScreenPop(Outcome.NO_SUBSCRIBER, error=Failure("no-subscriber", event.why))
        )

    def _heard(self, event: CallEvent, switch: str) -> None:
        with self._telling:
            story = self._stories.heard(event, switch)
        for observer in self.observers:
            observer.heard(event, story)

    def _restore(self, stories: list[Story]) -> None:
        with self._telling:
            self._stories.restore(stories)

    def _told(self, word: HistoryWord) -> None:
        for observer in self.observers:
            observer.told(word)

    def _office(self) -> Office:
        return Office(
            {name: Base(base.pool, base.number_format) for name, base in self._bases.items()},
            lambda story: self.settings.base_for(story.base, story.destination),
            self.subscribers.key,
            self._restore,
            self._told,
            self.plan,
            policy_of(self.settings),
            self.settings.history.keep_for,
            frozenset(one.name for one in self.settings.esl.inbound if one.role is Role.RESERVE),
            self.links,
        )

    def _asked(self, base: str, operation: str, took: float, error: str) -> None:
        for observer in self.observers:
            observer.asked(base, operation, took, error)

    def _popped(self, conversation: Conversation, pop: ScreenPop) -> None:
        for observer in self.observers:
            observer.popped(conversation, pop)


def _tell(pool: WorkerPool, *calls: CallState) -> None:
    for call in calls:
        pool.submit(Urgency.CARD, lambda client, call=call: client.tell(call)).result()  # type: ignore[misc]


def _patience(deadline: float, began: float) -> float:
    """Seconds that a caller who has waited since then may wait for who talked last."""
    left = began + deadline - time.monotonic()
    return max(0.0, min(FOR_LAST_TALKER * deadline, left))


def _talkers(settings: Settings) -> LastTalkers | None:
    file, policy = journal_file(settings), settings.routing
    if not file or not policy.last_talker:
        return None
    least, plan = policy.last_talker_at_least, settings.numbers.plan()
    return LastTalkers(file, policy.last_talker, least, plan, settings.redis)


def _journal(settings: Settings) -> Journal | None:
    file = journal_file(settings)
    return Journal(file, settings.journal, settings.numbers.plan()) if file else None


def _tracing(settings: Settings) -> Tracing | None:
    if not settings.tracing.endpoint:
        return None
    from fs_1c.tracing import Tracing  # nobody else pays for it

    return Tracing(settings)


def _sharing(settings: Settings, switches: Switches) -> Sharing | None:
    if settings.redis is None:
        return None
    host = settings.cluster.our_name
    ours = {one.name or str(one.address): (shared_name(one, host), one.role) for one in settings.esl.inbound}
    return Sharing(settings.redis, switches, ours)
