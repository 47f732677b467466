"""What a connection to a switch asks, and tells, of who can take a call."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory

from fs_1c.call import HungUp, PresenceState
from fs_1c.esl.listening import Heard, Listening
from fs_1c.esl.wire import Message
from fs_1c.numbers import NumberPlan
from fs_1c.talk import Conversations

ROW = {"reg_user": "244", "realm": "pbx.example", "token": "a", "url": "sofia/internal/sip:244@10.0.0.1:5060"}
OK = Message(b"Content-Type: command/reply\nReply-Text: +OK accepted")
CREATED = b"Event-Name: CHANNEL_CREATE\nUnique-ID: one\nCore-UUID: core-1\n\n"


def api(body: str) -> Message:
    return Message(b"Content-Type: api/response", body.encode())


def event(*lines: str) -> Message:
    return Message(b"Content-Type: text/event-plain", "\n".join(lines).encode() + b"\n\n")


@pytest.fixture
def clock() -> Iterator[FrozenDateTimeFactory]:
    with freeze_time("2026-11-28 14:02:00+00:00") as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


def subscribed(conversations: Conversations, registrations: str) -> Listening:
    listening = Listening("s3cret", conversations)
    listening.received(Message(b"Content-Type: auth/request"))
    listening.received(OK)
    listening.received(OK)
    listening.received(api(registrations))
    assert conversations.presence.state("244", "").state is PresenceState.UNKNOWN, "all is not told yet"
    listening.received(api('{"row_count":0}'))
    return listening


def test_registrations_are_known_as_soon_as_all_is_told(clock: FrozenDateTimeFactory) -> None:
    conversations = Conversations(NumberPlan())
    listening = subscribed(conversations, json.dumps({"rows": [ROW]}))
    assert conversations.presence.state("244", "pbx.example").state is PresenceState.FREE
    listening.received(Message(b"Content-Type: text/event-plain", CREATED))
    assert conversations.presence.core == "core-1"


@pytest.mark.parametrize(("answer", "core"), [("core-1", "core-1"), ("", ""), ("-ERR no such thing", "")])
def test_a_switch_is_asked_who_it_is_before_anything_happens(
    clock: FrozenDateTimeFactory, answer: str, core: str
) -> None:
    conversations = Conversations(NumberPlan())
    listening = subscribed(conversations, "{}")
    assert listening.who_is_there() == b"api global_getvar core_uuid\n\n"
    assert listening.who_is_there() == b""
    listening.received(api(answer))
    assert conversations.presence.core == core


@pytest.mark.parametrize("answer", ["-ERR no database", "{", '{"rows": [1, {"reg_user": null}]}'])
def test_an_answer_that_is_none_makes_nobody_away(clock: FrozenDateTimeFactory, answer: str) -> None:
    conversations = Conversations(NumberPlan())
    listening = subscribed(conversations, json.dumps({"rows": [ROW]}))
    listening.who_is_there_in_all()
    listening.received(api(answer))
    clock.tick(5)
    assert conversations.presence.state("244", "pbx.example").state is PresenceState.FREE


def test_who_is_gone_is_asked_about_once(clock: FrozenDateTimeFactory) -> None:
    conversations = Conversations(NumberPlan())
    listening = subscribed(conversations, json.dumps({"rows": [ROW]}))
    conversations.presence.core = "core-1"
    gone = ("from-user: 244", "from-host: pbx.example", "call-id: a", "contact: <sip:244@10.0.0.1:5060>")
    listening.received(event("Event-Name: CUSTOM", "Event-Subclass: sofia%3A%3Aunregister", *gone))
    assert listening.who_is_there() == b"", "the switch writes it behind its back"
    clock.tick(1)
    asked = b"api sofia_contact */244@pbx.example\n\napi verto_contact 244@pbx.example\n\n"
    assert listening.who_is_there() == asked
    assert listening.who_is_there() == b""
    listening.received(api("error/user_not_registered"))
    listening.received(api("-ERR verto_contact Command not found!\n"))
    assert conversations.presence.state("244", "pbx.example").state is PresenceState.AWAY


def test_a_registration_is_no_command(clock: FrozenDateTimeFactory) -> None:
    hostile = {**ROW, "reg_user": "244\n\napi shutdown"}
    conversations = Conversations(NumberPlan())
    listening = subscribed(conversations, json.dumps({"rows": [hostile]}))
    conversations.presence.core = "core-1"
    listening.who_is_there_in_all()
    listening.received(api('{"row_count":0}'))
    clock.tick(5)
    assert listening.who_is_there() == b""


def test_a_call_whose_end_was_not_heard_ends_when_the_switch_says_so(clock: FrozenDateTimeFactory) -> None:
    conversations = Conversations(NumberPlan())
    listening = subscribed(conversations, "{}")
    leg = ("Unique-ID: one", "Call-Direction: outbound", "variable_dialed_user: 244")
    listening.received(event("Event-Name: CHANNEL_ANSWER", *leg))
    clock.tick(700)
    assert conversations.presence.state("244", "").state is PresenceState.BUSY
    assert listening.who_is_there_in_all().endswith(b"api uuid_exists one\n\n")
    listening.received(api("{}"))
    assert listening.received(api("false")) == Heard()  # the answer may have overtaken the event
    clock.tick(60)
    assert listening.who_is_there_in_all().endswith(b"api uuid_exists one\n\n")
    listening.received(api("{}"))
    (ended,) = listening.received(api("false")).happened[-1:]
    assert isinstance(ended, HungUp)
    assert ended.leg_uuid == "one"
    assert conversations.presence.state("244", "").state is PresenceState.UNKNOWN


def test_an_answer_that_overtakes_the_end_of_a_long_talk_does_not_hide_its_cause(
    clock: FrozenDateTimeFactory,
) -> None:
    conversations = Conversations(NumberPlan())
    listening = subscribed(conversations, "{}")
    leg = ("Unique-ID: one", "Call-Direction: outbound", "variable_dialed_user: 244")
    listening.received(event("Event-Name: CHANNEL_ANSWER", *leg))
    clock.tick(700)
    listening.who_is_there_in_all()
    listening.received(api("{}"))
    listening.received(api("false"))
    over = event("Event-Name: CHANNEL_HANGUP_COMPLETE", *leg, "Hangup-Cause: USER_BUSY")
    (ended,) = listening.received(over).happened[-1:]
    assert isinstance(ended, HungUp)
    assert ended.cause == "USER_BUSY"
