"""The subscribers of one switch, and whether they can take a call: from their telephones and their legs."""

from __future__ import annotations

import time
from collections.abc import Mapping

from fs_1c.call import Presence, PresenceState
from fs_1c.talk.identity import Event, value
from fs_1c.talk.legs import Leg
from fs_1c.talk.presence.registrar import MAX_SUBSCRIBERS, Registrar

DECLINES_FOR = 120.0
"""Seconds for which a telephone that has declined without ringing is believed to do so again."""
DECLINED = ("USER_BUSY", "CALL_REJECTED", "NO_USER_RESPONSE")
_DECLINED_BY = ("480", "486", "600", "603")
LONG, MAX_LOOKED_AT = 600.0, 200
"""Seconds of a leg's talk after which the switch is asked whether it is still up; so many at once."""

_FREE = Presence(PresenceState.FREE)
_UNKNOWN = Presence(PresenceState.UNKNOWN)


class PresenceTable:
    """The subscribers of one switch. Told by one thread; may be asked by any.

    Args:
        legs: The legs that are up, by uuid.

    Attributes:
        registrar: What registrations tell of them.
        core: The switch's Core-UUID, by which a call is known to be its own; empty: not heard yet.
        live: The switch is heard, and has told what was before.
        changed: Names of whom something was heard, for who takes them out; None: nobody wants them.
    """

    def __init__(self, legs: Mapping[str, Leg]) -> None:
        self.core = ""
        self.live = False
        self.changed: set[str] | None = None
        self.registrar = Registrar(self._heard_of)
        self._users = self.registrar.users
        self._all_legs = legs
        self._legs: dict[str, dict[str, Leg]] = {}  # those of each subscriber, by name
        self._declined: dict[str, float] = {}  # name → when
        self._looked_at = 0

    @property
    def heard_at(self) -> float:
        """When its registrations were last told as a whole; seconds since the epoch, 0: never."""
        return self.registrar.heard_at

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
        self.registrar.talks(leg.counted)

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
        self.registrar.lost()
        self._declined.clear()

    def _heard_of(self, name: str, anew: bool) -> None:
        self._mark(name)
        if anew:
            self._declined.pop(name, None)


def _declined(leg: Leg, cause: str, event: Event) -> bool:
    """Whether that telephone has declined a call without ringing."""
    silent = cause in DECLINED and leg.outbound and not leg.rang
    return silent and value(event, "variable_sip_term_status") in _DECLINED_BY
