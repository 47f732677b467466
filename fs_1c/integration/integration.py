"""The rooms below, wired together: what happens, in the order of a call."""

from __future__ import annotations

import logging
import time
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from fs_1c.call import (
    Call,
    Caller,
    CallEvent,
    Conversation,
    Decision,
    Failure,
    HistoryWord,
    HungUp,
    Outcome,
    Result,
    ScreenPop,
    Unidentified,
)
from fs_1c.cards import Ask, ScreenPops, Subscribers, Take, open_by_hand
from fs_1c.history import Base, Office, policy_of
from fs_1c.integration.bases import Bases, BaseState, Forgotten
from fs_1c.integration.deciding import Deciding
from fs_1c.integration.erasing import Erased, erase
from fs_1c.integration.lasting import Lasting
from fs_1c.numbers import NumberFormat, read
from fs_1c.onec import WorkerPool
from fs_1c.recordings import links_of
from fs_1c.routing import shown
from fs_1c.settings import Role, Settings, load
from fs_1c.talk import Observer, People

log = logging.getLogger(__name__)


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
        self._bases: Bases = Bases(settings, self.plan, self._asked, before._bases if before else None)
        self.links = links_of(settings)
        self._lasting: Lasting = before._lasting if before else Lasting(settings, self._office())
        lasting = self._lasting
        self.switches, self.history, self.journal = lasting.switches, lasting.history, lasting.journal
        self._pops = ScreenPops(
            self._base_of, self.subscribers, self.plan, lasting.claims, settings.screenpop, lasting.history
        )
        self._deciding = Deciding(settings, self.plan, self._bases, self.switches)
        observers = (self.journal, self.history, self._deciding.talkers, lasting.tracing)
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
        decision = self._deciding.decide(call)
        self.decided(decision)
        return decision

    async def decide_async(self, call: Call, since: float | None = None) -> Decision:
        """The same for an event loop: waits without blocking it. The caller says `decided` when he has
        carried it out.

        Args:
            since: When the call began to wait for us, on the monotonic clock; None: now.
        """
        return await self._deciding.decide_async(call, since)

    def decide_now(self, call: Call, since: float | None = None) -> Decision | None:
        """The decision if it takes no waiting: a remembered answer, or a number 1C is not asked about; and
        nobody has to be asked who talked last. The caller says `decided` when he has carried it out.
        """
        return self._deciding.decide_now(call, since)

    async def name_of(self, number: str, base: str = "") -> str:
        """Who a client is, as a telephone shows him, or nothing; waits no longer than a caller does, and no
        caller waits for it.
        """
        directory = self._bases.of(base).directory
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
            self._lasting.chosen(decision.call.uuid, decision.call.base)
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
            base = self._bases.of(conversation.base, conversation.destination)
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
        return self._lasting.legs(switch)

    # 1C has changed.

    def forget(self, number: str | None, base: str = "") -> Forgotten:
        """Forgets what 1C said about a number, in any form, or about all, here and in all services with the
        same Redis. Blocks for as long as that may take.

        Args:
            base: Only what this base said; empty: every base.

        Raises ValueError if `number` is no number, or there is no such base.
        """
        return self._bases.forget(number, base)

    def erase(self, received: str) -> Erased:
        """Erases what is kept of one client: what 1C said, here and in Redis, and all that the journal has.
        Blocks, for `ERASE_WITHIN` seconds at the most. Should he call again, that is kept again.

        Args:
            received: His number in any form; or, as the journal has it, what a trunk sent in place of one.

        Raises ValueError if that is none that anything could be kept of.
        """
        return erase(received, self.plan, self._bases, self._lasting, self._deciding.talkers, self.observers)

    def health(self) -> dict[str, dict[str, object]]:
        """How the bases are, by base: breaker (`closed`, `open`, `half-open`), since when it has not been
        closed (ISO 8601, or None) and what was wrong last, answers remembered.
        """
        return self._bases.health()

    def states(self) -> dict[str, BaseState]:
        """How the bases are at this moment, by name."""
        return self._bases.states()

    def claims(self) -> ClaimsState:
        """How the claims of cards are at this moment."""
        # Where each switch has a name, claims do not ask Redis; lookups always do, and listen to it besides.
        bases = self._bases.by_name.values()
        noticed = (self._lasting.claims.redis_up, *(base.directory.redis_up for base in bases))
        up = [one for one in noticed if one is not None]
        return ClaimsState(all(up) if up else None, self._lasting.claims.unshared)

    # An engineer asks.

    def lookup(self, number: str, base: str = "") -> Caller:
        """Asks 1C now, past the cache."""
        return self._bases.of(base).directory.ask(number)

    def pop(self, number: str, *, extension: str = "", key: str = "", base: str = "") -> ScreenPop:
        """Opens a card, now, for a subscriber given by extension or by key; waits for the outcome. A 1C that
        opens cards only of calls that it has been told of is told of one, of no length, which stays there.
        """
        chosen, whose = self._bases.of(base), key or self.subscribers.key(extension)
        number_read = read(number, self.plan)
        return open_by_hand(chosen.pool, chosen.number_format, number_read, extension, whose)

    def keep_warm(self) -> None:
        """Wakes the bases and keeps them awake, until `close`; says in one line each how they are."""
        self._lasting.open()
        self._bases.keep_warm()

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
        if self._deciding.talkers:
            self._deciding.talkers.close()
        self._bases.close(ends, self._relieved)
        if not self._relieved:  # else the next one goes on with it
            self._lasting.close(ends)

    def __enter__(self) -> Integration:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _base_of(self, conversation: Conversation) -> tuple[WorkerPool, NumberFormat]:
        base = self._bases.of(conversation.base, conversation.destination)
        return base.pool, base.number_format

    def _unidentified(self, event: Unidentified, switch: str) -> None:
        log.warning("call=%s no card at leg=%s: %s", event.call_uuid, event.leg_uuid, event.why)
        conversation = Conversation(event.call_uuid, event.leg_uuid, event.number, event.name)
        self._heard(event, switch)
        self._popped(
            conversation, ScreenPop(Outcome.NO_SUBSCRIBER, error=Failure("no-subscriber", event.why))
        )

    def _heard(self, event: CallEvent, switch: str) -> None:
        story = self._lasting.heard(event, switch)
        for observer in self.observers:
            observer.heard(event, story)

    def _told(self, word: HistoryWord) -> None:
        for observer in self.observers:
            observer.told(word)

    def _office(self) -> Office:
        return Office(
            {name: Base(base.pool, base.number_format) for name, base in self._bases.by_name.items()},
            lambda story: self.settings.base_for(story.base, story.destination),
            self.subscribers.key,
            lambda stories: self._lasting.restore(stories),
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
