"""How a lookup and a card ended, each in a word. In English they are those of the log."""

from __future__ import annotations

from fs_1c.call import Outcome, Result
from fs_1c.language import pgettext


def lookup_word(result: str) -> str:
    """Of a `Result`; of an older service's, as it stands."""
    words: dict[str, str] = {
        Result.FOUND: pgettext("lookup", "found"),
        Result.UNKNOWN: pgettext("lookup", "unknown"),
        Result.SKIPPED: pgettext("lookup", "skipped"),
        Result.BLOCKED: pgettext("lookup", "blocked"),
        Result.LATE: pgettext("lookup", "late"),
        Result.FAILED: pgettext("lookup", "failed"),
    }
    return words.get(result, result)


def card_word(outcome: str) -> str:
    """Of an `Outcome`; of an older service's, as it stands."""
    words: dict[str, str] = {
        Outcome.ACCEPTED: pgettext("card", "accepted"),
        Outcome.REJECTED: pgettext("card", "rejected"),
        Outcome.FAILED: pgettext("card", "failed"),
        Outcome.UNKNOWN: pgettext("card", "unknown"),
        Outcome.NO_KEY: pgettext("card", "no key"),
        Outcome.NO_SUBSCRIBER: pgettext("card", "no subscriber"),
        Outcome.SKIPPED: pgettext("card", "skipped"),
        Outcome.TOO_LATE: pgettext("card", "too late"),
        Outcome.ELSEWHERE: pgettext("card", "elsewhere"),
    }
    return words.get(outcome, outcome)
