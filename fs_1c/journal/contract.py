"""A call of the journal as JSON: what `journal --json`, the status page and other services are told, and how
that is read again. Pure.

A contract: members are added, never renamed. Times are ISO 8601, local, with their offset; spans of time are
milliseconds. What is missing is empty, and what is unknown is passed over: the service that tells it may be
of another version.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from fs_1c.channel import json_line
from fs_1c.journal.ends import EndEntry, ToldEntry
from fs_1c.journal.entries import MAX_ROWS, NOBODYS, CallEntry, DecisionEntry, PopEntry, Row, TalkEntry
from fs_1c.journal.report.times import iso
from fs_1c.journal.texts import fit


def to_json(entries: Sequence[CallEntry], services: Mapping[Row, str] = NOBODYS) -> str:
    """All entries as one line of JSON; each row with its service, if that is given."""
    return json_line([as_json(entry, services) for entry in entries])


def as_json(entry: CallEntry, services: Mapping[Row, str] = NOBODYS) -> dict[str, Any]:
    """One call of `journal --json`; each row with its service, if that is given."""
    rows = {name: [_object(row, services) for row in getattr(entry, name)] for name in _MEMBERS}
    return {"call": entry.call, "when": iso(entry.at), "number": entry.number, **rows}


def of_json(told: Any) -> CallEntry:
    """One call as `as_json` tells it. Raises ValueError."""
    call, number = _text(told, "call"), _text(told, "number")
    if not call:
        raise ValueError("call: is missing")
    rows = {name: tuple(_row(name, one, call) for one in _rows(told, name)) for name in _MEMBERS}
    return CallEntry(_time(told, "when"), call, number, **rows)


def _object(row: Row, services: Mapping[Row, str]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, field, form in _MEMBERS[_NAMES[type(row)]]:
        told[name] = _error_of(row) if form is _ERROR else form.tell(getattr(row, field))
    if services:
        told["service"] = services[row]
    return told


def _row(name: str, told: Mapping[str, Any], call: str) -> Any:
    kind: type[Row] = _KINDS[name]
    fields: dict[str, Any] = {"call": call}
    for member, field, form in _MEMBERS[name]:
        if form is _ERROR:
            fields["error_kind"], fields["error"] = _error(told)
        elif field in kind._fields:
            fields[field] = form.read(told, member)
    return kind(**fields)


def _rows(told: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = told.get(name, [])
    if not isinstance(rows, list) or len(rows) > MAX_ROWS or not all(isinstance(one, dict) for one in rows):
        raise ValueError(f"{name}: allowed: up to {MAX_ROWS} rows")
    return rows


def _text(told: Any, name: str) -> str:
    if not isinstance(told, dict):
        raise ValueError("allowed: a call")
    value = told.get(name)
    if not isinstance(value, str | None):
        raise ValueError(f"{name}: allowed: a text")
    return fit(value or "")


def _seconds(told: Mapping[str, Any], name: str) -> float:
    value = told.get(name, 0)
    try:
        seconds = float(value) / 1000
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name}: allowed: a number") from None
    if not math.isfinite(seconds):
        raise ValueError(f"{name}: allowed: a number")
    return seconds


def _time(told: Mapping[str, Any], name: str) -> float:
    """When, seconds since 1970. What is told of it is shown as a local time, so it must be one."""
    try:
        when = datetime.fromisoformat(_text(told, name))
        if when.tzinfo is None or not 1971 < when.year < 9000:
            raise ValueError
        return when.timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{name}: allowed: a time in ISO 8601 with its offset") from None


def _error(told: Mapping[str, Any]) -> tuple[str, str]:
    error = told.get("error")
    if error is None:
        return "", ""
    return _text(error, "kind"), _text(error, "message")


def _error_of(row: Any) -> dict[str, str] | None:
    return {"kind": row.error_kind, "message": row.error} if row.error_kind or row.error else None


class _Form(NamedTuple):
    """How a field is told, and how it is read from the member of that name."""

    tell: Callable[[Any], Any]
    read: Callable[[Mapping[str, Any], str], Any]


def _or_null(form: _Form, empty: Any) -> _Form:
    """null where the row has nothing, and the other way round."""
    return _Form(
        lambda value: None if value == empty else form.tell(value),
        lambda told, name: empty if told.get(name) is None else form.read(told, name),
    )


_TEXT = _Form(lambda text: text, _text)
_TIME = _Form(iso, _time)
_SPAN = _Form(lambda seconds: round(seconds * 1000, 1), _seconds)
_FLAG = _Form(lambda flag: flag, lambda told, name: bool(told.get(name)))
_ERROR = _Form(_error_of, lambda told, name: _error(told))
"""Of the row as a whole: two fields are one member."""
# A file's name is nobody's business, and may hold a client's number.
_ADDRESS = _Form(lambda text: text if text.startswith(("http://", "https://")) else None, _text)

_KINDS: dict[str, type[Row]] = {
    "decisions": DecisionEntry,
    "pops": PopEntry,
    "talks": TalkEntry,
    "ends": EndEntry,
    "told": ToldEntry,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_MEMBERS: dict[str, tuple[tuple[str, str, _Form], ...]] = {
    "decisions": (
        ("when", "at", _TIME),
        ("number", "number", _TEXT),
        ("asked_as", "asked_as", _or_null(_TEXT, "")),
        ("destination", "destination", _TEXT),
        ("base", "base", _TEXT),
        ("result", "result", _TEXT),
        ("source", "source", _TEXT),
        ("title", "title", _or_null(_TEXT, None)),
        ("category", "category", _TEXT),
        ("manager", "manager", _TEXT),
        ("target", "target", _or_null(_TEXT, None)),
        ("took_ms", "took", _SPAN),
        ("onec_took_ms", "onec_took", _or_null(_SPAN, None)),
        ("error", "error", _ERROR),
        ("why", "why", _TEXT),
    ),
    "pops": (
        ("when", "at", _TIME),
        ("leg", "leg", _TEXT),
        ("number", "number", _TEXT),
        ("extension", "extension", _TEXT),
        ("outgoing", "outgoing", _FLAG),
        ("ringing", "ringing", _FLAG),
        ("switch", "switch", _or_null(_TEXT, "")),
        ("outcome", "outcome", _TEXT),
        ("took_ms", "took", _SPAN),
        ("age_ms", "age", _SPAN),
        ("by", "told_by", _or_null(_TEXT, "")),
        ("error", "error", _ERROR),
    ),
    "talks": (
        ("when", "at", _TIME),
        ("leg", "leg", _TEXT),
        ("number", "number", _TEXT),
        ("extension", "extension", _TEXT),
        ("how", "how", _TEXT),
        ("by", "by", _or_null(_TEXT, "")),
        ("outgoing", "outgoing", _FLAG),
        ("switch", "switch", _or_null(_TEXT, "")),
    ),
    "ends": (
        ("when", "at", _TIME),
        ("number", "number", _TEXT),
        ("destination", "destination", _TEXT),
        ("outgoing", "outgoing", _FLAG),
        ("began", "began", _or_null(_TIME, 0.0)),
        ("extension", "extension", _or_null(_TEXT, "")),
        ("rang", "rang", _TEXT),
        ("talked", "talked", _TEXT),
        ("talked_ms", "seconds", _SPAN),
        ("answered", "answered", _FLAG),
        ("missed", "missed", _FLAG),
        ("unheard", "unheard", _FLAG),
        ("cause", "cause", _or_null(_TEXT, "")),
        ("switch", "switch", _or_null(_TEXT, "")),
        ("recording", "recording", _ADDRESS),
    ),
    "told": (
        ("when", "at", _TIME),
        ("base", "base", _TEXT),
        ("state", "state", _TEXT),
        ("extension", "extension", _or_null(_TEXT, "")),
        ("outcome", "outcome", _TEXT),
        ("of_when", "of_when", _TIME),
        ("error", "error", _ERROR),
    ),
}
"""Of each kind of row: the member's name, the field's, its form. What is no field is told, and not read."""
