"""Whether this process may read a file or write a folder; if not, why, and what an administrator does about
it. Nothing is opened: a pipe, or a disk that hangs, would be waited for.
"""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

_EFFECTIVE = os.access in os.supports_effective_ids


def unreadable(path: Path) -> str:
    """Why that file cannot be read, in one sentence with its mend; nothing: it can."""
    if path.is_absolute() and (why := barred(path)):
        return f"{path} cannot be read: {why}"
    if not os.access(path, os.F_OK, effective_ids=_EFFECTIVE):
        return f"{path} cannot be read: No such file or directory"
    if not os.access(path, os.R_OK, effective_ids=_EFFECTIVE):
        mend = f"chgrp {group()} {path}; chmod 640 {path}"
        return f"{path} cannot be read: Permission denied to {user()}: {mend}"
    return f"{path} cannot be read: it is a folder" if path.is_dir() else ""


def unwritable(folder: Path) -> str:
    """Why nothing can be written into that folder, in one sentence with its mend; nothing: it can."""
    if folder.is_absolute() and (why := barred(folder)):
        return f"{folder} cannot be written: {why}"
    if not os.access(folder, os.F_OK, effective_ids=_EFFECTIVE):
        return f"{folder} cannot be written: No such file or directory"
    if not folder.is_dir():
        return f"{folder} cannot be written: it is no folder"
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=_EFFECTIVE):
        return f"{folder} cannot be written: Permission denied to {user()}: chown -R {user()}: {folder}"
    for file in sorted(folder.glob("*.db*")):
        if not os.access(file, os.W_OK, effective_ids=_EFFECTIVE):
            return f"{file} cannot be written: Permission denied to {user()}: chown {user()}: {file}"
    return ""


def unread(path: Path | None, error: OSError | UnicodeDecodeError) -> str:
    """Why a file with a secret in it could not be read, when it was tried."""
    if isinstance(error, UnicodeDecodeError):
        return f"{path} cannot be read: it is not UTF-8: save it as UTF-8"
    return (unreadable(path) if path else "") or f"{path} cannot be read: {error.strerror}"


def empty(path: Path) -> str:
    """What is to be done about a file with a secret in it that is still empty."""
    return f"{path} is empty; to write it: read -rs SECRET; printf '%s\\n' \"$SECRET\" > {path}"


def barred(path: Path) -> str:
    """The first folder on the way that is not there, or may not be entered, with its mend; nothing: none."""
    for above in reversed(path.parents):
        if not os.access(above, os.F_OK, effective_ids=_EFFECTIVE):
            return f"No such file or directory: {above}"
        if not os.access(above, os.X_OK, effective_ids=_EFFECTIVE):
            return (
                f"Permission denied: {user()} may not enter {above}: chgrp {group()} {above}; "
                f"chmod g+x {above}; or keep it in another folder"
            )
    return ""


def user() -> str:
    """The user that this process runs as."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def group() -> str:
    """The group that this process runs as."""
    try:
        return grp.getgrgid(os.getegid()).gr_name
    except KeyError:
        return str(os.getegid())
