"""`fs-1c journal --all`: what all services know, as one answer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
from rich.console import Console
from urllib3.exceptions import HTTPError, ReadTimeoutError

from fs_1c.channel import plain
from fs_1c.cli.journal import show
from fs_1c.cli.terminal import say
from fs_1c.journal import CallEntry, JournalError, calls, journal_file, merged, of_json
from fs_1c.language import _
from fs_1c.settings import ClusterSettings, Settings

WITHIN = 3.0
"""Seconds that a service may take."""
MAX_ANSWER = 8 << 20
"""Octets of its answer: some hundred calls are a tenth of that."""
MAX_CALLS = 200
"""Calls that a service tells at a time."""
MAX_NAME = 64

Told = tuple[str, list[CallEntry]]
"""A service's name, and the calls that it knows."""


class NoAnswer(Exception):
    """A service does not tell; in one line, without the token."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What is asked for.

    Attributes:
        number: E.164, or as it was typed; empty: any.
        call: A uuid, or empty.
    """

    number: str
    call: str
    limit: int


def run(settings: Settings, sought: Sought, *, as_json: bool, console: Console) -> int:
    """Asks all, and shows what they told. Returns the exit code: 0, or 1 if some did not answer; 2 if the
    settings do not allow it.
    """
    errors, cluster = Console(stderr=True), settings.cluster
    problem = _problem(settings, sought)
    if problem:
        say(errors, f"journal: {problem}")
        return 2
    token = cluster.secret(settings.http)
    asked: list[tuple[str, Future[Told]]] = []
    path = journal_file(settings)
    if path is not None:
        asked.append((cluster.our_name, _in_thread(lambda: _ours(path, cluster.our_name, sought))))
    for url in cluster.services:
        asked.append((url, _in_thread(lambda url=url: ask(url, token, cluster, sought))))  # type: ignore[misc]
    wait([answer for _where, answer in asked], WITHIN)
    told: list[Told] = []
    for where, answer in asked:
        try:
            told.append(answer.result(0))
        except TimeoutError:
            say(errors, f"journal: {where}: {_no_answer()}")
        except (NoAnswer, JournalError) as error:
            say(errors, f"journal: {where}: {error}")
    found = merged(told, sought.limit)
    show(
        found.entries,
        found.services,
        number=sought.number,
        call=sought.call,
        limit=sought.limit,
        as_json=as_json,
        console=console,
    )
    return 0 if len(told) == len(asked) else 1


def _problem(settings: Settings, sought: Sought) -> str:
    if not settings.cluster.services:
        return _("--all: allowed with cluster.services, the addresses of the other services' HTTP doors")
    if sought.limit > MAX_CALLS:
        return _("--limit: allowed with --all: up to {most}", most=MAX_CALLS)
    try:
        token = settings.cluster.secret(settings.http)
    except (OSError, UnicodeDecodeError):
        return _("--all: the file with the token cannot be read")
    if not token or not token.isascii() or not token.isprintable():
        return _(
            "--all: allowed with a token: http.token_file, or cluster.token_file if the others have another"
        )
    return ""


def _no_answer() -> str:
    return _("no answer within {seconds:g} s", seconds=WITHIN)


def _in_thread(work: Callable[[], Told]) -> Future[Told]:
    """Of a daemon: a service that drips must not hold up the end of the command."""
    done: Future[Told] = Future()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    return done


def _ours(path: Path, name: str, sought: Sought) -> Told:
    return name, calls(path, number=sought.number or None, call=sought.call or None, limit=sought.limit)


def ask(url: str, token: str, cluster: ClusterSettings, sought: Sought) -> Told:
    """What the service at `url` knows. Raises `NoAnswer`."""
    ends = time.monotonic() + WITHIN
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy would be given the token, and .netrc would replace it
            session.verify = str(cluster.ca_file) if cluster.ca_file else True
            with session.get(
                f"{url}/journal.json",
                params={"number": sought.number, "call": sought.call, "limit": str(sought.limit)},
                headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"},
                timeout=WITHIN,
                allow_redirects=False,
                stream=True,
            ) as answer:
                octets = _read(answer, ends)
    except (requests.Timeout, TimeoutError, ReadTimeoutError):
        raise NoAnswer(_no_answer()) from None
    except requests.exceptions.SSLError:
        raise NoAnswer(_("its certificate is not believed; cluster.ca_file may name whose it is")) from None
    except (requests.RequestException, HTTPError, OSError, ValueError):
        raise NoAnswer(_("cannot be reached; does the service run?")) from None
    if answer.status_code != 200:
        raise NoAnswer(_refused(answer.status_code, octets))
    return _told(octets, url)


def _read(answer: requests.Response, ends: float) -> bytes:
    """Raises NoAnswer, or what requests does."""
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise NoAnswer(_("what answers there is not this service"))
    octets = bytearray()
    while piece := answer.raw.read1(65536):
        octets += piece
        if len(octets) > MAX_ANSWER:
            raise NoAnswer(_("its answer is too large"))
        if time.monotonic() > ends:
            raise requests.Timeout
    return bytes(octets)


def _refused(status: int, octets: bytes) -> str:
    if status in (401, 403):
        return _(
            "refused with {status}: it wants another token (cluster.token_file), or has none", status=status
        )
    if 300 <= status < 400:
        return _("answers {status}, a redirection", status=status)
    why = plain(octets[:200].decode("utf-8", "replace").strip())
    return _("answers {status}: {why}", status=status, why=why)


def _told(octets: bytes, url: str) -> Told:
    """Reads an answer, which may be anybody's. Raises `NoAnswer`."""
    try:
        told = json.loads(octets)
        name, entries = told["service"], told["calls"]
        if not isinstance(name, str) or not isinstance(entries, list) or len(entries) > MAX_CALLS:
            raise ValueError
        return plain(name[:MAX_NAME]).strip() or urlsplit(url).netloc, [of_json(one) for one in entries]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise NoAnswer(_("what answers there is not this service, or of quite another version")) from None
