"""Lays the extension's modules beside the stubs of the platform and runs scenarios there.


The stubs know the registers from the extension's own XML: a register, field, lock or parameter that is not
there is an error, as in 1C. On the way two methods get other names, since a method of OneScript's scripts may
not be named `Выполнить` or `Найти`; and each module gets what it takes from 1C's global context. Its lines
stay where they are.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree

from tests import ROOT
from tests.bsl.player import PLAYER, Broken, of_the_stand

HERE = Path(__file__).parent
EXTENSION = ROOT / "docs" / "1c" / "extension"
SCENARIOS = sorted(p.stem for p in (HERE / "scenarios").glob("*.os") if p.stem != "ask")
MD = "{http://v8.1c.ru/8.3/MDClasses}"
V8 = "{http://v8.1c.ru/8.1/data/core}"
needs_oscript = pytest.mark.skipif(shutil.which("oscript") is None, reason="no oscript on PATH")

# What each module finds in the global context: 1C's own, or a global module's.
GLOBALS = """
Процедура НачатьТранзакцию() Платформа.НачатьТранзакцию(); КонецПроцедуры
Процедура ЗафиксироватьТранзакцию() Платформа.ЗафиксироватьТранзакцию(); КонецПроцедуры
Процедура ОтменитьТранзакцию() Платформа.ОтменитьТранзакцию(); КонецПроцедуры
Функция ПравоДоступа(Право, Объект) Возврат Платформа.ЕстьПраво(Право, Объект); КонецФункции
Функция ПрочитатьJSON(Чтение, ВСоответствие = Ложь)
	Если Не ВСоответствие Тогда ВызватьИсключение "заглушка читает только в соответствие"; КонецЕсли;
	Возврат Чтение.Разобрать(); КонецФункции
Процедура ЗаписатьJSON(Запись, Значение) Запись.Дописать(Значение); КонецПроцедуры
Процедура ПоказатьПредупреждение(Оповещение, Текст)
	Платформа.Предупреждения.Добавить(Текст); КонецПроцедуры
Процедура ПоказатьВводСтроки(Оповещение, Строка, Подсказка, Длина)
	Платформа.Спросить(Оповещение, Подсказка); КонецПроцедуры
Функция ЧасовойПоясСеанса() Возврат Платформа.Пояс; КонецФункции
Функция ПолноеИмяПользователя() Возврат Платформа.Пользователь; КонецФункции
Функция ПолучитьНавигационнуюСсылку(Ссылка)
	Если ТипЗнч(Ссылка) <> Тип("Строка") Тогда Возврат Ссылка.Навигационная; КонецЕсли;
	Возврат "e1cib/data/Справочник.Партнеры?ref=" + Ссылка; КонецФункции
Процедура ЗаписьЖурналаРегистрации(Событие, Уровень = Неопределено, Объект = Неопределено,
	Данные = Неопределено, Комментарий = "")
	Платформа.Журнал.Добавить(Событие + "|" + Уровень + "|" + Комментарий); КонецПроцедуры
Процедура ПоказатьОповещениеПользователя(Текст, Действие = Неопределено, Пояснение = Неопределено)
	Платформа.Оповестить(Текст, Действие, Пояснение); КонецПроцедуры
Процедура ПерейтиПоНавигационнойСсылке(Ссылка) Платформа.Перейти(Ссылка); КонецПроцедуры
Процедура ПодключитьОбработчикОжидания(Имя, Интервал, Однократно = Ложь)
	Платформа.Обработчики.Добавить(Имя + "|" + Интервал + "|" + ?(Однократно, "Да", "Нет")); КонецПроцедуры
Функция НайтиНедопустимыеСимволыXML(Строка, Нач = 1)
	Возврат Платформа.НедопустимыйСимвол(Строка, Нач); КонецФункции
"""
WRAPPERS = {
    "VATS": """
Функция Вызвать_SayName(Number) Экспорт Возврат SayName(Number); КонецФункции
Функция Вызвать_IncomingCall(NumFrom, Key) Экспорт Возврат IncomingCall(NumFrom, Key); КонецФункции
Функция Вызвать_CallEvent(Data) Экспорт Возврат CallEvent(Data); КонецФункции
""",
    "МодульПриложения": """
Процедура Вызвать_Начало() Экспорт ФС1С_ПриНачалеРаботыСистемы(); КонецПроцедуры
Процедура ФС1С_НачатьОпрос() ФС1С_КарточкаГлобальный.ФС1С_НачатьОпрос(); КонецПроцедуры
""",
    "Команда": """
Процедура Вызвать(Клиент) Экспорт ОбработкаКоманды(Клиент, Неопределено); КонецПроцедуры
""",
}


@dataclass(frozen=True)
class Edit:
    """A change of one module: the first `before` becomes `after`."""

    module: str
    before: str
    after: str


def module_paths() -> dict[str, Path]:
    paths = {path.parts[-3]: path for path in EXTENSION.glob("CommonModules/*/Ext/Module.bsl")}
    paths["VATS"] = EXTENSION / "WebServices" / "VATS" / "Ext" / "Module.bsl"
    paths["Команда"] = EXTENSION / "CommonCommands" / "ФС1С_Позвонить" / "Ext" / "CommandModule.bsl"
    paths["МодульПриложения"] = EXTENSION / "Ext" / "ManagedApplicationModule.bsl"
    return paths


def lay_out(folder: Path, *edits: Edit) -> None:
    """Puts everything a scenario needs into an empty folder, the modules with these edits."""
    modules = folder / "lib" / "Модули"
    modules.mkdir(parents=True)
    for stub in (HERE / "lib" / "Модули").glob("*.os"):
        (modules / stub.name).write_text(of_the_stand(stub.read_text("utf-8")), "utf-8")
    for scenario in (HERE / "scenarios").glob("*.os"):
        (folder / scenario.name).write_text(of_the_stand(scenario.read_text("utf-8")), "utf-8")
    (folder / "схемы.txt").write_text("\n".join(_schemas()), "utf-8")
    for name, path in module_paths().items():
        source = path.read_text("utf-8-sig")
        for edit in edits:
            if edit.module == name:
                assert edit.before in source, edit
                source = source.replace(edit.before, edit.after, 1)
        source = source.replace(".Выполнить()", ".ВыполнитьЗапрос()")
        source = re.sub(r"(Справочники|Реквизиты|ТабличныеЧасти)\.Найти\(", r"\1.НайтиОбъект(", source)
        source = source.replace("ТекущаяУниверсальнаяДата()", "Платформа.ДатаСейчас()")
        source = source.replace("МестноеВремя(", "Платформа.ВремяПояса(")  # OneScript's is of this machine
        source = source.replace("Список.ПоказатьВыборЭлемента(", "Платформа.Выбрать(Список, ")
        source = source.replace("Новый HTTPСоединение(", "Новый СоединениеСтенда(")
        source = source.rstrip("\n") + "\n" + GLOBALS + WRAPPERS.get(name, "")
        (modules / f"{name}.os").write_text(of_the_stand(source), "utf-8")


def run(folder: Path, scenario: str) -> list[str]:
    """What the scenario says, line by line.

    Raises:
        Broken: It did not come to its end.
    """
    return PLAYER.play(folder, scenario)


def failures(folder: Path, scenarios: Iterable[str] = SCENARIOS) -> list[str]:
    """The checks that did not hold; a scenario that broke is one of them."""
    found = []
    for scenario in scenarios:
        try:
            said = run(folder, scenario)
        except Broken as error:
            found.append(f"{scenario}: {error}")
        else:
            found += [f"{scenario}: {line}" for line in said if line.startswith("FAIL")]
    return found


def ask(folder: Path, *questions: tuple[str, str]) -> list[str]:
    """What the modules answer: each question is what to call (see ask.os) and its parameter."""
    lines = [f"{what}\t{_escaped(parameter)}" for what, parameter in questions]
    (folder / "вопросы.txt").write_text("\n".join(lines), "utf-8")
    answers = [re.sub(r"\\(.)", lambda m: "\n" if m[1] == "п" else m[1], said) for said in run(folder, "ask")]
    assert len(answers) == len(questions), answers
    return answers


def _escaped(text: str) -> str:
    return text.replace("\\", "\\о").replace("\t", "\\т").replace("\n", "\\п")


def _schemas() -> list[str]:
    """register|field|kind|type|length of every field of the extension's registers."""
    rows = []
    for path in sorted(EXTENSION.glob("InformationRegisters/*.xml")):
        for field in etree.parse(path).iterfind(f"{MD}*/{MD}ChildObjects/*"):
            kind = str(etree.QName(field).localname)
            name = field.findtext(f"{MD}Properties/{MD}Name")
            of_type = str(field.findtext(f"{MD}Properties/{MD}Type/{V8}Type")).partition(":")[2]
            length = field.findtext(f"{MD}Properties//{V8}Length") or "0"
            rows.append(f"{path.stem}|{name}|{kind}|{of_type}|{length}")
    return rows
