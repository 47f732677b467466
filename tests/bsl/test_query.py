"""The query that lists the clients' telephones, for the configurations people have. It is not executed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bsl.stand import ask, lay_out, needs_oscript

pytestmark = needs_oscript

COLUMNS = ["Клиент", "Название", "Категория", "Менеджер", "Телефон"]
STANDARD = {"Ссылка", "Наименование", "ПометкаУдаления"}


@dataclass(frozen=True)
class Configuration:
    """Catalogues as ask.os is told of them (name(attributes)[owners], `-` without telephones), and what is to
    be read: catalogue → (whose card, whose manager).
    """

    catalogues: str
    expected: dict[str, tuple[str, str]]


CONFIGURATIONS = {
    "Управление торговлей 11": Configuration(
        "Партнеры(ОсновнойМенеджер)[];Контрагенты(Партнер)[];КонтактныеЛицаПартнеров()[Партнеры]",
        {
            "Партнеры": ("", "ОсновнойМенеджер"),
            "Контрагенты": ("Партнер", "Партнер.ОсновнойМенеджер"),
            "КонтактныеЛицаПартнеров": ("Владелец", "Владелец.ОсновнойМенеджер"),
        },
    ),
    "Управление нашей фирмой": Configuration(
        "Контрагенты(Ответственный)[];КонтактныеЛица()[Контрагенты]",
        {"Контрагенты": ("", "Ответственный"), "КонтактныеЛица": ("Владелец", "Владелец.Ответственный")},
    ),
    "its contacts without an owner": Configuration(
        "Контрагенты(Ответственный)[];КонтактныеЛица(Ответственный)[]",
        {"Контрагенты": ("", "Ответственный"), "КонтактныеЛица": ("", "Ответственный")},
    ),
    "Бухгалтерия 3.0": Configuration(
        "Контрагенты()[];КонтактныеЛица(ОбъектВладелец)[]",
        {"Контрагенты": ("", ""), "КонтактныеЛица": ("ОбъектВладелец", "")},
    ),
    "no telephones at Партнеры": Configuration(
        "-Партнеры()[];Контрагенты(Партнер)[]", {"Контрагенты": ("Партнер", "")}
    ),
    "something of one's own": Configuration("Клиники()[]", {}),
}


def selected(part: str) -> dict[str, str]:
    """Column → expression."""
    columns = re.split(r",(?![^(]*\))", part.partition("ВЫБРАТЬ")[2].partition("\nИЗ")[0])
    found = [re.fullmatch(r"\s*(.*) КАК (\w+)\s*", column, re.DOTALL) for column in columns]
    return {each[2]: each[1] for each in found if each}


def known(catalogues: str) -> dict[str, set[str]]:
    """Catalogue → what may be written after a reference to it."""
    given = re.findall(r"(\w+)\(([\w,]*)\)\[([\w,]*)\]", catalogues)
    return {
        name: STANDARD | set(attributes.split(",")) | ({"Владелец"} if owners else set())
        for name, attributes, owners in given
    }


@pytest.mark.parametrize("given", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_it_reads_what_there_is(tmp_path: Path, given: Configuration) -> None:
    lay_out(tmp_path / "stand")
    (text,) = ask(tmp_path / "stand", ("ТекстЗапроса", given.catalogues))
    parts = text.split("\nОБЪЕДИНИТЬ ВСЕ\n") if text else []
    sources = [re.findall(r"Справочник\.(\w+)\.КонтактнаяИнформация КАК Контакты", part) for part in parts]
    assert [name for (name,) in sources] == list(given.expected)
    catalogues = known(given.catalogues)
    for part, (name, (card, manager)) in zip(parts, given.expected.items(), strict=True):
        columns = selected(part)
        assert list(columns) == COLUMNS
        mine, whose = "Контакты.Ссылка", f"Контакты.Ссылка.{card}"
        assert columns["Клиент"] == (
            f"ВЫБОР КОГДА {whose}.Наименование ЕСТЬ NULL ТОГДА {mine} ИНАЧЕ {whose} КОНЕЦ" if card else mine
        )
        assert columns["Менеджер"] == (f'ЕСТЬNULL({mine}.{manager}.Наименование, "")' if manager else '""')
        first = {path.split(".")[0] for path in re.findall(r"Контакты\.Ссылка\.([\w.]+)", part)}
        assert first <= catalogues[name]
        assert "%" not in part and part.count("(") == part.count(")") and part.count('"') % 2 == 0
        assert "НЕ Контакты.Ссылка.ПометкаУдаления" in part
