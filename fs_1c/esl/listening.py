"""What is said on one connection to a switch's event socket. A state machine; no I/O.

Authenticate, subscribe, ask what is up, and then listen. Events come at any time between the replies; the
replies come in the order of the commands.

What was bridged while nobody listened is told by `show channels` and, for each channel, `uuid_dump`. The
first comes from a database that FreeSWITCH writes behind its back, a fifth of a second late and more under
load; so a missing channel may be up all the same, and one looks again. The second comes from the channel
itself. A switch may have no such database, or one that is away: then what it tells by events must do. Nothing
that it answers to one question costs the connection.

A switch that has a name tells, besides, who else listens to it (`Word`), and whose a card is: mod_hash keeps
one value for each key, given to whoever comes first. Two words make a claim, one to put our token there if
there is none, one to read whose is there, so that it may be made again whatever became of the first.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

from fs_1c import channel
from fs_1c.call import CallEvent
from fs_1c.calls import CALL
from fs_1c.cards import Taken, Word
from fs_1c.esl import commands
from fs_1c.esl.placing import Placing, Told
from fs_1c.esl.wire import Headers, Message, WireError
from fs_1c.settings import Role
from fs_1c.talk import CUSTOM_EVENTS, EVENTS, Conversations, Question, is_uuid

MAX_CHANNELS = 20_000
"""Channels asked about after a reconnect."""
MAX_REGISTRATIONS, MAX_CONTACTS = 50_000, 16 * 1024
"""Registrations of a switch, and octets of those of one subscriber, that are looked at."""
SERVICE = "fs_1c::service"
"""The events by which services that listen to one switch hear of each other."""
MAX_TOKEN = 100


class Refused(Exception):
    """The switch does not let us in: the password, or its access list."""


class _Asked(Enum):
    """What a reply is about."""

    AUTH = auto()
    EVENTS = auto()
    REGISTRATIONS = auto()
    CHANNELS = auto()
    DUMP = auto()
    JOB = auto()
    PLACE = auto()
    ALIVE = auto()
    CLAIM = auto()
    HOLDER = auto()
    UP = auto()
    SOFIA = auto()
    VERTO = auto()
    STILL_UP = auto()
    CORE = auto()


class Heard(NamedTuple):
    """What to do after a message.

    Attributes:
        write: Octets to be sent; may be empty.
        happened: What has just happened, in order; mostly nothing.
        ready: We are subscribed now; `Listening.look_again` is due in a while.
        job: Job-UUID and result of a background job.
        closed: FreeSWITCH takes its leave.
        problem: An answer could not be used; why, for the log.
        word: A service, perhaps this one, says that it is there.
        taken: The ticket of a claim, and what the switch says about it.
        told: What is told of calls that we have had it make.
    """

    write: bytes = b""
    happened: tuple[CallEvent, ...] = ()
    ready: bool = False
    job: tuple[str, str] | None = None
    closed: bool = False
    problem: str = ""
    word: Word | None = None
    taken: tuple[str, Taken] | None = None
    told: tuple[Told, ...] = ()


_NOTHING = Heard()


class Listening:
    """One connection.

    Args:
        password: The event socket's.
        conversations: Outlives the connection: what it knows is still true after a reconnect.
        name: That the switch has in the settings; who gives it another has nothing to do with us.
        token: Ours among the services that give it that name.
        before: Tells the legs that were up before this service was started.
        placing: The calls that we have had it make; outlives the connection, too.
    """

    def __init__(
        self,
        password: str,
        conversations: Conversations,
        name: str = "",
        token: str = "",
        before: Callable[[], set[str]] = lambda: set(),
        placing: Placing | None = None,
    ) -> None:
        self._placing = Placing() if placing is None else placing
        self._password = password
        self._before = before
        self._name = name
        self._token = token
        self._realm = f"fs_1c.{name}"
        self._holders: dict[str, str] = {}  # ticket → who has it
        self._conversations = conversations
        self._presence = conversations.presence
        self._questions: deque[Question] = deque()  # about subscribers
        self._sofia = ""  # the first half of the answer
        self._asked_who = False
        self._asked: deque[tuple[_Asked, str]] = deque()  # and about which channel
        self._asked_about: set[str] = set()  # channels that were asked about
        self._unheard: set[str] = set()  # of them those that may have gone while nobody listened
        self._missing: set[str] = set()  # not up, as the switch has said once
        self._welcomed = False

    def received(self, message: Message) -> Heard:
        """Takes one message. Raises `Refused` or `WireError`."""
        if message.content_type == "text/event-plain":  # nearly all are
            return self._event(message)
        match message.content_type:
            case "auth/request":
                if self._welcomed:
                    raise WireError("the password was asked for twice")
                self._welcomed = True
                return Heard(self._ask(_Asked.AUTH, commands.auth(self._password)))
            case "command/reply" | "api/response":
                return self._replied(message)
            case "text/rude-rejection":
                raise Refused(
                    "its access list (event_socket.conf.xml, apply-inbound-acl) does not allow our address"
                )
            case "text/disconnect-notice":
                return Heard(closed=True)
        return _NOTHING

    def look_again(self) -> bytes:
        """What to write to ask once more, about channels that were not asked about."""
        before = {leg for leg in self._before() if is_uuid(leg)}
        self._unheard |= before - self._conversations.known()  # of others we have heard since we listen
        return self._dump(sorted(before)) + self._ask(_Asked.CHANNELS, commands.api("show channels as json"))

    def who_is_there(self) -> bytes:
        """What to write to ask about subscribers of whom something has changed; mostly nothing. Due all the
        time, several times a second. The first time the switch is asked who it is: a call may be decided
        before any event has told.
        """
        asks = b""
        if not self._presence.core and not self._asked_who:
            self._asked_who = True
            asks = self._ask(_Asked.CORE, commands.api("global_getvar core_uuid"))
        for question in self._presence.registrar.questions():
            user, domain = channel.word(question.user), channel.host(question.domain)
            if user and domain:
                self._questions.append(question)
                asks += self._ask(_Asked.SOFIA, commands.api(f"sofia_contact */{user}@{domain}"))
                asks += self._ask(_Asked.VERTO, commands.api(f"verto_contact {user}@{domain}"))
        return asks

    def who_is_there_in_all(self) -> bytes:
        """What to write to learn what no event has told of subscribers. Due once a minute."""
        asks = self._registrations()
        self._missing &= self._conversations.known()
        for leg in filter(is_uuid, self._presence.to_be_looked_at()):
            asks += self._ask(_Asked.STILL_UP, commands.api(f"uuid_exists {leg}"), leg)
        return asks

    def _registrations(self) -> bytes:
        return self._ask(_Asked.REGISTRATIONS, commands.api("show registrations as json"))

    def still_there(self) -> bytes:
        """What to write to a switch that has been silent for long, to have any answer of it."""
        return self._ask(_Asked.ALIVE, commands.api("version"))

    def look_up(self, extension: str, domain: str, what: str, job: str) -> bytes:
        """What to write to ask the switch's directory about a subscriber; the answer is `Heard.job`.

        Args:
            job: Its Job-UUID. In the background: a directory behind mod_xml_curl may be slow, and events are
                not sent while a command is obeyed.
        """
        user = f"{extension}{'@' if domain else ''}{domain}"
        return self._ask(_Asked.JOB, commands.background(f"user_data {user} {what}", job))

    def users(self, job: str) -> bytes:
        """What to write to ask which users its directory lists; the answer is `Heard.job`."""
        return self._ask(_Asked.JOB, commands.background("list_users", job))

    def place(self, call_id: str, command: str) -> bytes:
        """What to write to have a call made; what becomes of it is `Heard.told`."""
        self._placing.begins(call_id)
        return self._ask(_Asked.PLACE, commands.background(command, call_id), call_id)

    def end(self, call_id: str) -> bytes:
        """What to write to end it, whichever of its telephones ring."""
        job = commands.background(f"hupall normal_clearing {CALL} {call_id}", str(uuid.uuid4()))
        return self._ask(_Asked.JOB, job)

    def announce(self, word: Word) -> bytes:
        """What to write to say that we are there."""
        headers = (
            ("FS-1C-Switch", self._name),
            ("FS-1C-Role", word.role),
            ("FS-1C-Service", word.who),
            ("FS-1C-Number", str(word.number)),
        )
        return self._ask(_Asked.ALIVE, commands.send_event(SERVICE, headers))

    def take(self, key: str, leg_uuid: str, ticket: str) -> bytes:
        """What to write to claim a card; the answer is `Heard.taken`. Whether the leg is up is asked last:
        what is claimed is let go only after its end.
        """
        questions = (
            (_Asked.CLAIM, f"hash insert_ifempty/{self._realm}/{key}/{self._token}"),
            (_Asked.HOLDER, f"hash select/{self._realm}/{key}"),
            (_Asked.UP, f"uuid_exists {leg_uuid}"),
        )
        return b"".join(self._ask(what, commands.api(words), ticket) for what, words in questions)

    def let_go(self, key: str) -> bytes:
        """What to write to forget a claim of ours, when nobody can ask about it any more."""
        return self._ask(_Asked.ALIVE, commands.api(f"hash delete_ifmatch/{self._realm}/{key}/{self._token}"))

    def _event(self, message: Message) -> Heard:
        event = message.event()
        if not message.is_of_channel:
            name = event.get("Event-Name")
            if name == "CUSTOM" and event.get("Event-Subclass") == SERVICE:
                return _word(event, self._name)
            if name == "BACKGROUND_JOB":
                result = message.event_body.decode("utf-8", "replace").strip()
                job = event.get("Job-UUID") or ""
                told = self._placing.done(job, result)
                return Heard(job=(job, "" if result.startswith("-ERR") else result), told=told)
        happened = self._conversations.feed(event)
        # Of most calls there is nothing to tell here, and to look for a variable takes a while.
        told = self._placing.feed(event) if self._placing else ()
        return Heard(b"", happened, told=told) if happened or told else _NOTHING

    def _ask(self, what: _Asked, command: bytes, about: str = "") -> bytes:
        self._asked.append((what, about))
        return command

    def _replied(self, message: Message) -> Heard:
        what, about = self._asked.popleft() if self._asked else (None, "")
        match what:
            case _Asked.AUTH:
                if not message.reply.startswith("+OK"):
                    raise Refused("the password is wrong")
                wanted = [*EVENTS, "BACKGROUND_JOB", "HEARTBEAT", "CUSTOM", *CUSTOM_EVENTS]
                wanted += [SERVICE] if self._name else []
                return Heard(self._ask(_Asked.EVENTS, commands.subscribe(wanted)))
            case _Asked.EVENTS:
                if not message.reply.startswith("+OK"):
                    raise WireError(f"the subscription was answered by {message.reply[:80]!r}")
                # Registrations first: by them a leg may be told whose it is.
                contacts = self._registrations()
                self._unheard |= self._conversations.known()
                still_up = self._dump(sorted(self._unheard))
                return Heard(contacts + still_up + self.look_again(), ready=True)
            case _Asked.REGISTRATIONS:
                rows, problem = _rows(message.body, "show registrations")
                for row in rows:
                    self._conversations.contacts.registered(str(row.get("url")), str(row.get("reg_user")))
                if not problem:
                    self._presence.registrar.seed(rows[:MAX_REGISTRATIONS])
                return Heard(problem=problem)
            case _Asked.CHANNELS:
                rows, problem = _rows(message.body, "show channels")
                self._presence.live = True  # what has ended meanwhile, the dumps before this have told
                uuids = [row.get("uuid") for row in rows[:MAX_CHANNELS]]
                return Heard(self._dump([uuid for uuid in uuids if is_uuid(uuid)]), problem=problem)
            case _Asked.DUMP:
                return self._dumped(message.body, about)
            case _Asked.PLACE:
                return Heard(told=self._placing.replied(about, message.reply))
            case _Asked.HOLDER:
                told = message.body[: MAX_TOKEN + 1].decode("utf-8", "replace").strip()
                self._holders[about] = "" if told.startswith("-") or len(told) > MAX_TOKEN else told
                if not self._holders[about]:
                    return Heard(problem=f"it keeps no claims (is mod_hash loaded?): {told[:80]!r}")
            case _Asked.STILL_UP:
                if message.body.strip() == b"false":
                    if about in self._missing:
                        return self._gone(about)
                    self._missing.add(about)  # its end may be on the way
            case _Asked.CORE:
                if is_uuid(core := _text(message.body)) and not core.startswith("-"):
                    self._presence.core = core
            case _Asked.SOFIA:
                self._sofia = _text(message.body)
            case _Asked.VERTO:
                self._presence.registrar.found(self._questions.popleft(), self._sofia, _text(message.body))
            case _Asked.UP:
                holder = self._holders.pop(about, "")
                taken = Taken(holder, holder == self._token, message.body.strip() != b"false")
                return Heard(taken=(about, taken))
        return _NOTHING

    def _dumped(self, body: bytes, channel: str) -> Heard:
        if body.startswith(b"-ERR No such channel"):
            # Of any other we are sent the end, and all before it, though perhaps after this answer.
            return self._gone(channel) if channel in self._unheard else _NOTHING
        dump = Headers(body.partition(b"\n\n")[0])
        if dump.get("Unique-ID") != channel:
            return Heard(problem=f"uuid_dump was answered by {body[:80]!r}")
        return Heard(happened=self._conversations.feed(dump), told=self._placing.feed(dump))

    def _gone(self, leg: str) -> Heard:
        """It is not up, and its end we shall not hear."""
        return Heard(happened=self._conversations.gone(leg), told=self._placing.gone(leg))

    def _dump(self, channels: list[str]) -> bytes:
        new = [uuid for uuid in channels if uuid not in self._asked_about]
        self._asked_about.update(new)
        return b"".join(self._ask(_Asked.DUMP, commands.api(f"uuid_dump {uuid}"), uuid) for uuid in new)


def _text(body: bytes) -> str:
    return body[:MAX_CONTACTS].decode("utf-8", "replace").strip()


def _word(event: Headers, name: str) -> Heard:
    """What another service says may be anybody's text."""
    if (other := event.get("FS-1C-Switch") or "") != name:
        return Heard(problem=f"another service calls this switch {other[:32]!r}")
    role, who, number = (event.get(f"FS-1C-{name}") or "" for name in ("Role", "Service", "Number"))
    if role not in list(Role) or not (0 < len(who) <= MAX_TOKEN) or not re.fullmatch("[0-9]{1,15}", number):
        return _NOTHING
    return Heard(word=Word(Role(role), who, int(number)))


def _rows(body: bytes, question: str) -> tuple[list[dict[str, object]], str]:
    """The rows of `show … as json`, and what is wrong with the answer, if anything is. It has no `rows` when
    there is nothing to tell; names in it may be in any encoding.
    """
    try:
        rows = json.loads(body.decode("utf-8", "replace"), strict=False).get("rows") or []
        return [row for row in rows if isinstance(row, dict)], ""
    except (ValueError, TypeError, AttributeError, RecursionError):
        return [], f"{question} was answered by {body[:80]!r}"
