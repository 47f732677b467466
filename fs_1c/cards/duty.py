"""Which of two services acts upon the talks of a switch: its own one, or the reserve if that is gone. Pure.

Both tell each other that they are there by events of the switch to which both listen, once a second (CUSTOM
`fs_1c::service`). So an own service that is dead, frozen, or cut off from its switch is equally gone, and
Redis has no part in it.

The own service acts at once, always. The reserve counts by what it reads, not by a clock: the own one is gone
when it has heard `GONE_AFTER` of its own words since the other's last. If the reserve itself is frozen, or
reads late, it says nothing meanwhile, so it takes nobody for gone. Until then it keeps the talks; when the
own one is gone it acts upon those that go on and upon new ones; when it hears it again it stops.

Nothing here decides who may open a card: two who act upon one talk are told apart at the switch, in `claims`.
So whoever takes the other for gone by mistake costs no second card.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from fs_1c.call import CallEvent, Conversation, HungUp, TalksOutside, Unidentified
from fs_1c.settings import Role

EVERY = 1.0
"""Seconds between two words of a service."""
GONE_AFTER = 4
"""Own words heard since the last of the other's: three to four seconds."""
PATIENCE = 5.0
"""Seconds in which a word must have come back; then the switch does not hand words on, or it is stuck."""
LATE = 3.0
"""Seconds that a word's way may take until what is read with it counts as read late."""
UNBROKEN = 1.9
"""Seconds that an own service's last word to have come back may be old, lest a reserve takes it for gone: it
does when it has heard four of its own since, which are a second apart.
"""
LEARNS_FOR = 11.0
"""Seconds after a connect in which a service learns what was up before."""
MAX_HELD = 5000
"""Talks that a reserve keeps; the oldest is dropped first."""

Held = Conversation | Unidentified | TalksOutside


@dataclass(frozen=True, slots=True)
class Word:
    """A service says at its switch that it is there.

    Attributes:
        role: What it is to the switch.
        who: Its token: host, process, and what tells this process from others, with colons between.
        number: Counts its words; 0: it is about to stop.
    """

    role: Role
    who: str
    number: int


class Duty:
    """One service at one switch. Times are seconds of a clock that never jumps (`time.monotonic`).

    Args:
        who: Our own token.

    Attributes:
        owner: The token of the own service that was heard last, or empty. To an own service: of another one,
            which is a fault of the settings.
        owner_at: When it was heard.
        deaf: No word of ours has come back: the switch hands none on. A reserve that is deaf never acts.
        owner_words: How many of the own service's have been heard.
        life: What we are called on this connection, after our first word on it. Who was not connected before
            that may have missed something.
        owner_life: What the own service is called, by its words that follow each other without a gap.
        owner_came: How many had been heard before these; -1: we have come later than it.
        reserved: To an own service: a reserve has been heard.
    """

    def __init__(self, role: Role, who: str) -> None:
        self.role = role
        self.who = who
        self.owner = ""
        self.owner_at = 0.0
        self.deaf = False
        self.owner_words = self.owner_came = 0
        self.life = self.owner_life = ""
        self.reserved = False
        self._connected_at = 0.0
        self._owner_at: float | None = None  # on this connection
        self._alone_since: float | None = None
        self._number = self._owner_number = 0
        self._said_at: float | None = None  # a word that has not come back
        self._heard_at: float | None = None  # when the last was said that has
        self._alone = 0  # words of ours since the own service's last
        self._held: OrderedDict[tuple[str, str, bool], tuple[float, Held]] = OrderedDict()

    @property
    def acts(self) -> bool:
        return self.role is Role.OWN or self._alone >= GONE_AFTER

    @property
    def held(self) -> int:
        return len(self._held)

    def connected(self, now: float = 0.0) -> None:
        """A new connection: whatever was heard on the one before was then."""
        self._said_at = self._heard_at = self._owner_at = self._alone_since = None
        self._alone = 0
        self._connected_at = now
        self._number += 1 if self._number else 0  # one is left out, so that others know
        self.life = f"{self.who}:{self._number + 1}"

    def alone_for(self, now: float) -> float | None:
        """Seconds for which nobody but us has acted for the switch, by what it tells: to an own service,
        since its words come back without a gap; to a reserve, since the own one is gone and it has learnt
        what was up. None: that cannot be said now.
        """
        if self._alone_since is None:
            return None
        if self.role is Role.OWN:
            unbroken = self._heard_at is not None and now - self._heard_at <= UNBROKEN
            return now - self._alone_since if unbroken else None
        since = max(self._alone_since, self._connected_at + LEARNS_FOR)
        return now - since if self.acts and now >= since else None

    def owner_away(self, now: float) -> float | None:
        """Seconds since the own service was heard on this connection; None: it was not."""
        return None if self._owner_at is None else now - self._owner_at

    def say(self, now: float) -> Word | None:
        """Our next word; None while the one before is on its way."""
        if self._said_at is not None:
            if now - self._said_at < PATIENCE:
                return None
            self.deaf, self._heard_at = True, None
        self._said_at = now
        self._number += 1
        return Word(self.role, self.who, self._number)

    def farewell(self) -> Word:
        """Our last word, by which a reserve need not wait until it misses us."""
        return Word(self.role, self.who, 0)

    def heard(self, word: Word, now: float) -> None:
        """Somebody's word has come, perhaps our own."""
        if word.who == self.who:
            if word.number == self._number and self._said_at is not None:
                if self.role is Role.OWN and self.alone_for(now) is None:
                    self._alone_since = now
                self._heard_at, self._said_at = self._said_at, None
                self.deaf = False
                self._alone += 1
        elif word.role is Role.OWN:
            if word.number:  # else it is a farewell
                if word.who != self.owner or word.number != self._owner_number + 1:
                    self.owner_life = f"{word.who}:{word.number}"
                    self.owner_came = self.owner_words if self.owner or word.number == 1 else -1
                self._owner_number = word.number
            self.owner, self.owner_at = word.who, now
            self._owner_at, self._alone_since = now, None
            self.owner_words += 1
            self._alone = 0 if word.number else GONE_AFTER
        else:
            self.reserved = True
        if self.role is Role.RESERVE and self.acts and self._alone_since is None:
            self._alone_since = now

    def late(self, now: float) -> float:
        """How old what is read now may be, seconds: we were frozen, or the line was. 0: as good as new."""
        if self._heard_at is None or now - self._heard_at <= LATE:
            return 0.0
        return now - self._heard_at

    def passed(self, event: CallEvent, now: float) -> tuple[CallEvent, ...]:
        """What is to be acted upon of an event: it, or nothing yet."""
        if isinstance(event, HungUp):
            gone = [key for key in self._held if event.leg_uuid in key[:2]]
            for key in gone:
                del self._held[key]
        if isinstance(event, Conversation):
            event = replace(event, age=max(event.age, self.late(now)))
        if self.acts or not isinstance(event, Held):
            return (event,)
        self.hold(event, now)
        return ()

    def hold(self, event: Held, now: float) -> None:
        """Keeps a talk until the own service is gone."""
        ringing = isinstance(event, Conversation) and event.ringing
        key = (event.call_uuid, event.leg_uuid, ringing)
        self._held[key] = (now, event)
        if len(self._held) > MAX_HELD:
            self._held.popitem(last=False)

    def due(self, now: float, useful_for: float) -> tuple[CallEvent, ...]:
        """The talks that were kept and are to be acted upon now; their age has grown meanwhile.

        Args:
            useful_for: Seconds after which a talk that was kept is of no use to anybody.
        """
        while self._held and now - next(iter(self._held.values()))[0] > useful_for:
            self._held.popitem(last=False)
        if not self._held or not self.acts:
            return ()
        kept, self._held = self._held, OrderedDict()
        return tuple(
            replace(event, age=event.age + now - since) if isinstance(event, Conversation) else event
            for since, event in kept.values()
        )
