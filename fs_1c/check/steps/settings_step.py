"""What can be seen in the settings and in the files that they name, before anything is connected to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from fs_1c.bounds import OutOfTime, within
from fs_1c.check import keys as subscriber_keys
from fs_1c.check.finding import Finding, ok, problem, warning
from fs_1c.check.keys import Keys
from fs_1c.check.masking import Mask
from fs_1c.onec import dialects
from fs_1c.settings import (
    TOKEN_LENGTH,
    Address,
    DialectName,
    Settings,
    inline_secrets,
    is_loopback,
    open_to_all,
    secret_files,
    setting,
    unwritable,
)

FILE_WITHIN = 3.0
"""Seconds for one file; a network disk that hangs must not hold up the rest."""
STEP = "settings"

T = TypeVar("T")


def read(path: Path) -> Finding:
    """They have been read, or nobody would be here."""
    return ok(STEP, f"{path} can be used")


def base_link(name: str) -> str:
    """What findings about a base are listed under."""
    return f"base {name}"


def switch_link(address: Address) -> str:
    """What findings about a switch are listed under."""
    return f"switch {address}"


def secrets(settings: Settings, mask: Mask) -> tuple[list[Finding], set[str]]:
    """Reads every password and token once, so that they can be masked and a bad file is told here.

    Returns the links, too, whose password cannot be read.
    """
    found: list[Finding] = []
    locked: set[str] = set()
    named = dict(secret_files(settings))
    for link, name, read, username in _readers(settings):
        try:
            secret = within(FILE_WITHIN, read)
        except (OSError, UnicodeDecodeError, OutOfTime) as error:
            found.append(_unreadable(name, error))
            locked.add(link)
            continue
        if not secret.strip() and (file := named.get(name)):
            found.append(
                problem(
                    STEP,
                    f"{name}: {file} is empty",
                    "Nobody is let in without the password, and it would be told as a wrong one.",
                    f"Write it: read -rs SECRET; printf '%s\\n' \"$SECRET\" > {file}",
                )
            )
            locked.add(link)
            continue
        mask.learn(secret, username)
        found += _amiss(name, secret, of_http=settings.http.enabled and read == settings.http.secret)
    _learn_of_urls(settings, mask)
    return found, locked


def _readers(settings: Settings) -> list[tuple[str, str, Callable[[], str], str]]:
    """Of each secret: the link that needs it, the setting of its file, what reads it, whose it is."""
    bases, switches = settings.onec.items(), settings.esl.inbound
    return [
        *((base_link(of), setting(of, "password_file"), base.secret, base.username) for of, base in bases),
        *((base_link(of), setting(of, "crm_token_file"), base.crm_secret, "") for of, base in bases),
        *((switch_link(one.address), "esl.inbound.password_file", one.secret, "") for one in switches),
        ("service", "http.token_file", settings.http.secret, ""),
        ("service", "calls.token_file", settings.calls.secret, ""),
    ]


def _amiss(name: str, secret: str, *, of_http: bool) -> list[Finding]:
    """What is to be said of a secret that could be read."""
    found = []
    if of_http and 0 < len(secret) < TOKEN_LENGTH:
        found.append(
            warning(
                STEP,
                f"http.token has {len(secret)} characters",
                "Whoever reaches the status page, through a proxy say, can try short ones.",
                f"At least {TOKEN_LENGTH}: openssl rand -hex 16",
            )
        )
    if secret != secret.strip():
        found.append(
            warning(
                STEP,
                f"{name}: what is read from it begins or ends with a space",
                "The space is sent as a part of the password.",
                "Take it out, unless the password really has it.",
            )
        )
    return found


def _learn_of_urls(settings: Settings, mask: Mask) -> None:
    """Masks the passwords that stand in URLs."""
    for base in settings.onec.values():
        mask.learn(base.proxy.get_secret_value())
        user, _, password = base.through()[1].partition(":")
        mask.learn(password, user)
    if settings.redis:
        url = settings.redis.url.get_secret_value()
        mask.learn(url)
        mask.learn(settings.redis.sentinel_password.get_secret_value())
        mask.learn(url.partition("://")[2].rpartition("@")[0].partition(":")[2])


def _unreadable(name: str, error: Exception) -> Finding:
    why = "it is not UTF-8: save it as UTF-8"
    if isinstance(error, OutOfTime):
        why = f"nothing came within {FILE_WITHIN:g} s"
    elif isinstance(error, OSError):
        why = error.strerror or type(error).__name__
    return problem(
        STEP,
        f"{name} cannot be read: {why}",
        "Without the password nobody is let in.",
        "Put the password there as one line of UTF-8 text that the service's user may read.",
    )


def files(settings: Settings, path: Path) -> list[Finding]:
    """Files with secrets in them that anybody on this machine can read."""
    named = secret_files(settings)
    nothing: list[str] = []
    if inline := _within(lambda: inline_secrets(path), nothing):
        named.append((f"the settings, which hold {', '.join(inline)}", path))
    return [
        warning(
            STEP,
            f"{file} can be read by everybody on this machine ({what})",
            "Whoever reads it can ask 1C about clients, or make calls with a subscriber's key.",
            f"chgrp it to the group of the service's user, then: chmod 640 {file}",
        )
        for what, file in named
        if _within(partial(open_to_all, file), False)
    ]


def _within(look: Callable[[], T], otherwise: T) -> T:
    try:
        return within(FILE_WITHIN, look)
    except OutOfTime:
        return otherwise  # told already, where it is read


def plain_http(settings: Settings) -> list[Finding]:
    """Bases that are sent a password over another machine's network as it is."""
    return [
        warning(
            STEP,
            f"{setting(name, 'url')} is plain http, and 1C is sent a password",
            f"Whoever is on the way to {host} reads it, and what 1C says of clients.",
            "Publish the base over https (ca_file for a certificate of your own), or keep the way private "
            "(a VPN, a network of its own).",
        )
        for name, base in settings.onec.items()
        if (base.username or base.dialect is DialectName.ITOOLABS) and base.url.startswith("http://")
        for host in [urlsplit(base.url).hostname or ""]
        if not is_loopback(host)
    ]


def subscribers(settings: Settings, mask: Mask) -> tuple[list[Finding], Keys]:
    """Who has no key, who has two, who cannot be rung; and the keys for the steps that follow."""
    try:
        keys = within(FILE_WITHIN, lambda: subscriber_keys.read(settings.subscribers))
    except OutOfTime:
        keys = Keys({}, unread=f"nothing came within {FILE_WITHIN:g} s")
    for key in keys.of.values():
        mask.learn(key)
    return list(_about_keys(settings, keys)), keys


def _about_keys(settings: Settings, keys: Keys) -> Iterator[Finding]:
    no_card = "1C finds the person by the key: without the right one no card opens there."
    if keys.unread:
        remedy = "Make it a CSV file with lines extension,key that the service's user may read."
        yield problem(STEP, f"subscribers.file cannot be read: {keys.unread}", no_card, remedy)
    if keys.problems:
        yield problem(
            STEP,
            f"subscribers.file: {_some(list(keys.problems), '; ', 5)}",
            no_card,
            "Leave one line extension,key for each, with the one key that 1C knows; several may share it.",
        )
    needed = any(dialects.of(base).needs_key for base in settings.onec.values())
    if keys.without and needed:
        yield problem(
            STEP,
            f"there is no key for extension {_some(list(keys.without))}",
            no_card,
            "Put the key of each in, as it stands in 1C, or take the extension out.",
        )
    limit = settings.numbers.extension_digits
    if strange := [e for e in keys.of if not (e.isascii() and e.isdigit() and len(e) <= limit)]:
        yield warning(
            STEP,
            f"not taken for an extension here: {_some(sorted(strange))}",
            f"Extensions are numbers of up to {limit} digits (numbers.extension_digits).",
            "Correct the extension, or numbers.extension_digits.",
        )
    if settings.subscribers.directory and not settings.esl.inbound:
        yield problem(
            STEP,
            "subscribers.directory is on, and no switch is set whose directory could be asked",
            no_card,
            "Add the switch as [[esl.inbound]].",
        )
    nobody = not (keys.of or keys.without or keys.unread)
    if nobody and needed and not settings.subscribers.directory:
        yield warning(
            STEP,
            "no subscriber has a key",
            "Callers' names and managers work; no card will open.",
            "List extensions and keys in [subscribers.keys], or set subscribers.file or .directory.",
        )


def _some(names: list[str], between: str = ", ", limit: int = 10) -> str:
    more = f"{between}and {len(names) - limit} more" if len(names) > limit else ""
    return between.join(names[:limit]) + more


def state(settings: Settings) -> list[Finding]:
    """The folder for what must outlive the service: is it there, may it be written, is there room."""
    folder = settings.state.folder
    if folder is None:
        return [
            warning(
                "state",
                "there is no state.folder",
                "After a restart nobody can say why a card did not open, and cards under way may open twice.",
                'Set state.folder, for example to "/var/lib/fs-1c".',
            )
        ]
    serves = settings.esl.outbound.enabled or settings.esl.inbound
    mend = (
        "Start the service: its systemd unit makes /var/lib/fs-1c. Without the unit, or for another folder: "
        f"install -d -o fs-1c -g fs-1c -m 750 {folder}; what root has left there: chown -R fs-1c: {folder}"
        if serves
        else "No service keeps it, FreeSWITCH itself does, as the user that it runs as: "
        f"install -d -o freeswitch -g freeswitch -m 750 {folder}; what others have left there: "
        f"chown -R freeswitch: {folder}"
    )
    if why := unwritable(folder):
        return [problem("state", f"state.folder: {why}", "Nothing can be kept there.", mend)]
    free = os.statvfs(folder)
    if free.f_bavail * free.f_frsize < 64 * 1024 * 1024:
        return [
            warning(
                "state",
                f"the disk of state.folder {folder} is almost full",
                "The journal will have gaps; calls go on.",
                "Make room there, or keep the journal for a shorter time (journal.keep_for).",
            )
        ]
    return [ok("state", f"{folder} can be written by this user")]
