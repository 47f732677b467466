"""One browser for all: to start one takes longer than most of what is looked at in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.browser.chromium import Chromium, started


@pytest.fixture(scope="package")  # idle, it would take memory from all that comes behind
def _browser() -> Iterator[Chromium]:
    with started() as browser:
        yield browser


@pytest.fixture
def chromium(_browser: Chromium) -> Iterator[Chromium]:
    """A browser that remembers nothing of what others looked at."""
    yield _browser
    _browser.forget()
