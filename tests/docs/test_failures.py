"""docs/failures.md and docs/ru/failures.md: each row names the tests that show it, and both say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import ROOT
from tests.docs.test_security import NAMED, lines, missing

ENGLISH, RUSSIAN = ROOT / "docs/failures.md", ROOT / "docs/ru/failures.md"


@pytest.mark.parametrize("page", [ENGLISH, RUSSIAN], ids=str)
def test_each_row_is_whole_and_names_tests_that_exist(page: Path) -> None:
    rows = lines(page)
    assert len(rows) > 30
    assert not [row for row in rows if len(row) != 5 or not all(row) or not NAMED.search(row[4])]
    assert not missing(page)


def test_both_languages_have_the_same_rows() -> None:
    english, russian = ([NAMED.findall(row[4]) for row in lines(page)] for page in (ENGLISH, RUSSIAN))
    assert english == russian
