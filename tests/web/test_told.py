"""What metrics say of whole calls and of what waits for 1C; and when the alerts about it fire."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from fs_1c.call import CallEvent, Failure, HistoryWord, HungUp, Told
from fs_1c.history.kept import Waits
from fs_1c.integration import Integration
from fs_1c.settings import build
from fs_1c.talk import Ring, Story, Talk
from fs_1c.web.metrics import Metrics
from tests import ROOT
from tests.history.conftest import Ear, answered, ear, happen, settings  # noqa: F401
from tests.support import until

ALERTS = ROOT / "docs" / "monitoring" / "alerts.yml"
PROMTOOL = shutil.which("promtool")
OVER: CallEvent = HungUp("call", 20.0)
MISSED = Story("call", "89235292926", began=1.0, rings=(Ring("244", "leg", 2.0),), ended=20.0, switch="sw")


def metrics_of(integration: Integration) -> Metrics:
    metrics = Metrics(lambda: integration, dict)
    integration.observers.append(metrics)
    return metrics


def value(metrics: Metrics, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", metrics.text().decode(), re.MULTILINE)
    assert found, name
    return float(found[1])


def test_calls_are_counted_by_how_they_ended() -> None:
    integration = Integration(build(settings(None)))
    metrics = metrics_of(integration)
    metrics.heard(OVER, MISSED._replace(ended=None))
    metrics.heard(OVER, None)
    metrics.heard(OVER, MISSED)
    metrics.heard(OVER, MISSED._replace(talks=(Talk("244", "leg", 5.0, 20.0),)))
    metrics.heard(OVER, MISSED._replace(outgoing=True))
    for outcome in ("missed", "answered", "no_answer"):
        assert value(metrics, f'fs_1c_calls_total{{outcome="{outcome}"}}') == 1, outcome
    integration.close()


def test_a_reserve_leaves_its_calls_to_the_own_service() -> None:
    switches = [
        {"address": "127.0.0.1:1", "name": "theirs", "role": "reserve"},
        {"address": "127.0.0.1:2", "name": "ours"},
    ]
    integration = Integration(build(settings(None, esl={"inbound": switches})))
    metrics = metrics_of(integration)
    for switch in ("theirs", "ours"):
        metrics.heard(OVER, MISSED._replace(switch=switch))
    assert value(metrics, 'fs_1c_calls_total{outcome="missed"}') == 1
    integration.close()


def test_what_waits_and_what_was_told(tmp_path: Path, ear: Ear) -> None:  # noqa: F811
    integration = Integration(build(settings(tmp_path, screenpop={"outgoing": False})))
    metrics = metrics_of(integration)
    assert value(metrics, 'fs_1c_history_waiting{base="default"}') == 0
    assert value(metrics, 'fs_1c_history_words_total{base="default",outcome="refused"}') == 0
    integration.tell_history()
    happen(integration, answered("a"))
    until(lambda: value(metrics, 'fs_1c_history_words_total{base="default",outcome="told"}') == 4)
    assert value(metrics, "fs_1c_history_disk_up") == 1 and value(metrics, "fs_1c_history_lost_total") == 0
    integration.close()


def test_the_oldest_that_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    integration = Integration(build(settings(tmp_path)))
    assert integration.history is not None
    metrics = metrics_of(integration)
    seen = replace(integration.history.desk.seen(), bases={"default": Waits(7, 2, 1000.0, "down")}, late=True)
    monkeypatch.setattr(type(integration.history.desk), "seen", lambda desk: seen)
    monkeypatch.setattr("time.time", lambda: 1090.0)
    assert value(metrics, 'fs_1c_history_waiting{base="default"}') == 7
    assert value(metrics, 'fs_1c_history_oldest_seconds{base="default"}') == 90
    assert value(metrics, "fs_1c_history_disk_up") == 0
    monkeypatch.undo()
    integration.close()


def test_nobody_is_told_of_calls_so_nothing_is_said_of_it() -> None:
    integration = Integration(build(settings(None, history={"enabled": False})))
    text = metrics_of(integration).text().decode()
    assert "fs_1c_history" not in text and "fs_1c_calls_total" in text
    integration.close()


def test_no_outcome_is_without_a_place_in_the_metrics() -> None:
    word = HistoryWord("default", "call", "END", "244", Told.REFUSED, 1.0, 1.0, Failure("fault", "no"))
    integration = Integration(build(settings(None)))
    assert integration.history is not None
    for told in Told:
        integration.history.counted[word.base, told] += 1
    metrics = metrics_of(integration)
    for told in Told:
        name = told.value.replace(" ", "_")
        assert value(metrics, f'fs_1c_history_words_total{{base="default",outcome="{name}"}}') == 1
    integration.close()


CASES: dict[str, tuple[list[dict[str, str]], str, dict[str, str], dict[str, str]]] = {
    # alert: (series), at, labels when it fires, labels before it does
    "Fs1cHistoryWaits": (
        [{"series": 'fs_1c_history_oldest_seconds{base="a"}', "values": "0+60x60"}],
        "30m",
        {"base": "a", "severity": "ticket"},
        {"at": "15m"},
    ),
    "Fs1cHistoryRefused": (
        [
            {"series": 'fs_1c_history_words_total{base="a",outcome="refused"}', "values": "0x10 1x50"},
            {"series": 'fs_1c_history_words_total{base="a",outcome="told"}', "values": "0+9x60"},
        ],
        "30m",
        {"base": "a", "outcome": "refused", "severity": "ticket"},
        {"at": "9m"},
    ),
    "Fs1cHistoryLost": (
        [
            {"series": "fs_1c_history_lost_total", "values": "0x60"},
            {"series": "fs_1c_history_disk_up", "values": "1x20 0x40"},
        ],
        "30m",
        {"severity": "ticket"},
        {"at": "19m"},
    ),
}


@pytest.mark.skipif(not PROMTOOL, reason="there is no promtool")
def test_the_rules_are_what_prometheus_understands() -> None:
    ran = subprocess.run([str(PROMTOOL), "check", "rules", str(ALERTS)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.skipif(not PROMTOOL, reason="there is no promtool")
@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_it_should(name: str, tmp_path: Path) -> None:
    series, at, labels, before = CASES[name]
    rules: list[dict[str, Any]] = [
        rule
        for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
        for rule in group["rules"]
        if rule["alert"] == name
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))

    def fires(expected: list[dict[str, Any]], when: str) -> bool:
        test = {
            "rule_files": ["rules.yml"],
            "evaluation_interval": "1m",
            "tests": [
                {
                    "interval": "1m",
                    "input_series": series,
                    "alert_rule_test": [{"eval_time": when, "alertname": name, "exp_alerts": expected}],
                }
            ],
        }
        (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
        ran = subprocess.run(
            [str(PROMTOOL), "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True
        )
        said = ran.stdout + ran.stderr
        assert ran.returncode == 0 or "FAILED" in said, said
        # Annotations are words: whoever compares them compares this file with itself.
        return ran.returncode == 0 or (
            bool(expected) and all(f'{k}="{v}"' in said.split("got:")[-1] for k, v in labels.items())
        )

    assert fires([], before["at"])
    assert fires([{"exp_labels": labels}], at)
    assert not fires([], at)
