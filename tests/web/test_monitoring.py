"""The dashboard and the rules in docs/monitoring ask for metrics and labels that there are."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from fs_1c.call import Call, Caller, Conversation, Decision, Outcome, Result, ScreenPop
from fs_1c.cards import PostState
from fs_1c.integration import Integration
from fs_1c.settings import Role
from fs_1c.web.metrics import Metrics
from tests import ROOT
from tests.world import settings_for

MONITORING = ROOT / "docs" / "monitoring"
ALERTS = yaml.safe_load((MONITORING / "alerts.yml").read_text("utf-8"))
DASHBOARD = json.loads((MONITORING / "grafana.json").read_text("utf-8"))


def expressions() -> list[str]:
    rules = [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]
    return rules + [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.fixture(scope="module")
def told() -> str:
    """All metrics, each with every label."""
    more = {"redis": {"url": "redis://127.0.0.1:1/0"}, "history": {"enabled": True}}
    integration = Integration(settings_for("http://127.0.0.1:1/base", **more))
    posts = [PostState(f"sw{n}", role, True, "gone", 5.0, 3) for n, role in enumerate(Role)]
    metrics = Metrics(lambda: integration, lambda: {"outbound": True}, lambda: posts)
    caller = Caller(None, Result.SKIPPED, base="default")
    metrics.decided(Decision(Call("uuid", "1"), caller, (), None))
    for operation in ("SayName", "contact"):
        metrics.asked("default", operation, 0.1, "timeout")
    for outcome in Outcome:
        metrics.popped(Conversation("call", "leg", "1", "244"), ScreenPop(outcome))
    return metrics.text().decode()


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_names_metrics_that_there_are(expression: str, told: str) -> None:
    names = set(re.findall(r"\bfs_1c_\w+", expression))
    assert names or "up{" in expression
    for name in names:
        assert re.search(rf"^{name}[{{ ]", told, re.MULTILINE), name
    for name, selectors in re.findall(r"\b(fs_1c_\w+)\{([^}]*)\}", expression):
        for label, operator, values in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', selectors):
            for value in values.split("|"):
                assert re.search(rf'^{name}\{{.*{label}="{value}"', told, re.MULTILINE) or (
                    label == "result" and value in list(Result)
                ), (label, operator, value)


def test_a_card_of_two_services_is_one_pop(told: str) -> None:
    """`elsewhere` is counted, but not as a pop: the sum over all services is that of the cards."""
    assert 'outcome="elsewhere"' not in told
    assert re.search(r"^fs_1c_cards_elsewhere_total 1\.0$", told, re.MULTILINE)
    assert 'fs_1c_pops_total{outcome="accepted"} 1.0' in told
    assert 'fs_1c_switch_owner{owner="gone",role="reserve",switch="sw1"} 1.0' in told
    assert 'fs_1c_switch_owner{owner="present",role="reserve",switch="sw1"} 0.0' in told
    assert 'fs_1c_talks_held{switch="sw1"} 3.0' in told and 'talks_held{switch="sw0"}' not in told


def test_every_rule_says_what_it_means_and_every_panel_has_a_place() -> None:
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            assert {"summary", "description"} == rule["annotations"].keys()
            assert rule["labels"]["severity"] in ("page", "ticket")
    places: list[dict[str, Any]] = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    taken = {
        (x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])
    }
    assert len(taken) == sum(p["w"] * p["h"] for p in places), "panels overlap"


def test_prometheus_is_told_where_the_rules_are() -> None:
    settings = yaml.safe_load((MONITORING / "prometheus.yml").read_text("utf-8"))
    assert settings["rule_files"] == ["alerts.yml"]
    assert settings["scrape_configs"][0]["static_configs"][0]["targets"] == ["127.0.0.1:9184"]
