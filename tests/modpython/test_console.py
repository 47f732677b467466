"""An engineer asks on FreeSWITCH's console."""

from __future__ import annotations

from pathlib import Path

import pytest

from fs_1c import modpython
from fs_1c.integration import Integration
from tests.modpython.conftest import FakeFreeSwitch, command
from tests.world import CLIENT


def test_an_engineer_asks(settings: Path) -> None:
    assert command(f"lookup {CLIENT}").endswith("category=0 manager=244 title=Фэйковый чиж")
    assert command("lookup 89991112233").startswith("+OK unknown asked_as=89991112233 ")
    assert command("lookup 244") == "-ERR skipped: an extension"
    assert command(f"pop {CLIENT} 244").startswith("+OK accepted ")
    assert command(f"pop {CLIENT} 299").startswith("-ERR no key: ")
    assert command(f"forget {CLIENT}") == "+OK forgotten: 1"
    assert command("forget all base=default") == "+OK forgotten: 1"
    assert command("forget 244").startswith("-ERR not a number")
    assert command("forget all base=sales") == "-ERR there is no base sales; allowed: default"
    for words in ("", "lookup", "pop 1", "lookup 1 2", "check", "base=default"):
        assert command(words).startswith("-USAGE: ")


def test_nothing_that_an_engineer_types_leaves_as_an_exception(
    settings: Path, freeswitch: FakeFreeSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    modpython.fsapi()
    modpython.fsapi("status")
    monkeypatch.setattr(Integration, "lookup", lambda *_: 1 / 0)
    assert command(f"lookup {CLIENT}") == "-ERR it failed; FreeSWITCH's log says why"
    assert "ZeroDivisionError" in freeswitch.log[-1][1]
