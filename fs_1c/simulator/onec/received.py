"""What has been sent to the simulated 1C, kept for whoever rehearses. Bounded, and safe in any thread."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType

from fs_1c.simulator.onec.envelope import Operation

MAX_REQUESTS = 10_000
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


def received_request(operation: Operation, time: float, authorized_as: str | None) -> ReceivedRequest:
    """What is remembered of an operation."""
    kept = {
        name[:MAX_CHARACTERS]: value[:MAX_CHARACTERS]
        for name, value in islice(operation.parameters.items(), MAX_PARAMETERS)
    }
    name = operation.name[:MAX_CHARACTERS]
    return ReceivedRequest(name, MappingProxyType(kept), time, operation.version.value, authorized_as)


class Received:
    """The latest requests and cards, 10 000 of each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: deque[ReceivedRequest] = deque(maxlen=MAX_REQUESTS)
        self._cards: deque[Card] = deque(maxlen=MAX_REQUESTS)

    def add_request(self, request: ReceivedRequest) -> None:
        with self._lock:
            self._requests.append(request)

    def add_card(self, card: Card) -> None:
        with self._lock:
            self._cards.append(card)

    def requests(self) -> tuple[ReceivedRequest, ...]:
        with self._lock:
            return tuple(self._requests)

    def cards(self) -> tuple[Card, ...]:
        with self._lock:
            return tuple(self._cards)

    def clear(self) -> None:
        with self._lock:
            self._requests.clear()
            self._cards.clear()
