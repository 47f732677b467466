"""Files are put where nobody has one: all of them, or none."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from fs_1c.setup.plan import File, Owner, Plan


def place(plan: Plan, usable: Callable[[], object]) -> None:
    """Writes every file beside its place, then puts each there by a link, which overwrites nothing.

    Args:
        usable: Asked when all are there; what it raises takes everything back.

    Raises OSError, FileExistsError among them, and what `usable` raises: then nothing is left.
    """
    folders: list[Path] = []
    waiting: list[tuple[Path, Path]] = []
    placed: list[Path] = []
    try:
        _make(plan.folder, plan.owner, folders)
        for file in plan.files:
            temporary = file.path.with_name(f".{file.path.name}.{secrets.token_hex(6)}")
            waiting.append((temporary, file.path))
            _write(temporary, file)
        for temporary, path in waiting:
            os.link(temporary, path, follow_symlinks=False)
            placed.append(path)
        usable()
        for temporary, _ in waiting:
            _take_back(temporary)
    except BaseException:  # an interrupt, too
        for path in placed:
            _take_back(path)
        for temporary, _ in waiting:
            _take_back(temporary)
        for folder in reversed(folders):
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def swept(paths: Iterable[Path]) -> list[Path]:
    """Removes what a `place` that was killed has left beside those paths, secrets among it; returns it."""
    found = []
    for path in paths:
        left = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{12}}")
        with contextlib.suppress(OSError):
            for one in path.parent.iterdir():
                if left.fullmatch(one.name) and stat.S_ISREG(one.lstat().st_mode):
                    one.unlink()
                    found.append(one)
    return sorted(found)


def _make(folder: Path, owner: Owner, made: list[Path]) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(owner.folder if one == folder else 0o755)
        made.append(one)
    if missing:
        _owned(folder, owner, owner.folder)


def _write(path: Path, file: File) -> None:
    octets = memoryview(file.text.encode())
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        while octets:
            octets = octets[os.write(handle, octets) :]
        _owned(handle, file.owner, file.owner.file)
        os.fsync(handle)
    finally:
        os.close(handle)


def _owned(what: Path | int, owner: Owner, mode: int) -> None:
    if owner.uid is not None or owner.gid is not None:
        os.chown(what, -1 if owner.uid is None else owner.uid, -1 if owner.gid is None else owner.gid)
    os.chmod(what, mode)  # last: a new owner takes bits away


def _take_back(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
