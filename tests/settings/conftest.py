"""What the tests of settings share: whatever is wrong with them can be said in Russian."""

from __future__ import annotations

import pytest

from fs_1c.settings import SettingsError
from tests.language.leftover import english


@pytest.fixture(autouse=True)
def in_russian(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = SettingsError.__init__

    def begun(self: SettingsError, problems: list[str]) -> None:
        begin(self, problems)
        for one in problems:
            assert not english(one), (english(one), one)

    monkeypatch.setattr(SettingsError, "__init__", begun)
