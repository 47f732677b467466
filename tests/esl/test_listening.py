"""What is said on a connection to a switch's event socket: replies and events in any order, no I/O."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.call import Conversation, HungUp
from fs_1c.calls import Step, What
from fs_1c.cards import KEY
from fs_1c.esl.listening import Heard, Listening, Refused
from fs_1c.esl.placing import Placing
from fs_1c.esl.wire import Message, WireError
from fs_1c.numbers import NumberPlan
from fs_1c.talk.conversations import CUSTOM_EVENTS, EVENTS, Conversations
from tests.recordings import dumps, events, messages

PASSWORD = "s3cret"
NAME = "inbound_pickup"
UP = [dump.get("Unique-ID") or "" for dump in dumps(NAME)]
GREETING = Message(b"Content-Type: auth/request")
OK = Message(b"Content-Type: command/reply\nReply-Text: +OK accepted")


def api(body: bytes) -> Message:
    return Message(b"Content-Type: api/response", body)


def channels(uuids: list[str]) -> Message:
    rows = {"row_count": len(uuids), "rows": [{"uuid": uuid} for uuid in uuids]}
    return api(json.dumps(rows if uuids else {"row_count": 0}).encode())


def of_dump(uuid: str) -> Message:
    raw = [m for m in messages(NAME) if m.content_type == "api/response" and m.body.startswith(b"Event-Name")]
    return raw[UP.index(uuid)]


def subscribed(
    conversations: Conversations | None = None,
    placing: Placing | None = None,
    before: Callable[[], set[str]] = set,
) -> tuple[Listening, Heard]:
    known = conversations or Conversations(NumberPlan())
    listening = Listening(PASSWORD, known, before=before, placing=placing)
    assert listening.received(GREETING).write == f"auth {PASSWORD}\n\n".encode()
    wanted = " ".join([*EVENTS, "BACKGROUND_JOB HEARTBEAT CUSTOM", *CUSTOM_EVENTS])
    assert listening.received(OK).write == f"event plain {wanted}\n\n".encode()
    ready = listening.received(OK)
    asks = b"api show registrations as json\n\n"
    assert ready.write.startswith(asks)
    assert listening.received(api(b'{"row_count":0}')) == Heard()
    return listening, ready._replace(write=ready.write.removeprefix(asks))


def test_after_the_subscription_it_asks_what_is_up_and_about_each() -> None:
    listening, ready = subscribed()
    assert ready == Heard(b"api show channels as json\n\n", ready=True)
    asks = listening.received(channels(UP)).write
    assert asks == b"".join(f"api uuid_dump {uuid}\n\n".encode() for uuid in UP)
    told = [event for uuid in UP for event in listening.received(of_dump(uuid)).happened]
    assert [c.extension for c in told if isinstance(c, Conversation)] == ["245"]


def test_a_password_is_said_once() -> None:
    listening, _ = subscribed()
    with pytest.raises(WireError, match="twice"):
        listening.received(GREETING)


def test_a_second_look_asks_only_about_channels_that_were_not_asked_about() -> None:
    listening, _ = subscribed()
    assert listening.received(channels(["a"])).write == b"api uuid_dump a\n\n"
    listening.received(api(b"-ERR No such channel!"))
    listening.received(event(0))  # whose answer and bridge may have been before we came
    first = events(NAME)[0].get("Unique-ID") or ""
    assert listening.look_again() == b"api show channels as json\n\n"
    assert listening.received(channels(["a", first])).write == f"api uuid_dump {first}\n\n".encode()


def event(i: int) -> Message:
    return [m for m in messages(NAME) if m.content_type == "text/event-plain"][i]


def test_events_between_the_replies_disturb_nothing() -> None:
    conversations = Conversations(NumberPlan())
    listening, _ = subscribed(conversations)
    told = [*listening.received(event(0)).happened]
    listening.received(channels(UP))
    told += listening.received(event(1)).happened
    for uuid in UP:
        told += listening.received(of_dump(uuid)).happened
        told += listening.received(event(2)).happened
    assert [c.extension for c in told if isinstance(c, Conversation) and not c.ringing] == ["245"]


def test_a_reconnect_asks_about_the_legs_that_are_known_and_those_that_are_gone_have_hung_up() -> None:
    conversations = Conversations(NumberPlan())
    for one in events(NAME)[:3]:
        conversations.feed(one)
    known = sorted(conversations.known())
    listening, ready = subscribed(conversations)
    dumped = "".join(f"api uuid_dump {uuid}\n\n" for uuid in known)
    assert ready.write == f"{dumped}api show channels as json\n\n".encode()
    told = [listening.received(api(b"-ERR No such channel!\n")).happened for _ in known]
    ended = [one.leg_uuid for happened in told for one in happened if isinstance(one, HungUp)]
    assert ended == known
    assert not conversations.known()
    assert listening.received(channels([])) == Heard()


def test_an_answer_that_overtakes_events_ends_no_call() -> None:
    """A call that ends while one looks again: its events wait behind the answer, and tell all of it."""
    whole = [m for m in messages("inbound_answered") if m.content_type == "text/event-plain"]
    uuid = whole[0].event().get("Unique-ID") or ""
    plain = Conversations(NumberPlan())
    told = [one for message in whole for one in plain.feed(message.event())]
    for before in range(len(whole)):
        listening, _ = subscribed()
        heard = [one for message in whole[:before] for one in listening.received(message).happened]
        listening.received(channels([uuid]))
        heard += listening.received(api(b"-ERR No such channel!\n")).happened
        heard += [one for message in whole[before:] for one in listening.received(message).happened]
        assert heard == told


def test_nor_one_that_was_asked_for() -> None:
    """Neither does it hide how such a call ended."""
    placing, click = Placing(), "0f9dd1e6-41c8-4ba5-8ad5-54d0bb0a2c3c"
    listening, _ = subscribed(placing=placing)

    def of_leg(name: str, *more: str) -> Message:
        lines = ("Event-Name: " + name, "Unique-ID: leg", f"variable_fs_1c_call: {click}", *more)
        return Message(b"Content-Type: text/event-plain", "\n".join(lines).encode() + b"\n\n")

    placing.begins(click)
    assert listening.received(of_leg("CHANNEL_ANSWER")).told == ((click, Step(What.ANSWERS)),)
    listening.received(channels(["leg"]))
    assert listening.received(api(b"-ERR No such channel!\n")) == Heard()
    ended = listening.received(of_leg("CHANNEL_HANGUP_COMPLETE", "Hangup-Cause: USER_BUSY"))
    assert ended.told == ((click, Step(What.GONE, "USER_BUSY")),)


def test_a_leg_that_was_heard_to_begin_is_heard_to_end() -> None:
    """The call is one from before this service was started, and the leg has joined it since."""
    whole = [m for m in messages("inbound_answered") if m.content_type == "text/event-plain"]
    uuid = whole[0].event().get("Unique-ID") or ""
    before = set[str]()
    listening, _ = subscribed(before=lambda: before)
    listening.received(whole[0])
    before.add(uuid)
    listening.look_again()
    assert listening.received(channels([])) == listening.received(api(b"-ERR No such channel!\n")) == Heard()
    told = [one for message in whole[1:] for one in listening.received(message).happened]
    assert [one.cause for one in told if isinstance(one, HungUp) and one.leg_uuid == uuid] == [
        "NORMAL_CLEARING"
    ]


def test_a_key_is_asked_for_in_the_background() -> None:
    listening, _ = subscribed()
    listening.received(channels([]))
    asks = listening.look_up("244", "pbx.example", KEY, "job-1")
    assert asks == b"bgapi user_data 244@pbx.example var fs_1c_key\nJob-UUID: job-1\n\n"
    assert (
        listening.look_up("245", "", KEY, "job-2")
        == b"bgapi user_data 245 var fs_1c_key\nJob-UUID: job-2\n\n"
    )
    assert (
        listening.received(Message(b"Content-Type: command/reply\nReply-Text: +OK Job-UUID: job-1"))
        == Heard()
    )
    for body, key in ((b"the key\n", "the key"), (b"-ERR no reply\n", ""), (b"", "")):
        head = b"Event-Name: BACKGROUND_JOB\nJob-UUID: job-1\nContent-Length: 8\n\n"
        done = listening.received(Message(b"Content-Type: text/event-plain", head + body))
        assert done == Heard(job=("job-1", key))


NONSENSE = [
    b"",
    b"-ERR",
    b"-ERR SQL disabled, no data available!\n",
    b"-ERR Database error!\n",
    b"[]",
    b'"x"',
    b'{"rows": 1}',
    b'{"rows": [1]}',
    b'{"rows": [{}]}',
    b"[" * 100_000,
    b'{"row_count":1,"rows":[{"uuid":"a',
    "абв".encode("cp1251"),
]


@pytest.mark.parametrize("body", NONSENSE, ids=lambda body: repr(body[:20]))
def test_no_answer_of_the_switch_costs_the_connection(body: bytes) -> None:
    """What was bridged before is not told then; what begins afterwards is."""
    conversations = Conversations(NumberPlan())
    listening, _ = subscribed(conversations)
    heard = [listening.received(api(body))]
    listening.look_again()
    heard.append(listening.received(api(body)))
    assert heard[0] == heard[1]  # the same words, which the door says once
    assert (heard[0] == Heard()) == (body in (b'{"rows": [1]}', b'{"rows": [{}]}'))
    told = [told for one in events("inbound_answered") for told in conversations.feed(one)]
    assert [one.extension for one in told if isinstance(one, Conversation) and not one.ringing] == ["244"]


@pytest.mark.parametrize("body", NONSENSE, ids=lambda body: repr(body[:20]))
def test_nor_does_one_about_a_single_channel_or_the_registrations(body: bytes) -> None:
    listening, _ = subscribed()
    assert listening.received(channels(["a"])).write == b"api uuid_dump a\n\n"
    assert "uuid_dump was answered by" in listening.received(api(body)).problem
    again = Listening(PASSWORD, Conversations(NumberPlan()))
    for message in (GREETING, OK, OK):
        again.received(message)
    assert again.received(api(body)).write == b""


def test_a_name_in_another_encoding_is_in_nobodys_way() -> None:
    listening, _ = subscribed()
    row = {"uuid": "a", "cid_name": "NAME"}
    body = json.dumps({"row_count": 1, "rows": [row]}).encode().replace(b"NAME", "Иван".encode("cp1251"))
    assert listening.received(api(body)) == Heard(b"api uuid_dump a\n\n")


@pytest.mark.parametrize("uuid", ["a b", "", "x" * 300, "a\nexit", " a", None, 5])
def test_a_uuid_that_is_no_single_word_is_not_asked_about(uuid: object) -> None:
    listening, _ = subscribed()
    rows = json.dumps({"rows": [{"uuid": uuid}, {"uuid": "good"}]}).encode()
    assert listening.received(api(rows)).write == b"api uuid_dump good\n\n"


def test_who_is_not_let_in_says_so() -> None:
    listening = Listening(PASSWORD, Conversations(NumberPlan()))
    listening.received(GREETING)
    with pytest.raises(Refused, match="password") as error:
        listening.received(Message(b"Content-Type: command/reply\nReply-Text: -ERR invalid"))
    assert PASSWORD not in str(error.value)
    with pytest.raises(Refused, match="access list"):
        listening.received(Message(b"Content-Type: text/rude-rejection"))


content = st.sampled_from(
    [
        b"auth/request",
        b"command/reply",
        b"api/response",
        b"text/event-plain",
        b"text/x",
        b"text/disconnect-notice",
    ]
)


@given(st.lists(st.tuples(content, st.binary(max_size=60)), max_size=20))
def test_any_messages_end_in_what_may_be_raised(said: list[tuple[bytes, bytes]]) -> None:
    listening = Listening(PASSWORD, Conversations(NumberPlan()))
    for kind, body in said:
        head = b"Content-Type: " + kind + b"\nReply-Text: " + body.replace(b"\n", b" ")
        try:
            listening.received(Message(head, body))
        except (Refused, WireError):
            return
