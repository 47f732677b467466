"""All files are there afterwards, or none; nobody's is overwritten, and others do not read them."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import sys
from pathlib import Path

import pytest

from fs_1c.setup.placing import place, swept
from fs_1c.setup.plan import File, Owner, Plan
from fs_1c.setup.run import stopped_by_signals
from tests.processes import fork

OWNER = Owner(None, None, 0o640, 0o750)
SWITCH = Owner(None, None, 0o644, 0o755)


def plan(root: Path) -> Plan:
    folder = root / "etc" / "fs-1c"
    files = [
        File(folder / "fs-1c.toml", "x = 1\n", OWNER),
        File(folder / "password", "s\n", OWNER, secret=True),
    ]
    (root / "public").mkdir(exist_ok=True)
    files.append(File(root / "public" / "00_fs-1c.xml", "<include/>\n" * 500, SWITCH))
    return Plan(folder, OWNER, tuple(files), ())


def everything(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_all_of_it(tmp_path: Path) -> None:
    one = plan(tmp_path)
    seen: list[list[str]] = []
    before = os.umask(0o077)
    try:
        place(one, lambda: seen.append(everything(tmp_path)))
    finally:
        os.umask(before)
    assert everything(tmp_path) == [
        "etc",
        "etc/fs-1c",
        "etc/fs-1c/fs-1c.toml",
        "etc/fs-1c/password",
        "public",
        "public/00_fs-1c.xml",
    ]
    assert {"etc/fs-1c/fs-1c.toml", "public/00_fs-1c.xml"} <= set(seen[0])
    assert [path.path.read_text() == path.text for path in one.files] == [True] * 3
    modes = [stat.S_IMODE(path.path.stat().st_mode) for path in one.files]
    assert modes == [0o640, 0o640, 0o644]
    assert stat.S_IMODE(one.folder.stat().st_mode) == 0o750


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_they_are_roots_and_the_services_groups(tmp_path: Path) -> None:
    owner = Owner(0, 12345, 0o640, 0o750)
    folder = tmp_path / "fs-1c"
    place(Plan(folder, owner, (File(folder / "password", "s\n", owner),), ()), lambda: None)
    for path, mode in ((folder, 0o750), (folder / "password", 0o640)):
        about = path.stat()
        assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (0, 12345, mode)


@pytest.mark.parametrize("name", ["etc/fs-1c/fs-1c.toml", "etc/fs-1c/password", "public/00_fs-1c.xml"])
@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_somebody_has_put_a_file_there_meanwhile(tmp_path: Path, name: str, kind: str) -> None:
    one = plan(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    theirs = tmp_path / "theirs"
    if kind == "file":
        (tmp_path / name).write_text("theirs")
    else:
        (tmp_path / name).symlink_to(theirs)
    if kind == "link":
        theirs.write_text("theirs")
    before = everything(tmp_path)
    with pytest.raises(FileExistsError):
        place(one, lambda: None)
    assert everything(tmp_path) == before
    if kind != "dangling":
        assert (tmp_path / name).read_text() == "theirs"


def failing(call: str, at: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system call fails when it is made for the `at`-th time."""
    real, made = getattr(os, call), iter(range(1000))

    def instead(*given: object, **more: object) -> object:
        if next(made) == at:
            raise error
        return real(*given, **more)

    monkeypatch.setattr(os, call, instead)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), PermissionError(errno.EPERM, "forbidden"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("call", ["open", "write", "chmod", "fsync", "link"])
def test_a_failure_in_the_middle_leaves_nothing(
    tmp_path: Path, call: str, at: int, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = plan(tmp_path)
    before = everything(tmp_path)
    with monkeypatch.context() as patched:
        failing(call, at, error, patched)
        with pytest.raises(type(error)):
            place(one, lambda: None)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("at", range(3))
def test_an_interrupt_at_the_very_end_leaves_nothing(
    tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written beside the places is being taken away: half of it is no whole."""
    one = plan(tmp_path)
    before = everything(tmp_path)
    with monkeypatch.context() as patched:
        failing("unlink", at, KeyboardInterrupt(), patched)
        with pytest.raises(KeyboardInterrupt):
            place(one, lambda: None)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("ends", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_ended_in_the_middle_leaves_nothing(tmp_path: Path, ends: signal.Signals) -> None:
    before, handler = everything(tmp_path), signal.getsignal(ends)
    one = plan(tmp_path)
    with stopped_by_signals(), pytest.raises(KeyboardInterrupt):
        place(one, lambda: os.kill(os.getpid(), ends))
    assert everything(tmp_path) == [*before, "public"]
    assert signal.getsignal(ends) is handler


def test_what_cannot_be_used_is_taken_back(tmp_path: Path) -> None:
    one = plan(tmp_path)
    before = everything(tmp_path)

    def unusable() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        place(one, unusable)
    assert everything(tmp_path) == before


def on_a_full_disk(root: Path) -> None:
    """The exit code is the error's number."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        place(plan(root), lambda: None)
    except OSError as error:
        sys.exit(error.errno)


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """As a process has it that may write no more: the small files fit, the dialplan does not."""
    plan(tmp_path)
    before = everything(tmp_path)
    assert fork(on_a_full_disk, tmp_path).wait(60) == errno.EFBIG
    assert everything(tmp_path) == before


def killed(root: Path) -> None:
    place(plan(root), lambda: os.kill(os.getpid(), signal.SIGKILL))


def test_what_a_killed_one_has_left_is_found_and_nothing_else(tmp_path: Path) -> None:
    assert fork(killed, tmp_path).wait(60) == -signal.SIGKILL
    one = plan(tmp_path)
    theirs = [
        one.folder / name
        for name in (".password", ".password.swp", ".password.00000000000", ".x.0123456789ab")
    ]
    for path in theirs:
        path.write_text("theirs")
    (one.folder / ".password.0123456789ab").symlink_to(theirs[0])
    left = swept(file.path for file in one.files)
    assert sorted(path.name.rpartition(".")[0] for path in left) == [
        ".00_fs-1c.xml",
        ".fs-1c.toml",
        ".password",
    ]
    hidden = sorted(path.name for path in tmp_path.rglob(".*"))
    assert hidden == sorted([*(path.name for path in theirs), ".password.0123456789ab"])
    assert swept(file.path for file in one.files) == []
