"""The reference is what the models and typer say, in English and in Russian."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests import ROOT
from tests.docs.reference.catalogue import FILE, SPOKEN, Catalogue, entries, russian
from tests.docs.reference.pages import pages
from tests.docs.reference.settings import tables


@pytest.fixture(scope="module")
def written() -> tuple[Catalogue, dict[Path, str]]:
    """The catalogue, after everything was looked up there; each page, and what it must hold."""
    catalogue = russian()
    return catalogue, pages(catalogue)


def test_no_page_lags(written: tuple[Catalogue, dict[Path, str]]) -> None:
    _, whole = written
    assert len(whole) == 4
    lag = [str(page) for page, text in whole.items() if page.read_text("utf-8") != text]
    assert not lag, "python -m tests.docs.reference writes them"


def test_all_of_it_is_said_in_russian_and_nothing_else(written: tuple[Catalogue, dict[Path, str]]) -> None:
    assert not written[0].missing, f"{FILE}: these have no translation"
    assert not written[0].idle, f"{FILE}: these are nowhere any more"


def test_nothing_has_two_translations() -> None:
    assert not entries().keys() & entries(SPOKEN).keys(), f"{FILE}: the command line's are enough"


def test_every_setting_says_what_it_means() -> None:
    rows = [(table.head, row) for table in tables(str) for row in table.rows]
    assert len(rows) > 100
    assert not [f"{head} {row[0]}" for head, row in rows if not row[3]]


def example() -> dict[str, str]:
    """The text of each section of the example, by its name."""
    found: dict[str, str] = {}
    section = ""
    for line in (ROOT / "docs" / "examples" / "fs-1c.toml").read_text("utf-8").splitlines():
        if head := re.match(r"(?:# )?\[\[?([\w.]+)\]", line):
            section = head[1]
        found[section] = f"{found.get(section, '')}{line}\n"
    return found


def test_the_example_has_every_setting_with_its_default() -> None:
    """Or says otherwise: what is required, or stands in another form beside it."""
    sections, lines = example(), 0
    for table in tables(str):
        text = sections.get(table.head.strip("[]"), "")
        assert not [row[0] for row in table.rows if not re.search(rf"\b{row[0]}\b", text)], table.head
        for setting, _, default, _ in table.rows:
            for line in re.findall(rf"^{setting} = .*", text, re.MULTILINE):
                lines += 1
                if not re.search(r"# .*(required|default|or \w+ = )", line):
                    assert tomllib.loads(line)[setting] == tomllib.loads(f"x = {default.strip('`')}")["x"], (
                        line
                    )
    assert lines > 60
