"""What becomes of values, dial strings and octets: the rules of FreeSWITCH, whatever comes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.simulator.freeswitch import bridge, recordings, values, wire
from tests.simulator import marks
from tests.simulator.freeswitch_support import execute


def expander(**variables: str) -> values.Expander:
    return values.Expander(values.Variables(variables).get)


@pytest.mark.parametrize(
    ("text", "expanded", "executed"),
    [
        ("plain $ text", "plain $ text", []),
        ("${a}", "1", []),
        ("x${a}${a}y", "x11y", []),
        ("${b}", "1", []),
        ("${missing}", "", []),
        (r"\${a}", "${a}", []),
        (r"\\${a}", r"\1", []),
        ("it\\'s ${a}", "its 1", []),
        ("${a", "1", []),
        ("$${a}", "1", []),
        ("${system(touch x)}", "", ["system touch x"]),
        ("${system touch x}", "", ["system touch x"]),
        ("${${c}(touch ${a})}", "", ["system touch 1"]),
        ("${loop}", "${loop}", []),
    ],
)
def test_expansion(text: str, expanded: str, executed: list[str]) -> None:
    tool = expander(a="1", b="${a}", c="system", loop="${loop}")
    assert (tool.expand(text), tool.executed) == (expanded, executed)


@pytest.mark.parametrize(
    ("text", "delimiter", "parts"),
    [
        ("a|b|", "|", ["a", "b"]),
        ("^^;a|b;c", "|", ["a|b", "c"]),
        ("a 'b c'  d", " ", ["a", "b c", "d"]),
        (r"a\|b|c", "|", ["a|b", "c"]),
        (r"'a|b'|it's", "|", ["a|b", "it's"]),
        (r" a\sb\n | c ", "|", ["a b\n", "c"]),
        ("", "|", []),
    ],
)
def test_separate(text: str, delimiter: str, parts: list[str]) -> None:
    assert values.separate(text, delimiter) == parts


HARMLESS = (
    st.text(st.characters(exclude_characters="\\'$|", exclude_categories=("Cs", "Cc")), min_size=1)
    .map(lambda text: text.strip(" "))
    .filter(bool)
)


@given(st.lists(HARMLESS, min_size=1, max_size=20))
def test_what_needs_no_care_survives_a_multiset(texts: list[str]) -> None:
    variables, tool = values.Variables(), expander()
    for element in values.separate("^^|" + "|".join(f"v{at}={text}" for at, text in enumerate(texts)), " "):
        values.set_one(variables, tool, element)
    assert [variables.get(f"v{at}") for at in range(len(texts))] == texts
    assert tool.executed == []


@given(st.text(alphabet="${}\\'()[]:ab1 ^|,=<>-", max_size=60), st.text(alphabet="${}ab\\() ", max_size=20))
def test_no_text_breaks_the_tools(text: str, value: str) -> None:
    tool = expander(a=value, b="${a}${a}")
    expanded = tool.expand(text)
    if "${" not in text and "\\" not in text:
        assert expanded == text or "$\\" in text
    for delimiter in "| ,":
        values.separate(text, delimiter)
    bridge.parse(text)


@given(st.text(max_size=50))
def test_encoding_keeps_all_but_ready_percents(text: str) -> None:
    event = wire.Event((("A", text),))
    back = wire.parse_event(event.plain()).get("A")
    if not re.search(r"%[0-9A-F]{2}", text) and text != "_undef_":
        assert back == text


@given(st.lists(st.integers(1, 40), max_size=30))
def test_commands_are_the_same_in_any_slicing(cuts: list[int]) -> None:
    stream = (
        b"\r\nconnect\r\n\r\n"
        + execute("set", "a: b=Чиж")
        + b"bgapi x\nContent-Length: 4\n\n\n\nab"
        + b"exit\n\n"
    )
    reader, lines, at = wire.CommandReader(), [], 0
    for size in [*cuts, len(stream)]:
        reader.feed(stream[at : at + size])
        at += size
        while command := reader.take():
            lines.append((command.line, command.get("Execute-App-Arg"), command.body))
    assert lines == [
        ("connect", None, b""),
        ("sendmsg", "a: b=Чиж", b""),
        ("bgapi x", None, b"\n\nab"),
        ("exit", None, b""),
    ]
    assert not reader.partial


def test_dial_strings() -> None:
    steps = bridge.parse(
        "{a=1,b=2}[b=3,c=x\\,y]user/244@h,[^^:d=x,y:e='z']sofia/gateway/gw/8901|^^bad|error/USER_BUSY"
    )
    assert [[leg.extension for leg in step] for step in steps] == [["244", "8901"], ["USER_BUSY"]]
    assert steps[0][0].variables == {"a": "1", "b": "3", "c": "x,y"}
    assert steps[0][1].variables == {"a": "1", "b": "2", "d": "x,y", "e": "z"}


def test_the_events_are_those_of_the_recordings() -> None:
    assert recordings.EVENTS.read_text("utf-8") == marks.written()
