"""What a step has found. Frozen values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # it works, but not for long, not always, or not safely
    PROBLEM = "problem"  # a broken link
    SKIPPED = "skipped"  # not looked at; `what` says why


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        step: What was looked at: `dns`, `tls`, `password`, …
        what: What was found, in one sentence.
        why: Why it matters, or what it comes from; may be empty.
        remedy: What to do; empty when there is nothing to do.
        took_ms: Milliseconds; 0 when nothing was waited for.
        where: Which link: `settings`, `base sales`, `switch 127.0.0.1:8021`, `service`.
    """

    step: str
    level: Level
    what: str
    why: str = ""
    remedy: str = ""
    took_ms: float = 0.0
    where: str = ""


def ok(step: str, what: str, why: str = "") -> Finding:
    return Finding(step, Level.OK, what, why)


def warning(step: str, what: str, why: str, remedy: str) -> Finding:
    return Finding(step, Level.WARNING, what, why, remedy)


def problem(step: str, what: str, why: str, remedy: str) -> Finding:
    return Finding(step, Level.PROBLEM, what, why, remedy)


def skipped(step: str, what: str) -> Finding:
    return Finding(step, Level.SKIPPED, what)


def exit_code(findings: list[Finding]) -> int:
    """0: no link is broken; 1: one is. Warnings are for people."""
    return int(any(finding.level is Level.PROBLEM for finding in findings))
