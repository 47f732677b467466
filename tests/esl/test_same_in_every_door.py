"""Every door says the same of the same call: each recording through each door that can hear of it.

A door that hears less tells less (README, "Doors"), but never anybody else.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.call import CallEvent, Conversation
from fs_1c.esl.dialogue import Dialogue
from fs_1c.esl.listening import Listening
from fs_1c.esl.wire import Headers, Message
from fs_1c.numbers import NumberPlan
from fs_1c.talk import Conversations, People
from tests.recordings import DATA, NAMES, TALKS, dumps, events, parse
from tests.world import until

PLAN = NumberPlan()
PHONES = sorted((DATA / "cases" / "phones").glob("*/*.esl"))
RECORDINGS: dict[str, list[Headers]] = {
    **{name: events(name) for name in NAMES if name.startswith("inbound")},
    **{path.stem: events(path.stem) for path in TALKS},
    **{
        path.stem: [m.event() for m in parse(path.read_bytes()) if m.content_type == "text/event-plain"]
        for path in PHONES
    },
}
CONNECTED = b"Content-Type: command/reply\nReply-Text: +OK\n\n"


def told(found: Iterable[Iterable[CallEvent]]) -> list[str]:
    events = [event for happened in found for event in happened]
    return [one.extension for one in events if isinstance(one, Conversation) and not one.ringing]


def as_messages(feed: list[Headers]) -> list[Message]:
    """As they come over the wire."""
    octets = b"".join(
        b"Content-Length: %d\nContent-Type: text/event-plain\n\n%s\n\n"
        % (len(one._lines) + 1, one._lines[1:])
        for one in feed
    )
    return parse(octets)


def inbound(feed: list[Headers]) -> list[str]:
    listening = Listening("x", Conversations(PLAN))
    return told(listening.received(message).happened for message in as_messages(feed))


def caller_of(feed: list[Headers]) -> str:
    """The first leg that has called the switch from outside; empty: none has."""
    people = People(PLAN)
    for one in feed:
        number = one.get("Caller-Caller-ID-Number") or ""
        if one.get("Call-Direction") == "inbound" and people.is_number(number):
            return one.get("Unique-ID") or ""
    return ""


def outbound_async(feed: list[Headers]) -> list[str]:
    """The caller's own events, after the data of his channel."""
    uuid = caller_of(feed)
    if not uuid:
        return []
    dialogue = Dialogue(5, People(PLAN))
    first, *rest = (one for one in feed if one.get("Unique-ID") == uuid)
    lines = first._lines[1:].replace(b"Event-Name: CHANNEL_CREATE", b"Event-Name: CHANNEL_DATA")
    dialogue.received(Message(b"Content-Type: command/reply\nSocket-Mode: async\n" + lines))
    assert dialogue.call is not None
    dialogue.decided(None)
    return told(dialogue.received(message).happened for message in as_messages(list(rest)))


def is_subsequence(some: list[str], all_: list[str]) -> bool:
    rest: Iterator[str] = iter(all_)
    return all(one in rest for one in some)


@pytest.mark.parametrize("name", sorted(RECORDINGS))
def test_the_wire_adds_and_loses_nothing(name: str) -> None:
    feed = RECORDINGS[name]
    conversations = Conversations(PLAN)
    assert inbound(feed) == told(conversations.feed(one) for one in feed)


@pytest.mark.parametrize("name", sorted(RECORDINGS))
def test_an_async_socket_tells_what_it_can_know_and_nobody_else(name: str) -> None:
    everything, some = inbound(RECORDINGS[name]), outbound_async(RECORDINGS[name])
    assert is_subsequence(some, everything)
    if not caller_of(RECORDINGS[name]):
        assert some == []


@pytest.mark.parametrize("path", [path for path in TALKS if dumps(path.stem)], ids=lambda path: path.stem)
def test_dumps_alone_as_mod_python3_has_them_tell_who_talks_at_the_end(path: Path) -> None:
    conversations = Conversations(PLAN)
    at_the_end = told(conversations.feed(dump) for dump in dumps(path.stem))
    parked = path.stem == "inbound_park"  # nobody talks to him when it is asked
    assert at_the_end == ([] if parked else inbound(RECORDINGS[path.stem])[-1:])


async def through_the_library(feed: list[Message]) -> list[Message]:
    """What python-ESL makes of it."""
    from fs_1c.esl.python_esl.line import Line

    heard: list[Message] = []
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)

    def hear(message: Message) -> None:
        heard.append(message)
        line.listen()

    line = Line(ours, hear, lambda: None, "esl-test")
    octets = b"".join(b"%s\n\n%s" % (message._lines[1:], message.body) for message in feed)
    await asyncio.get_running_loop().sock_sendall(theirs, CONNECTED + octets)
    await until(lambda: len(heard) > len(feed))
    line.close()
    await line.gone
    theirs.close()
    return heard[1:]


@pytest.mark.skipif(not find_spec("ESL"), reason="python-ESL is not installed")
@pytest.mark.parametrize("name", sorted(RECORDINGS))
def test_python_esl_reads_the_same(name: str) -> None:
    feed = RECORDINGS[name]
    listening = Listening("x", Conversations(PLAN))
    got = asyncio.run(through_the_library(as_messages(feed)))
    assert told(listening.received(message).happened for message in got) == inbound(feed)


MANY_LEGS = ["inbound_attended_transfer", "inbound_group", "13_valet"]
noise = st.dictionaries(
    st.sampled_from(
        [
            *(
                "Caller-Caller-ID-Number",
                "Caller-Caller-ID-Name",
                "Caller-Orig-Caller-ID-Number",
                "Channel-Name",
            ),
            *("Channel-Presence-ID", "variable_dialed_user", "variable_user_name", "variable_sip_call_id"),
            *(
                "variable_fs_1c_caller",
                "variable_effective_caller_id_number",
                "Other-Leg-Unique-ID",
                "contact",
            ),
            *(
                "Conference-Unique-ID",
                "Action",
                "variable_originated_legs",
                "Hangup-Cause",
                "Other-Leg-Channel-Name",
            ),
        ]
    ),
    st.binary(max_size=40).map(lambda octets: octets.replace(b"\n", b"%0A")),
    max_size=8,
)
strange = st.builds(
    lambda name, uuid, direction, more: b"".join(
        [
            b"Event-Name: " + name + b"\nUnique-ID: " + uuid + b"\nCall-Direction: " + direction + b"\n",
            b"Event-Subclass: conference::maintenance\n" if name == b"CUSTOM" else b"",
            *(header.encode() + b": " + value + b"\n" for header, value in more.items()),
        ]
    ),
    st.sampled_from(
        [
            *(b"CHANNEL_CREATE", b"CHANNEL_ANSWER", b"CHANNEL_PROGRESS", b"CHANNEL_BRIDGE", b"CUSTOM"),
            *(b"CHANNEL_HANGUP_COMPLETE", b"CHANNEL_DATA", b"CALL_UPDATE"),
        ]
    ),
    st.sampled_from([b"strange-1", b"strange-2", b"strange-3"]),
    st.sampled_from([b"inbound", b"outbound"]),
    noise,
)


@given(
    st.lists(strange, max_size=30),
    st.sampled_from(["inbound_attended_transfer", "inbound_group", "13_valet"]),
)
def test_strangers_with_any_octets_change_nothing_for_others(strangers: list[bytes], name: str) -> None:
    """Names, numbers, contacts, variables of other calls in any encoding: no exception, no card less."""
    feed = RECORDINGS[name]
    listening = Listening("x", Conversations(PLAN))
    found: list[CallEvent] = []
    for number, one in enumerate(feed):
        here = [Headers(lines) for lines in strangers[number :: len(feed)]]
        for message in as_messages([*here, one]):
            found += listening.received(message).happened
    mine = {one.get("Unique-ID") for one in feed}
    ours = [one for one in found if isinstance(one, Conversation) and one.call_uuid in mine]
    assert told([ours]) == inbound(feed)
