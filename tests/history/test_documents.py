"""Every recorded call, told to a 1C word by word: the documents that it makes of them.

The history's words by its tables, the cards' own words (PREANSWER, ACCEPTED) where the cards say them, sent
by the client of the base in the order in which they come about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fs_1c.call import CallEvent, Conversation
from fs_1c.history.tables import Policy, Table, itoolabs, mobilon, owner, register
from fs_1c.numbers import Number, NumberFormat, read
from fs_1c.onec import CallState, Card, Client
from fs_1c.settings import DialectName, OneCSettings
from fs_1c.simulator.onec import OneCSimulator
from fs_1c.talk import Stories, Story
from tests.history.test_tables import happened
from tests.simulator.support import simulator
from tests.talk.test_story import PLAN, TOLD

TOKEN = {"crm_token": "rehearsal"}
# The base's dialect → the table of its words, how its number is written, settings of its own.
BASES: dict[str, tuple[Table, NumberFormat, dict[str, Any]]] = {
    "mobilon-2": (register, NumberFormat.EIGHT, {}),
    "mobilon-3": (mobilon, NumberFormat.EIGHT, {}),
    "itoolabs": (itoolabs, NumberFormat.SEVEN, TOKEN),
}


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest) -> Iterator[tuple[OneCSimulator, Client, str]]:
    name = request.param
    with simulator(dialect=name, sessions="autouse") as onec:
        client = Client(OneCSettings(url=onec.url, dialect=DialectName(name), **BASES[name][2]))
        yield onec, client, name
        client.close()


def tell(client: Client, dialect: str, recorded: list[CallEvent], policy: Policy) -> dict[str, Story]:
    """Tells a 1C of it all; the stories as they have ended, in order."""
    table, form, _ = BASES[dialect]
    stories, before = Stories(), dict[str, Story]()
    for event in recorded:
        if (story := stories.heard(event)) is None:
            continue
        call = story.call_uuid
        parsed = read(story.number, PLAN)
        number = parsed.written(form) if isinstance(parsed, Number) else story.number
        for said in table(before.get(call), event, story, policy, ""):
            client.tell(
                CallState(
                    said.state,
                    call,
                    number,
                    story.destination,
                    story.outgoing,
                    said.extension,
                    "KEY" if said.owner else "",
                    said.owner,
                    story.began,
                    story.began,
                    round(story.seconds),
                    story.answered,
                    f"https://pbx/{call}.wav" if story.answered else "",
                    said.once,
                )
            )
        if isinstance(event, Conversation) and not event.ringing and not event.outgoing:
            heir = owner(story, policy, "") == event.extension
            assert client.open_card(Card(number, "KEY", event.extension, call, event.at, owner=heir))
        before[call] = story
    return before


@pytest.mark.parametrize("name", TOLD)
def test_a_recorded_call_as_1c_has_it(base: tuple[OneCSimulator, Client, str], name: str) -> None:
    onec, client, dialect = base
    stories = tell(client, dialect, happened(name), Policy())
    documents = {document.call: document for document in onec.calls}
    assert set(documents) == set(stories)
    assert len(onec.calls) == len(documents)
    for call, story in stories.items():
        made = documents[call]
        assert made.number.endswith(story.number[-10:])
        assert made.outgoing == story.outgoing
        assert made.missed == story.unanswered
        assert made.answered == story.answered
        assert made.seconds == round(story.seconds)
        assert made.link == (f"https://pbx/{call}.wav" if story.answered else "")
        if dialect == "mobilon-3":
            assert made.reminders == (story.unanswered and bool(owner(story, Policy(), "")))
        if story.unanswered:
            heir = owner(story, Policy(), "")
            assert made.owners == ([heir] if heir and dialect != "itoolabs" else [])
            assert made.who in (*story.rang, story.destination, "")
        elif story.talked and story.talks[-1].extension.isdecimal():
            assert made.who == story.talks[-1].extension
