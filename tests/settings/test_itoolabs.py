"""What a stock 1С:УНФ needs to have set, and what it cannot have."""

from __future__ import annotations

from pathlib import Path

import pytest

from fs_1c.numbers import NumberFormat
from fs_1c.settings import SettingsError, build, load
from fs_1c.settings.files import inline_secrets, secret_files

URL = "http://1c.example/unf"
TOKEN = "0d5a8f2e-6f8e-4c1d"


def problems(**onec: object) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        build({"onec": {"url": URL, "dialect": "itoolabs", **onec}}, "fs-1c.toml")
    return caught.value.problems


def test_the_token_stands_there_or_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "crm-token"
    file.write_text(f"\ufeff{TOKEN}\r\n", "utf-8")
    for given in ({"crm_token": TOKEN}, {"crm_token_file": str(file)}):
        settings = build({"onec": {"url": URL, "dialect": "itoolabs", **given}})
        base = settings.onec["default"]
        assert base.crm_secret() == TOKEN
        assert TOKEN not in repr(settings)
        assert base.number_format is NumberFormat.SEVEN
    assert secret_files(settings) == [("onec.crm_token_file", file)]
    whole = tmp_path / "fs-1c.toml"
    whole.write_text(f'[onec]\nurl = "{URL}"\ndialect = "itoolabs"\ncrm_token = "{TOKEN}"\n')
    assert load(whole).onec["default"].crm_secret() == TOKEN
    assert inline_secrets(whole) == ["crm_token"]


def test_the_environment_may_bring_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DIALECT": "itoolabs", "CRM_TOKEN": TOKEN, "URL": URL}.items():
        monkeypatch.setenv(f"FS_1C_ONEC__{name}", value)
    base = build({}).onec["default"]
    assert (base.crm_secret(), base.number_format) == (TOKEN, NumberFormat.SEVEN)


@pytest.mark.parametrize("token", ["", "a b", 'a"b', "a&b", "а-б", "a\nb", "x" * 501])
def test_a_token_that_could_not_be_sent_is_refused(token: str) -> None:
    (problem,) = problems(crm_token=token)
    assert problem.startswith("fs-1c.toml: onec: crm_token: needed is the key")
    assert not token or token not in problem


def test_what_is_missing_or_too_much(tmp_path: Path) -> None:
    assert "crm_token: needed" in problems()[0]
    file = tmp_path / "token"
    file.write_text("")
    assert "crm_token_file: needed" in problems(crm_token_file=str(file))[0]
    assert "allowed is one of them" in problems(crm_token_file=str(file), crm_token=TOKEN)[0]
    assert "cannot be read" in problems(crm_token_file=str(tmp_path / "none"))[0]
    file.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in problems(crm_token_file=str(file))[0]


@pytest.mark.parametrize("form", ["+7", "national", "as-received"])
def test_numbers_are_digits_without_a_plus(form: str) -> None:
    assert "number_format: itoolabs takes digits" in problems(crm_token=TOKEN, number_format=form)[0]
    settings = build({"onec": {"url": URL, "dialect": "itoolabs", "crm_token": TOKEN, "number_format": "8"}})
    assert settings.onec["default"].number_format is NumberFormat.EIGHT


def test_other_dialects_need_none_of_that() -> None:
    base = build({"onec": {"url": URL}}).onec["default"]
    assert (base.crm_secret(), base.number_format) == ("", NumberFormat.EIGHT)
