"""What the reader does is linear in what comes, whoever says it and however it is sliced."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs_1c.esl.wire import Message, Reader, WireError
from tests.recordings import drain
from tests.support import EXAMPLES


class Counted(bytearray):
    """A buffer that counts the octets which are copied out of it."""

    copied = 0

    def __getitem__(self, which: slice) -> bytearray:  # type: ignore[override]
        part = super().__getitem__(which)
        Counted.copied += len(part) if isinstance(which, slice) else 1
        return part


BOMBS: dict[str, Callable[[int], bytes]] = {
    "stray newlines": lambda n: b"Content-Type:x\n\n\n" * (n // 17),
    "messages": lambda n: b"Content-Type:x\n\n" * (n // 16),
    "newlines": lambda n: b"\n" * n,
    "bodies": lambda n: (b"Content-Type:x\nContent-Length: 60\n\n" + b"\n" * 60) * (n // 96),
    "half a line, again and again": lambda n: b"Content-Type: x\n" * (n // 16),
    "one large body": lambda n: b"Content-Type: x\nContent-Length: %d\n\n" % n + b"\n" * n,
    "one line": lambda n: b"x" * n,
}


def read(octets: bytes, at_a_time: int) -> int:
    reader, found = Reader(max_headers=1 << 23), 0
    for start in range(0, len(octets), at_a_time):
        reader.feed(octets[start : start + at_a_time])
        with contextlib.suppress(WireError):
            found += sum(1 for _ in drain(reader))
    return found


@pytest.mark.parametrize("bomb", BOMBS)
def test_of_what_comes_each_octet_is_copied_a_few_times_at_most(bomb: str) -> None:
    octets = BOMBS[bomb](400_000)
    reader, Counted.copied = Reader(max_headers=1 << 23), 0
    reader._buffer = Counted(octets)
    with contextlib.suppress(WireError):
        for _ in drain(reader):
            pass
    assert Counted.copied <= 4 * len(octets)


@pytest.mark.parametrize("at_a_time", [1000, 64 * 1024])
@pytest.mark.parametrize("bomb", BOMBS)
def test_eight_times_as_much_takes_not_much_more_than_eight_times_as_long(bomb: str, at_a_time: int) -> None:
    """Quadratic would be sixty-four times."""

    def least(octets: bytes) -> float:
        times = []
        for _ in range(3):
            began = thread_time()
            read(octets, at_a_time)
            times.append(thread_time() - began)
        return min(times)

    little, much = BOMBS[bomb](100_000), BOMBS[bomb](800_000)
    assert least(much) <= 24 * least(little) + 0.02


PIECES = st.sampled_from(
    [
        b"\n",
        b"\n\n",
        b"Content-Type: a\n",
        b"Content-Length: 3\n",
        b"Content-Length: 70\n",
        b"abc",
        b"Content-Type: text/event-plain\nContent-Length: 5\n\nA: b\n",
    ]
)


@settings(max_examples=150 * EXAMPLES, deadline=None)
@given(st.lists(PIECES, max_size=40), st.lists(st.integers(1, 60), min_size=1, max_size=20), st.booleans())
def test_any_slicing_gives_the_same_messages(pieces: list[bytes], sizes: list[int], skip: bool) -> None:
    octets = b"".join(pieces)

    def heard(slices: list[bytes]) -> list[Message | str]:
        reader, found = Reader(200, 50, skip=skip), list[Message | str]()
        try:
            for one in slices:
                reader.feed(one)
                found += drain(reader)
                assert 0 <= reader.held <= len(octets)
        except WireError as error:
            found.append(str(error).partition(":")[0])
        return found

    slices, at = list[bytes](), 0
    while at < len(octets):
        size = sizes[len(slices) % len(sizes)]
        slices.append(octets[at : at + size])
        at += size
    assert heard(slices) == heard([octets])
