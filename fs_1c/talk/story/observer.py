"""Whoever listens to what becomes of calls."""

from __future__ import annotations

from collections.abc import Callable

from fs_1c.call import CallEvent, Conversation, Decision, HistoryWord, ScreenPop
from fs_1c.talk.story.story import Story


class Observer:
    """Hears what becomes of calls, and of the requests to 1C that they cost. Whoever wants to know less than
    all of it overrides less. Must return at once and never raise.
    """

    def decided(self, decision: Decision) -> None:
        """A call was decided."""

    def heard(self, event: CallEvent, story: Story | None) -> None:
        """Something has happened to a call; None: it is about a leg that is in no story."""

    def popped(self, conversation: Conversation, pop: ScreenPop) -> None:
        """A card opened, or did not."""

    def erased(self, is_his: Callable[[str], bool]) -> None:
        """What is remembered of one client must go; `is_his` knows his number in any form."""

    def told(self, word: HistoryWord) -> None:
        """1C was to be told something of a call, and that is what became of it."""

    def asked(self, base: str, operation: str, took: float, error: str) -> None:
        """A request to 1C has ended after `took` seconds; `error` is its kind, empty if it went well."""
