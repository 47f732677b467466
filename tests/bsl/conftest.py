"""OneScript ends when the tests do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bsl.player import PLAYER


@pytest.fixture(scope="package", autouse=True)
def player() -> Iterator[None]:
    yield
    PLAYER.end()
