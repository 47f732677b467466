"""What may be dialled for 1C (`routing.external_allow`): the rule, its patterns, and what becomes of a call
whose manager must not be rung.
"""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from fs_1c.call import Call, Caller, Decision, Result
from fs_1c.journal.contract import as_json
from fs_1c.journal.entries import CallEntry, of_decision
from fs_1c.journal.report import story
from fs_1c.numbers import MAX_DIALLED, OWN_COUNTRY, Number, NumberFormat, NumberPlan, read, refusal
from fs_1c.routing import decide
from fs_1c.settings import RoutingSettings
from fs_1c.settings.routing import CategoryRule
from fs_1c.settings.types import _PATTERN, NumberPattern
from tests.support import EXAMPLES

PLAN = NumberPlan()
OWN = (OWN_COUNTRY,)
SEED = Number("+79235292926", "89235292926")
TRUNK = "sofia/gateway/trunk/{number}"
PATTERNS = TypeAdapter(NumberPattern)


def may(written: str, allow: tuple[str, ...] = OWN, plan: NumberPlan = PLAN, form: str = "8") -> bool:
    number = read(written, plan)
    assert isinstance(number, Number), written
    return not refusal(number, number.written(NumberFormat(form)), allow, plan)


def decided(manager: str, call: Call | None = None, **policy: Any) -> Decision:
    caller = Caller(SEED, Result.FOUND, "89235292926", "Фэйковый чиж", "VIP", manager)
    given = RoutingSettings(external=TRUNK, **policy)
    return decide(call or Call("uuid-1", "89235292926", domain="pbx.example"), caller, given, PLAN)


# The country's own numbers.


@pytest.mark.parametrize(
    "usual",
    [
        *("8 916 123-45-67", "+7 383 274-50-00", "8 495 123-45-67", "8 800 123-45-67", "8-978-123-45-67"),
        *("8 812 345-67-89", "8 4922 34-56-78", "98 923 529-29-26"),
    ],
)
def test_a_usual_number_of_the_country_may_be_dialled(usual: str) -> None:
    assert may(usual)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("+53 5 123 45 67", "it is a number of CU, not of RU"),
        ("8-10-375-29-123-45-67", "it is a number of BY, not of RU"),
        ("+7 707 123 45 67", "it is a number of KZ, not of RU"),
        ("8-809-123-45-67", "its kind is premium rate"),
        ("8-803-123-45-67", "its kind is premium rate"),
        ("8-808-123-45-67", "its kind is personal number"),
        ("8-801-123-45-67", "its kind is unknown"),
        ("+7 555 123 45 67", "it is in no numbering plan"),
        ("+882 13 300 000", "it is a number of 001, not of RU"),
    ],
)
def test_no_other_may(written: str, why: str) -> None:
    number = read(written.replace("8-10-", "+"), PLAN)
    assert isinstance(number, Number)
    assert refusal(number, number.written(NumberFormat.EIGHT), OWN, PLAN) == why


@pytest.mark.parametrize("form", list(NumberFormat))
@pytest.mark.parametrize("written", ["89161234567", "+79161234567", "79161234567", "9161234567"])
def test_in_whatever_form_the_trunk_is_given_it(written: str, form: NumberFormat) -> None:
    assert may(written, form=form)


@pytest.mark.parametrize("written", ["989235292926", "+89235292926"])
def test_what_a_trunk_may_understand_otherwise_is_not_dialled_as_received(written: str) -> None:
    assert may(written)
    assert not may(written, form="as-received")


@pytest.mark.parametrize(
    ("country", "usual", "dear"),
    [
        ("DE", "030 12345678", "0900 1123456"),
        ("US", "(212) 555-1234", "+1 876 555 1234"),
        ("BY", "8 029 123-45-67", "8 902 123 45 67"),
    ],
)
def test_other_countries_have_own_numbers_too(country: str, usual: str, dear: str) -> None:
    plan = NumberPlan(country)
    for form in ("+7", "7", "as-received"):
        assert may(usual, plan=plan, form=form)
        assert not may(dear, plan=plan, form=form)


def test_an_emergency_number_is_none_of_them() -> None:
    plan = NumberPlan("DE", extension_digits=3)
    assert not may("1100", plan=plan, form="as-received")


# Patterns.


def test_a_pattern_is_of_the_whole_number_as_it_is_dialled() -> None:
    assert may("+53 5 123 45 67", ("^81053[0-9]+$",))
    assert may("+53 5 123 45 67", (OWN_COUNTRY, r"\+53\d+"), form="+7")
    assert not may("+53 5 123 45 67", ("8",))
    assert not may("8 916 123 45 67", ("^8495[0-9]{7}$",)), "own-country is not among them"
    assert not may("8 916 123 45 67", ())
    long = Number("+79161234567", "8" * (MAX_DIALLED + 1))
    assert refusal(long, long.received, ("[0-9]+",), PLAN) == "it is too long for a telephone number"


@pytest.mark.parametrize(
    "good",
    [
        OWN_COUNTRY,
        "^8[0-9]{10}$",
        r"8(495|499)\d{7}",
        r"^(?:8|\+?7)9\d{9}$",
        ".*",
        "[0-9]{2,}",
        r"\*72#",
        "8?",
        "^8[^89]+$",
        "8" * 200,
    ],
)
def test_a_good_pattern(good: str) -> None:
    assert PATTERNS.validate_python(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "^",
        "8(",
        "(8*)*",
        "(8+)+$",
        "8++",
        "8*?",
        "8{1000}",
        "(8|(7|9))",
        r"(8)\1",
        "(?=8)8",
        "(?i)8",
        *("8 9", "8" * 201, "8?" * 5, r"\d*" * 60, r"(\d|\d)" * 20, "8\n", "^8$\n", "[]8]", "8|9", "[a-z]"),
        *(r"\w", "["),
    ],
)
def test_what_is_none_is_refused(bad: str) -> None:
    with pytest.raises(ValidationError, match=r"allowed: own-country|is no pattern"):
        PATTERNS.validate_python(bad)


@settings(max_examples=20 * EXAMPLES)
@given(st.from_regex(_PATTERN, fullmatch=True), st.text("0123456789+*#", max_size=MAX_DIALLED))
@example(r"\d*\d*\d*\d*#", "8" * MAX_DIALLED)
@example(r"(\d|\d)(\d|\d)(\d|\d)(\d|\d)#", "8" * MAX_DIALLED)
@example(r"\d{0,99}\d{0,99}\d{0,99}\d{0,99}#", "8" * MAX_DIALLED)
def test_no_pattern_takes_long_and_what_it_allows_it_describes(pattern: str, dialled: str) -> None:
    try:
        PATTERNS.validate_python(pattern)
    except ValidationError:
        return
    before = time.thread_time()
    allowed = not refusal(SEED, dialled, (pattern,), PLAN)
    assert time.thread_time() - before < 1, "some hundred thousand steps at the most"
    assert allowed == bool(re.fullmatch(pattern, dialled))


# What becomes of the call.


def test_a_refused_phone_is_passed_over() -> None:
    cuba = decided("+53 5 123 45 67")
    assert cuba.target is None
    assert "fs_1c_manager" not in dict(cuba.variables)
    assert cuba.refused == (
        "8105351234567 is not dialled: it is a number of CU, not of RU (routing.external_allow)"
    )
    follows = decided("8-809-123-45-67", then=("user/100@{domain}",))
    assert follows.target == dict(follows.variables)["fs_1c_target"] == "user/100@pbx.example"
    rule = CategoryRule(**{"is": "VIP", "then": ("user/101@{domain}",)})
    assert decided("8-809-123-45-67", then=("user/100",), category=(rule,)).target == "user/101@pbx.example"
    both = decided("8-809-123-45-67, 8 916 123-45-67", then=("user/100@{domain}",))
    assert both.target == "[leg_timeout=20]sofia/gateway/trunk/89161234567|user/100@pbx.example"
    assert "88091234567 is not dialled: its kind is premium rate" in both.refused


def test_an_extension_needs_no_leave() -> None:
    assert (
        decided("112", external_allow=()).target == "[progress_timeout=3,leg_timeout=20]user/112@pbx.example"
    )
    assert not decided("244").refused
    assert not decided("нет").refused


PHONES = (
    st.from_regex(r"(\+|00|8 ?10 ?|8|7|)[ -]?(\(?\d{2,4}\)?[ .-]?){1,4}(, ?\d{2,11})?", fullmatch=True)
    | st.sampled_from(["+5351234567", "8-809-123-45-67", "112", "+7 803 1234567", "8 916 123-45-67"])
    | st.text(st.characters())
)


@given(
    PHONES,
    st.sampled_from(NumberFormat),
    st.sampled_from([OWN, (), ("^8495[0-9]{7}$",), (r"\+375\d+", OWN_COUNTRY)]),
)
def test_nothing_is_dialled_that_is_not_allowed(
    manager: str, form: NumberFormat, allow: tuple[str, ...]
) -> None:
    target = decided(manager, external_format=form, external_allow=allow).target or ""
    for dialled in re.findall(r"trunk/([^|]*)", target):
        if any(re.fullmatch(one, dialled) for one in allow if one != OWN_COUNTRY):
            continue
        assert OWN_COUNTRY in allow
        # By the plan itself, and not by the library that was asked.
        own = re.fullmatch(r"(?:8|\+?7|)([3489]\d{9})", dialled)
        assert own, dialled
        assert own[1][:3] not in ("801", "802", "803", "805", "806", "807", "808", "809"), dialled


def test_the_journal_says_why() -> None:
    def told(manager: str, **policy: Any) -> str:
        row = of_decision(decided(manager, **policy), True, 0.0)
        entry = CallEntry(0.0, "uuid-1", row.number, (row,), ())
        error = as_json(entry)["decisions"][0]["error"]
        assert error["kind"] == "not-allowed"
        assert "its kind is premium rate" in error["message"]
        return " ".join(story(entry))

    why = "88091234567 is not dialled: its kind is premium rate (routing.external_allow)"
    assert f"Sent to the dialplan's own target: {why}." in told("88091234567")
    assert f"Sent to user/100: to whom the settings let follow the manager; {why}." in told(
        "88091234567", then=("user/100",)
    )
    other = told("88091234567, 244")
    assert f"to the client's manager 88091234567, 244; {why}." in other
