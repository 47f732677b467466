"""What waits changes hands, through Redis: a service puts there what is in its file, and takes over what is
another's to say no more. When it does, and why: `relay`.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
import uuid
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

from fs_1c.channel import plain
from fs_1c.history import kept
from fs_1c.history.kept import Word
from fs_1c.history.relay import rows, shared
from fs_1c.history.relay.part import LATE, NOTHING, Host, Part, doubtful
from fs_1c.history.relay.shared import ENDS, NOBODY, PORTION, SAME, Lost, Shared, Waiting, field_of, place_of
from fs_1c.redis_client import Away

log = logging.getLogger(__name__)

BEHIND = 30.0
"""Seconds until it is tried again to put what Redis had no room for."""
IN_DOUBT_AFTER = 60.0
"""Seconds after which the own service's file alone knows whether it has said a word without Redis: what it
tells Redis when that is back is of the last `relay.RECENT`, and after a restart no more than `TOLD`.
"""
ROWS = 500
"""Words that are read at a time."""
TOLD = 5000
"""Harmful words of before a restart that Redis hears of: those of minutes, where there are many calls."""


def adopt(
    connection: sqlite3.Connection, found: Waiting, me: str, own: bool, turn: float, *, under_way: bool
) -> tuple[int, list[str]]:
    """Writes down what waits in Redis of a call and is not here, before what comes later in it. Returns how
    many words that were, and the fields of those of which this file knows that they have come to their end.
    """
    known = rows.of_call(connection, found.base, found.call)
    here = {field_of(row) for row in known}
    over, new = [name for name, by in found.taken if by == me and name not in here], list[Word]()
    for word, by in found.words:
        name = field_of(word)
        if name in here:
            continue
        if (own and by == me) or not kept.put(connection, [word], lambda _: turn):
            over.append(name)
        else:
            new.append(word)
    later = [row for row in known if any(place_of(word) < place_of(row) for word in new)]
    if later and not under_way:
        rows.behind(connection, later)
    return len(new), over


class Hands:
    """See above. All but `was_put` and `was_done` blocks, and raises `Away` and `Lost`, and TimeoutError if
    the file hangs.
    """

    def __init__(self, shared: Shared, host: Host) -> None:
        self._shared = shared
        self._host = host

    def put_all(self, part: Part) -> None:
        """What waits in the file waits in Redis, too."""
        part.behind, after = 0.0, 0
        while True:
            portion = partial(rows.of_switch, switch=part.switch, after=after, limit=ROWS)
            if not (found := self._host.ask(portion)):
                return
            after = found[-1].id
            sent = []
            for _, group in groupby(found, lambda word: (word.base, word.call)):
                words = list(group)
                over = not part.reserve and any(field_of(word) in ENDS for word in words)
                put = self._shared.put(part.switch, part.life, words, long=part.reserve, over=over)
                sent.append((words, put))
            for words, reply in sent:
                if said := self.was_put(part, words, reply):
                    self._host.said(said)
            if not part.life:
                raise Away
            if part.behind:
                return

    def tell_told(self, part: Part) -> None:
        """What the process before has said. Of which switch its file does not know: it hurts no other."""
        found = self._host.ask(lambda connection: rows.told(connection, TOLD))
        said = [(base, call, SAME.get(state, state)) for base, call, state in found]
        for i in range(0, len(said), ROWS):
            self.done(part, part.life, said[i : i + ROWS])

    def take_over(self, part: Part) -> None:
        """The own service is gone, and what it has not said is ours; or it is back, and what it cannot have
        heard is.
        """
        there = self._shared.attach(part.switch, fresh(), reserve=True)
        if there.life != part.life:
            raise Lost
        gone, owner = part.post.alone_for() is not None, part.owner
        self._host.ask(lambda _: None)  # what was heard before that owner is in the ring
        doubt = doubtful(there.silent, part.post.owner_away())
        if doubt and not gone:
            return  # it has not said yet what it has said
        taken, left = self._adopt_all(part, doubt=doubt) if gone else (0, 0)
        while True:
            with part.lock:
                ring = [one for one in part.ring if gone or one[0] <= part.owed + LATE]
                if not ring:
                    part.acts, part.owes, part.owed = gone, False, NOTHING
                    break
            offered: set[int] = set()
            try:
                for _, group in groupby(ring, lambda one: (one[1].base, one[1].call)):
                    said = list(group)
                    ours = [one for one in said if not (one[1].once and _left(part, one[1], doubt=doubt))]
                    left += len(said) - len(ours)
                    _, _, manager, over = said[-1]
                    if ours:  # while there is doubt the own service has something to say of the end
                        words = [one[1] for one in ours]
                        all_ours = over and not doubt and len(ours) == len(said)
                        taken += self._offer(part, words, manager, over=all_ours)
                    if his := [one[1] for one in said if one not in ours]:
                        self._leave(part, his, there.owner)
                    offered.update(map(id, said))
            finally:  # what Redis or the disk has not taken is offered again
                part.forget(offered)
        self._shared.said_all(part.switch, owner)
        self._host.adopted({})
        if gone or taken:
            log.warning(
                "history of %s: its own service %s; %d words are taken over%s",
                part.switch,
                "is gone" if gone else "was gone",
                taken,
                f", {left} are not, for it may have said them without Redis" if left else "",
            )

    def adopt_waiting(self, part: Part, *, left: bool = False) -> None:
        """An own service: what waits in Redis is ours, too; `left`: what has been left to us, no more."""
        managers: dict[str, str] = {}
        for found in self.read(part, part.life):
            words = tuple(one for one in found.words if not left or one[1].startswith(NOBODY))
            if words or not left:
                self._adopt(part, replace(found, words=words), managers)
        self._host.adopted(managers)

    def _adopt_all(self, part: Part, *, doubt: bool) -> tuple[int, int]:
        """What waits in Redis is ours. Returns how many words are, and how many may not be."""
        managers: dict[str, str] = {}
        taken = left = 0
        for found in self.read(part, part.life, long=True):
            words = tuple(
                (word, by)
                for word, by in found.words
                if not word.once or by == self._shared.me or not (doubt or by.startswith(NOBODY))
            )
            left += len(found.words) - len(words)
            taken += self._adopt(part, replace(found, words=words), managers)
            for name, by in found.taken:
                if by != self._shared.me:
                    _unknown(found, name, "another was at it when it went")
        self._host.adopted(managers)
        return taken, left

    def _offer(self, part: Part, words: list[Word], manager: str, *, over: bool) -> int:
        """What we could have said is ours if Redis has not heard of it."""
        words = [
            replace(word, id=place) for place, word in enumerate(words)
        ]  # others read them in this order
        reply = self._shared.put(
            part.switch, part.life, words, long=True, over=over, manager=manager
        ).result()
        states = self._shared.understood(reply, words) or [1] * len(words)
        # Lest it loses its order: a call of which something is ours is ours, but what must not be said twice.
        least = 0 if max(states) > 0 else 1
        ours = [
            word
            for word, state in zip(words, states, strict=True)
            if state > 0 or (state >= least and not word.once)
        ]

        def write(connection: sqlite3.Connection) -> int:
            """Some may be there: it was offered before, and we have not heard that it was taken."""
            here = {field_of(row) for row in rows.of_call(connection, words[0].base, words[0].call)}
            return len(kept.put(connection, [word for word in ours if field_of(word) not in here]))

        return int(self._host.ask(write)) if ours else 0

    def _leave(self, part: Part, words: list[Word], owner: str) -> None:
        """The own service finds these in Redis when it is back; its file knows which it has said."""
        by = f"{NOBODY}{owner}"
        reply = self._shared.put(part.switch, part.life, words, long=True, by=by).result()
        self._shared.understood(reply, words)

    def _adopt(self, part: Part, found: Waiting, managers: dict[str, str]) -> int:
        me, life = self._shared.me, part.life
        # No clock of ours has seen them made.
        made = (part.since or part.born_at) - 0.001
        another = [word for word, by in found.words if not part.reserve and is_anothers(word, by, me)]
        words = tuple(
            (replace(word, made=min(word.made, made)), by) for word, by in found.words if word not in another
        )
        if found.manager:
            managers[found.call] = found.manager
        waits = any(by != me for _, by in found.taken)
        turn = time.monotonic() + shared.TAKES if waits else 0.0  # till then it may be told
        known = replace(found, words=words)
        own, under_way = not part.reserve, self._host.is_flying

        def write(connection: sqlite3.Connection) -> tuple[int, list[str]]:
            is_under_way = under_way(found.base, found.call)
            return adopt(connection, known, me, own, turn, under_way=is_under_way)

        taken, over = self._host.ask(write)
        for word in another:
            _unknown(found, word.state, "our file is another than of who may have said it")
        over += map(field_of, another)
        self.done(part, life, [(found.base, found.call, name) for name in over])
        return int(taken)

    def read(self, part: Part, life: str, *, long: bool = False) -> list[Waiting]:
        members = self._shared.waiting(part.switch)
        found: list[Waiting] = []
        for i in range(0, len(members), PORTION):
            found += self._shared.read(part.switch, life, members[i : i + PORTION], long=long)
        return found

    def done(self, part: Part, life: str, said: list[tuple[str, str, str]]) -> None:
        """These have come to their end, by base, call and field; blocks."""
        replies: list[Future[Any]] = [
            self._shared.settle(part.switch, life, base, call, [name], long=part.reserve)
            for base, call, name in said
        ]
        for reply in replies:
            if reply.result() == b"life":
                raise Lost

    def was_put(self, part: Part, words: list[Word], reply: Future[Any]) -> list[Word]:
        """Returns those that are another's."""
        said: list[Word] = []
        try:
            states = self._shared.understood(reply.result(), words)
        except (Away, Lost):
            part.life = ""
            return said
        if states is not None:
            said = [word for word, state in zip(words, states, strict=True) if state < 0]
        else:
            if not part.behind:
                log.warning(
                    "history of %s: Redis has no room for more calls; the rest waits in the file alone",
                    part.switch,
                )
            part.behind = time.monotonic() + BEHIND
        return said

    def was_done(self, part: Part, reply: Future[Any]) -> None:
        with contextlib.suppress(Away):
            if reply.result() != b"life":
                return
        part.life = ""


def _left(part: Part, word: Word, *, doubt: bool) -> bool:
    """Whether a harmful word is the own service's to look at."""
    return (doubt or time.time() - word.made > IN_DOUBT_AFTER) and not part.safe(word)


def is_anothers(word: Word, by: str, me: str) -> bool:
    """Whether a harmful word was left to an own service with another file than ours."""
    return word.once and by.startswith(NOBODY) and by not in (NOBODY, f"{NOBODY}{me}")


def _unknown(found: Waiting, state: str, why: str) -> None:
    log.warning(
        "call=%s history %s extension=- base=%s unknown: %s", plain(found.call), plain(state), found.base, why
    )


def fresh() -> str:
    """A name for what Redis knows, if it has none."""
    return uuid.uuid4().hex
