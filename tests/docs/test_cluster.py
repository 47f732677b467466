"""docs/cluster.md: every loss in its table is seen by a test that there is, in both languages alike."""

from __future__ import annotations

import re
import tomllib

import pytest

from fs_1c.settings import build
from tests import ROOT

PAGES = {page: (ROOT / "docs" / page).read_text("utf-8") for page in ("cluster.md", "ru/cluster.md")}
SEEN = re.compile(r"`(tests/[\w/]+\.py)::(\w+)` \|$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_loss_costs_was_seen(page: str) -> None:
    table = PAGES[page].split("\n## ")[2].split("\n\n")
    rows = next(part for part in table if part.startswith("| ")).splitlines()[2:]
    seen = SEEN.findall(PAGES[page])
    assert len(seen) == len(rows) >= 8
    for file, test in seen:
        assert re.search(rf"^def {test}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE), test


def test_both_languages_name_the_same_tests() -> None:
    one, other = (SEEN.findall(text) for text in PAGES.values())
    assert one == other


@pytest.mark.parametrize("page", PAGES)
def test_its_settings_are_settings(page: str) -> None:
    told = PAGES[page].partition("```toml\n")[2].partition("```")[0]
    settings = build({"onec": {"url": "http://127.0.0.1:9/ws"}, **tomllib.loads(told)})
    assert settings.cluster.services == ("https://pbx2.example:9184",)
    assert [switch.name for switch in settings.esl.inbound] == ["sw1", "sw2"]


@pytest.mark.parametrize("page", PAGES)
def test_its_metrics_are_metrics(page: str) -> None:
    metrics = (ROOT / "fs_1c" / "web" / "metrics.py").read_text("utf-8")
    for name in set(re.findall(r"\bfs_1c_\w+", PAGES[page])):
        assert f'"{name.removesuffix("_total")}"' in metrics, name
