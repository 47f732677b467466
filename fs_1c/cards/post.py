"""A service's post at a switch that has a name in the settings: says that we are there, hears who else is,
and claims cards at the switch itself. For the loop's thread, but for `take` and `state`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from fs_1c.call import CallEvent, Conversation, HungUp
from fs_1c.cards.claims import Standing, Take, Taken, card_key, host_of, our_token, standing
from fs_1c.cards.duty import EVERY, Duty, Word
from fs_1c.settings import InboundSettings, Role

log = logging.getLogger(__name__)

KEPT_FOR = 120.0
"""Seconds that the switch keeps our claim after the subscriber's leg has ended: whoever reads its talk later
than that takes it for too late anyway.
"""
MAX_CLAIMS = 50_000
"""Claims of ours whose legs are up; the oldest are left to the switch's next restart."""


@dataclass(frozen=True, slots=True)
class PostState:
    """How things are at a switch that has a name.

    Attributes:
        switch: Its name.
        connected: We listen to it.
        owner: To a reserve: its own service is there, or not, or nobody can tell: we have just come
            ourselves, or the switch does not hand our words on. An own service is there itself.
        since: Seconds for which that has been so.
        held: Talks that a reserve keeps for the case that the own service goes.
    """

    switch: str
    role: Role
    connected: bool
    owner: Literal["present", "gone", "unknown"]
    since: float
    held: int


class Words(Protocol):
    """How it is said to the switch: the octets of it, over one connection."""

    def announce(self, word: Word) -> bytes:
        """That we are there."""

    def take(self, key: str, leg_uuid: str, ticket: str) -> bytes:
        """Claims a card; what the switch says about it comes back with the ticket."""

    def let_go(self, key: str) -> bytes:
        """Forgets a claim of ours."""


class Post:
    """See above.

    Args:
        happened: Acts upon what a channel event has told; its second argument claims cards at the switch.
        wants: Whether the settings want a card for such a conversation.
        useful_for: Tells for how many seconds a card is of use.
        overheard: Hears, at a reserve, what a channel event has told, whoever acts upon it.

    Attributes:
        token: Ours among the services that listen to the switch.
    """

    def __init__(
        self,
        settings: InboundSettings,
        happened: Callable[[CallEvent, Take | None], None],
        wants: Callable[[Conversation], bool],
        useful_for: Callable[[], float],
        overheard: Callable[[CallEvent], None] = lambda event: None,
    ) -> None:
        self._overheard = overheard
        self.token = our_token()
        self._happened = happened
        self._wants = wants
        self._useful_for = useful_for
        self._settings = settings
        self._duty = Duty(settings.role, self.token)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._words: Words | None = None
        self._write: Callable[[bytes], None] = lambda octets: None
        self._asked: dict[str, Future[Taken]] = {}
        self._claims: OrderedDict[str, set[str]] = OrderedDict()  # leg → keys of ours
        self._owner: Literal["present", "gone", "unknown"] = "unknown"
        self._since = time.monotonic()
        self._told: set[str] = set()

    def state(self) -> PostState:
        """From any thread."""
        connected, since = self._words is not None, time.monotonic() - self._since
        name, role = self._settings.name, self._settings.role
        return PostState(name, role, connected, self._owner, since, self._duty.held)

    @property
    def stands_by(self) -> bool:
        """This is a reserve that does not act now: nobody waits for what it reads."""
        return not self._duty.acts

    @property
    def reserved(self) -> bool:
        """To an own service: a reserve has been heard."""
        return self._duty.reserved

    @property
    def life(self) -> str:
        """What we are called on this connection."""
        return self._duty.life

    @property
    def owner(self) -> str:
        """What the own service that was heard last is called on its connection, or empty."""
        return self._duty.owner_life

    @property
    def owner_words(self) -> int:
        """How many words of the own service have been heard."""
        return self._duty.owner_words

    @property
    def owner_came(self) -> int:
        """How many had been when it came, or came back; -1: we have come later."""
        return self._duty.owner_came

    def alone_for(self) -> float | None:
        """Seconds for which nobody but us has acted for the switch, by what it tells; None: that cannot be
        said now. From any thread.
        """
        return None if self._words is None else self._duty.alone_for(time.monotonic())

    def owner_away(self) -> float | None:
        """Seconds since the own service was heard on this connection; None: it was not. From any thread."""
        return None if self._words is None else self._duty.owner_away(time.monotonic())

    def connected(self, words: Words, write: Callable[[bytes], None]) -> None:
        """We listen to the switch from now on."""
        self._loop = asyncio.get_running_loop()
        self._words, self._write = words, write
        self._duty.connected(time.monotonic())
        self._tick(words)

    def leave(self) -> None:
        """We are about to stop listening."""
        if self._words is not None:
            self._write(self._words.announce(self._duty.farewell()))

    def lost(self) -> None:
        """We do not any more: what we have asked is to be asked again."""
        self._words = None
        asked, self._asked = self._asked, {}
        for found in asked.values():
            _settle(found, Taken(lost=True))
        self._look()

    def heard(self, word: Word) -> None:
        """A service, perhaps this one, says that it is there."""
        self._duty.heard(word, time.monotonic())
        self._look()
        self._due()

    def told(self, ticket: str, taken: Taken) -> None:
        """What the switch says about a claim."""
        if found := self._asked.pop(ticket, None):
            _settle(found, taken)

    def happened(self, event: CallEvent) -> None:
        """Takes what a channel event has told, and acts upon it if that is on us."""
        if self._settings.role is Role.RESERVE:
            self._overheard(event)
        if isinstance(event, HungUp) and self._loop and (keys := self._claims.pop(event.leg_uuid, None)):
            self._loop.call_later(KEPT_FOR, self._let_go, keys)
        for one in self._duty.passed(event, time.monotonic()):
            self._act(one)

    def take(self, key: str, leg_uuid: str) -> Future[Taken]:
        """Claims a card at the switch, while that leg is up; from any thread."""
        found: Future[Taken] = Future()
        if self._loop is None:
            found.set_result(Taken(lost=True))
        else:
            self._loop.call_soon_threadsafe(self._take, key, leg_uuid, found)
        return found

    def _take(self, key: str, leg_uuid: str, found: Future[Taken]) -> None:
        if self._words is None:
            _settle(found, Taken(lost=True))
            return
        ticket = uuid.uuid4().hex
        self._asked[ticket] = found
        found.add_done_callback(lambda taken: self._taken(key, leg_uuid, taken.result()))
        self._write(self._words.take(key, leg_uuid, ticket))

    def _taken(self, key: str, leg_uuid: str, taken: Taken) -> None:
        """A claim that is ours is let go some time after its leg."""
        if not taken.mine or self._loop is None:
            return
        if taken.up:
            self._claims.setdefault(leg_uuid, set()).add(key)
            if len(self._claims) > MAX_CLAIMS:
                self._claims.popitem(last=False)
        else:
            self._loop.call_later(KEPT_FOR, self._let_go, {key})

    def _let_go(self, keys: set[str]) -> None:
        if self._words is not None:
            self._write(b"".join(map(self._words.let_go, keys)))

    def _tick(self, words: Words) -> None:
        if words is not self._words:
            return
        word = self._duty.say(time.monotonic())
        if word is not None:
            self._write(words.announce(word))
        self._look()
        self._due()
        asyncio.get_running_loop().call_later(EVERY, self._tick, words)

    def _due(self) -> None:
        for event in self._duty.due(time.monotonic(), self._useful_for()):
            try:
                self._act(event)
            except Exception:
                log.exception("inbound door %s: %r", self._settings, event)

    def _act(self, event: CallEvent) -> None:
        if not isinstance(event, Conversation):
            self._happened(event, None)
            return
        event = replace(event, switch=self._settings.name)
        if self._settings.role is Role.OWN or not self._wants(event):
            self._happened(event, self.take)
            return
        # A reserve asks before it says anything of a talk: the own one may have seen to it before it went.
        found = self.take(card_key(event.call_uuid, event.extension), event.leg_uuid)
        found.add_done_callback(lambda taken: self._asked_before(event, taken.result()))

    def _asked_before(self, event: Conversation, taken: Taken) -> None:
        claim = standing(taken)
        if claim is None or claim.mine:
            self._happened(event, self.take)
        elif claim.standing is Standing.LATER:
            self._duty.hold(event, time.monotonic())
        else:
            log.debug(
                "call=%s switch=%s extension=%s is not for the reserve: %s",
                event.call_uuid,
                self._settings.name,
                event.extension,
                f"{claim.by} has it" if claim.by else "it is over",
            )

    def _look(self) -> None:
        """Says what has changed."""
        duty = self._duty
        if self._settings.role is Role.OWN:
            owner: Literal["present", "gone", "unknown"] = "present" if self._words else "gone"
            if duty.owner:
                self._warn(
                    "%s is its own service, too: one of the two should be the reserve", host_of(duty.owner)
                )
        elif self._words is None or duty.deaf:
            owner = "unknown"
        elif duty.acts:
            owner = "gone"
        else:
            owner = "present" if duty.owner_at > self._since or self._owner == "present" else "unknown"
        if duty.deaf and self._words:
            what = (
                "a reserve here never acts" if self._settings.role is Role.RESERVE else "a reserve takes over"
            )
            self._warn("the switch does not hand on what services say of themselves: %s", what)
        if owner == self._owner:
            return
        before, self._owner, self._since = self._owner, owner, time.monotonic()
        if self._settings.role is Role.RESERVE and owner == "gone":
            log.warning(
                "inbound door %s: its own service%s is gone; the reserve takes over",
                self._settings,
                f" at {host_of(duty.owner)}" if duty.owner else "",
            )
        elif self._settings.role is Role.RESERVE and owner == "present":
            log.log(
                logging.WARNING if before == "gone" else logging.INFO,
                "inbound door %s: its own service at %s is there; the reserve stands by",
                self._settings,
                host_of(duty.owner),
            )

    def _warn(self, message: str, argument: str) -> None:
        """Says it once."""
        if message not in self._told:
            self._told.add(message)
            log.warning(f"inbound door %s: {message}", self._settings, argument)


def _settle(found: Future[Taken], taken: Taken) -> None:
    with suppress(InvalidStateError):
        found.set_result(taken)
