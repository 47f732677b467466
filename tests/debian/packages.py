"""The next versions of a package, made of one: unpacked, changed in what tells a version, packed again."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path


def version_of(package: Path) -> str:
    told = subprocess.run(
        ["dpkg-deb", "--field", package, "Version"], capture_output=True, text=True, check=True
    )
    return told.stdout.strip()


def later(package: Path, version: str, to: Path, *, tables: int = 0) -> Path:
    """That package as `version`. `tables`: so many versions above this one's are those of the journal."""
    tree = to / f"tree-{version}"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    suffix = version_of(package).partition("+")[2]
    _change(tree / "DEBIAN/control", r"(?m)^Version: .*$", f"Version: {version}+{suffix}")
    (code,) = tree.glob("opt/fs-1c/lib/python3*/site-packages/fs_1c")
    _change(code / "__init__.py", r'__version__ = ".*"', f'__version__ = "{version}"')
    if tables:
        known = int(re.findall(r"(?m)^VERSION = (\d+)$", (code / "journal/tables.py").read_text("utf-8"))[0])
        _change(code / "journal/tables.py", r"(?m)^VERSION = .*$", f"VERSION = {known + tables}")
        _change(tree / "DEBIAN/preinst", rf"journal\.db {known}", f"journal.db {known + tables}")
    for cache in (code / "__pycache__", code / "journal/__pycache__"):
        shutil.rmtree(cache)  # what was compiled is not looked at again
    made = to / f"fs-1c_{version}+{suffix}_{package.stem.rpartition('_')[2]}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, made],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shutil.rmtree(tree)
    return made


def _change(file: Path, pattern: str, by: str) -> None:
    text, count = re.subn(pattern, by, file.read_text("utf-8"))
    assert count == 1, f"{file}: {pattern}"
    file.write_text(text, "utf-8")
