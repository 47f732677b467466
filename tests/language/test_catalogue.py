"""The catalogues have all that the code says, and nothing else; and what is compiled is up to date."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Callable
from functools import cache
from gettext import GNUTranslations
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po

from fs_1c.call import Outcome, PresenceState, Result
from fs_1c.cli.presence import _state
from fs_1c.journal import card_word, lookup_word
from fs_1c.language import FOLDER
from fs_1c.language.told import SENTENCES
from tests import ROOT
from tests.language.texts import Text, said, texts

SPEAKING = (
    "cli/ask.py",
    "cli/call.py",
    "cli/commands.py",
    "cli/common.py",
    "cli/demo/*.py",
    "cli/erase.py",
    "cli/forget.py",
    "cli/history/*.py",
    "cli/journal/*.py",
    "cli/presence.py",
    "cli/raw.py",
    "cli/running.py",
    "cli/setup/*.py",
    "cli/simulator.py",
    "cli/speaking/*.py",
    "journal/report/*.py",
    "setup/[!p]*.py",
)
"""Whose texts whoever types a command reads; each of them is wrapped."""
FILES = sorted(file for pattern in SPEAKING for file in (ROOT / "fs_1c").glob(pattern))


def babel(does: str, **other: str) -> None:
    """What `make locale` does, with other words for some of its own."""
    recipe = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", "").partition("\nlocale:")[2]
    (line,) = re.findall(rf"babel\.messages\.frontend (--quiet {does} .*)", recipe)
    words = [other.get(word.lstrip("-"), word) for word in line.split()]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        CommandLineInterface().run(["pybabel", *words])  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make locale` finds in the code now."""
    file = tmp_path_factory.mktemp("language") / "fs_1c.pot"
    babel("extract", **{"build/fs_1c.pot": str(file)})
    return file


@pytest.fixture(scope="module")
def template(extracted: Path) -> Catalog:
    return read_po(extracted.open("rb"))


@cache
def russian() -> Catalog:
    return read_po((FOLDER / "ru/LC_MESSAGES/fs_1c.po").open("rb"), locale="ru")


def messages() -> list[Message]:
    return [one for one in russian() if one.id]


def key(message: Message) -> tuple[str | None, str]:
    return message.context, message.id if isinstance(message.id, str) else message.id[0]


def forms(texts: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts or ())


def test_the_catalogue_has_what_the_code_says(template: Catalog) -> None:
    """Else: `make locale`, and translate what is new."""
    code, catalogue = {key(one) for one in template if one.id}, {key(one) for one in messages()}
    assert (code - catalogue, catalogue - code) == (set(), set())


def test_the_catalogue_is_as_make_locale_leaves_it(extracted: Path, tmp_path: Path) -> None:
    """What was put in by hand stands elsewhere. Else: `make locale`, whose second run changes nothing."""
    (tmp_path / "ru" / "LC_MESSAGES").mkdir(parents=True)
    file = tmp_path / "ru" / "LC_MESSAGES" / "fs_1c.po"
    shutil.copy(FOLDER / "ru" / "LC_MESSAGES" / "fs_1c.po", file)
    babel("update", **{"build/fs_1c.pot": str(extracted), "fs_1c/locale": str(tmp_path)})
    left, kept = (
        re.sub('"Generated-By: .*\n', "", one.read_text("utf-8"))
        for one in (file, FOLDER / "ru" / "LC_MESSAGES" / "fs_1c.po")
    )
    same = left == kept  # a difference of the whole takes long to be shown
    assert same, "make locale"


def test_all_is_translated() -> None:
    assert not [
        one.id for one in messages() if one.fuzzy or not forms(one.string) or not all(forms(one.string))
    ]
    counting = [one for one in messages() if isinstance(one.id, tuple)]
    assert len(counting) > 5 and not [one.id for one in counting if len(forms(one.string)) != 3]


def test_places_are_the_same() -> None:
    """No value is lost, and none is asked for that the code does not give."""

    def places(text: str) -> set[tuple[str, str]]:
        return {(name, spec or "") for _, name, spec, _ in Formatter().parse(text) if name is not None}

    for one in messages():
        for text in forms(one.string):
            assert places(text) == places(forms(one.id)[0]), one.id


def test_what_is_compiled_is_what_stands_there() -> None:
    """Else: `make locale`."""
    with (FOLDER / "ru/LC_MESSAGES/fs_1c.mo").open("rb") as file:
        compiled = GNUTranslations(file)
    for one in messages():
        ids = forms(one.id)
        if len(ids) > 1:
            found = [compiled.ngettext(ids[0], ids[1], number) for number in (1, 2, 5, 11, 21)]
            few, some, many = forms(one.string)
            assert found == [few, some, many, many, few]
        else:
            assert [compiled.pgettext(one.context, *ids) if one.context else compiled.gettext(*ids)] == forms(
                one.string
            )
    kept: dict[object, str] = compiled._catalog  # type: ignore[attr-defined]
    assert len(kept) == 1 + sum(len(forms(one.string)) for one in messages())


def test_russian_is_written_as_in_the_docs() -> None:
    for one in messages():
        for text in forms(one.string):
            assert not re.search(r"\b1C\b", re.sub("`[^`]*`", "", text)), f"1С, in Cyrillic: {text}"
            assert not re.search(r"станци|добавочн|срок[ае]?\b", text), (
                f"АТС, внутренний номер, предел: {text}"
            )
            assert "--" in text or " - " not in text.replace("_ - .", ""), f"a dash is —: {text}"
            assert text.count("«") == text.count("»")
            assert forms(one.id)[0][-1:] in ".:" or text[-1:] != ".", f"as the English one ends: {text}"
            assert forms(one.id)[0][-1:] != "." or text[-1:] == ".", f"as the English one ends: {text}"


def unwrapped(source: str) -> list[Text]:
    return [one for one in texts(ast.parse(source)) if not one.wrapped]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT / "fs_1c")))
def test_what_a_command_says_is_wrapped(file: Path) -> None:
    assert not [f"{file.name}:{one.line}: {one.said}" for one in unwrapped(file.read_text("utf-8"))]


@pytest.mark.parametrize(
    "source",
    [
        'typer.echo("no such base")',
        'def f(): return f"{a} is wrong"',
        'raise ValueError("allowed: " f"one of {b}")',
        'say(out, *[f"{_(what)} of {n}" for n in m])',
        'x = {"a": "two words"}',
        '_(f"{count} of {all}")',
        'def f(x="two words"): pass',
    ],
)
def test_what_is_not_wrapped_is_found(source: str) -> None:
    found = unwrapped(source)
    assert found or any(isinstance(one.node, ast.JoinedStr) for one in texts(ast.parse(source)))


def test_a_catalogue_could_have_it() -> None:
    """No f-string in `_`, nor a name of ours that hides it."""
    for file in (ROOT / "fs_1c").rglob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        assert not [one.said for one in texts(tree) if one.wrapped and isinstance(one.node, ast.JoinedStr)]
        if re.search(r"from fs_1c\.language(\.language)? import .*\b_\b", file.read_text("utf-8")):
            hidden = [
                node.lineno
                for node in ast.walk(tree)
                if isinstance(node, ast.Name) and node.id == "_" and isinstance(node.ctx, ast.Store)
            ]
            assert not hidden, f"{file}: {hidden}"


@cache
def service() -> frozenset[str]:
    """All that the service might say."""
    said_by_it = set()
    for file in (ROOT / "fs_1c").rglob("*.py"):
        if file.parent.name in ("language", "check", "cli"):
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.expr) and (text := said(node)):
                said_by_it.add(text)
    return frozenset(said_by_it)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_service_still_says_it(sentence: str) -> None:
    """What is said again in another language is said at all, in these words."""
    pieces = [piece for piece in re.split(r"\{\w+\}", sentence) if piece.strip(" :,().")]
    assert any(all(piece.strip(" :") in text for piece in pieces) for text in service())


@pytest.mark.parametrize(
    ("words", "word"), [(Result, lookup_word), (Outcome, card_word), (PresenceState, _state)]
)
def test_in_english_it_is_the_word_of_the_log(words: type, word: Callable[[str], str]) -> None:
    assert [word(one) for one in words] == [one.value for one in words]  # type: ignore[attr-defined]
    catalogue = {one.id for one in messages() if one.context in ("lookup", "card", "subscriber")}
    assert {one.value for one in words} <= catalogue  # type: ignore[attr-defined]
    assert word("of another version") == "of another version"
