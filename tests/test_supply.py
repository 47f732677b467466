"""What an installation gets: each package by its version and the hashes of its files, and a wheel in which is
what belongs there and nothing else.
"""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests import ROOT

DATA = {".csv", ".css", ".esl", ".html", ".js", ".json", ".mo", ".po", ".wsdl", ".xml"}
"""Suffixes of files that the package has beside its code."""
NEEDED = "py.typed", "web/status/files/page.js", "locale/ru/LC_MESSAGES/fs_1c.mo"
OTHERS = "MANIFEST.in", "LICENSE", "README.md", "pyproject.toml", "requirements.lock", "setup.cfg"


def locked() -> dict[str, tuple[Requirement, list[str]]]:
    """Each package of requirements.lock, by its name, with the hashes of its files."""
    text = re.sub(r"(?m)^\s*#.*\n?", "", (ROOT / "requirements.lock").read_text("utf-8"))
    found: dict[str, tuple[Requirement, list[str]]] = {}
    for entry in filter(None, text.replace("\\\n", " ").splitlines()):
        wanted, *hashes = entry.split(" --hash=")
        requirement = Requirement(wanted)
        name = canonicalize_name(requirement.name)
        assert name not in found, name
        found[name] = requirement, [one.strip() for one in hashes]
    return found


LOCKED = locked()


def version(name: str) -> str:
    """The version that is locked."""
    (exactly,) = LOCKED[canonicalize_name(name)][0].specifier
    assert exactly.operator == "=="
    return exactly.version


def wanted() -> list[Requirement]:
    """What setup.cfg and pyproject.toml ask for: the service, with Redis, and what builds it."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    names = setup["options"]["install_requires"].split() + setup["options.extras_require"]["redis"].split()
    builds = re.findall(r'requires = \["(.+?)"\]', (ROOT / "pyproject.toml").read_text("utf-8"))
    return [Requirement(one) for one in names + builds]


def test_every_package_has_one_version_and_the_hashes_of_its_files() -> None:
    for name, (requirement, hashes) in LOCKED.items():
        assert version(name) and not requirement.url, name
        assert hashes and all(re.fullmatch("sha256:[0-9a-f]{64}", one) for one in hashes), name


def test_the_lock_names_no_host() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in text and "index-url" not in text and "/" not in text.replace("sha256:", "")


def test_what_is_asked_for_is_locked_in_a_version_that_will_do() -> None:
    assert len(wanted()) > 15
    for requirement in wanted():
        assert requirement.specifier.contains(version(requirement.name)), requirement


def needs(name: str, extra: str = "") -> Iterator[Requirement]:
    """What the installed package needs on this Python."""
    for one in metadata.requires(name) or ():
        requirement = Requirement(one)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def test_the_lock_is_closed_under_what_its_packages_need() -> None:
    """So pip, which takes nothing without a hash then, finds all of it; and nothing is there for nobody."""
    there = {one: Version(metadata.version(one)) for one in LOCKED if installed(one)}
    same = [one for one in there if there[one] == Version(version(one))]
    if len(same) < len(LOCKED) // 2:
        pytest.skip("the packages here are mostly of other versions; make lock takes the newest")
    needed = {canonicalize_name(one.name) for one in wanted()}
    for name in same:
        for requirement in needs(name):
            assert requirement.specifier.contains(version(requirement.name)), f"{name}: {requirement}"
            needed.add(canonicalize_name(requirement.name))
    assert len(same) < len(there) or not set(there) - needed


def installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


SAFE = {
    "certifi": "2024.7.4",  # CVE-2024-39689
    "h11": "0.16",  # CVE-2025-43859
    "idna": "3.15",  # CVE-2024-3651, and what it left
    "lxml": "6.1",  # CVE-2026-41066
    "requests": "2.33",  # CVE-2024-47081, CVE-2026-25645
    "starlette": "1.3.1",  # CVE-2025-62727, CVE-2026-48710
    "urllib3": "2.8",  # CVE-2025-66418, CVE-2025-66471, CVE-2026-21441, CVE-2026-44431, CVE-2026-44432
}
"""The first versions in which holes were mended that were known in November 2026."""


@pytest.mark.parametrize("name", SAFE)
def test_no_version_with_a_known_hole_is_allowed(name: str) -> None:
    (one,) = (one for one in wanted() if one.name == name)
    just_before = next(iter(one.specifier)).version
    assert Version(just_before) >= Version(SAFE[name])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with wheel and sdist, built from a copy of the sources, without a network."""
    if not installed("setuptools") or Version(metadata.version("setuptools")) < Version("70.1"):
        pytest.skip("setuptools before 70.1 cannot build it: pip install -e '.[dev]'")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("out")
    for name in OTHERS:
        shutil.copy(ROOT / name, source)
    for name in ("fs_1c", "tests"):
        shutil.copytree(ROOT / name, source / name)  # with __pycache__, and whatever else lies about
    (source / "fs_1c" / "notes.txt").write_text("no part of it")
    (source / "tests" / "test_stray.py").write_text("")
    build = "import sys; from setuptools import build_meta as to; to.build_{}(sys.argv[1])"
    for what in ("sdist", "wheel"):
        command = [sys.executable, "-c", build.format(what), str(out)]
        done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    return out


def of_the_package() -> set[str]:
    files = (path for path in (ROOT / "fs_1c").rglob("*") if "__pycache__" not in path.parts)
    return {
        str(path.relative_to(ROOT))
        for path in files
        if path.suffix in DATA | {".py"} or path.name == "py.typed"
    }


def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    about = {name.partition("/")[2] for name in names if ".dist-info/" in name}
    assert {name for name in names if ".dist-info/" not in name} == of_the_package()
    assert {f"fs_1c/{one}" for one in NEEDED} <= names
    assert about == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt"}


def test_the_sdist_builds_the_same_and_has_no_tests(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()}
    rest = {name for name in names - of_the_package() if not name.startswith("fs_1c.egg-info/")}
    assert of_the_package() <= names
    assert rest == {*OTHERS, "PKG-INFO"}


def test_what_the_wheel_holds_works_without_its_sources(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    script = """
import importlib, pkgutil, sys
import fs_1c
for one in pkgutil.walk_packages(fs_1c.__path__, "fs_1c."):
    if "__main__" not in one.name and "python_esl" not in one.name:
        importlib.import_module(one.name)
from importlib.metadata import distribution
(entry,) = (one for one in distribution("fs-1c").entry_points if one.group == "console_scripts")
assert entry.name == "fs-1c" and str(distribution("fs-1c").locate_file("")) == sys.argv[1]
sys.argv = ["fs-1c", "simulator", "1c", "--faults"]
print(fs_1c.__file__)
entry.load()()
"""
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, str(site)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(site / "fs_1c" / "__init__.py") and "mute" in done.stdout
