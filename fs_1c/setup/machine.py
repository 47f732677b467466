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

CONTEXTS = ("public", "default")
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
        fs_cli=any(one.exists() for one in (Path("/etc/fs_cli.conf"), Path("~/.fs_cli_conf").expanduser())),
    )


def _group() -> int | None:
    try:
        pwd.getpwnam(USER)
        return grp.getgrnam(USER).gr_gid
    except KeyError:
        return None


def context(configuration: Path, named: str) -> Path:
    """The folder for the dialplan. `named`: its context; empty: public, or else default."""
    found = [configuration / "dialplan" / name for name in ([named] if named else CONTEXTS)]
    return next((one for one in found if one.is_dir()), found[0])


def owner_in(folder: Path) -> Owner | None:
    """Whose a file becomes in the switch's folder; None: none may be written there."""
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return None
    about, root = folder.stat(), os.geteuid() == 0
    return Owner(about.st_uid if root else None, about.st_gid if root else None, 0o644, 0o755)


def there(path: Path) -> str:
    """Why nothing can be written to `path`: it is there; empty: it is not."""
    if os.path.lexists(path):
        return _("{path} is there already, and nothing is overwritten", path=path)
    return ""


def written(machine: Machine, dialplan: Path | None) -> list[Path]:
    """Whatever may come to be there; `dialplan`: as in `refusals`."""
    return [machine.folder / name for name in texts.NAMES] + ([dialplan / DIALPLAN] if dialplan else [])


def refusals(machine: Machine, dialplan: Path | None) -> Iterator[str]:
    """Why nothing can be written here, one line each.

    Args:
        dialplan: Where the dialplan would come, as far as that is known.
    """
    yield from filter(None, map(there, written(machine, dialplan)))
    nearest = next(one for one in (machine.folder, *machine.folder.parents) if os.path.lexists(one))
    if not nearest.is_dir():
        yield _("{path} is no folder", path=nearest)
    elif not os.access(nearest, os.W_OK | os.X_OK):
        yield _("{path} cannot be written by this user", path=nearest)
    for name in sorted(os.environ):
        setting = name.removeprefix("FS_1C_").partition("__")[0].lower()
        if name.startswith("FS_1C_") and setting in Settings.model_fields:
            yield _("{name} is set in this environment, and would win over what is written", name=name)
