"""Who talks to whom, from the events of a real FreeSWITCH."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs_1c.call import Conversation, HungUp
from fs_1c.numbers import NumberPlan
from fs_1c.talk.conversations import Conversations
from fs_1c.talk.identity import Event
from fs_1c.talk.pairs import MAX_TOLD
from tests.recordings import NAMES, TALKS, dumps, events
from tests.support import EXAMPLES

PLAN = NumberPlan()
CALLER = "89235292926"
EXPECTED: dict[str, list[str]] = {
    "inbound_abandoned": [],
    "inbound_answered": ["244"],
    "inbound_attended_transfer": ["244", "243"],
    "inbound_blind_transfer": ["244", "245"],
    "inbound_failover": ["245"],
    "inbound_group": ["244"],
    "inbound_manager_hangs_up": ["249"],
    "inbound_attended_up": ["244", "245"],
    "inbound_click_to_call": ["244"],
    "inbound_client_called_first": ["561"],
    "inbound_early_media": ["244"],
    "inbound_early_media_after_answer": ["245"],
    "inbound_early_media_asked_about": ["341"],
    "inbound_early_media_unanswered": [],
    "inbound_hold": ["244"],
    "inbound_internal": [],
    "inbound_loopback_group": ["245"],
    "inbound_outgoing": ["244"],
    "inbound_park": ["244", "245"],
    "inbound_pickup": ["245"],
    "inbound_pickup_from_a_phone": ["243"],
    "inbound_rings_again": [],
    "inbound_three_way": ["244"],
}


def told(feed: Iterable[Event], conversations: Conversations | None = None) -> list[Conversation]:
    conversations = conversations if conversations is not None else Conversations(PLAN)
    happened = [told for event in feed for told in conversations.feed(event)]
    return [found for found in happened if isinstance(found, Conversation) and not found.ringing]


@pytest.mark.parametrize(("name", "extensions"), EXPECTED.items())
def test_each_recorded_call_has_exactly_these_conversations(name: str, extensions: list[str]) -> None:
    found = told(list(events(name)))
    assert [conversation.extension for conversation in found] == extensions
    assert {conversation.number for conversation in found} <= {CALLER}
    assert len({conversation.call_uuid for conversation in found}) <= 1
    assert len({conversation.leg_uuid for conversation in found}) == len(extensions)


def test_every_recording_is_expected_to_have_some() -> None:
    recorded = [name for name in NAMES if name.startswith("inbound")] + [path.stem for path in TALKS]
    assert sorted(EXPECTED) == sorted(recorded)


OUTGOING = ("inbound_outgoing", "inbound_click_to_call")


@pytest.mark.parametrize("name", EXPECTED)
def test_who_has_called_whom_is_told(name: str) -> None:
    assert {conversation.outgoing for conversation in told(events(name))} <= {name in OUTGOING}


@pytest.mark.parametrize("name", ["inbound_early_media", "inbound_early_media_after_answer"])
def test_media_before_the_answer_are_no_conversation(name: str) -> None:
    """FreeSWITCH bridges the two when the callee's announcement begins, and says so."""
    feed = events(name)
    conversations = Conversations(PLAN)
    begins = next(i for i, event in enumerate(feed) if told([event], conversations))
    names = [event.get("Event-Name") for event in feed]
    assert names.index("CHANNEL_BRIDGE") < begins
    assert names[begins] == "CHANNEL_ANSWER"


def test_media_before_the_answer_on_an_async_socket_which_hears_of_one_leg_only() -> None:
    feed = events("inbound_early_media")
    client = feed[0].get("Unique-ID")
    own = [event for event in feed if event.get("Unique-ID") == client]
    assert [c.extension for c in told(own)] == ["244"]
    answered_before = events("inbound_early_media_after_answer")
    client = answered_before[0].get("Unique-ID")
    own = [event for event in answered_before if event.get("Unique-ID") == client]
    assert told(own) == []
    update = Fake({"Event-Name": "CALL_UPDATE", "Unique-ID": client or ""})
    bridged = next(i for i, event in enumerate(own) if event.get("Event-Name") == "CHANNEL_BRIDGE")
    assert [c.extension for c in told([*own[: bridged + 1], update])] == ["245"]


RINGS = {
    "inbound_answered": ["244"],
    "inbound_group": ["244", "245"],
    "inbound_abandoned": ["247"],
    "inbound_failover": ["247", "245"],
    "inbound_loopback_group": ["244", "245"],
    "inbound_client_called_first": ["561"],
    "inbound_early_media": ["244"],
    "inbound_pickup": ["244"],  # the other one was called by the switch, for nobody
    "inbound_outgoing": [],
    "inbound_click_to_call": [],
    "inbound_internal": [],
}


@pytest.mark.parametrize(("name", "extensions"), RINGS.items())
def test_whose_telephone_rings_for_the_client(name: str, extensions: list[str]) -> None:
    conversations = Conversations(PLAN)
    happened = [told for event in events(name) for told in conversations.feed(event)]
    rings = [found for found in happened if isinstance(found, Conversation) and found.ringing]
    assert [ring.extension for ring in rings] == extensions
    assert {ring.number for ring in rings} <= {CALLER}
    assert {ring.call_uuid for ring in rings} <= {
        conversation.call_uuid for conversation in told(events(name))
    } | {events(name)[0].get("Unique-ID")}


UP = {
    "inbound_pickup": ["245"],
    "inbound_pickup_from_a_phone": ["243"],
    "inbound_loopback_group": ["245"],
    "inbound_park": [],
    "inbound_hold": ["244"],
    "inbound_three_way": ["244"],
    "inbound_attended_up": ["245"],
}


@pytest.mark.parametrize(("name", "extensions"), UP.items())
@pytest.mark.parametrize("backwards", [False, True])
def test_after_a_reconnect_it_is_told_what_is_up(name: str, extensions: list[str], backwards: bool) -> None:
    conversations = Conversations(PLAN)
    found = told(reversed(dumps(name)) if backwards else dumps(name), conversations)
    assert [c.extension for c in found] == extensions
    assert {c.number for c in found} <= {CALLER}
    assert all(0.0 < c.age < 5.0 for c in found)
    # And nothing that goes on is told again.
    later = [e for e in events(name) if e.get("Event-Name") != "CHANNEL_HANGUP_COMPLETE"]
    assert [c.extension for c in told(later, conversations)] == [
        extension for extension in EXPECTED[name] if extension not in extensions
    ]


@pytest.mark.parametrize("name", UP)
def test_a_reconnect_without_loss_tells_nothing_new(name: str) -> None:
    conversations = Conversations(PLAN)
    up = {dump.get("Unique-ID") for dump in dumps(name)}
    told([e for e in events(name) if e.get("Event-Name") != "CHANNEL_HANGUP_COMPLETE"], conversations)
    for uuid in conversations.known() - up:
        assert [one.leg_uuid for one in conversations.gone(uuid) if isinstance(one, HungUp)] == [uuid]
    assert told(dumps(name), conversations) == []
    assert conversations.known() == up


@pytest.mark.parametrize("name", EXPECTED)
def test_nothing_is_remembered_of_a_call_that_is_over(name: str) -> None:
    conversations = Conversations(PLAN)
    told(list(events(name)), conversations)
    assert len(conversations) == 0


@settings(max_examples=80 * EXAMPLES, deadline=None)
@given(st.lists(st.sampled_from(sorted(EXPECTED)), min_size=2, max_size=4, unique=True), st.randoms())
def test_interleaving_calls_changes_nothing(names: list[str], random: object) -> None:
    queues = [list(events(name)) for name in names]
    mixed: list[Event] = []
    while any(queues):
        queue = random.choice([queue for queue in queues if queue])  # type: ignore[attr-defined]
        mixed.append(queue.pop(0))
    found = told(mixed)
    for name in names:
        legs = {event.get("Unique-ID") for event in events(name)}
        assert [c.extension for c in found if c.call_uuid in legs] == EXPECTED[name]
    assert len(found) == sum(len(EXPECTED[name]) for name in names)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_event_twice_changes_nothing(name: str) -> None:
    doubled = [event for event in events(name) for _ in range(2)]
    assert [conversation.extension for conversation in told(list(doubled))] == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_listener_that_came_after_the_legs_were_created_still_understands(name: str) -> None:
    late = [event for event in events(name) if event.get("Event-Name") != "CHANNEL_CREATE"]
    found = told(list(late))
    assert [conversation.extension for conversation in found] == EXPECTED[name]
    assert {conversation.number for conversation in found} <= {CALLER}


def test_the_key_of_a_leg_comes_along_when_the_leg_had_it_from_the_beginning() -> None:
    assert [conversation.key for conversation in told(list(events("inbound_group")))] == ["KEY244"]
    assert [conversation.key for conversation in told(list(events("inbound_answered")))] == [""]


def test_where_anybody_can_tell_events_none_names_a_key() -> None:
    """Whatever leg it stands on."""
    feed = list(events("inbound_group"))
    forged = [Fake({n: e.get(n) or "" for n in e.names()} | {"variable_fs_1c_key": "FORGED"}) for e in feed]
    believing, doubting = Conversations(PLAN), Conversations(PLAN, believes_keys=False)
    assert [conversation.key for conversation in told(forged, believing)] == ["FORGED"]
    assert [conversation.key for conversation in told(forged, doubting)] == [""]


def test_of_one_call_no_more_is_told_than_can_be() -> None:
    conversations, many = Conversations(PLAN), MAX_TOLD + 50
    client = created("client", "inbound", "89235292926", "100")
    feed: list[Event] = [client]
    for i in range(many):
        leg = f"leg{i}"
        feed += [created(leg, "outbound", "89235292926", str(1000 + i)), bridged("client", "client", leg)]
    assert len(told(feed, conversations)) == MAX_TOLD


def test_a_key_is_not_in_the_repr() -> None:
    assert "KEY244" not in repr(told(list(events("inbound_group"))))


class Fake(dict[str, str]):
    """An event made by hand; `get` is a dictionary's."""


def created(uuid: str, direction: str, number: str, destination: str, **more: str) -> Fake:
    return Fake(
        {
            "Event-Name": "CHANNEL_CREATE",
            "Unique-ID": uuid,
            "Call-Direction": direction,
            "Caller-Caller-ID-Number": number,
            "Caller-Destination-Number": destination,
            **more,
        }
    )


def bridged(carrier: str, a: str, b: str) -> Fake:
    return Fake(
        {
            "Event-Name": "CHANNEL_BRIDGE",
            "Unique-ID": carrier,
            "Bridge-A-Unique-ID": a,
            "Bridge-B-Unique-ID": b,
        }
    )


def test_the_event_may_be_on_either_leg_and_either_order() -> None:
    for carrier in ("client", "subscriber"):
        for a, b in (("client", "subscriber"), ("subscriber", "client")):
            found = told(
                [
                    created("client", "inbound", CALLER, "74951234567"),
                    created("subscriber", "inbound", "243", "*8"),  # picks up a ringing call
                    bridged(carrier, a, b),
                ]
            )
            assert [(c.call_uuid, c.extension, c.number) for c in found] == [("client", "243", CALLER)]


def test_two_subscribers_are_no_business_of_1c() -> None:
    assert not told(
        [
            created("a", "inbound", "243", "244"),
            created("b", "outbound", "243", "244"),
            bridged("a", "a", "b"),
        ]
    )


def test_a_withheld_number_is_told_without_the_number() -> None:
    found = told(
        [
            created("a", "inbound", CALLER, "7495", **{"Caller-Privacy-Hide-Number": "true"}),
            created("b", "outbound", CALLER, "244"),
            bridged("a", "a", "b"),
        ]
    )
    assert [(c.number, c.extension) for c in found] == [("", "244")]


def test_the_same_two_again_are_not_told_again() -> None:
    legs = [created("a", "inbound", CALLER, "7495"), created("b", "outbound", CALLER, "244")]
    assert len(told([*legs, bridged("a", "a", "b"), bridged("a", "a", "b"), bridged("b", "b", "a")])) == 1


def test_legs_that_never_hang_up_are_forgotten_in_the_end() -> None:
    conversations = Conversations(PLAN, max_legs=100)
    told([created(f"leg-{i}", "inbound", CALLER, "7495") for i in range(1000)], conversations)
    assert len(conversations) == 100


@pytest.mark.parametrize("uuid", ["", "two words", "a\nb", "a\r", "\u00a0", "a" * 257])
def test_what_no_channel_can_be_called_is_no_leg(uuid: str) -> None:
    conversations = Conversations(PLAN)
    legs = [created(uuid, "inbound", CALLER, "7495"), created("b", "outbound", CALLER, "244")]
    assert told([*legs, bridged("b", uuid, "b"), bridged(uuid, uuid, "b")], conversations) == []
    assert conversations.known() == {"b"}


@settings(max_examples=80 * EXAMPLES, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                [
                    "Event-Name",
                    "Unique-ID",
                    "Bridge-A-Unique-ID",
                    "Bridge-B-Unique-ID",
                    "Call-Direction",
                    "Caller-Caller-ID-Number",
                    "Caller-Destination-Number",
                    "Other-Type",
                    "Other-Leg-Caller-ID-Number",
                ]
            ),
            st.sampled_from(
                ["CHANNEL_CREATE", "CHANNEL_BRIDGE", "CHANNEL_HANGUP_COMPLETE", "a", "b", "c", "244", ""]
            )
            | st.text(max_size=5),
        ),
        max_size=30,
    )
)
def test_any_events_are_survived_and_no_pair_is_told_twice(feed: list[dict[str, str]]) -> None:
    hung_up = any(event.get("Event-Name") == "CHANNEL_HANGUP_COMPLETE" for event in feed)
    found = told([Fake(event) for event in feed])
    pairs = [(c.call_uuid, c.extension) for c in found]
    assert hung_up or len(pairs) == len(set(pairs))
