"""Any number of generated calls, mixed in any order, with events doubled and lost: who is told of whom."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fs_1c.call import Conversation
from fs_1c.cards.claims import Claims
from fs_1c.numbers import NumberPlan
from fs_1c.talk.conversations import Conversations
from fs_1c.talk.identity import Event
from tests.support import EXAMPLES

PLAN = NumberPlan()
EXTENSIONS = ("241", "242", "243", "244", "245")

extension = st.sampled_from(EXTENSIONS)
action = st.one_of(
    st.tuples(st.just("hold"), extension),
    st.tuples(st.just("blind"), extension),
    st.tuples(st.just("attended"), extension),
    st.tuples(st.just("park"), extension),
    st.tuples(st.just("pick up"), extension),
    st.tuples(st.just("loopback"), extension),
)


@dataclass
class Script:
    """One call of a client, as FreeSWITCH would tell it.

    Attributes:
        events: In their order.
        expected: The subscribers who talk to him, in their order.
    """

    number: int
    events: list[dict[str, str]] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    talks_to: str = ""
    legs: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.client = f"client-{self.number}"
        self.caller = f"8495{1000000 + self.number}"
        self.about: dict[str, dict[str, str]] = {}
        self.create(self.client, "inbound", self.caller, "74951234567")

    def say(self, name: str, uuid: str, **more: str) -> None:
        self.events.append({"Event-Name": name, "Unique-ID": uuid, **self.about[uuid], **more})

    def create(self, uuid: str, direction: str, caller: str, destination: str, **more: str) -> str:
        self.about[uuid] = {
            "Call-Direction": direction,
            "Caller-Caller-ID-Number": caller,
            "Caller-Destination-Number": destination,
            **more,
        }
        self.say("CHANNEL_CREATE", uuid)
        return uuid

    def leg(self) -> str:
        return f"leg-{self.number}-{next(self.legs)}"

    def dial(self, extension: str, originator: str = "") -> str:
        other = {"Other-Type": "originator", "Other-Leg-Unique-ID": originator} if originator else {}
        uuid = self.create(
            self.leg(), "outbound", self.caller, extension, variable_dialed_user=extension, **other
        )
        self.say("CHANNEL_PROGRESS", uuid)
        return uuid

    def bridge(self, a: str, b: str) -> None:
        """The event is the first one's, and tells what it knows about the second."""
        about, direction = self.about[b], self.about[b]["Call-Direction"]
        self.say(
            "CHANNEL_BRIDGE",
            a,
            **{
                "Bridge-A-Unique-ID": a,
                "Bridge-B-Unique-ID": b,
                "Answer-State": "answered",
                "Other-Type": "originatee",
                "Other-Leg-Direction": direction,
                "Other-Leg-Caller-ID-Number": about["Caller-Caller-ID-Number"],
                "Other-Leg-Destination-Number": about["Caller-Destination-Number"],
                "Other-Leg-Channel-Answered-Time": "1795426359466230",
            },
        )

    def hang_up(self, uuid: str) -> None:
        self.say("CHANNEL_HANGUP_COMPLETE", uuid)

    def talk(self, leg: str, extension: str, carrier: str = "") -> None:
        self.say("CHANNEL_ANSWER", leg)
        a, b = (leg, self.client) if carrier == leg else (self.client, leg)
        self.bridge(a, b)
        self.moved(leg, extension)

    def moved(self, leg: str, extension: str) -> None:
        if self.talks_to:
            self.hang_up(self.talks_to)
        self.talks_to = leg
        if extension not in self.expected:
            self.expected.append(extension)

    def group(self, dialled: list[str], winner: str | None) -> None:
        legs = {extension: self.dial(extension, self.client) for extension in dialled}
        for extension, leg in legs.items():
            if extension != winner:
                self.hang_up(leg)
        if winner is not None:
            self.say("CHANNEL_ANSWER", legs[winner])
            self.say("CHANNEL_ANSWER", self.client)
            self.talk(legs[winner], winner)

    def do(self, what: str, extension: str) -> None:
        match what:
            case "hold":
                self.bridge(self.client, self.talks_to)
            case "blind":
                self.talk(self.dial(extension, self.client), extension)
            case "attended":  # a consultation first, which is no business of 1C
                asks = self.create(self.leg(), "inbound", self.expected[-1], extension)
                asked = self.dial(extension, asks)
                self.say("CHANNEL_ANSWER", asked)
                self.bridge(asks, asked)
                self.talk(asked, extension)
                self.hang_up(asks)
            case "park":
                self.hang_up(self.talks_to)
                self.talks_to = ""
                leg = self.dial(extension)
                self.talk(leg, extension, carrier=leg)
            case "pick up":  # from a telephone: its leg is inbound, and carries the event
                leg = self.create(self.leg(), "inbound", extension, "*8")
                self.talk(leg, extension, carrier=leg)
            case "loopback":
                self.through_loopback(extension)

    def through_loopback(self, extension: str) -> None:
        a, b = self.leg(), self.leg()
        first = {"Channel-Name": f"loopback/{extension}-a", "variable_other_loopback_leg_uuid": b}
        second = {"Channel-Name": f"loopback/{extension}-b", "variable_other_loopback_leg_uuid": a}
        other = {"Other-Type": "originator", "Other-Leg-Unique-ID": self.client}
        self.create(a, "outbound", self.caller, extension, **first, **other)
        self.create(b, "inbound", self.caller, extension, **second)
        phone = self.dial(extension, b)
        for leg in (phone, a, b):
            self.say("CHANNEL_ANSWER", leg)
        self.bridge(b, phone)
        self.bridge(self.client, a)
        self.moved(phone, extension)


@st.composite
def scripts(draw: st.DrawFn) -> list[Script]:
    made = []
    for number in range(draw(st.integers(1, 4))):
        script = Script(number)
        dialled = draw(st.lists(extension, min_size=1, max_size=3, unique=True))
        winner = draw(st.sampled_from([*dialled, None]))
        script.group(dialled, winner)
        if winner is not None:
            for what, whom in draw(st.lists(action, max_size=5)):
                script.do(what, whom)
            script.hang_up(script.talks_to)
        script.hang_up(script.client)
        made.append(script)
    return made


def mixed(made: list[Script], random: Any) -> list[Event]:
    queues = [list(script.events) for script in made]
    feed: list[Event] = []
    while any(queues):
        feed.append(random.choice([queue for queue in queues if queue]).pop(0))
    return feed


def told(feed: list[Event]) -> list[Conversation]:
    conversations = Conversations(PLAN)
    found = [told for event in feed for told in conversations.feed(event)]
    return [one for one in found if isinstance(one, Conversation)]


@settings(max_examples=60 * EXAMPLES, deadline=None)
@given(scripts(), st.randoms(use_true_random=False))
def test_each_call_tells_exactly_who_talks_to_its_client(made: list[Script], random: Any) -> None:
    found = told(mixed(made, random))
    for script in made:
        talks = [c for c in found if c.call_uuid == script.client and not c.ringing]
        assert [c.extension for c in talks] == script.expected
        assert {c.number for c in talks} <= {script.caller}
    assert {c.call_uuid for c in found} <= {script.client for script in made}
    assert not any(c.outgoing for c in found)


@settings(max_examples=60 * EXAMPLES, deadline=None)
@given(scripts(), st.randoms(use_true_random=False), st.floats(0, 0.5), st.floats(0, 0.5))
def test_events_lost_and_doubled_open_no_card_twice_and_none_at_somebody_else(
    made: list[Script], random: Any, lost: float, doubled: float
) -> None:
    feed: list[Event] = []
    for event in mixed(made, random):
        if random.random() >= lost:
            feed.append(event)
            if random.random() < doubled:
                feed.append(event)
    claims = Claims()
    found = [c for c in told(feed) if not c.ringing]
    cards = [(c.number, c.extension) for c in found if claims.claim(c.call_uuid, c.extension)]
    assert len(cards) == len(set(cards))
    talks = {script.caller: script.expected for script in made}
    assert all(extension in talks.get(number, ()) for number, extension in cards)


@settings(max_examples=30 * EXAMPLES, deadline=None)
@given(scripts(), st.randoms(use_true_random=False))
def test_nothing_is_remembered_of_calls_that_are_over(made: list[Script], random: Any) -> None:
    conversations = Conversations(PLAN)
    ends: set[str] = set()
    for event in mixed(made, random):
        conversations.feed(event)
        if event.get("Event-Name") == "CHANNEL_HANGUP_COMPLETE":
            ends.add(event.get("Unique-ID") or "")
    assert not conversations.known() & ends
