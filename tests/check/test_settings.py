"""`fs-1c check` and what can be seen in the settings and their files alone."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fs_1c.cards.subscribers import MAX_FILE
from fs_1c.check import keys
from fs_1c.check.finding import Finding, Level
from fs_1c.check.masking import Mask
from fs_1c.check.steps import recordings_step, settings_step
from fs_1c.settings import SubscribersSettings, build, load
from tests.check.conftest import bad, check, the_one
from tests.support import as_nobody

PROBLEM, WARNING = Level.PROBLEM, Level.WARNING
SECRET = "s3cret-of-mine"


def seen(folder: Path, text: str = "", onec: str = "", mode: int = 0o600) -> list[Finding]:
    """The findings about a settings file with this text; 1C is away."""
    path = folder / "fs-1c.toml"
    state = f'\n[state]\nfolder = "{folder}"\n' if "[state]" not in text else ""
    path.write_text(
        f'[onec]\nurl = "http://127.0.0.1:9/ws/x"\n{onec}\n{text}{state}'
        "\n[esl.outbound]\nenabled = false\n[http]\nenabled = false\n"
        + ("" if "subscribers" in text else '[subscribers.keys]\n"244" = "KEY244"\n')
    )
    path.chmod(mode)
    found = [one for one in check(load(path), path=path) if one.where == "settings"]
    assert SECRET not in str(found)
    assert "KEY" not in str(found)
    return found


def secret_file(folder: Path, name: str, mode: int = 0o640, content: bytes = b"s3cret-of-mine\n") -> Path:
    path = folder / name
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(("token", "short"), [("", False), ("x" * 15, True), ("x" * 16, False)])
def test_a_token_that_can_be_guessed(token: str, short: bool) -> None:
    found, _ = settings_step.secrets(
        build({"onec": {"url": "http://127.0.0.1:9/ws/x"}, "http": {"token": token}}), Mask()
    )
    if short:
        the_one(found, WARNING, "settings", "http.token has 15 characters", "openssl")
    else:
        assert not bad(found)


# Files.


def test_files_that_only_those_read_who_must(tmp_path: Path) -> None:
    password = secret_file(tmp_path, "password")
    assert bad(seen(tmp_path, onec=f'password_file = "{password}"')) == []


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o642, 0o666])
def test_a_password_file_that_everybody_reads(tmp_path: Path, mode: int) -> None:
    password = secret_file(tmp_path, "password", mode)
    found = seen(tmp_path, onec=f'password_file = "{password}"')
    the_one(found, WARNING, "settings", f"chmod 640 {password}", "onec.password_file")


def test_a_proxys_password_is_masked(tmp_path: Path) -> None:
    path = tmp_path / "fs-1c.toml"
    path.write_text(
        '[onec]\nurl = "http://1c.example/b"\nproxy = "http://SOAP:s3cret%20mine@proxy.example:1"\n'
    )
    mask = Mask()
    settings_step.secrets(load(path), mask)
    told = "http://SOAP:s3cret%20mine@proxy.example:1 s3cret mine s3cret%20mine U09BUDpzM2NyZXQgbWluZQ=="
    assert mask.text(told) == "*** *** *** ***"


def test_secrets_in_settings_that_everybody_reads(tmp_path: Path) -> None:
    found = seen(tmp_path, onec=f'password = "{SECRET}"', mode=0o644)
    the_one(found, WARNING, "settings", "keys, password", f"chmod 640 {tmp_path}/fs-1c.toml")


def test_settings_without_a_secret_may_be_read_by_everybody(tmp_path: Path) -> None:
    switches = (
        '[[esl.inbound]]\naddress = "127.0.0.1:9"\npassword = "ClueCon"\n[subscribers]\ndirectory = true\n'
    )
    assert bad(seen(tmp_path, switches, mode=0o644)) == []


@pytest.mark.parametrize(
    ("content", "level", "words"),
    [
        (b"\xff\xfe\x00", PROBLEM, ("not UTF-8", "onec.password_file")),
        (b"s3cret-of-mine \n", WARNING, ("space",)),
    ],
)
def test_a_password_file_that_is_no_good(
    tmp_path: Path, content: bytes, level: Level, words: tuple[str, ...]
) -> None:
    password = secret_file(tmp_path, "password", content=content)
    the_one(seen(tmp_path, onec=f'password_file = "{password}"'), level, "settings", *words)


@pytest.mark.parametrize("setting", ["onec.password_file", "esl.inbound.password_file"])
def test_a_password_file_that_is_still_empty_is_the_first_that_is_told(tmp_path: Path, setting: str) -> None:
    password = secret_file(tmp_path, "password", content=b"\n")
    of_base = setting.startswith("onec")
    switch = f'[[esl.inbound]]\naddress = "127.0.0.1:9"\npassword_file = "{password}"\n'
    text = "" if of_base else switch
    found = seen(tmp_path, text, onec=f'password_file = "{password}"' if of_base else "")
    empty = the_one(found, PROBLEM, "settings", f"{setting}: {password} is empty", f"> {password}")
    assert bad(found)[0] is empty


def test_a_password_file_that_hangs_holds_up_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_step, "FILE_WITHIN", 0.2)
    os.mkfifo(tmp_path / "password", 0o600)
    found = seen(tmp_path, onec=f'password_file = "{tmp_path}/password"')
    the_one(found, PROBLEM, "settings", "onec.password_file", "nothing came within 0.2 s")
    assert [one.level for one in found if one.step == "state"] == [Level.OK]


# The folder for what must outlive the service.


def test_no_state_folder(tmp_path: Path) -> None:
    the_one(seen(tmp_path, "[state]\n"), WARNING, "state", "no state.folder", "/var/lib/fs-1c")


@pytest.mark.parametrize("serves", [True, False])
def test_a_state_folder_that_is_none(tmp_path: Path, serves: bool) -> None:
    """Where mod_python3 does both jobs no service is to be started beside it: each card would open twice."""
    folder = tmp_path / "none"
    given = {"onec": {"url": "http://127.0.0.1:9/ws/x"}, "state": {"folder": folder}}
    found = settings_step.state(build({**given, "esl": {"outbound": {"enabled": serves}}}))
    one = the_one(found, PROBLEM, "state", "none cannot be written: No such file")
    assert ("Start the service: its systemd unit makes /var" in one.remedy) is serves
    assert ("install -d -o freeswitch -g freeswitch" in one.remedy) is not serves
    assert not folder.exists()


def test_a_state_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writable = os.access

    def access(path: Path, mode: int, **effective: bool) -> bool:
        return not mode & os.W_OK and writable(path, mode)

    monkeypatch.setattr(os, "access", access)
    the_one(seen(tmp_path), PROBLEM, "state", "cannot be written", "chown -R")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
@pytest.mark.parametrize("what", ["state.folder", "recordings.folder"])
def test_a_folder_below_one_that_may_not_be_entered(everybodys: Path, what: str) -> None:
    closed, own = everybodys / "closed", everybodys / "closed" / "own"
    own.mkdir(parents=True)
    onec = {"url": "http://127.0.0.1:9/ws/x"}
    state = {"folder": str(own if what == "state.folder" else "/")}
    recordings = {"folder": str(own), "link": "https://pbx.example/r"}
    given = build({"onec": onec, "state": state, "recordings": recordings})
    look = settings_step.state if what == "state.folder" else recordings_step.recordings
    closed.chmod(0o700)
    with as_nobody():
        found = look(given)
    assert found[0].level is PROBLEM
    assert f"Permission denied: nobody may not enter {closed}: chgrp nogroup" in found[0].what


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_what_root_has_left_in_the_folder_is_seen(everybodys: Path) -> None:
    own = everybodys / "own"
    own.mkdir()
    (own / "journal.db").touch(0o640)
    os.chown(own, 65534, 65534)
    given = build({"onec": {"url": "http://127.0.0.1:9/ws/x"}, "state": {"folder": str(own)}})
    with as_nobody():
        (found,) = settings_step.state(given)
    assert found.level is PROBLEM
    assert f"{own}/journal.db cannot be written: Permission denied to nobody" in found.what
    assert "chown -R fs-1c:" in found.remedy


def test_a_state_folder_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=10, f_frsize=4096))
    the_one(seen(tmp_path), WARNING, "state", "almost full", "journal.keep_for")


# Subscribers.


@pytest.mark.parametrize(
    ("text", "level", "words"),
    [
        ('[subscribers.keys]\n"244" = "KEY1"\n"245" = ""\n', PROBLEM, ("no key for extension 245",)),
        ("[subscribers]\n", WARNING, ("no subscriber has a key", "[subscribers.keys]")),
        (
            '[subscribers.keys]\n"244" = "KEY1"\n"reception" = "KEY2"\n',
            WARNING,
            ("reception", "extension_digits"),
        ),
        ("[subscribers]\ndirectory = true\n", PROBLEM, ("subscribers.directory", "[[esl.inbound]]")),
    ],
)
def test_subscribers_that_no_card_opens_at(
    tmp_path: Path, text: str, level: Level, words: tuple[str, ...]
) -> None:
    the_one(seen(tmp_path, text), level, "settings", *words)


def test_one_key_for_several_extensions_is_fine(tmp_path: Path) -> None:
    assert bad(seen(tmp_path, '[subscribers.keys]\n"244" = "KEY1"\n"245" = "KEY1"\n')) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"244,KEY1\n244,KEY2\n", ("extension 244 has two keys", "one key")),
        (b"100,KEY9\n", ("extension 100 has two keys", "the settings' counts")),
        (b"244,KEY1\n245\n", ("line 2", "extension,key")),
        (b"244,KEY1\n245,\n", ("extension 245 has no key",)),
        (b"".join(b"%d\n" % line for line in range(100)), ("line 5", "and 95 more")),
        (b"x" * (MAX_FILE + 1), ("subscribers.file cannot be read", "octets")),
    ],
)
def test_a_file_of_subscribers_that_contradicts_itself_or_cannot_be_read(
    tmp_path: Path, content: bytes, words: tuple[str, ...]
) -> None:
    file = secret_file(tmp_path, "subscribers.csv", content=content)
    text = f'[subscribers]\nfile = "{file}"\n[subscribers.keys]\n"100" = "KEY100"\n'
    the_one(seen(tmp_path, text), PROBLEM, "settings", *words)


def test_a_file_of_subscribers_as_it_should_be(tmp_path: Path) -> None:
    content = "\ufeffextension;key\r\n244;KEY1\r\n\r\n245; KEY1\r\n244;KEY1\r\n".encode()
    file = secret_file(tmp_path, "subscribers.csv", content=content)
    assert bad(seen(tmp_path, f'[subscribers]\nfile = "{file}"\n')) == []
    settings = SubscribersSettings(file=file, keys={"246": SecretStr("KEY6"), "244": SecretStr("")})
    told = keys.read(settings)
    assert (told.of, told.without) == ({"244": "KEY1", "245": "KEY1", "246": "KEY6"}, ())
    assert "KEY1" not in repr(told)


def test_a_file_of_subscribers_that_has_vanished(tmp_path: Path) -> None:
    settings = SubscribersSettings(file=secret_file(tmp_path, "subscribers.csv"))
    (tmp_path / "subscribers.csv").unlink()
    told = keys.read(settings)
    assert (told.of, told.unread) == ({}, "No such file or directory")


def test_a_file_of_subscribers_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_step, "FILE_WITHIN", 0.2)
    os.mkfifo(tmp_path / "subscribers.csv", 0o600)
    found = seen(tmp_path, f'[subscribers]\nfile = "{tmp_path}/subscribers.csv"\n')
    the_one(found, PROBLEM, "settings", "subscribers.file cannot be read", "within 0.2 s")


# Secrets.


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("s3cret", "HTTP 500: s3cret of s3cret!", "HTTP 500: *** of ***!"),
        ("пароль/1", "url?p=%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C%2F1", "url?p=***"),
        ("s3cret", "Authorization: Basic U09BUDpzM2NyZXQ=", "Authorization: Basic ***"),
        ("12", "89121212 12 (12)", "89121212 *** (***)"),
        ("", "nothing", "nothing"),
    ],
)
def test_secrets_are_masked_however_they_are_written(secret: str, text: str, shown: str) -> None:
    mask = Mask()
    mask.learn(secret, "SOAP")
    assert mask.text(text) == shown


@given(st.text(min_size=4, max_size=20), st.text(max_size=50), st.text(max_size=50))
def test_no_secret_survives_in_any_text(secret: str, before: str, after: str) -> None:
    mask = Mask()
    mask.learn(secret)
    shown = mask.text(f"{before}{secret}{after}")
    assert shown.isprintable() or not shown
    if "*" not in secret and secret.isprintable() and secret == " ".join(secret.split()):
        assert secret not in shown


def test_what_is_masked_is_on_one_line_and_bounded() -> None:
    shown = Mask().text("a\r\nb\x1b[31m\u2028" + "x" * 10_000)
    assert shown.startswith("a b [31m x")
    assert len(shown) == 600
