"""What `fs-1c check` finds about recordings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fs_1c.check.finding import Finding
from fs_1c.check.steps.recordings_step import recordings
from fs_1c.settings import build


def found(tmp_path: Path, link: str = "https://pbx.example/rec", **more: object) -> list[Finding]:
    data = {
        "onec": {"url": "http://127.0.0.1/ws"},
        "state": {"folder": str(tmp_path)},
        "recordings": {"folder": str(tmp_path), "link": link},
    }
    return recordings(build(data | more))


def test_nothing_is_said_where_nothing_is_wanted() -> None:
    assert recordings(build({"onec": {"url": "http://127.0.0.1/ws"}})) == []


def test_all_is_well(tmp_path: Path) -> None:
    assert [one.level.value for one in found(tmp_path)] == ["ok"]
    assert [one.level.value for one in found(tmp_path, "http://127.0.0.1:9186")] == ["ok"]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    nowhere: dict[str, Any] = {
        "recordings": {"folder": str(tmp_path / "no"), "link": "http://pbx"},
        "state": {},
    }
    told = found(tmp_path, **nowhere)
    assert [one.level.value for one in told] == ["problem", "problem", "warning"]
    assert "there is no folder" in told[0].what
    assert "key_file" in told[1].what and "not https" in told[2].what


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_folder_that_is_closed_to_the_service_is_said(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    told = found(tmp_path, recordings={"folder": str(closed), "link": "https://pbx"})
    assert "cannot be read" in told[0].what
