"""What stands in Redis about a number: 1C's answer as JSON, without what is empty.

Whoever else writes there may have written anything: what is not ours is nothing.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from fs_1c.onec import MAX_PHONE, MAX_TITLE, Answer

MAX_ENTRY = 8192
"""Octets of an entry; a longer one is not ours."""
_FIELDS = {"title": MAX_TITLE, "category": MAX_PHONE, "manager": MAX_PHONE}


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer that was read there.

    Attributes:
        asked_at: On Redis' own clock, seconds since the epoch.
    """

    answer: Answer
    asked_at: float


def written(answer: Answer) -> bytes:
    """The answer, to be put behind its time: `{"asked_at":TIME` is written where Redis' clock is."""
    told = {name: text for name in _FIELDS if (text := getattr(answer, name))}
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))[1:]
    return (f",{text}" if told else text).encode("utf-8", "replace")


def read(raw: bytes) -> Entry | None:
    """None if it is not one of ours."""
    try:
        entry = json.loads(raw)
        texts = {name: entry.get(name, "") for name in _FIELDS}
        asked_at = float(entry["asked_at"])
        for name, text in texts.items():
            if not isinstance(text, str) or len(text) > _FIELDS[name]:
                return None
            text.encode()  # raises for half a surrogate pair, which no channel could be given
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        return None
    return Entry(Answer(**texts), asked_at) if math.isfinite(asked_at) else None
