"""`fs-1c check` and `[calls]`: an address that can be listened to, and what a stolen token could dial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fs_1c.check.finding import Finding, Level
from fs_1c.check.masking import Mask
from fs_1c.check.steps.calls_step import calls
from fs_1c.check.steps.settings_step import secrets
from fs_1c.settings import build
from tests.certificates import certificate

TOKEN = "t0ken-of-the-base"
SWITCH = {"esl": {"inbound": [{"address": "127.0.0.1:8021"}]}}


def found(more: dict[str, Any] | None = None, **settings: Any) -> list[Finding]:
    own = {"dial": "sofia/gateway/trunk/{number}", "token": TOKEN, **settings}
    return calls(build({"onec": {"url": "http://1c.example/ws"}, "calls": own, **(more or SWITCH)}))


def test_nothing_is_asked_for_or_all_is_well() -> None:
    assert calls(build({"onec": {"url": "http://1c.example/ws"}})) == []
    assert [one.level for one in found(listen="127.0.0.1:9185")] == [Level.OK]


@pytest.mark.parametrize("listen", ["0.0.0.0:9185", "10.0.0.2:9185", "[::]:9185"])
def test_an_open_address_without_tls(listen: str, tmp_path: Path) -> None:
    (one,) = found(listen=listen)
    assert one.level is Level.WARNING
    assert listen in one.what and "plain http" in one.what and "cert_file" in one.remedy
    file = certificate(tmp_path)
    fine = found(listen=listen, cert_file=str(file), key_file=str(tmp_path / "key.pem"))
    assert [one.level for one in fine] == [Level.OK]


@pytest.mark.parametrize(
    ("form", "allow", "dialled"),
    [("8", ".*", "112"), ("8", r"^810\d+$", "8105351234567"), ("+7", r"^\+\d+$", "+5351234567")],
)
def test_a_too_wide_allow(form: str, allow: str, dialled: str) -> None:
    (one,) = found(number_format=form, allow=["own-country", allow])
    assert one.level is Level.WARNING and dialled in one.what and "calls.allow" in one.what


def test_without_a_switch_nothing_can_be_made() -> None:
    (one,) = found({"esl": {}})
    assert one.level is Level.PROBLEM and "esl.inbound" in one.what


def test_calls_are_recorded_where_nobody_can_listen() -> None:
    file = "/var/lib/freeswitch/recordings/{date}/{call}.wav"
    served = {
        "recordings": {"folder": "/var/lib/freeswitch/recordings", "link": "https://pbx.example/rec"},
        **SWITCH,
    }
    (one,) = found(record=file)
    assert one.level is Level.WARNING and "no [recordings]" in one.what
    assert [one.level for one in found(served, record=file)] == [Level.OK]


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no certificate")
    (one,) = found(listen="0.0.0.0:9185", cert_file=str(tmp_path / "x"), key_file=str(tmp_path / "x"))
    assert one.level is Level.PROBLEM and "cert_file" in one.what


def test_the_token_is_masked() -> None:
    mask = Mask()
    secrets(build({"onec": {"url": "http://1c.example/ws"}, "calls": {"token": TOKEN}}), mask)
    assert TOKEN not in mask.text(f"a text with {TOKEN} in it")
