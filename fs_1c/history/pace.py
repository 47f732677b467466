"""How fast a base is told, and what becomes of what was sent to it. Pure.

A base that is down is left alone, for longer and longer; then it is asked about nobody, and if it answers one
word tries. A word that fails by itself has its call wait, and no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from fs_1c.onec import OneCError, Reached

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between attempts, at a base that is down and at a word that fails."""
LONGEST_FOR_A_CARD = 5.0
"""The same where a card waits."""
MAX_TRIES = 3
"""How often 1C's code may fail on a word."""
PATIENCE = 2
"""How often a word may find the base down before others go before it: perhaps it is for that word."""
NO_HISTORY = "no-history"
"""The kind of error by which a base says that it takes nothing of the kind."""
ELSEWHERE = "elsewhere"
"""The kind of error by which a word is another service's to say."""
NOT_SENT = frozenset(["busy", ELSEWHERE])
"""The kinds of error that are ours, and say nothing of the base."""


class Fate(Enum):
    """What becomes of a word that was sent."""

    TOLD = auto()
    AGAIN = auto()  # it has not arrived, or may be told twice
    UNKNOWN = auto()  # it may have arrived, and must not be told twice
    REFUSED = auto()  # 1C does not take it
    ELSEWHERE = auto()  # another service has said it, or may have


@dataclass(frozen=True, slots=True)
class Became:
    """What becomes of it, and how long its call waits.

    Attributes:
        pause: Seconds.
        tries: In vain, so far.
    """

    fate: Fate
    pause: float = 0.0
    tries: int = 0


def became(error: OneCError | None, tries: int, *, once: bool) -> Became:
    """`tries`: how often it had been sent in vain before; `once`: it is harmful twice."""
    if error is None:
        return Became(Fate.TOLD)
    if error.kind == "busy":  # our own queue: it has not been sent
        return Became(Fate.AGAIN, FIRST_PAUSE, tries)
    if error.kind == ELSEWHERE:
        return Became(Fate.ELSEWHERE)
    if once and error.reached is not Reached.NO:
        return Became(Fate.UNKNOWN if error.reached is Reached.MAYBE else Fate.REFUSED)
    tries += 1
    if error.base_down:
        return Became(Fate.AGAIN, pause(tries - PATIENCE) if tries > PATIENCE else 0.0, tries)
    if tries >= MAX_TRIES and not error.passing and error.reached is not Reached.MAYBE:
        return Became(Fate.REFUSED, 0.0, tries)
    return Became(Fate.AGAIN, pause(tries), tries)


def pause(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 16))


@dataclass(slots=True)
class Pace:
    """One base. Times are of the monotonic clock.

    Attributes:
        silent: It takes no history at all.
        failures: In a row, by which the base is down.
        until: Until when it is left alone.
        probing: It is being asked about nobody.
        answers: It has answered to that, and one word may try.
        unsure: When it was down last it may have had what was sent, as behind a page that is none of 1C's:
            what is harmful twice is lost there.
        why: It is down; or empty.
    """

    silent: bool = False
    failures: int = 0
    until: float = 0.0
    probing: bool = False
    answers: bool = False
    unsure: bool = False
    why: str = ""

    @property
    def is_down(self) -> bool:
        """It is left alone."""
        return bool(self.failures) and not self.answers

    def room(self, sessions: int, flying: int) -> int:
        """How many words may be sent: one for each session but the one that stays free for callers, and one
        that waits, lest a session waits for the disk.
        """
        if self.silent or self.is_down:
            return 0
        return max(0, (1 if self.failures else max(1, sessions - 1) + 1) - flying)

    def asks(self, now: float) -> bool:
        """Whether the base must be asked about nobody now."""
        return self.is_down and not (self.probing or self.silent) and now >= self.until

    def probed(self, error: OneCError | None, now: float) -> None:
        """So it answers when it is asked about nobody."""
        self.probing = False
        if error is None or not (error.base_down or error.kind == "busy"):
            self.answers = True
        else:
            self.failures += 1
            self.why = str(error)
            self.until = now + pause(self.failures)

    def wanted(self, now: float) -> None:
        """Somebody waits for it."""
        self.until = min(self.until, now + LONGEST_FOR_A_CARD)

    def ended(self, error: OneCError | None, now: float) -> None:
        """A word has ended so."""
        if error is None:
            self._answers()
        elif error.kind == NO_HISTORY:
            self.silent = True
        elif error.base_down:
            if self.failures and not self.answers and now < self.until:
                return  # one that had left before
            self.failures, self.answers = self.failures + 1, False
            self.unsure, self.why = error.reached is not Reached.NO, str(error)
            self.until = now + pause(self.failures)
        elif self.failures and error.kind not in NOT_SENT:  # it has answered, if not well
            self._answers()

    def _answers(self) -> None:
        self.failures, self.answers, self.why = 0, False, ""
