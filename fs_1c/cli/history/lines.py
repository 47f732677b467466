"""What waits for 1C, in lines for people: a line a base, and one a call."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fs_1c.channel import plain
from fs_1c.journal import in_columns
from fs_1c.language import N_, _, ngettext, retold

MAX_WHY = 60
HEADINGS = (
    N_("since"),
    N_("number"),
    N_("base"),
    N_("waits"),
    N_("tries"),
    N_("next"),
    N_("why"),
    N_("call"),
)


def lines(told: Mapping[str, Any], call: str = "", base: str = "", *, runs: bool = True) -> list[str]:
    """For people. Raises KeyError, TypeError, ValueError or AttributeError if that is no answer.

    Args:
        call, base: The one that was asked for, or empty.
        runs: It is a service's; else it stands in a file.
    """
    now, bases = time.time(), told.get("bases", {})
    found = [
        _(
            "Base {name}: {words} of {calls} waiting, the oldest for {age}.",
            name=name,
            words=words_of(int(one["words"])),
            calls=ngettext("{count} call", "{count} calls", int(one["calls"])),
            age=_age(float(one["oldest_s"])),
        )
        + (f" {retold(one['error'])}." if one["error"] else "")
        for name, one in bases.items()
    ]
    if (lost := int(told.get("lost", 0))) > 0:
        found.append(_("Lost for want of a disk: {words}.", words=words_of(lost)))
    if (disk := told.get("disk", "well")) != "well":
        late = _("The disk is late: what stands there is not shown, or not yet.")
        found.append(late if disk == "late" else _away(plain(str(told.get("disk_error") or ""))))
    calls: Sequence[Mapping[str, Any]] = told["calls"]
    if not calls:
        if call:
            return found or [_("Nothing waits for 1C of call {call}.", call=call)]
        return found or [_("Nothing waits for 1C.")]
    rows = [tuple(_(one) for one in HEADINGS), *(_row(one, now, runs) for one in calls)]
    wait = sum(int(one["calls"]) for name, one in bases.items() if base in ("", name))
    more = 0 if call else wait - len(calls)
    last = [ngettext("{count} more call: --limit", "{count} more calls: --limit", more)] if more > 0 else []
    return [*found, *([""] if found else []), *in_columns(rows), *last]


def _away(why: str) -> str:
    if not why:
        return _("The disk is away: what stands there is not shown.")
    return _(
        "The file cannot be written ({why}): what stands in it is not shown and waits; what has happened "
        "since is in memory.",
        why=why,
    )


def _row(one: Mapping[str, Any], now: float, runs: bool) -> tuple[str, ...]:
    why = retold(plain(str(one["error"] or "-")))
    states = [str(state) for state in one["states"]]
    more = int(one["words"]) - len(states)
    turn = one["next_in"]
    following = _("its turn") if runs else _("when the service runs")
    if turn is None:
        following = _("when the disk is back")
    elif float(turn) >= 0.5:
        following = _("in {age}", age=_age(float(turn)))
    since = datetime.fromtimestamp(float(one["since"]), UTC).astimezone()
    return (
        f"{since:%Y-%m-%d %H:%M:%S} ({_age(now - float(one['since']))})",
        plain(str(one["number"] or _("withheld"))),
        plain(str(one["base"])),
        plain(" ".join(states)) + (_(" and {count} more", count=more) if more > 0 else ""),
        str(int(one["tries"])),
        following,
        why if len(why) <= MAX_WHY else why[: MAX_WHY - 1] + "…",
        plain(str(one["call"])),
    )


def _age(seconds: float) -> str:
    """Such as 5 s, 12 min, 3 h, 2 d."""
    sizes = ((N_("{count:.0f} d"), 86400), (N_("{count:.0f} h"), 3600), (N_("{count:.0f} min"), 60))
    for text, size in sizes:
        if seconds >= 2 * size:
            return _(text, count=seconds / size)
    return _("{count:.0f} s", count=max(0.0, seconds))


def words_of(count: int) -> str:
    return ngettext("{count} word", "{count} words", count)
