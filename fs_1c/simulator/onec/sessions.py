"""1C's sessions: who may have one, who waits for one, when one ends. As default.vrd sets it."""

import copy
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from fs_1c.simulator.onec.answers import NO_LICENCE, NO_SESSION_HEADER, POOL_TIMEOUT, SESSION_LOST
from fs_1c.simulator.onec.settings import OneCSimulatorSettings


class SessionRefused(Exception):
    """A request gets no session. Its args are the status and the words of 1C; none: it has been stopped."""


@dataclass(slots=True)
class Session:
    """It is given to one request at a time, until `SessionPool.leave`.

    owned: started by a client's header, so nobody else may use it. used: when its last request ended.
    new: this is its first request, which has to wait `starts_in` seconds and, if it owns it, is told the id.
    ends: it ends with this request.
    """

    id: str
    owned: bool
    used: float
    ends: bool
    starts_in: float = 0.0
    new: bool = True
    busy: bool = True


@dataclass(slots=True)
class Stats:
    """The counters, as of one moment, since the making.

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


class SessionPool:
    """The sessions of one base. clock: tells seconds, never goes back. lock: of the counters, too."""

    def __init__(self, settings: OneCSimulatorSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.lock, self.stats = threading.Condition(), Stats()
        self._settings, self._clock = settings, clock
        self._sessions: dict[str, Session] = {}
        self._open = True
        self._empty_since = self._warm_at = -inf

    def enter(self, header: str | None, cookie: str | None) -> Session:
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

    def leave(self, session: Session) -> None:
        """The request is done."""
        with self.lock:
            session.busy, session.new, session.starts_in, session.used = False, False, 0.0, self._clock()
            if session.ends and session.id in self._sessions:
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

    def _wait(self, take: Callable[[], Session | None]) -> Session:
        """What `take` gives as soon as it gives something."""
        until = self._clock() + self._settings.pool_timeout
        while self._open:
            self._age()
            if session := take():
                return session
            if (left := until - self._clock()) <= 0:
                self.stats.pool_timeouts += 1
                raise SessionRefused(406, POOL_TIMEOUT)
            self.lock.wait(min(left, 0.02))  # a session may age out meanwhile
        raise SessionRefused

    def _join(self, cookie: str, *, ends: bool) -> Session | None:
        """The session of this id, unless it is busy."""
        session = self._sessions.get(cookie)
        if session is None:
            raise SessionRefused(400, SESSION_LOST)
        if session.busy:
            return None
        session.busy, session.ends = True, ends
        return session

    def _from_pool(self, *, owned: bool) -> Session | None:
        """A session out of the pool; None when there is neither a free one nor room for another."""
        free = next((one for one in self._sessions.values() if not (one.owned or one.busy)), None)
        if free and not owned:
            return self._join(free.id, ends=False)
        if len(self._sessions) >= self._settings.pool_size:
            if free is None:
                return None
            self._end(free, "sessions_finished")  # nobody's, and it stands in the way of somebody's
        return self._start(owned=owned, ends=False)

    def _start(self, *, owned: bool, ends: bool) -> Session:
        settings, stats, now = self._settings, self.stats, self._clock()
        if settings.licences is not None and len(self._sessions) >= settings.licences:
            stats.licences_refused += 1
            raise SessionRefused(402, NO_LICENCE)
        if not self._sessions and now - self._empty_since >= settings.idle:
            self._warm_at = now + settings.cold_start
        # Whoever comes while the base is warming up waits for that too.
        starts_in = max(0.0, self._warm_at - now)
        session = Session(uuid.uuid4().hex, owned, now, ends, starts_in)
        self._sessions[session.id] = session
        stats.sessions_started += 1
        stats.sessions_now += 1
        stats.sessions_peak = max(stats.sessions_peak, stats.sessions_now)
        return session

    def _end(self, session: Session, how: str) -> None:
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
