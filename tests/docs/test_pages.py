"""The pages of README and docs: links lead somewhere, settings are settings, both languages have the same."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from fs_1c.settings import build
from tests import ROOT
from tests.docs.markdown import PAGES, anchors, blocks, links, name, prose, shell
from tests.docs.reference.settings import tables
from tests.docs.test_1c import errors

DOCS = ROOT / "docs"
WORD = re.compile(r"`([a-z_0-9./-]+(?:_[a-z_0-9]+|\.[a-z_]+))`")
each_page = pytest.mark.parametrize("page", PAGES, ids=name)


def pairs() -> list[tuple[Path, Path]]:
    """Pages that are the same in English and in Russian."""
    found = [(ROOT / "README.md", DOCS / "ru" / "README.md")]
    for russian in sorted((DOCS / "ru").rglob("*.md")):
        english = DOCS / russian.relative_to(DOCS / "ru")
        if english.is_file() and english.name not in ("README.md", "1c.md"):
            found.append((english, russian))
    folders = ("compose", "monitoring")
    return found + [(DOCS / folder / "README.md", DOCS / "ru" / f"{folder}.md") for folder in folders]


@each_page
def test_a_link_leads_somewhere(page: Path) -> None:
    wrong = []
    for path, anchor in links(page):
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            wrong.append(f"{path}#{anchor}")
    assert not wrong


@each_page
def test_no_page_stands_alone(page: Path) -> None:
    """Each but the two that people begin with is linked from another one."""
    linked = {(other.parent / path).resolve() for other in PAGES if other != page for path, _ in links(other)}
    assert page in linked or page == ROOT / "README.md"


def test_every_page_has_its_place_on_the_site() -> None:
    placed = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    pages = [str(page.relative_to(DOCS)) for page in PAGES if page.is_relative_to(DOCS)]
    assert sorted(placed) == sorted([*pages, "index.md"])


@each_page
def test_settings_that_are_shown_are_good(page: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef\n")
    for text in blocks(page, "toml"):
        local = re.sub(r'((?:token|password)_file = )"[^"]*"', rf'\1"{secret}"', text)
        given = tomllib.loads(local)
        build({"onec": {"url": "http://127.0.0.1:9/ws"}, **given})


@each_page
def test_a_setting_that_is_named_is_one(page: Path) -> None:
    """`section.name`, where either is of a setting; but for files, hosts and names that people give."""
    settings, sections = known()
    ends = {one.rpartition(".")[2] for one in settings}
    named = re.findall(r"`\[{0,2}([a-z_]+(?:\.[a-z_]+)+)\]{0,2}(?: = [^`]*)?`", page.read_text("utf-8"))
    meant = {one for one in named if one.partition(".")[0] in sections or one.rpartition(".")[2] in ends}
    none = meant - settings - sections - {"onec.sales", "onec.service"}
    assert not {one for one in none if one.rpartition(".")[2] not in ("db", "py", "example")}


@each_page
def test_a_variable_or_a_metric_that_is_named_is_one(page: Path) -> None:
    named = {one.removesuffix("_total") for one in re.findall(r"\bfs_1c_[a-z_]+\b", page.read_text("utf-8"))}
    assert not {one for one in named if one not in sources()}


@cache
def sources() -> str:
    """All that says how a channel's variable or a metric is called."""
    files = [*(ROOT / "fs_1c").rglob("*.py"), *(ROOT / "dialplan").rglob("*.xml")]
    return "".join(file.read_text("utf-8") for file in files)


@cache
def known() -> tuple[set[str], set[str]]:
    """All settings with their sections, and the sections."""
    found = tables(str)
    heads = {table.head.strip("[]") for table in found} | {
        table.head.strip("[]").partition(".")[0] for table in found
    }
    return {f"{table.head.strip('[]')}.{row[0]}" for table in found for row in table.rows}, heads


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "bsl")], ids=name)
def test_modules_that_are_shown_parse(page: Path) -> None:
    assert not [errors(text) for text in blocks(page, "bsl") if errors(text)]


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: name(pair[1]))
def test_both_languages_have_the_same(pair: tuple[Path, Path]) -> None:
    """The same commands, settings, programs and words of the interface; only remarks are translated."""
    english, russian = pair
    told = [re.sub(r"\b(NAME|ИМЯ)\b", "", "\n".join(shell(page))) for page in pair]
    assert told[0] == told[1]
    assert [tomllib.loads(text) for text in blocks(english, "toml")] == [
        tomllib.loads(text) for text in blocks(russian, "toml")
    ]
    assert blocks(english, "xml") == blocks(russian, "xml")
    words = [set(WORD.findall(page.read_text("utf-8"))) for page in pair]
    assert words[0] == words[1]
    assert [len(re.findall(r"^(?:\||## )", page.read_text("utf-8"), re.M)) for page in pair].count(
        len(re.findall(r"^(?:\||## )", english.read_text("utf-8"), re.M))
    ) == 2


_PLACES = {
    "ТОКЕН": "TOKEN",
    "КЛЮЧ": "KEY",
    "КЛИЕНТ": "CLIENT",
    "КОМАНДА": "COMMAND",
    "ВНУТРЕННИЙ": "EXT",
    "НОМЕР": "NUMBER",
    "ИМЯ": "NAME",
    "ключ": "key",
    "внутренний номер": "extension",
    "Ромашка": "Romashka",
}
"""What stands in code in the place of a value, and is translated."""
SAME = [*pairs(), (DOCS / "SECURITY.md", DOCS / "ru" / "security.md")]


def facts(page: Path) -> list[tuple[set[str], list[str]]]:
    """Of each section what stands there in code, and its numbers, each as often as it stands there."""
    found = []
    for section in re.split(r"^##+ ", re.sub(r"\]\([^)]*\)", "]", prose(page)), flags=re.MULTILINE):
        code = {re.sub(r"\s+", " ", one) for one in re.findall(r"`([^`]+)`", section)}
        for russian, english in _PLACES.items():
            code = {re.sub(rf"\b{russian}\b", english, one) for one in code}
        rest = re.sub(r"\b1[CС]\b|`[^`]*`", "", section)
        whole = re.sub(r"(?<=\d)[ ,\u00a0\u202f](?=\d{3}\b)", "", rest)
        numbers = re.findall(r"\d+(?:\.\d+)*", re.sub(r"(?<=\d),(?=\d)", ".", whole))
        found.append((code, sorted(numbers)))
    return found


@pytest.mark.parametrize("pair", SAME, ids=lambda pair: name(pair[1]))
def test_both_languages_say_the_same_of_the_same(pair: tuple[Path, Path]) -> None:
    """Section by section: the same settings, commands, metrics and numbers."""
    english, russian = map(facts, pair)
    assert len(english) == len(russian)
    differ = [
        (one[0] ^ other[0], [one[1], other[1]] if one[1] != other[1] else [])
        for one, other in zip(english, russian, strict=True)
        if one != other
    ]
    assert not differ


RUSSIAN = [page for page in PAGES if page.is_relative_to(DOCS / "ru")]
OTHERWISE = {
    "станци": "АТС",
    "добавочный": "внутренний номер",
    "двер": "Event Socket, вход, адрес",
    "предохранител": "защита",
    "цели по умолчанию": "направление по умолчанию",
    "журнале службы": "лог службы",
    "журнал службы": "лог службы",
    "коммутатор": "АТС",
    "велит": "заставит",
    "шаблон": "образец",
    "резервн(?!ые копии)": "запасная служба",
    "(?<!в каждой )октет": "байт",
    "плеч[оае]": "канал",
}
"""Of several words for one thing only one is written, and that is this one."""


@pytest.mark.parametrize("page", RUSSIAN, ids=name)
def test_one_thing_has_one_name_in_russian(page: Path) -> None:
    text = re.sub(r"\s+", " ", page.read_text("utf-8").lower())
    assert not {word: said for word, said in OTHERWISE.items() if re.search(rf"\b{word}", text)}
