"""The documents as a site (`make site`): built strictly, each page in its language, no host but its own.

Skipped where MkDocs is not installed: the extra `docs`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import ROOT
from tests.docs.markdown import PAGES

pytestmark = pytest.mark.skipif(
    not find_spec("material"), reason="no MkDocs: make site, or pip install -e '.[docs]'"
)
LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "object": "data"}
"""What a browser fetches without being asked; a link that somebody may click is none of it."""


def build(folder: Path, to: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(to)]
    told = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("site")
    done = build(ROOT, to)
    assert done.returncode == 0, done.stderr
    return to


class Loaded(HTMLParser):
    """What a page has fetched, and which language it says it is in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.lang = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.lang = given["lang"]
        if "mermaid" in given.get("class", "").split():
            self.found.append("https://unpkg.com/mermaid")  # the theme would load it from there
        self.found += re.findall(r"url\(['\"]?([^'\")]+)", given.get("style", ""))
        if tag in LOADS and given.get(LOADS[tag]):
            self.found.append(given[LOADS[tag]])


def outside(urls: list[str]) -> list[str]:
    return [url for url in urls if re.match(r"(\w+:)?//", url)]


def of_a_stylesheet(text: str) -> list[str]:
    return re.findall(r"(?:url\(|@import )['\"]?([^'\")]+)", text)


def html(site: Path) -> Iterator[tuple[Path, Loaded]]:
    for page in site.rglob("*.html"):
        yield page.relative_to(site), Loaded(page.read_text("utf-8"))


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = dict(html(site))
    assert len(pages) > 40 and all(len(page.found) > 3 for page in pages.values())
    assert not {str(name): outside(page.found) for name, page in pages.items() if outside(page.found)}
    sheets = [of_a_stylesheet(sheet.read_text("utf-8")) for sheet in site.rglob("*.css")]
    assert sheets and not [url for sheet in sheets for url in outside(sheet)]


def test_the_search_for_other_hosts_finds_them() -> None:
    page = Loaded(
        '<html lang="en"><link rel="stylesheet" href="https://fonts.example/css">'
        '<script src="//cdn.example/x.js"></script><p style="background: url(http://img.example/x)"><a href="https://fine.example">'
        '<pre class="mermaid">'
    )
    assert len(outside(page.found)) == 4
    assert outside(
        of_a_stylesheet('@import "https://fonts.example/css"; a{b:url(//x/y)} c{d:url(e.svg)}')
    ) == [
        "https://fonts.example/css",
        "//x/y",
    ]


def test_every_document_is_a_page_in_its_language(site: Path) -> None:
    pages = dict(html(site))
    for page in PAGES:
        inside = Path("index.html") if page == ROOT / "README.md" else page.relative_to(ROOT / "docs")
        name = inside.with_name("index.html" if inside.stem == "README" else f"{inside.stem}.html")
        assert pages[name].lang == ("ru" if inside.parts[0] == "ru" else "en"), page


def test_what_was_searched_for_is_there_in_both_languages(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    assert index["config"]["lang"] == ["en", "ru"]
    words = {one["location"]: one["text"] for one in index["docs"]}
    assert "закреплённому" in words["ru/index.html"] and "deadline" in words["index.html#why"]


NOWHERE = {
    "gone.md": "'gone.md'",
    "../README.md#gone": "#gone",
    "../dialplan/gone.xml": "gone.xml",
}
"""Links that lead nowhere, and what is said of each."""


def test_a_link_that_leads_nowhere_fails(tmp_path: Path) -> None:
    (tmp_path / "docs" / "site").mkdir(parents=True)
    (tmp_path / "docs" / "ru").mkdir()
    shutil.copy(ROOT / "docs" / "site" / "hooks.py", tmp_path / "docs" / "site")
    config = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[0]
    pages = "\nnav: [index.md, page.md, ru/README.md]\n"
    (tmp_path / "mkdocs.yml").write_text(config.replace("name: material", "name: mkdocs") + pages, "utf-8")
    (tmp_path / "README.md").write_text("# One\n\n## Here\n\n[page](docs/page.md)\n", "utf-8")
    (tmp_path / "LICENSE").write_text("MIT", "utf-8")
    links = ["../LICENSE", "../README.md#here", *NOWHERE]
    page = "# Page\n\n" + "\n".join(f"[x]({link})" for link in links)
    (tmp_path / "docs" / "page.md").write_text(page, "utf-8")
    (tmp_path / "docs" / "alone.md").write_text("# Alone\n", "utf-8")
    (tmp_path / "docs" / "ru" / "README.md").write_text("# Раз\n\n[one](../../README.md)\n", "utf-8")
    done = build(tmp_path, tmp_path / "to")
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("WARNING")]
    assert len(said) == len(NOWHERE) + 1 and "alone.md" in done.stderr
    assert all(any(complaint in line for line in said) for complaint in NOWHERE.values()), done.stderr
