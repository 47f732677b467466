"""The simulated 1C without its sockets: what every connection shares."""

import threading
from dataclasses import dataclass, field

from fs_1c.simulator.onec.clients import ClientBook
from fs_1c.simulator.onec.faults import FaultSwitch
from fs_1c.simulator.onec.received import Received
from fs_1c.simulator.onec.sessions import SessionPool
from fs_1c.simulator.onec.settings import OneCSimulatorSettings
from fs_1c.simulator.onec.stats import Stats, Tally


@dataclass(frozen=True, slots=True)
class Simulated:
    """The settings, who is known, and what has happened so far. Its parts are safe in any thread."""

    settings: OneCSimulatorSettings
    book: ClientBook
    received: Received
    sessions: SessionPool
    faults: FaultSwitch
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def of(cls, settings: OneCSimulatorSettings, book: ClientBook) -> "Simulated":
        return cls(settings, book, Received(), SessionPool(settings), FaultSwitch(settings.fault))

    def stats(self) -> Stats:
        """All counters. Each part is exact; between the parts a request may slip in."""
        sessions, requests = self.sessions.counts(), self.tally.counts()
        cards, events = self.received.totals()
        return Stats(
            sessions_started=sessions.started,
            sessions_finished=sessions.finished,
            sessions_expired=sessions.expired,
            sessions_lost=sessions.lost,
            sessions_now=sessions.now,
            sessions_peak=sessions.peak,
            licences_refused=sessions.licences_refused,
            pool_timeouts=sessions.pool_timeouts,
            requests=requests.requests,
            requests_now=requests.now,
            requests_peak=requests.peak,
            cards=cards,
            events=events,
            by_operation=requests.by_operation,
            faults=self.faults.served(),
        )

    def clear(self) -> None:
        """Forgets what has happened. Sessions and requests in work go on."""
        self.received.clear()
        self.sessions.forget()
        self.tally.forget()
        self.faults.forget()


@dataclass(frozen=True, slots=True)
class Run:
    """One start of the simulator: set when it is stopped, and where it listens."""

    own_host: str
    stopping: threading.Event = field(default_factory=threading.Event)
