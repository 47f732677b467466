"""1C's answers shared by several switches through Redis (5 or newer): one request per number for all of them.

Redis is a convenience, never a condition: while it is slow or away every switch goes on alone. Ages are
taken from Redis' own clock, so the switches' clocks need not agree; an entry from the future is none. What
stands there are clients' names: personal data, of which nothing is logged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from fs_1c.directory.forgetting import Forgetting
from fs_1c.directory.turn import Place, Shared, Turn
from fs_1c.redis_client import Away, BoundedRedis, connect
from fs_1c.settings import LookupSettings, RedisSettings

WAIT_FOR = 0.3
"""Seconds to wait for an answer that another asks for, at the most."""


class SharedAnswers:
    """One base's answers, `forget` and single requests, for all switches that share a Redis.

    Nothing here blocks but `forget`, and nothing raises on account of Redis. What ends later does so on the
    thread that talks to Redis or on the timers', within some `settings.timeout` seconds and the time that may
    be waited for another's answer.

    Args:
        base: The base's name; the same on all switches.
        lookup: How long answers are good for.
        claim_for: Seconds until somebody who has begun to ask is not waited for: the base's request timeout.

    Raises SettingsError if the URL is no good or the `redis` package is missing.
    """

    def __init__(self, settings: RedisSettings, base: str, lookup: LookupSettings, claim_for: float) -> None:
        client, where = connect(settings)
        self._client: Any = client
        # A disk that is full or a replica still reads: only a write tells that Redis is back.
        probe = ("SET", f"{settings.prefix}alive", 1, "PX", 1000)
        self._redis = BoundedRedis(client, where, settings.timeout, probe)
        self._place = Place(self._redis, f"{settings.prefix}{base}:", lookup, claim_for)
        # With a connection of its own: else it would take away what is connected.
        hearing = connect(settings)[0]
        self._forgetting = Forgetting(self._redis, hearing, settings.prefix, base, self._place)

    @property
    def up(self) -> bool:
        """Whether Redis answers and takes what is written, as far as anybody has noticed."""
        return self._redis.up

    @property
    def untold(self) -> frozenset[str | None]:
        """What was forgotten and could not be told yet; with None in it: all."""
        return self._forgetting.untold

    def turn(
        self,
        e164: str,
        *,
        max_age: float | None = None,
        wait_for: float = WAIT_FOR,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Future[Shared | Turn]:
        """Another's answer, or the turn to ask 1C, whose `settle` is told of the end of that.

        Args:
            max_age: Seconds that another's answer may be old; None: fresh by the settings.
            wait_for: Seconds to wait for one while another asks.
            wanted: Whether the claim to ask is worth keeping, for as long as 1C has not answered.
        """
        turn = Turn(self._place, e164, max_age, wait_for, wanted)
        turn.begin()
        return turn.came

    def get(self, e164: str) -> Future[Shared | None]:
        """What is shared about a number, fresh or stale; None if that is nothing, or Redis is away."""
        told: Future[Shared | None] = Future()

        def looked(reply: Future[Any]) -> None:
            shared = None
            try:
                shared = self._place.understood(e164, reply.result()).shared
            except Away:
                pass
            finally:
                told.set_result(shared)

        self._place.look(e164).add_done_callback(looked)
        return told

    def forget(self, e164: str | None) -> bool:
        """Forgets one number, or all of this base, and tells all switches, this one too. Blocks.

        Returns whether that was done; otherwise it will be when Redis is there, if this is listening then.
        """
        return self._forgetting.forget(e164)

    def listen(
        self,
        on_forget: Callable[[str, str | None], None],
        on_missed: Callable[[], None] = lambda: None,
        untold: Iterable[str | None] = (),
    ) -> None:
        """Has `on_forget(base, number)` called, on a thread of its own, when any switch forgets something of
        any base; number None: all of it. `on_missed`: something of this base was forgotten while Redis was
        not heard. Call it once. Connects besides, so that no caller has to.

        Args:
            untold: What another one of this process could not tell.
        """
        self._forgetting.listen(on_forget, on_missed, untold)

    def close(self) -> None:
        """Lets go of Redis; who waits for another's answer asks 1C himself."""
        self._redis.close()
        self._forgetting.close()
        self._client.connection_pool.disconnect()
