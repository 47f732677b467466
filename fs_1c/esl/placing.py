"""Calls that this service has had a switch make: which legs are theirs, and what is told of them. No I/O.

A subscriber's leg has `fs_1c_call`, a client's `fs_1c_called`. Of several telephones of a subscriber one is
answered, and its leg is the call from then on; before that the switch's answer to our command says why none
was. After a lost connection legs are known again by what `uuid_dump` says.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fs_1c.calls import CALL, CALLED, Step, What
from fs_1c.esl.wire import Headers

Told = tuple[str, Step]
"""Of which call, and what."""
MAX_CALLS = 10_000
"""Calls that are followed; the oldest is forgotten first."""

_CALL, _CALLED = f"variable_{CALL}", f"variable_{CALLED}"
_UP = {"early": What.RINGS, "ringing": What.RINGS, "answered": What.ANSWERS}


@dataclass(slots=True)
class _Call:
    """One of them.

    Attributes:
        legs: The subscriber's that are up.
        answered: The one of them that was.
        waits: The switch will say how the command ended.
    """

    legs: set[str] = field(default_factory=set)
    answered: str = ""
    waits: bool = True


class Placing:
    """All of them at one switch; outlives the connection."""

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}
        self._call_of: dict[str, str] = {}  # a subscriber's leg → its call

    def __len__(self) -> int:
        return len(self._calls)

    def begins(self, call_id: str) -> None:
        """The switch is told to make it."""
        self._calls[call_id] = _Call()
        if len(self._calls) > MAX_CALLS:
            self._forget(next(iter(self._calls)))

    def replied(self, call_id: str, reply: str) -> tuple[Told, ...]:
        """The switch's reply to the command: it goes about it, or it does not."""
        if reply.startswith("+OK"):
            return ((call_id, Step(What.PLACED)),)
        self._forget(call_id)
        return ((call_id, Step(What.REFUSED)),)

    def done(self, call_id: str, result: str) -> tuple[Told, ...]:
        """How the command ended: a subscriber has picked up, or why none has."""
        call = self._calls.get(call_id)
        if call is None:
            return ()
        call.waits = False
        status, _, rest = result.partition(" ")
        if status == "+OK":
            return () if call.answered else self._answers(call_id, call, rest.strip())
        self._forget(call_id)
        return ((call_id, Step(What.GONE, rest.strip()[:64])),)

    def lost(self) -> None:
        """The connection is lost: what the switch would have said about commands it says to nobody."""
        for call in self._calls.values():
            call.waits = False

    def feed(self, event: Headers) -> tuple[Told, ...]:
        """Takes an event of a channel, or a dump."""
        call_id, is_client = event.get(_CALL), False
        if call_id is None:
            call_id, is_client = event.get(_CALLED), True
        call = self._calls.get(call_id or "")
        leg, name = event.get("Unique-ID"), event.get("Event-Name")
        if call_id is None or call is None or not leg:
            return ()
        if is_client:
            return self._client(call_id, name, event)
        if name == "CHANNEL_HANGUP_COMPLETE":
            return self.gone(leg, event.get("Hangup-Cause") or "")
        call.legs.add(leg)
        self._call_of[leg] = call_id
        what = What.PLACED
        if name in ("CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA"):
            what = What.RINGS
        elif name == "CHANNEL_ANSWER":
            return self._answers(call_id, call, leg)
        elif name == "CHANNEL_DATA":
            what = _UP.get(event.get("Answer-State") or "", What.PLACED)
            if what is What.ANSWERS:
                return self._answers(call_id, call, leg)
        return ((call_id, Step(what)),)

    def gone(self, leg: str, cause: str = "") -> tuple[Told, ...]:
        """A leg is not up any more."""
        call_id = self._call_of.pop(leg, "")
        call = self._calls.get(call_id)
        if call is None:
            return ()
        call.legs.discard(leg)
        if leg != call.answered and (call.answered or call.waits or call.legs):
            return ()  # another telephone of his was answered, or may be
        self._forget(call_id)
        return ((call_id, Step(What.GONE, cause)),)

    def _answers(self, call_id: str, call: _Call, leg: str) -> tuple[Told, ...]:
        call.answered = leg
        call.legs.add(leg)
        self._call_of[leg] = call_id
        return ((call_id, Step(What.ANSWERS)),)

    def _client(self, call_id: str, name: str | None, event: Headers) -> tuple[Told, ...]:
        answered = name == "CHANNEL_DATA" and event.get("Answer-State") == "answered"
        if name == "CHANNEL_ANSWER" or answered:
            return ((call_id, Step(What.TALKS)),)
        if name in ("CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA"):
            return ((call_id, Step(What.CLIENT_RINGS)),)
        return ()

    def _forget(self, call_id: str) -> None:
        call = self._calls.pop(call_id, None)
        for leg in call.legs if call else ():
            self._call_of.pop(leg, None)
