"""1C's sessions: who may have one, who waits for one, when one ends. As default.vrd sets it.

Everything happens under one lock, and nobody sleeps under it: whoever has to wait has a place in a queue and
is woken when it is his turn. The requests of one session are served one after another, in the order in which
they came; so are those that wait for room in the pool.
"""

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from math import inf

from fs_1c.simulator.onec.settings import OneCSimulatorSettings

START = "start"
FINISH = "finish"


class Why(Enum):
    """Why there is no session for a request."""

    NO_HEADER = "neither `IBSession: start` nor a cookie"
    LOST = "the cookie's session has expired, has been finished or never was"
    POOL_TIMEOUT = "no session became free in time"
    NO_LICENCE = "all licences are taken"
    STOPPED = "the simulator has been stopped"


class SessionRefused(Exception):
    """A request gets no session."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """The part of `stats.Stats` that is about sessions."""

    started: int = 0
    finished: int = 0
    expired: int = 0
    lost: int = 0
    now: int = 0
    peak: int = 0
    licences_refused: int = 0
    pool_timeouts: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """A session given to one request, until `SessionPool.leave`.

    id: of the session. ends: the session ends with the request.
    starts_in: seconds that the request has to wait while its session starts; 0 for one that is there.
    cookie: the request started it and is to be told its id.
    """

    id: str
    ends: bool
    starts_in: float = 0.0
    cookie: bool = False


@dataclass(slots=True, eq=False)
class _Place:
    """A place in a queue. session: what was handed over; gone: there is nothing left to wait for."""

    woken: threading.Condition
    session: "_Session | None" = None
    gone: bool = False


@dataclass(slots=True, eq=False)
class _Session:
    """owned: started by a client's header, so nobody else may use it. used: when its last request ended."""

    id: str
    owned: bool
    used: float
    busy: bool = True
    waiting: deque[_Place] = field(default_factory=deque)


class SessionPool:
    """The sessions of one base. `clock` tells seconds and never goes back."""

    def __init__(self, settings: OneCSimulatorSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}
        self._queue: deque[_Place] = deque()
        self._counts = SessionCounts()
        self._open = True
        self._empty_since = -inf
        self._warm_at = -inf

    def enter(self, header: str | None, cookie: str | None) -> Lease:
        """A session for a request with this header IBSession and this cookie ibsession.

        Waits for a busy session, or for room in the pool, at most `pool_timeout`. Raises SessionRefused.
        """
        mode = self._settings.sessions
        wish = header.strip().lower() if header is not None else None
        with self._lock:
            if not self._open:
                raise SessionRefused(Why.STOPPED)
            self._age()
            if mode == "dontuse":
                return self._start(owned=False, ends=True)
            if wish == START:
                return self._from_pool(owned=True)
            if cookie is not None:
                return Lease(self._join(cookie).id, ends=wish == FINISH)
            if mode == "autouse" and wish is None:
                return self._from_pool(owned=False)
            raise SessionRefused(Why.NO_HEADER)

    def leave(self, lease: Lease) -> None:
        """The request is done."""
        with self._lock:
            session = self._sessions.get(lease.id)
            if session is None:
                return
            session.used = self._clock()
            if lease.ends:
                self._end(session)
                self._count(finished=1)
            elif session.waiting:
                place = session.waiting.popleft()
                place.session = session
                place.woken.notify()
            else:
                session.busy = False
                self._call_next()

    def expire(self, cookie: str) -> None:
        """As if this session had aged out just now, whatever it is doing."""
        with self._lock:
            session = self._sessions.get(cookie)
            if session is not None:
                self._end(session)
                self._count(expired=1)

    def counts(self) -> SessionCounts:
        with self._lock:
            self._age()
            return replace(self._counts, now=len(self._sessions))

    def forget(self) -> None:
        """Counts anew."""
        with self._lock:
            self._counts = SessionCounts(peak=len(self._sessions))

    def close(self) -> None:
        """1C has died: sessions are lost, and nobody waits any longer."""
        with self._lock:
            self._age()
            self._open = False
            self._count(lost=len(self._sessions))
            for session in tuple(self._sessions.values()):
                self._end(session)
            for place in self._queue:
                place.woken.notify()

    def open(self) -> None:
        """1C is there again, cold."""
        with self._lock:
            self._open = True
            self._empty_since = -inf

    # What follows is called with the lock held.

    def _join(self, cookie: str) -> _Session:
        session = self._sessions.get(cookie)
        if session is None:
            raise SessionRefused(Why.LOST)
        if not session.busy:
            session.busy = True
            return session
        place = _Place(threading.Condition(self._lock))
        session.waiting.append(place)
        until = self._clock() + self._settings.pool_timeout
        while place.session is None and not place.gone:
            seconds = until - self._clock()
            if seconds <= 0:
                session.waiting.remove(place)
                self._count(pool_timeouts=1)
                raise SessionRefused(Why.POOL_TIMEOUT)
            place.woken.wait(seconds)
        if place.gone:
            raise SessionRefused(Why.LOST if self._open else Why.STOPPED)
        return session

    def _from_pool(self, *, owned: bool) -> Lease:
        if not self._queue and (lease := self._take(owned=owned)):
            return lease
        place = _Place(threading.Condition(self._lock))
        self._queue.append(place)
        until = self._clock() + self._settings.pool_timeout
        try:
            while self._open:
                if self._queue[0] is place and (lease := self._take(owned=owned)):
                    return lease
                now = self._clock()
                if now >= until:
                    self._count(pool_timeouts=1)
                    raise SessionRefused(Why.POOL_TIMEOUT)
                place.woken.wait(max(0.001, min(until, self._next_expiry()) - now))
                self._age()
            raise SessionRefused(Why.STOPPED)
        finally:
            self._queue.remove(place)
            self._call_next()

    def _take(self, *, owned: bool) -> Lease | None:
        """A session out of the pool; None when there is neither a free one nor room for another."""
        free = next((s for s in self._sessions.values() if not (s.owned or s.busy)), None)
        if free is not None and not owned:
            free.busy = True
            return Lease(free.id, ends=False)
        if len(self._sessions) >= self._settings.pool_size:
            if free is None:
                return None
            self._end(free)  # nobody's, and it stands in the way of somebody's
            self._count(finished=1)
        return self._start(owned=owned, ends=False)

    def _start(self, *, owned: bool, ends: bool) -> Lease:
        settings = self._settings
        if settings.licences is not None and len(self._sessions) >= settings.licences:
            self._count(licences_refused=1)
            raise SessionRefused(Why.NO_LICENCE)
        now = self._clock()
        if not self._sessions and now - self._empty_since >= settings.idle:
            self._warm_at = now + settings.cold_start
        session = _Session(uuid.uuid4().hex, owned, now)
        self._sessions[session.id] = session
        self._count(started=1)
        # Whoever comes while the base is warming up waits for that too.
        starts_in = max(settings.session_start, self._warm_at - now)
        return Lease(session.id, ends, starts_in, cookie=owned)

    def _end(self, session: _Session) -> None:
        del self._sessions[session.id]
        if not self._sessions:
            self._empty_since = self._clock()
        for place in session.waiting:
            place.gone = True
            place.woken.notify()
        session.waiting.clear()
        self._call_next()

    def _age(self) -> None:
        now = self._clock()
        for session in tuple(self._sessions.values()):
            expiry = session.used + self._settings.session_max_age
            if not session.busy and now >= expiry:
                self._end(session)
                self._count(expired=1)
                # It ended when its time was up, not when somebody looked.
                self._empty_since = expiry if not self._sessions else self._empty_since

    def _next_expiry(self) -> float:
        free = (session.used for session in self._sessions.values() if not session.busy)
        return min(free, default=inf) + self._settings.session_max_age

    def _call_next(self) -> None:
        if self._queue:
            self._queue[0].woken.notify()

    def _count(self, **more: int) -> None:
        counts = self._counts
        raised = {name: getattr(counts, name) + by for name, by in more.items()}
        self._counts = replace(counts, peak=max(counts.peak, len(self._sessions)), **raised)
