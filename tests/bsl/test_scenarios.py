"""The modules of the extension play calls: SayName, IncomingCall, the queue, the client, the job."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bsl.player import Broken
from tests.bsl.stand import SCENARIOS, Edit, ask, failures, lay_out, needs_oscript, run

pytestmark = needs_oscript

ASSERTIONS = {
    "say_name": 20,
    "incoming_call": 20,
    "client": 15,
    "queue": 15,
    "job": 8,
    "history": 80,
    "call": 24,
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(tmp_path: Path, scenario: str) -> None:
    lay_out(tmp_path)
    said = run(tmp_path, scenario)
    assert [line for line in said if not line.startswith("ok ")] == []
    assert len(said) >= ASSERTIONS[scenario]


BROKEN = {
    "a word of the language is missing": (Edit("ФС1С_Поиск", "КонецЕсли;", ""), "ФС1С_Поиск.os"),
    "a method that no module has": (
        Edit("ФС1С_Очередь", "ФС1С_Номера.Текст(", "ФС1С_Номера.Строкой("),
        "Строкой",
    ),
    "a field that the register lacks": (
        Edit("ФС1С_Поиск", "НомераКлиентов.Менеджер", "НомераКлиентов.Хозяин"),
        "Хозяин",
    ),
    "a register that is not there": (
        Edit("ФС1С_Очередь", "РегистрСведений.ФС1С_Абоненты", "РегистрСведений.Абоненты"),
        "Абоненты",
    ),
    "a parameter not set": (
        Edit("ФС1С_Поиск", 'УстановитьПараметр("Номер"', 'УстановитьПараметр("Телефон"'),
        "параметр",
    ),
    "a lock by what is no dimension": (
        Edit("ФС1С_Очередь", 'УстановитьЗначение("Пользователь"', 'УстановитьЗначение("Клиент"'),
        "0",
    ),
}


@pytest.mark.parametrize("edit, named", BROKEN.values(), ids=BROKEN)
def test_a_broken_module_is_noticed_and_named(tmp_path: Path, edit: Edit, named: str) -> None:
    lay_out(tmp_path, edit)
    found = failures(tmp_path, ["incoming_call"])
    assert found and any(named in each for each in found)


def test_a_question_nobody_knows_breaks(tmp_path: Path) -> None:
    lay_out(tmp_path)
    with pytest.raises(Broken, match="нет такого вопроса"):
        ask(tmp_path, ("Небывалое", ""))


def test_a_scenario_that_ends_onescript_breaks_and_the_next_is_played(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "end.os").write_text('Сообщить("до"); ЗавершитьРаботу(3);', "utf-8")
    with pytest.raises(Broken, match="до\nOneScript ended at end"):
        run(tmp_path, "end")
    assert len(run(tmp_path, "job")) >= ASSERTIONS["job"]
