"""A phone call, from the first ring to the card: the one object that every door holds.

integration = Integration.from_file(Path("/etc/fs-1c/fs-1c.toml"))
decision = integration.decide(call)             # before the first phone rings
...
integration.conversation(conversation)          # when somebody answers
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from fs_1c import routing, screenpop
from fs_1c.call import Call, Caller, Conversation, Decision, Failure, Outcome, Result, ScreenPop
from fs_1c.dialect import Pop
from fs_1c.directory import Directory
from fs_1c.directory.shared import SharedAnswers
from fs_1c.numbers import Number, NumberFormat, read
from fs_1c.onec.desk import Desk
from fs_1c.settings import Settings, load
from fs_1c.subscribers import Subscribers

log = logging.getLogger(__name__)

MAX_DEADLINE = 10.0
"""Seconds; a dialplan that grants more has a typing error in it, and its callers would hang up."""


@dataclass(frozen=True, slots=True)
class _Base:
    desk: Desk
    directory: Directory
    number_format: NumberFormat


class Integration:
    """FreeSWITCH on one side, the bases of 1C on the other. Thread-safe; `close` it in the end."""

    def __init__(self, settings: Settings, before: Integration | None = None) -> None:
        """Builds the rooms. `before` is the integration that this one relieves: its claims stay claimed."""
        self.settings = settings
        self.plan = settings.numbers.plan()
        self.subscribers = Subscribers(settings.subscribers)
        self._bases: dict[str, _Base] = {}
        for name, base in settings.onec.items():
            desk = Desk(name, base)
            shared = (
                SharedAnswers(settings.redis, name, settings.lookup, base.timeout) if settings.redis else None
            )
            directory = Directory(
                desk, base.number_format, self.plan, settings.lookup, settings.breaker, shared
            )
            self._bases[name] = _Base(desk, directory, base.number_format)
        claims = before._pops.claims if before else screenpop.Claims()
        self._pops: screenpop.ScreenPops = screenpop.ScreenPops(
            self._base_of, self.subscribers, self.plan, claims, settings.screenpop.useful_for
        )

    @classmethod
    def from_file(cls, path: Path) -> Integration:
        """Raises `fs_1c.settings.SettingsError`."""
        return cls(load(path))

    # A client rings.

    def decide(self, call: Call) -> Decision:
        """What to do with the call; blocks the thread, until the deadline at the most. Never raises."""
        caller = self._directory(call).lookup(call.number, self._deadline(call), private=call.private)
        return self._decision(call, caller)

    async def decide_async(self, call: Call) -> Decision:
        """The same for an event loop: waits without blocking it."""
        directory = self._directory(call)
        caller = await directory.lookup_async(call.number, self._deadline(call), private=call.private)
        return self._decision(call, caller)

    def decide_now(self, call: Call) -> Decision | None:
        """The decision if it takes no waiting: a remembered answer, or a number 1C is not asked about."""
        known = self._directory(call).known(call.number, private=call.private)
        return self._decision(call, known) if isinstance(known, Caller) else None

    # Somebody answers.

    def conversation(self, conversation: Conversation) -> Future[ScreenPop] | None:
        """Opens the client's card at the subscriber who talks to him, once; returns at once."""
        told = self._pops.conversation(conversation)
        if told is not None:
            base = self._base(conversation.base, conversation.destination)
            base.directory.renew(conversation.number)
        return told

    # 1C has changed.

    def forget(self, number: str | None, base: str = "") -> int:
        """Forgets what 1C said about a number, in any form, or about all; returns how many answers that were.

        Args:
            base: Only what this base said; empty: every base.

        Raises ValueError if `number` is no number, or there is no such base.
        """
        if base and base not in self._bases:
            raise ValueError(f"there is no base {base}; allowed: {', '.join(self._bases)}")
        bases = [self._bases[base]] if base else self._bases.values()
        return sum(one.directory.forget(number) for one in bases)

    def health(self) -> dict[str, object]:
        """How the bases are: breaker (`closed`, `open`, `half-open`) and answers remembered, by base."""
        return {
            name: {"breaker": base.directory.breaker.value, "remembered": len(base.directory)}
            for name, base in self._bases.items()
        }

    # An engineer asks.

    def lookup(self, number: str, base: str = "") -> Caller:
        """Asks 1C now, past the cache."""
        return self._base(base).directory.ask(number)

    def pop(self, number: str, *, extension: str = "", key: str = "", base: str = "") -> ScreenPop:
        """Opens a card, now, for a subscriber given by extension or by key; waits for the outcome."""
        whose = key or self.subscribers.key(extension)
        if not whose:
            return ScreenPop(Outcome.NO_KEY, error=Failure("no-key", f"extension {extension} has no key"))
        parsed = read(number, self.plan)
        if not isinstance(parsed, Number):
            return ScreenPop(Outcome.SKIPPED, error=Failure("skipped", parsed.reason))
        chosen = self._base(base)
        pop = Pop(parsed.written(chosen.number_format), whose, extension, when=time.time())
        return screenpop.send(chosen.desk, pop, useful_for=1.0).result()

    def keep_warm(self) -> None:
        """Wakes the bases and keeps them awake, until `close`; says in one line each how they are."""
        for base in self._bases.values():
            base.desk.keep_warm()

    def close(self, timeout: float = 5.0) -> None:
        """Finishes what is under way, for at most `timeout` seconds."""
        ends = time.monotonic() + timeout
        for base in self._bases.values():
            base.directory.close()
            base.desk.close(max(0.0, ends - time.monotonic()))

    def __enter__(self) -> Integration:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _base(self, chosen: str, destination: str = "") -> _Base:
        return self._bases[self.settings.base_for(chosen, destination)]

    def _directory(self, call: Call) -> Directory:
        return self._base(call.base, call.destination).directory

    def _base_of(self, conversation: Conversation) -> tuple[Desk, NumberFormat]:
        base = self._base(conversation.base, conversation.destination)
        return base.desk, base.number_format

    def _deadline(self, call: Call) -> float:
        return self.settings.lookup.deadline if call.deadline is None else min(call.deadline, MAX_DEADLINE)

    def _decision(self, call: Call, caller: Caller) -> Decision:
        decision = routing.decide(call, caller, self.settings.routing, self.plan)
        level = logging.WARNING if caller.result in (Result.LATE, Result.FAILED) else logging.INFO
        log.log(
            level,
            "call=%s lookup number=%s result=%s source=%s took=%.1fms target=%s%s",
            call.uuid,
            caller.number.e164 if caller.number else "-",
            caller.result,
            caller.source,
            caller.took * 1000,
            decision.target or "-",
            f" error={caller.error.kind}: {caller.error.message}" if caller.error else "",
        )
        return decision
