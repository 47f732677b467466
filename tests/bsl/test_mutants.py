"""Would the tests notice? Each mutant is one module made wrong in one place, and what must see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bsl.stand import Edit, ask, failures, lay_out, needs_oscript
from tests.bsl.test_numbers import FIELDS, KEMEROVO, ONE_NUMBER, in_fields, normalised
from tests.bsl.test_query import CONFIGURATIONS

pytestmark = needs_oscript

CLIENT, NUMBERS, QUEUE = "ФС1С_КарточкаГлобальный", "ФС1С_Номера", "ФС1С_Очередь"
HISTORY = "ФС1С_История"
ADAPTED, SEARCH, SERVICE = "ФС1С_Переопределяемый", "ФС1С_Поиск", "VATS"

SCENARIO_SEES = {
    "a repeat for four seconds": ("incoming_call", Edit(QUEUE, "Возврат 5;", "Возврат 4;")),
    "a card lives shorter": ("queue", Edit(QUEUE, "Возврат 120;", "Возврат 119;")),
    "keys without case": (
        "incoming_call",
        Edit(QUEUE, "Если Абонент.Ключ = Ключ Тогда", "Если Истина Тогда"),
    ),
    "shown is not written": ("client", Edit(QUEUE, "Запись.Показан = Истина;", "Запись.Показан = Ложь;")),
    "no lock": ("queue", Edit(QUEUE, "ЗаблокироватьОчередь(Пользователь);", "")),
    "a transaction left open": ("queue", Edit(QUEUE, "ОтменитьТранзакцию();", "")),
    "a field that is not there": ("client", Edit(QUEUE, "\tИ НЕ Звонки.Показан", "\tИ НЕ Звонки.Показано")),
    "a foreign number read twice": (
        "incoming_call",
        Edit(QUEUE, "НайтиКлиента(НомерЗвонящего)", "НайтиКлиента(Номер)"),
    ),
    "somebody's manager": ("say_name", Edit(SEARCH, 'Менеджер = "";', "")),
    "all written anew": ("job", Edit(SEARCH, "Новые.Удалить(Ключ);", "")),
    "«и ещё N» cut off": (
        "say_name",
        Edit(SEARCH, "ДлинаНазвания() - СтрДлина(Пометка)", "ДлинаНазвания()"),
    ),
    "markup as it is": (
        "say_name",
        Edit(SERVICE, "Запись.ЗаписатьТекст(Текст)", "Запись.ЗаписатьБезОбработки(Текст)"),
    ),
    "1 whatever happens": (
        "incoming_call",
        Edit(SERVICE, 'Возврат ?(Принят, "1", "0")', 'Возврат "1"'),
    ),
    "an exception to the service": (
        "history",
        Edit(
            SERVICE,
            """"CallEvent", ИнформацияОбОшибке());
		Возврат "0";""",
            """"CallEvent", ИнформацияОбОшибке());
		ВызватьИсключение;""",
        ),
    ),
    "an end that does not last": (
        "history",
        Edit(HISTORY, "ИначеЕсли Звонок.Завершен Тогда", "ИначеЕсли Ложь Тогда"),
    ),
    "who answered first comes back": (
        "history",
        Edit(HISTORY, "Если Событие.Момент >= Звонок.ОтветилВ Тогда", "Если Истина Тогда"),
    ),
    "a call that begins when it is told of": (
        "history",
        Edit(HISTORY, 'МоментПоля(Прислано.Получить("began")', 'МоментПоля(Прислано.Получить("time")'),
    ),
    "outgoing is missed, too": (
        "history",
        Edit(HISTORY, "Не Событие.Отвечен И Не Событие.Исходящий", "Не Событие.Отвечен"),
    ),
    "no lock in the history": ("history", Edit(HISTORY, "Заблокировать(Событие.Звонок);", "")),
    "an owner by number alone": (
        "history",
        Edit(HISTORY, "ИмяАбонента(Событие.Владелец)", "Событие.Владелец"),
    ),
    "called back before": (
        "history",
        Edit(HISTORY, "История.Начало > &Момент", "История.Начало < &Момент"),
    ),
    "a recording lost by a late word": (
        "history",
        Edit(HISTORY, "Если Не ПустаяСтрока(Событие.СсылкаНаЗапись) Тогда", "Если Истина Тогда"),
    ),
    "a click on nobody": (
        "client",
        Edit(CLIENT, "?(Неизвестен, Неопределено, Звонок.Клиент)", "Звонок.Клиент"),
    ),
    "never asked again": (
        "client",
        Edit(CLIENT, 'ПодключитьОбработчикОжидания("ФС1С_ПовторитьНачало", 60, Истина);', ""),
    ),
}

NUMBERS_SEE = {
    "without the country": Edit(NUMBERS, "План.КодСтраны + Прав(", "Прав("),
    "the way abroad stays": Edit(NUMBERS, "Возврат Сред(Цифры, СтрДлина(Выход) + 1)", "Возврат Цифры"),
    "without the city's code": Edit(NUMBERS, "План.КодСтраны + План.КодГорода + Цифры", "Цифры"),
    "internal numbers of clients": Edit(
        NUMBERS, "Если Не СПлюсом И СтрДлина(Цифры) <= План.ВнутреннийНеДлиннее Тогда", "Если Ложь Тогда"
    ),
    "extensions are numbers": Edit(NUMBERS, "\t\tГруппы.Удалить(0);\n", ""),
    "one number of two": Edit(NUMBERS, "Или НачинаетДругой(Группа, Номер, План)", ""),
    "any length": Edit(NUMBERS, "Или Длина > ДлиннееНеБывает", ""),
}


@pytest.mark.parametrize("scenario, mutant", SCENARIO_SEES.values(), ids=SCENARIO_SEES)
def test_a_scenario_sees(tmp_path: Path, scenario: str, mutant: Edit) -> None:
    lay_out(tmp_path / "stand", mutant)
    assert failures(tmp_path / "stand", [scenario])


@pytest.mark.parametrize("mutant", NUMBERS_SEE.values(), ids=NUMBERS_SEE)
def test_the_tables_of_numbers_see(tmp_path: Path, mutant: Edit) -> None:
    lay_out(tmp_path / "stand", mutant)
    lay_out(tmp_path / "kemerovo", mutant, KEMEROVO)
    questions = [("Нормализовать", one) for one in ONE_NUMBER] + [("НомераИзПоля", one) for one in FIELDS]
    said = ask(tmp_path / "stand", *questions)
    assert (
        said[: len(ONE_NUMBER)] != list(ONE_NUMBER.values())
        or [each.split() for each in said[len(ONE_NUMBER) :]] != list(FIELDS.values())
        or normalised(tmp_path / "kemerovo", "745000") != [""]
        or in_fields(tmp_path / "kemerovo", "74-50-00") != [["73842745000"]]
    )


def test_the_query_of_partners_only_is_seen(tmp_path: Path) -> None:
    lay_out(tmp_path / "stand", Edit(ADAPTED, 'Если ЕстьТелефоны("Контрагенты") Тогда', "Если Ложь Тогда"))
    (text,) = ask(tmp_path / "stand", ("ТекстЗапроса", CONFIGURATIONS["Бухгалтерия 3.0"].catalogues))
    assert "Справочник.Контрагенты." not in text  # test_query wants it there
