"""Whose key is whose: settings, file, leg, directory."""

from __future__ import annotations

import logging
import os
from concurrent.futures import Future
from pathlib import Path

import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fs_1c.cards import subscribers
from fs_1c.cards.subscribers import Subscribers, parse
from fs_1c.settings import SettingsError, SubscribersSettings, build
from tests.support import KEY as SECRET
from tests.support import until


def made(**given: object) -> Subscribers:
    return Subscribers(SubscribersSettings.model_validate(given))


def at_once(key: str, asked: list[tuple[str, str]] | None = None) -> subscribers.Ask:
    """A directory that answers that."""

    def ask(user: str, domain: str, what: str = "") -> Future[str]:
        if asked is not None:
            asked.append((user, domain))
        answer: Future[str] = Future()
        answer.set_result(key)
        return answer

    return ask


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("extension,key\n244,one\n245,two\n", {"244": "one", "245": "two"}),
        ("244,one\n245,two", {"244": "one", "245": "two"}),
        ("\ufeffДобавочный;Ключ\r\n244;one\r\n245;two\r\n", {"244": "one", "245": "two"}),
        ("244\tone\tФИО\n", {"244": "one"}),
        ('"244","a,b"\n', {"244": "a,b"}),
        (" 244 , one \n\n\n", {"244": "one"}),
        ("", {}),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1251"])
def test_a_file_in_any_usual_form(text: str, keys: dict[str, str], encoding: str) -> None:
    if encoding == "cp1251":
        text = text.removeprefix("\ufeff")
    assert parse(text.encode(encoding), {}) == (keys, [])


@pytest.mark.parametrize(
    ("text", "keys", "problem"),
    [
        ("244,one\n244,two\n", {"244": "one"}, "line 2: extension 244 has two keys; the first counts"),
        ("245,mine\n", {"245": "mine"}, ""),
        ("243,other\n", {}, "line 1: extension 243 has two keys; the settings' counts"),
        ("243,in settings\n", {}, ""),
        ("244,one\nx,y\n", {"244": "one"}, "line 2: the extension is not a number"),
        ("244,\n", {}, "line 1: extension 244 has no key, or too long a one"),
        (f"244,{'k' * 300}\n", {}, "line 1: extension 244 has no key, or too long a one"),
        ("244,one\n245\n", {"244": "one"}, "line 2: allowed is extension,key"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_line_and_without_a_key(
    text: str, keys: dict[str, str], problem: str
) -> None:
    found, problems = parse(text.encode(), {"243": "in settings"})
    assert {extension: found[extension] for extension in found if extension != "243"} == keys
    assert problems == ([problem] if problem else [])


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_file_is_survived(octets: bytes) -> None:
    keys, problems = parse(octets, {})
    assert all(extension.isdigit() and key for extension, key in keys.items())
    assert all("\n" not in problem for problem in problems)


def test_the_settings_win_over_the_file_and_that_over_the_leg(tmp_path: Path) -> None:
    file = tmp_path / "subscribers.csv"
    file.write_text("244,from file\n245,from file\n")
    here = made(keys={"244": SECRET}, file=file)
    try:
        assert [here.key(extension, "from leg") for extension in ("244", "245", "246")] == [
            SECRET,
            "from file",
            "from leg",
        ]
        assert here.key("247") == ""
        assert here.problems == [f"{file}: line 1: extension 244 has two keys; the settings' counts"]
    finally:
        here.close()


def test_a_file_that_changes_is_read_again_and_one_that_vanishes_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(subscribers, "LOOK_EVERY", 0.01)
    file = tmp_path / "subscribers.csv"
    file.write_text(f"244,{SECRET}\n")
    here = made(file=file)
    try:
        file.write_text("244,another\n245,new\n")
        os.utime(file, (1, 1))
        until(lambda: here.key("245") == "new")
        assert here.key("244") == "another"
        file.unlink()
        until(lambda: "cannot be read" in caplog.text)
        assert here.key("244") == "another"
        file.write_text("244,back\n")
        until(lambda: here.key("244") == "back")
    finally:
        here.close()
    assert SECRET not in caplog.text
    assert "another" not in caplog.text


def test_a_file_that_cannot_be_read_at_the_start_is_a_wrong_setting(tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    with pytest.raises(SettingsError) as error:
        build({"onec": {"url": "http://1c/ws"}, "subscribers": {"file": str(missing)}})
    (problem,) = error.value.problems
    assert problem == f"settings: subscribers.file: {missing} cannot be read: No such file or directory"


def test_the_directory_is_asked_once_in_a_while() -> None:
    asked: list[tuple[str, str]] = []
    here = made(directory=True, directory_for="5m")
    with freeze_time() as clock:
        for _ in range(3):
            assert here.find("244", "pbx.example", "", at_once(SECRET, asked)).result(30) == SECRET
            assert here.find("245", "pbx.example", "", at_once("", asked)).result(30) == ""
        assert asked == [("244", "pbx.example"), ("245", "pbx.example")]
        clock.tick(subscribers.NONE_FOR + 1)
        assert here.find("245", "pbx.example", "", at_once("late one", asked)).result(30) == "late one"
        assert here.find("244", "pbx.example", "", at_once("", asked)).result(30) == SECRET
        clock.tick(300)
        assert here.find("244", "pbx.example", "", at_once("changed", asked)).result(30) == "changed"
    assert len(asked) == 4


def test_the_directory_is_not_asked_if_it_need_not_or_must_not_be() -> None:
    asked: list[tuple[str, str]] = []
    assert made(directory=True).find("244", "", "on leg", at_once("x", asked)).result(30) == "on leg"
    assert made(directory=True, keys={"244": "k"}).find("244", "", "", at_once("x", asked)).result(30) == "k"
    assert made().find("244", "", "", at_once("x", asked)).result(30) == ""
    assert made(directory=True).find("244", "", "", None).result(30) == ""
    assert asked == []


@pytest.mark.parametrize("domain", ["pbx\nevil", "a b", "x;y", "${system(id)}", "д.рф", "x" * 300])
def test_a_domain_that_is_none_is_not_sent_to_the_switch(domain: str) -> None:
    asked: list[tuple[str, str]] = []
    made(directory=True).find("244", domain, "", at_once("x", asked)).result(30)
    assert asked == [("244", "")]


def test_a_directory_that_hangs_dies_or_lies_costs_the_card_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(subscribers, "ANSWER_WITHIN", 0.05)
    here = made(directory=True)
    silent: Future[str] = Future()
    assert here.find("244", "", "", lambda user, domain, what="": silent).result(30) == ""
    until(lambda: "extension=244: the directory did not tell the key" in caplog.text)
    silent.set_result("too late for that card")  # but not for the next one
    assert here.find("244", "", "", None).result(30) == "too late for that card"

    broken: Future[str] = Future()
    broken.set_exception(OSError("gone"))
    assert here.find("245", "", "", lambda user, domain, what="": broken).result(30) == ""

    def raises(user: str, domain: str, what: str = "") -> Future[str]:
        raise RuntimeError("no loop")

    assert here.find("246", "", "", raises).result(30) == ""
    assert here.find("247", "", "", at_once("k" * 10_000)).result(30) == "k" * subscribers.MAX_KEY


def test_a_login_may_have_an_extension_that_has_the_key() -> None:
    asked: list[tuple[str, str, str]] = []

    def ask(user: str, domain: str, what: str = "key") -> Future[str]:
        asked.append((user, domain, what))
        answer: Future[str] = Future()
        answer.set_result({"petrov": "246"}.get(user, "") if what == subscribers.ALIAS else "from-there")
        return answer

    here = made(keys={"246": SECRET, "ivanov": "his own"})
    assert here.find("petrov", "pbx", "", ask).result(30) == SECRET
    assert here.find("petrov", "pbx", "", None).result(30) == SECRET  # remembered
    assert here.find("ivanov", "pbx", "", ask).result(30) == "his own"
    assert here.find("sidorov", "pbx", "", ask).result(30) == ""
    assert here.find("x y\nexit", "pbx", "", ask).result(30) == ""  # no word: it could not be asked about
    assert asked == [("petrov", "pbx", subscribers.ALIAS), ("sidorov", "pbx", subscribers.ALIAS)]
    there = made(keys={"246": SECRET}, directory=True)
    assert there.find("sidorov", "pbx", "", ask).result(30) == "from-there"


def test_no_key_is_shown() -> None:
    settings = SubscribersSettings(keys={"244": SecretStr(SECRET)})
    assert SECRET not in f"{settings!r} {settings} {Subscribers(settings)!r}"
