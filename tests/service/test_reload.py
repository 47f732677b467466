"""Settings that are read again: what cannot change before a restart is said."""

from __future__ import annotations

import asyncio
import logging
from operator import attrgetter
from typing import Any

import pytest

from fs_1c.service import AFTER_A_RESTART, Service
from fs_1c.settings import build

BASE: dict[str, Any] = {"onec": {"url": "http://127.0.0.1:1/ws"}}


def test_every_one_of_them_is_a_setting() -> None:
    settings = build(BASE)
    for name in AFTER_A_RESTART:
        attrgetter(name)(settings)


def test_what_takes_effect_after_a_restart_is_said_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    changed = {
        **BASE,
        "esl": {"outbound": {"listen": "127.0.0.1:8090"}, "inbound": [{"address": "127.0.0.1:8022"}]},
        "http": {"listen": "127.0.0.1:9190"},
        "journal": {"titles": False},
        "history": {"enabled": True},
        "lookup": {"deadline": 0.5},
    }

    async def story() -> None:
        service = Service(build(BASE))
        await service.reload(build(changed))
        service.integration.close()

    with caplog.at_level(logging.WARNING, "fs_1c.service"):
        asyncio.run(story())
    said = {record.getMessage() for record in caplog.records if record.name == "fs_1c.service"}
    names = ("esl.outbound", "esl.inbound", "http.listen", "journal", "history.enabled")
    assert said == {f"settings: {name} takes effect after a restart" for name in names}
