"""A manager's phone as people, Excel and 1C write it: whose telephone rings. Never a wrong one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.numbers import NumberPlan, is_extension
from fs_1c.routing.phones import candidates

PLAN = NumberPlan()

TABLE = [
    ("244", "244"),
    # Out of a table
    ("244.0", "244"),
    ("244,0", "244"),
    ("244.00", "244"),
    ("1244.0", "1244"),
    ("244.5", None),
    ("2.44e2", None),
    ("2.44E+02", None),
    ("2,44", None),
    ("1,244", None),
    # As 1C groups digits
    ("1\u00a0244", "1244"),
    ("1\u202f244", "1244"),
    ("1 244", "1244"),
    ("доб. 1 244", "1244"),
    ("Отдел 5 244", None),
    # Dashes
    *((f"244{dash}245", None) for dash in "-–—−‑‒"),
    ("244-", "244"),
    ("- 244", "244"),
    # What cannot be seen, and quotes
    *((f"{mark}244{mark}", "244") for mark in "\u200e\u200f\u200b\u202a\u202c\u202d\u00ad\ufeff\u2060"),
    ("2\u200b44", "244"),
    ("«244»", "244"),
    ('"244"', "244"),
    ("'244'", "244"),
    ("(244)", "244"),
    # Words
    ("каб. 15, тел. 244", "244"),
    ("тел.244 каб.15", "244"),
    ("к. 15, т. 244", "244"),
    ("каб 15 244", "244"),
    ("каб.№15 244", "244"),
    ("244 (Иванов)", "244"),
    ("этаж 2 вн. 244", "244"),
    ("2 этаж, 244", "244"),
    ("2-й этаж, 244", "244"),
    ("№ 15 вн 244", "244"),
    ("внутр. 244", "244"),
    ("ext. 244", "244"),
    ("x244", "244"),
    ("доб. 12 34", None),
    ("ул. Ленина 15, 244", None),
    ("кв. 15", None),
    ("123456 Москва, 244", None),
    # When
    ("пн-пт 9-18 244", "244"),
    ("9:00-18:00 244", "244"),
    ("с 9 до 18, 244", "244"),
    ("30.06.2024 244", "244"),
    ("с 01.06 по 30.06 244", "244"),
    ("15 июня отпуск, 244", "244"),
    ("до 15 июня 245, потом 244", None),
    # Several
    ("244, 245", "244"),
    ("244,245", "244"),
    ("244 245", "244"),
    ("244/245", "244"),
    ("24 40", None),
    ("2 44", None),
    ("раб. 244, моб. 89161234567", "244"),
    ("+7 (383) 274-50-00 доб. 244", "244"),
    ("+7 (383) 274-50-00, 244", "244"),
    ("8 (383) 274-50-00 доб.244 каб.15", "244"),
    # Not a telephone of this switch, or of nobody
    ("", None),
    ("0", None),
    ("000", None),
    ("+244", None),
    ("244@pbx", None),
    ("sip:244@x", None),
    ("${system(id)}", None),
    ("244${x}", None),
    ("244'||'&", None),
    ("244|245", None),
    ("٢٤٤", None),
    ("２４４", None),
    ("²44", None),
    ("9-18", None),
    ("тел. 24-40", None),
]


def rung(written: str) -> str | None:
    """The extension that rings where nothing outside may be dialled."""
    return next((one.written for one in candidates(written, PLAN) if one.extension), None)


@pytest.mark.parametrize(("written", "extension"), TABLE, ids=[repr(row[0]) for row in TABLE])
def test_whose_telephone_rings(written: str, extension: str | None) -> None:
    assert rung(written) == extension


def test_a_number_outside_keeps_its_place() -> None:
    found = candidates("+7 (383) 274-50-00 доб. 244", PLAN)
    assert [(one.written, one.extension) for one in found] == [("+7 (383) 274-50-00", False), ("244", True)]


HOSTILE = ["1 " * 100, "(" * 200, "244," * 50, "1.1" * 66, "тел" * 66, "1-" * 100, "\u200e" * 200, "9:0" * 66]


@pytest.mark.parametrize("written", [*HOSTILE, *(f"тел {one}" for one in HOSTILE)])
def test_whatever_stands_there_is_read_in_no_time(written: str) -> None:
    started = time.process_time()
    candidates(written[:200], PLAN)
    assert time.process_time() - started < 0.2


@given(st.text(alphabet=st.one_of(st.sampled_from("0123456789 .,-+()тел:;/«\u200e\u00a0"), st.characters())))
def test_an_extension_that_rings_is_written_there_digit_by_digit(written: str) -> None:
    for one in candidates(written, PLAN):
        if one.extension:
            assert is_extension(one.written, PLAN)
            kept = "".join(c for c in written if c.isascii() and c.isdigit())
            assert one.written in kept
