"""Words with Redis, none of which takes longer than it may. While Redis is away it is left alone."""

from __future__ import annotations

import logging
import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from fs_1c.settings import RedisSettings, SettingsError

if TYPE_CHECKING:
    import redis

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
"""Seconds that Redis is left alone after a failure; each further one doubles it, up to `MAX_PAUSE`."""
MAX_PAUSE = 10.0

Command = tuple[str | bytes | int | float, ...]


class Away(Exception):
    """Redis did not answer in time, refused, or is being left alone.

    Attributes:
        late: It is not being left alone: one more try makes sense.
    """

    def __init__(self, late: bool = False) -> None:
        super().__init__()
        self.late = late


class _Job(Future[Any]):
    """Words that are waited for together.

    Attributes:
        commands: In their order.
        sent_at: When they went to Redis; 0: they wait behind others, which is not Redis' fault.
    """

    def __init__(self, commands: tuple[Command, ...]) -> None:
        super().__init__()
        self.commands = commands
        self.sent_at = 0.0


class BoundedRedis:
    """Words with Redis, none of which takes it longer than `timeout` seconds, nor its caller longer than
    twice that: as long again he may stand behind others.

    One thread holds the connection, and callers wait for it by the clock: redis-py bounds each step of a word
    (connecting, logging in, each part of a reply) and name resolution not at all. What is asked at the same
    time goes out together.

    Redis is left alone when it has refused or broken off, or has been late twice in a row: once is a hiccup,
    of which a busy machine has many.
    """

    def __init__(self, client: redis.Redis, where: str, timeout: float) -> None:
        self._client: Any = client
        self._where = where
        self._timeout = timeout
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._pause = 0.0  # 0: all is well
        self._again_at = 0.0
        self._late_at = 0.0  # when a word was given up, if none has been answered since
        self._busy_since = 0.0  # when what is on its way was sent; 0: nothing is
        self._closed = False

    @property
    def up(self) -> bool:
        """Whether it answers, as far as anybody has noticed."""
        return self._pause == 0

    def open(self) -> Future[Any]:
        """Connects now, so that no caller's time is spent on that. Returns at once, with what ends when that
        has; a Redis that is away is said in the log.
        """
        with self._lock:
            future = self._put(("PING",))
        future.add_done_callback(self._opened)
        return future

    def send(self, *commands: Command, probe: Command = ("PING",), may_probe: bool = True) -> Any:
        """The reply to the last of `commands`. Raises `Away`, within twice `timeout` seconds.

        Args:
            probe: Must go well besides, when Redis was away.
            may_probe: Whether this may be the word that finds out if Redis is back.
        """
        with self._lock:
            trying = self._pause > 0
            if self._closed or (trying and (not may_probe or time.monotonic() < self._again_at)):
                raise Away
            if trying:  # one tries, the others go on without; each further failure makes it rarer
                self._pause = min(self._pause * 2, MAX_PAUSE)
                self._again_at = time.monotonic() + self._pause
                commands = (probe, *commands)
            job = self._put(*commands)
        try:
            reply = self._reply(job)
        except Exception as error:
            job.cancel()
            self._failed(error, job.sent_at)
            raise Away(late=self.up) from None
        with self._lock:
            self._late_at = 0.0
            if trying:
                self._pause = 0.0
        if trying:
            log.warning("Redis at %s is back", self._where)
        return reply

    def _reply(self, job: _Job) -> Any:
        """Raises TimeoutError, or what redis-py raised."""
        try:
            return job.result(self._timeout)
        except TimeoutError:
            if job.done() or not job.sent_at:
                raise
            return job.result(max(0.0, job.sent_at + self._timeout - time.monotonic()))

    def lied(self) -> Away:
        """To be raised: the last reply was none that a Redis gives to such a word; that is a failure, too."""
        self._failed(TypeError(), 0.0, definite=True)
        return Away()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._jobs.put(None)

    def _put(self, *commands: Command) -> _Job:
        """Hands these to the thread that holds the connection. Called with the lock; raises RuntimeError if
        no thread can be had.
        """
        job = _Job(commands)
        if self._closed:
            job.cancel()
            return job
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="fs-1c-redis", daemon=True)
            thread.start()
            self._thread = thread
        self._jobs.put(job)
        return job

    def _opened(self, future: Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, Exception):
            self._failed(error, 0.0, definite=True)

    def _failed(self, error: Exception, sent_at: float, *, definite: bool = False) -> None:
        with self._lock:
            if self._pause or self._closed:
                return
            if not definite and _is_late(error) and self._is_first(sent_at or self._busy_since):
                return
            self._pause = FIRST_PAUSE
            self._again_at = time.monotonic() + self._pause
        log.warning("Redis at %s %s (%s); going on without it", self._where, _state(error), why(error))

    def _is_first(self, began: float) -> bool:
        """Whether something that was late is to be overlooked: it is the first, or was on its way together
        with that, or has waited behind others of ours only. Called with the lock.

        Args:
            began: When Redis was told; of what it was not told, when that was told which stood before.
        """
        now = time.monotonic()
        if not began or now - began < 0.9 * self._timeout:
            return True
        if not self._late_at:
            self._late_at = now
            return True
        return began < self._late_at and now - self._late_at < 0.9 * self._timeout

    def _work(self) -> None:
        while True:
            jobs = [self._jobs.get()]
            while len(jobs) < 100 and not self._jobs.empty():
                jobs.append(self._jobs.get())
            self._together([job for job in jobs if job and job.set_running_or_notify_cancel()])
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
                job.set_exception(error)
            return
        for job in jobs:
            told = [next(replies) for _ in job.commands]
            wrong = [reply for reply in told if isinstance(reply, Exception)]
            if wrong:
                job.set_exception(wrong[0])
            else:
                job.set_result(told[-1])


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
        "retry_on_timeout": False,
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
    where = told.get("path") or f"{told.get('host', 'localhost')}:{told.get('port', 6379)}"
    return redis.Redis(connection_pool=pool), str(where)


_STATES = {
    "OOM": "is full (maxmemory)",
    "OutOfMemory": "is full (maxmemory)",
    "READONLY": "only reads: it is a replica",
    "ReadOnly": "only reads: it is a replica",
    "BusyLoading": "is still loading its data",
    "Authentication": "does not let us in",
    "NoPermission": "does not let us do that",
}


def _state(error: Exception) -> str:
    """What is wrong with Redis, told apart from its being away."""
    # A script's own error begins with another word; of its text nothing but these words is looked at.
    said = f"{type(error).__name__} {error}"
    return next((state for word, state in _STATES.items() if word in said), "is away")


def _is_late(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError"


def why(error: BaseException) -> str:
    """A failure without its text: redis-py puts commands into it, and these hold clients' names."""
    cause = error.__cause__ or error.__context__
    told = cause.strerror if isinstance(cause, OSError) else None
    return f"{type(error).__name__}: {told}" if told else type(error).__name__
