"""`[calls]`: closed unless set, and no setting that would let in everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fs_1c.settings import SettingsError, build

TOKEN = "t0ken-of-the-base"
DIAL = {"dial": "sofia/gateway/trunk/{number}"}


def complaint(**calls: Any) -> str:
    with pytest.raises(SettingsError) as raised:
        build({"onec": {"url": "http://1c.example/ws"}, "calls": calls}, "f.toml")
    (line,) = raised.value.problems
    return line


def test_it_is_closed_by_default() -> None:
    calls = build({"onec": {"url": "http://1c.example/ws"}}).calls
    assert calls.listen is None and calls.dial is None and not calls.is_open


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ({"listen": "127.0.0.1:1", "token": TOKEN}, "dial: is missing"),
        ({"listen": "127.0.0.1:1", **DIAL}, "token: allowed: at least 16 characters"),
        ({"listen": "127.0.0.1:1", "token": "short", **DIAL}, "token: allowed: at least 16 characters"),
        ({"token": "with a space in it"}, "token: allowed: Latin letters"),
        ({"token": TOKEN, "token_file": "/x"}, "token and token_file: allowed is one of them"),
        ({"token_file": "/nowhere"}, "token_file: /nowhere cannot be read"),
        ({"cert_file": "/x"}, "cert_file and key_file: allowed are both or none"),
        ({"cert_file": "/x", "key_file": "/x"}, "cert_file: /x cannot be read"),
        ({"dial": "sofia/gateway/trunk/{extension}"}, "{extension} has no meaning here"),
        ({"dial": "sofia/gateway/trunk/'{number}"}, "allowed: a dial string without quotes"),
        ({"allow": ["(a+)+"]}, "allowed: own-country, or a pattern"),
        ({"caller_id": "Ромашка"}, "caller_id"),
        ({"caller_id": "7383~x=1"}, "caller_id"),
        ({"forms": ["soap"]}, "allowed: 'subscriber'"),
        ({"per_minute": 0}, "per_minute"),
        ({"ring_for": "0.1s"}, "ring_for"),
    ],
)
def test_what_is_wrong_is_one_clear_line(calls: dict[str, Any], said: str) -> None:
    line = complaint(**calls)
    assert said in line and line.startswith("f.toml: calls")
    assert "with a space" not in line and TOKEN not in line


def test_the_token_stands_in_a_file_and_in_no_text(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    given = {"listen": "0.0.0.0:9185", "token_file": str(file), **DIAL}
    settings = build({"onec": {"url": "http://1c.example/ws"}, "calls": given})
    assert settings.calls.secret() == TOKEN and settings.calls.is_open
    inline = build({"onec": {"url": "http://1c.example/ws"}, "calls": {"token": TOKEN}})
    assert TOKEN not in f"{inline!r}{inline.model_dump_json()}"


RECORDED = "/rec/{date}/{call}.wav"


@pytest.mark.parametrize(
    "record",
    [
        "rec/{call}.wav",
        "/rec/{date}.wav",
        "/rec/{call}{call}.wav",
        "/rec/../{call}.wav",
        "/rec/{number}/{call}.wav",
        "${recordings_dir}/{call}.wav",
        "/rec/${system(id)}/{call}.wav",
        "/rec/{call}.sh",
        "/rec/{call}.wav\n",
        *(f"/rec/{sign}{{call}}.wav" for sign in " '\"~^,|)}]&;\\%ж"),
    ],
)
def test_a_recording_has_a_path_that_is_safe_in_a_dial_string(record: str) -> None:
    assert "calls.record: allowed: a file's path" in complaint(record=record)


def test_a_recording_is_where_the_addresses_lead() -> None:
    data: dict[str, Any] = {"onec": {"url": "http://1c.example/ws"}, "calls": {"record": RECORDED}}
    assert build(data).calls.record == RECORDED
    data["recordings"] = {"folder": "/rec", "link": "https://pbx.example/r"}
    assert build(data).calls.record == RECORDED
    data["recordings"]["folder"] = "/records"
    with pytest.raises(SettingsError) as raised:
        build(data, "f.toml")
    assert "calls.record: allowed is a file in recordings.folder, /records" in raised.value.problems[0]
