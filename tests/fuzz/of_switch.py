"""Harnesses for what FreeSWITCH says to us: octets, messages, events; and for what we say to it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from random import Random

from fs_1c import channel, routing
from fs_1c.call import Call, Caller, CallEvent, Conversation, Decision, HungUp, Result
from fs_1c.esl import commands
from fs_1c.esl.dialogue import Dialogue, State
from fs_1c.esl.listening import Listening, Refused
from fs_1c.esl.wire import Headers, Message, Reader, WireError
from fs_1c.numbers import Number, NumberPlan, read
from fs_1c.settings import RoutingSettings
from fs_1c.talk import People, call_from_channel
from fs_1c.talk.conversations import EVENTS, Conversations
from tests import recordings
from tests.fuzz import switch_words
from tests.fuzz.engine import Harness
from tests.fuzz.values import Taken, text

PLAN = NumberPlan()
PEOPLE = People(PLAN)
POLICY = RoutingSettings(external="sofia/gateway/trunk/{number}", then=("user/100@{domain}",))
PASSWORD = "s3cret-of-the-socket"
MAX_LEGS = 6
MAX_MEMORY = 4096
"""Characters that one leg may keep."""

# Headers that are read somewhere; the others only make an input long.
_READ = re.compile(
    "Event-Name|Unique-ID|Job-UUID|Socket-Mode|Application-UUID|Channel-State-Number|Call-Direction|"
    "Answer-State|Bridge-[AB]-Unique-ID|Other-Type|Other-Leg-(Unique-ID|Direction|Caller-ID-Number|"
    "Destination-Number|Channel-Answered-Time)|Caller-(Caller-ID-(Number|Name)|Destination-Number|"
    "Orig-Caller-ID-Number|Privacy-Hide-Number|Channel-Bridged-Time)|Event-Date-Timestamp|Reply-Text|"
    "Content-(Type|Disposition)|variable_(fs_1c_.*|domain_name|dialed_user|dialed_domain|bridge_to|"
    "other_loopback_leg_uuid|hangup_after_bridge|socket_resume)"
)
HEADER_NAMES = tuple(
    name.encode()
    for name in (
        *("Event-Name: ", "Unique-ID: ", "Content-Type: ", "Content-Length: ", "Job-UUID: ", "Reply-Text: "),
        *("Bridge-A-Unique-ID: ", "Bridge-B-Unique-ID: ", "Answer-State: answered", "Application-UUID: "),
        *("Other-Leg-Unique-ID: ", "Other-Type: originator", "Call-Direction: outbound", "CALL_UPDATE"),
        *("Socket-Mode: async", "variable_fs_1c_deadline: ", "variable_other_loopback_leg_uuid: "),
        *("variable_fs_1c_default_target: ", "variable_socket_resume: true", "CHANNEL_DATA", *EVENTS),
        *("CHANNEL_EXECUTE_COMPLETE", "+OK", "-ERR no", "BACKGROUND_JOB", "text/event-plain", "api/response"),
    )
)


def _short(lines: bytes) -> bytes:
    """Header lines without those that nobody reads."""
    return b"\n".join(line for line in lines.split(b"\n") if _READ.match(line.decode("utf-8", "replace")))


# --- the wire


def wire(octets: bytes) -> None:
    """In one piece or in many: the same messages, and the same complaint."""
    # At the very edge of what is allowed, too.
    limits = (max(1, octets.find(b"\n\n") + len(octets) % 6 - 3), 50) if len(octets) % 2 else (4096, 4096)
    whole = _read_in([octets], *limits)
    random = Random(zlib.crc32(octets))
    usual = random.choice((1, 3, 50, 400))
    pieces = []
    at = 0
    while at < len(octets):
        size = 1 + int(random.random() * usual)
        pieces.append(octets[at : at + size])
        at += size
    assert _read_in(pieces, *limits) == whole
    for message in whole[0]:
        event = message.event()
        for headers in (message, event):
            for name in headers.names():
                headers.get(name)
        assert message.content_type is not None
        assert len(message.reply) + len(message.event_body) <= 2 * len(octets)


def _read_in(pieces: Iterable[bytes], headers: int, body: int) -> tuple[list[Message], str]:
    reader = Reader(headers, body)
    found: list[Message] = []
    try:
        for piece in pieces:
            reader.feed(piece)
            found += recordings.drain(reader)
    except WireError as error:
        complaint = str(error)
        assert len(complaint) < 200
        return found, complaint.partition(":")[0]  # what it shows depends on how much had come
    return found, ""


def _of_wire() -> tuple[bytes, ...]:
    seeds = []
    for name in recordings.NAMES:
        for message in recordings.messages(name)[:6]:
            if message.content_type == "text/event-plain":
                body = _short(message.body) + b"\n\n"
                head = f"Content-Length: {len(body)}\nContent-Type: text/event-plain\n\n"
                seeds.append(head.encode() + body)
            elif not message.body:
                seeds.append(_short(message._lines[1:]) + b"\n\n")
    return tuple({seed for seed in seeds if len(seed) < 3000} | {b"".join(seeds[:3])})


# --- messages: each begins with the letter of its kind, and they stand with NUL between them

_KINDS = {
    b"e": b"Content-Type: text/event-plain",
    b"r": b"Content-Type: command/reply\n",
    b"a": b"Content-Type: api/response",
    b"q": b"Content-Type: auth/request",
    b"d": b"Content-Type: text/disconnect-notice\n",
    b"x": b"Content-Type: text/rude-rejection",
}
_BODIED = (b"e", b"a")


def _message(part: bytes) -> Message:
    kind, rest = part[:1], part[1:]
    head = _KINDS.get(kind, b"")
    return Message(head, rest) if kind in _BODIED else Message(head + (rest if head else part))


def _part(message: Message) -> bytes:
    kind = next(kind for kind, head in _KINDS.items() if message.content_type.encode() in head)
    if message.content_type == "text/event-plain":
        return kind + _short(message.body)
    return kind + (message.body[:2000] if kind in _BODIED else _short(message._lines[1:]))


def _streams(names: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(b"\0".join(map(_part, recordings.messages(name)[:14])) for name in names)


class Told:
    """Checks that no pair is told twice without the client's hang-up."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str, bool]] = set()

    def hears(self, happened: Iterable[CallEvent]) -> None:
        for event in happened:
            match event:
                case HungUp(uuid):
                    self._told = {what for what in self._told if what[0] != uuid}
                case Conversation(call_uuid=call, extension=extension, ringing=ringing):
                    assert (call, extension, ringing) not in self._told
                    self._told.add((call, extension, ringing))
                    assert 0 < len(extension) <= PLAN.extension_digits
                    assert extension.isascii()
                    assert extension.isdigit()
                    assert event.leg_uuid != call
                    assert event.age >= 0


def dialogue(octets: bytes) -> None:
    """Whatever comes on a `socket` connection: only whole commands go back, and none when it is over."""
    talk = Dialogue(5, PEOPLE)
    told = Told()
    written: list[bytes] = []
    for part in octets.split(b"\0"):
        gone = talk.state is State.GONE
        if part[:1] == b"!":
            octets_out = talk.decided(None if part[1:2] == b"-" else _decision(talk.call, part[1:]))
            if octets_out and talk.state is State.LEAVING:
                assert octets_out.endswith(commands.EXIT)
        else:
            try:
                step = talk.received(_message(part))
            except WireError as error:
                assert len(str(error)) < 500
                return
            told.hears(step.happened)
            octets_out = step.write
            assert step.decide is None or step.decide is talk.call
        assert not (gone and octets_out and part[:1] == b"!")
        switch_words.commands(octets_out)
        written.append(octets_out)
    if talk.call is not None:
        assert all(len(v) <= 256 for v in (talk.call.uuid, talk.call.number, talk.call.name, talk.call.base))
        assert talk.call.deadline is None or talk.call.deadline > 0
        assert b"".join(written).count(commands.EXIT) <= 1 + octets.count(b"r")


def _decision(call: Call | None, hostile: bytes) -> Decision:
    lines = [*text(hostile).split("\n"), "", "", ""]
    call = call or Call("u", "89235292926", name=lines[2])
    number = read(call.number, PLAN)
    caller = Caller(
        number if isinstance(number, Number) else None,
        Result.FOUND,
        title=lines[0],
        category=lines[1],
        manager=lines[2],
    )
    return routing.decide(call, caller, POLICY, PLAN)


def listening(octets: bytes) -> None:
    """Whatever comes from a switch: only whole commands go back, and the password only where it is asked."""
    conversations = Conversations(PLAN, max_legs=MAX_LEGS)
    told = Told()
    heard = Listening(PASSWORD, conversations)
    legs: set[str] = set()
    for part in octets.split(b"\0"):
        try:
            what = heard.received(_message(part))
        except (WireError, Refused) as error:
            assert len(str(error)) < 500
            assert PASSWORD not in str(error)
            return
        for command in switch_words.commands(what.write):
            assert (PASSWORD in command[0]) is (command[0] == f"auth {PASSWORD}")
            assert command[0].partition(" ")[0] in ("auth", "event", "api")
            if command[0].startswith("api uuid_dump"):
                assert len(command[0].split(" ")) == 3, command
        # A leg that was forgotten may be told again.
        if legs <= (legs := conversations.known()):
            told.hears(what.happened)
        else:
            told = Told()
        _bounded(conversations, MAX_LEGS)


def _bounded(conversations: Conversations, legs: int) -> None:
    assert len(conversations) <= legs
    for uuid, leg in conversations._legs.items():
        kept = (
            leg.party.name,
            leg.party.why,
            leg.number,
            leg.shows,
            leg.call_id,
            leg.told_as,
            leg.destination,
            leg.domain,
            leg.base,
            leg.key,
            leg.originator,
            leg.loops_to,
        )
        assert len(uuid) + sum(map(len, kept)) + len(leg.talks_to) < MAX_MEMORY, "a leg keeps too much"


# --- conversations: octets choose events

_UUIDS = ("a", "b", "c", "d", "e", "f", "")
_PARTIES = ("244", "245", "89235292926", "+74951112233", "", "anonymous", "0", "2" * 300)
_NAMES = (*EVENTS, "CHANNEL_DATA", "CALL_UPDATE", "CHANNEL_PARK", "CHANNEL_BRIDGE")
_FIELDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Call-Direction", ("inbound", "outbound")),
    ("Caller-Caller-ID-Number", _PARTIES),
    ("Caller-Destination-Number", _PARTIES),
    ("variable_dialed_user", _PARTIES),
    ("Bridge-A-Unique-ID", _UUIDS),
    ("Bridge-B-Unique-ID", _UUIDS),
    ("Other-Leg-Unique-ID", _UUIDS),
    ("variable_other_loopback_leg_uuid", _UUIDS),
    ("variable_bridge_to", _UUIDS),
    ("Other-Type", ("originator", "originatee")),
    ("Answer-State", ("answered", "early", "ringing")),
    ("Other-Leg-Channel-Answered-Time", ("0", "1795426359466230", "x")),
    ("Other-Leg-Direction", ("inbound", "outbound")),
    ("Other-Leg-Destination-Number", _PARTIES),
    ("Other-Leg-Caller-ID-Number", _PARTIES),
    ("Caller-Privacy-Hide-Number", ("true", "false")),
    ("Caller-Channel-Bridged-Time", ("1795426359466230", "0", "9" * 25, "\u00b2")),
    ("Event-Date-Timestamp", ("1795426369466230", "-1", "\u0663")),
    ("Caller-Orig-Caller-ID-Number", _PARTIES),
    ("variable_fs_1c_key", ("k" * 1000,)),
)


def conversations(octets: bytes) -> None:
    """Any events in any order: nobody is told of twice, and what is remembered is bounded."""
    taken = Taken(octets)
    everything, little = Conversations(PLAN), Conversations(PLAN, max_legs=MAX_LEGS - 2)
    told = Told()
    while taken:
        event = {"Event-Name": taken.one(_NAMES), "Unique-ID": taken.one(_UUIDS)}
        for _ in range(taken.number(8)):
            name, values = taken.one(_FIELDS)
            event[name] = taken.one(values)
        told.hears(everything.feed(event))
        assert everything.known() <= set(_UUIDS)
        little.feed(event)
        assert len(little) <= MAX_LEGS - 2
    _bounded(little, MAX_LEGS - 2)


_SCRIPT = bytes(
    # An inbound leg with a client's number, an outbound one with an extension, both answered, bridged, over.
    (
        *(0, 0, 2, 0, 0, 1, 2),
        *(0, 1, 4, 0, 1, 3, 0, 9, 0, 6, 0),
        *(1, 1, 0),
        *(3, 0, 0, 3, 1, 0),
        *(4, 0, 2, 4, 0, 5, 1),
        *(4, 0, 2, 4, 0, 5, 1),
        *(5, 0, 0, 5, 1, 0),
    )
)


# --- what we write


def neutral(octets: bytes) -> None:
    """What is let into a channel holds no code, no control characters and no dial string's syntax."""
    hostile = text(octets)
    for limit in (channel.MAX_TEXT, 5):
        shown = channel.text(hostile, limit)
        assert len(shown) <= limit
        assert not _SYNTAX.search(shown), shown
        assert shown.isprintable()
        assert channel.text(shown, limit) == shown
        assert shown.lower() != "_undef_"
        shown.encode()
    if (word := channel.word(hostile)) is not None:
        assert re.fullmatch(r"[0-9A-Za-z_+*#.-]{1,64}", word)
    if (host := channel.host(hostile)) is not None:
        assert re.fullmatch(r"[0-9A-Za-z_.:\[\]-]{1,255}", host)
        assert host.count("[") == host.count("]") == int(host.startswith("["))
    line = channel.line(hostile)
    assert len(line) == len(hostile)
    assert not re.search(r"[\x00-\x1f\x7f]", line)
    plain = channel.plain(hostile)
    assert plain.isprintable()
    plain.encode()


_SYNTAX = re.compile(r"[${}\[\]<>\\|^~'`,=;%\"/:@\x00-\x1f\x7f\u2028\u2029]")

_STEP = (
    r"(\[(progress_timeout=3,)?leg_timeout=20\])?"
    r"(user/[0-9]{1,9}@%s|sofia/gateway/trunk/[0-9A-Za-z_+*#.-]+)"
)


def variables(octets: bytes) -> None:
    """What is decided about a call: FreeSWITCH reads exactly these variables, and a dial string of ours."""
    name, domain, number, hostile = (*octets.split(b"\n", 3), b"", b"", b"", b"")[:4]
    call = Call("u", text(number), name=text(name), domain=text(domain))
    decision = _decision(call, hostile)
    seen = switch_words.variables(commands.multiset(decision.variables))
    # Half a surrogate pair goes over the wire as a question mark.
    assert seen == [(n, v.encode("utf-8", "replace").decode()) for n, v in decision.variables], seen
    for name_, value in decision.variables:
        assert "${" not in value or name_ == "fs_1c_target"
    if decision.target is not None:
        host = channel.host(call.domain) or "${domain}"
        step = _STEP % re.escape(host)
        assert re.fullmatch(rf"{step}(\|{step})*", decision.target), decision.target


def multiset(octets: bytes) -> None:
    """Values that are harmless already come out as they went in, whatever they are."""
    values = [channel.text(one) for one in text(octets).split("\n")][:200]
    values = [value for value in values if value]
    pairs = tuple((f"v{i}", value) for i, value in enumerate(values))
    assert switch_words.variables(commands.multiset(pairs)) == [*pairs]
    # And those that are not forge no line.
    raw = tuple((f"v{i}", one) for i, one in enumerate(text(octets).split("\r")))
    for command in switch_words.commands(commands.multiset(raw)):
        assert len(command) == (6 if "content-type: text/plain" in command else 4)


def channel_data(octets: bytes) -> None:
    """Any headers of a channel make a call of one line each."""
    headers = Headers(octets)
    for name in headers.names():
        headers.get(name)
    call = call_from_channel(headers, PEOPLE)
    for value in (call.uuid, call.number, call.name, call.destination, call.domain, call.base):
        assert len(value) <= 256
        assert not re.search(r"[\x00-\x1f\x7f]", value)
    assert call.deadline is None or call.deadline > 0


def harnesses() -> tuple[Harness, ...]:
    decided = "Фэйковый чиж\nVIP\n+7 (923) 529-29-26, 244".encode()
    outbound = [name for name in recordings.NAMES if name.startswith("outbound")]
    talks = [path.stem for path in recordings.TALKS]
    inbound = [name for name in recordings.NAMES if name.startswith("inbound")]
    dialogues = _streams(outbound)
    seeds = tuple(seed.replace(b"\0", b"\0!" + decided + b"\0", 1) for seed in dialogues)
    first = seeds[0].partition(b"\0")[0]
    return (
        Harness("wire", wire, _of_wire(), HEADER_NAMES),
        Harness("dialogue", dialogue, (*seeds, *dialogues), (*HEADER_NAMES, b"\0!", b"\0!-", b"\0e", b"\0r")),
        Harness(
            "listening",
            listening,
            _streams([*inbound, *talks]),
            (*HEADER_NAMES, b"\0e", b"\0r", b"\0a", b"\0q"),
        ),
        Harness("conversations", conversations, (_SCRIPT, _SCRIPT * 2), longest=2000),
        Harness("channel", neutral, (decided, b"${system(id)}", b"user/100@h:5060"), (b"_undef_", b":_:")),
        Harness("channel-data", channel_data, (first[1:],), HEADER_NAMES),
        Harness(
            "variables", variables, (b"name\npbx.example\n89235292926\n" + decided,), (b"[::1]", b"244 245")
        ),
        Harness("multiset", multiset, (decided, b"a\nb\nc"), (b"_undef_",)),
    )
