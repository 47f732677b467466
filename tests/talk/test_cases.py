"""Inputs from odd trunks, softphones and restarts, each with what is right: tests/data/cases/switch (events
and dumps of a FreeSWITCH 1.10.12), tests/data/cases/phones (recordings with real softphones, what happened).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from fs_1c.call import Conversation, Unidentified
from fs_1c.numbers import Number, NumberPlan, read
from fs_1c.talk import Conversations, Event
from tests.recordings import DATA, parse

SWITCH, PHONES = DATA / "cases" / "switch", DATA / "cases" / "phones"
PLAN = NumberPlan()
EXPECTED = {path.parent.name: json.loads(path.read_text()) for path in SWITCH.glob("*/expected.json")}
RIGHT = sorted((PHONES / "right").glob("*.esl"))
# In these a dialplan lost the client, or sent him elsewhere: of what was left, this is right. For dialplans
# that keep him see tests/freeswitch.
LOST = {
    "04_outside_and_back": ["89235292926 K244"],
    "08h_302_to_busy_245": [],
    "08l_group_member_redirects": ["84950000001 K243"],
    "11_pickup_stock": [],
    "13e_valet_sync_as_shipped": ["89235292926 K244"],
}
WRONG = sorted((PHONES / "wrong").glob("*.esl"))
CONTACT = "m9n8b7v6@127.0.0.1:46898"


def told(feed: Iterable[Event], conversations: Conversations | None = None) -> list[Conversation]:
    conversations = Conversations(PLAN) if conversations is None else conversations
    found = [told for event in feed for told in conversations.feed(event)]
    return [one for one in found if isinstance(one, Conversation)]


def shown(found: Iterable[Conversation], *, rings: bool) -> list[list[str]]:
    """Number, extension, ring or talk; without the telephones that ring, if these are not asked for."""
    return [
        [one.number, one.extension, "ring" if one.ringing else "talk"]
        for one in found
        if rings or not one.ringing
    ]


def case(name: str) -> list[dict[str, str]]:
    file = SWITCH / name / f"{EXPECTED[name]['feed']}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()]


def wanted(name: str) -> list[list[str]]:
    return [row[:3] for row in EXPECTED[name]["want"]]


@pytest.mark.parametrize("name", sorted(EXPECTED.keys() - {"conference", "contact_of_letters"}))
def test_a_case(name: str) -> None:
    rings = any(row[2] == "ring" for row in wanted(name))
    found = told(case(name))
    directions = {row[1]: row[3] for row in EXPECTED[name]["want"]}
    wrong = [one for one in found if directions.get(one.extension) == "in" and one.outgoing]
    assert not wrong
    # A subscriber who has called the client himself has a card only if that is wanted.
    assert shown([one for one in found if not one.outgoing], rings=rings) == wanted(name)


def joins(uuid: str) -> dict[str, str]:
    return {
        "Event-Name": "CUSTOM",
        "Event-Subclass": "conference::maintenance",
        "Action": "add-member",
        "Conference-Name": "3001",
        "Conference-Unique-ID": "c1",
        "Unique-ID": uuid,
    }


def test_who_meet_in_a_conference() -> None:
    """There is no bridge: mod_conference tells of its members."""
    feed = case("conference")
    conversations = Conversations(PLAN)
    assert told(feed, conversations) == []
    client, subscriber = (one["Unique-ID"] for one in feed if one["Event-Name"] == "CHANNEL_CREATE")
    assert told([joins(client)], conversations) == []
    assert shown(told([joins(subscriber)], conversations), rings=True) == wanted("conference")
    leaves = {**joins(subscriber), "Action": "del-member"}
    assert told([joins(subscriber), leaves, joins(subscriber)], conversations) == []  # once


def test_a_client_who_comes_last_meets_each_who_is_there() -> None:
    conversations = Conversations(PLAN)
    legs = {"a": "244", "b": "245", "client": "89235292926"}
    for uuid, number in legs.items():
        about = {"Unique-ID": uuid, "Call-Direction": "inbound", "Caller-Caller-ID-Number": number}
        for event in ("CHANNEL_CREATE", "CHANNEL_ANSWER"):
            conversations.feed({"Event-Name": event, **about})
    found = told([joins("a"), joins("b"), joins("client")], conversations)
    assert [one.extension for one in found] == ["244", "245"]


@pytest.mark.parametrize("how", ["event", "listed"])
def test_whose_a_contact_of_letters_is_the_registrar_knows(how: str) -> None:
    conversations = Conversations(PLAN)
    registered = {
        "Event-Name": "CUSTOM",
        "Event-Subclass": "sofia::register",
        "from-user": "2442",
        "to-user": "2442",
        "contact": f'"2442" <sip:{CONTACT};transport=udp>',
    }
    if how == "event":
        conversations.feed(registered)
    else:
        conversations.contacts.registered(f"sofia/internal/sip:{CONTACT};fs_nat=yes", "2442")
    assert shown(told(case("contact_of_letters"), conversations), rings=False) == wanted("contact_of_letters")
    conversations.feed({**registered, "Event-Subclass": "sofia::unregister"})
    assert conversations.contacts.whose(CONTACT) is None


def test_of_whom_it_cannot_be_told_who_he_is_that_is_told() -> None:
    conversations = Conversations(PLAN)
    found = [told for event in case("contact_of_letters") for told in conversations.feed(event)]
    (unknown,) = (one for one in found if isinstance(one, Unidentified))
    assert (unknown.number, unknown.name) == ("89235292926", "m9n8b7v6")
    assert unknown.why == "neither m9n8b7v6 is an extension or has a key"


def recorded(path: Path) -> list[Event]:
    parsed = parse(path.read_bytes())
    return [message.event() for message in parsed if message.content_type == "text/event-plain"]


def cards(path: Path) -> list[str]:
    """As the .txt beside a recording has them: number and key."""
    found = told(recorded(path))
    return [f"{one.number} K{one.extension}" for one in found if not one.ringing]


def right(path: Path) -> list[str]:
    found = re.search(r"^want (\[.*?\]) got", path.with_suffix(".txt").read_text(), re.MULTILINE)
    assert found
    return [str(one) for one in json.loads(found[1].replace("'", '"'))]


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_a_recording_with_real_phones(path: Path) -> None:
    assert cards(path) == right(path)


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_recording_that_was_told_wrongly(path: Path) -> None:
    if path.stem == "26_number_alias_246_is_petrov":  # whose key is that of his alias, the directory is asked
        assert cards(path) == ["89230000002 Kpetrov"]
    else:
        assert cards(path) == LOST.get(path.stem, right(path))


def dump(path: Path) -> dict[str, str]:
    message = parse(
        b"Content-Type: text/event-plain\nContent-Length: %d\n\n" % path.stat().st_size + path.read_bytes()
    )
    return {name: message[0].event().get(name) or "" for name in message[0].event().names()}


@pytest.mark.parametrize("backwards", [False, True])
def test_a_parked_client_who_was_fetched_after_a_restart(backwards: bool) -> None:
    dumps = sorted((PHONES / "wrong").glob("dump_20e_*.txt"), reverse=backwards)
    assert len(dumps) == 2
    assert shown(told(dump(path) for path in dumps), rings=True) == [["89235292926", "243", "talk"]]


@pytest.mark.parametrize("line", (SWITCH / "number_forms" / "numbers.txt").read_text().splitlines())
def test_a_number_as_trunks_write_it(line: str) -> None:
    written, e164 = line.split("\t")
    number = read(written, PLAN)
    assert isinstance(number, Number)
    assert number.e164 == e164


def leg(**more: str) -> dict[str, str]:
    return {"Unique-ID": "client", "Call-Direction": "inbound", **more}


def calls(subscriber: Mapping[str, str] | None = None, /, **client: str) -> list[Event]:
    """A client is answered by a subscriber; headers of either are given."""
    theirs = {
        "Unique-ID": "leg",
        "Call-Direction": "outbound",
        "variable_dialed_user": "244",
        "Other-Type": "originator",
        "Other-Leg-Unique-ID": "client",
        **(subscriber or {}),
    }
    ours = leg(**client)
    bridge = {"Bridge-A-Unique-ID": "client", "Bridge-B-Unique-ID": "leg", "Answer-State": "answered"}
    return [
        {"Event-Name": "CHANNEL_CREATE", **ours},
        {"Event-Name": "CHANNEL_CREATE", **theirs},
        {"Event-Name": "CHANNEL_ANSWER", **theirs},
        {"Event-Name": "CHANNEL_ANSWER", **ours},
        {"Event-Name": "CHANNEL_BRIDGE", **ours, **bridge},
    ]


OURS = {"Caller-Caller-ID-Number": "roistat", "Caller-Orig-Caller-ID-Number": "roistat"}
LINE = {"Caller-Caller-ID-Number": "74951234567", "Caller-Orig-Caller-ID-Number": "74951234567"}
DIALLED = {"Caller-Destination-Number": "74951234567"}


@pytest.mark.parametrize(
    ("client", "number"),
    [
        ({**OURS, "variable_fs_1c_caller": "89235292926"}, "89235292926"),
        ({**OURS, "variable_effective_caller_id_number": "+79235292926"}, "+79235292926"),
        ({**LINE, "variable_effective_caller_id_number": "+79235292926"}, "+79235292926"),
        ({**LINE, "variable_fs_1c_number": "+79235292926"}, "+79235292926"),
        (
            {**OURS, "variable_fs_1c_number": "+79235292926", "Caller-Caller-ID-Number": "89235292926"},
            "89235292926",
        ),
        # A company shows its own number to its own mobiles: that mends nothing.
        (
            {"Caller-Caller-ID-Number": "89235292926", "variable_effective_caller_id_number": "84951234567"}
            | DIALLED,
            "89235292926",
        ),
        ({**OURS, "variable_effective_caller_id_number": "244"}, "roistat"),
        # Shown as the colleague whom he was handed to.
        ({"Caller-Caller-ID-Number": "245", "Caller-Orig-Caller-ID-Number": "89235292926"}, "89235292926"),
        # The account of a trunk is short, and its dialplan knows better.
        ({"Caller-Caller-ID-Number": "1001", "variable_fs_1c_caller": "89235292926"}, "89235292926"),
        ({"Caller-Caller-ID-Number": "89235292926", "Caller-Privacy-Hide-Number": "true"}, ""),
    ],
)
def test_the_number_is_what_the_dialplan_has_mended_it_to(client: dict[str, str], number: str) -> None:
    (found,) = told(calls(**client))
    assert (found.number, found.extension, found.outgoing) == (number, "244", False)


@pytest.mark.parametrize(
    ("subscriber", "extension"),
    [
        ({"variable_user_name": "245"}, "245"),
        ({"variable_dialed_user": "", "Channel-Presence-ID": "244@pbx.example"}, "244"),
        (
            {
                "variable_dialed_user": "",
                "variable_dialed_extension": "244",
                "Channel-Name": "sofia/internal/xq7@h",
            },
            "244",
        ),
        ({"variable_dialed_user": "", "Channel-Name": "sofia/internal/244%pbx.example"}, "244"),
        ({"variable_dialed_user": "", "Channel-Name": "sofia/internal/sip:244@10.0.0.5:5060"}, "244"),
        ({"variable_dialed_user": "", "Channel-Name": "sofia/internal/244-0x55ba5a81f450@10.0.0.5"}, "244"),
        ({"variable_dialed_user": "", "Channel-Name": "verto.rtc/244"}, "244"),
        ({"variable_dialed_user": "", "Caller-Destination-Number": "244"}, "244"),
        # It has dialled 245 itself meanwhile.
        (
            {
                "variable_dialed_user": "245",
                "variable_originated_legs": "x;y;245",
                "Channel-Name": "sofia/i/244@h",
            },
            "244",
        ),
        ({"variable_dialed_user": "ivanov"}, "ivanov"),
    ],
)
def test_a_subscriber_is_who_he_logged_in_as_else_who_was_dialled(
    subscriber: dict[str, str], extension: str
) -> None:
    (found,) = told(calls(subscriber, **{"Caller-Caller-ID-Number": "89235292926"}))
    assert (found.number, found.extension) == ("89235292926", extension)


def test_a_login_of_letters_is_a_subscriber_if_he_has_a_key() -> None:
    named = {"Caller-Caller-ID-Number": "ivanov", "variable_user_name": "ivanov"}
    feed = [
        {"Event-Name": "CHANNEL_CREATE", **leg(**named)},
        {"Event-Name": "CHANNEL_ANSWER", **leg(**named)},
        {
            "Event-Name": "CHANNEL_CREATE",
            "Unique-ID": "out",
            "Call-Direction": "outbound",
            "Channel-Name": "sofia/external/89235292926",
            "Other-Type": "originator",
            "Other-Leg-Unique-ID": "client",
        },
        {"Event-Name": "CHANNEL_ANSWER", "Unique-ID": "out"},
        {
            "Event-Name": "CHANNEL_BRIDGE",
            **leg(**named),
            "Bridge-A-Unique-ID": "client",
            "Bridge-B-Unique-ID": "out",
        },
    ]
    (found,) = told(feed, Conversations(PLAN, {"ivanov"}.__contains__))
    assert (found.number, found.extension, found.outgoing) == ("89235292926", "ivanov", True)
    assert told(feed) == []


@pytest.mark.parametrize(
    ("dialled", "sent", "number"),
    [
        ("89235292926", "777789235292926", "89235292926"),
        ("89235292926", "79235292926", "79235292926"),  # the same, as the trunk wants it
        ("*01", "89235292926", "89235292926"),  # no number
    ],
)
def test_a_client_who_was_called_has_the_number_that_was_dialled(
    dialled: str, sent: str, number: str
) -> None:
    """For a trunk may want digits before it."""
    caller = {"Caller-Caller-ID-Number": "244", "Caller-Destination-Number": dialled}
    called = {"Channel-Name": f"sofia/external/{sent}", "variable_dialed_user": ""}
    (found,) = told(calls(called, **caller))
    assert (found.number, found.extension, found.outgoing) == (number, "244", True)
