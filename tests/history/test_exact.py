"""All that 1C hears of each recorded call, its card among it: what comes to it, word for word, from a
switch's events on. A base of each dialect that is told of calls, and both times at which a card may open.

What each recording is of: the two READMEs, and `tests/talk/test_story.py`, by which lengths and numbers here
are held to what the telephones did.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from fs_1c.call import CallEvent
from fs_1c.integration import Integration
from fs_1c.settings import build
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from fs_1c.simulator.onec.simulator import ReceivedRequest
from fs_1c.talk import Conversations
from tests.esl.test_dialogue import KNOWN, talk
from tests.history.exact import AT_A_RING, SAID
from tests.recordings import NAMES
from tests.support import until
from tests.talk.test_story import TOLD, feed_of

DIALECTS = ("mobilon-3", "itoolabs", "mobilon-2")
OUTBOUND = [name for name in NAMES if name.startswith("outbound")]
SUBSCRIBERS = "100 243 244 245 247 249 341 391 392 410 561 621 petrov"
KEYS = {one: f"key-{one}" for one in SUBSCRIBERS.split()}
PATIENCE = 60.0


@pytest.fixture(scope="module")
def patient() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fs_1c.history.sending.FOR_ORDER", PATIENCE)  # that a call began comes before its card
        yield


@pytest.fixture(
    scope="module", params=[(one, when) for one in DIALECTS for when in ("answer", "ring")], ids="-".join
)
def base(
    request: pytest.FixtureRequest, patient: None
) -> Iterator[tuple[OneCSimulator, Integration, str, str]]:
    dialect, when = request.param
    token = {"crm_token": "rehearsal"} if dialect == "itoolabs" else {}
    with OneCSimulator(OneCSimulatorSettings(port=0, dialect=dialect, sessions="autouse")) as onec:
        given: dict[str, Any] = {
            "onec": {"url": onec.url, "dialect": dialect, "keep_warm": "0s", **token},
            "history": {"enabled": True},
            "subscribers": {"keys": KEYS},
            "screenpop": {"when": when},
        }
        one = Integration(build(given))
        one.tell_history()
        yield onec, one, dialect, when
        one.close(PATIENCE)


def happened(name: str, integration: Integration) -> list[CallEvent]:
    if name in OUTBOUND:
        return [event for step in talk(name, **KNOWN)[1] for event in step.happened]
    people = integration.people
    conversations = Conversations(people.plan, people.has_key)
    return [told for event in feed_of(name) for told in conversations.feed(event)]


def all_told(integration: Integration) -> bool:
    assert integration.history is not None
    return not (integration._opening or integration.history.waiting() or integration._opening)


def heard(request: ReceivedRequest) -> tuple[str, str, str, str]:
    """What a request tells: of which call, whether its client has called (in) or was called (out), his
    number, and the rest in words. A card of mobilon-2 says nothing of its call.
    """
    told = request.parameters
    if "Data" in told:
        data = json.loads(told["Data"])
        way, sides = ("in", ("from", "to")) if data["direction"] == "incoming" else ("out", ("to", "from"))
        client, who = (data[side] for side in sides)
        owner = "*" if data.get("userkey") == f"key-{who}" or data.get("owner") == who else ""
        assert bool(owner) == bool(data.keys() & {"userkey", "owner"})
        words = f"{data['state']} {who}{owner}".strip()
        if "duration" in data:
            words += f" {data.get('callstatus', 'missed')} {data['duration']}"
        return data["uuid"], way, client, words
    if request.operation == "IncomingCall":
        return "", "", told["NumFrom"], f"IncomingCall {told['Key'].removeprefix('key-')}"
    if told["cmd"] == "history":
        words = f"history {told['ext']} {told['status']} {told['duration']}"
        return told["callid"], told["type"], told["phone"], words
    return told["callid"], "", told["phone"], f"{told['type']} {told['ext']} by {told.get('diversion')}"


def as_agreed(words: list[str]) -> list[str]:
    """That somebody talks and his card leave at the same moment, by two connections: either may come first.
    So may that the call began, where a card is no word of the call.
    """
    for _ in words:
        for i, (one, other) in enumerate(itertools.pairwise(words)):
            talks = one.startswith("ANSWER ") and other.rstrip("*") in (
                f"PRE{one}",
                f"IncomingCall {one[7:]}",
            )
            if talks or (one.startswith("IncomingCall ") and other.startswith("START")):
                words[i : i + 2] = other, one
    return words


def as_told(requests: tuple[ReceivedRequest, ...], name: str) -> str:
    """Each call's words, in order. Of all of them way, number and line are as they were on the telephones;
    the line is shown once.
    """
    calls: dict[str, list[str]] = {}
    clients: dict[str, str] = {}
    lines: dict[str, str] = {}
    for request in requests:
        if request.operation in ("SayName", "contact"):
            continue
        call, way, client, words = heard(request)
        call = call or next(one for one, number in clients.items() if number == client)
        said, by, line = words.partition(" by ")
        if by and lines.setdefault(call, line) == line:
            words = words.removesuffix(" by None") if call not in calls else said
        calls.setdefault(call, []).append(words)
        assert clients.setdefault(call, client) == client
        truth = TOLD.get(name, "89235292926 in")
        if not words.startswith("PREANSWER"):  # who is handed a client is shown him as one who calls
            assert f"{client[1:]} {way}" in truth
    return " | ".join("; ".join(as_agreed(words)) for words in calls.values())


def test_every_recording_is_here() -> None:
    assert sorted(SAID) == sorted([*TOLD, *OUTBOUND])
    assert set(AT_A_RING) < set(SAID)


@pytest.mark.parametrize("name", SAID)
def test_a_recorded_call(base: tuple[OneCSimulator, Integration, str, str], name: str) -> None:
    onec, integration, dialect, when = base
    before = len(onec.requests)
    for event in happened(name, integration):
        integration.happened(event, switch="sw")
        until(lambda: all_told(integration), PATIENCE)
    table = AT_A_RING.get(name, SAID[name]) if when == "ring" else SAID[name]
    assert as_told(onec.requests[before:], name) == table[DIALECTS.index(dialect)]
