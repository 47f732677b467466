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
    """Redis did not answer in time, refused, or is being left alone."""


class BoundedRedis:
    """Words with Redis, none of which takes longer than `timeout` seconds.

    One thread holds the connection, and callers wait for it by the clock: redis-py bounds each step of a word
    (connecting, logging in, each part of a reply) and name resolution not at all. What is asked at the same
    time goes out together.
    """

    def __init__(self, client: redis.Redis, where: str, timeout: float) -> None:
        self._client: Any = client
        self._where = where
        self._timeout = timeout
        self._jobs: queue.SimpleQueue[tuple[tuple[Command, ...], Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._pause = 0.0  # 0: all is well
        self._again_at = 0.0
        self._closed = False

    def open(self) -> Future[Any]:
        """Connects now, so that no caller's time is spent on that. Returns at once, with what ends when that
        has; a Redis that is away is said in the log.
        """
        with self._lock:
            future = self._put(("PING",))
        future.add_done_callback(self._opened)
        return future

    def send(self, *commands: Command, probe: Command = ("PING",), may_probe: bool = True) -> Any:
        """The reply to the last of `commands`. Raises `Away`, within `timeout` seconds.

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
            future = self._put(*commands)
        try:
            reply = future.result(self._timeout)
        except Exception as error:
            future.cancel()
            self._failed(error)
            raise Away from None
        if trying:
            with self._lock:
                self._pause = 0.0
            log.warning("Redis at %s is back", self._where)
        return reply

    def lied(self) -> Away:
        """To be raised: the last reply was none that a Redis gives to such a word; that is a failure, too."""
        self._failed(TypeError())
        return Away()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._jobs.put(None)

    def _put(self, *commands: Command) -> Future[Any]:
        """Hands these to the thread that holds the connection. Called with the lock; raises RuntimeError if
        no thread can be had.
        """
        future: Future[Any] = Future()
        if self._closed:
            future.cancel()
            return future
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="fs-1c-redis", daemon=True)
            thread.start()
            self._thread = thread
        self._jobs.put((commands, future))
        return future

    def _opened(self, future: Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, Exception):
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        with self._lock:
            if self._pause or self._closed:
                return
            self._pause = FIRST_PAUSE
            self._again_at = time.monotonic() + self._pause
        log.warning("Redis at %s is away (%s); going on without it", self._where, why(error))

    def _work(self) -> None:
        while True:
            jobs = [self._jobs.get()]
            while len(jobs) < 100 and not self._jobs.empty():
                jobs.append(self._jobs.get())
            self._together([job for job in jobs if job and job[1].set_running_or_notify_cancel()])
            if None in jobs:
                return

    def _together(self, jobs: list[tuple[tuple[Command, ...], Future[Any]]]) -> None:
        try:
            pipeline = self._client.pipeline(transaction=False)
            for commands, _ in jobs:
                for command in commands:
                    pipeline.execute_command(*command)
            replies = iter(pipeline.execute(raise_on_error=False))
        except Exception as error:
            for _, future in jobs:
                future.set_exception(error)
            return
        for commands, future in jobs:
            told = [next(replies) for _ in commands]
            wrong = [reply for reply in told if isinstance(reply, Exception)]
            if wrong:
                future.set_exception(wrong[0])
            else:
                future.set_result(told[-1])


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


def why(error: BaseException) -> str:
    """A failure without its text: redis-py puts commands into it, and these hold clients' names."""
    cause = error.__cause__ or error.__context__
    told = cause.strerror if isinstance(cause, OSError) else None
    return f"{type(error).__name__}: {told}" if told else type(error).__name__
