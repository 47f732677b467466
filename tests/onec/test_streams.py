"""Whose answer is it: on kept connections, whatever comes, an answer is only given to its own question."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from fs_1c.onec.client import Client
from fs_1c.onec.errors import OneCError
from fs_1c.onec.reading import breaks_off
from tests.onec import soak
from tests.onec.pretend import Asked, PretendOneC, Said, http, well
from tests.support import EXAMPLES, base

NUMBERS = [f"8923000000{number}" for number in range(5)]

interims = st.lists(
    st.sampled_from(["100 Continue", "102 Processing", "103 Early Hints\r\nLink: </a>", "110 ", "199 Odd"]),
    max_size=3,
).map(lambda lines: b"".join(f"HTTP/1.1 {line}\r\n\r\n".encode() for line in lines))
frames = st.sampled_from(["length", "chunks", "packed", "until closed", "two lengths", "both", "no number"])
statuses = st.sampled_from(["200 OK", "201 Created", "500 Internal Server Error", "204 No Content", "401 No"])
behind = st.one_of(
    st.just(b""),
    st.binary(max_size=20),
    st.just(b"another's"),  # a whole answer
    interims,
)
answers = st.tuples(interims, statuses, frames, st.integers(-60, 60), behind, st.booleans())
cuts = st.lists(st.integers(1, 700), max_size=6)


def _framed(body: bytes, status: str, frame: str, wrong: int) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\n".encode()
    length = b"Content-Length: %d\r\n" % max(0, len(body) + wrong)
    match frame:
        case "chunks" | "both":
            size = max(0, len(body) + wrong)
            more = length if frame == "both" else b""
            head += b"Transfer-Encoding: chunked\r\n" + more
            return head + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (size, body)
        case "packed":
            packed = gzip.compress(body)
            length = b"Content-Length: %d\r\n" % max(0, len(packed) + wrong)
            return head + b"Content-Encoding: gzip\r\n" + length + b"\r\n" + packed
        case "until closed":
            return head + b"\r\n" + body
        case "two lengths":
            return head + length + b"Content-Length: %d\r\n" % len(body) + b"\r\n" + body
        case "no number":
            return head + length.replace(b": ", b": +") + b"\r\n" + body
        case _:
            return head + length + b"\r\n" + body


def _sliced(octets: bytes, places: list[int], whole_from: int) -> Iterator[bytes | float]:
    """The octets in several sends; what comes behind an answer comes together with its last octets."""
    at = 0
    for size in places:
        if at + size >= whole_from:
            break
        yield octets[at : at + size]
        yield 0.0005
        at += size
    yield octets[at:]


@settings(deadline=None, max_examples=40 * EXAMPLES)
@given(st.lists(st.tuples(answers, cuts, st.booleans()), min_size=1, max_size=5))
def test_an_answer_is_only_given_to_the_question_it_belongs_to(
    script: list[tuple[tuple[bytes, str, str, int, bytes, bool], list[int], bool]],
) -> None:
    turn = itertools.count()
    others = http(well(Asked("", "<SayName ><Number>89999999999</Number>")))

    def answer(asked: Asked) -> Said:
        if not asked.operation:
            return http(b"")
        (before, status, frame, lies, rest, lie), places, closes = script[next(turn) % len(script)]
        framed = before + _framed(well(asked), status, frame, lies if lie else 0)
        rest = others if rest == b"another's" else rest
        steps: list[bytes | float | None] = list(_sliced(framed + rest, places, len(framed) - 20))
        # Whoever waits for more waits in vain: then the connection ends, and the test with it.
        return [*steps, *([None] if closes or lie or frame not in ("length", "chunks", "packed") else [])]

    with PretendOneC(answer) as onec:
        client = Client(base(onec.url, timeout="1s"))
        for number in NUMBERS:
            try:
                found = client.lookup(number)
            except OneCError as error:
                assert "Клиент" not in error.message
            else:
                assert found.title.endswith(number)  # in whatever letters, where octets were damaged
        client.close()


def test_every_shape_and_every_fault_at_random() -> None:
    """The same a hundred thousand times: `python -m tests.onec.soak`."""
    report = soak.run(800, 7)
    assert not report.wrong
    assert not report.twice
    assert report.ended["found"] > 320
    assert report.shapes.keys() == soak.GOOD.keys() | soak.BAD.keys() | soak.BEFORE_CODE.keys()


def test_a_body_that_breaks_off() -> None:
    assert breaks_off(b"<a><b>") is False
    for whole in (b"", b"<a/>\r\n", b"\xef\xbb\xbf{}", b"[1]\n", b"VIP:X", "<a/>".encode("utf-16-le")):
        assert not breaks_off(whole)
    for broken in (b"<a><b", b"{", b'{"a": 1', b"[1,", b"<"):
        assert breaks_off(broken)
