"""Harnesses for what people, files, other switches and 1C's `POST /forget` say: numbers, keys, settings, …"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any

from pydantic import BaseModel

from fs_1c.call import Call, Caller, Conversation, Decision, Failure, Outcome, Result, ScreenPop
from fs_1c.cards import subscribers
from fs_1c.directory import entries, forgetting
from fs_1c.journal import contract
from fs_1c.journal import report as journal_report
from fs_1c.journal.entries import CallEntry, DecisionEntry, PopEntry, of_decision, of_pop
from fs_1c.journal.texts import MAX_TEXT
from fs_1c.numbers import Number, NumberFormat, NumberPlan, is_extension, read
from fs_1c.onec import MAX_PHONE, MAX_TITLE, dialects
from fs_1c.settings import Settings, SettingsError, esl
from fs_1c.settings import file as settings
from fs_1c.settings.types import Address
from fs_1c.web import access, exchange
from fs_1c.web.door import read_forget
from tests.fuzz.engine import Harness
from tests.fuzz.values import Taken, text

PLANS = (NumberPlan(), NumberPlan(area_code="383", extension_digits=4), NumberPlan("US"))


def numbers(octets: bytes) -> None:
    """A number is E.164 or refused; and a base that is asked in its own form is asked about the same one."""
    received = text(octets)
    for plan in PLANS:
        found = read(received, plan)
        if not isinstance(found, Number):
            assert found.reason in ("withheld", "an extension", "malformed")
            continue
        assert re.fullmatch(r"\+[1-9][0-9]{3,14}", found.e164), found
        assert found.received == received.strip()
        assert not is_extension(found.received, plan)
        again = read(found.e164, plan)
        assert isinstance(again, Number)
        assert again.e164 == found.e164
        for form in NumberFormat:
            written = found.written(form)
            if form is not NumberFormat.AS_RECEIVED:
                assert re.fullmatch(r"\+?[0-9]{4,18}", written)
        if plan.country == "RU":
            for form in (NumberFormat.EIGHT, NumberFormat.PLUS):
                again = read(found.written(form), plan)
                assert isinstance(again, Number), (found, form)
                assert again.e164 == found.e164, (found, form)


def keys(octets: bytes) -> None:
    """A file of subscribers gives keys and complaints, and no complaint shows a key."""
    given = {"244": "key-of-the-settings"}
    found, problems = subscribers.parse(octets, given)
    for extension, key in found.items():
        assert re.fullmatch("[0-9]+", extension)
        assert key == key.strip()
        assert 0 < len(key) <= subscribers.MAX_KEY
    secrets = {key for key in (*found.values(), *given.values()) if len(key) > 20 and not key.isdigit()}
    for problem in problems:
        assert len(problem) < 300, "a complaint without end"
        assert "\n" not in problem
        assert not any(secret in problem for secret in secrets), problem


def forget(octets: bytes) -> None:
    """The body of a request is understood or refused in one line."""
    try:
        asked = read_forget(octets[: exchange.MAX_BODY])
    except exchange.Refusal as refusal:
        told = bytes(refusal.response.body).decode()
        assert told.endswith("\n")
        assert told[:-1].isprintable()
        assert refusal.response.status_code == 400
        return
    assert asked.number is None or isinstance(asked.number, str)
    assert isinstance(asked.base, str)
    if asked.number is not None:
        read(asked.number, PLANS[0])


def visitor(octets: bytes) -> None:
    """No header lets anybody in but the token and a session's cookie; a guesser's name is short."""
    header = octets.decode("latin-1")
    sessions = access.Sessions()
    cookie = sessions.begin(SECRET)
    assert header == cookie or not sessions.good(header, SECRET)
    given = access.bearer({"Authorization": header})
    assert not access.same(given or b"", SECRET) or SECRET in header
    for peer in ("127.0.0.1", "::1", "203.0.113.5", header):
        client = access.client_of(peer, header)
        assert client == peer or len(client) < 60
    if access.host_is_ours(header, Address("127.0.0.1", 9184)):
        assert re.fullmatch(r"\[?[\w.:%]+\]?(:\d+)?", header.strip(), re.ASCII), header


def entry(octets: bytes) -> None:
    """What Redis holds is an answer that we could have put there, or nothing."""
    found = entries.read(octets)
    if found is not None:
        known = found.answer
        assert math.isfinite(found.asked_at)
        for value, limit in (
            (known.title, MAX_TITLE),
            (known.category, MAX_PHONE),
            (known.manager, MAX_PHONE),
        ):
            assert isinstance(value, str)
            assert len(value) <= limit
            value.encode()
        assert not known.error
        assert entries.read(b'{"asked_at":1.000' + entries.written(known)) == entries.Entry(known, 1.0)
    heard = forgetting.read(octets)
    if heard is not None:
        assert isinstance(heard.base, str)
        assert heard.number is None or isinstance(heard.number, str)
        assert isinstance(heard.generation, bytes)


class Journaled:
    """What is journaled, in a database in memory."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", isolation_level=None)

    def check(self, octets: bytes) -> None:
        """Rows of hostile texts are kept as they were made, and shown in lines of letters."""
        lines = [*text(octets).split("\n"), *[""] * 8]
        private = len(octets) % 5 == 0
        call = Call(lines[0], lines[1], lines[2], lines[3], private=private, base=lines[5])
        found = read(call.number, PLANS[0])
        number = found if isinstance(found, Number) else None
        failure = Failure(lines[6], lines[7]) if len(octets) % 2 else None
        caller = Caller(number, Result.FOUND, lines[0], lines[7], lines[6], lines[5], error=failure)
        decision = Decision(call, caller, (), lines[4] or None)
        conversation = Conversation(lines[0], lines[1], lines[2], lines[3], key="K3Y-" * 9)
        pop = ScreenPop(Outcome.REJECTED, 0.1, failure)
        decided = self._kept(of_decision(decision, True, 0.0))
        popped = self._kept(of_pop(conversation, pop, 0.0))
        assert isinstance(decided, DecisionEntry)
        assert isinstance(popped, PopEntry)
        if call.private and number is None:
            assert decided.number == ""
        told = CallEntry(decided.at, decided.call, decided.number, (decided,), (popped,))
        for line in (*journal_report.story(told), *journal_report.listing([told])):
            line.encode()
            assert "K3Y-" not in line
        assert json.loads(contract.to_json([told]))

    def _kept(self, row: DecisionEntry | PopEntry) -> DecisionEntry | PopEntry:
        assert all(len(value) <= MAX_TEXT for value in row if isinstance(value, str))
        marks = ", ".join("?" * len(row))
        back = self._database.execute(f"SELECT {marks}", row).fetchone()
        assert back == row
        return type(row)(*back)


# --- settings: octets choose tables, keys and values


def _tables(model: type[BaseModel], seen: frozenset[type[BaseModel]] = frozenset()) -> set[str]:
    """The names of all settings."""
    names: set[str] = set()
    for name, info in model.model_fields.items():
        names |= {info.alias or name}
        for part in re.findall(r"[\w.]+", str(info.annotation)):
            inside = _MODELS.get(part.rpartition(".")[2])
            if inside is not None and inside not in seen:
                names |= _tables(inside, seen | {inside})
    return names


_MODELS = {
    name: model
    for module in (settings, esl)
    for name, model in vars(module).items()
    if isinstance(model, type) and issubclass(model, BaseModel)
}
# What pydantic's own constructor takes.
_PYDANTICS = ("_env_file", "_cli_parse_args", "_build_sources", "__pydantic_self__", "_secrets_dir")
_KEYS = (*sorted(_tables(Settings)), *("default", "", "a\nb", "self", "я"), *_PYDANTICS)
_VALUES: tuple[Any, ...] = (
    *("", "on", "off", "800ms", "5s", "\u00b2s", "9" * 400 + "d", "nan", "inf", "http://1c.example/b", "RU"),
    *("127.0.0.1:8084", "[::1]:1", "0.0.0.0:80", "h:\u00b2", "h:" + "9" * 5000, "user/{extension}@{domain}"),
    *("user/{x}", "${a}", "a'b", "\0", "/nonexistent", "/dev/null", "/", "\ud83d", "mobilon-3", "8", "ring"),
    *("redis://h/0", "redis://[", "python-esl", "own", "1.2", "1C1", "a b"),
    *(
        0,
        1,
        -1,
        65536,
        10**30,
        10**400,
        -(10**400),
        True,
        False,
        0.5,
        -0.5,
        1e308,
        math.inf,
        -math.inf,
        math.nan,
    ),
    *(
        date(2026, 1, 1),
        [],
        {},
        [[]],
        [{}],
        ["user/1"],
        [1],
        {"244": "k"},
        {"": ""},
        {"244": 1},
        [{"is": ""}],
        ["--help"],
    ),
)
SECRET = "s3cr3t-that-nobody-may-read"


def _table(taken: Taken, depth: int = 0) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(1 + taken.number(4)):
        key = taken.one(_KEYS)
        match taken.number(8):
            case 0 | 1 if depth < 4:
                made[key] = _table(taken, depth + 1)
            case 2 if depth < 4:
                made[key] = [_table(taken, depth + 1)]
            case 3:
                made[key] = taken.line()
            case _:
                made[key] = taken.one(_VALUES)
    return made


def built(octets: bytes) -> None:
    """Settings, or `SettingsError`; and what is valid can be asked."""
    taken = Taken(octets)
    given = _table(taken)
    if taken.number(2):
        given = {"onec": {"url": "http://1c.example/b", "password": SECRET}, **given}
    try:
        made = settings.build(given)
    except SettingsError as error:
        assert error.problems
        assert all(SECRET not in problem for problem in error.problems)
        return
    assert SECRET not in repr(made)
    for base in made.onec.values():
        dialects.of(base)
        dialects.address(base)
    for seconds in (
        made.lookup.deadline,
        made.lookup.fresh_for,
        made.lookup.stale_for,
        made.journal.keep_for,
    ):
        assert 0 <= seconds < 1e9, seconds
    assert all(0 <= base.keep_warm < 1e9 for base in made.onec.values())
    assert made.base_for("x", "89235292926") in made.onec
    with suppress(OSError, UnicodeDecodeError):
        made.http.secret()


def _choices(*pairs: tuple[str, object]) -> bytes:
    """The octets that make a table of these."""
    parts = [bytes((len(pairs) - 1,))]
    for key, value in pairs:
        kind, rest = (0, value) if isinstance(value, bytes) else (4, bytes((_index(value),)))
        parts.append(bytes((_KEYS.index(key), kind)) + rest)
    return b"".join(parts)


def _index(value: object) -> int:
    return next(
        i for i, one in enumerate(_VALUES) if one is value or (one == value and type(one) is type(value))
    )


def _csv(*rows: tuple[str, str], delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode()


def harnesses() -> tuple[Harness, ...]:
    journal: Callable[[bytes], None] = Journaled().check
    url = _choices(("url", "http://1c.example/b"))
    rows = (("extension", "key"), ("244", "gW3cyUJAtl50PhF-and-more"), ("245", "K"), ("244", "другой"))
    forms = (
        "+7 923 529-29-26",
        "89235292926",
        "8 (383) 274-50-00",
        "sip:244@h;x=y",
        "tel:+375291234567",
        "2745000",
    )
    answer = {"asked_at": 1795426359.5, "title": "Чиж", "category": "0", "manager": "244"}
    bodies = (
        b'{"number": "89235292926"}',
        b'{"all": true, "base": "sales"}',
        b"number=%2B79235292926&base=a",
    )
    told = "uuid\n89235292926\nЧиж\n244\nuser/244@h\nbase\nfault\nОшибка".encode()
    digits = tuple(str(i).encode() for i in range(10))
    return (
        Harness(
            "numbers",
            numbers,
            tuple(form.encode() for form in forms),
            (
                *digits,
                b"+",
                b"00",
                b"810",
                b"(",
                b"-",
                b"+7",
                b"8",
                b"sip:",
                b"tel:",
                b";ext=5",
                b"anonymous",
            ),
            longest=5000,
        ),
        Harness(
            "subscribers",
            keys,
            (_csv(*rows), _csv(*rows, delimiter=";"), _csv(*rows, delimiter="\t")),
            (b"244,", b'""', b"\n244,key-of-the-settings"),
            longest=1 << 18,
        ),
        Harness("forget", forget, bodies, (b'"number"', b'"all": true', b"base=", b"&", b"%", b"+", b"{")),
        Harness(
            "visitor",
            visitor,
            (b"127.0.0.1:9184", b"[::1]:9184", b"10.0.0.1, 2001:db8::1", b"Bearer " + SECRET.encode()),
            (b"localhost", b"127.", b"::ffff:", b", ", b"Bearer ", b"%lo"),
            longest=4096,
        ),
        Harness(
            "redis",
            entry,
            (
                json.dumps(answer, ensure_ascii=False).encode(),
                json.dumps(answer).encode("utf-16"),
                b'{"base": "default", "number": null}',
            ),
            (
                b'"title": ',
                b'"asked_at": 1e400',
                b'"asked_at": "nan"',
                b'"base"',
                b'"number": 5',
                b"[[",
                b"{",
            ),
        ),
        Harness("journal", journal, (told, b"\n" * 8), (b"[red]", b":smile:")),
        Harness(
            "settings",
            built,
            (
                _choices(("onec", url), ("lookup", _choices(("deadline", "800ms"), ("stale_for", "off")))),
                _choices(("onec", url), ("esl", _choices(("outbound", _choices(("listen", "[::1]:1")))))),
                _choices(("onec", _choices(("url", "http://1c.example/b"), ("keep_warm", "5s")))),
                *(
                    _choices(("onec", url), ("lookup", _choices(("stale_for", value))))
                    for value in (math.inf, -math.inf, -1, 10**400)
                ),
                _choices(("onec", url), ("subscribers", _choices(("file", "\ud83d")))),
                *(_choices(("onec", url), (name, ["--help"])) for name in _PYDANTICS),
                _choices(("journal", _choices(("keep_for", "5s"))), ("http", _choices(("token", "on")))),
            ),
            longest=300,
        ),
    )
