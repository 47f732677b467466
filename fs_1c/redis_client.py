"""Words with Redis, none of which takes longer than it may. While Redis is away it is left alone."""

from __future__ import annotations

import logging
import queue
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from fs_1c.settings import RedisSettings, SettingsError
from fs_1c.timers import STALLS, TIMERS

if TYPE_CHECKING:
    import redis

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
"""Seconds that Redis is left alone after a failure; each further one doubles it, up to `MAX_PAUSE`."""
MAX_PAUSE = 10.0
HICCUP = 0.5
"""Seconds for which it may be late."""

Command = tuple[str | bytes | int | float, ...]
MUST_BE = """
local function must_be(key, kind)
    local there = redis.call('TYPE', key).ok
    if there ~= kind and there ~= 'none' then redis.call('DEL', key) end
end
"""
"""How a script begins: what bears a name of ours and is something else is nobody's word, and gives way."""


class Away(Exception):
    """Redis did not answer in time, refused, or is being left alone.

    Attributes:
        late: It is not being left alone: one more try makes sense.
    """

    def __init__(self, late: bool = False) -> None:
        super().__init__()
        self.late = late


class _Job:
    """Words that are waited for together.

    Attributes:
        commands: In their order.
        told: Ends with the reply to the last of them, or with `Away`.
        probing: The first of them finds out whether Redis is back, or takes writes again.
        opening: They connect only: nobody's clock runs.
        sent_at: When they went to Redis; 0: they wait behind others, which is not Redis' fault.
        over: `told` has ended, or is about to.
    """

    __slots__ = ("commands", "opening", "over", "probing", "sent_at", "told")

    def __init__(
        self, commands: tuple[Command, ...], *, probing: bool = False, opening: bool = False
    ) -> None:
        self.commands = commands
        self.told: Future[Any] = Future()
        self.probing = probing
        self.opening = opening
        self.sent_at = 0.0
        self.over = False


class BoundedRedis:
    """Words with Redis, none of which takes it longer than `timeout` seconds, nor its caller longer than
    twice that: as long again he may stand behind others.

    One thread holds the connection, and callers wait for it by the clock: redis-py bounds each step of a word
    (connecting, logging in, each part of a reply) and name resolution not at all. What is asked at the same
    time goes out together.

    Redis is left alone when it has refused or broken off, or is late and stays so for `HICCUP` seconds: a
    busy machine has many that are shorter, and each caller loses no more than his own word. One that only
    takes no writes (it is full, or a replica) is read on.

    Args:
        probe: Must go well when Redis was away, or took no writes.
    """

    def __init__(self, client: redis.Redis, where: str, timeout: float, probe: Command = ("PING",)) -> None:
        self._client: Any = client
        self._where = where
        self._timeout = timeout
        self._probe = probe
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._pause = 0.0  # 0: all is well
        self._again_at = 0.0
        self._refusing = ""  # why it takes no writes
        self._late_at = 0.0  # when a word was given up, if none has been answered since
        self._busy_since = 0.0  # when what is on its way was sent; 0: nothing is
        self._closed = False

    @property
    def up(self) -> bool:
        """Whether it answers and takes what is written, as far as anybody has noticed."""
        return self._pause == 0 and not self._refusing

    def open(self) -> Future[Any]:
        """Connects now, so that no caller's time is spent on that. Returns at once, with what ends when that
        has; a Redis that is away is said in the log. Raises RuntimeError if no thread can be had.
        """
        job = _Job((("PING",),), opening=True)
        with self._lock:
            self._put(job)
        return job.told

    def send(self, *commands: Command, may_probe: bool = True) -> Any:
        """The reply to the last of `commands`. Raises `Away`, within twice `timeout` seconds."""
        return self.begin(*commands, may_probe=may_probe).result()

    def begin(self, *commands: Command, may_probe: bool = True) -> Future[Any]:
        """The same without waiting: the future ends as soon, and always, with the reply or with `Away`. What
        hears of that is called on the thread that talks to Redis or on the timers', and must be quick.

        Args:
            may_probe: Whether this may be the word that finds out if Redis is back.
        """
        job = _Job(commands)
        try:
            with self._lock:
                now = time.monotonic()
                away, asks = self._pause > 0, may_probe and now >= self._again_at
                if self._closed or (away and not asks):
                    raise Away
                if (away or self._refusing) and asks:
                    # One tries, the others go on without; each further failure makes it rarer.
                    if away:
                        self._pause = min(self._pause * 2, MAX_PAUSE)
                    self._again_at = now + (self._pause or FIRST_PAUSE)
                    job.commands, job.probing = (self._probe, *commands), True
                self._put(job)
            TIMERS.after(self._timeout, partial(self._late, job))
        except (Away, RuntimeError):  # the latter: no thread can be had
            job.over = True
            job.told.set_exception(Away())
        return job.told

    def lied(self) -> Away:
        """To be raised: the last reply was none that a Redis gives to such a word; that is a failure, too."""
        self._failed(TypeError(), 0.0, definite=True)
        return Away()

    def refused(self, error: str) -> None:
        """A script's write was refused with these words; what it has read is good."""
        self._no_writes(_state(error), error.split(" ")[0][:40])

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._jobs.put(None)

    def _put(self, job: _Job) -> None:
        """Hands this to the thread that holds the connection. Called with the lock; raises RuntimeError if
        no thread can be had.
        """
        if self._closed:
            job.over = True
            job.told.cancel()
            return
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="fs-1c-redis", daemon=True)
            thread.start()
            self._thread = thread
        self._jobs.put(job)

    def _late(self, job: _Job) -> None:
        """Its caller's time is over, unless it was sent later than he thinks."""
        left = job.sent_at + self._timeout - time.monotonic() if job.sent_at else 0.0
        if not job.over and left > 0.001:
            TIMERS.after(left, partial(self._late, job))
        else:
            self._end(job, error=TimeoutError())

    def _end(self, job: _Job, replies: list[Any] | None = None, error: Exception | None = None) -> None:
        with self._lock:
            if job.over:
                return
            job.over = True
        refused: list[Exception] = []
        for reply in replies or ():
            if isinstance(reply, Exception):
                if _state(str(reply), reply) in _NO_WRITES:
                    refused.append(reply)
                else:
                    error = error or reply
        if error is not None:
            self._failed(error, job.sent_at, definite=job.opening)
        else:
            self._answered(job, wrote=not refused)
            for one in refused[:1]:
                self._no_writes(_state(str(one), one), why(one), again=job.probing)
                error = one if replies and isinstance(replies[-1], Exception) else None
        if error is not None:
            job.told.set_exception(Away(late=self.up))
        else:
            job.told.set_result(replies[-1] if replies else None)

    def _answered(self, job: _Job, *, wrote: bool) -> None:
        """It is there, and if we have tried that, it takes writes."""
        with self._lock:
            self._late_at = 0.0
            back = job.probing and (self._pause > 0 or (wrote and bool(self._refusing)))
            if job.probing:
                self._pause = 0.0
                if wrote:
                    self._refusing = ""
        if back and wrote:
            log.warning("Redis at %s is back", self._where)

    def _no_writes(self, state: str, said: str, *, again: bool = False) -> None:
        with self._lock:
            news = state != self._refusing and not self._closed
            self._refusing = state
            if news:
                self._again_at = time.monotonic() + FIRST_PAUSE
        if news:
            log.warning("Redis at %s %s (%s); it is read, and keeps nothing", self._where, state, said)
        if (news or again) and state == _REPLICA:
            # Perhaps another is the master now: its name, or a Sentinel, is asked for it again.
            self._client.connection_pool.disconnect(inuse_connections=False)

    def _failed(self, error: Exception, sent_at: float, *, definite: bool = False) -> None:
        with self._lock:
            if self._pause or self._closed:
                return
            if not definite and _is_late(error) and self._is_hiccup(sent_at or self._busy_since):
                return
            self._pause = FIRST_PAUSE
            self._again_at = time.monotonic() + self._pause
            self._refusing = ""
        state = _state(str(error), error)
        log.warning("Redis at %s %s (%s); going on without it", self._where, state, why(error))

    def _is_hiccup(self, began: float) -> bool:
        """Whether something that was late is to be overlooked: it is the first for a while, or was on its way
        together with that, or has waited behind others of ours only. Called with the lock.

        Args:
            began: When Redis was told; of what it was not told, when that was told which stood before.
        """
        now = time.monotonic()
        if not began or now - began < 0.9 * self._timeout or STALLS.since(began):
            return True
        if not self._late_at:
            self._late_at = now
        late_for = now - self._late_at
        return late_for < HICCUP or (began < self._late_at and late_for < 0.9 * self._timeout)

    def _work(self) -> None:
        while True:
            jobs = [self._jobs.get()]
            while len(jobs) < 100 and not self._jobs.empty():
                jobs.append(self._jobs.get())
            self._together([job for job in jobs if job and not job.over])
            self._busy_since = 0.0
            if None in jobs:
                return

    def _together(self, jobs: list[_Job]) -> None:
        self._busy_since = time.monotonic()
        for job in jobs:
            job.sent_at = self._busy_since
        try:
            pipeline = self._client.pipeline(transaction=False)
            for job in jobs:
                for command in job.commands:
                    pipeline.execute_command(*command)
            replies = iter(pipeline.execute(raise_on_error=False))
        except Exception as error:
            for job in jobs:
                self._end(job, error=error)
            return
        for job in jobs:
            self._end(job, [next(replies) for _ in job.commands])


def connect(settings: RedisSettings) -> tuple[redis.Redis, str]:
    """A client that tries once, and where Redis is, without its password. Raises SettingsError."""
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise SettingsError(["redis: a package is missing: pip install 'fs-1c[redis]'"]) from None
    ours = {
        "socket_timeout": settings.timeout,
        "socket_connect_timeout": settings.timeout,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "decode_responses": False,
        "protocol": 2,
    }
    try:
        pool = redis.ConnectionPool.from_url(settings.url.get_secret_value(), **ours)
        pool.connection_kwargs.update(ours)  # again, since what the URL says goes before arguments
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing, but knows its options
    except Exception:  # whose text may hold a part of the password
        allowed = "redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], rediss://... or unix:///PATH"
        raise SettingsError([f"redis.url: allowed: {allowed}"]) from None
    told = pool.connection_kwargs
    if settings.sentinels:
        return _by_sentinel(settings, pool, ours), f"{settings.service} (Sentinel)"
    where = told.get("path") or f"{told.get('host', 'localhost')}:{told.get('port', 6379)}"
    return redis.Redis(connection_pool=pool), str(where)


def _by_sentinel(settings: RedisSettings, pool: redis.ConnectionPool, ours: dict[str, Any]) -> redis.Redis:
    """A client that asks Sentinels where the master is, each time it connects; all else is by the URL."""
    import redis
    from redis.sentinel import Sentinel

    given: dict[str, Any] = {
        **pool.connection_kwargs,
        "ssl": issubclass(pool.connection_class, redis.SSLConnection),
    }
    if "path" in given:
        raise SettingsError(["redis.url: with redis.sentinels: allowed: redis://... or rediss://..."])
    tls = {name: value for name, value in given.items() if name.startswith("ssl")}
    password = settings.sentinel_password.get_secret_value() or None
    sentinels: Any = Sentinel  # redis-py has no types here
    sentinel = sentinels(settings.sentinels, sentinel_kwargs={**ours, **tls, "password": password})
    for where in ("host", "port"):
        given.pop(where, None)
    client: redis.Redis = sentinel.master_for(settings.service, **given)
    return client


_REPLICA = "only reads: it is a replica"
_NO_WRITES = {"is full (maxmemory)", _REPLICA, "cannot save what is written", "has too few replicas"}
_STATES = {
    "OOM": "is full (maxmemory)",
    "OutOfMemory": "is full (maxmemory)",
    "READONLY": _REPLICA,
    "ReadOnly": _REPLICA,
    "previous master is now a slave": _REPLICA,
    "MISCONF": "cannot save what is written",
    "NOREPLICAS": "has too few replicas",
    "BusyLoading": "is still loading its data",
    "Authentication": "does not let us in",
    "NoPermission": "does not let us do that",
    "MasterNotFound": "has no master that a Sentinel knows",
}


def _state(said: str, error: Exception | None = None) -> str:
    """What is wrong with Redis, told apart from its being away."""
    # A script's own error begins with another word; of its text nothing but these words is looked at.
    said = f"{type(error).__name__} {said}" if error else said
    return next((state for word, state in _STATES.items() if word in said), "is away")


def _is_late(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError"


def why(error: BaseException) -> str:
    """A failure without its text: redis-py puts commands into it, and these hold clients' names."""
    cause = error.__cause__ or error.__context__
    told = cause.strerror if isinstance(cause, OSError) else None
    return f"{type(error).__name__}: {told}" if told else type(error).__name__
