"""What `fs-1c journal` prints: sentences that say why, lines that can be searched, and nothing a terminal
obeys.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from fs_1c import routing
from fs_1c.call import Call, Caller, Conversation, Failure, Outcome, Result, ScreenPop, Source
from fs_1c.channel import plain
from fs_1c.cli.journal import run
from fs_1c.journal import entries as journal_entries
from fs_1c.journal.contract import to_json
from fs_1c.journal.entries import CallEntry, DecisionEntry, PopEntry
from fs_1c.journal.reading import calls
from fs_1c.journal.report import HEADINGS, listing, story
from fs_1c.journal.writer import Journal
from fs_1c.numbers import Number, NumberPlan
from fs_1c.settings import JournalSettings, RoutingSettings
from fs_1c.settings.routing import CategoryRule
from tests.world import settings_for

PLAN = NumberPlan()
SETTINGS = settings_for("http://127.0.0.1:9/ws")
E164 = "+79235292926"
AT = 1714564800.0  # 2024-05-01 12:00:00 UTC
FOUND = Caller(
    *(Number(E164, "89235292926"), Result.FOUND, "89235292926", "Фэйковый чиж", "VIP", "244", Source.ONEC),
    took=0.125,
    onec_took=0.118,
)
POLICY = RoutingSettings(
    then=("user/100@{domain}",), category=(CategoryRule(**{"is": "Долг", "then": ("user/300@{domain}",)}),)
)
HOSTILE = "\x1b[31m\x9b2J\u202e[bold]:warning:[/]\r\n2024 \0\x07\ud800\u2028"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Novosibirsk: +07:00."""
    monkeypatch.setenv("TZ", "NOVT-7")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def decided(caller: Caller = FOUND, **more: Any) -> DecisionEntry:
    """What the journal keeps of a call that is routed by `POLICY`."""
    call = Call("call-1", "89235292926", destination="83832000000", base="sales", domain="pbx")
    with freeze_time("2024-05-01 12:00:00", tick=False):
        decision = routing.decide(call, caller, POLICY, PLAN)
        return journal_entries.of_decision(decision, True, AT)._replace(at=AT, **more)


def popped(outcome: Outcome = Outcome.ACCEPTED, error: Failure | None = None, **more: Any) -> PopEntry:
    talk = Conversation("call-1", "leg-1", E164, "244", key="K3Y")
    with freeze_time("2024-05-01 12:00:05", tick=False):
        return journal_entries.of_pop(talk, ScreenPop(outcome, 0.045, error), AT)._replace(at=AT + 5, **more)


def entry(*rows: DecisionEntry | PopEntry, call: str = "call-1", number: str = E164) -> CallEntry:
    decisions = tuple(row for row in rows if isinstance(row, DecisionEntry))
    return CallEntry(AT, call, number, decisions, tuple(row for row in rows if isinstance(row, PopEntry)))


def told(*rows: DecisionEntry | PopEntry) -> str:
    return "\n".join(story(entry(*rows)))


DECIDED, POPPED = decided(), popped()

# One call.


def test_the_whole_story() -> None:
    assert story(entry(decided(), popped())) == [
        "Call call-1",
        "",
        "2024-05-01 19:00:00  +79235292926 called 83832000000 (base sales).",
        "1C (asked as 89235292926) knows the client: Фэйковый чиж; category VIP, manager 244.",
        "1C took 118 ms. The caller waited 125 ms.",
        "Sent to [progress_timeout=3,leg_timeout=20]user/244@pbx|user/100@pbx: to the client's manager "
        "244, then to whom the settings let follow.",
        "",
        "2024-05-01 19:00:05  Extension 244 began to talk to the client.",
        "Card accepted by 1C in 45 ms. It says «accepted», never «shown»: if none opened, was 244's 1C "
        "running, and is the key his in 1C?",
    ]


@pytest.mark.parametrize(
    ("result", "error", "words"),
    [
        (Result.UNKNOWN, None, "knows no such client"),
        (Result.SKIPPED, Failure("skipped", "withheld"), "1C was not asked: the number is withheld."),
        (Result.LATE, Failure("late", "no answer within 800 ms"), "was late: no answer within 800 ms"),
        (Result.FAILED, Failure("unauthorized", "HTTP 401"), "gave no answer: unauthorized: HTTP 401."),
        (
            Result.FAILED,
            Failure("not-understood", "1C answers something that is not understood: JSON with a"),
            "something that is not understood: JSON with a (asked as 89235292926). So nobody knows",
        ),
        (Result.FAILED, Failure("down", "1C counts as down"), "1C was not asked: 1C counts as down."),
    ],
)
def test_no_answer(result: Result, error: Failure | None, words: str) -> None:
    caller = Caller(Number(E164, E164), result, "89235292926", took=0.8, error=error)
    text = told(decided(caller))
    assert words in text
    assert "Sent to the dialplan's own target: " in text
    assert ("The caller waited 800 ms." in text) is (result is not Result.SKIPPED)


def test_every_result_has_words_of_its_own() -> None:
    said = {story(entry(decided(replace(FOUND, result=result))))[3].split(":")[0] for result in Result}
    assert len(said) == len(Result)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Source.CACHE, "remembered; 1C was not asked"),
        (Source.STALE, "no longer fresh"),
        (Source.SHARED, "Another switch had asked"),
    ],
)
def test_where_the_answer_came_from(source: Source, words: str) -> None:
    text = told(decided(replace(FOUND, source=source, onec_took=None, took=0.0004)))
    assert words in text
    assert "1C took" not in text
    assert "The caller waited 0 ms." in text


@pytest.mark.parametrize(
    ("manager", "category", "words"),
    [
        ("244", "VIP", "user/100@pbx: to the client's manager 244, then to whom the settings let follow."),
        ("244", "Долг", "user/300@pbx: to the client's manager 244, then"),
        ("", "Долг", "Sent to user/300@pbx: by the rule for category Долг; 1C names no manager."),
        ("Иванов", "Долг", "by the rule for category Долг; manager Иванов is no extension, nor a number"),
        ("Иванов", "", "Sent to the dialplan's own target: manager Иванов is no extension, nor a number"),
        ("+79130000000", "", "Sent to the dialplan's own target: manager +79130000000 is no extension"),
        ("", "", "Sent to the dialplan's own target: 1C names no manager."),
        ("0", "", "Sent to the dialplan's own target: 1C names no manager."),
    ],
)
def test_why_the_call_went_there(manager: str, category: str, words: str) -> None:
    assert words in told(decided(replace(FOUND, manager=manager, category=category)))


def test_a_name_that_is_not_kept() -> None:
    assert "knows the client: its name is not kept here;" in told(decided(title=None))
    assert "knows the client: no name;" in told(decided(title=""))


@pytest.mark.parametrize(
    ("outcome", "error", "words"),
    [
        (Outcome.REJECTED, Failure("rejected", "1C did not answer 1"), "did not accept it (rejected: 1C did"),
        (Outcome.FAILED, Failure("unreachable", "refused"), "surely did not reach 1C (unreachable: refused)"),
        (
            Outcome.UNKNOWN,
            Failure("timeout", "none in 5 s"),
            "never sent again, since 1C would open a second",
        ),
        (Outcome.NO_KEY, Failure("no-key", "none"), "extension 244 has no key. Give it the one by which 1C"),
        (Outcome.SKIPPED, Failure("skipped", "withheld"), "no number that 1C could show (withheld)"),
        (
            Outcome.TOO_LATE,
            Failure("over", "the conversation had ended"),
            "for as long as it was of use (over: the conversation had ended)",
        ),
        (Outcome.ELSEWHERE, Failure("elsewhere", "told"), "another service, or this one before it was"),
    ],
)
def test_why_no_card(outcome: Outcome, error: Failure, words: str) -> None:
    text = told(decided(), popped(outcome, error))
    assert words in text
    assert "card:" in text
    assert "accepted" not in text


def test_every_outcome_has_words_of_its_own() -> None:
    texts = [told(popped(outcome)) for outcome in Outcome]
    assert len(set(texts)) == len(Outcome)
    assert not [text for text in texts if "Outcome: " in text]
    assert "Outcome: shown" in told(popped()._replace(outcome="shown"))  # of a version to come


@pytest.mark.parametrize(
    ("outgoing", "ringing", "words"),
    [
        (False, False, "Extension 244 began to talk to the client."),
        (False, True, "Extension 244 was rung for the client."),
        (True, False, "Extension 244 had called the client, who answered."),
        (True, True, "Extension 244 rang the client."),
    ],
)
def test_what_the_subscriber_did(outgoing: bool, ringing: bool, words: str) -> None:
    assert words in told(popped(outgoing=outgoing, ringing=ringing))


def test_a_conversation_that_was_heard_of_later() -> None:
    assert "(heard of 12000 ms after it began)" in told(popped(age=12.0))
    assert "heard of" not in told(popped(age=0.2))


def test_nobody_answered_and_nobody_asked() -> None:
    assert "no subscriber has talked to the client" in told(decided())
    assert "no subscriber" not in told(decided(), popped())
    text = told(popped())
    assert "+79235292926 was on the line." in text
    assert "it did not pass a door that decides" in text
    withheld = story(entry(decided()._replace(number=""), number=""))
    assert (
        "2024-05-01 19:00:00  Somebody who withheld his number called 83832000000 (base sales)." in withheld
    )


# Many.


def test_a_line_for_each_call() -> None:
    long = entry(decided(title="Ы" * 60), *(popped(extension=str(i)) for i in range(100, 105)), call="call-2")
    unasked = entry(popped(Outcome.NO_KEY), call="call-3", number="")
    lines = listing([entry(decided(), popped()), long, unasked])
    assert [line.split("  ")[0] for line in lines[1:]] == ["2024-05-01 19:00:00"] * 3
    columns = [lines[0].index(heading) for heading in HEADINGS]
    for line in lines[1:]:
        assert all(line[column - 1] == " " and line[column] != " " for column in columns[1:])
    assert [line.split()[-1] for line in lines[1:]] == ["call-1", "call-2", "call-3"]
    assert "+79235292926  Фэйковый чиж" in lines[1]
    assert "found 125 ms" in lines[1]
    assert "  244 accepted  " in lines[1]
    assert f"  {'Ы' * 39}…  " in lines[2]
    assert "100 accepted, 101 accepted, 102 accepte…" in lines[2]
    assert "withheld" in lines[3]
    assert "244 no key" in lines[3]


def test_wide_letters_take_two_columns() -> None:
    lines = listing([entry(decided(title="株式会社")), entry(decided(title="OOO"))])
    assert cell_len(lines[1]) == cell_len(lines[2])


# Machines.


def test_json() -> None:
    [one] = json.loads(
        to_json([entry(decided(), popped(Outcome.FAILED, Failure("unreachable", "refused"), age=0.5))])
    )
    assert one == {
        "call": "call-1",
        "when": "2024-05-01T19:00:00.000+07:00",
        "number": E164,
        "decisions": [
            {
                "when": "2024-05-01T19:00:00.000+07:00",
                "number": E164,
                "asked_as": "89235292926",
                "destination": "83832000000",
                "base": "sales",
                "result": "found",
                "source": "1c",
                "title": "Фэйковый чиж",
                "category": "VIP",
                "manager": "244",
                "target": "[progress_timeout=3,leg_timeout=20]user/244@pbx|user/100@pbx",
                "took_ms": 125.0,
                "onec_took_ms": 118.0,
                "error": None,
                "why": "",
            }
        ],
        "pops": [
            {
                "when": "2024-05-01T19:00:05.000+07:00",
                "leg": "leg-1",
                "number": E164,
                "extension": "244",
                "outgoing": False,
                "ringing": False,
                "switch": None,
                "outcome": "failed",
                "took_ms": 45.0,
                "age_ms": 500.0,
                "by": None,
                "error": {"kind": "unreachable", "message": "refused"},
            }
        ],
        "talks": [],
        "ends": [],
        "told": [],
    }
    assert to_json([]) == "[]"


# Terminals.


@given(st.text(st.characters(), max_size=60))
def test_no_text_reaches_a_terminal_but_as_letters(text: str) -> None:
    everywhere: dict[str, Any] = dict.fromkeys(
        ("destination", "asked_as", "base", "category", "manager"), text
    )
    wrong: dict[str, Any] = {"error_kind": text, "error": text}
    one = entry(
        DECIDED._replace(title=text, target=text, **everywhere, **wrong),
        POPPED._replace(extension=text, outcome=text, **wrong),
        POPPED._replace(extension=text, **wrong),
        call=text,
        number=text,
    )
    for line in (*story(one), *listing([one]), to_json([one]), plain(text)):
        assert line.isprintable()
    assert len(listing([one])) == 2
    [again] = json.loads(to_json([one]))
    assert again["call"] == again["decisions"][0]["title"] == again["pops"][0]["extension"] == text


@pytest.mark.parametrize(
    ("asked", "lines"),
    [({}, 3), ({"call": "call-1"}, 9), ({"as_json": True}, 1)],
    ids=["list", "one", "json"],
)
def test_neither_escapes_nor_markup_are_obeyed(asked: dict[str, Any], lines: int, kept: Path) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=60)
    assert run(kept, SETTINGS, console=console, **asked) == 0
    shown = screen.getvalue()
    assert all(line.isprintable() for line in shown.split("\n"))
    assert "[bold]:warning:[/]" in shown
    assert shown.count("\n") == lines


# All of it.


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A journal of two calls, of which the first has a client with a name to beware of."""
    file = tmp_path / "journal.db"
    with closing(Journal(file, JournalSettings(), PLAN)) as writer:
        for uuid, title, number in (("call-1", HOSTILE, E164), ("call-2", "Ромашка", "+74951234567")):
            call = Call(uuid, number, domain="pbx")
            caller = replace(FOUND, title=title, number=Number(number, number))
            writer.decided(routing.decide(call, caller, POLICY, PLAN))
            writer.popped(Conversation(uuid, "leg", number, "244"), ScreenPop(Outcome.ACCEPTED, 0.045))
    assert len(calls(file)) == 2
    return file


def shown(file: Path, **asked: Any) -> tuple[int, list[str]]:
    screen = io.StringIO()
    code = run(
        file, SETTINGS, console=Console(file=screen, width=60, highlight=False, soft_wrap=True), **asked
    )
    return code, screen.getvalue().splitlines()


def test_the_command(kept: Path) -> None:
    code, lines = shown(kept)
    assert (code, len(lines)) == (0, 3)
    code, lines = shown(kept, number="8 (495) 123-45-67")
    assert (code, len(lines)) == (0, 2)
    assert lines[1].endswith("call-2")
    code, lines = shown(kept, call="call-2")
    assert (code, lines[0]) == (0, "Call call-2")
    assert any("Ромашка" in line and len(line) > 60 for line in lines)  # no line is broken
    code, lines = shown(kept, number="84951234567", limit=1)
    assert (code, lines[0]) == (0, "Call call-2")
    code, lines = shown(kept, number="84951234567", as_json=True)
    assert (code, [one["call"] for one in json.loads(lines[0])]) == (0, ["call-2"])


def test_the_command_when_there_is_nothing(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(kept, call="no\x1b") == (0, ["The journal knows no call no\\x1b."])
    assert shown(kept, number="83830000000") == (0, ["The journal knows no call of +73830000000."])
    assert shown(kept, call="no", as_json=True) == (0, ["[]"])
    assert shown(tmp_path / "other.db") == (1, [])
    assert capsys.readouterr().err == f"{tmp_path}/other.db: there is no journal yet\n"
