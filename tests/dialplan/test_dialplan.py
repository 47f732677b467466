"""The dialplans to copy: linted, and followed by a small interpreter; tests/freeswitch has the real calls."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fs_1c.call import Call, Caller, Presence, PresenceState, Result
from fs_1c.numbers import NumberPlan
from fs_1c.routing import decide
from fs_1c.settings import RoutingSettings, Unavailable
from tests.dialplan.files import (
    CONFIGURATIONS,
    DIALPLANS,
    DIRECTORY,
    EVERY,
    FOLDER,
    NUMBER,
    SECOND_NUMBER,
    extensions,
)
from tests.dialplan.lint import actions, problems
from tests.dialplan.trace import Ask, Dialplan, Trace, Variables, endpoints, nobody

DOMAIN = "pbx.example"
SYNC = (FOLDER / "sync.xml").read_text()
ASYNC = (FOLDER / "async.xml").read_text()

# file → number → the dial strings without 1C, in order.
DEFAULTS = {
    "async": {NUMBER: ["user/100@pbx.example"]},
    "bases": {NUMBER: ["user/100@pbx.example"], SECOND_NUMBER: ["user/200@pbx.example"]},
    "domains": {NUMBER: ["user/100@first.example"], SECOND_NUMBER: ["user/100@second.example"]},
    "listener": {NUMBER: ["user/244@pbx.example,user/245@pbx.example", "user/100@pbx.example"]},
    "mod_python": {NUMBER: ["user/100@pbx.example"]},
    "neighbour": {NUMBER: ["user/100@pbx.example"]},
    "queue": {NUMBER: ["user/100@pbx.example"]},
    "recorded": {NUMBER: ["user/100@pbx.example"]},
    "ring_group": {NUMBER: ["user/244@pbx.example,user/245@pbx.example", "user/100@pbx.example"]},
    "sync": {NUMBER: ["user/100@pbx.example"]},
    "vip": {NUMBER: ["user/100@pbx.example"]},
}
CASES = [(path, number) for path in DIALPLANS for number in DEFAULTS[path.stem]]
each_dialplan = pytest.mark.parametrize("path", DIALPLANS, ids=lambda path: path.stem)
each_number = pytest.mark.parametrize(
    ("path", "number"), CASES, ids=lambda value: getattr(value, "stem", value)
)


def contexts(path: Path) -> dict[str, list[etree._Element]]:
    """That file in `public`, and a person at 100 in each company's own context."""
    own = {
        f"{name}.example": extensions(
            f'<include><extension name="100"><condition field="destination_number" expression="^100$">'
            f'<action application="bridge" data="user/100@{name}.example"/></condition></extension></include>'
        )
        for name in ("first", "second")
    }
    return {"public": extensions(path.read_text()), **own}


def known(
    manager: str = "244",
    category: str = "0",
    result: Result = Result.FOUND,
    state: PresenceState | None = None,
    policy: RoutingSettings | None = None,
) -> Ask:
    """A service that decides as ours does, for a client of that manager and category."""

    def ask(mode: str, variables: Variables) -> str:
        call = Call("u", "89235292926", domain=variables.get("domain_name", ""))
        decision = decide(
            call,
            Caller(None, result, title="Чиж", manager=manager, category=category),
            policy or RoutingSettings(),
            NumberPlan(),
            (lambda extension, domain: Presence(state)) if state else None,
        )
        variables.update(decision.variables)
        if mode != "async":
            return ""
        default = "${fs_1c_default_target}"
        return f"{decision.target}|{default}" if decision.target else default

    return ask


def follow(path: Path, number: str, ask: Ask = nobody, answering: frozenset[str] = frozenset()) -> Trace:
    return Dialplan(contexts(path), ask, answering.__contains__).call(number, {"domain": DOMAIN})


def test_every_example_is_looked_at() -> None:
    assert {path.stem for path in DIALPLANS} == set(DEFAULTS)
    assert sorted(EVERY) == sorted(FOLDER.rglob("*.xml"))


@each_dialplan
def test_an_example_has_no_fault(path: Path) -> None:
    assert problems(path.read_text()) == []


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("</include>", "", "is no XML"),
        ("include>", "extensions>", "the root must be"),
        ("<include>", '<!DOCTYPE include [<!ENTITY x "y">]><include>', "the root must be"),
        ("^(\\+?74951234567)$", "74951234567", "matches parts of a number"),
        ("^(\\+?74951234567)$", "^(74951234567$", "unterminated"),
        (' expression="^(\\+?74951234567)$"', "", "matches everything"),
        ('application="bridge"', 'application="brigde"', "brigde: not an application"),
        ('application="bridge"', 'application="system"', "system: not an application"),
        ("127.0.0.1:8084 full", "127.0.0.1 8084 full", "is no argument for it"),
        ("127.0.0.1:8084 full", "127.0.0.1:8084", "is no argument for it"),
        ("127.0.0.1:8084 full", "pbx.example:8084 full", "is no argument for it"),
        ("continue_on_fail=true", "continue_on_fail=false", "continue_on_fail=true must be set"),
        ("hangup_after_bridge=true", "x=y", "hangup_after_bridge=true must be set"),
        ("continue_on_fail=true", "socket_resume=true", "socket_resume=true belongs before an async"),
        ("~fs_1c_default_target", "~other", "fs_1c_default_target must be set"),
        ('"${fs_1c_target}"', '"user/244@${domain}"', "nobody bridges to"),
        ('<action application="bridge" data="${fs_1c_default_target}"/>', "", "no last resort"),
        ("user/100@${domain}", "user/100@${domain", "a bracket is missing"),
        (
            "fs_1c_default_target=user/100",
            "fs_1c_default_target=${fs_1c_manager}",
            "what others have written",
        ),
        (
            "continue_on_fail=true",
            "api_hangup_hook=system touch ${caller_id_name}",
            "what others have written",
        ),
        ("continue_on_fail=true", "x=${cond(${fs_1c_category} == VIP ? 1 : 2)}", "what others have written"),
        ("continue_on_fail=true", "api_on_answer=python fs_1c_dialplan", "stops all Python"),
        ('name="fs-1c"', 'name="sync"', "must begin with fs-1c"),
        ("~force_transfer_context=default", "", "force_transfer_context must be set"),
        ("~domain_name=${domain}", "", "domain_name must be set"),
        ("~transfer_ringback=%(1000,4000,425)", "", "transfer_ringback must be set"),
        (
            "${export_vars},",
            "${export_vars},force_transfer_context,",
            "force_transfer_context must not be exported",
        ),
        (",outbound_redirect_fatal", ",other", "outbound_redirect_fatal=true must be exported"),
        ("outbound_redirect_fatal=true", "x=true", "outbound_redirect_fatal=true must be exported"),
        ("regex(${effective_caller_id_name}", "regex(${caller_id_name}", "is no argument for it"),
        ("last_dial_ext/${fs_1c_manager}", "last_dial_ext/${fs_1c_title}", "what others have written"),
        (
            "hash(insert/${domain_name}-last_dial_ext/${fs_1c_manager}",
            "system(${fs_1c_manager}",
            "what others",
        ),
    ],
)
def test_a_fault_is_found(good: str, bad: str, told: str) -> None:
    assert good in SYNC
    found = problems(SYNC.replace(good, bad))
    assert any(told in problem for problem in found), found


def test_what_is_recommended_adds_no_more_than_two_applications() -> None:
    """Each costs every call about 0.2 ms; the order counts, too."""
    (extension,) = extensions(SYNC)
    ran = [application for application, _ in actions(extension)]
    assert ran == ["multiset", "socket", "set_profile_var", "set", "bridge", "bridge"]


def test_async_needs_socket_resume() -> None:
    found = problems(ASYNC.replace("socket_resume=true", "socket_resume=false"))
    assert found == ["fs-1c-async: socket_resume=true belongs before an async socket, and only there"]


@pytest.mark.parametrize("path", [*CONFIGURATIONS, *DIRECTORY], ids=lambda path: path.name)
def test_a_configuration_is_what_its_name_says(path: Path) -> None:
    root = etree.fromstring(path.read_bytes())
    if path in DIRECTORY:
        assert root.tag == "include"
        assert [user.get("id") for user in root.iter("user")] == [path.stem]
        assert [one.get("value") for one in root.iter("variable") if one.get("name") == "fs_1c_key"]
    else:
        assert (root.tag, root.get("name")) == ("configuration", path.name.removesuffix(".xml"))


@each_number
def test_without_the_service_the_default_target_rings(path: Path, number: str) -> None:
    assert follow(path, number).rang == DEFAULTS[path.stem][number]


@each_number
def test_an_answer_ends_it(path: Path, number: str) -> None:
    default = DEFAULTS[path.stem][number]
    first = endpoints(default[0])[0][0]
    trace = follow(path, number, answering=frozenset({first}))
    assert (trace.rang, trace.talks_to) == (default[:1], first)


@each_number
def test_the_manager_is_rung_before_the_default_target(path: Path, number: str) -> None:
    rang = follow(path, number, known()).rang
    default = DEFAULTS[path.stem][number]
    if path.stem == "listener":
        assert rang == default
        return
    domain = default[-1].partition("@")[2]
    steps = [step for dial_string in rang for step in dial_string.split("|")]
    assert steps[0] == f"[progress_timeout=3,leg_timeout=20]user/244@{domain}"
    rest = steps[1:] if path.stem != "async" else steps[1:2]  # async rings it, and then the dialplan does
    assert rest == default
    assert follow(path, number, known(result=Result.UNKNOWN)).rang[0] == default[0]


def test_vip_have_targets_of_their_own() -> None:
    vip = FOLDER / "vip.xml"
    own = "[leg_timeout=20]user/101@pbx.example|user/100@pbx.example"
    assert follow(vip, NUMBER, known("", "VIP")).rang == [own]
    assert follow(vip, NUMBER, known("244", "VIP")).rang[1:] == [own]
    assert follow(vip, NUMBER, known("244", "VIP2")).rang[1:] == ["user/100@pbx.example"]


@pytest.mark.parametrize(("category", "score"), [("VIP", True), ("0", False), ("", False)])
def test_vip_are_before_the_others_in_the_queue(category: str, score: bool) -> None:
    ran = follow(FOLDER / "queue.xml", NUMBER, known("244", category)).ran
    assert (("set", "cc_base_score=1000") in ran) is score
    assert ("callcenter", "support@default") in ran


NEXT = RoutingSettings(when_busy=Unavailable.NEXT, when_away=Unavailable.NEXT)


@pytest.mark.parametrize("state", [None, *PresenceState])
def test_a_group_sees_why_the_manager_does_not_answer(state: PresenceState | None) -> None:
    passed = state in (PresenceState.BUSY, PresenceState.AWAY)
    trace = follow(FOLDER / "ring_group.xml", NUMBER, known(state=state, policy=NEXT))
    assert len(trace.rang) == (2 if passed else 3)
    assert trace.rang[-2:] == DEFAULTS["ring_group"][NUMBER]
    said = f"effective_caller_id_name=Чиж (244 {state})"
    assert (("set", said) in trace.ran) is passed


@pytest.mark.parametrize(
    ("state", "category", "score"),
    [
        (PresenceState.BUSY, "0", ["300"]),
        (PresenceState.AWAY, "0", ["300"]),
        (PresenceState.AWAY, "VIP", ["300", "1000"]),
        (PresenceState.FREE, "0", []),
        (PresenceState.UNKNOWN, "0", []),
        (None, "0", []),
    ],
)
def test_in_the_queue_who_has_a_manager_who_cannot_answer_is_before_who_has_none(
    state: PresenceState | None, category: str, score: list[str]
) -> None:
    ran = follow(FOLDER / "queue.xml", NUMBER, known("244", category, state=state)).ran
    scores = [data for app, data in ran if app == "set" and data.startswith("cc_base_score=")]
    assert scores == [f"cc_base_score={one}" for one in score]


@pytest.mark.parametrize(("number", "base"), [(NUMBER, "sales"), (SECOND_NUMBER, "service")])
def test_the_dialled_number_chooses_the_base(number: str, base: str) -> None:
    asked: list[str] = []

    def ask(mode: str, variables: Variables) -> str:
        asked.append(variables["fs_1c_base"])
        return ""

    follow(FOLDER / "bases.xml", number, ask)
    assert asked == [base]


services = st.one_of(
    st.just(nobody),
    st.builds(known, st.sampled_from(["", "244", "101", "100"]), st.sampled_from(["", "0", "VIP", "${x}"])),
    st.builds(known, result=st.sampled_from(list(Result))),
)
phones = st.frozensets(
    st.sampled_from(["100", "101", "200", "244", "245"]).flatmap(
        lambda who: st.sampled_from([f"user/{who}@{d}" for d in (DOMAIN, "first.example", "second.example")])
    )
)


@given(st.sampled_from(CASES), services, phones)
def test_no_call_is_lost(case: tuple[Path, str], service: Ask, answering: frozenset[str]) -> None:
    """Whatever the service says and whoever answers: the call ends with the first who does, or after all of
    the default target has been rung.
    """
    path, number = case
    trace = follow(path, number, service, answering)
    rung = [one for dial_string in trace.rang for step in endpoints(dial_string) for one in step]
    last = endpoints(DEFAULTS[path.stem][number][-1])[-1][-1]
    if trace.talks_to:
        assert trace.talks_to in answering
    else:
        assert rung[-1] == last
        assert not answering & set(rung)
