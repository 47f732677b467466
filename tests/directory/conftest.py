"""What tests of the directory share: a 1C, and answers shared through a Redis of the tests' own."""

from __future__ import annotations

import concurrent.futures
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fs_1c.directory.cache import Remembered
from fs_1c.directory.shared import SharedAnswers
from fs_1c.directory.turn import Shared
from fs_1c.onec import Answer
from fs_1c.settings import LookupSettings, RedisSettings
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests.redis_server import RedisServer, redis_server
from tests.support import SOON

NUMBER = "+79235292926"
KEY = f"fs-1c:default:{NUMBER}"
TITLE = "ООО «Рога и копыта»"
KNOWN = Answer(TITLE, "VIP", "244")
PASSWORD = "s3cret-of-redis"
LOOKUP = LookupSettings(fresh_for=300, stale_for=1000, unknown_for=60)


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with OneCSimulator(OneCSimulatorSettings(port=0)) as running:
        yield running


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


class Switch(SharedAnswers):
    """What one switch has of the shared answers, for tests that wait."""

    def ask(
        self, e164: str, ask_1c: Callable[[], Answer], *, max_age: float | None = None, wait_for: float = SOON
    ) -> tuple[Answer, bool]:
        """What 1C says, and whether another switch had asked."""
        came = self.turn(e164, max_age=max_age, wait_for=wait_for).result(2 * SOON)
        if isinstance(came, Shared):
            return came.answer, True
        answer = None
        started = time.monotonic()
        try:
            answer = ask_1c()
            return answer, False
        finally:
            if settled := came.settle(answer, time.monotonic() - started):
                concurrent.futures.wait([settled], SOON)

    def have(self, e164: str) -> Remembered | None:
        """What is shared, and when it was asked for on this machine's `time.time()`."""
        shared = self.get(e164).result(SOON)
        return None if shared is None else Remembered(shared.answer, time.time() - shared.age)


Open = Callable[..., Switch]


@pytest.fixture
def switch(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[Open]:
    """Opens what one switch has of the shared answers; at the end no client's name is in any log."""
    caplog.set_level(logging.DEBUG)
    opened: list[Switch] = []

    def switch(base: str = "default", url: str = "", timeout: float = 5.0, **given: Any) -> Switch:
        url = url or request.getfixturevalue("server").url
        settings = RedisSettings(url=url, timeout=timeout)
        opened.append(Switch(settings, base, LOOKUP, **{"claim_for": 10.0, **given}))
        return opened[-1]

    yield switch
    for one in opened:
        one.close()
    assert "Рога" not in caplog.text and PASSWORD not in caplog.text


def never() -> Answer:
    raise AssertionError("1C was asked")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged about Redis, without where it is."""
    return [
        record.getMessage().split(" (")[0].split(" ", 3)[3]
        for record in caplog.records
        if record.name.startswith(("fs_1c.directory.forgetting", "fs_1c.redis_client"))
    ]
