"""The story of each recorded call: who rang, who talked, for how long, how it ended."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.call import (
    Began,
    CallEvent,
    Conversation,
    HungUp,
    Parted,
    Recorded,
    Resumed,
    TalksOutside,
    Unidentified,
)
from fs_1c.numbers import NumberPlan
from fs_1c.talk import Conversations, Event, Stories, Story
from fs_1c.talk.story import Ring, Talk
from fs_1c.talk.story.story import MAX_PARTS
from tests.recordings import DATA, NAMES, TALKS, dumps, events, parse

PLAN = NumberPlan()
PHONES = DATA / "cases" / "phones"
# Number, direction, r = rang (and why no more, unless he answered), t = talked, seconds.
# Written down from the recordings' own times and from what was done on the telephones.
TOLD: dict[str, str] = {
    "inbound_abandoned": "89235292926 in r247:ORIGINATOR_CANCEL missed",
    "inbound_answered": "89235292926 in r244 t244 0.98",
    "inbound_attended_transfer": "89235292926 in r244 t244 t243 2.52",
    "inbound_attended_up": "89235292926 in r244 t244 t245 1.20",
    # Whom he has asked outside has a call of his own.
    "03c_refer_attended_outside": "89235292926 in r410 t410 t 5.40; 89237774100 out t410 1.56",
    "inbound_blind_transfer": "89235292926 in r244 r245 t244 t245 1.82",
    "inbound_client_called_first": "89235292926 out r561 t561 1.62",
    "inbound_click_to_call": "89235292926 out t244 0.56",
    "inbound_early_media": "89235292926 in r244 t244 0.50",
    "inbound_early_media_after_answer": "89235292926 in r245 t245 0.50",
    "inbound_early_media_asked_about": "89235292926 in r341 t341 1.22",
    "inbound_early_media_unanswered": "89235292926 in r244:ORIGINATOR_CANCEL missed",
    "inbound_failover": "89235292926 in r247:NO_ANSWER r245 t245 2.08",
    "inbound_group": "89235292926 in r244 r245:LOSE_RACE t244 1.00",
    "inbound_hold": "89235292926 in r244 t244 1.22",
    "inbound_internal": "",
    "inbound_loopback_group": "89235292926 in r244:ORIGINATOR_CANCEL r245 t245 1.00",
    "inbound_manager_hangs_up": "89235292926 in r249 t249 1.48",
    "inbound_outgoing": "89235292926 out t244 0.40",
    "inbound_park": "89235292926 in r244 t244 t245 1.50",
    "inbound_pickup": "89235292926 in r244:PICKED_OFF t245 0.78",
    "inbound_pickup_from_a_phone": "89235292926 in r244:PICKED_OFF t243 0.76",
    "inbound_rings_again": "89235292926 in r391:NO_ANSWER r392:NO_ANSWER r391:ORIGINATOR_CANCEL missed",
    "inbound_three_way": "89235292926 in r244 t244 1.24",
    "01_plain": "89235292926 in r244 t244 1.22",
    "02_refer_blind": "89235292926 in r244 r243 t244 t243 4.28",
    "03_refer_attended": "89235292926 in r244 t244 t243 6.36",
    "03b_refer_semiattended": "89235292926 in r244 t244 t243 7.52",
    "06_call_waiting": "89235292926 in r244 t244 8.68; 89230000011 in r244 t244 4.76",
    "07_two_registrations": "89235292926 in r244 t244 2.24",
    "08_302_to_243": "89235292926 in r243 t243 1.28",
    "10d_dead_phone_blackhole_udp": "89230000020 in r100 t100 1.54",
    "11c_pickup_with_hash": "89235292926 in r244:PICKED_OFF t243 2.06",
    "12_outgoing": "89235292926 out t244 2.98",
    "12b_outgoing_then_blind": "89235292926 out r243 t244 t243 6.00",
    "12e_click_to_call": "89235292926 out t244 3.48",
    "12f_outgoing_sent_on": "89235292926 out t621 1.38; 89237776200 out 0.00",
    "13_valet": "89235292926 in r244 t244 t243 5.92",
    "14_threeway_then_leaves": "89235292926 in r244 t244 t243 7.98",
    "04_outside_and_back": "89235292926 in r244 t244 1.04",
    "08h_302_to_busy_245": "89235292926 in missed",
    "08l_group_member_redirects": "84950000001 in r245:ORIGINATOR_CANCEL r243 t243 3.68",
    "11_pickup_stock": "89235292926 in r244:CALL_REJECTED r100:CALL_REJECTED missed",
    "13e_valet_sync_as_shipped": "89235292926 in r244 t244 1.06",
    "26_number_alias_246_is_petrov": "89230000002 in rpetrov tpetrov 1.50",
    "28_blf_pickup_invite_replaces_ringing": "89235292926 in r244:ORIGINATOR_CANCEL t243 1.96",
    "37_intercom_from_phone_with_did_in_From": "",
    "form_a": "89235292926 in r244 t244 1.40",
    "form_c": "89235292926 in r244 r245:LOSE_RACE t244 1.42",
}


def feed_of(name: str) -> list[Event]:
    for path in PHONES.glob(f"*/{name}.esl"):
        return [one.event() for one in parse(path.read_bytes()) if one.content_type == "text/event-plain"]
    return list(events(name))


def stories_of(feed: Iterable[Event]) -> list[Story]:
    """Each story as it was in the end, in the order in which they began. None may be left behind."""
    conversations, stories = Conversations(PLAN), Stories()
    last: dict[str, Story] = {}
    for event in feed:
        for told in conversations.feed(event):
            if (story := stories.heard(told)) is not None:
                last[story.call_uuid] = story
    assert not len(stories)
    assert not stories._call_of
    return list(last.values())


def shown(story: Story) -> str:
    rings = [f"r{ring.extension}" + (f":{ring.cause}" if ring.cause else "") for ring in story.rings]
    end = "missed" if story.unanswered else f"{story.seconds:.2f}"
    talks = [f"t{talk.extension}" for talk in story.talks]
    return " ".join((story.number, "out" if story.outgoing else "in", *rings, *talks, end))


@pytest.mark.parametrize(("name", "told"), TOLD.items())
def test_a_recorded_call(name: str, told: str) -> None:
    stories = stories_of(feed_of(name))
    assert "; ".join(map(shown, stories)) == told
    for story in stories:
        assert story.ended is not None
        times = [story.began, *(ring.at for ring in story.rings), *(talk.at for talk in story.talks)]
        assert story.began == min(times)
        ends = [*(ring.until for ring in story.rings), *(talk.until for talk in story.talks)]
        assert all(end is not None and story.began <= end <= story.ended for end in ends)


def test_every_recording_is_here() -> None:
    recorded = [name for name in NAMES if name.startswith("inbound")] + [path.stem for path in TALKS]
    assert sorted(TOLD) == sorted(recorded + [path.stem for path in PHONES.glob("*/*.esl")])


def test_who_had_to_do_with_a_talk_and_who_has_called_is_in_it() -> None:
    (handed,) = stories_of(feed_of("03_refer_attended"))
    assert [(talk.how.value, talk.by) for talk in handed.talks] == [("answered", ""), ("handed over", "244")]
    (outgoing,) = stories_of(feed_of("12_outgoing"))
    assert (outgoing.extension, outgoing.destination) == ("244", "89235292926")


UP = ("inbound_hold", "inbound_attended_up", "inbound_pickup_from_a_phone")


@pytest.mark.parametrize("name", UP)
def test_a_service_that_starts_in_the_middle_takes_the_story_up(name: str) -> None:
    """By what the switch tells of its channels: when it began, who talks, since when."""
    whole = stories_of(feed_of(name))[0]
    ends = [one for one in events(name) if one.get("Event-Name") == "CHANNEL_HANGUP_COMPLETE"]
    (story,) = stories_of([*dumps(name), *ends])
    assert (story.call_uuid, story.began, story.ended) == (whole.call_uuid, whole.began, whole.ended)
    assert story.talks[-1].extension == whole.talks[-1].extension
    assert abs(story.talks[-1].at - whole.talks[-1].at) < 0.1


def test_a_telephone_that_rings_with_early_media_is_asked_about() -> None:
    """It rings, though it is bridged; and who was bridged before he answered has not talked since then."""
    name = "inbound_early_media_asked_about"
    (whole,) = stories_of(feed_of(name))
    conversations, stories = Conversations(PLAN), Stories()
    told = [one for dump in dumps(name) for one in conversations.feed(dump)]
    assert [type(one) for one in told] == [Began, Conversation, Conversation]
    *_, story = map(stories.heard, told)
    assert story is not None
    assert abs(story.rings[0].at - whole.rings[0].at) < 0.1
    assert abs(story.talks[0].at - whole.talks[0].at) < 0.1


@pytest.mark.parametrize("name", ["inbound_abandoned", "inbound_answered", "inbound_group"])
def test_an_answer_that_overtakes_events_ends_a_call_once(name: str) -> None:
    """`uuid_dump` says that there is no such channel, and what has happened before that comes after it."""
    feed = feed_of(name)
    client = feed[0].get("Unique-ID") or ""
    for events_before in range(1, len(feed)):
        conversations, stories = Conversations(PLAN), Stories()
        told = [one for event in feed[:events_before] for one in conversations.feed(event)]
        told += conversations.gone(client)
        told += [one for event in feed[events_before:] for one in conversations.feed(event)]
        assert [one.call_uuid for one in told if isinstance(one, Began)] == [client]
        ended = [story for one in told if (story := stories.heard(one)) and story.ended is not None]
        assert [story.call_uuid for story in ended] == [client]
        assert (len(stories), len(conversations)) == (0, 0)


def leg(uuid: str, name: str, at: float, **more: str) -> dict[str, str]:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    return {
        "Event-Name": name,
        "Unique-ID": uuid,
        "Event-Date-Timestamp": str(int(at * 1e6)),
        "Caller-Channel-Created-Time": str(int(1000e6)),
        **headers,
    }


def outgoing(trunk: str, at: float) -> list[dict[str, str]]:
    asks = {"Call_Direction": "inbound", "Caller_Caller_ID_Number": "244"}
    goes = {
        "Call_Direction": "outbound",
        "Caller_Destination_Number": "89235292926",
        "Channel_Name": "sofia/trunk/89235292926@x",
        "Other_Type": "originator",
        "Other_Leg_Unique_ID": "subscriber",
    }
    return [
        leg("subscriber", "CHANNEL_CREATE", at, Caller_Destination_Number="89235292926", **asks),
        leg(trunk, "CHANNEL_CREATE", at, **goes),
        leg(trunk, "CHANNEL_PROGRESS", at + 1, **goes),
    ]


def test_a_call_that_tries_another_trunk_is_one() -> None:
    fails = leg("first", "CHANNEL_HANGUP_COMPLETE", 1002, Hangup_Cause="NORMAL_TEMPORARY_FAILURE")
    bridge = leg("subscriber", "CHANNEL_BRIDGE", 1005, Bridge_A_Unique_ID="subscriber")
    bridge["Bridge-B-Unique-ID"] = "second"
    (story,) = stories_of(
        [
            *outgoing("first", 1000),
            fails,
            *outgoing("second", 1002)[1:],
            leg("second", "CHANNEL_ANSWER", 1005),
            leg("subscriber", "CHANNEL_ANSWER", 1005),
            bridge,
            leg("second", "CHANNEL_HANGUP_COMPLETE", 1015, Hangup_Cause="NORMAL_CLEARING"),
            leg("subscriber", "CHANNEL_HANGUP_COMPLETE", 1015, Hangup_Cause="NORMAL_CLEARING"),
        ]
    )
    assert shown(story) == "89235292926 out t244 10.00"
    assert (story.began, story.ended, story.cause) == (1000.0, 1015.0, "NORMAL_CLEARING")


def test_a_call_that_no_trunk_takes_has_its_end_with_him_who_called() -> None:
    fails = leg("first", "CHANNEL_HANGUP_COMPLETE", 1002, Hangup_Cause="USER_BUSY")
    gives_up = leg("subscriber", "CHANNEL_HANGUP_COMPLETE", 1003, Hangup_Cause="NORMAL_CLEARING")
    (story,) = stories_of([*outgoing("first", 1000), fails, gives_up])
    assert (story.talks, story.unanswered, story.ended, story.cause) == ((), False, 1003.0, "USER_BUSY")


CLIENT = {"Call_Direction": "inbound", "Caller_Caller_ID_Number": "89235292926"}


def test_a_client_who_reaches_nobody_has_a_story_too() -> None:
    (story,) = stories_of(
        [
            leg("client", "CHANNEL_CREATE", 1000, Caller_Destination_Number="74951234567", **CLIENT),
            leg("client", "CHANNEL_ANSWER", 1001),  # a greeting
            leg("client", "CHANNEL_HANGUP_COMPLETE", 1009, Hangup_Cause="NORMAL_CLEARING"),
        ]
    )
    assert (shown(story), story.destination) == ("89235292926 in missed", "74951234567")
    assert (story.began, story.ended) == (1000.0, 1009.0)


def test_who_is_called_for_him_outside_has_talked_to_him() -> None:
    """A manager's mobile: there is no card, and the call is not missed."""
    mobile = {
        "Call_Direction": "outbound",
        "Caller_Destination_Number": "89230000077",
        "Channel_Name": "sofia/trunk/89230000077@x",
        "Other_Type": "originator",
        "Other_Leg_Unique_ID": "client",
    }
    bridge = leg("client", "CHANNEL_BRIDGE", 1005, Bridge_A_Unique_ID="client", **CLIENT)
    bridge["Bridge-B-Unique-ID"] = "mobile"
    (story,) = stories_of(
        [
            leg("client", "CHANNEL_CREATE", 1000, **CLIENT),
            leg("mobile", "CHANNEL_CREATE", 1000, **mobile),
            leg("mobile", "CHANNEL_PROGRESS", 1001, **mobile),
            leg("mobile", "CHANNEL_ANSWER", 1005, **mobile),
            leg("client", "CHANNEL_ANSWER", 1005, **CLIENT),
            bridge,
            leg("mobile", "CHANNEL_HANGUP_COMPLETE", 1025),
            leg("client", "CHANNEL_HANGUP_COMPLETE", 1026),
        ]
    )
    (talk,) = story.talks
    assert (talk.extension, talk.name, story.unanswered, story.seconds) == ("", "89230000077", False, 20.0)


def test_recordings_belong_to_the_call_whichever_leg_is_recorded_and_whenever() -> None:
    feed = feed_of("inbound_answered")
    client, subscriber = feed[0].get("Unique-ID") or "", feed[1].get("Unique-ID") or ""
    early = leg(client, "RECORD_START", 1000, Record_File_Path="/rec/whole.wav", **CLIENT)
    late = {"Event-Name": "RECORD_START", "Unique-ID": subscriber, "Record-File-Path": "/rec/he.wav"}
    unheard = {"Event-Name": "RECORD_STOP", "Unique-ID": client, "Record-File-Path": "/rec/began-unheard.wav"}
    bridged = next(i for i, one in enumerate(feed) if one.get("Event-Name") == "CHANNEL_BRIDGE")
    later = [late, late, {**early, "Event-Name": "RECORD_STOP"}, unheard]
    (story,) = stories_of([feed[0], early, *feed[1 : bridged + 1], *later, *feed[bridged + 1 :]])
    assert story.recordings == ("/rec/whole.wav", "/rec/he.wav", "/rec/began-unheard.wav")


def test_who_is_parked_and_fetched_by_the_same_goes_on_talking() -> None:
    stories = Stories()
    begun = Conversation("call", "a", "89235292926", "244", at=10.0)
    told: list[CallEvent] = [begun, Parted("call", "a", 20.0), Resumed("call", "b", "244", 50.0)]
    told += [HungUp("a", 21.0), HungUp("call", 60.0, "NORMAL_CLEARING")]
    story = [stories.heard(one) for one in told][-1]
    assert story is not None
    assert [(talk.at, talk.until) for talk in story.talks] == [(10.0, 20.0), (50.0, 60.0)]
    assert (story.seconds, len(stories)) == (50.0, 0)


def test_two_doors_that_tell_the_same_make_one_talk() -> None:
    stories = Stories()
    begun = Conversation("call", "a", "89235292926", "244", at=10.0)
    for one in (begun, replace(begun, at=0.0)):
        story = stories.heard(one)
    assert story is not None
    assert len(story.talks) == 1


uuids = st.sampled_from(["a", "b", "c", "d"])
times = st.floats(0, 1e10)
happenings: st.SearchStrategy[CallEvent] = st.one_of(
    st.builds(Began, uuids, uuids, st.just("1"), asked_by=uuids | st.just(""), at=times),
    st.builds(Conversation, uuids, uuids, st.just("1"), uuids, ringing=st.booleans(), at=times),
    st.builds(Unidentified, uuids, uuids, st.just("1"), uuids, uuids, times),
    st.builds(TalksOutside, uuids, uuids, uuids, times),
    st.builds(Parted, uuids, uuids, times),
    st.builds(Resumed, uuids, uuids, uuids, times),
    st.builds(Recorded, uuids, uuids),
    st.builds(HungUp, uuids, times),
)


@given(st.lists(happenings, max_size=60))
def test_whatever_is_told_in_whatever_order_nothing_is_kept_of_calls_that_are_over(
    told: list[CallEvent],
) -> None:
    stories = Stories(3)
    for one in told:
        story = stories.heard(one)
        assert len(stories) <= 3
        assert story is None or len(story.talks) <= MAX_PARTS
        assert set(stories._call_of.values()) <= set(stories._stories)


def test_ten_thousand_stories_are_small() -> None:
    stories = Stories()
    for i in range(100):
        call = f"{i:08d}-0000-4000-8000-000000000000"
        stories.heard(Began(call, call, "89235292926", "74951234567", at=1e9 + i))
        for n in range(3):
            leg_uuid = f"{n}{call[1:]}"
            stories.heard(Conversation(call, leg_uuid, "89235292926", "244", ringing=True, at=1e9))
        story = stories.heard(Conversation(call, leg_uuid, "89235292926", "244", at=1e9))
    assert story is not None
    parts: list[Ring | Talk | Story] = [*story.rings, *story.talks, story]
    values = [getattr(part, name) for part in parts for name in part._fields]
    assert sum(map(sys.getsizeof, [*parts, *values])) < 3000  # of 30 MB for ten thousand
