"""`fs-1c setup` as somebody uses it: questions at a terminal, mistakes, and what is written in the end."""

from __future__ import annotations

import ctypes
import signal
from pathlib import Path

import pytest

from fs_1c.settings import load
from tests.setup.conftest import SECRET, SOCKET_SECRET, World
from tests.setup.support import CLIENT, NUMBER, TARGET
from tests.setup.terminal import Terminal

AGAIN = "k: keep it as it is"


def places(world: World) -> list[str]:
    place = world.place
    return ["--folder", str(place.folder), "--switch-folder", str(place.switch)]


def test_questions_and_mistakes(world: World) -> None:
    with Terminal("setup", *places(world)) as screen:
        screen.answer("1C's web service", "1c.example/ws/VATS")
        assert "allowed: http://HOST" in screen.answer(
            "1C's web service", "http://127.0.0.1:1/telephony/ws/VATS"
        )
        assert "127.0.0.1:1: refused" in screen.answer(AGAIN, "")
        screen.answer("1C's web service", world.onec.url)
        screen.answer("1C's user", "SOAP")
        screen.answer("password", "guessed")
        assert "PROBLEM authentication" in screen.answer(AGAIN, "")
        screen.answer("1C's user [SOAP]", "")
        screen.answer("password", SECRET)
        screen.answer("a client whom 1C knows", CLIENT)
        found = screen.answer("extension at which cards", "")
        assert "Dialect mobilon-2" in found
        assert "Фэйковый чиж" in found
        screen.answer("Its key", "")
        assert "not empty" in screen.answer("the keys) [244]", "seven")
        assert "no extension" in screen.answer("the keys) [244]", "")
        screen.answer("Its key", "K-of-244")
        screen.answer("extension at which cards", "directory")
        assert "the switch lets us in" in screen.answer("number that clients dial", "seven four")
        assert "no telephone number" in screen.answer("number that clients dial", NUMBER)
        screen.answer("Who rings", "1999")
        assert "no 1999@127.0.0.1" in screen.answer(AGAIN, "")
        screen.answer("Who rings", TARGET)
        screen.answer("whole calls", "")
        assert not world.place.folder.exists()
        screen.answer("Write these files? [Y/n] ", "")
        screen.until("What remains:")
        assert screen.end() == 0, screen.shown
    for secret in (SECRET, SOCKET_SECRET, "guessed", "K-of-244"):
        assert secret not in screen.shown
    settings = load(world.place.folder / "fs-1c.toml")
    assert settings.onec["default"].secret() == SECRET
    assert settings.history.enabled and settings.subscribers.directory
    assert (world.place.folder / "subscribers.csv").read_text() == "extension,key\n244,K-of-244\n"
    assert "user/1000@${domain}" in (world.place.public / "00_fs-1c.xml").read_text()


def test_options_and_questions(world: World, tmp_path: Path) -> None:
    """What an option says is not asked, unless it is wrong. What cannot be helped now may stay."""
    password = tmp_path / "1c"
    password.write_text(f"{SECRET}\n")
    wrong = tmp_path / "event-socket"
    wrong.write_text("old\n")
    given = ["--url", world.onec.url, "--username", "SOAP", "--password-file", str(password)]
    given += ["--client", "none", "--number", "seven", "--target", "1999", "--history", "no"]
    given += ["--event-socket", f"127.0.0.1:{world.switch.event_socket_port}"]
    given += ["--event-socket-password-file", str(wrong)]
    with Terminal("setup", *places(world), *given) as screen:
        assert "--number: seven: is no telephone number" in screen.answer("extension at which cards", "none")
        assert "event socket's password is wrong" in screen.answer(AGAIN, "")
        screen.answer("event socket (none", "")
        screen.answer("event socket's password", SOCKET_SECRET)
        screen.answer("number that clients dial", NUMBER)
        assert "no 1999@127.0.0.1" in screen.answer(AGAIN, "k")
        screen.answer("Write these files? [Y/n] ", "y")
        assert screen.end() == 0, screen.shown
    assert "user/1999@${domain}" in (world.place.public / "00_fs-1c.xml").read_text()
    assert load(world.place.folder / "fs-1c.toml").esl.inbound[0].secret() == SOCKET_SECRET


@pytest.mark.parametrize(("keys", "code"), [("\x03", 1), ("\x04", 1), ("n\n", 1)])
def test_whoever_stops_has_nothing_written(world: World, keys: str, code: int) -> None:
    before = world.place.files()
    given = ["--url", world.onec.url, "--username", "none", "--number", NUMBER, "--target", TARGET]
    with Terminal("setup", *places(world), *given, "--no-try", "--event-socket", "none") as screen:
        screen.answer("a client whom 1C knows", "")
        screen.answer("Dialect", "")
        screen.answer("extension at which cards", "")
        screen.until("Write these files? [Y/n] ")
        screen.type(keys)
        assert screen.end() == code, screen.shown
    assert "othing has been written" in screen.shown
    assert world.place.files() == before


def _put_aside_before_it_reads() -> None:
    """As on a busy machine: a signal comes when Python has looked for signals, and has not begun to read."""
    hook = ctypes.c_void_p.in_dll(ctypes.pythonapi, "PyOS_InputHook")
    hook.value = ctypes.cast(ctypes.CDLL(None).pause, ctypes.c_void_p).value


def test_an_interrupt_just_before_a_question_is_read_is_heard(world: World) -> None:
    with Terminal("setup", *places(world), before=_put_aside_before_it_reads) as screen:
        screen.until("1C's web service")
        screen.type("\x03")
        assert screen.end() == 1, screen.shown
    assert "othing has been written" in screen.shown


@pytest.mark.parametrize("ended", ["interrupted", signal.SIGTERM, signal.SIGHUP])
def test_an_end_at_a_password_is_heard_and_the_terminal_shows_again_what_is_typed(
    world: World, ended: str | signal.Signals
) -> None:
    with Terminal("setup", *places(world), "--url", world.onec.url) as screen:
        screen.answer("1C's user", "SOAP")
        screen.until("password: ")
        assert not screen.shows_what_is_typed()
        if isinstance(ended, signal.Signals):
            screen.told(ended)
        else:
            screen.type("\x03")
        screen.until("othing has been written")
        assert screen.shows_what_is_typed()
        assert screen.end() == 1, screen.shown


def test_1c_that_is_not_there_yet_may_stay(world: World) -> None:
    """Then nothing more is tried at it."""
    given = [
        "--url",
        "http://127.0.0.1:1/ws/VATS",
        "--username",
        "none",
        "--target",
        TARGET,
        "--history",
        "no",
    ]
    with Terminal("setup", *places(world), *given) as screen:
        assert "127.0.0.1:1: refused" in screen.answer(AGAIN, "k")
        screen.answer("a client whom 1C knows", CLIENT)
        screen.answer("Dialect", "mobilon-3")
        assert "PROBLEM" not in screen.answer("number that clients dial", NUMBER)
        screen.answer("Write these files? [Y/n] ", "")
        assert screen.end() == 0, screen.shown
    assert load(world.place.folder / "fs-1c.toml").onec["default"].dialect == "mobilon-3"


def test_a_dialect_that_is_not_the_bases_is_looked_for(world: World) -> None:
    given = ["--url", world.onec.url, "--username", "SOAP", "--client", "none", "--dialect", "mobilon-3"]
    given += ["--number", NUMBER, "--target", TARGET, "--history", "no"]
    with Terminal("setup", *places(world), *given) as screen:
        screen.answer("password", SECRET)
        assert 'Set onec.dialect = "mobilon-2"' in screen.answer(AGAIN, "")
        assert "Dialect mobilon-2: so its ?wsdl says." in screen.answer("extension at which cards", "")
        screen.answer("Write these files? [Y/n] ", "")
        assert screen.end() == 0, screen.shown
    assert load(world.place.folder / "fs-1c.toml").onec["default"].dialect == "mobilon-2"


def test_in_russian(world: World) -> None:
    given = ["--url", world.onec.url, "--username", "SOAP", "--target", TARGET, "--history", "нет"]
    with Terminal("--lang", "ru", "setup", *places(world), *given) as screen:
        screen.answer("Его пароль", SECRET)
        screen.answer("Номер клиента", "нет")
        screen.answer("у которого открывать карточки", "нет")
        screen.answer("На какой номер", "семь")
        assert "это не телефонный номер" in screen.answer("На какой номер", NUMBER)
        screen.answer("[Д/н] ", "д")
        screen.until("Осталось выполнить:")
        assert screen.end() == 0, screen.shown
    assert load(world.place.folder / "fs-1c.toml").history.enabled is False
