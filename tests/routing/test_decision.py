"""Where a call goes and what the phone shows; nothing that 1C or a caller says breaks a dial string."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.call import Call, Caller, Decision, Result
from fs_1c.numbers import Number, NumberFormat, NumberPlan
from fs_1c.routing import decide
from fs_1c.settings import NameShown, RoutingSettings
from fs_1c.settings.routing import CategoryRule

PLAN = NumberPlan()
SEED = Number("+79235292926", "89235292926")
CALL = Call("uuid-1", "89235292926", domain="pbx.example")
TRUNK = "sofia/gateway/trunk/{number}"
HOSTILE = [
    "244,user/999",
    "244|user/999",
    "244@evil.example",
    "${system(id)}",
    "244 ${x}",
    "[leg_timeout=1]244",
    "{x=1}244",
    "244'",
    "244\nexecute-app-name: system",
    "error/user_busy",
    "&park()",
    "2:_:4",
    "-244",
    "Иван",
    "٢٤٤",
    "244 😀",
    "9" * 1000,
]


def decided(caller: Caller | str, call: Call = CALL, **policy: Any) -> Decision:
    """What is decided for a caller, or for the client of a manager with that phone."""
    if isinstance(caller, str):
        caller = Caller(SEED, Result.FOUND, "89235292926", "Фэйковый чиж", "0", caller)
    return decide(call, caller, RoutingSettings(**policy), PLAN)


def rule(category: str, *then: str) -> CategoryRule:
    return CategoryRule(**{"is": category, "then": then})


def test_the_seeds_client_goes_to_his_manager_with_his_name_shown() -> None:
    decision = decided("244")
    assert decision.target == "[progress_timeout=3,leg_timeout=20]user/244@pbx.example"
    assert decision.variables == (
        ("fs_1c_result", "found"),
        ("fs_1c_number", "+79235292926"),
        ("fs_1c_title", "Фэйковый чиж"),
        ("fs_1c_category", "0"),
        ("fs_1c_manager", "244"),
        ("effective_caller_id_name", "Фэйковый чиж"),
        ("fs_1c_target", "[progress_timeout=3,leg_timeout=20]user/244@pbx.example"),
    )


@pytest.mark.parametrize("phone", ["1244", "1 244", "1\u00a0244", "1\u202f244", "\u00a01\u00a0244 "])
def test_an_extension_is_found_in_the_way_1c_formats_numbers(phone: str) -> None:
    decision = decided(phone)
    assert decision.target == "[progress_timeout=3,leg_timeout=20]user/1244@pbx.example"
    assert dict(decision.variables)["fs_1c_manager"] == "1244"
    assert decision.caller.manager == phone, "the journal has it as 1C wrote it"


@pytest.mark.parametrize("phone", ["", "0", "00", "0\u00a0000", "нет", "${x}", "[x]"])
def test_no_usable_manager_means_no_target_even_where_followers_are_set(phone: str) -> None:
    decision = decided(phone, then=("user/100@{domain}",), external=TRUNK)
    assert decision.target is None
    assert not {"fs_1c_target", "fs_1c_manager"} & set(dict(decision.variables))


@pytest.mark.parametrize("phone", HOSTILE)
def test_of_a_hostile_manager_only_digits_reach_the_dial_string(phone: str) -> None:
    target = decided(phone, then=("user/100@{domain}",)).target
    if target is not None:
        assert re.fullmatch(
            r"\[progress_timeout=3,leg_timeout=20\]user/\d{1,6}@pbx\.example\|user/100@pbx\.example",
            target,
        )


@pytest.mark.parametrize(
    ("written", "inside", "outside"),
    [
        ("244, 245", "user/244", "user/244"),
        ("244 245", "user/244", "user/244"),
        ("244/245", "user/244", "user/244"),
        ("тел. 244", "user/244", "user/244"),
        ("1\u00a0244, 1\u00a0245", "user/1244", "user/1244"),
        ("24 245", "user/24245", "user/24245"),
        ("0, 245", "user/245", "user/245"),
        ("+7 923 529-29-26 доб. 15", "user/15", "trunk/89235292926"),
        ("8 923 529 29 26", None, "trunk/89235292926"),
        ("89235292926 244", "user/244", "trunk/89235292926"),
        ("8923529292600000000", None, None),
    ],
)
def test_the_first_of_several_phones_that_can_be_dialled_is(
    written: str, inside: str | None, outside: str | None
) -> None:
    def dialled(phone: str | None) -> str | None:
        dead = "progress_timeout=3," if phone and phone.startswith("user/") else ""
        return phone and f"[{dead}leg_timeout=20]{phone}"

    for phone, external in ((inside, None), (outside, "trunk/{number}")):
        decision = decided(written, extension="user/{extension}", external=external)
        assert decision.target == dialled(phone)
        said = phone.partition("/")[2] if phone else None
        assert dict(decision.variables).get("fs_1c_manager") == said, "as it can be dialled"


def test_a_mobile_manager_is_called_only_where_a_way_out_is_set() -> None:
    assert decided("+7 (916) 123-45-67").target is None
    assert decided("+7 (916) 123-45-67", external=TRUNK).target == (
        "[leg_timeout=20]sofia/gateway/trunk/89161234567"
    )
    plus = decided("89161234567", external=TRUNK, external_format=NumberFormat.PLUS)
    assert plus.target == "[leg_timeout=20]sofia/gateway/trunk/+79161234567"
    assert dict(plus.variables)["fs_1c_manager"] == "+79161234567", "in the trunk's own form"


def test_a_number_as_received_that_is_no_plain_word_is_not_dialled() -> None:
    as_received: dict[str, Any] = {"external": TRUNK, "external_format": NumberFormat.AS_RECEIVED}
    assert decided("8 916 123-45-67", **as_received).target is None
    assert decided("89161234567", **as_received).target == "[leg_timeout=20]sofia/gateway/trunk/89161234567"


def test_what_follows_a_silent_manager_comes_in_order_and_not_twice() -> None:
    then = ("user/100@{domain}", "user/244@{domain}", "sofia/gateway/trunk/112")
    assert decided("244", then=then, ring_for="7s").target == (
        "[progress_timeout=3,leg_timeout=7]user/244@pbx.example|user/100@pbx.example|sofia/gateway/trunk/112"
    )


@pytest.mark.parametrize(("ring_for", "timeout"), [("200ms", 1), ("1s", 1), ("29600ms", 30)])
def test_a_phone_rings_for_whole_seconds_one_at_least(ring_for: str, timeout: int) -> None:
    target = f"[leg_timeout={timeout}]user/244@pbx.example"
    assert decided("244", ring_for=ring_for, dead_after="off").target == target
    assert decided("244", dead_after=ring_for).target == (
        f"[progress_timeout={timeout},leg_timeout=20]user/244@pbx.example"
    )


def test_a_contact_that_is_dialled_without_user_is_one_leg() -> None:
    target = decided("244", extension="sofia/internal/{extension}%{domain}").target
    assert target == "[leg_progress_timeout=3,leg_timeout=20]sofia/internal/244%pbx.example"


def test_a_trunk_may_take_its_time_to_ring() -> None:
    """A mobile telephone outside says that it rings after five seconds or more: it is not dead."""
    assert "progress" not in str(decided("89161234567", external=TRUNK, dead_after="3s").target)


def test_a_category_has_followers_of_its_own() -> None:
    policy: dict[str, Any] = {
        "then": ("user/100@{domain}",),
        "category": (rule("VIP", "user/101@{domain}"), rule("1")),
    }
    vip = Caller(SEED, Result.FOUND, category="VIP", title="x", manager="244")
    assert (
        decided(vip, **policy).target
        == "[progress_timeout=3,leg_timeout=20]user/244@pbx.example|user/101@pbx.example"
    )
    first = Caller(SEED, Result.FOUND, category="1", title="x", manager="244")
    assert decided(first, **policy).target == "[progress_timeout=3,leg_timeout=20]user/244@pbx.example"
    other = Caller(SEED, Result.FOUND, category="vip", title="x", manager="244")
    assert (
        decided(other, **policy).target
        == "[progress_timeout=3,leg_timeout=20]user/244@pbx.example|user/100@pbx.example"
    )


@pytest.mark.parametrize("manager", ["", "0", "${x}"])
def test_a_client_of_a_category_goes_by_its_rule_even_without_a_manager(manager: str) -> None:
    caller = Caller(SEED, Result.FOUND, category="VIP", title="x", manager=manager)
    assert decided(caller, category=(rule("VIP", "user/101@{domain}"),)).target == "user/101@pbx.example"
    assert decided(caller, category=(rule("VIP"),)).target is None


@pytest.mark.parametrize("domain", ["", "pbx,user/1", "${system(id)}", "pbx\nx", "a b", "[x=1]", "x" * 300])
def test_a_missing_or_hostile_domain_is_left_to_freeswitchs_own(domain: str) -> None:
    call = Call("uuid-1", "89235292926", domain=domain)
    target = decided("244", call, then=("user/100@{domain}",)).target
    assert target == "[progress_timeout=3,leg_timeout=20]user/244@${domain}|user/100@${domain}"
    # The settings' own domain wins, and what needs none goes without.
    assert (
        decided("244", call, domain="10.0.0.1").target
        == "[progress_timeout=3,leg_timeout=20]user/244@10.0.0.1"
    )
    assert (
        decided("244", call, extension="user/{extension}").target
        == "[progress_timeout=3,leg_timeout=20]user/244"
    )


def test_the_administrators_own_channel_variables_are_left_to_freeswitch() -> None:
    decision = decided("244", extension="user/{extension}@${domain}", then=("user/100@${domain}",))
    assert decision.target == "[progress_timeout=3,leg_timeout=20]user/244@${domain}|user/100@${domain}"


@pytest.mark.parametrize("result", [result for result in Result if result is not Result.FOUND])
def test_only_a_known_client_gets_a_target(result: Result) -> None:
    caller = Caller(SEED, result, manager="244", category="VIP")
    decision = decided(caller, then=("user/100@{domain}",), category=(rule("VIP", "user/101@{domain}"),))
    assert decision.target is None
    assert dict(decision.variables)["fs_1c_result"] == result.value


def test_nothing_empty_is_written() -> None:
    decision = decided(Caller(None, Result.SKIPPED))
    assert decision.variables == (("fs_1c_result", "skipped"),)


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        ("${system(id)}", "‹system‹id››"),
        ("$${domain}", "‹domain›"),
        ("\\${x}", "‹x›"),
        ("$\\{x}", "‹x›"),
        ("a ${b", "a ‹b"),
        ('ООО \\"Ромашка\\"', "ООО «Ромашка»"),
        ('ООО "Ромашка"', "ООО «Ромашка»"),  # FreeSWITCH refuses the From header that it makes of quotes
    ],
)
def test_a_display_name_that_is_code_or_quoted_is_made_harmless(name: str, harmless: str) -> None:
    decision = decided(Caller(SEED, Result.UNKNOWN), Call("uuid-1", "1", name))
    assert dict(decision.variables)["effective_caller_id_name"] == harmless


@pytest.mark.parametrize("name", ["", "Иван", "Ivan, O'Brien", "Cost $5", "a {b}", "$", "89235292926"])
def test_any_other_display_name_is_left_alone(name: str) -> None:
    decision = decided(Caller(SEED, Result.UNKNOWN), Call("uuid-1", "1", name))
    assert "effective_caller_id_name" not in dict(decision.variables)


def test_the_clients_title_wins_over_a_display_name() -> None:
    decision = decided("244", Call("uuid-1", "1", "${system(id)}", domain="pbx.example"))
    assert dict(decision.variables)["effective_caller_id_name"] == "Фэйковый чиж"


ANY = st.text(st.characters()) | st.text("0123456789 \u00a0+${}[]|,:_'\\\n@VIP", max_size=20)
HOST = r"(\$\{domain\}|[\w.:\[\]-]+)"
MANAGER = (
    rf"(\[progress_timeout=3,leg_timeout=20\]user/[0-9]{{1,6}}@{HOST}|"
    r"\[leg_timeout=20\]sofia/gateway/trunk/[0-9]+)"
)
FOLLOWER = rf"user/10[01]@{HOST}"
SAFE_TARGET = re.compile(rf"{MANAGER}(\|{FOLLOWER})?|{FOLLOWER}", re.ASCII)


@given(
    title=ANY,
    category=st.just("VIP") | ANY,
    manager=st.sampled_from(["244", "1\u00a0244", "8 916 123-45-67"]) | ANY,
    name=ANY,
    domain=st.just("pbx.example") | ANY,
    result=st.just(Result.FOUND) | st.sampled_from(Result),
    shown=st.sampled_from(NameShown),
)
def test_whatever_1c_and_the_caller_say_every_value_is_harmless(
    title: str, category: str, manager: str, name: str, domain: str, result: Result, shown: NameShown
) -> None:
    call = Call("uuid-1", "89235292926", name, domain=domain)
    caller = Caller(SEED, result, "89235292926", title, category, manager)
    category_rule = rule("VIP", "user/101@{domain}")
    decision = decided(
        caller, call, external=TRUNK, then=("user/100@{domain}",), category=(category_rule,), name=shown
    )
    for variable, value in decision.variables:
        assert value
        if variable == "fs_1c_manager":
            assert re.fullmatch(r"[0-9]{1,15}", value, re.ASCII), "fit for a key of mod_hash"
        if variable == "effective_caller_id_name" and shown is NameShown.LATIN:
            assert value.isascii()
        if variable != "fs_1c_target":
            assert not re.search(r"[\x00-\x1f\x7f]", value)
            assert not set("${}[]<>\\|^~'`,=;%/:@\"&()*?!#") & set(value)
    if decision.target is not None:
        assert SAFE_TARGET.fullmatch(decision.target)
    assert dict(decision.variables).get("fs_1c_target") == decision.target
