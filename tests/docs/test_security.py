"""docs/SECURITY.md and docs/ru/security.md: what they promise is tested, and both promise the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import ROOT

ENGLISH, RUSSIAN = ROOT / "docs/SECURITY.md", ROOT / "docs/ru/security.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def lines(page: Path) -> list[list[str]]:
    """The tables' lines below their headings, each as its cells."""
    rows = [line.strip("|").split(" | ") for line in page.read_text("utf-8").splitlines() if line[:1] == "|"]
    below = [row for row, after in zip(rows, [*rows[1:], ["-"]], strict=True) if not _rule(after)]
    return [[cell.strip() for cell in row] for row in below if not _rule(row)]


def _rule(row: list[str]) -> bool:
    return not set("".join(row)) - set("-: |")


def missing(page: Path) -> list[str]:
    """The tests that a page names and that do not exist."""
    return [
        f"{file}::{name}"
        for file, name in NAMED.findall(page.read_text("utf-8"))
        if not (ROOT / file).is_file()
        or (name and not re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text("utf-8"), re.M))
    ]


@pytest.mark.parametrize("page", [ENGLISH, RUSSIAN], ids=str)
def test_every_test_that_is_named_exists(page: Path) -> None:
    assert len(NAMED.findall(page.read_text("utf-8"))) > 60
    assert not missing(page)


@pytest.mark.parametrize("page", [ENGLISH, RUSSIAN], ids=str)
def test_every_guard_names_the_test_that_shows_it(page: Path) -> None:
    """A line has four cells: what he tries, what it comes to, what guards, the test."""
    assert len(lines(page)) > 50
    wrong = [row for row in lines(page) if len(row) != 4 or not all(row) or not NAMED.search(row[3])]
    assert not wrong


def test_both_languages_have_the_same_lines() -> None:
    english, russian = ([NAMED.findall(row[3]) for row in lines(page)] for page in (ENGLISH, RUSSIAN))
    assert english == russian


def test_both_languages_have_the_same_sections_and_as_much_that_is_not_guarded() -> None:
    english, russian = (page.read_text("utf-8") for page in (ENGLISH, RUSSIAN))
    for what in (r"^## ", r"^- ", r"\]\((?!#)"):
        assert len(re.findall(what, english, re.M)) == len(re.findall(what, russian, re.M)), what
    shown = [re.findall(r"`([a-z_0-9]+(?:\.[a-z_0-9]+)+)`", page) for page in (english, russian)]
    assert set(shown[0]) == set(shown[1])


def test_a_page_is_read_in_ten_minutes() -> None:
    words = re.sub(r"`tests/[^`]*`", "", ENGLISH.read_text("utf-8")).split()
    assert len(words) < 2750
