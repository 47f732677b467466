"""`python -m tests.onec.soak [LOOKUPS] [SEED]`: lookups and cards over four kept connections, while a 1C
answers in every shape and fails in every way, at random. Each number has a name of its own. Exits 1 if an
answer is given to another's question, or a card runs twice by 1C's own count.
"""

from __future__ import annotations

import gzip
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from random import Random

from fs_1c.cards.screenpop import open_card
from fs_1c.onec import Answer, Card, OneCError, Urgency, WorkerPool
from tests.onec.pretend import Asked, PretendOneC, Said, fault, http, name_of, page, well
from tests.support import KEY, base, soap_answer

CONNECTIONS = 4
AT_ONCE = 64
OTHERS = name_of("89999999999")
"""A client who never calls: his name is what must not come."""


def _chunked(body: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    half = len(body) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:]))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + end


def _length(body: bytes, wrong: int) -> bytes:
    return http(body).replace(b"Length: %d" % len(body), b"Length: %d" % (len(body) + wrong))


def _longer(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\r\nContent-Length: 9\r\n", 1)


def _json(asked: Asked) -> bytes:
    return soap_answer(f'{{"title": "{name_of(asked.number)}", "manager": {{"phone": "244"}}}}')


def _other(asked: Asked) -> bytes:
    return http(soap_answer(f"<data><title>{OTHERS}</title></data>"))


Shape = Callable[[Asked], Said]
GOOD: dict[str, Shape] = {
    "clean": lambda asked: http(well(asked)),
    "chunked": lambda asked: _chunked(well(asked)),
    "created": lambda asked: http(well(asked), "201 Created"),
    "closes": lambda asked: [http(well(asked), "200 OK", "Connection: close"), None],
    "without a length": lambda asked: [b"HTTP/1.1 200 OK\r\n\r\n" + well(asked), None],
    "packed": lambda asked: http(gzip.compress(well(asked)), "200 OK", "Content-Encoding: gzip"),
    "packed unsaid": lambda asked: http(gzip.compress(well(asked))),
    "102 before": lambda asked: [b"HTTP/1.1 102 Processing\r\n\r\n", 0.002, http(well(asked))],
    "103 before": lambda asked: b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" + http(well(asked)),
    "100 before": lambda asked: b"HTTP/1.1 100 Continue\r\n\r\n" + http(well(asked)),
    "in pieces": lambda asked: _pieces(http(well(asked))),
    "another's behind": lambda asked: http(well(asked)) + _other(asked),
    "its own again": lambda asked: 2 * http(well(asked)),
    "another's behind chunks": lambda asked: _chunked(well(asked)) + _other(asked),
    "octets behind": lambda asked: http(well(asked)) + b"\r\n\r\nrest",
    "two lengths": lambda asked: http(well(asked), "200 OK", f"Content-Length: {len(well(asked))}"),
    "1 as JSON": lambda asked: http(well(asked) if asked.operation != "SayName" else _json(asked)),
    "in UTF-16": lambda asked: http(well(asked).decode().encode("utf-16")),
}
BEFORE_CODE: dict[str, Shape] = {
    "400": lambda asked: page("400 Bad Request", "Bad Request"),
    "401": lambda asked: http(b"", "401 Unauthorized"),
    "no licence": lambda asked: page("402 Payment", "Не обнаружено свободной лицензии!"),
    "403": lambda asked: page("403 Forbidden", "nginx"),
    "404": lambda asked: http(b"", "404 Not Found"),
    "406": lambda asked: page("406 Not Acceptable", "Истекло время ожидания сеанса"),
    "409": lambda asked: page("409 Conflict", "Различаются версии клиента и сервера"),
    "429": lambda asked: page("429 Too Many Requests", "nginx"),
    "redirect": lambda asked: http(b"", "302 Found", "Location: https://sso.example/"),
}
"""Whoever answers so has not let 1C's code run."""
BAD: dict[str, Shape] = {
    "fault": lambda asked: http(fault("{Модуль(7)}: Деление на 0"), "500 Internal Server Error"),
    "fault 400": lambda asked: http(fault("{Модуль(7)}: Деление на 0", "1.2"), "400 Bad Request"),
    "fault about a session": lambda asked: http(fault("Сеанс отсутствует или удален"), "500 X"),
    "fault about a licence": lambda asked: http(fault("Не обнаружено свободной лицензии!"), "500 X"),
    "fault in UTF-16": lambda asked: http(fault("Сеанс удален").decode().encode("utf-16"), "500 X"),
    "error": lambda asked: http(soap_answer("<error>не найден</error>", asked.operation or "x")),
    "500": lambda asked: page("500 X", "Ошибка 1С:Предприятия"),
    "502": lambda asked: page("502 Bad Gateway", "nginx"),
    "102 and no more": lambda asked: [b"HTTP/1.1 102 Processing\r\n\r\n", None],
    "101": lambda asked: b"HTTP/1.1 101 Switching\r\n\r\n" + _other(asked),
    "202": lambda asked: http(b"", "202 Accepted"),
    "204": lambda asked: b"HTTP/1.1 204 No Content\r\n\r\n",
    "204 with another's": lambda asked: b"HTTP/1.1 204 No Content\r\n\r\n" + _other(asked),
    "empty": lambda asked: http(b""),
    "empty, another's behind": lambda asked: http(b"") + _other(asked),
    "other tags": lambda asked: http(soap_answer(f"<x><y>{OTHERS}</y></x>", asked.operation or "x")),
    "not understood": lambda asked: http(soap_answer("Неопределено", asked.operation or "x")),
    "too short a length": lambda asked: _length(well(asked), -40),
    "too short, another's behind": lambda asked: _length(well(asked), -40) + _other(asked),
    "too long a length": lambda asked: [_length(well(asked), 40), None],
    "another's within its length": lambda asked: _length(well(asked), len(_other(asked))) + _other(asked),
    "no number for a length": lambda asked: http(well(asked)).replace(b"Length: ", b"Length: +"),
    "chunks of garbage": lambda asked: _chunked(well(asked), b"no size\r\n") + _other(asked),
    "chunks without an end": lambda asked: [_chunked(well(asked), b""), None],
    "chunks and a length": lambda asked: _chunked(well(asked)).replace(
        b"\r\n", b"\r\nContent-Length: 9\r\n", 1
    ),
    "no HTTP": lambda asked: [b"\x15\x03\x01\x00\x02 not HTTP\r\n\r\n", None],
    "half a head": lambda asked: [b"HTTP/1.1 200 OK\r\nContent-", None],
    "nothing": lambda asked: None,
}


def _pieces(octets: bytes) -> Iterable[bytes]:
    return [octets[at : at + 100] for at in range(0, len(octets), 100)]


class Moody:
    """A 1C that keeps sessions, and answers each request in a shape of its own.

    Attributes:
        ran: How often the code of each card has run, by its number.
        shapes: What it has answered how often.
    """

    def __init__(self, seed: int) -> None:
        self.ran: Counter[str] = Counter()
        self.shapes: Counter[str] = Counter()
        self._random = Random(seed)
        self._live: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Said:
        with self._lock:
            session = asked.cookie("ibsession")
            if asked.header("IBSession") == "finish":
                self._live.discard(session)
                return http(b"")
            if self._random.random() < 0.02:
                self._live.clear()  # the administrator has ended all of them
            if session and session not in self._live:
                return page("400 Bad Request", "Сеанс отсутствует или удален")
            name, shape = self._shape()
            self.shapes[name] += 1
            if asked.operation == "IncomingCall" and name not in BEFORE_CODE:
                self.ran[asked.number] += 1
            cookie = b""
            if asked.header("IBSession") == "start" and name not in BEFORE_CODE:
                self._live.add(session := str(uuid.UUID(int=self._random.getrandbits(128))))
                cookie = f"\r\nSet-Cookie: ibsession={session}; path=/".encode()
        said = shape(asked)
        return said.replace(b"\r\n", cookie + b"\r\n", 1) if isinstance(said, bytes) and cookie else said

    def _shape(self) -> tuple[str, Shape]:
        kinds = GOOD if self._random.random() < 0.5 else BAD if self._random.random() < 0.7 else BEFORE_CODE
        return self._random.choice(list(kinds.items()))


@dataclass(slots=True)
class Report:
    """What a run has shown.

    Attributes:
        wrong: Answers that were given to a question of another, as sentences.
        twice: Numbers of cards that 1C has opened more than once.
        ended: How lookups and cards have ended: `found`, or the kind of failure.
        shapes: What 1C has answered how often.
        connections: That were made.
    """

    wrong: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    connections: int = 0


def run(lookups: int, seed: int) -> Report:
    """So many lookups, and a card for every fifth."""
    report, moody = Report(), Moody(seed)
    with PretendOneC(moody) as onec:
        pool = WorkerPool("soak", base(onec.url, sessions=CONNECTIONS, timeout="5s"))
        for first in range(0, lookups, AT_ONCE):
            numbers = [f"8{9000000000 + number}" for number in range(first, min(first + AT_ONCE, lookups))]
            asked = [(number, pool.submit(Urgency.CALLER, _lookup(number))) for number in numbers]
            cards = [open_card(pool, Card(number, KEY), 0.5) for number in numbers[::5]]
            for number, answer in asked:
                report.ended[_ended(number, answer, report.wrong)] += 1
            for card in cards:
                report.ended[f"card {card.result(60).outcome}"] += 1
        pool.close()
        report.connections = onec.connections
    report.twice = [number for number, count in moody.ran.items() if count > 1]
    report.shapes = moody.shapes
    return report


def _lookup(number: str) -> Callable[..., Answer]:
    def lookup(client: object) -> Answer:
        return client.lookup(number)  # type: ignore[attr-defined,no-any-return]

    return lookup


def _ended(number: str, answer: Future[Answer], wrong: list[str]) -> str:
    error = answer.exception(60)
    if isinstance(error, OneCError):
        if OTHERS in error.message or "Клиент" in error.message:
            wrong.append(f"{number}: a client's name in {error.message}")
        return error.kind
    found = answer.result()
    if found.title != name_of(number):
        wrong.append(f"{number} was told {found}")
    return "found"


def main() -> int:
    lookups, seed = (int(given) for given in (*sys.argv[1:], "100000", "18")[:2])
    if len(sys.argv) == 2:
        seed = 18
    started = time.monotonic()
    report = run(lookups, seed)
    took = time.monotonic() - started
    sys.stdout.write(
        f"{lookups} lookups in {took:.0f} s over {report.connections} connections, seed {seed}\n"
        f"{dict(report.ended.most_common())}\n{dict(report.shapes.most_common())}\n"
        f"answers to another's question: {len(report.wrong)} {report.wrong[:5]}\n"
        f"cards that ran twice: {len(report.twice)} {report.twice[:5]}\n"
    )
    return 1 if report.wrong or report.twice else 0


if __name__ == "__main__":
    raise SystemExit(main())
