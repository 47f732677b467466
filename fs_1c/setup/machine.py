"""What is known of this machine before anything is asked, and why nothing could be written on it."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from fs_1c.language import _
from fs_1c.settings import Settings
from fs_1c.setup import texts
from fs_1c.setup.plan import DIALPLAN, USER, Machine, Owner

_SYSTEMD = (Path("/etc/systemd/system"), Path("/lib/systemd/system"), Path("/usr/lib/systemd/system"))


def look(folder: Path, state: Path) -> Machine:
    """The machine as it is, but for its switch."""
    root = os.geteuid() == 0
    group = _group() if root else None
    owner = Owner(None, None, 0o600, 0o700) if group is None else Owner(0, group, 0o640, 0o750)
    return Machine(
        folder,
        state,
        owner,
        root,
        user=group is not None,
        systemd=Path("/run/systemd/system").is_dir(),
        units=any((one / "fs-1c.service").exists() for one in _SYSTEMD),
    )


def _group() -> int | None:
    try:
        pwd.getpwnam(USER)
        return grp.getgrnam(USER).gr_gid
    except KeyError:
        return None


def context(configuration: Path, named: str) -> tuple[Path, Owner] | None:
    """The folder for the dialplan, if it is there and may be written, and whose its files are."""
    folder = configuration / "dialplan" / named
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return None
    about = folder.stat()
    root = os.geteuid() == 0
    return folder, Owner(about.st_uid if root else None, about.st_gid if root else None, 0o644, 0o755)


def refusals(machine: Machine, dialplan: Path | None) -> Iterator[str]:
    """Why nothing can be written here, one line each.

    Args:
        dialplan: Where the dialplan would come, as far as that is known.
    """
    for path in [machine.folder / name for name in texts.NAMES] + ([dialplan / DIALPLAN] if dialplan else []):
        if os.path.lexists(path):
            yield _("{path} is there already, and nothing is overwritten", path=path)
    there = next(one for one in (machine.folder, *machine.folder.parents) if os.path.lexists(one))
    if not there.is_dir():
        yield _("{path} is no folder", path=there)
    elif not os.access(there, os.W_OK | os.X_OK):
        yield _("{path} cannot be written by this user", path=there)
    for name in sorted(os.environ):
        setting = name.removeprefix("FS_1C_").partition("__")[0].lower()
        if name.startswith("FS_1C_") and setting in Settings.model_fields:
            yield _("{name} is set in this environment, and would win over what is written", name=name)
