"""The name that a phone shows, in the letters that it can show."""

from __future__ import annotations

import pytest

from fs_1c.call import Call, Caller, Result
from fs_1c.numbers import NumberPlan
from fs_1c.routing import decide
from fs_1c.routing.name import latin
from fs_1c.settings import RoutingSettings
from fs_1c.settings.routing import NameShown


def variables(how: str, title: str = "Фэйковый чиж", name: str = "") -> dict[str, str]:
    result = Result.FOUND if title else Result.UNKNOWN
    decision = decide(
        Call("uuid-1", "89235292926", name),
        Caller(None, result, title=title),
        RoutingSettings(name=NameShown(how)),
        NumberPlan(),
    )
    assert decision.caller.title == title, "the journal and the page have it as 1C wrote it"
    return dict(decision.variables)


@pytest.mark.parametrize(
    ("how", "shown"), [("as-is", "Фэйковый чиж"), ("latin", "Feykovyy chizh"), ("off", None)]
)
def test_the_phone_shows_what_is_asked_for(how: str, shown: str | None) -> None:
    told = variables(how)
    assert told.get("effective_caller_id_name") == shown
    assert told["fs_1c_title"] == "Фэйковый чиж", "the dialplan has it as 1C wrote it"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("ООО «Ромашка»", "OOO Romashka"),
        ('ЗАО "Объезд"', "ZAO Obezd"),  # ъ and ь would come as quotes
        ("Мельник, Щукин; 5%", "Melnik Shchukin 5"),
        ("№ 5 — ½ €", "No 5 1-2 EUR"),
        ("Қайрат Әлиев", "Qayrat Aliev"),
        ("Հայաստան", "Hayastan"),
        ("Ёлкин", "Elkin"),
        ("Андреи\u0306", "Andrey"),
        ("＄｛system(id)｝", "system id"),  # harmless as it is, code in Latin
        ("Smith & Co", "Smith + Co"),
        ("Smith ＆ Co", "Smith + Co"),
        ("Ромашка (СПб) — #5", "Romashka SPb No5"),
        ("(-n) --x", "n x"),
        ("\u202e😀", "grinning"),
        ("«»", ""),
        ("ы" * 300, "y" * 100),
    ],
)
def test_what_becomes_of_a_name_in_latin(written: str, shown: str) -> None:
    assert latin(written) == shown


@pytest.mark.parametrize(
    ("how", "name", "shown"),
    [
        ("as-is", "Иван", None),
        ("latin", "Иван", "Ivan"),
        ("latin", "Ivan, O'Brien", None),
        ("latin", "${system(id)}", "system id"),
        ("off", "Иван", None),
        ("off", "${system(id)}", "‹system‹id››"),
    ],
)
def test_a_strangers_own_name(how: str, name: str, shown: str | None) -> None:
    assert variables(how, "", name).get("effective_caller_id_name") == shown


def test_with_off_the_callers_own_name_stays_and_is_harmless() -> None:
    assert "effective_caller_id_name" not in variables("off", name="Mobile")
    assert variables("off", name="${x}")["effective_caller_id_name"] == "‹x›"
