"""A simulated 1C that runs, as most of these tests want it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fs_1c.simulator.onec import OneCSimulator
from tests.simulator.support import simulator


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    with simulator() as running:
        yield running
