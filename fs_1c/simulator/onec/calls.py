"""The calls that the simulated 1C has been told of, a document each. Not thread-safe: who tells holds a lock.

What dialect 3 does with each state, and what stock 1С:УНФ does, as it is known from the code of both. Each
returns the card to open, or None, and raises ValueError, in Russian, for what it cannot do anything with.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fs_1c.simulator.onec.clients import search_key

Pop = tuple[str, str, str]
"""What opens a card: the client's number, the subscriber's key and extension, as sent; or empty."""
NEEDED = ("uuid", "state", "direction", "from", "to", "time")
MAX_UUID, MAX_DURATION, LEAST_NUMBER = 50, 99999, 7


@dataclass(slots=True, eq=False)
class Document:
    """A call as 1C has it.

    call: what it is called. number: the client's. outgoing: a subscriber called. line: that was dialled.
    who: the responsible extension. owners: of the call if it is missed. states: told, in order.
    answered, missed, seconds, link: what became of it. reminders: how often its owners are reminded.
    """

    call: str
    number: str
    outgoing: bool = False
    line: str = ""
    who: str = ""
    owners: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    answered: bool = False
    missed: bool = False
    seconds: int = 0
    link: str = ""
    reminders: int = 0


class Calls:
    """documents: what was made of calls, oldest first. at_answer: cards open by ANSWER, not by PREANSWER.
    ignored: numbers of whose calls 1С:УНФ makes nothing.

    What is told of a call that it does not know 1С:УНФ drops; dialect 3 makes a row of it.
    """

    def __init__(self, *, at_answer: bool = False, ignored: Iterable[str] = ()) -> None:
        self.documents: list[Document] = []
        self._rows: dict[str, Document] = {}  # by what a call is called; in dialect 3 before its end, too
        self._opens, self._ignored = "ANSWER" if at_answer else "PREANSWER", {*map(search_key, ignored)}

    def event(self, told: Mapping[str, str]) -> Pop | None:
        """An event of dialect 3: a JSON object in Data."""
        try:
            event = json.loads(told["Data"])
        except (ValueError, RecursionError) as error:
            raise ValueError(f"Ошибка чтения JSON: {error}") from error
        if not isinstance(event, dict):
            raise ValueError("Ошибка чтения JSON: ожидается объект")
        wanted = (*NEEDED, "duration") if event.get("state") == "HANGUP" else NEEDED
        if missing := [name for name in wanted if name not in event]:
            raise ValueError(f"Поле объекта не обнаружено ({missing[0]})")
        uuid, state, incoming = str(event["uuid"]), str(event["state"]), event["direction"] == "incoming"
        if len(uuid) > MAX_UUID:
            raise ValueError(f"Превышена длина строки ({MAX_UUID}): uuid")
        client, person = (str(event[side]) for side in (("from", "to") if incoming else ("to", "from")))
        known = re.fullmatch("[0-9]{1,6}", person) is not None
        key = str(event.get("userkey") or "")
        call = self._rows.setdefault(uuid, Document(uuid, client, not incoming))
        call.states.append(state)
        call.link = str(event.get("recordUrl") or call.link)
        if incoming and state in ("START", "IVR"):
            call.line = call.line or person
        elif known:
            call.who = person  # of a leg that has lost the call, too
        if state == "PREANSWER" and known and key and person not in call.owners:
            call.owners.append(person)
        elif state == "HANGUP":
            call.answered = event.get("callstatus") == "ANSWER"
            call.seconds = min(int(str(event["duration"])), MAX_DURATION)
        elif state == "END":
            if "END" not in call.states[:-1]:
                self.documents.append(call)
            call.missed = incoming and not call.answered
            call.reminders += call.missed and bool(call.owners)
        opens = state == self._opens and incoming and known and len(client) >= LEAST_NUMBER
        return (client, key, person) if opens else None

    def state(self, told: Mapping[str, str]) -> Pop | None:
        """`cmd=event` of «Универсальный itoolabs»."""
        kind, number = told["type"], told["phone"]
        if search_key(number) in self._ignored:
            return None
        if kind in ("INCOMING", "OUTGOING"):
            line = told.get("diversion", "")
            made = Document(told["callid"], number, kind == "OUTGOING", line, told["ext"], states=[kind])
            self.documents.append(made)
            self._rows[made.call] = made  # of a call that it was told of twice the later counts
        elif (call := self._rows.get(told["callid"])) is not None:
            call.states.append(kind)
            call.missed = call.missed or (kind == "CANCELLED" and not call.outgoing)
            if kind == "ACCEPTED":
                call.who, call.answered = told["ext"], True
                return number, "", told["ext"]
        return None

    def history(self, told: Mapping[str, str]) -> None:
        """`cmd=history` of the same."""
        if (call := self._rows.get(told["callid"])) is not None:
            call.states.append("history")
            call.answered = told["status"] == "Success"
            call.missed = not (call.answered or call.outgoing)
            call.seconds, call.link = int(told["duration"]), told.get("link", "")
