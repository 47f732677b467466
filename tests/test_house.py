"""The house is what docs/architecture.md says: floors, rooms with doors, sizes. Read from the files."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests import ROOT

HOUSE = ROOT / "fs_1c"
FLOORS = (
    ("__main__",),
    ("cli",),
    ("setup",),
    ("check", "simulator"),
    ("service",),
    ("esl", "modpython", "web"),
    ("integration",),
    ("calls", "cards", "directory", "history", "journal", "presence", "routing", "tracing", "wsdl"),
    ("onec", "talk"),
    ("dialplan", "recordings", "redis_client", "sockets", "sqlite_file"),
    ("settings",),
    ("bounds", "call", "channel", "timers"),
    ("language", "numbers"),
    ("",),  # the package itself: its version
)
"""From the top down; a room imports from floors below its own, and from nobody beside it."""
FLOOR = {room: -number for number, rooms in enumerate(FLOORS) for room in rooms}
MOST_FILES = 10  # directly in fs_1c/
MOST_LINES = {"simulator": 3550, "check": 3500}
MOST_LINES_OF_OTHERS = 2000  # a room in a room (onec/dialects, web/status) is one of its own here


@dataclass(frozen=True)
class Import:
    """`from where import name`, or `import where` (no name), in the file `by`; dotted names below `fs_1c`.

    Attributes:
        late: It stands in a function, or for the type checker alone: no circle comes of it.
    """

    by: str
    where: str
    name: str
    late: bool


def module(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__").removeprefix("fs_1c").removeprefix(".")


FILES = {module(path): path for path in sorted(HOUSE.rglob("*.py"))}
PACKAGES = {name for name, path in FILES.items() if path.name == "__init__.py"}


def room(name: str) -> str:
    return name.partition(".")[0]


def imports_of(by: str, tree: ast.AST, *, late: bool = False) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        inside = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            inside = True
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fs_1c":
            assert node.level == 0
            where = (node.module or "").removeprefix("fs_1c").removeprefix(".")
            for alias in node.names:
                submodule = f"{where}.{alias.name}".removeprefix(".")
                if submodule in FILES and not (where and exported(where, alias.name)):
                    yield Import(by, submodule, "", inside)
                else:
                    yield Import(by, where, alias.name, inside)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "fs_1c":
                    yield Import(by, alias.name.removeprefix("fs_1c").removeprefix("."), "", inside)
        yield from imports_of(by, node, late=inside)


def exported(package: str, name: str) -> bool:
    return package in PACKAGES and name in offers(package)


# Read by who wants to know: each worker that runs tests imports this file, and one of them runs these.
@cache
def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}


@cache
def offers(package: str) -> frozenset[str]:
    """Its `__all__`."""
    for node in trees()[package].body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(node.value))
    return frozenset()


@cache
def imports() -> list[Import]:
    return [one for name, tree in trees().items() for one in imports_of(name, tree)]


ROOMS = sorted({room(name) for name in FILES})


def test_every_room_has_a_floor() -> None:
    assert set(ROOMS) == set(FLOOR)


def test_no_arrow_runs_up_or_along() -> None:
    wrong = [
        f"{one.by} → {one.where}"
        for one in imports()
        if room(one.by) != room(one.where) and FLOOR[room(one.by)] <= FLOOR[room(one.where)]
    ]
    assert not wrong


def test_nobody_reaches_into_anothers_room() -> None:
    """What a room's `__init__` does not offer in `__all__` is its own."""
    wrong = [
        f"{one.by} → {one.where} {one.name}"
        for one in imports()
        if room(one.by) != room(one.where)
        and room(one.where) in PACKAGES - {""}
        and not (one.where == room(one.where) and one.name in offers(one.where))
    ]
    assert not wrong


def test_what_a_room_offers_is_wanted_by_somebody() -> None:
    """By another room, by the docs, or by who has the library; else it is private."""
    wanted = defaultdict(set)
    for one in imports():
        if room(one.by) != room(one.where):
            wanted[one.where].add(one.name)
    read = "\n".join(
        path.read_text("utf-8") for path in [ROOT / "README.md", *ROOT.rglob("dialplan/**/*.py")]
    )
    idle = {
        f"{name}: {one}"
        for name in PACKAGES
        if "." not in name and name not in ("", "cli", "modpython", "simulator")
        for one in offers(name) - wanted[name]
        if one not in read
    }
    assert not idle


def test_there_is_no_circle() -> None:
    below: dict[str, set[str]] = defaultdict(set)
    for one in imports():
        if not one.late:
            below[one.by].add(one.where)
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join((*way, name))
        if name not in done:
            for other in sorted(below[name]):
                # What a package offers it has imported from its own files: no circle, but its front door.
                if name != other and not name.startswith(f"{other}."):
                    walk(other, (*way, name))
            done.add(name)

    for name in FILES:
        walk(name, ())


@pytest.mark.parametrize("name", sorted(PACKAGES - {""}))
def test_a_room_says_what_it_is(name: str) -> None:
    said = ast.get_docstring(trees()[name])
    assert said, name
    assert len(said.splitlines()) <= 20
    if "." not in name:
        assert offers(name), f"{name} has no __all__"


def test_sizes() -> None:
    assert len(list(HOUSE.glob("*.py"))) <= MOST_FILES
    lines: dict[str, int] = defaultdict(int)
    for name, path in FILES.items():
        package = name if name in PACKAGES else name.rpartition(".")[0] or name
        lines[room(name) if room(name) in MOST_LINES else package] += len(
            path.read_text("utf-8").splitlines()
        )
    assert not {
        room: count for room, count in lines.items() if count > MOST_LINES.get(room, MOST_LINES_OF_OTHERS)
    }
