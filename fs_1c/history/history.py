"""Has each base told what becomes of its calls: the story's events → words, into the outbox."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from fs_1c.call import Began, CallEvent, Decision, Recorded
from fs_1c.history import kept
from fs_1c.history.changes import Changes
from fs_1c.history.kept import Waits, Word
from fs_1c.history.office import Office
from fs_1c.history.relay import AtSwitch
from fs_1c.history.sending import Sending
from fs_1c.history.stories import of_json
from fs_1c.history.tables import owns
from fs_1c.numbers import is_extension
from fs_1c.onec import Client
from fs_1c.settings import RedisSettings
from fs_1c.talk import Observer, Story

log = logging.getLogger(__name__)

MAX_CALLS = 50_000
"""Calls whose story, and whose manager, is remembered."""
ANSWERS_WITHIN = 5.0
"""Seconds that a question about what waits may take."""
LEARNS_WITHIN = 20.0
"""Seconds in which a process hears what became, while there was none, of the calls that were up before."""


class History(Observer):
    """Tells the bases. Nothing is told before `open`. Thread-safe; what does not say that it blocks returns
    at once, and nothing raises.

    Args:
        path: Where it is written down what they are to be told; None: nowhere.
        redis: Where services share it; None: each is on its own, and a reserve tells nothing.

    Attributes:
        begun: Done when the stories that the process before has left go on, if its disk can be read.
        counted: Words by base and what became of them.
        desk: Tells how much waits, and has it tried at once, or dropped.
    """

    def __init__(self, path: Path | None, office: Office, redis: RedisSettings | None = None) -> None:
        self._office = office
        self._sending = Sending(path, office, self._found, redis)
        self._sharing = self._sending.sharing
        self._outbox = self._sending.outbox
        self.begun = self._outbox.begun
        self._path = path
        self.counted, self.desk = self._sending.counted, self._sending.desk
        # What follows is the outbox' thread's own.
        self._before: OrderedDict[str, Story] = OrderedDict()
        self._managers: OrderedDict[str, str] = OrderedDict()
        self._born = time.time()
        self._up_before: set[str] = set()  # calls of which we may have missed something
        self._came: dict[str, tuple[str, float]] = {}  # to each switch: what we are called there, and when
        self._ended: dict[str, list[tuple[CallEvent, Story]]] = {}  # while we were away, by switch
        if self._sharing:
            self._sharing.managers, self._sharing.concludes = self._managers, self._conclude

    @property
    def lost(self) -> int:
        """Words that nobody will be told, for want of a disk."""
        return self._outbox.lost

    def open(self, office: Office) -> None:
        """Begins, or goes on with other settings."""
        self._office = self._sending.office = office
        if self._path is None and not self._outbox.is_open:
            log.warning(
                "history: no state.folder is set; what 1C has not been told is lost with this process"
            )
        try:
            self._outbox.open()
            if self._sharing:
                self._sharing.open()
        except RuntimeError as error:  # no thread to be had
            log.warning("history: %s", error)
        self._outbox.put(self._sending.anew, hurry=True)

    def close(self, timeout: float) -> None:
        """Writes down what waits; blocks for at most `timeout` seconds."""
        if self._sharing:
            self._sharing.close()
        self._outbox.close(timeout)

    def attend(self, switch: str, post: AtSwitch, *, reserve: bool) -> None:
        """We listen to a switch to which others may listen, too. Called before `open`."""
        if self._sharing:
            self._sharing.attend(switch, post, reserve=reserve)

    # Calls.

    def heard(self, event: CallEvent, story: Story | None) -> None:
        """What 1C is to be told of it goes to the outbox."""
        if story is not None and self._outbox.is_open and story.switch not in self._office.others:
            self._outbox.put(partial(self._happened, event, story), may_be_lost=True)

    def overheard(self, event: CallEvent, switch: str) -> None:
        """Something has happened at a switch where we are the reserve: its own service tells 1C, or we."""
        story = self._sharing.overheard(event, switch) if self._sharing and self._outbox.is_open else None
        if story is not None:
            self._outbox.put(partial(self._happened, event, story), may_be_lost=True)

    def legs(self, switch: str) -> set[str]:
        """Legs that were up where we are the reserve, as far as this service knows from before its start."""
        return self._sharing.legs(switch) if self._sharing else set()

    def decided(self, decision: Decision) -> None:
        """Who the client's manager is, or stands in for one."""
        if self._outbox.is_open:
            manager = next((value for name, value in decision.variables if name == "fs_1c_manager"), "")
            if is_extension(manager, self._office.plan):
                call = decision.call.uuid
                self._outbox.put(lambda _: _remember(self._managers, call, manager), may_be_lost=True)

    def owns(self, call: str, extension: str) -> bool:
        """Whether a card that opens when that subscriber's telephone rings makes him the call's owner."""
        return owns(extension, self._office.policy, self._managers.get(call, ""))

    def before_card(self, client: Client, base: str, call: str, seconds: float) -> None:
        """Tells 1C what it must know of a call before it takes a card, and in dialect 3 that it began; blocks
        on a worker, for `seconds`, or `BEFORE_A_CARD`, and a request at the most.

        Raises `OneCError` if that has surely not reached 1C, and a card would not, either.
        """
        self._sending.before_card(client, base, call, seconds)

    def waiting(self) -> dict[str, Waits]:
        """What waits, by base; blocks for at most `ANSWERS_WITHIN` seconds. Raises TimeoutError."""
        return self._outbox.ask(kept.waiting).result(ANSWERS_WITHIN) if self._outbox.is_open else {}

    def erase(self, is_his: Callable[[str], bool], timeout: float) -> tuple[int, str]:
        """Erases what is kept of a client, so that 1C is not told of his calls so far; blocks, for at most
        `timeout` seconds. Returns how many words that were, and what could not be erased, and why.
        """
        done: Future[tuple[int, str]] = Future()
        erase = partial(self._outbox.erase, is_his, done)
        if self._outbox.is_open:
            self._outbox.put(lambda changes: changes.after.append(erase), hurry=True)
        else:
            erase()
        shared = self._sharing.erase(is_his) if self._sharing else ""
        try:
            erased, left = done.result(timeout)
        except TimeoutError:
            left = f"the disk has not done it within {timeout:g} s; it is done when the disk allows"
            erased = 0
        return erased, "; ".join(filter(None, (left, shared)))

    # On the outbox' thread: what happens.

    def _happened(self, event: CallEvent, story: Story, changes: Changes, *, concluded: bool = False) -> None:
        office, call = self._office, story.call_uuid
        name = office.base_of(story)
        base = office.bases.get(name)
        table = base.table if base else None
        if table is None or self._sending.takes_nothing(name):
            return
        before, manager = self._before.get(call), self._managers.get(call, "")
        if before is None:
            changes.begun.add(call)
        now, came = time.time(), self._came_to(story.switch)
        # What ended before we came is no newer than we are, and a reserve may have told it otherwise.
        old = concluded or (call in self._up_before and now - came < LEARNS_WITHIN)
        ends = old and not concluded and story.ended is not None
        if ends and self._sharing and self._sharing.hears_out(story.switch):
            self._ended.setdefault(story.switch, []).append((event, story))
            return
        at = story.began if isinstance(event, Began) and story.began else getattr(event, "at", 0.0)
        if isinstance(event, Recorded) or not at:
            at = now
        words = [
            Word(
                0,
                name,
                call,
                said.state,
                said.extension,
                said.owner,
                said.once,
                story.number,
                story.destination,
                story.outgoing,
                at,
                story.began or at,
                round(story.seconds),
                story.answered,
                office.link(story),
                min(now, came) if old else now,
                switch=story.switch,
            )
            for said in table(before, event, story, office.policy, manager)
        ]
        ours = self._sharing is None or self._sharing.happened(story, words, manager, changes)
        changes.words += words if ours else ()
        if story.ended is None:
            _remember(self._before, call, story)
            if ours:
                changes.stories[call] = (story, manager)
        else:
            self._before.pop(call, None)
            self._up_before.discard(call)
            self._managers.pop(call, None)
            changes.stories[call] = None

    def _came_to(self, switch: str) -> float:
        """When we came to that switch; of the calls that were up we may have missed something."""
        life = self._sharing.life(switch) if self._sharing else ""
        known, came = self._came.get(switch, ("", self._born))
        if life != known:
            if known:
                came = time.time()
                self._up_before |= {call for call, story in self._before.items() if story.switch == switch}
            self._came[switch] = life, came
        return came

    def _conclude(self, switch: str, changes: Changes) -> None:
        """Nobody knows more of what ended there while we were away."""
        for event, story in self._ended.pop(switch, ()):
            self._happened(event, story, changes, concluded=True)

    def _found(self, stories: list[tuple[str, str]]) -> int:
        up = []
        for text, manager in stories:
            try:
                story = of_json(text)
            except ValueError as error:
                log.warning("history: %s", error)
                continue
            if story.call_uuid not in self._before:
                up.append(story)
                self._up_before.add(story.call_uuid)
                _remember(self._before, story.call_uuid, story)
                if manager:
                    _remember(self._managers, story.call_uuid, manager)
        theirs = [story for story in up if story.switch in self._office.others]
        self._office.restore([story for story in up if story.switch not in self._office.others])
        if self._sharing:
            self._sharing.restore(theirs)
        return len(up)


def _remember(where: OrderedDict[str, Any], call: str, what: Any) -> None:
    where[call] = what
    if len(where) > MAX_CALLS:
        where.popitem(last=False)
