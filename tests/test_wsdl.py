"""What a base says of itself at `?wsdl`, against the settings: pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c import wsdl
from fs_1c.onec import PRESETS
from fs_1c.settings import DialectName
from fs_1c.simulator.onec.dialects import DIALECTS, WITHOUT_CALLS
from fs_1c.simulator.onec.dialects import wsdl as written
from fs_1c.wsdl import Described, Mismatch
from tests import ROOT

MOBILON_2 = PRESETS[DialectName.MOBILON_2]
STOCK: dict[str, tuple[str, ...] | None] = {"SayName": ("Number",), "IncomingCall": ("NumFrom", "Key")}
OURS = Described("http://VATS", {**STOCK, "CallEvent": ("Data",)})
SHIPPED = ROOT / "docs" / "1c" / "VATS.wsdl"


def test_the_shipped_description_is_the_dialects_own() -> None:
    described = wsdl.read(SHIPPED.read_bytes())
    assert described == OURS
    assert wsdl.compare(described, MOBILON_2) == wsdl.history(described, MOBILON_2) == []


def test_one_without_our_extension_is_the_same_dialect() -> None:
    described = wsdl.read(written(WITHOUT_CALLS, "http://VATS", "http://h/ws/x"))
    assert described == Described("http://VATS", STOCK)
    assert wsdl.compare(described, MOBILON_2) == []
    assert [one.setting for one in wsdl.history(described, MOBILON_2)] == [""]


@pytest.mark.parametrize("name", PRESETS)
def test_each_dialect_recognises_itself_and_no_other_fits(name: DialectName) -> None:
    simulated = DIALECTS[name.value]
    described = wsdl.read(written(simulated, simulated.namespace, "http://h/ws/x"))
    assert described is not None
    assert [one for one in wsdl.compare(described, PRESETS[name]) if not one.pop] == []
    assert wsdl.fitting(described, name) is None
    for other in set(PRESETS) - {name}:
        assert wsdl.fitting(described, other) is name


@pytest.mark.parametrize(
    ("operations", "mismatches"),
    [
        ({"SayName": None, "IncomingCall": None}, []),
        ({"sayname": ("Number",)}, ["names.say_name=sayname", ""]),
        ({"SayName": ("NUMBER",), "IncomingCall": ("Key", "NumFrom")}, ["names.number=NUMBER"]),
        (
            {"SayName": ("Phone",), "IncomingCall": ("From", "Key")},
            ["names.number=Phone", "names.num_from=From"],
        ),
        ({"SayName": ("Number", "Line"), "IncomingCall": ("NumFrom", "Key")}, [""]),
        ({"SayName": (), "IncomingCall": ("A", "B")}, ["", "", ""]),
        ({"SayName": ("number", "Number"), "IncomingCall": ("NumFrom", "Key")}, [""]),
        ({}, ["", ""]),
    ],
)
def test_what_differs_is_told_with_the_setting_that_mends_it(
    operations: dict[str, tuple[str, ...] | None], mismatches: list[str]
) -> None:
    found = wsdl.compare(Described("http://VATS", operations), MOBILON_2)
    assert [f"{one.setting}={one.value}" if one.setting else "" for one in found] == mismatches


def test_the_setting_that_is_told_mends_it() -> None:
    described = Described("http://Own", {"sayName": ("phone",), "Incomingcall": ("From", "KEY")})
    dialect = MOBILON_2
    found = wsdl.compare(described, dialect)
    for one in found:
        changed: dict[str, Any] = {one.setting.removeprefix("names."): one.value}
        dialect = replace(dialect, **changed)
    assert len(found) == 6
    assert wsdl.compare(described, dialect) == []


def test_a_parameter_that_is_wanted_besides_is_told() -> None:
    found = wsdl.compare(
        replace(OURS, operations={**OURS.operations, "SayName": ("Number", "Line")}), MOBILON_2
    )
    assert found == [Mismatch(False, "SayName of this base also wants Line, which is not sent")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>login</body></html>",
        b"<html><body>broken",
        b'{"exception": 1}',
        b'<?xml version="1.0"?><!DOCTYPE definitions [<!ENTITY x SYSTEM "file:///etc/hostname">]><definitions/>',
    ],
)
def test_what_is_no_description(body: bytes) -> None:
    assert wsdl.read(body) is None


def test_a_byte_order_mark_does_no_harm() -> None:
    assert wsdl.read(b"\xef\xbb\xbf\r\n" + SHIPPED.read_bytes().partition(b"?>\n")[2]) == OURS


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda t: f"<definitions name='{t}'/>".encode()))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    described = wsdl.read(body)
    if described is not None:
        wsdl.compare(described, MOBILON_2)


anything = st.builds(
    Described,
    st.sampled_from(["http://VATS", "http://test", "x"]),
    st.dictionaries(
        st.sampled_from(["SayName", "sayname", "IncomingCall", "Event"]),
        st.none()
        | st.lists(st.sampled_from(["Number", "number", "Key", "A"]), max_size=3, unique=True).map(tuple),
    ),
)


@given(anything, st.sampled_from(list(PRESETS)))
def test_nothing_is_told_only_when_the_very_names_are_there(described: Described, name: DialectName) -> None:
    dialect = PRESETS[name]
    found = [one for one in wsdl.compare(described, dialect) if not one.pop]
    parameters = described.operations.get(dialect.say_name, ())
    same = described.namespace == dialect.namespace and dialect.say_name in described.operations
    assert (not found) is (same and parameters in (None, (dialect.number,)))
