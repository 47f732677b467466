"""`fs-1c lookup --raw`: what came, octet for octet, for who writes the 1C side or stands between. Returns the
exit code.
"""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape

import typer

from fs_1c.call import Result
from fs_1c.cards import Subscribers
from fs_1c.channel import plain
from fs_1c.cli.ask import asked_as
from fs_1c.cli.common import refuse_unknown_base, usable_settings
from fs_1c.journal import lookup_word
from fs_1c.language import retold
from fs_1c.numbers import NotANumber, read
from fs_1c.onec import OneCError, Session, SessionPolicy, checked, dialects
from fs_1c.settings import Settings

_SHORT = 4
"""Octets of a secret that is looked for as a word of its own only."""


def lookup(config: Path, number: str, *, base: str) -> int:
    """Who calls from `number`: status line, headers and body as they came to standard output, and in a line
    to standard error what is understood by that.
    """
    settings = usable_settings(config)
    refuse_unknown_base(settings, base)
    parsed = read(number, settings.numbers.plan())
    if isinstance(parsed, NotANumber):
        typer.echo(f"{number}: {lookup_word(Result.SKIPPED)}: {retold(parsed.reason)}", err=True)
        return 2 if parsed.reason == "malformed" else 3
    name = settings.base_for(base, "")
    own = settings.onec[name]
    written = parsed.written(own.number_format)
    heard = bytearray()
    session = Session(own, SessionPolicy(own.session_mode), heard)
    dialect = dialects.of(own)
    try:
        try:
            response = session.send(dialect.lookup(written))
        finally:
            _show(masked(bytes(heard), _secrets(settings, name)))
        known = checked(dialect.understood(dialect.said(response))).known
    except OneCError as error:
        octets = masked(error.message.encode("utf-8", "replace"), _secrets(settings, name))
        failed = f"{lookup_word(Result.FAILED)}: {error.kind}: {retold(octets.decode('utf-8', 'replace'))}"
        typer.echo(plain(f"{asked_as(number, written)}: {failed}"), err=True)
        return 4
    finally:
        session.close()
    found = lookup_word(Result.FOUND if known else Result.UNKNOWN)
    typer.echo(f"{asked_as(number, written)}: {found}", err=True)
    return 0 if known else 3


def masked(octets: bytes, secrets: Iterable[bytes]) -> bytes:
    """Each secret as `***`, the longest first."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        exact = re.escape(secret)
        if len(secret) < _SHORT:  # or half of everything would be gone
            exact = rb"(?<![0-9A-Za-z])" + exact + rb"(?![0-9A-Za-z])"
        octets = re.sub(exact, b"***", octets)
    return octets


def _secrets(settings: Settings, base: str) -> set[bytes]:
    """Subscribers' keys, the base's password and token, in all forms in which they may be repeated."""
    own = settings.onec[base]
    subscribers = Subscribers(settings.subscribers)
    texts = subscribers.keys()
    subscribers.close()
    try:
        password = own.secret()
    except (OSError, UnicodeDecodeError):
        password = ""  # it has not been sent, either
    if password:
        texts |= {password, b64encode(f"{own.username}:{password}".encode("utf-8", "replace")).decode()}
    with suppress(OSError, UnicodeDecodeError):
        texts.add(own.crm_secret())
    texts |= {quote(text, safe="", errors="replace") for text in texts} | {escape(text) for text in texts}
    return {
        text.encode(encoding, "replace")
        for text in texts
        if text
        for encoding in ("utf-8", "cp1251", "utf-16-le", "utf-16-be")
    }


def _show(octets: bytes) -> None:
    if sys.stdout.isatty():  # what would move the cursor is shown, and not done
        lines = octets.decode("utf-8", "backslashreplace").replace("\r\n", "\n").split("\n")
        octets = "\n".join(map(plain, lines)).encode()
        octets = octets if octets.endswith(b"\n") or not octets else octets + b"\n"
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()
