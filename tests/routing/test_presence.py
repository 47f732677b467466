"""Where a call goes when the manager cannot take it, and what is said of that."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.call import Call, Caller, Decision, Presence, PresenceState, Result
from fs_1c.numbers import Number, NumberPlan
from fs_1c.routing import decide
from fs_1c.settings import CategoryRule, RoutingSettings

FREE, BUSY, AWAY, UNKNOWN = PresenceState
PLAN = NumberPlan()
SEED = Number("+79235292926", "89235292926")
CALL = Call("uuid-1", "89235292926", domain="pbx.example")
THEN = ("user/100@{domain}", "user/101@{domain}")
FIRST, SECOND = "user/100@pbx.example", "user/101@pbx.example"
SINCE = time.mktime((2026, 11, 28, 14, 2, 0, 0, 0, -1))
TRUNK = "sofia/gateway/trunk/{number}"


def rung(extension: str) -> str:
    return f"[progress_timeout=3,leg_timeout=20]user/{extension}@pbx.example"


def decided(manager: str, states: dict[str, PresenceState] | None, of: str = "0", **policy: Any) -> Decision:
    """What is decided for the client of a manager with those phones."""
    caller = Caller(SEED, Result.FOUND, "89235292926", "Фэйковый чиж", of, manager)

    def state_of(extension: str, domain: str) -> Presence:
        assert domain == "pbx.example"
        assert states is not None
        return Presence(states.get(extension, UNKNOWN), SINCE)

    given_ = RoutingSettings(**{"then": THEN, **policy})
    return decide(CALL, caller, given_, PLAN, None if states is None else state_of)


def rule(category: str, **more: Any) -> CategoryRule:
    return CategoryRule(**{"is": category, **more})


@pytest.mark.parametrize("state", [BUSY, AWAY])
def test_by_default_it_is_said_and_he_rings(state: PresenceState) -> None:
    decision = decided("244", {"244": state})
    assert decision.target == f"{rung('244')}|{FIRST}|{SECOND}"
    assert dict(decision.variables)["fs_1c_manager_state"] == state.value
    assert decision.why.endswith("rings all the same")


@pytest.mark.parametrize("state", [FREE, UNKNOWN])
def test_who_is_free_or_not_known_rings_whatever_is_set(state: PresenceState) -> None:
    decision = decided(
        "244", {"244": state, "245": FREE}, when_busy="next", when_away="both", deputies={"244": ["245"]}
    )
    assert decision.target == f"{rung('244')}|{FIRST}|{SECOND}"
    assert dict(decision.variables)["fs_1c_manager_state"] == state.value
    assert decision.why == ""


def test_without_a_switch_that_is_heard_all_is_as_ever() -> None:
    decision = decided("244", None, when_busy="next", when_away="next")
    assert decision.target == f"{rung('244')}|{FIRST}|{SECOND}"
    assert "fs_1c_manager_state" not in dict(decision.variables)


@pytest.mark.parametrize(
    ("states", "policy", "target", "why"),
    [
        ({"244": BUSY}, {"when_busy": "next"}, f"{FIRST}|{SECOND}", "talks since 14:02: passed over"),
        ({"244": AWAY}, {"when_away": "next"}, f"{FIRST}|{SECOND}", "is away since 14:02: passed over"),
        (
            {"244": BUSY},
            {"when_away": "next"},
            f"{rung('244')}|{FIRST}|{SECOND}",
            "talks since 14:02: rings all the same",
        ),
        ({"244": BUSY}, {"when_busy": "next", "then": ()}, None, "talks since 14:02: passed over"),
        (
            {"244": BUSY},
            {"when_busy": "both"},
            f"{rung('244')},{FIRST}|{SECOND}",
            "talks since 14:02: rings together with the next",
        ),
        (
            {"244": BUSY},
            {"when_busy": "both", "then": ()},
            rung("244"),
            "talks since 14:02: rings all the same",
        ),
    ],
)
def test_what_becomes_of_him(
    states: dict[str, PresenceState], policy: dict[str, Any], target: str | None, why: str
) -> None:
    decision = decided("244", states, **policy)
    assert decision.target == target
    assert decision.why == f"244 {why}"
    assert dict(decision.variables)["fs_1c_manager"] == "244", "he still owns the missed call"


@pytest.mark.parametrize(
    ("manager", "states", "target"),
    [
        ("244, 245, 246", {"244": BUSY, "245": BUSY, "246": FREE}, rung("246")),
        ("244, 245, 246", {"244": BUSY, "246": FREE}, rung("246")),
        ("244, 245, 246", {"244": BUSY, "245": BUSY}, rung("246")),
        ("244, 245", {"244": AWAY, "245": BUSY}, None),
        ("244", {"244": BUSY, "247": FREE}, rung("247")),
        ("244", {"244": BUSY, "247": AWAY, "248": FREE}, rung("248")),
        ("244, 245", {"244": BUSY, "245": FREE, "247": FREE}, rung("245")),
        ("244, +7 923 529-00-00", {"244": BUSY}, "[leg_timeout=20]sofia/gateway/trunk/89235290000"),
        ("244", {"244": BUSY, "247": BUSY, "248": AWAY}, None),
    ],
)
def test_his_deputy_rings(manager: str, states: dict[str, PresenceState], target: str | None) -> None:
    policy: dict[str, Any] = {
        "when_busy": "next",
        "when_away": "next",
        "external": TRUNK,
        "deputies": {"244": ["247", "248"]},
    }
    if manager != "244":
        policy["deputies"] = {"244": ["247"]} if "247" in states else {}
    decision = decided(manager, states, **policy)
    followers = f"{FIRST}|{SECOND}"
    assert decision.target == (f"{target}|{followers}" if target else followers)
    both = decided(manager, states, **policy | {"when_busy": "both", "when_away": "both"})
    together = f"{rung('244')},{target}|{followers}" if target else f"{rung('244')},{FIRST}|{SECOND}"
    assert both.target == together


def test_a_follower_who_is_the_deputy_too_rings_once() -> None:
    decision = decided("244", {"244": BUSY, "100": FREE}, when_busy="next", deputies={"244": ["100"]})
    assert decision.target == f"{rung('100')}|{SECOND}"


def test_a_category_may_say_otherwise() -> None:
    vip = rule("VIP", when_busy="ring")
    policy: dict[str, Any] = {
        "when_busy": "next",
        "category": (vip, rule("Опт", when_busy="both", then=("user/200@{domain}",))),
    }
    assert decided("244", {"244": BUSY}, "VIP", **policy).target == f"{rung('244')}|{FIRST}|{SECOND}"
    assert decided("244", {"244": BUSY}, "Опт", **policy).target == f"{rung('244')},user/200@pbx.example"
    assert decided("", {}, "VIP", **policy).target is None, "it says nothing of those without a manager"


def test_who_is_turned_away_rings_nobody() -> None:
    decision = decided("244", {"244": FREE}, "СПАМ", category=(rule("СПАМ", reject="CALL_REJECTED"),))
    assert (decision.target, decision.reject) == (None, "CALL_REJECTED")
    assert decision.why == "turned away with CALL_REJECTED"
    assert dict(decision.variables)["fs_1c_reject"] == "CALL_REJECTED"
    assert not decided("244", {"244": FREE}, "0", category=(rule("СПАМ", reject="CALL_REJECTED"),)).reject


def test_a_telephone_that_declines() -> None:
    declines = Presence(BUSY, SINCE, declines=True)
    caller = Caller(SEED, Result.FOUND, "89235292926", "x", "0", "244")
    policy = RoutingSettings(when_busy="next")
    assert (
        decide(CALL, caller, policy, PLAN, lambda *_: declines).why
        == "244 declines calls since 14:02: passed over"
    )


@given(
    st.dictionaries(st.sampled_from(["244", "245", "246"]), st.sampled_from(PresenceState)),
    st.sampled_from(["ring", "next", "both"]),
    st.sampled_from(["ring", "next", "both"]),
    st.sampled_from(["244", "244, 245", "245 244"]),
    st.booleans(),
)
def test_nobody_is_passed_over_who_is_not_known_to_be_unable(
    states: dict[str, PresenceState], busy: str, away: str, manager: str, deputies: bool
) -> None:
    policy: dict[str, Any] = {"when_busy": busy, "when_away": away}
    policy["deputies"] = {"244": ["246"], "245": ["246"]} if deputies else {}
    decision = decided(manager, states, **policy)
    first = manager[:3]
    rings = decision.target is not None and f"user/{first}@" in decision.target
    assert rings == {
        BUSY: busy != "next",
        AWAY: away != "next",
    }.get(states.get(first, UNKNOWN), True)
    assert dict(decision.variables)["fs_1c_manager"] == first
    assert decision.target is not None
    assert decision.target.count(f"user/{first}@") <= 1
