"""What the simulated 1C counts. Exact at any moment, from any thread."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

NO_ANSWER = "none"
"""Where a request's status is counted that was cut or left without an answer."""


@dataclass(frozen=True, slots=True)
class Stats:
    """The counters, as of one moment.

    sessions_started, _finished (by their request's end or `IBSession: finish`), _expired (by age), _lost (the
        simulator was stopped): since the start or the last `clear`.
    sessions_now, sessions_peak: at once. started = finished + expired + lost + now, unless cleared meanwhile.
    licences_refused: starts answered 402 for want of a licence. pool_timeouts: requests answered 406.
    requests: read whole, all but those of /simulator/. requests_now, requests_peak: those without an answer
        yet, at once.
    cards: opened. events: received by the dialect mobilon-3.
    by_operation: operation → HTTP status, or `none` for want of an answer → requests. `wsdl` and `other`
        stand beside the operations' names.
    faults: a fault's name → how often it has struck.
    """

    sessions_started: int
    sessions_finished: int
    sessions_expired: int
    sessions_lost: int
    sessions_now: int
    sessions_peak: int
    licences_refused: int
    pool_timeouts: int
    requests: int
    requests_now: int
    requests_peak: int
    cards: int
    events: int
    by_operation: Mapping[str, Mapping[str, int]]
    faults: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """As `GET /simulator/stats` tells it."""
        told: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        told["by_operation"] = {name: dict(counts) for name, counts in self.by_operation.items()}
        told["faults"] = dict(self.faults)
        return told


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """The part of `Stats` that is about requests."""

    requests: int
    now: int
    peak: int
    by_operation: Mapping[str, Mapping[str, int]]


class Tally:
    """Counts requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = self._now = self._peak = 0
        self._ended: Counter[tuple[str, str]] = Counter()

    def arrived(self) -> None:
        """A request has been read whole."""
        with self._lock:
            self._requests += 1
            self._now += 1
            self._peak = max(self._peak, self._now)

    def ended(self, operation: str, status: int | None) -> None:
        """It is about to be answered; None: never will be."""
        with self._lock:
            self._now -= 1
            self._ended[operation, NO_ANSWER if status is None else str(int(status))] += 1

    def counts(self) -> RequestCounts:
        with self._lock:
            by_operation: dict[str, dict[str, int]] = {}
            for (operation, status), count in sorted(self._ended.items()):
                by_operation.setdefault(operation, {})[status] = count
            frozen = {name: MappingProxyType(counts) for name, counts in by_operation.items()}
            return RequestCounts(self._requests, self._now, self._peak, MappingProxyType(frozen))

    def forget(self) -> None:
        """Counts anew; requests in work stay counted."""
        with self._lock:
            self._requests = self._peak = self._now
            self._ended.clear()
