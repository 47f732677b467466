"""Who is at the far end of a leg, and which number is a client's now: one rule for every leg, live and in a
dump, in every door. Pure.

FreeSWITCH shows people as others: `Caller-Caller-ID-Number` becomes whoever a leg is connected to (a pick-up
by INVITE with Replaces shows the client's number on the colleague's leg from its creation on), `dialed_user`
becomes whom a leg has dialled itself. What never changes is a login, `Caller-Orig-Caller-ID-Number`, the
presence ID and the Channel-Name. (FACTS-freeswitch, "Real softphones".)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fs_1c.numbers import Number, NumberPlan, is_extension, read

MAX_VALUE = 256
"""Characters that are remembered of anything a leg says about itself."""

_CONTACT = re.compile(r"(?:.*/)?(?:sips?:)?([^@/%;>]*)(?:[@%]([^;>\s]*))?", re.DOTALL)
_UNIQUE = re.compile(r"-0x[0-9a-f]+$")  # what a profile with several registrations adds to a user
OURS = "variable_fs_1c_"
"""How the variables begin that are between a dialplan and us."""
_OURS = frozenset(("base", "caller", "client", "key", "number"))
_OUR_HEADERS = tuple((name, OURS + name) for name in sorted(_OURS))

_LOGIN = re.compile(r"[A-Za-z0-9._+-]{1,64}")


class Event(Protocol):
    """Anything with FreeSWITCH's event headers."""

    def get(self, name: str, /) -> str | None:
        """The decoded value of a header, or None."""


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody at the far end of a leg.

    Attributes:
        name: A number or a login; empty: withheld.
        subscriber: He is a user of the switch.
        why: Of somebody of whom it cannot be told who he is: what was looked at; empty otherwise.
    """

    name: str
    subscriber: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class People:
    """How to tell people apart.

    Attributes:
        plan: Which numbers are extensions.
        has_key: Whether a login has a key in 1C, which makes him a subscriber whatever he is called.
        registered: Whose registration a contact is, `user@host:port` → login; None: nobody's.
    """

    plan: NumberPlan
    has_key: Callable[[str], bool] = lambda name: False
    registered: Callable[[str], str | None] = lambda contact: None

    def is_subscriber(self, name: str) -> bool:
        return bool(name) and (is_extension(name, self.plan) or self.has_key(name))

    def is_number(self, text: str) -> bool:
        """Could somebody outside be called at that?"""
        return bool(text) and isinstance(read(text, self.plan), Number)


def value(event: Event, name: str) -> str:
    """A header's value, bounded; empty when it is not there."""
    return (event.get(name) or "")[:MAX_VALUE]


def ours(event: Event) -> dict[str, str]:
    """The variables between a dialplan and us that are set, by their names without `fs_1c_`."""
    together: Callable[[str, frozenset[str]], dict[str, str]] | None
    together = getattr(event, "beginning_with", None)
    if together is not None:
        found = together(OURS, _OURS)
        return {name: text[:MAX_VALUE] for name, text in found.items()} if found else found
    return {name: text for name, header in _OUR_HEADERS if (text := event.get(header))}


def is_loopback(event: Event, channel_name: str = "Channel-Name") -> bool:
    """One end of a loopback channel, behind whose other end the person is. By its name: a leg keeps the
    variables of a loopback that has bowed out.
    """
    return (event.get(channel_name) or "").startswith("loopback/")


def other_was_called(event: Event) -> bool:
    """The other leg of a CHANNEL_BRIDGE is one that FreeSWITCH has called."""
    return event.get("Other-Type") == "originatee" and event.get("Other-Leg-Direction") != "inbound"


def far_end(event: Event, people: People, set_: dict[str, str] | None = None) -> Party:
    """Who is at the far end of the leg that an event, a dump or a channel's data is about.

    Args:
        set_: What `ours` has found in it, if that is known.
    """
    if event.get("Call-Direction") == "outbound":
        return _called(event, people)
    return _calling(event, people, ours(event) if set_ is None else set_)


def other_end(event: Event, people: People) -> Party:
    """The same for the other leg of a CHANNEL_BRIDGE, of which it says little."""
    name = value(event, "Other-Leg-Channel-Name")
    if other_was_called(event):
        return _first(people, _user(name), value(event, "Other-Leg-Destination-Number"), contact=name)
    original = value(event, "Other-Leg-Orig-Caller-ID-Number")
    if people.is_subscriber(original):
        return Party(original, subscriber=True)
    if event.get("Other-Leg-Privacy-Hide-Number") == "true":
        return Party("")
    shown = value(event, "Other-Leg-Caller-ID-Number")
    if people.is_subscriber(shown) and not original:
        return Party(shown, subscriber=True)
    return Party(shown if people.is_number(shown) or not original else original)


def _calling(event: Event, people: People, set_: dict[str, str]) -> Party:
    if given := set_.get("caller"):
        return Party(given, people.is_subscriber(given))
    login = _login(event)
    if login and people.is_subscriber(login):
        return Party(login, subscriber=True)
    shown = value(event, "Caller-Caller-ID-Number")
    original = value(event, "Caller-Orig-Caller-ID-Number") or shown
    if people.is_subscriber(original):
        return Party(original, subscriber=True)
    if event.get("Caller-Privacy-Hide-Number") == "true":
        return Party("")
    number = number_now(event, people, set_)
    if login and not people.is_number(number):
        return Party(login, why=f"user {login} has no key")
    return Party(number)


def number_now(event: Event, people: People, set_: dict[str, str]) -> str:
    """The number of somebody outside who calls: what the dialplan has mended it to, else as it came.

    `fs_1c_caller` rules; else what was decided upon (`fs_1c_number`), in the form in which the channel has
    it; else what telephones are shown (`effective_caller_id_number`, unless that is the number which he has
    dialled: so companies call their own mobiles); else the caller's profile, else as it came.
    """
    if given := set_.get("caller"):
        return given
    shown = value(event, "Caller-Caller-ID-Number")
    decided = set_.get("number")
    if decided and same_number(shown, decided, people):
        return shown
    original = value(event, "Caller-Orig-Caller-ID-Number")
    effective = value(event, "variable_effective_caller_id_number")
    if not effective and not decided and shown == original:
        return shown
    if effective and same_number(effective, value(event, "Caller-Destination-Number"), people):
        effective = ""
    written = [one for one in (effective, shown, original) if people.is_number(one)]
    if decided:
        return next((one for one in written if same_number(one, decided, people)), decided)
    if written:
        return written[0]
    return original if people.is_subscriber(shown) else shown or original


def same_number(one: str, other: str, people: People) -> bool:
    """Whether two texts are one telephone number, however they write it."""
    first, second = read(one, people.plan), read(other, people.plan)
    return isinstance(first, Number) and isinstance(second, Number) and first.e164 == second.e164


def _called(event: Event, people: People) -> Party:
    name = value(event, "Channel-Name")
    user = _user(name)
    # A leg that has dialled somebody itself has his name there.
    dialled = "" if event.get("variable_originated_legs") else value(event, "variable_dialed_user")
    if _LOGIN.fullmatch(dialled) and not people.is_number(dialled):
        return Party(_login_of(dialled, _login(event), people), subscriber=True)
    extension = "" if people.is_number(user) else value(event, "variable_dialed_extension")
    return _first(
        people,
        _login(event),
        dialled,
        _user(value(event, "Channel-Presence-ID")),
        extension,
        user,
        value(event, "Caller-Destination-Number"),
        contact=name,
    )


def _login_of(dialled: str, login: str, people: People) -> str:
    return login if people.is_subscriber(login) else dialled


def _first(people: People, *names: str, contact: str) -> Party:
    """The first of these who is a subscriber, else whose registration this contact is, else the number."""
    names = tuple(_UNIQUE.sub("", name) for name in names if name)
    for name in names:
        if people.is_subscriber(name):
            return Party(name, subscriber=True)
        if people.is_number(name):
            return Party(name)
    found = people.registered(contact_of(contact))
    if found:
        return Party(found, subscriber=True)
    why = f"neither {' nor '.join(dict.fromkeys(names)) or 'its name'} is an extension or has a key"
    return Party(names[-1] if names else "", why=why)


def _login(event: Event) -> str:
    return (event.get("variable_user_name") or event.get("variable_sip_auth_username") or "")[:MAX_VALUE]


def _user(address: str) -> str:
    """The user part of a Channel-Name or a presence ID."""
    match = _CONTACT.match(address)
    return match[1] if match else ""


def contact_of(address: str) -> str:
    """`user@host:port` of a Channel-Name, a Contact, or a registration's URL; empty if it has no host."""
    match = _CONTACT.match(address.rpartition("<")[2])
    return f"{match[1]}@{match[2]}" if match and match[2] else ""
