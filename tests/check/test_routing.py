"""`fs-1c check` and what 1C could have dialled."""

from __future__ import annotations

from typing import Any

import pytest

from fs_1c.check.finding import Finding, Level
from fs_1c.check.steps.routing_step import routing
from fs_1c.settings import build

TRUNK = "sofia/gateway/trunk/{number}"


def found(**settings: Any) -> Finding:
    (one,) = routing(build({"onec": {"url": "http://1c.example/ws"}, "routing": settings}))
    return one


@pytest.mark.parametrize("form", ["8", "+7", "7", "national", "as-received"])
def test_the_countrys_own_numbers_are_no_warning(form: str) -> None:
    assert found(external=TRUNK, external_format=form).level is Level.OK
    narrow = ["^8495[0-9]{7}$", r"^\+?7?9\d{9}$", "^810375[0-9]{9}$"]
    assert found(external=TRUNK, external_format=form, external_allow=narrow).level is Level.OK


@pytest.mark.parametrize(
    ("form", "allow", "dialled"),
    [
        ("8", "^8[0-9]{10}$", "88091234567"),
        ("8", r"^810\d+$", "8105351234567"),
        ("+7", r"^\+\d+$", "+5351234567"),
        ("as-received", r"^\d{12,14}$", "8105351234567"),
        ("8", r"^\d{3}$", "112"),
        ("8", ".*", "911"),
    ],
)
def test_a_wide_pattern_is(form: str, allow: str, dialled: str) -> None:
    one = found(external=TRUNK, external_format=form, external_allow=["own-country", allow])
    assert one.level is Level.WARNING
    assert dialled in one.what
    assert "own-country" in one.remedy
    assert found(external_allow=[allow]).level is Level.OK, "nothing is dialled outside at all"


@pytest.mark.parametrize("extension", ["loopback/{extension}", "sofia/gateway/trunk/{extension}"])
def test_an_extension_that_may_leave_by_a_trunk(extension: str) -> None:
    one = found(extension=extension)
    assert one.level is Level.WARNING
    assert "112" in one.why
