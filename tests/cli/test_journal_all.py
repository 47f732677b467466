"""`fs-1c journal --all` and neighbours that hang, drip, lie, refuse and lead elsewhere."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fs_1c.call import Outcome
from fs_1c.cli.journal.neighbours import MAX_ANSWER
from fs_1c.journal import CallEntry, PopEntry, as_json, merged, of_json
from tests.cli.support import write
from tests.processes import free_port, fs_1c

TOKEN = "t0ken-of-all-services"
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def neighbour(answer: Answer) -> Iterator[str]:
    """Its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):
                answer(self)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def says(octets: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(octets)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(octets)

    return answer


def pop(
    outcome: str = "accepted", at: float = 1_790_000_000.0, call: str = "call-1", by: str = ""
) -> PopEntry:
    error = ("elsewhere", "told") if outcome == "elsewhere" else ("", "")
    return PopEntry(
        at, call, "leg-1", "+79235292926", "244", outcome, *error, 0.1, 0.0, False, False, "sw3", by
    )


def call(*pops: PopEntry) -> CallEntry:
    return CallEntry(pops[0].at, pops[0].call, pops[0].number, (), pops)


def told(*entries: CallEntry, service: str = "pbx2") -> bytes:
    return json.dumps({"service": service, "calls": [as_json(one) for one in entries]}).encode()


def drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.2)


def drips_its_head(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(100):
        handler.wfile.write(b"X")
        time.sleep(0.2)


def config(folder: Path, *urls: str, token: str = f'token = "{TOKEN}"') -> str:
    more = f"{token}\n[cluster]\nservices = {json.dumps(urls)}\n"
    return str(write(folder, "http://127.0.0.1:9/ws", more))


BAD: dict[str, tuple[Answer, str]] = {
    "drips": (drips, "no answer within 3 s"),
    "drips its head": (drips_its_head, "no answer within 3 s"),
    "hangs": (lambda handler: time.sleep(20), "no answer within 3 s"),
    "cuts off": (lambda handler: handler.connection.close(), "cannot be reached"),
    "too large": (says(b" " * (MAX_ANSWER + 100_000)), "its answer is too large"),
    "redirects": (says(b"", 302, Location="http://127.0.0.1:9/"), "answers 302, a redirection"),
    "packed": (says(b"x", Content_Encoding="gzip"), "is not this service"),
    "another token": (says(b"no", 401), "refused with 401"),
    "an escape": (says(b"\x1b[2Jno journal is kept", 404), r"answers 404: \x1b[2Jno journal is kept"),
    "no JSON": (says(b"<html>"), "is not this service"),
    "nested": (says(b"[" * 200_000), "is not this service"),
    "a list": (says(b"[]"), "is not this service"),
    "too many": (says(told(*[call(pop())] * 201)), "is not this service"),
    "no calls": (says(b'{"service": "x", "calls": [1]}'), "is not this service"),
    "no time": (says(told(call(pop())).replace(b'"when"', b'"then"')), "is not this service"),
    "never": (says(told(call(pop())).replace(b'"2026-', b'"9999-')), "is not this service"),
    "no number": (says(told(call(pop())).replace(b"100.0", b"1e999")), "is not this service"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_neighbour_that_does_not_answer_is_one_line(kind: str, tmp_path: Path) -> None:
    answer, line = BAD[kind]
    with neighbour(answer) as bad, neighbour(says(told(call(pop())))) as good:
        ran = fs_1c("journal", "--all", "-c", config(tmp_path, bad, good))
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"journal: {bad}: ") and ran.stderr.count("\n") == 1
    assert line in ran.stderr and TOKEN not in ran.stderr
    assert "pbx2" in ran.stdout and "244 accepted" in ran.stdout


def test_the_token_goes_to_the_neighbours_and_nowhere_else(tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = []

    def listens(handler: BaseHTTPRequestHandler) -> None:
        asked.append((handler.path, handler.headers["Authorization"]))
        says(told(call(pop())))(handler)

    with neighbour(listens) as stranger:
        leads = says(b"", 307, Location=f"{stranger}/journal.json")
        with neighbour(leads) as one, neighbour(listens) as other:
            ran = fs_1c(
                "journal",
                "--all",
                "--number",
                "8 923 529-29-26",
                "-c",
                config(tmp_path, one, other),
                HTTP_PROXY=stranger,
                http_proxy=stranger,
            )
    assert ran.returncode == 1
    assert asked == [("/journal.json?number=%2B79235292926&call=&limit=20", f"Bearer {TOKEN}")]


def test_what_a_neighbour_writes_is_only_letters(tmp_path: Path) -> None:
    wild = call(pop()._replace(extension="\x1b]0;x\x07[red]\u202e", number="\x1b[2J"))
    with neighbour(says(told(wild, service="\x1b[31mpbx\n2"))) as one:
        for more in ((), ("--call", "call-1")):
            ran = fs_1c("journal", "--all", *more, "-c", config(tmp_path, one))
            assert ran.returncode == 0
            assert "\x1b" not in ran.stdout and "\u202e" not in ran.stdout
            assert r"\x1b[31mpbx\n2" in ran.stdout


def test_what_the_settings_must_have(tmp_path: Path) -> None:
    for urls, token, more, line in (
        ([], f'token = "{TOKEN}"', (), "cluster.services"),
        (["http://127.0.0.1:9"], "", (), "allowed with a token"),
        (["http://127.0.0.1:9"], f'token = "{TOKEN}"', ("--limit", "201"), "up to 200"),
        (["http://u:p@127.0.0.1:9"], "", (), "cluster.services: allowed: http://HOST:PORT"),
        (["http://127.0.0.1:9/path"], "", (), "cluster.services: allowed: http://HOST:PORT"),
    ):
        ran = fs_1c("journal", "--all", *more, "-c", config(tmp_path, *urls, token=token))
        assert (ran.returncode, ran.stdout) == (2, "")
        assert line in ran.stderr and ran.stderr.count("\n") == 1


def test_nobody_is_there(tmp_path: Path) -> None:
    ran = fs_1c("journal", "--all", "-c", config(tmp_path, f"http://127.0.0.1:{free_port()}"))
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)


def test_a_card_and_that_it_was_opened_elsewhere_are_one_row() -> None:
    card, elsewhere = pop(), pop(Outcome.ELSEWHERE.value, at=1_789_999_999.0, by="pbx1")
    for order in ([("pbx1", [call(card)]), ("pbx2", [call(elsewhere)])],) * 2:
        order.reverse()
        found = merged(order, 20)
        assert [entry.pops for entry in found.entries] == [(card,)]
        assert found.services[card] == "pbx1"
    alone = merged([("pbx2", [call(elsewhere)]), ("pbx3", [call(elsewhere._replace(at=5.0))])], 20)
    assert len(alone.entries[0].pops) == 1  # whoever had it does not answer


def test_calls_are_sorted_by_time_and_no_more_than_wanted() -> None:
    calls = [call(pop(at=1_790_000_000.0 + n, call=f"call-{n}")) for n in range(6)]
    found = merged([("pbx1", calls[::2]), ("pbx2", calls[1::2])], 4)
    assert [entry.call for entry in found.entries] == ["call-5", "call-4", "call-3", "call-2"]


def test_what_is_told_is_read_as_it_was() -> None:
    entry = call(pop(), pop("too late"))
    assert of_json(json.loads(json.dumps(as_json(entry)))) == entry
    assert of_json({**as_json(entry), "new": {"of": "a later version"}}) == entry
