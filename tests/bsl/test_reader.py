"""What SayName writes, read by our own reader: names come through whole, whatever is in them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fs_1c.onec.dialects.answer import read
from fs_1c.onec.dialects.protocol import Answer
from tests.bsl.stand import Edit, ask, lay_out, needs_oscript

pytestmark = needs_oscript

NAMES = [
    'ООО "Рога & Копыта" <опт>',
    "A < B",
    "A > B & C",
    "&amp; &lt; &#65; &nbsp;",
    "<title>Ещё</title><manager><phone>666</phone></manager>",
    "</data>",
    "<![CDATA[x]]>",
    "]]>",
    "<!-- -->",
    "VIP:Ренессанс Капитал",
    " Фэйковый чиж ",
    "Имя\tс табуляцией",
    "Имя\nс переносом",
    "Имя \x01\x07\x1f с управляющими",
    "ТОО «Алматы» № 5 — Қазақстан",
    "1 244",
    "0",
]


@pytest.fixture
def stand(tmp_path: Path) -> Path:
    lay_out(tmp_path / "stand")
    return tmp_path / "stand"


def as_a_title(name: str) -> str:
    return " ".join("".join(c for c in name if c >= " " or c in "\t\n").split())


def test_names_come_through(stand: Path) -> None:
    answers = ask(stand, *(("Название", name) for name in NAMES))
    for name, answer in zip(NAMES, answers, strict=True):
        assert read(answer) == Answer(title=as_a_title(name), category="VIP", manager="012"), name


def test_whatever_is_in_them(stand: Path) -> None:
    pick = random.Random(1)
    letters = "АяЁ aZ09&<>\"'/;:#!-[]=ҚҰ€\t\n\x02\x0b\u00a0"
    names = ["Х" + "".join(pick.choices(letters, k=pick.randrange(40))) + "Х" for _ in range(200)]
    answers = ask(stand, *(("Название", name) for name in names))
    assert [read(each) for each in answers] == [
        Answer(title=as_a_title(name), category="VIP", manager="012") for name in names
    ]


def test_nobody_and_failure(stand: Path) -> None:
    nobody, failed = ask(stand, ("SayName", "89990000000"), ("Ошибка", "89235292926"))
    assert read(nobody) == Answer()
    assert read(failed) == Answer(error="В данной транзакции уже происходили ошибки!")


def test_two_clients_of_one_number(stand: Path) -> None:
    one_manager, several, long = ask(stand, *(("SayName", f"8913000000{n}") for n in (1, 2, 6)))
    assert read(one_manager) == Answer(title="Василёк и ещё 1", category="1", manager="244")
    assert read(several) == Answer(title="А и ещё 2", category="0", manager="")
    assert read(long).title.endswith("яя и ещё 1") and len(read(long).title) == 150


def test_the_reader_sees_markup_written_as_it_is(tmp_path: Path) -> None:
    joined = Edit("VATS", "Запись.ЗаписатьТекст(Текст)", "Запись.ЗаписатьБезОбработки(Текст)")
    lay_out(tmp_path / "stand", joined)
    (answer,) = ask(tmp_path / "stand", ("Название", NAMES[4]))
    assert read(answer) != Answer(title=NAMES[4], category="VIP", manager="012")
