"""Pages of help, and what typer complains of, in Russian: whole, whatever command they are of."""

from __future__ import annotations

import gettext
import importlib
import re
from collections.abc import Iterator

import pytest
import typer.rich_utils
from typer.testing import CliRunner

from fs_1c.cli import app
from fs_1c.language import FOLDER
from fs_1c.simulator import FAULT_KINDS
from tests.docs.reference.commands import commands
from tests.language.leftover import ENGLISH

PAGES = ["", "simulator", *(name for name, _ in commands())]
_CODE = re.compile(
    r"`[^`]*`|<[^>]*>|'[^']*'|\{[^}]*\}|\S*[=/|]\S*|--?[a-z][\w-]*|\b[a-z]+(-\w+)+"
    r"|Вызов: .*|Справка: .*| {2,}"
)
_NAMES = re.compile(r"[Ee]vent [Ss]ocket( FreeSWITCH)?")
_TWO_WORDS = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")


@pytest.fixture(scope="module", autouse=True)
def russian_typer() -> Iterator[None]:
    """typer has its words once and for all, from when it is loaded; a command is a process of its own."""
    gettext.bindtextdomain("fs_1c", str(FOLDER))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANGUAGE", "ru")
        patch.setenv("COLUMNS", "400")
        gettext.textdomain("fs_1c")
        importlib.reload(typer.rich_utils)
        yield
    gettext.textdomain("messages")
    importlib.reload(typer.rich_utils)


def typed(*words: str) -> tuple[int, str]:
    """The exit code, and what is said to whoever types that."""
    ran = CliRunner().invoke(app, ["--lang", "ru", *words], prog_name="fs-1c")
    return ran.exit_code, ran.output


def english(page: str) -> list[str]:
    """What is still English of it: two of its words beside each other, or one without which none of its
    sentences is."""
    text = _NAMES.sub("", _CODE.sub(" · ", page))
    words = re.findall(r"(?<![\w.])[a-z]+(?!\w)", text)
    return [*_TWO_WORDS.findall(text), *(word for word in words if word in ENGLISH)]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_help_is_russian(name: str) -> None:
    code, page = typed(*name.split(), "--help")
    assert code == 0 and "Параметры" in page and f"Вызов: fs-1c {name}".strip() in page
    assert not english(page), page
    rows = [line for line in page.splitlines() if re.match(r"│ (\*? +)?(--)?\w", line)]
    assert rows and all(re.search("[а-яё]{2}|HOST:PORT", line) for line in rows), page


def test_there_is_no_page_that_is_not_looked_at() -> None:
    """What a page says there is below it is a page, too."""
    below = [
        f"{name} {row}".strip()
        for name in ("", "simulator")
        for row in re.findall(
            r"^│ (\w+) ", typed(*name.split(), "--help")[1].partition("Команды")[2], re.MULTILINE
        )
    ]
    assert sorted(below) == sorted(PAGES[1:])


MISTYPED = {
    ("nothing",): "Нет команды 'nothing'.",
    ("lookupp",): "Нет команды 'lookupp'. Может быть, 'lookup'?",
    ("simulator", "nothing"): "Нет команды 'nothing'.",
    ("--nothing",): "Нет параметра --nothing",
    ("lookup", "--nothing", "1"): "Нет параметра --nothing",
    ("journal", "--limt", "3"): "Нет параметра --limt (Похожие: --limit)",
    ("simulator", "1c", "--nothing"): "Нет параметра --nothing",
    ("lookup",): "Не указан аргумент 'number'.",
    ("call", "1"): "Не указан параметр '--extension'.",
    ("lookup", "1", "2", "3"): "Лишние аргументы (2 3)",
    ("journal", "--limit"): "У параметра '--limit' не указано значение.",
    ("journal", "--json=1"): "Параметр '--json' указывают без значения.",
    ("journal", "--limit", "0"): "Недопустимое значение '--limit': нужно не меньше 1",
    ("journal", "--limit", "100001"): "Недопустимое значение '--limit': нужно не больше 100000",
    ("journal", "--limit", "x"): "Недопустимое значение '--limit': нужно целое число",
    ("simulator", "1c", "--latency", "x"): "Недопустимое значение '--latency': нужно число",
    ("--lang", "de", "check"): "Недопустимое значение '--lang': 'de' не подходит, можно: 'ru', 'en'.",
    ("simulator", "1c", "--latency", "-1"): "--latency: нужно не меньше 0",
    ("simulator", "1c", "--fault", "nothing"): "--fault: 'nothing' — такого отказа нет; есть: refuse, mute, ",
    ("simulator", "1c", "--fault", "{}"): "--fault: это не объект JSON, такой как ",
    (
        "simulator",
        "1c",
        "--dialect",
        "x",
    ): "--dialect: нужно 'mobilon-1', 'mobilon-2', 'mobilon-3' или 'itoolabs'",
    ("simulator", "1c", "--listen", "x"): "--listen: x: допустимо: УЗЕЛ:ПОРТ",
    ("simulator", "1c", "--clients", "/nothing"): "/nothing: не прочитать: ",
    ("simulator", "call", "--variable", "x"): "--variable: x: допустимо: NAME=VALUE",
}


@pytest.mark.parametrize("words", MISTYPED, ids=" ".join)
def test_who_mistypes_is_told_in_russian(words: tuple[str, ...]) -> None:
    code, page = typed(*words)
    said = " ".join(page.replace("│", " ").split())
    assert code == 2 and MISTYPED[words] in said, page
    assert not english(page), page


@pytest.mark.parametrize("words", [(), ("simulator",)], ids=["", "simulator"])
def test_who_types_no_command_gets_the_page_once(words: tuple[str, ...]) -> None:
    """It is a complaint without words to typer."""
    code, page = typed(*words)
    assert code == 2 and page.count("Вызов:") == 1 and "Команды" in page and "Ошибка" not in page


def test_in_english_nothing_is_changed() -> None:
    for words, said in {("nothing",): "No such command 'nothing'.", ("lookup",): "Missing argument"}.items():
        ran = CliRunner().invoke(app, ["--lang", "en", *words], prog_name="fs-1c")
        assert ran.exit_code == 2 and said in ran.output and "Usage: fs-1c" in ran.output


def test_each_fault_is_told_in_russian() -> None:
    code, page = typed("simulator", "1c", "--faults")
    said = dict(re.findall(r"^([\w-]+) +(.+?)(?:  \[.*)?$", page, re.MULTILINE))
    assert code == 0 and said.keys() == FAULT_KINDS.keys()
    assert 80 < len(said) < 90  # docs/simulators.md: more than eighty
    changed = [name for name, kind in FAULT_KINDS.items() if said[name] != kind.about]
    assert len(changed) > 0.8 * len(said)  # the others are 1C's own words, and tags
    same = "\n".join(said[name] for name in said.keys() - {*changed})
    assert not english(re.sub("«[^»]*»", "", same)) and not english("\n".join(said[name] for name in changed))
