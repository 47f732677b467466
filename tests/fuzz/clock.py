"""Measures what reading costs: for every parser, an input twice as long takes at most twice the time, up to
the parser's bound, and there it is quick.

Hostile inputs grow by a rule, so an input here is a `Shape`: pieces of the parser's grammar that are
repeated, nested, numbered or interleaved to any length. Time is the processor time of this thread, the least
of several runs: a busy machine changes nothing. One suspicion is no proof, so what looks slow is measured
again, longer.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

CEILING = 0.25
"""Seconds of processor time at the parser's bound."""
RATIO = 3.0
"""Times as long for twice the input that is still noise; what is quadratic comes to four."""
FLOOR = 0.005
"""Seconds at the bound below which nothing is worth a ratio."""
MEMORY = 128
"""Octets of memory for each octet of the input, besides a megabyte."""
RUNS, RUNS_AGAIN = 2, 9
KINDS = ("repeated", "nested", "interleaved", "prefixed")

Around = tuple[bytes, bytes, bytes]
"""What stands before, between and behind the pieces that grow."""
NOTHING: Around = (b"", b"", b"")


@dataclass(frozen=True, slots=True)
class Shape:
    """An input of any length.

    Attributes:
        kind: `repeated`: abababab; `nested`: aaaabbbb; `interleaved`: aabbabab; `prefixed`: ab aab aaab …
        pieces: `%d` in them is another number each time.
    """

    kind: str
    pieces: tuple[bytes, ...]
    around: Around = NOTHING

    def grown(self, size: int) -> bytes:
        """An input of at most so many octets, unless one of each piece takes more. No piece is ever cut: half
        a character is another kind of input.
        """
        before, between, behind = self.around
        room = size - len(before) - len(between) - len(behind)
        first, *rest = self.pieces
        whole = b"".join(self.pieces)
        if self.kind == "nested":
            share = room // len(self.pieces)
            blocks = [_times(piece, share) for piece in self.pieces]
            return before + blocks[0] + between + b"".join(blocks[1:]) + behind
        if self.kind == "interleaved":
            share = room // 2 // len(self.pieces)
            inside = b"".join(_times(piece, share) for piece in self.pieces) + _times(whole, room // 2)
        elif self.kind == "prefixed":
            made = bytearray()
            for times in range(1, size):
                one = first * times + b"".join(rest)
                if len(made) + len(one) > room:
                    break
                made += one
            inside = bytes(made).replace(b"%d", b"1")
        else:
            inside = _times(whole, room)
        return before + between + inside + behind


def _times(piece: bytes, room: int) -> bytes:
    """That piece as often as it fits in, and once at least."""
    if b"%d" not in piece:
        return piece * max(1, room // len(piece))
    made = [piece.replace(b"%d", b"0")]
    left, number = room - len(made[0]), 1
    while True:
        one = piece.replace(b"%d", b"%d" % number)
        left -= len(one)
        if left < 0:
            return b"".join(made)
        made.append(one)
        number += 1


@dataclass(frozen=True, slots=True)
class Parser:
    """Something that reads what others wrote.

    Attributes:
        read: Is given octets. An exception that comes out of it is a failure: it catches what it may raise.
        bound: Octets after which it reads no more.
        pieces: Of its grammar.
        around: In which surroundings they are tried, besides in none.
        known: Shapes that are tried first: each took far too long once.
    """

    name: str
    read: Callable[[bytes], object]
    bound: int
    pieces: tuple[bytes, ...]
    around: tuple[Around, ...] = ()
    known: tuple[Shape, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A shape that costs too much, or is not stood at all.

    Attributes:
        times: Octets and seconds of processor time, growing.
    """

    parser: str
    shape: Shape
    why: str
    times: tuple[tuple[int, float], ...] = ()

    def __str__(self) -> str:
        grown = ", ".join(f"{size:,} octets {1000 * took:.1f} ms" for size, took in self.times)
        return f"{self.parser}: {self.why}: {grown}\n    {self.shape}"


def shapes(parser: Parser, random: Random) -> Iterator[Shape]:
    """The known ones, each piece by itself in each surrounding, and then mixtures without end."""
    yield from parser.known
    around = (*parser.around, NOTHING)
    alone = [
        Shape(kind, (piece,), one)
        for piece in parser.pieces
        for one in around
        for kind in ("repeated", "prefixed")
    ]
    random.shuffle(alone)
    yield from alone
    while True:
        count = random.choice((2, 2, 2, 3, 3, 4))
        pieces = tuple(random.choice(parser.pieces) for _ in range(count))
        yield Shape(random.choice(KINDS), pieces, random.choice(around))


def judge(parser: Parser, shape: Shape) -> Finding | None:
    """What is wrong with the time that this shape takes, if anything is."""
    sizes = [parser.bound >> shift for shift in (4, 3, 2, 1, 0)]
    before, least = 0.0, 0.0
    try:
        for size in sizes:  # from below: what is very slow need not be waited for at the bound
            before, least = least, _least(parser, shape.grown(size), RUNS)
            if least > CEILING:
                return Finding(parser.name, shape, f"takes over {CEILING:g} s", ((size, least),))
        if least < FLOOR or least <= RATIO * before:
            return None
        times = tuple((size, _least(parser, shape.grown(size), RUNS_AGAIN)) for size in sizes)
    except Exception as error:
        return Finding(parser.name, shape, f"raises {error!r}")
    if times[-1][1] < FLOOR or times[-1][1] <= RATIO * times[-2][1]:
        return None
    return Finding(parser.name, shape, "grows faster than its input", times)


def hoards(parser: Parser, shape: Shape) -> Finding | None:
    """What is wrong with the memory that it takes to read this shape; only Python's own is seen."""
    octets = shape.grown(parser.bound)
    tracemalloc.start()
    try:
        parser.read(octets)
        peak = tracemalloc.get_traced_memory()[1]
    except Exception as error:
        return Finding(parser.name, shape, f"raises {error!r}")
    finally:
        tracemalloc.stop()
    if peak <= MEMORY * len(octets) + (1 << 20):
        return None
    return Finding(parser.name, shape, f"takes {peak >> 20} MB", ((len(octets), 0.0),))


def _least(parser: Parser, octets: bytes, runs: int) -> float:
    """The least processor time of several runs, in seconds."""
    collects = gc.isenabled()
    gc.disable()  # what it sweeps up is of others, too
    try:
        return min(_took(parser, octets) for _ in range(runs))
    finally:
        if collects:
            gc.enable()


def _took(parser: Parser, octets: bytes) -> float:
    started = time.thread_time()
    parser.read(octets)
    return time.thread_time() - started
