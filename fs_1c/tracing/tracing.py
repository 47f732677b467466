"""Hears what becomes of calls, and has each told as a trace."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from typing import Protocol, TypeVar

from fs_1c.call import CallEvent, Conversation, Decision, HistoryWord, Outcome, ScreenPop, Told
from fs_1c.settings import Role, Settings
from fs_1c.talk import Observer, Story
from fs_1c.tracing import spans
from fs_1c.tracing.spans import Span

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_CALLS = 50_000
"""Calls of which it is remembered when they were heard of first; the oldest is forgotten first."""


class Collector(Protocol):
    """Whoever is told of spans. Returns at once, but for `close`."""

    def send(self, call_uuid: str, span: Span, *, root: bool = False) -> None:
        """A part of that call; `root`: the call itself."""

    def close(self, timeout: float) -> None:
        """Sends what waits; blocks for at most `timeout` seconds."""


class _Going:
    """A call that is not over.

    Attributes:
        since: When the first was heard of it; seconds since the epoch.
        ours: A card, or a word, of it was this service's.
    """

    __slots__ = ("ours", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.ours = False


class Tracing(Observer):
    """Tells nothing before `open`. Thread-safe; returns at once and never raises.

    Each part of a call is sent when it is over, whoever has it. The call itself is told by the own service of
    its switch, when the call is over; by a reserve only if it had to do with it; and where no switch is
    listened to, when the call is decided.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.tracing
        self._name = settings.cluster.our_name
        self._whole = settings.tracing.numbers
        self._listens = bool(settings.esl.inbound)
        self._internal = settings.tells_history and settings.history.internal
        self._others = frozenset(one.name for one in settings.esl.inbound if one.role is Role.RESERVE)
        self._collector: Collector | None = None
        self._lock = threading.Lock()
        self._going: OrderedDict[str, _Going] = OrderedDict()
        self._call_of: OrderedDict[str, str] = OrderedDict()  # another leg that a call goes on by → the call

    def open(self, collector: Collector | None = None) -> None:
        """Begins to tell; what stands in the way is a line in the log.

        Args:
            collector: None: that of the settings.
        """
        if self._collector is not None:
            return
        try:
            if collector is None:
                from fs_1c.tracing.otlp import OtlpCollector

                collector = OtlpCollector(self._settings, self._name)
        except Exception as error:  # a library's, whichever of a dozen does not fit
            log.error("tracing: OpenTelemetry does not start, calls go on without: %r", error)
            return
        self._collector = collector

    def close(self, timeout: float) -> None:
        """Sends what waits; blocks for at most `timeout` seconds."""
        collector, self._collector = self._collector, None
        if collector is not None:
            collector.close(timeout)

    def decided(self, decision: Decision) -> None:
        """A call was decided."""
        now = time.time()
        with self._lock:
            self._begun(decision.call.uuid, now - decision.caller.took)
        self._send(decision.call.uuid, spans.of_decision(decision, now))
        if not self._listens:
            span = spans.of_decided_call(decision, now)
            self._send(decision.call.uuid, span, root=True)

    def heard(self, event: CallEvent, story: Story | None) -> None:
        """Something has happened to a call."""
        if story is None:
            return
        call, over = story.call_uuid, story.ended is not None
        with self._lock:
            going = self._begun(call, getattr(event, "at", 0.0) or time.time())
            if (other := getattr(event, "call_uuid", call)) != call:
                _remember(self._call_of, other, call)
            if over:
                self._going.pop(call, None)
        if not over or not self._listens or (story.internal and not self._internal):
            return
        if story.switch not in self._others or going.ours:
            self._send(call, spans.of_call(story, going.since), root=True)

    def popped(self, conversation: Conversation, pop: ScreenPop) -> None:
        """A card opened, or did not."""
        with self._lock:
            call = self._call_of.get(conversation.call_uuid, conversation.call_uuid)
            self._acted(call, ours=pop.outcome is not Outcome.ELSEWHERE)
        self._send(call, spans.of_card(conversation, pop, time.time()))

    def told(self, word: HistoryWord) -> None:
        """1C was to be told something of a call."""
        with self._lock:
            self._acted(word.call_uuid, ours=word.told is not Told.DROPPED)
        self._send(word.call_uuid, spans.of_word(word))

    def _begun(self, call: str, at: float) -> _Going:
        going = self._going.get(call)
        return going if going is not None else _remember(self._going, call, _Going(at))

    def _acted(self, call: str, *, ours: bool) -> None:
        if ours and (going := self._going.get(call)) is not None:
            going.ours = True

    def _send(self, call: str, span: Span, *, root: bool = False) -> None:
        collector = self._collector
        try:
            if collector is not None:
                told = span if self._whole else spans.without_numbers(span)
                collector.send(call, told, root=root)
        except Exception:  # whoever tells us has a call to look after
            log.exception("call=%s tracing: a span is lost", call)


def _remember(kept: OrderedDict[str, T], key: str, value: T) -> T:
    kept[key] = value
    if len(kept) > MAX_CALLS:
        kept.popitem(last=False)
    return value
