"""A service that is killed loses nothing that it has written down, and says nothing harmful twice."""

from __future__ import annotations

import pytest

from tests.history.killed import killed

FAULTS = ("soap-fault", "status-503", "cut-in-answer", "refuse")


@pytest.mark.timeout(300)  # it has four lives
@pytest.mark.parametrize("dialect", ["mobilon-2", "mobilon-3", "itoolabs"])
def test_a_service_that_is_killed_and_started_again(dialect: str) -> None:
    found = killed(dialect, 20, kills=3, seed=21)
    assert not found.wrong
    assert found.lives == 4
    assert found.words >= 20
