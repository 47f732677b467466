"""What a switch is told: no number, name or extension does anything but be dialled or shown."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.calls.plan import Plan, Refusal, Why, command, planned
from fs_1c.numbers import MAX_DIALLED, NumberPlan
from fs_1c.settings import CallsSettings, RoutingSettings

PLAN = NumberPlan()
ROUTING = RoutingSettings()
DAY = date(2026, 11, 28)
CALL = "0f9dd1e6-41c8-4ba5-8ad5-54d0bb0a2c3c"

HOSTILE = (
    "${system(touch /tmp/x)}",
    "$${system(id)}",
    "89235292926${uuid}",
    "89235292926\n\nbgapi system id",
    "89235292926\r\nJob-UUID: x",
    "89235292926'",
    '89235292926"',
    "'89235292926",
    "8923529'2926",
    "89235292926&park()",
    "89235292926 &system(id)",
    "89235292926,sofia/gateway/trunk/53123456",
    "89235292926|sofia/gateway/trunk/53123456",
    "89235292926:_:user/100",
    "89235292926]user/100",
    "[leg_timeout=1]89235292926",
    "{absolute_codec_string=x}89235292926",
    "<x>89235292926",
    "89235292926}",
    "89235292926)",
    "89235292926~fs_1c_call=1",
    "^^~a=1~89235292926",
    "89235292926\x00",
    "89235292926\\",
    "89235292926%0A",
    "89235292926/../x",
    "loopback/89235292926",
    "user/244",
    "٨٩٢٣٥٢٩٢٩٢٦",
    "８９２３５２９２９２６",
    "8⁹235292926",
    "\u202e89235292926",
    "89235292926\u200b",
    "8" * 5000,
    "+53 5 2345678",
    "8 10 53 5 2345678",
    "8 809 555 12 34",
    "88095551234",
    "112",
    "102",
    "8-905-HELP-NOW",
    "89235292926;phone-context=evil",
    "sip:89235292926@evil.example",
    "89235292926 89235292927",
    "",
    " ",
    "anonymous",
)
NAMES = (*HOSTILE, 'ООО "Рога & Копыта"', "Чиж, Иван", "a | b", "x' ~ y", "$" * 500, "{}[]<>()^~:,;|&'\"\\")

_NAME = r"[^${}()\[\]<>,|&'\"\\~^%;=:@/\x00-\x1f]{1,100}"
_SHAPE = re.compile(
    rf"originate \{{\^\^~fs_1c_call={CALL}~fs_1c_client=\+7[0-9]{{10}}"
    rf"~origination_caller_id_name='{_NAME}'~origination_caller_id_number=(8[0-9]{{10}})"
    r"~ignore_early_media=true~outbound_redirect_fatal=true~originate_timeout=20~progress_timeout=3"
    r"~hangup_after_bridge=true~transfer_ringback=%\(1000,4000,425\)\}"
    r"user/[0-9A-Za-z_+.-]{1,64}@pbx\.example "
    rf"&bridge\(\{{\^\^~fs_1c_called={CALL}~origination_caller_id_name=[0-9A-Za-z_+.-]{{1,64}}"
    r"~origination_caller_id_number=[0-9A-Za-z_+.-]{1,64}"
    rf"~origination_callee_id_name='{_NAME}'~origination_callee_id_number=\1~ignore_early_media=false"
    rf"(?:~RECORD_STEREO=true~RECORD_MIN_SEC=1~recording_follow_transfer=true"
    rf"~execute_on_answer='record_session /rec/2026/11/28/{CALL}\.wav')?\}}"
    r"sofia/gateway/trunk/\1\)",
)


def policy(**more: Any) -> CallsSettings:
    return CallsSettings(dial="sofia/gateway/trunk/{number}", **more)


def told(number: str, title: str = "", extension: str = "244", **more: Any) -> str | Refusal:
    calls, routing = policy(**more), RoutingSettings(domain="pbx.example")
    made = planned(number, (extension,), calls, routing, PLAN)
    return made if isinstance(made, Refusal) else command(CALL, made, title, "", calls, routing, DAY)


@pytest.mark.parametrize("number", HOSTILE)
def test_a_hostile_number_is_refused_or_read(number: str) -> None:
    said = told(number)
    if isinstance(said, Refusal):
        assert said.why in (Why.NUMBER, Why.NOT_ALLOWED)
        assert len(said.message) < 200
    else:  # what could be read was, and is all that is left of it
        shape = _SHAPE.fullmatch(said)
        assert shape and shape[1] == "89235292926", said


def test_most_of_them_are_refused() -> None:
    read = [number for number in HOSTILE if not isinstance(told(number), Refusal)]
    assert {number.strip("\"'") for number in read} <= {
        "89235292926",
        "89235292926)",
        "89235292926;phone-context=evil",
        "sip:89235292926@evil.example",
    }


@pytest.mark.parametrize("title", NAMES)
def test_a_hostile_name_is_shown_and_does_nothing(title: str) -> None:
    said = told("89235292926", title)
    assert isinstance(said, str) and _SHAPE.fullmatch(said), said


@pytest.mark.parametrize("extension", [*HOSTILE, "244,245", "244@evil", "244 &park()", "1234567890"])
def test_a_hostile_extension_is_nobody(extension: str) -> None:
    if extension in ("112", "102", "anonymous"):  # whether there is such a user, the directory knows
        return
    said = told("89235292926", extension=extension)
    assert isinstance(said, Refusal) and said.why is Why.NO_SUBSCRIBER


@given(st.text(max_size=80) | st.from_regex(r"\A[+0-9()\s,|&'{}$-]{5,25}\Z"), st.text(), st.text(max_size=70))
def test_whatever_is_asked_the_command_has_one_shape(number: str, title: str, extension: str) -> None:
    for whose in (extension, "244", "ivanov"):
        for record in ("", "/rec/{date}/{call}.wav"):
            said = told(number, title, whose, record=record)
            assert isinstance(said, Refusal) or _SHAPE.fullmatch(said), said
            assert isinstance(said, Refusal) or ("record_session" in said) is bool(record)


@given(st.from_regex(r"\A(8|\+7|7|810|\+|00)?[0-9]{3,16}\Z"))
def test_nothing_is_dialled_that_allow_does_not_allow(number: str) -> None:
    pattern = "^8923[0-9]{7}$"
    made = planned(number, ("244",), policy(allow=(pattern,)), ROUTING, PLAN)
    if isinstance(made, Plan):
        assert re.fullmatch(pattern, made.dialled, re.ASCII)
        assert made.dials == f"sofia/gateway/trunk/{made.dialled}"
        assert len(made.dialled) <= MAX_DIALLED


def test_what_the_trunk_wants() -> None:
    calls = CallsSettings(
        dial="sofia/gateway/${gateway}/9{number}", number_format="national", caller_id="+73832745000"
    )
    made = planned("+7 (923) 529-29-26", ("1001", "1002"), calls, ROUTING, PLAN)
    assert isinstance(made, Plan)
    said = command(
        CALL, made, "", "main", calls, RoutingSettings(extension="sofia/internal/{extension}%{domain}"), DAY
    )
    assert said.startswith("expand originate {^^~")
    assert "}user/1001@${domain},user/1002@${domain} &bridge(" in said
    assert "origination_caller_id_number=9235292926~" in said
    assert "fs_1c_base=main~origination_caller_id_name=+73832745000~" in said
    assert said.endswith("}sofia/gateway/${gateway}/99235292926)")


def test_without_dial_nobody_is_called() -> None:
    made = planned("89235292926", ("244",), CallsSettings(), ROUTING, PLAN)
    assert isinstance(made, Refusal) and made.why is Why.NOT_SET
