"""Whether who has a recording's address can listen to it, as far as this machine and the settings show it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from fs_1c.check.finding import Finding, ok, problem, warning
from fs_1c.settings import Settings, barred, is_loopback

STEP = "recordings"


def recordings(settings: Settings) -> list[Finding]:
    """Nothing where recordings are not wanted."""
    wanted = settings.recordings
    if not wanted.enabled:
        return []
    found = list(_findings(settings))
    return found or [ok(STEP, f"{wanted.folder} is served at {wanted.listen}, as {wanted.link}")]


def _findings(settings: Settings) -> Iterator[Finding]:
    wanted = settings.recordings
    folder = wanted.folder
    if folder is not None and (why := barred(folder)):
        what = f"recordings.folder: {folder}: {why}"
        yield problem(STEP, what, "1C gets addresses that lead nowhere.", "Let the service's user in there.")
    elif folder is None or not folder.is_dir():
        yield problem(
            STEP,
            f"recordings.folder: there is no folder {folder} on this machine",
            "1C gets addresses that lead nowhere.",
            "Set it to where the switch on this machine writes: `fs_cli -x 'eval $${recordings_dir}'`.",
        )
    elif not os.access(folder, os.R_OK | os.X_OK):
        yield problem(
            STEP,
            f"recordings.folder: {folder} cannot be read by this user",
            "Who opens a recording from 1C is told that there is none.",
            f"Let the service's user in: `setfacl -R -m u:fs-1c:rX -m d:u:fs-1c:rX {folder}`.",
        )
    if wanted.key_file is None and settings.state.folder is None:
        yield problem(
            STEP,
            "recordings: neither key_file nor state.folder is set",
            "There is nothing to sign addresses with: 1C gets none.",
            'Set state.folder, for example to "/var/lib/fs-1c".',
        )
    link = urlsplit(wanted.link.replace("{switch}", "switch"))
    if link.scheme != "https" and not is_loopback(link.hostname or ""):
        yield warning(
            STEP,
            f"recordings.link: {wanted.link} is not https",
            "Whoever is on the way can listen to calls, and read addresses that are good for "
            f"{wanted.valid_for / 86400:.0f} days.",
            "Put a proxy with TLS before recordings.listen (docs/examples), and set its https:// address.",
        )
