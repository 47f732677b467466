"""Files that are nobody else's on this machine: those with secrets in them, and those with clients' names."""

from __future__ import annotations

import logging
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fs_1c.settings.file import DEFAULT_BASE, Settings, parsed

log = logging.getLogger(__name__)

_EVERYBODY = stat.S_IROTH | stat.S_IWOTH
_WELL_KNOWN = "ClueCon"
_KEPT = ("journal.db", "claims.db", "history.db", "recordings.key")
_told: set[Path] = set()


def setting(base: str, name: str) -> str:
    """The key of a base's setting, as it stands in the file."""
    return f"onec.{name}" if base == DEFAULT_BASE else f"onec.{base}.{name}"


def secret_files(settings: Settings) -> list[tuple[str, Path]]:
    """The files with secrets in them that the settings name, each with its setting."""
    named = [(setting(name, "password_file"), base.password_file) for name, base in settings.onec.items()]
    named += [(setting(name, "crm_token_file"), base.crm_token_file) for name, base in settings.onec.items()]
    named += [("esl.inbound.password_file", switch.password_file) for switch in settings.esl.inbound]
    named += [("http.token_file", settings.http.token_file), ("subscribers.file", settings.subscribers.file)]
    named += [("cluster.token_file", settings.cluster.token_file)]
    named += [("calls.token_file", settings.calls.token_file), ("calls.key_file", settings.calls.key_file)]
    named += [("recordings.key_file", settings.recordings.key_file)]
    return [(what, file) for what, file in named if file is not None]


def edited_since(settings: Settings, path: Path, read: float) -> list[Path]:
    """Of the settings file and the files with secrets that it names, those that have been written or replaced
    since `read`, in seconds since 1970. The subscribers' file is left out: that is read again by itself.
    """
    files = dict.fromkeys((path, *(file for _, file in secret_files(settings))))
    return [file for file in files if file != settings.subscribers.file and _changed(file) > read]


def _changed(path: Path) -> float:
    try:
        state = path.stat()
    except OSError:
        return 0.0
    return max(state.st_mtime, state.st_ctime)  # one that was moved here keeps the former


def inline_secrets(path: Path) -> list[str]:
    """The names of secrets that stand in the settings file itself; none if it cannot be read."""
    try:
        return sorted(set(_secret_names(parsed(path.read_bytes()))))
    except (OSError, ValueError):
        return []  # nothing but the environment, or a file that is away by now


def open_to_all(path: Path) -> bool:
    """May everybody on this machine read or write it? False if that cannot be told."""
    try:
        return bool(path.stat().st_mode & _EVERYBODY)
    except OSError:
        return False


def readable_by_all(settings: Settings, path: Path) -> list[str]:
    """A line for each file with secrets that everybody on this machine can read; `path` has the settings."""
    named = secret_files(settings)
    if inline := inline_secrets(path):
        named.append((f"with {', '.join(inline)}", path))
    return [
        f"{file} ({what}) can be read by everybody on this machine: chmod 640 {file}"
        for what, file in named
        if open_to_all(file)
    ]


def close_to_others(path: Path, most: int) -> None:
    """Takes from a file, or from a folder that has nothing but the service's own, what goes beyond the mode
    `most`. Where it cannot be taken and everybody may read or write, that is a line in the log, once.

    The file is not opened: to close it again would take away the locks that SQLite holds in this process.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        # A folder like /tmp is not closed to the machine because somebody has named it here.
        if mode & ~most and (not path.is_dir() or all(one.name.startswith(_KEPT) for one in path.iterdir())):
            path.chmod(mode & most)
            return
    except FileNotFoundError:
        return
    except OSError:
        mode = _EVERYBODY if open_to_all(path) else 0
    wide = stat.S_IWOTH if path.is_dir() else _EVERYBODY
    if mode & wide and path not in _told:
        _told.add(path)
        log.warning(
            "%s is open to everybody on this machine, and not ours to close: chmod o-rwx %s", path, path
        )


def _secret_names(table: dict[str, Any], within_keys: bool = False) -> Iterator[str]:
    for name, value in table.items():
        for row in value if isinstance(value, list) else [value]:
            if isinstance(row, dict):
                yield from _secret_names(row, within_keys=name == "keys")
            elif within_keys:
                yield "keys"
            elif name in ("password", "token", "crm_token") and row not in ("", _WELL_KNOWN):
                yield name
            elif name in ("url", "proxy") and re.search("://[^/@]*:[^/@]+@", str(row)):
                yield f"the password in {name}"
