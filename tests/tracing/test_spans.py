"""What has happened → spans: a table for each, and what must never be in any."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.call import (
    Call,
    Caller,
    Conversation,
    Decision,
    Failure,
    HistoryWord,
    How,
    Outcome,
    Result,
    ScreenPop,
    Source,
    Told,
)
from fs_1c.numbers import Number
from fs_1c.talk import Ring, Story, Talk
from fs_1c.tracing import spans
from fs_1c.tracing.spans import Moment, Span

UUID = "5c5a7a1e-3f0b-4c63-9a53-0d9a52a5a001"
NOW = 1_700_000_000.0
NUMBER = "+79235292926"
CALL = Call(UUID, "89235292926", "Чиж", "+73832745000")
FOUND = Caller(
    Number(NUMBER, "89235292926"),
    Result.FOUND,
    "89235292926",
    "ООО Рога",
    "VIP",
    "89139876543",
    Source.ONEC,
    0.2,
    0.15,
    base="sales",
)
DECISION = Decision(CALL, FOUND, (("effective_caller_id_name", "ООО Рога"),), "sofia/gateway/t/89139876543")
TALK = Conversation(UUID, "leg", NUMBER, "244", "s3kr1t-key", "sales", at=NOW)
STORY = Story(
    UUID,
    NUMBER,
    "+73832745000",
    "sales",
    began=NOW,
    rings=(Ring("243", "a", NOW + 1, NOW + 9, "NO_ANSWER"), Ring("244", "b", NOW + 9, NOW + 12)),
    talks=(Talk("244", "b", NOW + 12, NOW + 30, How.PICKED_UP, "243"),),
    recordings=("/rec/89235292926.wav",),
    ended=NOW + 31,
    cause="NORMAL_CLEARING",
    switch="pbx1",
)


def said(span: Span) -> dict[str, object]:
    return {name.removeprefix("fs_1c."): value for name, value in span.attributes}


def test_the_trace_is_the_calls_uuid_and_the_call_itself_has_the_same_id_everywhere() -> None:
    trace = spans.trace_id(UUID)
    assert f"{trace:032x}" == UUID.replace("-", "")
    assert spans.trace_id(UUID.upper()) == trace
    assert 0 < spans.root_id(trace) < 2**64
    assert spans.root_id(trace) == spans.root_id(spans.trace_id(UUID))


@pytest.mark.parametrize("uuid", ["", "call-1", "0" * 32, "x" * 5000, "\ud800"])
def test_what_is_no_uuid_has_a_trace_all_the_same(uuid: str) -> None:
    assert 0 < spans.trace_id(uuid) < 2**128
    assert spans.trace_id(uuid) == spans.trace_id(uuid) != spans.trace_id(uuid + "1")


def test_a_decision_has_1cs_time_inside() -> None:
    span = spans.of_decision(DECISION, NOW)
    assert (span.name, span.began, span.ended, span.error) == ("decision", NOW - 0.2, NOW, "")
    assert said(span) == {
        "result": "found",
        "source": "1c",
        "base": "sales",
        "manager": "89139876543",
        "target": "sofia/gateway/t/89139876543",
    }
    (request,) = span.within
    assert (request.name, request.began, request.ended, request.asks) == ("1C lookup", NOW - 0.15, NOW, True)


@pytest.mark.parametrize(
    ("change", "error", "request_error"),
    [
        ({"source": Source.CACHE, "onec_took": None}, "", None),
        (
            {"result": Result.SKIPPED, "onec_took": None, "error": Failure("skipped", "an extension")},
            "",
            None,
        ),
        ({"result": Result.LATE, "onec_took": None, "error": Failure("late", "ООО Рога")}, "late", "late"),
        (
            {"result": Result.FAILED, "onec_took": None, "error": Failure("unauthorized", "ООО Рога")},
            "unauthorized",
            "unauthorized",
        ),
        ({"result": Result.FAILED, "onec_took": None, "error": Failure("down", "1C")}, "down", None),
    ],
    ids=["remembered", "skipped", "late", "refused", "breaker"],
)
def test_whether_1c_was_asked(change: dict[str, object], error: str, request_error: str | None) -> None:
    decision = replace(DECISION, caller=replace(FOUND, **change))  # type: ignore[arg-type]
    span = spans.of_decision(decision, NOW)
    assert span.error == error
    assert [one.error for one in span.within] == ([] if request_error is None else [request_error])


@pytest.mark.parametrize(
    ("pop", "error"),
    [
        (ScreenPop(Outcome.ACCEPTED, 0.3), ""),
        (ScreenPop(Outcome.ELSEWHERE, 0.3, by="pbx2"), ""),
        (ScreenPop(Outcome.FAILED, 0.3, Failure("timeout", "ООО Рога")), "timeout"),
        (ScreenPop(Outcome.NO_KEY), "no key"),
    ],
)
def test_a_card(pop: ScreenPop, error: str) -> None:
    span = spans.of_card(TALK, pop, NOW + 1)
    assert (span.name, span.began, span.ended, span.error) == ("card", NOW + 1 - pop.took, NOW + 1, error)
    assert said(span)["outcome"] == pop.outcome
    assert said(span)["extension"] == "244"
    assert said(span).get("by", "") == pop.by


@pytest.mark.parametrize(
    ("told", "failure", "error"),
    [
        (Told.TOLD, None, ""),
        (Told.DROPPED, None, ""),
        (Told.REFUSED, Failure("fault", "ООО Рога"), "fault"),
        (Told.GIVEN_UP, None, "given up"),
    ],
)
def test_a_word_of_history(told: Told, failure: Failure | None, error: str) -> None:
    span = spans.of_word(HistoryWord("sales", UUID, "START", "244", told, NOW, 2.5, failure))
    assert (span.name, span.began, span.ended, span.error) == ("history START", NOW, NOW + 2.5, error)
    assert said(span) == {"outcome": told, "extension": "244", "base": "sales"}


def test_the_call_itself() -> None:
    span = spans.of_call(STORY, NOW + 0.5)
    assert (span.name, span.began, span.ended) == ("call", NOW, NOW + 31)
    assert said(span) == {
        "call": UUID,
        "direction": "incoming",
        "number": NUMBER,
        "destination": "+73832745000",
        "base": "sales",
        "switch": "pbx1",
        "outcome": "answered",
        "talked": 18.0,
        "cause": "NORMAL_CLEARING",
        "recordings": 1,
    }
    extension = "fs_1c.extension"
    assert span.moments == (
        Moment("rings", NOW + 1, ((extension, "243"),)),
        Moment("rings no more", NOW + 9, ((extension, "243"), ("fs_1c.cause", "NO_ANSWER"))),
        Moment("rings", NOW + 9, ((extension, "244"),)),
        Moment("talks", NOW + 12, ((extension, "244"), ("fs_1c.how", "picked up"), ("fs_1c.by", "243"))),
        Moment("parted", NOW + 30, ((extension, "244"),)),
    )


@pytest.mark.parametrize(
    ("began", "since", "starts"),
    [
        (NOW, NOW - 0.2, NOW - 0.2),  # decided before the switch told of it
        (NOW, NOW + 5, NOW),
        (0.0, NOW + 5, NOW + 5),  # the switch does not say
        (NOW, NOW - 7200, NOW),  # another clock
    ],
)
def test_the_call_begins_with_the_first_that_was_heard_of_it(
    began: float, since: float, starts: float
) -> None:
    assert spans.of_call(STORY._replace(began=began), since).began == starts


WORD = HistoryWord("sales", UUID, "START", "+73832745000", Told.REFUSED, NOW, 1, Failure("fault", "ООО Рога"))
EVERYTHING = (
    spans.of_decision(DECISION, NOW),
    spans.of_decided_call(DECISION, NOW),
    spans.of_card(TALK, ScreenPop(Outcome.FAILED, 1, Failure("timeout", "ООО Рога")), NOW),
    spans.of_word(WORD),
    spans.of_call(STORY._replace(talks=(Talk("", "c", NOW, name="89139876543"),)), NOW),
    spans.of_call(STORY._replace(talks=(Talk("89139876543", "c", NOW),)), NOW),
)


def as_text(*made: Span) -> str:
    return json.dumps([asdict(one) for one in made], ensure_ascii=False)


def test_no_names_and_no_keys() -> None:
    text = as_text(*EVERYTHING)
    assert NUMBER in text
    for never in ("Рога", "Чиж", "s3kr1t"):
        assert never not in text


@pytest.mark.parametrize("span", EVERYTHING)
def test_without_numbers_there_is_none_anywhere(span: Span) -> None:
    text = as_text(spans.without_numbers(span))
    for never in ("9235292926", "9139876543", "3832745000"):
        assert never not in text
    assert as_text(span) != text or span.name == "card"
    assert UUID in text or span.name != "call"


TIMES = st.floats(allow_nan=True, allow_infinity=True)
HOSTILE = st.text(st.characters(), max_size=300)


@given(began=TIMES, since=TIMES, ended=TIMES, number=HOSTILE, cause=HOSTILE)
def test_whatever_a_switch_says_a_span_can_hold_it(
    began: float, since: float, ended: float, number: str, cause: str
) -> None:
    rings = (Ring(cause, "a", began, ended, cause),)
    story = STORY._replace(number=number, cause=cause, began=began, ended=ended, rings=rings)
    called = spans.of_call(story, since)
    for span in (called, spans.without_numbers(called)):
        assert 0 <= span.began <= span.ended <= spans.LATEST
        for moment in span.moments:
            assert math.isfinite(moment.at)
            assert 0 <= moment.at <= spans.LATEST
        for _, value in span.attributes:
            if isinstance(value, str):
                assert len(value.encode()) <= 4 * spans.MAX_TEXT
