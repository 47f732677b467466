"""What becomes of a manager who cannot take the call: how it is set, and each mistake has one line."""

from __future__ import annotations

from typing import Any

import pytest

from fs_1c.settings import Settings, SettingsError, Unavailable, build

ONEC = {"url": "http://1c.example/base/ws/VATS"}


def routing(**given: Any) -> Settings:
    return build({"onec": ONEC, "routing": given}, "fs-1c.toml")


def test_by_default_nothing_changes() -> None:
    policy = routing().routing
    assert (policy.when_busy, policy.when_away, policy.deputies) == (Unavailable.RING, Unavailable.RING, ())


def test_what_is_set() -> None:
    policy = routing(when_busy="next", when_away="both", deputies={"244": ["245", "246"]}).routing
    assert (policy.when_busy, policy.when_away) == (Unavailable.NEXT, Unavailable.BOTH)
    assert policy.deputies == (("244", ("245", "246")),)
    assert routing(deputies={"244": "245"}).routing.deputies == (("244", ("245",)),)
    assert hash(policy) == hash(
        routing(when_busy="next", when_away="both", deputies={"244": ["245", "246"]}).routing
    )


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FS_1C_ROUTING__WHEN_BUSY", "next")
    monkeypatch.setenv("FS_1C_ROUTING__DEPUTIES", '{"244": ["245"]}')
    policy = build({"onec": ONEC}, "fs-1c.toml").routing
    assert (policy.when_busy, policy.deputies) == (Unavailable.NEXT, (("244", ("245",)),))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"when_busy": "skip"}, "routing.when_busy: allowed: 'ring', 'next' or 'both'"),
        (
            {"deputies": {"244": ["245 ${x}"]}},
            "routing.deputies.0.1.0: allowed: an extension of up to nine digits",
        ),
        (
            {"category": [{"is": "x"}]},
            "routing.category.0: then: is missing; or when_busy, when_away, reject",
        ),
        (
            {"category": [{"is": "x", "reject": "CALL_REJECTED", "then": ["user/1@{domain}"]}]},
            "routing.category.0: reject: whom it turns away rings nobody; allowed is reject alone",
        ),
    ],
)
def test_a_mistake_is_one_line(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        routing(**given)
    assert caught.value.problems == [f"fs-1c.toml: {complaint}"]


def test_a_cause_that_freeswitch_does_not_know() -> None:
    with pytest.raises(SettingsError, match="reject: allowed: 'CALL_REJECTED', 'USER_BUSY'"):
        routing(category=[{"is": "x", "reject": "CALL_REJECT"}])
