"""1C's sessions: who may have one, who waits for one, when one ends. As default.vrd sets it.

Everything happens under one lock, and nobody sleeps under it.
"""

import copy
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any

from fs_1c.simulator.onec.answers import NO_LICENCE, NO_SESSION_HEADER, POOL_TIMEOUT, SESSION_LOST
from fs_1c.simulator.onec.settings import OneCSimulatorSettings

LOOKS = 0.02
"""Seconds between two looks that a waiting request takes whether a session has aged out."""


class SessionRefused(Exception):
    """A request gets no session. status, why: what 1C answers; status 0: nothing, it has been stopped."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


@dataclass(frozen=True, slots=True)
class Lease:
    """A session given to one request, until `SessionPool.leave`.

    id: of the session. ends: the session ends with the request. cookie: the request is to be told its id.
    starts_in: seconds that the request has to wait while its session starts; 0 for one that is there.
    """

    id: str
    ends: bool
    starts_in: float = 0.0
    cookie: bool = False


@dataclass(slots=True)
class Stats:
    """The counters, as of one moment, since the start or the last `clear`.

    sessions_…: started = finished (with a request or by `IBSession: finish`) + expired (by age) + lost (the
        simulator was stopped) + now. peak: at once. licences_refused: answered 402. pool_timeouts: 406.
    requests: read whole, but for those of /simulator/. requests_now: those without an answer yet.
    cards: opened. faults: a fault's name → how often it has struck.
    by_operation: operation, or `wsdl`, or `other` → HTTP status, or `none` for want of an answer → requests.
    """

    sessions_started: int = 0
    sessions_finished: int = 0
    sessions_expired: int = 0
    sessions_lost: int = 0
    sessions_now: int = 0
    sessions_peak: int = 0
    licences_refused: int = 0
    pool_timeouts: int = 0
    requests: int = 0
    requests_now: int = 0
    cards: int = 0
    by_operation: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As `GET /simulator/stats` tells it."""
        return asdict(self)

    def clear(self) -> None:
        """Counts anew. Sessions and requests in work go on, and stay counted."""
        sessions, requests = self.sessions_now, self.requests_now
        anew = Stats(sessions_now=sessions, sessions_peak=sessions, requests=requests, requests_now=requests)
        for name, value in asdict(anew).items():
            setattr(self, name, value)


@dataclass(slots=True)
class _Session:
    """owned: started by a client's header, so nobody else may use it. used: when its last request ended."""

    id: str
    owned: bool
    used: float
    busy: bool = True


class SessionPool:
    """The sessions of one base. clock: tells seconds, never goes back. lock: of the counters, too."""

    def __init__(self, settings: OneCSimulatorSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.lock, self.stats = threading.Condition(), Stats()
        self._settings, self._clock = settings, clock
        self._sessions: dict[str, _Session] = {}
        self._open = True
        self._empty_since = self._warm_at = -inf

    def enter(self, header: str | None, cookie: str | None) -> Lease:
        """A session for a request with this header IBSession and this cookie ibsession.

        Waits for a busy session, or for room in the pool, at most `pool_timeout`. Raises SessionRefused.
        """
        mode, wish = self._settings.sessions, (header or "").strip().lower()
        with self.lock:
            if mode == "dontuse":
                return self._wait(lambda: self._start(owned=False, ends=True))
            if wish == "start":
                return self._wait(lambda: self._from_pool(owned=True))
            if cookie is not None:
                return self._wait(lambda: self._join(cookie, ends=wish == "finish"))
            if mode == "autouse" and not wish:
                return self._wait(lambda: self._from_pool(owned=False))
            raise SessionRefused(400, NO_SESSION_HEADER)

    def leave(self, lease: Lease) -> None:
        """The request is done."""
        with self.lock:
            if session := self._sessions.get(lease.id):
                session.busy, session.used = False, self._clock()
                if lease.ends:
                    self._end(session, "sessions_finished")
                self.lock.notify_all()

    def expire(self, cookie: str | None) -> None:
        """As if this session had aged out just now, whatever it is doing."""
        with self.lock:
            if session := self._sessions.get(cookie or ""):
                self._end(session, "sessions_expired")

    def counts(self) -> Stats:
        """The counters as of now, those of requests too; they do not change any more."""
        with self.lock:
            self._age()
            return copy.deepcopy(self.stats)

    def close(self) -> None:
        """1C has died: sessions are lost, and nobody waits any longer."""
        with self.lock:
            self._age()
            self._open = False
            for session in tuple(self._sessions.values()):
                self._end(session, "sessions_lost")
            self.lock.notify_all()

    def open(self) -> None:
        """1C is there again, cold."""
        with self.lock:
            self._open, self._empty_since = True, -inf

    # What follows is called with the lock held.

    def _wait(self, take: Callable[[], Lease | None]) -> Lease:
        """What `take` gives as soon as it gives something."""
        until = self._clock() + self._settings.pool_timeout
        while self._open:
            self._age()
            if lease := take():
                return lease
            if (left := until - self._clock()) <= 0:
                self.stats.pool_timeouts += 1
                raise SessionRefused(406, POOL_TIMEOUT)
            self.lock.wait(min(left, LOOKS))
        raise SessionRefused(0, "stopped")

    def _join(self, cookie: str, *, ends: bool) -> Lease | None:
        """The session of this id, unless it is busy."""
        session = self._sessions.get(cookie)
        if session is None:
            raise SessionRefused(self._settings.lost_session_status, SESSION_LOST)
        if session.busy:
            return None
        session.busy = True
        return Lease(cookie, ends)

    def _from_pool(self, *, owned: bool) -> Lease | None:
        """A session out of the pool; None when there is neither a free one nor room for another."""
        free = next((one for one in self._sessions.values() if not (one.owned or one.busy)), None)
        if free and not owned:
            return self._join(free.id, ends=False)
        if len(self._sessions) >= self._settings.pool_size:
            if free is None:
                return None
            self._end(free, "sessions_finished")  # nobody's, and it stands in the way of somebody's
        return self._start(owned=owned, ends=False)

    def _start(self, *, owned: bool, ends: bool) -> Lease:
        settings, stats, now = self._settings, self.stats, self._clock()
        if settings.licences is not None and len(self._sessions) >= settings.licences:
            stats.licences_refused += 1
            raise SessionRefused(402, NO_LICENCE)
        if not self._sessions and now - self._empty_since >= settings.idle:
            self._warm_at = now + settings.cold_start
        session = _Session(uuid.uuid4().hex, owned, now)
        self._sessions[session.id] = session
        stats.sessions_started += 1
        stats.sessions_now += 1
        stats.sessions_peak = max(stats.sessions_peak, stats.sessions_now)
        # Whoever comes while the base is warming up waits for that too.
        return Lease(session.id, ends, max(settings.session_start, self._warm_at - now), cookie=owned)

    def _end(self, session: _Session, how: str) -> None:
        del self._sessions[session.id]
        self.stats.sessions_now -= 1
        setattr(self.stats, how, getattr(self.stats, how) + 1)
        self._empty_since = self._clock()  # what it says while there are others, nobody asks

    def _age(self) -> None:
        for session in tuple(self._sessions.values()):
            expiry = session.used + self._settings.session_max_age
            if not session.busy and self._clock() >= expiry:
                self._end(session, "sessions_expired")
                self._empty_since = expiry  # it ended when its time was up, not when somebody looked
