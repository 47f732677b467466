"""What tests of several services share: a post at a switch that says what the test wants, and two services
that tell one 1C through one Redis.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fs_1c.call import CallEvent
from fs_1c.integration import Integration
from fs_1c.settings import build
from tests.history.conftest import settings
from tests.redis_server import RedisServer

SWITCH = "sw"


class Post:
    """What the switch tells of the services that listen to it."""

    def __init__(self) -> None:
        self.reserved = True
        self.owner_words, self.owner_came = 0, -1
        self.life = self.owner = "own"
        self.alone: float | None = None
        self.away: float | None = None

    def alone_for(self) -> float | None:
        return self.alone

    def owner_away(self) -> float | None:
        return self.away


class Service:
    """One of them, in this process; it is gone when nobody speaks of it any more."""

    def __init__(self, folder: Path, redis: RedisServer, *, reserve: bool, **more: Any) -> None:
        inbound = {"name": SWITCH, "role": "reserve" if reserve else "own"}
        given = settings(folder, screenpop={"outgoing": False}, redis={"url": redis.url}, **more)
        self.integration = Integration(build({**given, "esl": {"inbound": [inbound]}}))
        assert self.integration.history is not None
        self.history, self.reserve, self.post = self.integration.history, reserve, Post()
        self.history.attend(SWITCH, self.post, reserve=reserve)
        self.post.alone = None if reserve else 3600.0
        self.integration.tell_history()
        assert self.history._sharing is not None
        self.relay = self.history._sharing._relay
        self.part = self.relay._parts[SWITCH]

    def hears(self, *calls: list[CallEvent]) -> None:
        for events in calls:
            for event in events:
                if self.reserve:
                    self.integration.overheard(event, SWITCH)
                else:
                    self.integration._heard(event, SWITCH)

    def dies(self) -> None:
        """As if killed: nothing of it reaches anybody any more."""
        self.integration.close(1.0)


def are_there(redis: RedisServer, own: Service, reserve: Service) -> bool:
    """Both know Redis, and it has been told that the own service is there: what is not told when that is
    killed would leave doubt what it has said.
    """
    told = redis.client.exists(f"fs-1c:history:{SWITCH}:own")
    return own.part.life != "" and reserve.part.life != "" and bool(told)


@contextmanager
def two(tmp_path: Path, redis: RedisServer, **more: Any) -> Iterator[tuple[Service, Service]]:
    """The own service, and the reserve that hears it."""
    own = Service(tmp_path / "own", redis, reserve=False, **more)
    reserve = Service(tmp_path / "reserve", redis, reserve=True, **more)
    reserve.post.away = 0.0
    try:
        yield own, reserve
    finally:
        own.integration.close(5.0)
        reserve.integration.close(5.0)
