"""The calls that the simulated 1C has been told of, a document each. Not thread-safe: who tells holds a lock.

What dialect 3 and stock 1С:УНФ do with each state is known from the code of both; what our own extension does
is compared with it by a test. Each returns the card to open, or None, and raises ValueError, in Russian, for
what it cannot do anything with.
"""

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fs_1c.simulator.onec.clients import WRITABLE, search_key

Pop = tuple[str, str, str]
"""What opens a card: the client's number, the subscriber's key and extension, as sent; or empty."""
NEEDED = ("uuid", "state", "direction", "from", "to", "time")
MAX_UUID, MAX_DURATION, LEAST_NUMBER, MAX_EVENT = 50, 99999, 7, 10_000


@dataclass(slots=True, eq=False)
class Document:
    """A call as 1C has it.

    call: what it is called. number: the client's. outgoing: a subscriber called. line: that was dialled.
    who: the responsible extension. owners: of the call if it is missed. states: told, in order.
    answered, missed, seconds, link: what became of it. reminders: how often its owners are reminded.
    began, since: of our extension: when, and since when `who` talks, seconds since the epoch.
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
    began: float = 0.0
    since: float = 0.0


def _object(data: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Ошибка чтения JSON: {error}") from error
    if not isinstance(event, dict):
        raise ValueError("Ошибка чтения JSON: ожидается объект")
    return event


def _text(value: object, most: int = 50) -> str:
    """Of what is a string or a number, without what no base can store."""
    known = isinstance(value, str | int | float) and not isinstance(value, bool)
    return re.sub(f"(?!{WRITABLE}).", "", str(value) if known else "", flags=re.DOTALL).strip()[:most].strip()


def _number(value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if least <= value <= most else 0


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
        event = _object(told["Data"])
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

    def call_event(self, told: Mapping[str, str]) -> None:
        """`CallEvent` of our own extension: a row a call, whatever comes twice, late or out of order."""
        event = _object(told["Data"][: MAX_EVENT + 1])
        uuid, way = _text(event.get("uuid"), MAX_UUID + 1), event.get("direction")
        if not 0 < len(uuid) <= MAX_UUID or way not in ("incoming", "external"):
            raise ValueError("ФС1С: у события звонка нет uuid или direction")
        incoming, state = way == "incoming", _text(event.get("state"))
        client, person = (_text(event.get(side)) for side in (("from", "to") if incoming else ("to", "from")))
        said, start = (_number(event.get(name), 946684800, 4102444800) for name in ("time", "began"))
        at, began = said or start or time.time(), start or said or time.time()
        if (call := self._rows.get(uuid)) is None:
            call = self._rows[uuid] = Document(uuid, client, not incoming, began=began)
            self.documents.append(call)
        ended = "END" in call.states
        call.states.append(state)
        call.number, call.line = call.number or client, call.line or _text(event.get("line"))
        call.began, call.outgoing = min(call.began, began), not incoming
        if state == "END":
            call.answered = event.get("callstatus") == "ANSWER"
            call.missed = incoming and not call.answered
            call.seconds = _number(event.get("duration"), 0, 999_999)
            call.owners = [owner] if (owner := _text(event.get("owner"))) and call.missed else []
            call.who = "" if call.missed else person or call.who
            link = _text(event.get("recordUrl"), 1001)
            call.link = link if 0 < len(link) <= 1000 else call.link
        elif state == "ANSWER" and not ended:
            call.answered = True
            if at >= call.since:
                call.who, call.since = person, at
        elif state == "START" and not (ended or incoming):
            call.who = call.who or person

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
