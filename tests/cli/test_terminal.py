"""Whatever 1C and callers wrote reaches a terminal as letters, in JSON, too; a program reads the same."""

from __future__ import annotations

import json
import os
import pty
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.channel import json_line
from fs_1c.cli import ask, raw
from fs_1c.simulator.onec import Client, OneCSimulator, OneCSimulatorSettings
from tests import ROOT
from tests.cli.support import write
from tests.onec.pretend import PretendOneC, http
from tests.support import SEED

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
CONTROLS = "".join(map(chr, [*range(0x20), 0x7F, *range(0x80, 0xA0)]))
ACTED_UPON = BIDI + CONTROLS + "\u2028\u2029\ufeff\u00ad"
TEXT = st.text(st.characters() | st.sampled_from(ACTED_UPON + '\ud800\udfff"\\я😀'))
VALUES = st.recursive(
    TEXT | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)


@given(VALUES)
def test_json_is_one_line_of_letters_and_says_the_same(value: object) -> None:
    line = json_line(value)
    assert line.isprintable()
    assert not set(ACTED_UPON) & set(line)
    assert json.loads(line) == json.loads(json.dumps(value))


def test_letters_stay_letters() -> None:
    assert json_line({"title": "ООО «Рога & Копыта» 😀"}) == '{"title": "ООО «Рога & Копыта» 😀"}'
    assert json_line("\x9b31m\u202e\u061c\ud800") == '"\\u009b31m\\u202e\\u061c\\ud800"'


def test_lookup_escapes_what_1c_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # XML has no C0 controls, but these.
    title = "Ромашка\x9b31m\x85" + BIDI + "я"
    with OneCSimulator(OneCSimulatorSettings(port=0, clients=(Client(SEED, title, title, title),))) as onec:
        assert ask.lookup(write(tmp_path, onec.url), SEED, base="", as_json=True) == 0
    out = capsys.readouterr().out
    assert out.endswith("\n")
    assert out[:-1].isprintable()
    told = json.loads(out)
    assert "\x9b31m" in told["title"]
    assert "\u202e" in told["title"]


def test_nobody_else_writes_json_to_a_terminal() -> None:
    """The page's and the simulator's own JSON goes to programs."""
    for room in ("cli", "check", "journal"):
        place = ROOT / "fs_1c" / room
        for path in [place] if place.suffix else sorted(place.rglob("*.py")):
            assert "json.dump" not in path.read_text("utf-8"), path


def test_what_came_moves_no_cursor_of_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = f"<a>\x1b[2J\x9b2Jпривет\r{BIDI}\tб</a>\r\n".encode() + b"\xff\x9b2J\r\n"
    main, side = pty.openpty()
    with PretendOneC(lambda asked: http(body, "500 X")) as onec, os.fdopen(side, "w") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        assert raw.lookup(write(tmp_path, onec.url), SEED, base="") == 4
        monkeypatch.undo()
        shown = os.read(main, 100_000).decode()
    os.close(main)
    assert "привет" in shown
    assert r"\x1b[2J\x9b2J" in shown
    assert r"\xff\x9b2J" in shown
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf") and c not in "\r\n"]
    assert "\r" not in shown.replace("\r\n", "\n")
