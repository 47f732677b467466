"""A client rings: who he is, who talked to him last, and what becomes of his call. For a thread that waits,
for an event loop, and at once if nothing has to be waited for.
"""

from __future__ import annotations

import time
from dataclasses import replace

from fs_1c.call import Call, Caller, Decision, LastTalk
from fs_1c.directory import Directory
from fs_1c.integration.bases import Bases
from fs_1c.journal import Asked, LastTalkers, journal_file
from fs_1c.numbers import Number, NumberPlan, read
from fs_1c.presence import Switches
from fs_1c.routing import decide, is_vacant
from fs_1c.settings import Settings

MAX_DEADLINE = 10.0
"""Seconds; a dialplan that grants more has a typing error in it, and its callers would hang up."""
FOR_LAST_TALKER = 0.25
"""Of his deadline: what a caller may wait for the journal, and Redis, when 1C has answered before them."""


class Deciding:
    """Thread-safe.

    Attributes:
        talkers: Who talked to whom last; None: the settings do not want to know.
    """

    def __init__(self, settings: Settings, plan: NumberPlan, bases: Bases, switches: Switches) -> None:
        self._settings = settings
        self._plan = plan
        self._bases = bases
        self._switches = switches
        self.talkers = _talkers(settings, plan)

    def decide(self, call: Call) -> Decision:
        """`Integration.decide`, which tells of it."""
        began, deadline, asked = time.monotonic(), self._deadline(call), self._who_talked_last(call)
        caller = self._directory(call).lookup(call.number, deadline, private=call.private, trunk=call.trunk)
        last = None
        if asked and self._is_vacant(call, caller):
            last = asked.wait(_patience(deadline, began))
            caller = replace(caller, took=time.monotonic() - began)
        return self.decision(call, caller, last)

    async def decide_async(self, call: Call, since: float | None = None) -> Decision:
        """`Integration.decide_async`."""
        began = time.monotonic() if since is None else since
        deadline, asked = self._deadline(call), self._who_talked_last(call)
        caller = await self._directory(call).lookup_async(
            call.number, deadline, private=call.private, trunk=call.trunk, since=began
        )
        last = None
        if asked and self._is_vacant(call, caller):
            last = await asked.wait_async(_patience(deadline, began))
            caller = replace(caller, took=time.monotonic() - began)
        return self.decision(call, caller, last)

    def decide_now(self, call: Call, since: float | None = None) -> Decision | None:
        """`Integration.decide_now`."""
        known = self._directory(call).known(call.number, private=call.private, since=since)
        if not isinstance(known, Caller) or (self.talkers and self._is_vacant(call, known)):
            return None
        return self.decision(call, known)

    def decision(self, call: Call, caller: Caller, last: LastTalk | None = None) -> Decision:
        """What becomes of a call, now that all is known."""
        presence = self._switches.at(call.switch)
        return decide(call, caller, self._settings.routing, self._plan, presence, last)

    def _directory(self, call: Call) -> Directory:
        return self._bases.of(call.base, call.destination).directory

    def _deadline(self, call: Call) -> float:
        return self._settings.lookup.deadline if call.deadline is None else min(call.deadline, MAX_DEADLINE)

    def _who_talked_last(self, call: Call) -> Asked | None:
        """Asks that beside the lookup; None: nobody wants to know."""
        if self.talkers is None or call.private:
            return None
        number = read(call.number, self._plan)
        return self.talkers.ask(number.e164) if isinstance(number, Number) else None

    def _is_vacant(self, call: Call, caller: Caller) -> bool:
        return is_vacant(call, caller, self._settings.routing, self._plan)


def _patience(deadline: float, began: float) -> float:
    """Seconds that a caller who has waited since then may wait for who talked last."""
    left = began + deadline - time.monotonic()
    return max(0.0, min(FOR_LAST_TALKER * deadline, left))


def _talkers(settings: Settings, plan: NumberPlan) -> LastTalkers | None:
    file, policy = journal_file(settings), settings.routing
    if not file or not policy.last_talker:
        return None
    return LastTalkers(file, policy.last_talker, policy.last_talker_at_least, plan, settings.redis)
