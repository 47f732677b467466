"""What docs/architecture.md and CONTRIBUTING.md name is there: floors, arrows, files, names, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT
from tests.test_house import FLOORS, imports, room

PAGE = ROOT / "docs" / "architecture.md"
CONTRIBUTING = ROOT / "docs" / "CONTRIBUTING.md"
PICTURE, TEXT = PAGE.read_text("utf-8").partition("```mermaid\n")[2].split("```", 1)
LABELS: dict[str, str] = dict(re.findall(r'(\w+)\["(\w+)"\]$', PICTURE, re.MULTILINE))
_FILE = r"`([\w/.-]+\.(?:py|js|md|toml|wsdl))`"
_NAMES = r"((?:,? (?:and |or )?`\w[\w.]*`)*)"
SHOWN = {name for floor in FLOORS for name in floor} - {"__main__", ""}


def drawn(node: str) -> str:
    """The room that a node of the picture stands for: `call` is a word of Mermaid's own."""
    return LABELS.get(node, node)


def names_in_files() -> Iterator[tuple[Path, list[str]]]:
    """Each file that the page names, with the names that follow it."""
    for file, names in re.findall(_FILE + _NAMES, re.sub(r"\s+", " ", TEXT)):
        folder = ROOT if file.startswith(("docs/", "tests/", "README")) else ROOT / "fs_1c"
        yield folder / file, re.findall(r"`(?:\w+\.)*(\w+)`", names)


def test_the_picture_has_the_floors_of_the_house() -> None:
    floors = re.findall(r"subgraph F\d+.*?\n(.*?)\n    end", PICTURE, re.DOTALL)
    shown = [{drawn(node.partition("[")[0]) for node in floor.split()} for floor in floors]
    assert shown == [set(floor) for floor in FLOORS if set(floor) & SHOWN]


def test_every_arrow_is_an_import() -> None:
    drawn_from = {(room(one.by), room(one.where)) for one in imports()}
    arrows = re.findall(r"^ *(\w+) -(?:-|\.-)> (\w+)$", PICTURE, re.MULTILINE)
    assert len(arrows) == PICTURE.count(">") > 20
    assert {(drawn(one), drawn(other)) for one, other in arrows} <= drawn_from


def test_every_room_is_told_of() -> None:
    assert set(re.findall(r"^\| `(\w+)(?:\.py)?` \|", TEXT, re.MULTILINE)) == SHOWN


def test_a_file_holds_what_it_is_said_to_hold() -> None:
    found = list(names_in_files())
    assert sum(len(names) for _, names in found) > 100
    assert not [path for path, _ in found if not path.is_file()]
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, names in found
        for name in names
        if not re.search(rf"\b{name}\b", path.read_text("utf-8"))
    ]
    assert not wrong


@pytest.mark.parametrize("document", [PAGE, CONTRIBUTING], ids=["architecture", "contributing"])
def test_links_and_folders_lead_somewhere(document: Path) -> None:
    text = document.read_text("utf-8")
    named = {ROOT / path for path in re.findall(r"\b((?:docs|tests|dialplan)/[\w/.-]*\w)", text)}
    linked = {document.parent / link for link in re.findall(r"\]\(([^)#]+)\)", text)}
    assert not [path for path in named | linked if not path.exists()]
    headings = [head.lower().replace(" ", "-") for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= {re.sub(r"[^\w-]", "", head) for head in headings}


def test_every_thread_is_told_of() -> None:
    """By the name that it has in a list of them."""
    code = "".join(path.read_text("utf-8") for path in (ROOT / "fs_1c").rglob("*.py"))
    started = set(re.findall(r'(?:name=|name: str = |ThreadPoolExecutor\(\w+, )"(fs-1c[\w-]*)"', code))
    table = TEXT.partition("| thread | what it does |")[2].partition("\n\n")[0]
    assert len(started) > 15
    assert started == set(
        re.findall(r"`(fs-1c[\w-]*)`", "".join(row.split(" | ")[0] for row in table.splitlines()))
    )
