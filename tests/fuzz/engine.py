"""Runs a harness over mutated inputs, and makes what fails small enough to be read.

A harness is a function that is given octets and raises when something is wrong; an exception that it does not
expect is a failure as much as a broken promise, and so is an input that takes longer than `TOO_LONG`. Time is
that of the processor, so that a busy machine is no failure.
"""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from random import Random
from types import FrameType

from tests import ROOT
from tests.fuzz.mutation import TOKENS, Mutator

TOO_LONG = 1.0
"""Seconds of processor time that one input may take."""
DISTINCT = 8
"""Different failures of one harness after which it is enough."""
SHRINKING = 400
"""Attempts at making a failing input smaller."""
CORPUS = ROOT / "tests" / "data" / "fuzz"
"""A folder for each harness; a file there is an input that was worth keeping."""


class TooSlow(Exception):
    """An input took longer than `TOO_LONG`."""


@dataclass(frozen=True, slots=True)
class Harness:
    """One thing that is fuzzed.

    Attributes:
        check: Raises when the octets show that something is wrong.
        seeds: What inputs are made from.
        tokens: What has a meaning there, besides `mutation.TOKENS`.
        longest: Octets of an input at the most.
    """

    name: str
    check: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    tokens: tuple[bytes, ...] = ()
    longest: int = 1 << 16


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that fails.

    Attributes:
        octets: The input, made small.
        error: What was raised.
        told: Its traceback.
    """

    octets: bytes
    error: BaseException
    told: str


@dataclass(slots=True)
class Report:
    """What a run has shown.

    Attributes:
        seconds: That it took, by the clock on the wall.
    """

    name: str
    inputs: int = 0
    seconds: float = 0.0
    failures: dict[str, Failure] = field(default_factory=dict)


def corpus(name: str) -> dict[str, bytes]:
    """The inputs of a harness that are kept as files, by their names."""
    return {file.name: file.read_bytes() for file in sorted((CORPUS / name).glob("*"))}


def run(
    harness: Harness,
    random: Random,
    *,
    inputs: int | None = None,
    seconds: float | None = None,
    kept: Sequence[bytes] = (),
) -> Report:
    """All seeds as they are, then mutated ones until there were so many `inputs` or `seconds` are over.

    Args:
        kept: Inputs besides the seeds, which are tried and mutated too.
    """
    report = Report(harness.name)
    seeds = [*kept, *harness.seeds]
    mutator = Mutator(random, seeds, (*TOKENS, *harness.tokens), harness.longest)
    started = time.monotonic()
    with _watch() as watch:
        for octets in chain(seeds, mutator):
            report.inputs += 1
            if (error := watch(harness.check, octets)) is not None:
                where = _where(error)
                if where not in report.failures:
                    small = _shrunk(octets, lambda tried, w=where: _fails_at(watch, harness, tried, w))  # type: ignore[misc]
                    error = watch(harness.check, small) or error
                    report.failures[where] = Failure(small, error, _told(error))
                if len(report.failures) == DISTINCT:
                    break
            if inputs is not None and report.inputs >= inputs:
                break
            if seconds is not None and not report.inputs % 16 and time.monotonic() - started > seconds:
                break
    report.seconds = time.monotonic() - started
    return report


def attempt(harness: Harness, octets: bytes) -> Failure | None:
    """One input, as it is."""
    with _watch() as watch:
        error = watch(harness.check, octets)
    return None if error is None else Failure(octets, error, _told(error))


Watch = Callable[[Callable[[bytes], None], bytes], BaseException | None]


@contextmanager
def _watch() -> Iterator[Watch]:
    """Gives a function that tries an input and returns what was raised. What hangs is interrupted."""
    began = 0.0

    def tick(number: int, frame: FrameType | None) -> None:
        if began and time.process_time() - began > 2 * TOO_LONG:
            raise TooSlow(f"still not done after {2 * TOO_LONG:g} s")

    def watch(check: Callable[[bytes], None], octets: bytes) -> BaseException | None:
        nonlocal began
        began = time.process_time()
        try:
            check(octets)
        except (Exception, SystemExit) as error:
            return error
        finally:
            took, began = time.process_time() - began, 0.0
        return TooSlow(f"took {took:.1f} s") if took > TOO_LONG else None

    before = signal.signal(signal.SIGPROF, tick)
    signal.setitimer(signal.ITIMER_PROF, TOO_LONG / 2, TOO_LONG / 2)
    try:
        yield watch
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _where(error: BaseException) -> str:
    """What makes two failures the same: the exception and the line that raised it."""
    if isinstance(error, TooSlow):
        return "TooSlow"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} {last.filename}:{last.lineno}"


def _fails_at(watch: Watch, harness: Harness, octets: bytes, where: str) -> bool:
    error = watch(harness.check, octets)
    return error is not None and _where(error) == where


def _shrunk(octets: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """A smaller input that fails in the same way, found by leaving parts out."""
    size = len(octets) // 2
    tried = 0
    while size and tried < SHRINKING:
        at = 0
        while at < len(octets) and tried < SHRINKING:
            shorter = octets[:at] + octets[at + size :]
            tried += 1
            if fails(shorter):
                octets = shorter
            else:
                at += size
        size //= 2
    return octets


def _told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()
