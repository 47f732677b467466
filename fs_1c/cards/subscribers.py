"""Subscribers: extension → the key by which 1C knows whose screen is meant. A key is a credential.

It is looked for in the settings, in a CSV file, on the subscriber's leg (`fs_1c_key`), and at last in the
directory of the switch that the conversation takes place on.
"""

from __future__ import annotations

import csv
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from cachetools import TTLCache

from fs_1c.settings import SubscribersSettings
from fs_1c.timers import TIMERS

log = logging.getLogger(__name__)

KEY, ALIAS = "var fs_1c_key", "attr number-alias"
"""What a switch's directory is asked about a user: his key, the extension that he also has."""


class Ask(Protocol):
    """Asks a switch's directory: user, domain (may be empty), what of it → that; empty if there is none."""

    def __call__(self, user: str, domain: str, what: str = KEY) -> Future[str]: ...


ANSWER_WITHIN = 2.0
"""Seconds that a switch's directory may take; it may be a database behind mod_xml_curl."""
NONE_FOR = 30.0
"""Seconds for which a subscriber without a key is not asked about again."""
LOOK_EVERY = 2.0
"""Seconds between two looks at whether the file has changed."""
MAX_FILE = 16 * 1024 * 1024
MAX_KEY = 256
MAX_EXTENSION = 32
"""Digits; what is longer is no extension, and must not fill the log."""
DIRECTORY_SIZE = 10_000

_LOGIN = re.compile(r"[A-Za-z0-9._+-]{1,64}")
_DOMAIN = re.compile(r"[A-Za-z0-9._:\[\]-]{0,253}")


class Subscribers:
    """The subscribers of the switches. Thread-safe.

    Attributes:
        problems: One line each: an extension that has two keys. Names no key.
    """

    def __init__(self, settings: SubscribersSettings) -> None:
        self._settings = settings
        self._keys = {extension: key.get_secret_value() for extension, key in settings.keys.items()}
        self._in_file: dict[str, str] = {}
        self._closed = threading.Event()
        self.problems: list[str] = []
        known_for = (settings.directory_for, min(settings.directory_for, NONE_FOR))
        self._directory, self._without = (
            TTLCache[tuple[str, str], str](DIRECTORY_SIZE, seconds, timer=lambda: time.monotonic())
            for seconds in known_for
        )
        self._lock = threading.Lock()
        if settings.file:
            changed = self._read(settings.file)
            watch = threading.Thread(
                target=self._watch, args=(settings.file, changed), name="fs-1c-subscribers", daemon=True
            )
            watch.start()

    def key(self, extension: str, on_leg: str = "") -> str:
        """The key of that extension as far as it is known here, or empty.

        Args:
            on_leg: `fs_1c_key` as the subscriber's leg carried it; settings and file win over it.
        """
        return self._keys.get(extension) or self._in_file.get(extension) or on_leg

    def of_key(self, key: bytes, same: Callable[[bytes, bytes], bool]) -> tuple[str, ...]:
        """Whose key that is: the extensions, as far as they are known here. Takes as long for any key.

        Args:
            same: Compares two texts in a time that tells nothing.
        """
        known = {**self._in_file, **self._keys}
        return tuple(sorted(e for e, one in known.items() if one and same(one.encode(), key)))

    def extensions(self) -> set[str]:
        """Who has a key that is known here."""
        return {*self._keys, *self._in_file}

    def keys(self) -> set[str]:
        """All keys that are known here, to be masked."""
        return {key for key in (*self._keys.values(), *self._in_file.values()) if key}

    def find(self, extension: str, domain: str, on_leg: str, ask: Ask | None) -> Future[str]:
        """The key, asked of the switch's directory if need be; returns at once. The future ends with the key
        or with nothing, within `ANSWER_WITHIN` seconds; it never fails.
        """
        found: Future[str] = Future()
        who = (extension, domain if _DOMAIN.fullmatch(domain) else "")
        with self._lock:
            key = self.key(extension, on_leg) or self._directory.get(who)
            given_up = who in self._without
        questions = [ALIAS] if not extension.isdecimal() else []  # `ivanov` may be 233 to 1C
        questions += [KEY] if self._settings.directory else []
        if key or given_up or ask is None or not questions or not _LOGIN.fullmatch(extension):
            found.set_result(key or "")
            return found
        ticket = TIMERS.after(ANSWER_WITHIN, lambda: self._late(found, extension))

        def answered(answer: Future[str], what: str) -> None:
            key = "" if answer.cancelled() or answer.exception() else answer.result()[:MAX_KEY].strip()
            key = self.key(key) if what == ALIAS else key
            if not key and questions:
                ask_next()
                return
            with self._lock:
                (self._directory if key else self._without)[who] = key
            TIMERS.cancel(ticket)
            _settle(found, key)

        def ask_next() -> None:
            what = questions.pop(0)
            try:
                asked = ask(*who, what) if what != KEY else ask(*who)
            except Exception:
                log.exception("the directory cannot be asked about extension %s", extension)
                TIMERS.cancel(ticket)
                _settle(found, "")
            else:
                asked.add_done_callback(lambda answer: answered(answer, what))

        ask_next()
        return found

    def close(self) -> None:
        """Looks at the file no more."""
        self._closed.set()

    def _late(self, found: Future[str], extension: str) -> None:
        if _settle(found, ""):
            log.warning("extension=%s: the directory did not tell the key in %g s", extension, ANSWER_WITHIN)

    def _watch(self, file: Path, changed: float | None) -> None:
        # A thread of its own: a file may stand on a disk that hangs.
        while not self._closed.wait(LOOK_EVERY):
            now: float | None = None
            with suppress(OSError):
                now = file.stat().st_mtime
            if now != changed:
                changed = now
                self._read(file)

    def _read(self, file: Path) -> float | None:
        """Takes over what the file says; what cannot be read leaves all as it was. Returns when it was
        changed.
        """
        changed: float | None = None
        try:
            changed = file.stat().st_mtime
            with file.open("rb") as opened:
                octets = opened.read(MAX_FILE + 1)
            if len(octets) > MAX_FILE:
                raise OSError(0, f"more than {MAX_FILE} bytes")
        except OSError as error:
            log.warning(
                "subscribers: %s cannot be read (%s); the keys stay as they were", file, error.strerror
            )
            return changed
        keys, problems = parse(octets, self._keys)
        self._in_file = keys
        self.problems = [f"{file}: {problem}" for problem in problems]
        for problem in self.problems[:20]:
            log.warning("subscribers: %s", problem)
        log.info("subscribers: %d keys in %s", len(keys), file)
        return changed


def parse(octets: bytes, in_settings: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Reads a CSV file of `extension,key`: with or without that line at its top, separated by commas,
    semicolons or tabs (as spreadsheets do), in UTF-8 or windows-1251. Never raises. Returns the keys, and one
    line for each problem; the first key of an extension counts.

    Args:
        in_settings: Keys that go before these.
    """
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = octets.decode("cp1251", "replace")
    keys: dict[str, str] = {}
    problems: list[str] = []
    for number, row in _rows(text, problems):
        extension, key = (field.strip() for field in row[:2])
        if not (extension.isascii() and extension.isdigit()) or len(extension) > MAX_EXTENSION:
            if number > 1:
                problems.append(f"line {number}: the extension is not a number")
        elif not key or len(key) > MAX_KEY:
            problems.append(f"line {number}: extension {extension} has no key, or too long a one")
        elif (in_settings.get(extension) or keys.setdefault(extension, key)) != key:
            where = "the settings'" if extension in in_settings else "the first"
            problems.append(f"line {number}: extension {extension} has two keys; {where} counts")
    return keys, problems


def _rows(text: str, problems: list[str]) -> Iterator[tuple[int, list[str]]]:
    lines = text.splitlines()
    first = lines[0] if lines else ""
    separator = next((s for s in ("\t", ";", ",") if s in first), ",")
    for number, line in enumerate(lines, 1):
        try:
            row = next(csv.reader([line.replace("\0", "")], delimiter=separator), [])
        except csv.Error:
            row = [line]
        if len(row) >= 2:
            yield number, row
        elif line.strip():
            problems.append(f"line {number}: allowed is extension{separator}key")


def _settle(found: Future[str], key: str) -> bool:
    """Ends the future, unless it has ended already."""
    with suppress(InvalidStateError):
        found.set_result(key)
        return True
    return False
