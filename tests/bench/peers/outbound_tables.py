"""What was measured of the outbound door and its peers, as tables."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.bench.peers.outbound_load import Held, Played
from tests.bench.peers.result import Found

OURS, BARE, STREAMS = "fs-1c", "bare asyncio protocol", "bare asyncio streams"
PEERS = {
    "genesis": "outbound_genesis",
    "greenswitch": "outbound_greenswitch",
    "python-ESL": "outbound_python_esl",
}
"""Their programs."""
SERVICES = (OURS, *PEERS, STREAMS, BARE)


@dataclass(slots=True)
class Measured:
    """What was found of one service.

    Attributes:
        missing: Why there is no more of it; empty: nothing is missing.
        at_50, steady: Of each round.
    """

    missing: str = ""
    at_50: list[Played] = field(default_factory=list)
    at_500: Played | None = None
    steady: list[Played] = field(default_factory=list)
    held: Held | None = None


def tables(found: Mapping[str, Measured]) -> tuple[Found, ...]:
    """The outbound door's part of the report."""
    return (
        Found(
            "Outbound door: as many calls as it can take, 50 at the same time",
            "Medians of the rounds, in which the services take turns; in brackets the least and the most of "
            "any round. CPU: the service's own processor time. Load: how busy it was itself; near 100 % a "
            "service might have taken more.",
            (
                *("", "calls/s", "× python-ESL", "× streams", "× protocol", "p50, ms", "p99, ms"),
                *("CPU, µs a call", "load, %", "failed"),
            ),
            _rows(found, lambda one: _at_50(one, found), 9),
            {"calls a second, 50 at the same time": _bars(found, lambda one: _rate(one.at_50))},
        ),
        Found(
            "Outbound door: 500 at the same time",
            "",
            ("", "calls/s", "p50, ms", "p99, ms", "CPU, µs a call", "failed"),
            _rows(found, lambda one: _played(one.at_500), 5),
            {},
        ),
        Found(
            "Outbound door: 200 calls a second",
            "Medians of the rounds. A call's time counts from when it was due, however late its turn came.",
            ("", "p50, ms", "p99, ms", "CPU, µs a call", "failed"),
            _rows(found, lambda one: _steady(one.steady), 4),
            {"p99 at 200 calls a second, ms": _bars(found, lambda one: _p99(one.steady))},
        ),
        Found(
            "Outbound door: calls that it stays with (async)",
            "The service's memory with and without them, after their bridges are ordered.",
            ("", "calls held", "MB", "kB a call", "failed"),
            _rows(found, lambda one: _held(one.held), 4),
            {"memory of a held call, kB": _bars(found, lambda one: _kilobytes(one.held))},
        ),
    )


def _rows(
    found: Mapping[str, Measured], cells: Callable[[Measured], tuple[str, ...]], count: int
) -> tuple[tuple[str, ...], ...]:
    rows = []
    for name, one in found.items():
        values = cells(one)
        rows.append((name, *(values or (one.missing or "not measured", *[""] * (count - 1)))))
    return tuple(rows)


def _bars(found: Mapping[str, Measured], value: Callable[[Measured], float]) -> tuple[tuple[str, float], ...]:
    values = [(name, value(one)) for name, one in found.items()]
    return tuple((name, one) for name, one in values if math.isfinite(one))


def _at_50(one: Measured, found: Mapping[str, Measured]) -> tuple[str, ...]:
    rounds = one.at_50
    if not rounds:
        return ()
    failed = sum((played.failed for played in rounds), Counter[str]())
    return (
        f"{_rate(rounds):,.0f}",
        _times(rounds, found["python-ESL"].at_50),
        _times(rounds, found[STREAMS].at_50),
        _times(rounds, found[BARE].at_50),
        _ms(statistics.median(played.median for played in rounds)),
        _ms(statistics.median(played.p99 for played in rounds)),
        f"{statistics.median(played.cpu_per_call for played in rounds) * 1e6:,.0f}",
        f"{statistics.median(played.busy / played.seconds for played in rounds) * 100:.0f}",
        _failures(failed),
    )


def _times(rounds: list[Played], others: list[Played]) -> str:
    """How many times as fast: the median of the rounds, and the least and the most of any."""
    ratios = [
        mine.per_second / other.per_second
        for mine, other in zip(rounds, others, strict=False)
        if other.per_second
    ]
    if not ratios:
        return "–"
    spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if min(ratios) < max(ratios) else ""
    return f"{statistics.median(ratios):.2f}{spread}"


def _rate(rounds: list[Played]) -> float:
    return statistics.median(played.per_second for played in rounds) if rounds else math.nan


def _played(played: Played | None) -> tuple[str, ...]:
    if played is None:
        return ()
    return (
        f"{played.per_second:,.0f}",
        _ms(played.median),
        _ms(played.p99),
        f"{played.cpu_per_call * 1e6:,.0f}",
        _failures(played.failed),
    )


def _steady(rounds: list[Played]) -> tuple[str, ...]:
    if not rounds:
        return ()
    return (
        _ms(statistics.median(played.median for played in rounds)),
        _ms(_p99(rounds) / 1000),
        f"{statistics.median(played.cpu_per_call for played in rounds) * 1e6:,.0f}",
        _failures(sum((played.failed for played in rounds), Counter[str]())),
    )


def _p99(rounds: list[Played]) -> float:
    """Milliseconds."""
    return statistics.median(played.p99 for played in rounds) * 1000 if rounds else math.nan


def _held(held: Held | None) -> tuple[str, ...]:
    if held is None:
        return ()
    return (f"{held.calls:,}", f"{held.grown / 1e6:.1f}", f"{_kilobytes(held):.0f}", _failures(held.failed))


def _kilobytes(held: Held | None) -> float:
    return held.grown / held.calls / 1000 if held and held.calls else math.nan


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}" if math.isfinite(seconds) else "–"


def _failures(failed: Counter[str]) -> str:
    reasons = ", ".join(f"{why} {count:,}" for why, count in sorted(failed.items()))
    return f"{failed.total():,} ({reasons})" if failed else "0"
