"""What has happened to a call → spans, as a tracing system shows them. Pure.

No names, no keys, none of 1C's own words, in which there may be names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from uuid import UUID

from fs_1c.call import Caller, Conversation, Decision, HistoryWord, Outcome, Result, ScreenPop, Told
from fs_1c.numbers import masked
from fs_1c.talk import Story

MAX_TEXT = 200
"""Characters of a value."""
DECIDED_WITHIN = 60.0
"""Seconds: what began longer than this before the switch says so has another clock."""
LATEST = 2.0**33
"""Seconds since the epoch, in the year 2242: what a span can hold is not much more."""

Value = str | int | float | bool
Attributes = tuple[tuple[str, Value], ...]
_CALL = "fs_1c.call"
"""Has the UUID, in which digits are no number."""
_WELL = (Outcome.ACCEPTED, Outcome.ELSEWHERE, Outcome.SKIPPED)
_NOT_ASKED = ("down", "internal")
"""Why a lookup has failed without a request: the breaker is open, or we have a fault."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that has no length.

    Attributes:
        at: Seconds since the epoch.
    """

    name: str
    at: float
    attributes: Attributes = ()


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took its time.

    Attributes:
        began, ended: Seconds since the epoch; it has not ended before it began.
        attributes: Harmless: bounded, and no half surrogates.
        error: Why it has gone wrong, a stable short name; empty: it has not.
        asks: It is a request to 1C.
        within: Parts of it.
    """

    name: str
    began: float
    ended: float
    attributes: Attributes = ()
    error: str = ""
    asks: bool = False
    within: tuple[Span, ...] = ()
    moments: tuple[Moment, ...] = ()


def trace_id(call_uuid: str) -> int:
    """The trace's, the same in all services: the UUID itself, by which one can be found; of anything else a
    digest.
    """
    try:
        number = UUID(call_uuid).int
    except ValueError:
        number = 0
    return number or _digest(b"trace", call_uuid.encode("utf-8", "replace"), 16)


def root_id(trace: int) -> int:
    """The id of the span that is the call itself, the same in all services: whoever has a part of the call
    knows where it belongs.
    """
    return _digest(b"root", trace.to_bytes(16, "big"), 8)


def of_decision(decision: Decision, now: float) -> Span:
    """The time that the lookup added to the call, with 1C's own inside.

    Args:
        now: When it was over, in seconds since the epoch.
    """
    caller = decision.caller
    error = caller.error.kind if caller.error and caller.result in (Result.LATE, Result.FAILED) else ""
    attributes = {
        "result": caller.result,
        "source": caller.source,
        "base": caller.base,
        "manager": caller.manager,
        "target": decision.target or "",
        "reject": decision.reject,
    }
    request = tuple(_request(caller, now))
    return _span("decision", now - caller.took, now, attributes, error, within=request)


def of_decided_call(decision: Decision, now: float) -> Span:
    """The call itself where nobody hears how it goes on: it is as long as its decision."""
    call = decision.call
    attributes = {
        "call": call.uuid,
        "direction": "incoming",
        "number": call.number,
        "destination": call.destination,
        "base": decision.caller.base,
    }
    return _span("call", now - decision.caller.took, now, attributes)


def of_card(conversation: Conversation, pop: ScreenPop, now: float) -> Span:
    """From the conversation to 1C's answer, which came `now`."""
    attributes = {
        "outcome": pop.outcome,
        "extension": conversation.extension,
        "base": conversation.base,
        "by": pop.by,
    }
    error = "" if pop.outcome in _WELL else pop.error.kind if pop.error else pop.outcome.value
    return _span("card", now - pop.took, now, attributes, error, asks=True)


def of_word(word: HistoryWord) -> Span:
    """From what 1C was to be told to what became of that."""
    attributes = {"outcome": word.told, "extension": word.extension, "base": word.base}
    well = word.told in (Told.TOLD, Told.DROPPED)
    error = "" if well else word.error.kind if word.error else word.told.value
    return _span(f"history {word.state}", word.at, word.at + word.took, attributes, error, asks=True)


def of_call(story: Story, since: float) -> Span:
    """The call itself, which is over.

    Args:
        since: When the first was heard of it, in seconds since the epoch.
    """
    began = story.began or since
    if began - DECIDED_WITHIN < since < began:
        began = since
    attributes = {
        "call": story.call_uuid,
        "direction": "internal" if story.internal else "outgoing" if story.outgoing else "incoming",
        "number": story.number,
        "destination": story.destination,
        "extension": story.extension,
        "base": story.base,
        "switch": story.switch,
        "outcome": story.outcome.value,
        "talked": round(story.seconds, 3),
        "cause": story.cause,
        "recordings": len(story.recordings),
    }
    moments = sorted(_moments(story, began), key=lambda one: one.at)
    return _span("call", began, story.ended or began, attributes, moments=tuple(moments))


def without_numbers(span: Span) -> Span:
    """The same, each telephone number without its middle digits, whoever's and wherever it stands: 1C is told
    a dialled number in place of an extension, too.
    """
    return replace(
        span,
        attributes=_masked(span.attributes),
        within=tuple(without_numbers(part) for part in span.within),
        moments=tuple(replace(one, attributes=_masked(one.attributes)) for one in span.moments),
    )


def _request(caller: Caller, now: float) -> Iterator[Span]:
    """1C's part; it began before the call's own if somebody else had asked already."""
    if caller.onec_took is not None:
        yield _span("1C lookup", now - caller.onec_took, now, {"base": caller.base}, asks=True)
    elif caller.result is Result.LATE or (
        caller.result is Result.FAILED and caller.error and caller.error.kind not in _NOT_ASKED
    ):
        why = caller.error.kind if caller.error else caller.result.value
        yield _span("1C lookup", now - caller.took, now, {"base": caller.base}, why, asks=True)


def _moments(story: Story, began: float) -> Iterator[Moment]:
    for ring in story.rings:
        whom = _attributes({"extension": ring.extension})
        yield Moment("rings", _time(ring.at or began), whom)
        if ring.cause and ring.until is not None:
            said = _attributes({"extension": ring.extension, "cause": ring.cause})
            yield Moment("rings no more", _time(ring.until), said)
    for talk in story.talks:
        whom = _attributes({"extension": talk.extension, "how": talk.how, "by": talk.by})
        yield Moment("talks", _time(talk.at or began), whom)
        if talk.until is not None:
            yield Moment("parted", _time(talk.until), _attributes({"extension": talk.extension}))


def _span(
    name: str,
    began: float,
    ended: float,
    attributes: Mapping[str, Value],
    error: str = "",
    *,
    asks: bool = False,
    within: tuple[Span, ...] = (),
    moments: tuple[Moment, ...] = (),
) -> Span:
    began = _time(began)
    return Span(
        _text(name),
        began,
        max(began, _time(ended)),
        _attributes(attributes),
        _text(error),
        asks,
        within,
        moments,
    )


def _attributes(values: Mapping[str, Value]) -> Attributes:
    """Those that say something, by names of our own."""
    return tuple(
        (f"fs_1c.{name}", _text(value) if isinstance(value, str) else value)
        for name, value in values.items()
        if value != ""
    )


def _masked(attributes: Attributes) -> Attributes:
    return tuple(
        (name, masked(value) if isinstance(value, str) and name != _CALL else value)
        for name, value in attributes
    )


def _text(text: str) -> str:
    return str(text)[:MAX_TEXT].encode("utf-8", "replace").decode()


def _time(seconds: float) -> float:
    return min(seconds, LATEST) if seconds > 0 else 0.0  # what is no number is not greater, either


def _digest(what: bytes, octets: bytes, size: int) -> int:
    return int.from_bytes(blake2b(octets, digest_size=size, person=what).digest(), "big") or 1
