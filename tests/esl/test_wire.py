"""Bytes of the event socket → messages, in any slicing; and what is not the protocol, refused."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs_1c.esl.wire import Headers, Message, Reader, WireError
from tests.recordings import NAMES, drain, messages, parse, received
from tests.support import EXAMPLES

COUNTS = {
    "inbound_abandoned": 9,
    "inbound_answered": 13,
    "inbound_attended_transfer": 19,
    "inbound_blind_transfer": 19,
    "inbound_failover": 18,
    "inbound_group": 16,
    "inbound_manager_hangs_up": 13,
    "outbound_async_bridge": 25,
    "outbound_async_cancel": 11,
    "outbound_async_resume": 5,
    "outbound_sync_bridge": 12,
    "outbound_sync_cancel": 2,
    "outbound_sync_route": 4,
}


def test_every_recording_is_here() -> None:
    assert sorted(COUNTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_so_many_messages_with_nothing_left_over(name: str) -> None:
    reader = Reader()
    reader.feed(received(name))
    assert len(list(drain(reader))) == COUNTS[name]
    reader.feed(b"Content-Type: api/response\n\n")  # would be glued to a rest, if there were one
    assert reader.next() == Message(b"Content-Type: api/response")


@pytest.mark.parametrize("name", NAMES)
def test_octet_by_octet_gives_the_same_messages(name: str) -> None:
    reader = Reader()
    found: list[Message] = []
    for octet in received(name):
        reader.feed(bytes((octet,)))
        found += drain(reader)
    assert found == messages(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_at_every_position_gives_the_same_messages(name: str) -> None:
    # Between messages the reader holds nothing, so a cut inside a message concerns that message and the one
    # after it. Inside a body every seventh position is enough: the reader only counts there.
    whole = received(name)
    ends = [0, *itertools.accumulate(_length(message) for message in messages(name))]
    assert ends[-1] == len(whole)
    for start, end, following in zip(ends[:-1], ends[1:], [*ends[2:], ends[-1]], strict=True):
        octets = whole[start:end]
        expected = parse(octets)
        tail = whole[end:following]
        body = octets.find(b"\n\n")
        edges = {*range(body + 100), *range(len(octets) - 100, len(octets) + 1)}
        for cut in sorted({*range(0, len(octets), 7), *edges} & {*range(len(octets) + 1)}):
            reader = Reader()
            reader.feed(octets[:cut])
            found = list(drain(reader))
            reader.feed(octets[cut:])
            found += drain(reader)
            assert found == expected
        reader = Reader()
        reader.feed(octets + tail)
        assert list(drain(reader)) == expected + parse(tail)


def _length(message: Message) -> int:
    return len(message._lines) - 1 + 2 + len(message.body)


@settings(max_examples=40 * EXAMPLES, deadline=None)
@given(st.sampled_from(NAMES), st.data())
def test_random_slices_give_the_same_messages(name: str, data: st.DataObject) -> None:
    whole = received(name)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=40)))
    reader = Reader()
    found: list[Message] = []
    for start, end in itertools.pairwise([0, *cuts, len(whole)]):
        reader.feed(whole[start:end])
        found += drain(reader)
    assert found == messages(name)


class OneWay(Reader):
    """Reads events as it reads any other message."""

    def _next_event(self) -> None:
        return None


HEADS = st.sampled_from(
    [
        b"Content-Length: 9\nContent-Type: text/event-plain\n\nName: a\n\n",
        b"Content-Length: 009\nContent-Type: text/event-plain\n\nName: b\n\n",
        b"Content-Length: 0\nContent-Type: text/event-plain\n\n",
        b"Content-Length: 41\nContent-Type: text/event-plain\n\n" + b"x" * 41,
        b"Content-Length: 99999999999999999999\nContent-Type: text/event-plain\n\n",
        b"Content-Length: 3\nContent-Type: text/event-plain2\n\nabc",
        b"Content-Length: 3\nContent-Type: text/event-plain\nX: y\n\nabc",
        b"Content-Length:3\nContent-Type:text/event-plain\n\nabc",
        b"Content-Type: text/event-plain\nContent-Length: 3\n\nabc",
        b"Content-Length: 3\nContent-Type: api/response\n\nabc",
        b"\nContent-Length: ",
        b"\n",
        b"\n\n",
    ]
)


def read_in(reader: Reader, pieces: list[bytes]) -> tuple[list[Message], list[int], str]:
    """The messages, what was held after each piece, and the complaint."""
    found: list[Message] = []
    held: list[int] = []
    try:
        for piece in pieces:
            reader.feed(piece)
            found += drain(reader)
            held.append(reader.held)
    except WireError as error:
        return found, held, str(error)
    return found, held, ""


@settings(max_examples=150 * EXAMPLES, deadline=None)
@given(
    st.lists(st.one_of(HEADS, HEADS, st.binary(max_size=6))),
    st.sampled_from([(20, 40), (51, 40), (52, 40), (200, 9), (200, 8)]),
    st.booleans(),
    st.data(),
)
def test_an_event_that_is_there_as_a_whole_is_read_as_any_other_message(
    parts: list[bytes], limits: tuple[int, int], skip: bool, data: st.DataObject
) -> None:
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[start:end] for start, end in itertools.pairwise([0, *cuts, len(whole)])]
    quickly = read_in(Reader(*limits, skip=skip), pieces)
    assert quickly == read_in(OneWay(*limits, skip=skip), pieces)
    assert [message.content_type for message in quickly[0]] == [
        message.get("Content-Type") for message in quickly[0]
    ]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("inbound")])
def test_every_event_of_a_switch_is_read_in_one_go(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [message for message in messages(name) if message.content_type == "text/event-plain"]
    assert len(events) > 5
    assert all(message.is_of_channel for message in events if b"CHANNEL_" in message.body[:20])
    octets = b"".join(b"%s\n\n%s" % (message._lines[1:], message.body) for message in events)
    monkeypatch.delattr(Reader, "_read_head")
    assert parse(octets) == events


def test_the_channels_data_is_read() -> None:
    data = messages("outbound_sync_route")[0]
    assert data.content_type == "command/reply"
    assert data.reply == "+OK"
    assert data.get("Socket-Mode") == "static"
    assert data.get("Channel-Name") == "sofia/internal/89235292926@127.0.0.1"
    assert data.get("variable_sip_full_from") == "<sip:89235292926@127.0.0.1>;tag=t33429"
    assert data.get("Name") is None  # not the end of Channel-Name
    assert data.get("variable_sip") is None  # not the beginning of variable_sip_call_id
    assert len(data.names()) > 140


NAMES_ASKED = ["Unique-ID", "Caller-ID", "variable_a", "variable_ab", "a.b", "missing"]
LINES = st.lists(
    st.tuples(st.sampled_from(NAMES_ASKED[:-1]), st.text("Name: %0ФA\n+")), unique_by=lambda line: line[0]
)


@given(LINES, st.permutations(NAMES_ASKED))
def test_several_headers_at_once_are_the_same_as_each(lines: list[tuple[str, str]], names: list[str]) -> None:
    headers = Headers("\n".join(f"{name}: {value.replace(chr(10), '%0A')}" for name, value in lines).encode())
    one_by_one = {name: headers.get(name) for name in names}
    assert headers.only(tuple(names)) == {name: text for name, text in one_by_one.items() if text is not None}


def test_cyrillic_of_an_event_is_decoded() -> None:
    titles = {message.event().get("variable_fs_1c_title") for message in messages("outbound_async_bridge")}
    assert titles == {None, "Фэйковый чиж"}


def test_a_line_break_inside_a_value_forges_no_header() -> None:
    headers = Headers(b"Caller-Caller-ID-Name: x%0AUnique-ID:%20forged\nUnique-ID: real")
    assert headers.get("Unique-ID") == "real"
    assert headers.get("Caller-Caller-ID-Name") == "x\nUnique-ID: forged"


def test_octets_that_are_not_utf8_are_read_as_far_as_possible() -> None:
    assert Headers(b"Name: \xcf\xf0%E8%D0%98").get("Name") == "\ufffd\ufffd\ufffdИ"


def test_a_reply_keeps_its_plus() -> None:
    assert parse(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")[0].reply == "+OK accepted"


def test_a_body_is_taken_by_its_length_whatever_it_holds() -> None:
    octets = b"Content-Type: api/response\nContent-Length: 9\n\na\n\nb\nc\n\n\nContent-Type: x\n\n"
    assert [m.body for m in parse(octets)] == [b"a\n\nb\nc\n\n\n", b""]


@pytest.mark.parametrize(
    ("octets", "complaint"),
    [
        (b"Content-Type: a\nContent-Length: -2\n\n", "not a number: b'-2'"),
        (b"Content-Type: a\nContent-Length: 1e3\n\n", "not a number: b'1e3'"),
        (b"Content-Type: a\nContent-Length: \n\n", "not a number: b''"),
        (b"Content-Type: a\nContent-Length: 0x10\n\n", "not a number"),
        (b"Content-Type: a\nContent-Length: \xd9\xa3\n\n", "not a number"),
        (b"Content-Type: a\nContent-Length: 99999999999\n\n", "Content-Length over 16777216"),
        (b"Content-Type: a\nContent-Length: " + b"9" * 5000 + b"\n\n", "Content-Length over"),
        (b"Content-Type: a\nX: " + b"x" * 1_000_000, "header lines over 262144 octets"),
        (b"Content-Type: a\nX: " + b"x" * 1_000_000 + b"\n\n", "header lines over 262144 octets"),
        (b"x" * 300_000, "header lines over"),
        (b"\n" * 5 + b"hello\n\n", "without Content-Type: b'hello'"),
        (b"\x00\xff\xfe\n\n", "without Content-Type"),
    ],
)
def test_what_is_not_the_protocol_is_refused_and_named(octets: bytes, complaint: str) -> None:
    with pytest.raises(WireError) as error:
        parse(octets)
    assert complaint in str(error.value)
    assert len(str(error.value)) < 200


def test_limits_can_be_set() -> None:
    with pytest.raises(WireError, match="over 20 octets"):
        reader = Reader(max_headers=20)
        reader.feed(b"Content-Type: text/event-plain")
        reader.next()
    with pytest.raises(WireError, match="over 4"):
        reader = Reader(max_body=4)
        reader.feed(b"Content-Type: a\nContent-Length: 5\n\n")
        reader.next()


@settings(max_examples=150 * EXAMPLES, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from([b"\n\n", b"\n", b"Content-Length: 3", b"Content-Type: a", b": "]),
        )
    )
)
def test_anything_is_read_or_refused_but_nothing_else(pieces: list[bytes]) -> None:
    reader = Reader(max_headers=200, max_body=50)
    whole = b"".join(pieces)
    try:
        for piece in pieces:
            reader.feed(piece)
            for message in drain(reader):
                assert message.content_type is not None
                message.event().get("Event-Name")
    except WireError:
        return
    assert parse(whole) is not None  # what passes in pieces passes whole
