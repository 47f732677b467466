"""Which events a connection of mod_event_socket asked for. Pure; source: parse_command, event_handler."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fs_1c.simulator.freeswitch.messages import EVENT_NAMES, MY_EVENTS, Event


@dataclass(slots=True)
class Subscription:
    """What one connection wants to hear of.

    Attributes:
        on: events are delivered at all.
        names: event names asked for, ALL among them perhaps.
        subclasses: of CUSTOM events.
        filters: (header, rule) pairs, OR-ed.
        mine: uuid of the only channel it wants events of (``myevents``), None for all.
        encoding: ``plain`` or ``json``.
    """

    on: bool = False
    names: set[str] = field(default_factory=set)
    subclasses: set[str] = field(default_factory=set)
    filters: list[tuple[str, str]] = field(default_factory=list)
    mine: str | None = None
    encoding: str = "plain"

    def wants(self, event: Event) -> bool:
        """The event is to be delivered."""
        if not self.on or not ({"ALL", event.name} & self.names):
            return False
        custom = event.name == "CUSTOM" and "ALL" not in self.names
        if custom and event.get("Event-Subclass") not in self.subclasses:
            return False
        if self.mine is not None and self.mine not in (event.get("Unique-ID"), event.get("Job-Owner-UUID")):
            return False
        return _passes(self.filters, event)

    def ask(self, words: list[str]) -> str:
        """``event [plain|json] NAME...``; returns the reply."""
        if words and words[0].lower() == "xml":
            return "-ERR the simulator speaks plain and json only"
        if words and words[0].lower() in ("plain", "json"):
            self.encoding, *words = words[0].lower(), *words[1:]
        known = _event_names(words)
        if not known:
            return "-ERR no keywords supplied"
        if "CUSTOM" in known:
            self.subclasses |= set(words[[word.upper() for word in words].index("CUSTOM") + 1 :])
        self.names |= known
        self.on = True
        return f"+OK event listener enabled {self.encoding}"

    def ask_mine(self, channel: str, encoding: str) -> None:
        """``myevents``."""
        self.mine, self.encoding, self.on = channel, encoding, True
        self.names |= MY_EVENTS

    def nix(self, words: list[str]) -> str:
        """``nixevent NAME...``; returns the reply."""
        gone = _event_names(words)
        if not gone:
            return "-ERR no keywords supplied"
        if "ALL" in self.names and "ALL" not in gone:
            self.names = set(EVENT_NAMES) - {"ALL"}
        self.names = set() if "ALL" in gone else self.names - gone
        return "+OK events nixed"

    def stop(self) -> str:
        """``noevents``; returns the reply."""
        listened, self.on = self.on, False
        self.names.clear()
        return "+OK no longer listening for events" if listened else "-ERR not listening for events"

    def filter(self, argument: str) -> str:
        """``filter [add|delete] HEADER VALUE``; returns the reply."""
        name, _, value = argument.lstrip(" ").partition(" ")
        if not value:
            return "-ERR invalid syntax"
        if name.lower() == "delete":
            name, _, value = value.partition(" ")
            keep = [] if name.lower() == "all" else self.filters
            self.filters = [
                (key, rule) for key, rule in keep if key.lower() != name.lower() or (value and rule != value)
            ]
            return f"+OK filter deleted. [{name}][{value}]"
        if name.lower() == "add":
            name, _, value = value.partition(" ")
        self.filters.append((name, value))
        return f"+OK filter added. [{name}]=[{value}]"


def _event_names(words: list[str]) -> set[str]:
    """Known names among the words; what follows CUSTOM are subclasses."""
    names = set()
    for word in words:
        name = word.upper()
        if name in EVENT_NAMES:
            names.add(name)
        if name == "CUSTOM":
            break
    return names


def _passes(filters: list[tuple[str, str]], event: Event) -> bool:
    """Filters are OR-ed; ``-value`` excludes; ``/value/`` is a regular expression."""
    if not filters:
        return True
    send = False
    for name, rule in filters:
        value = event.get(name)
        if value is None:
            continue
        wanted = rule.lstrip("+- ")
        exclude = rule[: len(rule) - len(wanted)].rstrip(" ").endswith("-")
        if send and not exclude:
            continue
        same = (
            bool(re.search(wanted.strip("/"), value))
            if rule.startswith("/")
            else value.lower() == wanted.lower()
        )
        if same and exclude:
            return False
        send = send or same
    return send
