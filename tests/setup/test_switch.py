"""What stands in a switch's own files: its event socket, and extensions for the same number."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.check import Level
from fs_1c.settings import Address
from fs_1c.setup.switch import described, door, same_number
from tests import ROOT
from tests.setup.support import EVENT_SOCKET


def configured(**parameters: str) -> bytes:
    rows = "".join(
        f'<param name="{name.replace("_", "-")}" value="{it}"/>' for name, it in parameters.items()
    )
    return f"<configuration><settings>{rows}</settings></configuration>".encode()


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (configured(listen_ip="::", listen_port="8021", password="a"), ("127.0.0.1", 8021, "a")),
        (configured(listen_ip="0.0.0.0", listen_port="8022", password="a"), ("127.0.0.1", 8022, "a")),
        (configured(listen_ip="10.0.0.5", password="a&amp;&quot;"), ("10.0.0.5", 8021, 'a&"')),
        (configured(listen_ip="$${local_ip_v4}", password="a"), None),
        (configured(listen_ip="::", password="$${event_socket_password}"), None),
        (configured(listen_ip="::"), None),
        (configured(listen_port="80210", password="a"), None),
        (configured(listen_port="²", password="a"), None),
        (EVENT_SOCKET.format(port=8021, password="new").encode(), ("127.0.0.1", 8021, "new")),
        (b"", None),
        (b"<configuration><settings><param name='password' value='a'/>", ("127.0.0.1", 8021, "a")),
    ],
)
def test_the_event_socket_of_a_configuration(octets: bytes, found: tuple[str, int, str] | None) -> None:
    assert described(octets) == (found and (Address(found[0], found[1]), found[2]))


def test_our_own_example_is_understood() -> None:
    assert door(ROOT / "dialplan") == (
        Address("127.0.0.1", 8021),
        "change-this",
        str(ROOT / "dialplan" / "autoload_configs" / "event_socket.conf.xml"),
    )


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x><settings>&b;</settings></x>'


@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace"))
    )
)
def test_whatever_stands_there(octets: bytes) -> None:
    for text in (octets, b"<configuration>" + octets + b"</configuration>", BOMB + octets):
        found = described(text)
        assert found is None or found[1]


def extension(name: str, *conditions: str, more: str = "") -> str:
    rows = "".join(f"<condition {one}/>" for one in conditions)
    rows = rows.replace("/>", '><action application="answer"/></condition>', 1)
    return f'<include><extension name="{name}"{more}>{rows}</extension></include>'


def dialled(pattern: str) -> str:
    return f'field="destination_number" expression="{pattern}"'


@pytest.mark.parametrize(
    ("file", "text", "level"),
    [
        ("00_did.xml", extension("x", dialled("^74951234567$")), Level.PROBLEM),
        ("00_did.xml", extension("x", dialled(r"^\+?7495\d+$")), Level.PROBLEM),
        ("00_did.xml", extension("x", dialled("^(.*)$")), Level.PROBLEM),
        ("99_all.xml", extension("x", dialled("^(.*)$")), Level.WARNING),
        ("../public.xml", extension("x", dialled("^74951234567$")), Level.PROBLEM),
        ("00_did.xml", extension("x", dialled("^5551212$")), None),
        ("00_did.xml", extension("x", dialled("^(.*)$"), more=' continue="true"'), None),
        ("00_did.xml", extension("x", dialled("^(.*)$"), 'field="${vip}" expression="^true$"'), None),
        ("00_did.xml", extension("x", dialled("^(.*)$"), 'wday="2-6"'), None),
        ("00_did.xml", extension("x"), None),
        ("00_did.xml", extension("x", dialled("^(74951234567$")), None),
        ("00_did.xml", "<include", None),
        ("00_did.txt", extension("x", dialled("^74951234567$")), None),
    ],
)
def test_an_extension_for_the_same_number(tmp_path: Path, file: str, text: str, level: Level | None) -> None:
    folder = tmp_path / "public"
    folder.mkdir()
    (folder / file).write_text(text)
    found = same_number(folder, ["84951234567"])
    assert [one.level for one in found] == ([level] if level else [])
    assert all(Path(file).name in one.what and " x" in one.what for one in found)


def test_the_dialplan_of_a_standard_freeswitch_is_in_nobodys_way(tmp_path: Path) -> None:
    standard = Path("/usr/local/freeswitch/etc/freeswitch/dialplan/public")
    if not standard.is_dir():
        pytest.skip("there is no standard configuration of FreeSWITCH here")
    assert same_number(standard, ["74951234567"]) == []
    assert [one.level for one in same_number(standard, ["5551212"])] == [Level.WARNING]
    assert [one.level for one in same_number(standard, ["1000"])] == [Level.PROBLEM]
