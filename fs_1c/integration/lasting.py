"""What goes on when the settings are read again: the stories of calls, what was claimed, what is known of
switches; and whoever keeps a file or waits for a collector.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from fs_1c.call import CallEvent
from fs_1c.cards import Claims
from fs_1c.history import History, Office, history_file
from fs_1c.journal import Journal, journal_file
from fs_1c.presence import Sharing, Switches, shared_name
from fs_1c.settings import Settings
from fs_1c.talk import Stories, Story

if TYPE_CHECKING:
    from fs_1c.tracing import Tracing


class Lasting:
    """Thread-safe. Each integration hands it to the one that relieves it; the last one closes it.

    Args:
        office: Who is told of whole calls, until `History.open` is given another.

    Attributes:
        switches: Who can take a call at which switch.
        claims: Which cards are told already.
        history: What 1C is told of whole calls; None: nothing.
        journal: None: the settings want none.
        tracing: The same.
    """

    def __init__(self, settings: Settings, office: Office) -> None:
        self._stories = Stories()
        self._telling = threading.Lock()
        self.switches = Switches()
        self._sharing = _sharing(settings, self.switches)
        state = settings.state.folder
        self.claims = Claims(state / "claims.db" if state else None, settings.redis)
        self.history: History | None = None
        if settings.tells_history:
            self.history = History(history_file(settings), office, settings.redis)
        file = journal_file(settings)
        self.journal = Journal(file, settings.journal, settings.numbers.plan()) if file else None
        self.tracing = _tracing(settings)

    def open(self) -> None:
        """Opens files and connections; may be said again. What is wrong with the journal is in the log at
        once.
        """
        if self.journal:
            self.journal.open()
        self.claims.open()
        if self._sharing:
            self._sharing.open()
        if self.tracing:
            self.tracing.open()

    def close(self, ends: float) -> None:
        """Finishes what is under way, until `ends` on the monotonic clock, and a moment longer."""
        for one in (self.claims, self._sharing, self.history, self.journal, self.tracing):
            if one:
                one.close(max(0.1, ends - time.monotonic()))

    def heard(self, event: CallEvent, switch: str) -> Story | None:
        """The story of an event's call, as it is after it."""
        with self._telling:
            return self._stories.heard(event, switch)

    def chosen(self, call_uuid: str, base: str) -> None:
        """The dialplan has chosen that base for a call."""
        with self._telling:
            self._stories.chosen(call_uuid, base)

    def restore(self, stories: list[Story]) -> None:
        """Stories that the process before has left, of calls that are up."""
        with self._telling:
            self._stories.restore(stories)

    def legs(self, switch: str) -> set[str]:
        """Legs that were up at that switch, as far as this service knows from before its start."""
        with self._telling:
            legs = self._stories.legs(switch)
        return legs | self.history.legs(switch) if self.history else legs


def _tracing(settings: Settings) -> Tracing | None:
    if not settings.tracing.endpoint:
        return None
    from fs_1c.tracing import Tracing  # nobody else pays for it

    return Tracing(settings)


def _sharing(settings: Settings, switches: Switches) -> Sharing | None:
    if settings.redis is None:
        return None
    host = settings.cluster.our_name
    ours = {one.name or str(one.address): (shared_name(one, host), one.role) for one in settings.esl.inbound}
    return Sharing(settings.redis, switches, ours)
