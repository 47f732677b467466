"""The file of a recording ↔ the address by which it is found.

`https://pbx.example/recordings/69c1f900.QXh0…/2026/11/call.wav`: what `recordings.link` says, until when it
is good and the signature, the file as it is called in `recordings.folder`. Who has the address may listen,
without a login: 1C shows it to whom it shows the call. No `?`, no `&`, no `"` are in it, for 1C cuts values
there (FACTS-1c.md).
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fs_1c.settings import RecordingsSettings, Settings

log = logging.getLogger(__name__)

DAY = 86400
SIGNED = 16
"""Octets of a signature (HMAC-SHA256, cut)."""
_KEY = "recordings.key"
_PATH = re.compile(r"(?:.*?/)?(?P<until>[0-9a-f]{8,10})\.(?P<signature>[A-Za-z0-9_-]{22})/(?P<name>.+)", re.S)


class WrongLink(Exception):
    """An address that is not, or no longer, good; its text says which."""


class NoFile(Exception):
    """There is no recording at that address."""


@dataclass(frozen=True, slots=True)
class Links:
    """Makes addresses and reads them.

    Attributes:
        key: What they are signed with; a secret.
        link, folder, valid_for: As in the settings, `valid_for` in seconds.
    """

    key: bytes
    link: str
    folder: Path
    valid_for: float

    def __repr__(self) -> str:
        return f"Links({self.link!r}, {str(self.folder)!r})"

    def to(self, file: str, switch: str = "", now: float | None = None) -> str:
        """The address of a recording; empty if that is no file in the folder. The same for a whole day.

        Args:
            file: As the switch calls it: a path.
            switch: The switch's name, for `{switch}`.
            now: Seconds since the epoch.
        """
        name = self._name(file)
        link = self.link.replace("{switch}", quote(switch or "switch", safe=""))
        return f"{link}/{self._signed(name, now)}" if name else ""

    def beside(self, path: str, file: Path, now: float | None = None) -> str:
        """The address of another recording as the page at `path` has it: relative, for that page does not
        know which switch's it is, nor what a proxy has taken off before it.

        Args:
            path: Of the page, decoded once; one that `file` takes.
            file: In the folder.
        """
        found = _PATH.fullmatch(path)
        name = self._name(str(file))
        return "../" * (1 + found["name"].count("/")) + self._signed(name, now) if found and name else ""

    def file(self, path: str, now: float | None = None) -> Path:
        """The recording at an address.

        Args:
            path: Of the address, decoded once; what stands before the signature is the proxy's.

        Raises `WrongLink` or `NoFile`.
        """
        found = _PATH.fullmatch(path)
        if found is None:
            raise NoFile
        until, name = found["until"], found["name"]
        if not hmac.compare_digest(self._signature(until, name), found["signature"]):
            raise WrongLink("altered")
        if int(until, 16) <= (time.time() if now is None else now):
            raise WrongLink("old")
        return self._in_folder(name)

    def sides(self, file: Path) -> list[Path]:
        """Where FreeSWITCH has written a recording's two sides to files of their own (`-in`, `-out`)."""
        found = []
        for side in ("-in", "-out"):
            names = (f"{file.name}{side}.", f"{file.stem}{side}.")
            try:
                beside = sorted(one for one in os.listdir(file.parent) if one.startswith(names))[:1]
            except OSError:
                beside = []
            found += [file.parent / one for one in beside if (file.parent / one).is_file()]
        return found

    def _signed(self, name: str, now: float | None) -> str:
        until = int(-(-((time.time() if now is None else now) + self.valid_for) // DAY) * DAY)
        return f"{until:x}.{self._signature(f'{until:x}', name)}/{quote(name)}"

    def _signature(self, until: str, name: str) -> str:
        made = hmac.digest(self.key, f"{until}/{name}".encode("utf-8", "surrogatepass"), "sha256")
        return base64.urlsafe_b64encode(made[:SIGNED]).decode().rstrip("=")

    def _name(self, file: str) -> str:
        """What that file is called in the folder; empty: it is not there."""
        path, folder = os.path.normpath(file), os.path.normpath(self.folder)
        if not file.isprintable() or not path.startswith(f"{folder}/"):
            return ""
        return path[len(folder) + 1 :]

    def _in_folder(self, name: str) -> Path:
        """Raises `NoFile` for what leads out of the folder, by a link, too, and for what is no file."""
        try:
            folder = os.path.realpath(self.folder)
            path = os.path.realpath(os.path.join(folder, name))
            if not path.startswith(f"{folder}/"):
                raise NoFile
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise NoFile
        except FileNotFoundError:
            pass  # its sides may be there
        except (OSError, ValueError):  # a name too long, a NUL in it
            raise NoFile from None
        return Path(path)


def address(links: Links | None, file: str, switch: str) -> str:
    """Where a recording is to be listened to; empty: nowhere, as far as we know.

    Args:
        file: As the switch calls it: a path, or an address of its own.
        switch: The switch's name, or empty.
    """
    if file.startswith(("http://", "https://")):
        return file
    return links.to(file, switch) if links else ""


def address_or_file(settings: Settings) -> Callable[[str, str], str]:
    """For a terminal: what tells where a recording is to be listened to, or else its file. Makes no key."""
    links = links_of(settings, make_key=False)
    return lambda file, switch: address(links, file, switch) or file


def links_of(settings: Settings, *, make_key: bool = True) -> Links | None:
    """By the settings; None if recordings have no addresses. What is wrong with the key is one line in the
    log, and calls go on without addresses.

    Args:
        make_key: If there is none yet. Only the service may: another's file would be closed to it.
    """
    wanted = settings.recordings
    if wanted.folder is None or not wanted.enabled:
        return None
    try:
        key = _key(wanted, settings.state.folder, make_key)
    except OSError as error:
        log.error("recordings: no addresses, for the key: %s", error)
        return None
    return Links(key, wanted.link, wanted.folder, wanted.valid_for)


def _key(wanted: RecordingsSettings, state: Path | None, make: bool) -> bytes:
    if wanted.key_file:
        return wanted.key_file.read_bytes().strip()
    if state is None:
        raise FileNotFoundError("neither recordings.key_file nor state.folder is set")
    file = state / _KEY
    for _ in range(2):
        try:
            if key := file.read_bytes():
                return key
        except FileNotFoundError:
            if not make:
                raise
            _made_once(file)
    raise OSError(f"{file} is empty")


def _made_once(file: Path) -> None:
    """Whole or not at all, whoever else makes it at the same time."""
    whole = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(32))
        os.fsync(descriptor)
        os.close(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(whole, file)
    finally:
        os.unlink(whole)
