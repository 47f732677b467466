"""The reference is what the models and typer say, in English and in Russian."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import ROOT
from tests.docs.reference.catalogue import FILE, SPOKEN, entries, russian
from tests.docs.reference.pages import pages
from tests.docs.reference.settings import tables

RUSSIAN = russian()
PAGES = pages(RUSSIAN)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_does_not_lag(page: Path) -> None:
    assert page.read_text("utf-8") == PAGES[page], "python -m tests.docs.reference writes it"


def test_all_of_it_is_said_in_russian_and_nothing_else() -> None:
    assert not RUSSIAN.missing, f"{FILE}: these have no translation"
    assert not RUSSIAN.idle, f"{FILE}: these are nowhere any more"


def test_nothing_has_two_translations() -> None:
    assert not entries().keys() & entries(SPOKEN).keys(), f"{FILE}: the command line's are enough"


def test_every_setting_says_what_it_means() -> None:
    rows = [(table.head, row) for table in tables(str) for row in table.rows]
    assert len(rows) > 100
    assert not [f"{head} {row[0]}" for head, row in rows if not row[3]]
