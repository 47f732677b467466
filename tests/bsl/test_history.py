"""The same events told to the extension's module and to the simulator: both have the same of each call."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fs_1c.history.tables import Policy, register
from fs_1c.numbers import Number, NumberFormat, read
from fs_1c.onec import PRESETS, CallState
from fs_1c.settings import DialectName
from fs_1c.simulator.onec.calls import Calls, Document
from fs_1c.talk import Stories, Story
from tests.bsl.stand import ask, lay_out, needs_oscript
from tests.history.test_tables import happened
from tests.onec.test_dialects import sent
from tests.talk.test_story import PLAN, TOLD

pytestmark = needs_oscript

ZONE = timedelta(hours=7)  # the session's, in the stand


def simulated(data: list[str]) -> tuple[list[str], dict[str, Document]]:
    """What the simulator answers, and what it has then."""
    calls, answers = Calls(), []
    for one in data:
        try:
            calls.call_event({"Data": one})
            answers.append("1")
        except ValueError:
            answers.append("0")
    return answers, {document.call: document for document in calls.documents}


def as_a_row(call: Document) -> list[str]:
    flags = (call.outgoing, call.answered, call.missed, "END" in call.states)
    began = datetime.fromtimestamp(call.began, UTC) + ZONE
    return [
        *(call.number, call.line, call.who, "".join(call.owners), call.link),
        *(str(int(flag)) for flag in flags),
        *(str(call.seconds), began.strftime("%Y%m%d%H%M%S")),
    ]


def agree(stand: Path, data: list[str]) -> dict[str, Document]:
    """Tells both; the simulator's documents."""
    expected, documents = simulated(data)
    asked = [("CallEvent", one) for one in data] + [("История", call) for call in documents]
    answers = ask(stand, *asked)
    assert answers[: len(data)] == expected
    for call, row in zip(documents, answers[len(data) :], strict=True):
        assert row.split("\n") == as_a_row(documents[call]), [one for one in data if call in one]
    return documents


@pytest.fixture
def stand(tmp_path: Path) -> Path:
    lay_out(tmp_path / "stand")
    return tmp_path / "stand"


def words_of(name: str) -> list[str]:
    """What our own extension is told of a recorded call, as it is sent."""
    stories, before, data = Stories(), dict[str, Story](), []
    for event in happened(name):
        if (story := stories.heard(event)) is None:
            continue
        parsed = read(story.number, PLAN)
        number = parsed.written(NumberFormat.EIGHT) if isinstance(parsed, Number) else story.number
        for said in register(before.get(story.call_uuid), event, story, Policy(), ""):
            state = CallState(
                said.state,
                f"{name}-{story.call_uuid}"[-50:],
                number,
                story.destination,
                story.outgoing,
                said.extension,
                owner=said.owner,
                when=getattr(event, "at", 0.0) or story.began,
                began=story.began,
                seconds=round(story.seconds),
                answered=story.answered,
                link="https://pbx.example/1.wav" if story.answered else "",
            )
            request = PRESETS[DialectName.MOBILON_2].state(state)
            assert request is not None
            data.append(sent(request)[1]["Data"])
        before[story.call_uuid] = story
    return data


def test_every_recorded_call(stand: Path) -> None:
    documents = agree(stand, [one for name in TOLD for one in words_of(name)])
    assert len(documents) > 30
    assert {call.missed for call in documents.values()} == {True, False}


def test_the_same_told_in_any_order_and_more_than_once(stand: Path) -> None:
    """What is known of a call in the end does not depend on how it was told."""
    pick, told, last = random.Random(21), list[str](), {}
    for name in ("inbound_blind_transfer", "inbound_abandoned", "12b_outgoing_then_blind"):
        words = words_of(name)
        for turn in range(7):
            mixed = [*words, *pick.choices(words, k=3)]
            mixed = [json.dumps({**json.loads(one), "uuid": f"{name}-{turn}"}) for one in mixed]
            pick.shuffle(mixed)
            told += mixed
            last[f"{name}-{turn}"] = name
    documents = agree(stand, told)
    for name in set(last.values()):
        assert len({tuple(as_a_row(documents[call])) for call in last if last[call] == name}) == 1, name


ODD: list[Any] = [
    "",
    "x",
    0,
    -1,
    1.5,
    10**12,
    True,
    None,
    [],
    {},
    [1],
    "9" * 2000,
    "a\x00\x07b",
    " 244 ",
    244,
]


def test_whatever_else_comes(stand: Path) -> None:
    pick, told = random.Random(2), ["", "{", "[]", "1", "null", "{}"]
    names = "uuid state direction from to time began line duration callstatus owner recordUrl".split()
    for turn in range(150):
        event: dict[str, Any] = {
            "uuid": f"call-{turn % 30}",
            "state": pick.choice(["START", "ANSWER", "END", "RING"]),
            "direction": pick.choice(["incoming", "external"]),
            "from": "89235292926",
            "to": "244",
            "time": 1795426355 + pick.randrange(100),
            "began": 1795426350,
        }
        for name in pick.sample(names, pick.randrange(4)):
            odd = pick.choice(ODD)
            event[name] = 1 if isinstance(odd, float) and name not in ("time", "began", "duration") else odd
        if not any(isinstance(event[name], int) and event[name] > 10**9 for name in ("time", "began")):
            event["began"] = 1795426350  # or it is now, and the clocks differ
        told.append(json.dumps(event, ensure_ascii=False))
    agree(stand, told)
