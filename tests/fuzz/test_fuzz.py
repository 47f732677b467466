"""Every harness for a moment, everything that was ever worth keeping, and that a harness can fail at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from fs_1c import channel
from fs_1c.esl import wire
from fs_1c.talk.legs import Leg
from tests import ROOT
from tests.fuzz import engine
from tests.fuzz.engine import CORPUS, Harness, attempt, corpus, run
from tests.fuzz.harnesses import HARNESSES
from tests.fuzz.switch_words import commands, separated, variables

INPUTS = {"settings": 100, "journal": 150, "errors": 250, "wire": 250, "conversations": 250}
"""Of the slow ones; the others get 500, and all of them as many as they can by `make fuzz`."""
FILES = [(name, file) for name in HARNESSES for file in corpus(name)]


@pytest.mark.parametrize("name", HARNESSES)
def test_nothing_fails(name: str) -> None:
    report = run(HARNESSES[name], Random(name), inputs=INPUTS.get(name, 500))
    assert not report.failures, [failure.told for failure in report.failures.values()]
    assert report.inputs >= 100


@pytest.mark.parametrize(("name", "file"), FILES, ids=[f"{name}-{file}" for name, file in FILES])
def test_what_was_worth_keeping_fails_no_more(name: str, file: str) -> None:
    failure = attempt(HARNESSES[name], corpus(name)[file])
    assert failure is None, failure.told


def test_the_corpus_is_small_and_every_file_belongs_to_a_harness() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert {path.parent.name for path in files} <= set(HARNESSES)
    assert 0 < sum(path.stat().st_size for path in files) < 200_000


@pytest.fixture
def first_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """One failure is enough."""
    monkeypatch.setattr(engine, "DISTINCT", 1)


def found(name: str, inputs: int = 20_000) -> engine.Failure:
    """What the harness finds."""
    report = run(HARNESSES[name], Random(name), inputs=inputs)
    assert report.failures
    return next(iter(report.failures.values()))


@pytest.mark.usefixtures("first_only")
def test_a_header_forged_by_a_line_break_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "line", lambda value: value)
    assert b"\n" in found("multiset").octets or b"\r" in found("multiset").octets


@pytest.mark.usefixtures("first_only")
def test_code_in_a_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "_LOOKS_LIKE", {})
    assert found("channel").octets


@pytest.mark.usefixtures("first_only")
def test_a_limit_that_depends_on_the_slicing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    original = wire.Reader._read_head

    def forgets(self: wire.Reader) -> bool:
        self._searched += bool(self._searched)  # and with it an empty line that came in two pieces
        return original(self)

    monkeypatch.setattr(wire.Reader, "_read_head", forgets)
    assert found("wire").octets


@pytest.mark.usefixtures("first_only")
def test_a_pair_told_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(set[tuple[str, bool]]):
        def add(self, what: tuple[str, bool]) -> None:
            pass

    original = Leg.__init__

    def forgets(self: Leg, *given: object, **named: object) -> None:
        original(self, *given, **named)  # type: ignore[arg-type]
        self.told = Forgetful()

    monkeypatch.setattr(Leg, "__init__", forgets)
    assert len(found("conversations").octets) < 100  # and made small


def slow(octets: bytes) -> None:
    while b"!" in octets:
        pass


def test_what_hangs_is_interrupted_and_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "TOO_LONG", 0.02)
    monkeypatch.setattr(engine, "SHRINKING", 3)
    failure = attempt(Harness("slow", slow, ()), b"x!")
    assert failure is not None
    assert isinstance(failure.error, engine.TooSlow)
    report = run(Harness("slow", slow, (b"a", b"!")), Random(1), inputs=3)
    assert report.failures["TooSlow"].octets


def test_a_seed_gives_the_same_inputs_again() -> None:
    def made(seed: int) -> list[bytes]:
        given: list[bytes] = []
        run(Harness("any", given.append, (b"one", b"two")), Random(seed), inputs=500)
        return given

    assert made(1) == made(1) != made(2)
    assert len(set(made(1))) > 400


def test_the_switch_that_reads_our_commands_reads_them_as_freeswitch_does() -> None:
    octets = (
        b"sendmsg\ncall-command: execute\nexecute-app-name: multiset\n"
        b"content-type: text/plain\ncontent-length: 13\n\n^^|a=1|b=x y exit\n\n"
    )
    assert variables(octets) == [("a", "1"), ("b", "x y")]
    assert separated(r"a='x,y',b=\,,c=d", ",") == ["a=x,y", "b=,", "c=d"]
    with pytest.raises(AssertionError):
        commands(b"sendmsg\nforged: yes\n\n")
    with pytest.raises(AssertionError):
        commands(b"connect\n\nsystem\n\n")


def test_the_command_tells_what_it_did_and_a_kept_input_can_be_tried_again(tmp_path: Path) -> None:
    again = tmp_path / "redis.1"
    again.write_bytes(b"{")
    for arguments in (("--only", "redis", "--inputs", "200", "--seed", "1"), ("--only", "redis", str(again))):
        command = [sys.executable, "-m", "tests.fuzz", *arguments, "--keep", str(tmp_path / "kept")]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert "200 inputs" in ran.stdout or "passes" in ran.stdout
