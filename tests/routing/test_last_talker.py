"""Who talked to a client last stands in for a manager whom 1C does not name."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.call import Call, Caller, Decision, LastTalk, Presence, PresenceState, Result
from fs_1c.numbers import Number, NumberPlan
from fs_1c.routing import decide, is_vacant
from fs_1c.settings import CategoryRule, RoutingSettings

FREE, BUSY, AWAY, UNKNOWN = PresenceState
PLAN = NumberPlan()
SEED = Number("+79235292926", "89235292926")
CALL = Call("uuid-1", "89235292926", domain="pbx.example")
AT = time.mktime((2026, 11, 27, 14, 2, 0, 0, 0, -1))
RUNG = "[progress_timeout=3,leg_timeout=20]user/244@pbx.example"
REJECTED = CategoryRule(**{"is": "СПАМ", "reject": "CALL_REJECTED"})


def caller(result: Result = Result.FOUND, manager: str = "", category: str = "0") -> Caller:
    return Caller(SEED, result, "89235292926", "Чиж", category, manager)


def decided(
    who: Caller, state: PresenceState | None = None, extension: str = "244", **policy: Any
) -> Decision:
    def state_of(asked: str, domain: str) -> Presence:
        return Presence(state or UNKNOWN, AT)

    routing = RoutingSettings(**{"last_talker": "7d", **policy})
    return decide(CALL, who, routing, PLAN, state_of if state else None, LastTalk(extension, AT))


def vacant(who: Caller, **policy: Any) -> bool:
    return is_vacant(CALL, who, RoutingSettings(**{"last_talker": "7d", **policy}), PLAN)


@pytest.mark.parametrize("result", [Result.FOUND, Result.UNKNOWN, Result.LATE, Result.FAILED])
def test_he_stands_in_for_a_manager_of_whom_1c_says_nothing(result: Result) -> None:
    decision = decided(caller(result), then=("user/100@{domain}",))
    variables = dict(decision.variables)
    assert decision.target == f"{RUNG}|user/100@pbx.example" == variables["fs_1c_target"]
    assert (variables["fs_1c_manager"], variables["fs_1c_source"]) == ("244", "last-talker")
    assert decision.why == "244 talked to the client last (27.11 14:02)"
    assert vacant(caller(result))


@pytest.mark.parametrize("manager", ["0", "Иванов", "2.44"])
def test_what_1c_has_in_a_managers_place_may_be_nobody(manager: str) -> None:
    assert decided(caller(manager=manager)).target == RUNG


@pytest.mark.parametrize(
    ("who", "policy"),
    [
        (caller(manager="245"), {}),
        (caller(manager="+5351234567"), {"external": "sofia/gateway/trunk/{number}"}),  # not allowed
        (caller(category="СПАМ"), {"category": (REJECTED,)}),
        (caller(Result.BLOCKED), {}),
        (caller(Result.SKIPPED), {}),
        (Caller(None, Result.SKIPPED), {}),
    ],
)
def test_otherwise_he_is_not_asked_for(who: Caller, policy: dict[str, Any]) -> None:
    decision = decided(who, **policy)
    assert "user/244" not in (decision.target or "")
    assert "fs_1c_source" not in dict(decision.variables)
    assert "talked" not in decision.why
    assert not vacant(who, **policy)


def test_nobody_asks_unless_it_is_set() -> None:
    assert not vacant(caller(), last_talker="off")
    assert RoutingSettings().last_talker == 0
    assert RoutingSettings().last_talker_at_least == 10


@pytest.mark.parametrize(
    ("state", "policy", "target", "why"),
    [
        (FREE, {"when_busy": "next"}, RUNG, ""),
        (BUSY, {"when_busy": "next"}, None, "; 244 talks since 14:02: passed over"),
        (AWAY, {"when_away": "next"}, None, "; 244 is away since 14:02: passed over"),
        (
            AWAY,
            {"when_away": "next", "then": ("user/100@{domain}",)},
            "user/100@pbx.example",
            "; 244 is away since 14:02: passed over",
        ),
        (BUSY, {}, RUNG, "; 244 talks since 14:02: rings all the same"),
    ],
)
def test_he_is_looked_at_like_any_other(
    state: PresenceState, policy: dict[str, Any], target: str | None, why: str
) -> None:
    decision = decided(caller(), state, **policy)
    assert decision.target == target
    assert decision.why == f"244 talked to the client last (27.11 14:02){why}"
    assert dict(decision.variables)["fs_1c_manager_state"] == state.value


def test_his_deputy_may_ring_in_his_place() -> None:
    states = {"244": BUSY, "245": FREE}
    routing = RoutingSettings(last_talker="7d", when_busy="next", deputies={"244": ["245"]})
    decision = decide(
        CALL, caller(), routing, PLAN, lambda who, _: Presence(states[who], AT), LastTalk("244", AT)
    )
    assert decision.target == RUNG.replace("244", "245")
    assert decision.why.endswith("talks since 14:02: 245 rings in his place")


def test_a_category_without_a_manager_still_goes_by_its_rule_after_him() -> None:
    rule = CategoryRule(**{"is": "VIP", "then": ("user/101@{domain}",)})
    decision = decided(caller(category="VIP"), category=(rule,))
    assert decision.target == f"{RUNG}|user/101@pbx.example"


@given(st.one_of(st.text(max_size=30), st.sampled_from(["244", "000", "2440000000", "24 4", "٢٤٤", "${x}"])))
def test_whatever_somebody_has_written_is_an_extension_or_nothing(extension: str) -> None:
    decision = decided(caller(), extension=extension)
    if decision.target is None:
        assert not decision.why and "fs_1c_source" not in dict(decision.variables)
    else:
        assert extension.isascii() and extension.isdigit() and len(extension) <= 6
        assert decision.target == RUNG.replace("244", extension)
