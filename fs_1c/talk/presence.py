"""Can a subscriber take a call: what registrations and legs of one switch tell about that. Pure.

The strategy:

- Whoever has a leg that is answered, or that he has called the switch by, is busy, whatever his other
  telephones do. One that only rings makes nobody busy: a group rings twenty of them.
- So is, for two minutes, whose telephone has declined a call without ringing (DND), while none of his others
  rang. Any sign of him ends that.
- A registration is believed when the switch tells of it: by an event, or in `show registrations`. That there
  is none is believed of nothing but `sofia_contact`, which is what a dialplan rings by: without
  `multiple-registrations` in switch.conf `show registrations` has one telephone of each subscriber, however
  many are there, and forgets that one when another takes its leave. So what looks gone is asked about.
- Away is only who was registered here since the start, is not any more, and has no leg. Whoever talks
  without being registered has another way in (Verto, a gateway), and is not known from then on.
- What is not known is unknown: a switch that is not heard, a subscriber who was never seen here, a
  registration that was not refreshed in time. Nobody is passed over for that.
"""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fs_1c.call import Presence, PresenceState
from fs_1c.talk.contacts import REGISTER
from fs_1c.talk.identity import MAX_VALUE, Event, contact_of, value
from fs_1c.talk.legs import Leg, seconds

USER_STATE = "sofia::sip_user_state"
"""What a switch tells of a telephone that it pings (all-reg-options-ping)."""

MAX_SUBSCRIBERS = 50_000
"""Subscribers remembered; of more nothing is known."""
MAX_REGISTRATIONS = 20
"""Telephones of one subscriber."""
LATE = 180.0
"""Seconds after its end for which a registration that was not refreshed is believed."""
DEFAULT_EXPIRES, LONGEST = 3600.0, 7 * 86400.0
NOBODY, _NO_SUCH_COMMAND = "error/user_not_registered", "ommand not found"
DECLINES_FOR = 120.0
"""Seconds for which a telephone that has declined without ringing is believed to do so again."""
DECLINED = ("USER_BUSY", "CALL_REJECTED", "NO_USER_RESPONSE")
_DECLINED_BY = ("480", "486", "600", "603")
ASK_AFTER = (0.1, 0.4, 1.5)
"""Seconds after a change when the switch is asked what is left: it writes registrations behind its back."""
AT_ONCE = 20
"""Subscribers that are asked about at once."""
LONG, MAX_LOOKED_AT = 600.0, 200
"""Seconds of a leg's talk after which the switch is asked whether it is still up; so many at once."""
MAX_QUESTIONS = 10_000
"""Subscribers who wait to be asked about."""

_SIP = re.compile("sips?:")
_FREE = Presence(PresenceState.FREE)
_UNKNOWN = Presence(PresenceState.UNKNOWN)


class Question(NamedTuple):
    """A subscriber about whom the switch is to be asked.

    Attributes:
        changes: How much had been heard of him when it was asked.
    """

    user: str
    domain: str
    changes: int


@dataclass(slots=True)
class _Registration:
    """One telephone.

    Attributes:
        contact: Its `user@host:port`, or empty.
        told: When the switch told of it, by the switch's clock, in seconds; 0: it did not say.
        until: Until when it is believed, by ours.
        unreachable: It does not answer the switch's pings.
        row: Its end as `show registrations` had it; another one is a refresh of which nothing was heard.
    """

    contact: str
    told: float
    until: float
    unreachable: bool = False
    row: str = ""


@dataclass(slots=True)
class _Subscriber:
    """A user of the registrar, in one domain.

    Attributes:
        telephones: By Call-ID.
        changes: How often something was heard of his telephones.
        gone: Since when he is away; 0: he is not, or the switch has not confirmed it.
        elsewhere: He talks without being registered.
        asked: How often the switch was asked since the last change.
    """

    telephones: dict[str, _Registration] = field(default_factory=dict)
    changes: int = 0
    gone: float = 0.0
    elsewhere: bool = False
    asked: int = 0

    def reachable(self, now: float) -> bool:
        return any(one.until > now and not one.unreachable for one in self.telephones.values())


_NOBODY: dict[str, _Subscriber] = {}


class PresenceTable:
    """The subscribers of one switch. Told by one thread; may be asked by any.

    Args:
        legs: The legs that are up, by uuid.

    Attributes:
        core: The switch's Core-UUID, by which a call is known to be its own; empty: not heard yet.
        live: The switch is heard, and has told what was before.
        heard_at: When its registrations were last told as a whole; seconds since the epoch, 0: never.
        changed: Names of whom something was heard, for who takes them out; None: nobody wants them.
    """

    def __init__(self, legs: Mapping[str, Leg]) -> None:
        self.core = ""
        self.live = False
        self.heard_at = 0.0
        self.changed: set[str] | None = None
        self._all_legs = legs
        self._legs: dict[str, dict[str, Leg]] = {}  # those of each subscriber, by name
        self._declined: dict[str, float] = {}  # name → when
        self._users: dict[str, dict[str, _Subscriber]] = {}  # user → domain
        self._size = 0
        self._looked_at = 0
        self._to_ask: list[tuple[float, str, str, int]] = []  # a heap: when, whom, after which change

    # What is known.

    def state(self, extension: str, domain: str) -> Presence:
        """How it is with that subscriber. No domain: whatever his is."""
        return self.known(extension, domain) or _UNKNOWN

    def known(self, extension: str, domain: str) -> Presence | None:
        """The same; None: nothing was ever heard of him here."""
        if not self.live:
            return _UNKNOWN if extension in self._users or extension in self._legs else None
        domain = domain.lower()
        legs = self._legs.get(extension)
        if legs and (busy := self._busy(domain, legs)):
            return busy
        now = time.time()
        if (when := self._declined.get(extension)) is not None and now - when < DECLINES_FOR:
            return Presence(PresenceState.BUSY, when, declines=True)
        domains = self._users.get(extension)
        if domains is None:
            return _UNKNOWN if legs else None
        found = [domains[domain]] if domain in domains else [] if domain else list(domains.values())
        if any(one.reachable(now) for one in found):
            return _FREE
        if found and not legs and all(one.gone and not one.elsewhere for one in found):
            return Presence(PresenceState.AWAY, max(one.gone for one in found))
        return _UNKNOWN if found or legs else None

    def _busy(self, domain: str, legs: dict[str, Leg]) -> Presence | None:
        for leg in list(legs.values()):
            if not leg.busy_since or leg.loopback or leg.party.name != leg.counted:
                continue
            if domain and leg.domain and leg.domain.lower() != domain:
                continue
            other = self._all_legs.get(leg.talks_to)
            whom = (other.number or other.party.name) if other and not other.loopback else ""
            return Presence(PresenceState.BUSY, leg.busy_since, whom)
        return None

    def board(self, only: str | None = None) -> list[tuple[str, str, Presence]]:
        """All subscribers of whom something is known, or one of them: name, domain, how it is with each."""
        if only is None:
            users, legs = list(self._users.items()), list(self._legs)
        else:
            users, legs = [(only, self._users.get(only, {}))], [only] if only in self._legs else []
        names = [(user, domain) for user, domains in users for domain in list(domains)]
        known = {user for user, _ in names}
        names += [(name, self._domain_of(name)) for name in legs if name not in known]
        return [(user, domain, self.state(user, domain)) for user, domain in names]

    def _domain_of(self, name: str) -> str:
        """Of a subscriber who has legs, and never was registered."""
        return next((leg.domain for leg in list(self._legs.get(name, {}).values()) if leg.domain), "")

    def names(self) -> list[str]:
        """All of whom something is known."""
        return list({*list(self._users), *list(self._legs)})

    def _mark(self, name: str) -> None:
        if self.changed is not None and len(self.changed) < MAX_SUBSCRIBERS:
            self.changed.add(name)

    def counts(self) -> dict[PresenceState, int]:
        """Subscribers by state."""
        counts = dict.fromkeys(PresenceState, 0)
        for _, _, presence in self.board():
            counts[presence.state] += 1
        return counts

    # Legs.

    def learnt(self, leg: Leg) -> None:
        """A subscriber has that leg. If he has called by it himself, he can take no other call."""
        leg.counted = name = leg.party.name
        self._mark(name)
        legs = self._legs.get(name)
        if legs is None:
            self._legs[name] = {leg.uuid: leg}
        else:
            legs[leg.uuid] = leg
        if not leg.outbound and not leg.loopback:
            leg.busy_since = time.time()

    def talks(self, leg: Leg, age: float = 0.0) -> None:
        """A subscriber's leg is answered, and was so many seconds ago."""
        if not leg.counted:
            self.learnt(leg)
        leg.busy_since = time.time() - age
        self._mark(leg.counted)
        if self._declined:
            self._declined.pop(leg.counted, None)
        for one in self._users.get(leg.counted, _NOBODY).values():
            one.gone = 0.0
            one.elsewhere = not one.telephones
            for telephone in one.telephones.values():
                telephone.unreachable = False

    def rings(self, leg: Leg) -> None:
        """His telephone rings: it declines no calls."""
        if self._declined and self._declined.pop(leg.party.name, 0.0):
            self._mark(leg.party.name)

    def over(self, leg: Leg, cause: str, event: Event) -> None:
        """A leg of which `learnt` was told has ended: at that event, by that cause."""
        legs = self._legs.get(leg.counted)
        if legs is None or legs.pop(leg.uuid, None) is None:
            return
        self._mark(leg.counted)
        if not legs:
            del self._legs[leg.counted]
        if leg.busy_since:
            if self._declined:
                self._declined.pop(leg.counted, None)
        elif not legs and _declined(leg, cause, event):
            self._declines(leg.counted)

    def _declines(self, name: str) -> None:
        if len(self._declined) >= MAX_SUBSCRIBERS:
            self._declined.clear()
        self._declined[name] = time.time()

    # Registrations.

    def heard(self, event: Event) -> None:
        """Takes an event of mod_sofia's registrar, or of its pings."""
        kind = event.get("Event-Subclass")
        user, domain = (value(event, f"from-{name}") or value(event, name) for name in ("user", "host"))
        call_id, contact = value(event, "call-id"), contact_of(value(event, "contact"))
        if kind == USER_STATE:
            user, contact = value(event, "sip_user") or user, contact_of(value(event, "sip_contact"))
        told = seconds(event.get("Event-Date-Timestamp"))
        if kind == REGISTER:
            self._registered(user, domain, call_id, contact, told, _expires(value(event, "expires")))
            return
        one = self._users.get(user, {}).get(domain.lower())
        if one is None:
            return
        one.changes += 1
        self._mark(user)
        for key, telephone in list(one.telephones.items()):
            if (
                key != call_id and (not contact or telephone.contact != contact)
            ) or telephone.told > told > 0:
                continue
            if kind == USER_STATE:
                telephone.unreachable = event.get("Ping-Status") == "UNREACHABLE"
            else:
                del one.telephones[key]
        one.gone, one.asked = 0.0, 0
        if kind != USER_STATE or not one.reachable(time.time()):
            self._ask(time.time() + ASK_AFTER[0], user, domain.lower(), one)

    def seed(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Takes the whole answer to `show registrations as json`. Whoever is not in it is asked about."""
        self.heard_at = now = time.time()
        there: set[tuple[str, str]] = set()
        for row in rows:
            user, domain, call_id, url, until = (
                str(row.get(name) or "")[:MAX_VALUE]
                for name in ("reg_user", "realm", "token", "url", "expires")
            )
            left = float(until) - now if until.isdecimal() and len(until) < 12 else DEFAULT_EXPIRES
            one = self._users.get(user, {}).get(domain.lower())
            if one is None or one.telephones:
                there.add((user, domain.lower()))
            self._registered(user, domain, call_id, contact_of(url), 0.0, left, until)
        for user, domains in self._users.items():
            for domain, one in domains.items():
                if (user, domain) not in there or not one.reachable(now):
                    one.asked = len(ASK_AFTER) - 1
                    self._ask(now, user, domain, one)

    def _registered(
        self, user: str, domain: str, call_id: str, contact: str, told: float, expires: float, row: str = ""
    ) -> None:
        domain = domain.lower()
        one = self._users.get(user, {}).get(domain)
        if one is None:
            if not user or not domain or self._size >= MAX_SUBSCRIBERS:
                return
            self._size += 1
            one = self._users.setdefault(user, {}).setdefault(domain, _Subscriber())
        before = one.telephones.get(call_id)
        refreshed = told or (before is not None and before.row and before.row != row)
        unreachable = before is not None and before.unreachable and not refreshed
        if told:  # one that has registered anew comes with another Call-ID
            same = [key for key, old in one.telephones.items() if contact and old.contact == contact]
            for key in same:
                del one.telephones[key]
        if before is None or told:
            one.changes += 1
            self._mark(user)
        if len(one.telephones) >= MAX_REGISTRATIONS and call_id not in one.telephones:
            del one.telephones[next(iter(one.telephones))]
        until = time.time() + min(max(0.0, expires), LONGEST) + LATE
        told = max(told, before.told if before else 0.0)
        one.telephones[call_id] = _Registration(contact, told, until, unreachable, row)
        one.elsewhere = False
        if not unreachable:
            one.gone = 0.0
        if before is None:
            self._declined.pop(user, None)

    # What the switch is asked.

    def _ask(self, when: float, user: str, domain: str, one: _Subscriber) -> None:
        if len(self._to_ask) < MAX_QUESTIONS:
            heapq.heappush(self._to_ask, (when, user, domain, one.changes))

    def questions(self) -> list[Question]:
        """Whom to ask the switch about now, by `sofia_contact` and `verto_contact`; `found` is the answer."""
        now = time.time()
        due: list[Question] = []
        while self._to_ask and self._to_ask[0][0] <= now and len(due) < AT_ONCE:
            due.append(Question(*heapq.heappop(self._to_ask)[1:]))
        return due

    def found(self, question: Question, sofia: str, verto: str) -> None:
        """What the switch has answered: where it would ring that subscriber."""
        user, domain, changes = question
        one = self._users.get(user, {}).get(domain)
        if one is None or one.changes != changes:
            return
        now = time.time()
        self._mark(user)
        contacts = len(_SIP.findall(sofia))
        nowhere = sofia.startswith(NOBODY)
        unreachable = sum(telephone.unreachable for telephone in one.telephones.values())
        if not verto.startswith(NOBODY) and _NO_SUCH_COMMAND not in verto:
            one.elsewhere = bool(verto)
            one.gone = 0.0
        elif nowhere or 0 < contacts <= unreachable:
            if nowhere:
                one.telephones.clear()
            one.gone = one.gone or now
        elif contacts and not one.reachable(now):
            one.gone = 0.0
            one.asked += 1
            if one.asked < len(ASK_AFTER):
                self._ask(now + ASK_AFTER[one.asked], user, domain, one)
            else:  # a telephone of which nothing was heard
                one.telephones[""] = _Registration("", 0.0, now + LATE)

    def to_be_looked_at(self) -> list[str]:
        """Legs that keep somebody busy for long: the switch may have ended one without our hearing of it."""
        before = time.time() - LONG
        legs = [u for legs in self._legs.values() for u, leg in legs.items() if 0 < leg.busy_since < before]
        first = self._looked_at % len(legs) if legs else 0
        self._looked_at = first + MAX_LOOKED_AT
        return (legs[first:] + legs[:first])[:MAX_LOOKED_AT]

    def lost(self) -> None:
        """The switch is not heard any more."""
        self.live, self.core = False, ""
        self._to_ask.clear()
        self._declined.clear()


def _declined(leg: Leg, cause: str, event: Event) -> bool:
    """Whether that telephone has declined a call without ringing."""
    silent = cause in DECLINED and leg.outbound and not leg.rang
    return silent and value(event, "variable_sip_term_status") in _DECLINED_BY


def _expires(text: str) -> float:
    return float(text) if text.isdecimal() and len(text) < 12 else DEFAULT_EXPIRES
