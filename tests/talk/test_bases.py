"""Which base of 1C a call belongs to is known when it begins, for then 1C is first told of it.

A call begins when a telephone rings. What the dialplan has set on the caller's channel before that, no event
of his has told by then.
"""

from __future__ import annotations

from fs_1c.call import Began, Conversation, HungUp
from fs_1c.esl.wire import Headers
from fs_1c.talk import Conversations, Stories
from tests.talk.test_story import PLAN, feed_of, outgoing

RINGING = Conversation("call", "phone", "89235292926", "244", ringing=True, at=11.0)


def began(base: str = "") -> Began:
    return Began("call", "call", "89235292926", "74951234567", base, at=10.0)


def test_whoever_was_asked_about_the_call_knows_it() -> None:
    stories = Stories()
    stories.chosen("call", "sales")
    for event in (began(), RINGING, HungUp("call", 20.0)):
        story = stories.heard(event)
        assert story is not None and story.base == "sales"
    assert not stories._bases


def test_what_the_channel_says_is_not_changed() -> None:
    stories = Stories()
    stories.chosen("call", "sales")
    story = stories.heard(began("service"))
    assert story is not None and story.base == "service"
    stories.chosen("call", "sales")
    story = stories.heard(RINGING)
    assert story is not None and story.base == "service"


def test_a_call_that_has_begun_is_told_of_too() -> None:
    stories = Stories()
    stories.heard(began())
    stories.chosen("call", "sales")
    story = stories.heard(RINGING)
    assert story is not None and story.base == "sales"


def test_calls_that_never_begin_are_forgotten() -> None:
    stories = Stories(size=2)
    for call in ("a", "b", "c"):
        stories.chosen(call, "sales")
    assert list(stories._bases) == ["b", "c"]


def test_what_is_exported_the_telephone_that_rings_says() -> None:
    feed = []
    for recorded in feed_of("inbound_answered"):
        assert isinstance(recorded, Headers)
        event = {name: recorded.get(name) or "" for name in recorded.names()}
        exported = event.get("Call-Direction") == "outbound"
        feed.append({**event, "variable_fs_1c_base": "sales"} if exported else event)
    conversations = Conversations(PLAN)
    told = [one for event in feed for one in conversations.feed(event)]
    first = told[0]
    assert isinstance(first, Began) and first.base == "sales"
    assert {one.base for one in told if isinstance(one, Conversation)} == {"sales"}


def test_and_the_client_whom_a_subscriber_calls() -> None:
    conversations = Conversations(PLAN)
    subscriber, *client = outgoing("trunk", 10)
    events = [subscriber, *({**event, "variable_fs_1c_base": "sales"} for event in client)]
    (first,) = [told for event in events for told in conversations.feed(event)]
    assert isinstance(first, Began) and first.base == "sales" and first.outgoing
