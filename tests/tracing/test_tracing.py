"""Who tells which part of a call, and that it costs nothing where nobody wants it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from freezegun import freeze_time

from fs_1c.call import Began, CallEvent, Conversation, HistoryWord, HungUp, Outcome, ScreenPop, Told
from fs_1c.integration import Integration
from fs_1c.settings import Settings, SettingsError, build
from fs_1c.settings import tracing as section
from fs_1c.talk import Stories
from fs_1c.tracing import Tracing
from fs_1c.tracing import tracing as room
from fs_1c.tracing.spans import Span
from tests import ROOT
from tests.tracing.test_spans import DECISION, NOW, NUMBER, TALK, UUID

ONEC = {"url": "http://127.0.0.1:9/ws"}
ENDPOINT = {"endpoint": "http://127.0.0.1:9"}
OWN = {"address": "127.0.0.1:8021", "name": "pbx1"}
RESERVE = {"address": "127.0.0.1:8022", "name": "pbx2", "role": "reserve"}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section, "_is_installed", lambda: True)


class Heard:
    """A collector that keeps what it was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Span, bool]] = []
        self.fails = False

    def send(self, call_uuid: str, span: Span, *, root: bool = False) -> None:
        if self.fails:
            raise OSError
        self.sent.append((call_uuid, span, root))

    def close(self, timeout: float) -> None:
        self.sent.clear()

    @property
    def names(self) -> list[str]:
        return [f"{span.name}!" if root else span.name for _, span, root in self.sent]


def settings(*inbound: dict[str, str], **more: Any) -> Settings:
    return build({"onec": ONEC, "esl": {"inbound": list(inbound)}, "tracing": ENDPOINT} | more)


class Fed:
    """Tracing, fed as the core does it."""

    def __init__(self, *inbound: dict[str, str], **more: Any) -> None:
        self.tracing, self.collector, self.stories = Tracing(settings(*inbound, **more)), Heard(), Stories()
        self.tracing.open(self.collector)

    def heard(self, *events: CallEvent, switch: str = "pbx1") -> None:
        for event in events:
            self.tracing.heard(event, self.stories.heard(event, switch))


BEGAN = Began(UUID, UUID, NUMBER, at=NOW)
OVER = HungUp(UUID, NOW + 9, "NORMAL_CLEARING")


def test_a_call_its_decision_card_and_history() -> None:
    told = Fed(OWN)
    with freeze_time("2023-11-14 22:13:20"):  # NOW
        told.tracing.decided(DECISION)
    told.heard(BEGAN, replace(TALK, at=NOW + 1))
    told.tracing.popped(TALK, ScreenPop(Outcome.ACCEPTED, 0.2))
    told.heard(OVER)
    told.tracing.told(HistoryWord("sales", UUID, "END", "", Told.TOLD, NOW + 9))
    assert told.collector.names == ["decision", "card", "call!", "history END"]
    assert {call for call, _, _ in told.collector.sent} == {UUID}
    _, call, _ = told.collector.sent[2]
    assert call.began == pytest.approx(NOW - 0.2)
    assert call.ended == NOW + 9


@pytest.mark.parametrize("whole", [False, True])
def test_numbers_are_whole_only_if_they_are_wanted(whole: bool) -> None:
    told = Fed(OWN, tracing={**ENDPOINT, "numbers": whole})
    told.heard(BEGAN, OVER)
    (_, call, _) = told.collector.sent[0]
    assert dict(call.attributes)["fs_1c.number"] == (NUMBER if whole else "+7923•••2926")


def test_a_card_of_another_trunk_belongs_to_the_call() -> None:
    told = Fed(OWN)
    other = "5c5a7a1e-3f0b-4c63-9a53-0d9a52a5a002"
    first = Began(UUID, UUID, NUMBER, outgoing=True, extension="244", asked_by="s", at=NOW)
    talk = Conversation(other, "s", NUMBER, "244", outgoing=True, at=NOW + 3)
    told.heard(first, HungUp(UUID, NOW + 1, "FAIL"))
    told.heard(Began(other, other, NUMBER, outgoing=True, extension="244", asked_by="s", at=NOW + 2), talk)
    told.tracing.popped(talk, ScreenPop(Outcome.ACCEPTED))
    told.heard(HungUp(other, NOW + 5))
    assert told.collector.names == ["card", "call!"]
    assert {call for call, _, _ in told.collector.sent} == {UUID}


@pytest.mark.parametrize(
    ("outcome", "names"),
    [(None, []), (Outcome.ELSEWHERE, ["card"]), (Outcome.ACCEPTED, ["card", "call!"])],
    ids=["idle", "was second", "acted"],
)
def test_a_reserve_tells_of_the_call_itself_only_if_it_acted(
    outcome: Outcome | None, names: list[str]
) -> None:
    told = Fed(OWN, RESERVE)
    told.heard(BEGAN, switch="pbx2")
    if outcome:
        told.tracing.popped(TALK, ScreenPop(outcome))
    told.heard(OVER, switch="pbx2")
    assert told.collector.names == names


def test_where_no_switch_is_listened_to_the_call_is_as_long_as_its_decision() -> None:
    told = Fed()
    told.tracing.decided(DECISION)
    told.heard(BEGAN, OVER, switch="")  # an async socket tells of its own call
    assert told.collector.names == ["decision", "call!"]


@pytest.mark.parametrize("internal", [False, True])
def test_calls_inside_are_told_where_1c_is_told_of_them(internal: bool) -> None:
    told = Fed(OWN, history={"enabled": True, "internal": internal})
    told.heard(Began(UUID, UUID, "245", extension="244", internal=True, at=NOW), OVER)
    assert told.collector.names == (["call!"] if internal else [])


def test_a_collector_that_fails_costs_a_span_and_nobody_hears_of_it() -> None:
    told = Fed(OWN)
    told.collector.fails = True
    told.tracing.decided(DECISION)
    told.heard(BEGAN, OVER)
    told.tracing.close(1.0)
    told.tracing.decided(DECISION)


def test_what_is_remembered_of_calls_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_CALLS", 10)
    told = Fed(OWN)
    for number in range(50):
        call = replace(DECISION.call, uuid=f"call-{number}")
        told.tracing.decided(replace(DECISION, call=call))
        told.heard(replace(BEGAN, call_uuid=f"call-{number}", leg_uuid=f"call-{number}"))
    assert len(told.tracing._going) == 10
    assert not told.tracing._call_of


def test_an_sdk_that_does_not_start_is_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    monkeypatch.delitem(sys.modules, "fs_1c.tracing.otlp", raising=False)
    tracing = Tracing(settings(OWN))
    tracing.open()
    tracing.decided(DECISION)
    (line,) = caplog.messages
    assert "OpenTelemetry does not start, calls go on without" in line


# Settings.


def test_without_the_extra_settings_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section, "_is_installed", lambda: False)
    assert build({"onec": ONEC}).tracing.endpoint == ""
    with pytest.raises(SettingsError) as caught:
        build({"onec": ONEC, "tracing": ENDPOINT}, "fs-1c.toml")
    assert caught.value.problems == [
        "fs-1c.toml: tracing.endpoint: needs OpenTelemetry, which is not installed: pip install 'fs-1c[otlp]'"
    ]


def test_in_the_debian_package_the_command_is_one_that_works_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment has no pip, and of Python's names only python3."""
    monkeypatch.setattr(section, "_is_installed", lambda: False)
    monkeypatch.setattr(section, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "prefix", "/opt/fs-1c")
    with pytest.raises(SettingsError) as caught:
        build({"onec": ONEC, "tracing": ENDPOINT}, "fs-1c.toml")
    command = caught.value.problems[0].rpartition(": ")[2]
    assert command.startswith("python3 -m pip --python /opt/fs-1c/bin/python3 install opentelemetry-sdk ")
    for page in ("docs/monitoring/README.md", "docs/ru/monitoring.md"):
        assert command in (ROOT / page).read_text("utf-8")


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("https://otlp.example/", "https://otlp.example/v1/traces"),
        ("http://[::1]:4318/v1/traces", "http://[::1]:4318/v1/traces"),
        ("https://otlp.example/tenant-1/otlp", "https://otlp.example/tenant-1/otlp/v1/traces"),
    ],
)
def test_where_spans_go(endpoint: str, url: str) -> None:
    assert build({"onec": ONEC, "tracing": {"endpoint": endpoint}}).tracing.url == url


@pytest.mark.parametrize(
    "endpoint",
    [
        "127.0.0.1:4318",
        "grpc://a:4317",
        "http://",
        "http://u:s3kr1t@a",
        "http://a?k=s3kr1t",
        "http://a:0",
        "http://a b",
    ],
)
def test_what_is_no_endpoint_is_one_clear_line(endpoint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        build({"onec": ONEC, "tracing": {"endpoint": endpoint}})
    (line,) = caught.value.problems
    assert "tracing.endpoint: allowed: http://HOST:PORT or https://HOST[:PORT][/PATH]" in line
    assert "s3kr1t" not in line


# What it costs where nobody wants it.


@pytest.fixture
def integrations() -> Iterator[list[Integration]]:
    made: list[Integration] = []
    yield made
    for one in made:
        one.close(0.1)


def test_where_it_is_off_nobody_observes(integrations: list[Integration]) -> None:
    integrations.append(Integration(build({"onec": ONEC})))
    assert not [one for one in integrations[0].observers if isinstance(one, Tracing)]


def test_where_it_is_on_it_observes_and_goes_on_with_other_settings(integrations: list[Integration]) -> None:
    integrations.append(Integration(settings(OWN)))
    (tracing,) = (one for one in integrations[0].observers if isinstance(one, Tracing))
    integrations.append(Integration(settings(OWN), before=integrations[0]))
    assert [one for one in integrations[1].observers if isinstance(one, Tracing)] == [tracing]


def test_where_it_is_off_nothing_of_it_is_loaded() -> None:
    program = (
        "import sys\n"
        "import fs_1c.cli.serve\n"
        "from fs_1c.service import Service\n"
        "from fs_1c.settings import build\n"
        "service = Service(build({'onec': {'url': 'http://127.0.0.1:9/ws'}}))\n"
        "service.integration.keep_warm()\n"
        "service.integration.close(0.1)\n"
        "ours = ('opentelemetry', 'google', 'fs_1c.tracing')\n"
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True
    )
    assert done.stdout.strip() == "[]"
