"""Two services as processes, a real Redis and one 1C: what 1C has of fifty calls when one of them dies or
freezes, or Redis dies. Fewer by default; `python -m tests.cluster.history` for any number.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cluster.history import HAPPENS, told_by_two
from tests.history.killed import faults_of
from tests.redis_server import NEEDED, needs_redis

pytestmark = needs_redis
MORE = pytest.mark.cluster


def found(folder: Path, dialect: str, what: str, calls: int, faults: tuple[str, ...] = ()) -> int:
    pytest.importorskip("redis", reason=NEEDED)
    one = asyncio.run(told_by_two(folder, dialect, what, calls, seed=21, faults=faults))
    assert not one.wrong
    return one.taken_over


def test_an_own_service_that_is_killed(tmp_path: Path) -> None:
    assert found(tmp_path, "mobilon-3", "killed", 12) > 0


@MORE
@pytest.mark.parametrize("what", HAPPENS)
@pytest.mark.parametrize("dialect", ["mobilon-3", "itoolabs"])
def test_whatever_happens(tmp_path: Path, dialect: str, what: str) -> None:
    found(tmp_path, dialect, what, 50)


@MORE
@pytest.mark.parametrize("dialect", ["mobilon-3", "itoolabs"])
def test_with_faults_of_1c_beneath_it(tmp_path: Path, dialect: str) -> None:
    found(tmp_path, dialect, "killed", 50, faults_of(dialect))
