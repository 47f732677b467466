"""Does 1C bear what the settings allow: so many sessions at the same time, and callers who do not wait."""

from __future__ import annotations

import statistics
import time

from fs_1c.bounds import at_once
from fs_1c.check.base import LONGEST, Base, Line
from fs_1c.check.finding import Finding, ok, problem, skipped, warning
from fs_1c.onec import OneCError, Reached
from fs_1c.settings import SessionMode

SAMPLES = 5
LATENCY_WITHIN = 8.0
"""Seconds after which no further request is timed."""
CALLERS_WAIT = 5.0
"""Seconds of silence that nobody ought to be kept in, whatever 1C needs."""
_REFUSALS = ("no-licence", "pool-full")


def sessions(base: Base, service_runs: bool) -> list[Finding]:
    """As many requests at once as the settings allow; then all sessions are finished.

    Args:
        service_runs: A running service holds sessions of its own, which 1C counts too.
    """
    if base.mute:
        return [skipped("sessions", base.mute)]
    lines = [base.line()]
    lines += [base.another() for _ in range(base.settings.sessions - 1)]
    try:
        errors = _all_ask(base, lines)
    finally:
        base.hang_up()
    return [_granted(base, len(lines), errors, service_runs), *_mode(base)]


def _all_ask(base: Base, lines: list[Line]) -> list[OneCError]:
    """The errors of those who got no answer."""
    futures = at_once([lambda line=line: line.ask(base.probe) for line in lines], LONGEST + 1.0)  # type: ignore[misc]
    errors: list[OneCError] = []
    for future in futures:
        if not future.done():
            errors.append(OneCError("timeout", "no answer", Reached.MAYBE, base_down=True))
            continue
        error = future.exception()
        if isinstance(error, OneCError):
            errors.append(error)
        else:
            base.kept = future.result().kept or base.kept
    return errors


def _granted(base: Base, wanted: int, errors: list[OneCError], service_runs: bool) -> Finding:
    name = base.setting("sessions")
    if not errors:
        return ok("sessions", f"1C answers {wanted} requests at the same time, as {name} allows")
    refused = [error for error in errors if error.kind in _REFUSALS]
    granted = wanted - len(errors)
    if not refused:
        return warning(
            "sessions",
            f"of {wanted} requests at the same time {len(errors)} failed: {errors[0].message}",
            "When several people call at once, some of them come without a name.",
            f"Set {name} = {max(1, granted)}, or give 1C's server more room.",
        )
    what = f"1C granted {granted} of {wanted} sessions at the same time: {refused[0].message}"
    why = "When several people call at once some come without a name, and 1C's own users may be locked out."
    grow = "poolSize in default.vrd" if refused[0].kind == "pool-full" else "the number of licences"
    remedy = f"Set {name} = {max(1, granted)}, or raise {grow}."
    if service_runs:
        more = " The running service holds sessions too, and these are counted here."
        stop = "Check again while the service is stopped. If it stays like that"
        return warning("sessions", what, why + more, f"{stop}: {remedy}")
    return problem("sessions", what, why, remedy)


def _mode(base: Base) -> list[Finding]:
    """Whether 1C keeps sessions, and whether the settings agree."""
    if base.settings.session_mode is SessionMode.IBSESSION and not base.kept:
        return [
            warning(
                "sessions",
                "session_mode is ibsession, but 1C keeps no session for us",
                "Each request starts a session of its own, which is slow.",
                f'Set reuseSessions="autouse" in default.vrd, or {base.setting("session_mode")} = "auto".',
            )
        ]
    kept = "1C keeps sessions between requests (ibsession)"
    return [ok("sessions", kept if base.kept else "1C starts a session for each request (per-request)")]


def latency(base: Base) -> list[Finding]:
    """Against the deadline: the first request, and the median of a few later ones."""
    if base.mute:
        return [skipped("latency", base.mute)]
    taken: list[float] = []
    started = time.monotonic()
    try:
        base.line().ask(base.probe)  # starts a session; those who call later find one
        while len(taken) < SAMPLES and (not taken or time.monotonic() - started < LATENCY_WITHIN):
            taken.append(base.line().ask(base.probe).took)
    except OneCError as error:
        if not taken:
            return [
                problem(
                    "latency",
                    f"1C has answered before, and now: {error.message}",
                    "Callers will meet that too.",
                    "Run the check again; if it comes back, look at 1C's server and the network.",
                )
            ]
    return [judge(base, statistics.median(taken)), *_cold(base)]


def judge(base: Base, median: float) -> Finding:
    """How many seconds 1C usually takes, against the deadline."""
    deadline = base.whole.lookup.deadline
    what = f"1C answers in {_ms(median)}; lookup.deadline is {_ms(deadline)}"
    faster = (
        ""
        if base.kept
        else ' Set reuseSessions="autouse" in default.vrd: starting sessions is what takes long.'
    )
    if median > deadline:
        why = "Calls do not wait for longer: callers come without a name, and go to the default target."
        remedy = f"Have 1C search faster (an index on the numbers), or raise lookup.deadline.{faster}"
        return problem("latency", what, why, remedy)
    if median > deadline / 2:
        why = "When 1C is busy some callers will come without a name."
        return warning("latency", what, why, f"Have 1C search faster (an index on the numbers).{faster}")
    if deadline > CALLERS_WAIT:
        why = "When 1C hangs every caller hears silence for that long, and may hang up."
        return warning("latency", what, why, 'Set lookup.deadline to no more than it needs, such as "2s".')
    return ok("latency", what)


def _cold(base: Base) -> list[Finding]:
    first, deadline = base.first, base.whole.lookup.deadline
    if first is None or first <= deadline:
        return []
    took = f"at least {_ms(first)}" if first >= base.settings.timeout else _ms(first)
    what = f"the first request took {took}"
    if base.settings.keep_warm:
        why = f"Callers are spared that: the service keeps the base awake ({base.setting('keep_warm')})."
        return [ok("latency", what, why)]
    return [
        warning(
            "latency",
            what,
            "After a pause the base sleeps, and who calls first comes without a name.",
            f'Set {base.setting("keep_warm")} = "15m".',
        )
    ]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
