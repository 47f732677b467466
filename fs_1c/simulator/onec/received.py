"""What has been sent to the simulated 1C, kept for whoever rehearses. Bounded, and safe in any thread."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any

from fs_1c.simulator.onec.envelope import Operation

MAX_REQUESTS = 10_000
MAX_EVENTS = 1_000
# A hostile request may carry a megabyte; ten thousand of them are not worth remembering whole.
MAX_CHARACTERS = 1_000
MAX_PARAMETERS = 20


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A SOAP request that passed authentication, also one that was then answered with a fault.

    operation: its name as sent.
    parameters: name → text as sent; both are cut at 1000 characters, at most 20 are kept.
    time: seconds since the epoch, when it had arrived whole. soap_version: `1.1` or `1.2`.
    authorized_as: the login; None when the simulator asks for none.
    """

    operation: str
    parameters: Mapping[str, str]
    time: float
    soap_version: str
    authorized_as: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """An accepted IncomingCall: one card on one screen.

    num_from: the caller's number as sent.
    key: the subscriber's; a credential in production, hence not in the repr.
    time: seconds since the epoch, when it was accepted.
    """

    num_from: str
    key: str = field(repr=False)
    time: float


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An Event of the dialect mobilon-3.

    name: what its `state` says; empty when that is missing or no text. data: the whole JSON object.
    time: seconds since the epoch, when it was accepted.
    """

    name: str
    data: Mapping[str, Any]
    time: float


def received_event(data: Mapping[str, Any], time: float) -> ReceivedEvent:
    """What is remembered of an event."""
    name = data.get("state")
    return ReceivedEvent(name if isinstance(name, str) else "", data, time)


def received_request(operation: Operation, time: float, authorized_as: str | None) -> ReceivedRequest:
    """What is remembered of an operation."""
    kept = {
        name[:MAX_CHARACTERS]: value[:MAX_CHARACTERS]
        for name, value in islice(operation.parameters.items(), MAX_PARAMETERS)
    }
    name = operation.name[:MAX_CHARACTERS]
    return ReceivedRequest(name, MappingProxyType(kept), time, operation.version.value, authorized_as)


class Received:
    """The latest requests and cards, 10 000 of each, and 1 000 events."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: deque[ReceivedRequest] = deque(maxlen=MAX_REQUESTS)
        self._cards: deque[Card] = deque(maxlen=MAX_REQUESTS)
        self._events: deque[ReceivedEvent] = deque(maxlen=MAX_EVENTS)
        self._totals = (0, 0)

    def add_request(self, request: ReceivedRequest) -> None:
        with self._lock:
            self._requests.append(request)

    def add_card(self, card: Card) -> None:
        with self._lock:
            self._cards.append(card)
            self._totals = self._totals[0] + 1, self._totals[1]

    def add_event(self, event: ReceivedEvent) -> None:
        with self._lock:
            self._events.append(event)
            self._totals = self._totals[0], self._totals[1] + 1

    def requests(self) -> tuple[ReceivedRequest, ...]:
        with self._lock:
            return tuple(self._requests)

    def cards(self) -> tuple[Card, ...]:
        with self._lock:
            return tuple(self._cards)

    def events(self) -> tuple[ReceivedEvent, ...]:
        with self._lock:
            return tuple(self._events)

    def totals(self) -> tuple[int, int]:
        """(cards, events) since the last `clear`, also those that are no longer kept."""
        with self._lock:
            return self._totals

    def clear(self) -> None:
        with self._lock:
            self._requests.clear()
            self._cards.clear()
            self._events.clear()
            self._totals = (0, 0)
