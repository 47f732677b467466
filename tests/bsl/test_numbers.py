"""ФС1С_Номера: one telephone, one number; many numbers in one field. Beside it, fs_1c.numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from fs_1c.numbers import NotANumber, Number, NumberFormat, NumberPlan, read
from tests.bsl.stand import Edit, ask, lay_out, needs_oscript
from tests.test_numbers import READ

pytestmark = needs_oscript

KEMEROVO = Edit("ФС1С_Переопределяемый", '"КодГорода", ""', '"КодГорода", "3842"')
MOBILE = "79235292926"
SECOND = "79131112233"

ONE_NUMBER = {
    "+1 914 555-01-00": "19145550100",
    "8 914 555-01-00": "79145550100",
    "81019145550100": "19145550100",
    "19145550100": "19145550100",
    "810372512345": "372512345",
    "+372 512 345": "372512345",
    "00372512345": "372512345",
    "+375 29 123-45-67": "375291234567",
    "8 10 375 29 123-45-67": "375291234567",
    "375291234567": "375291234567",
    "87071234567": "77071234567",  # Kazakhstan
    "+8 923 529-29-26": MOBILE,
    "98 923 529-29-26": MOBILE,  # through a PBX
    "8(3843)79-54-12": "73843795412",
    "810-12-34": "8101234",
    "2745000": "2745000",
    "244": "",
    "012": "",
    "795412": "",
    "+7 244": "",
    "89235292926891311122331": "",
    "anonymous": "",
    "": "",
    "sip:89235292926@10.0.0.1": MOBILE,
    "<sip:244@10.0.0.1>": "",
    "89235292926#12": MOBILE,
    "+7 923 529-29-26 доб. 12": MOBILE,
    "8\u00a0923\u00a0529\u00a029\u00a026": MOBILE,
}

FIELDS = {
    "+7 (923) 529-29-26, доб. 12; 274-50-00": [MOBILE, "2745000"],
    "8 923 529-29-26 доб. 12345": [MOBILE],
    "моб. 8 923 529-29-26 доб. 1234567": [MOBILE],
    "доб.12345, 89235292926": [MOBILE],
    "доб. 12345678": [],
    "доб.: 1234567 8 913 111 22 33": [SECOND],
    "+7 923 529-29-26 (доб. 1234567)": [MOBILE],
    "+7 923 529-29-26 ext 1234567": [MOBILE],
    "+7 923 529-29-26 #1234567": [MOBILE],
    "+7 923 529-29-26*1234567": [MOBILE],
    "+7 (923) 529-29-26 добавочный 1234567": [MOBILE],
    "8 (923) 529-29-26 вн. 1234567": [MOBILE],
    "доп. 8 913 111-22-33": [SECOND],
    "89235292926 89131112233": [MOBILE, SECOND],
    "8 923 529 29 26 8 913 111 22 33": [MOBILE, SECOND],
    "923 529 29 26 913 111 22 33": [MOBILE, SECOND],
    "+7 923 529-29-26 +7 913 111-22-33": [MOBILE, SECOND],
    "+79235292926+79131112233": [MOBILE, SECOND],
    "89235292926 и 89131112233": [MOBILE, SECOND],
    "+7 (923) 529-29-26 (Анна), 8 913 111 22 33 Пётр": [MOBILE, SECOND],
    "8 923 529-29-26 Анна 8 913 111 22 33": [MOBILE, SECOND],
    "8-923-529-29-26 - 8-913-111-22-33": [MOBILE, SECOND],
    "89235292926\n89131112233": [MOBILE, SECOND],
    "89235292926\t89131112233": [MOBILE, SECOND],
    "8 923 529-29-26/27": [MOBILE],
    "8 923 529-29-26-27": [MOBILE],
    "+7 923 529-29-26, 12345": [MOBILE],
    "тел.2: 8 923 529-29-26": [MOBILE],
    "79235292926,89235292926,+7(923)5292926": [MOBILE],
    "274-50-00 274-50-01": ["2745000", "2745001"],
    "745-00-11 745-00-12": ["7450011", "7450012"],
    "274-50-00 8 923 529-29-26": ["2745000", MOBILE],
    "+375 29 123-45-67": ["375291234567"],
    "375 29 123-45-67": ["375291234567"],
    "375291234567 8 923 529-29-26": ["375291234567", MOBILE],
    "+375 29 123-45-67 8 923 529-29-26": ["375291234567", MOBILE],
    "8 10 375 29 123-45-67, 8 913 111-22-33": ["375291234567", SECOND],
    "8\u00a0923\u00a0529-29-26\u00a0доб.\u00a01234567": [MOBILE],
    "доб. 12": [],
    "12345": [],
    "(": [],
    "": [],
    "нет телефона": [],
}

OTHERWISE = {
    "8923/529-29-26",  # here a slash stands between two numbers
}
"""What fs_1c.numbers reads and this module does not: on purpose, it reads what people write in a field."""


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bsl") / "numbers"
    lay_out(folder)
    return folder


@pytest.fixture(scope="module")
def kemerovo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bsl") / "kemerovo"
    lay_out(folder, KEMEROVO)
    return folder


def normalised(folder: Path, *numbers: str) -> list[str]:
    return ask(folder, *(("Нормализовать", number) for number in numbers))


def in_fields(folder: Path, *fields: str) -> list[list[str]]:
    return [each.split() for each in ask(folder, *(("НомераИзПоля", field) for field in fields))]


def test_one_number(stand: Path) -> None:
    assert dict(zip(ONE_NUMBER, normalised(stand, *ONE_NUMBER), strict=True)) == ONE_NUMBER


def test_fields(stand: Path) -> None:
    assert dict(zip(FIELDS, in_fields(stand, *FIELDS), strict=True)) == FIELDS
    assert ask(stand, ("ЧислоИзПоля", "89130000009")) == ["79130000009"]


def test_what_is_asked_is_what_is_stored(stand: Path) -> None:
    """A number alone in a field is the one by which a caller of that number is found."""
    alone = {number: found for number, found in ONE_NUMBER.items() if found and "#" not in number}
    assert in_fields(stand, *alone) == [[found] for found in alone.values()]


def test_city_code(stand: Path, kemerovo: Path) -> None:
    fields = ["74-50-00", "274-50-00", "8 3842 74-50-00", "74-50-00 74-50-01", "745000, доб. 12"]
    full = "73842745000"
    assert in_fields(kemerovo, *fields) == [[full], ["2745000"], [full], [full, "73842745001"], [full]]
    assert in_fields(stand, "74-50-00") == [[]]
    assert normalised(kemerovo, "83842745000", "745000") == [full, ""]  # six digits call from inside


@pytest.mark.parametrize("form", [f for f in NumberFormat if f is not NumberFormat.AS_RECEIVED])
def test_found_in_whichever_form_fs_1c_asks(stand: Path, form: NumberFormat) -> None:
    """National and bare forms leave out of a foreign number what tells it from ours, unless it is long."""
    numbers = [n for n in (read(text, NumberPlan()) for text in READ) if isinstance(n, Number)]
    if form in (NumberFormat.SEVEN, NumberFormat.NATIONAL):
        numbers = [n for n in numbers if n.e164.startswith("+7")]
    assert len(numbers) > 20
    assert normalised(stand, *(n.written(form) for n in numbers)) == [n.e164[1:] for n in numbers]


def test_reads_as_fs_1c_does(stand: Path) -> None:
    received = [text for text in READ if text not in OTHERWISE and "\\" not in text and text.isprintable()]
    expected = [read(text, NumberPlan()) for text in received]
    differ = {
        text: (ours, theirs)
        for text, ours, theirs in zip(received, normalised(stand, *received), expected, strict=True)
        if ours != ("" if isinstance(theirs, NotANumber) else theirs.e164[1:])
    }
    assert differ == {}
