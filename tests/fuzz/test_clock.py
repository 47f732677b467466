"""Every parser under the clock for a moment, and that the clock sees what is slow."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest

from tests.fuzz import clock, readers
from tests.fuzz.clock import Parser, Shape, hoards, judge, shapes

PARSERS = {parser.name: parser for parser in readers.parsers()}
SHAPES = 4
"""Of each parser, besides those that are known; `make fuzz` goes on without end."""


@pytest.mark.parametrize("name", PARSERS)
def test_twice_the_input_is_at_most_twice_the_time(name: str) -> None:
    parser = PARSERS[name]
    tried = list(islice(shapes(parser, Random(name)), len(parser.known) + SHAPES))
    found = [str(one) for shape in tried if (one := judge(parser, shape)) is not None]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ["onec", "soap", "answer", "errors", "wsdl"])
def test_what_is_made_of_an_answer_takes_no_more_memory_than_its_length_excuses(name: str) -> None:
    parser = PARSERS[name]
    for shape in parser.known or islice(shapes(parser, Random(name)), 1):
        assert (found := hoards(parser, shape)) is None, found


def quadratic(octets: bytes) -> None:
    for at in range(0, len(octets), 64):
        octets[at:].count(b"a")


def test_the_clock_sees_what_is_quadratic_and_what_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Shape("repeated", (b"b",))
    found = judge(Parser("quadratic", quadratic, 1 << 16, ()), shape)
    assert found is not None
    assert "grows" in found.why
    assert len(found.times) == 5
    monkeypatch.setattr(clock, "CEILING", 0.001)
    found = judge(Parser("slow", lambda octets: sum(range(10**6)), 1 << 9, ()), shape)
    assert found is not None
    assert "over" in found.why
    assert judge(Parser("linear", lambda octets: octets.count(b"a"), 1 << 16, ()), shape) is None
    found = judge(Parser("raises", lambda octets: int(octets), 1 << 9, ()), shape)
    assert found is not None
    assert "ValueError" in found.why
    assert hoards(Parser("hoards", lambda octets: octets * 1000, 1 << 16, ()), shape) is not None


@pytest.mark.parametrize("kind", clock.KINDS)
def test_a_shape_grows_by_whole_pieces_to_the_size_that_is_wanted(kind: str) -> None:
    shape = Shape(kind, (b"<a%d>", "я".encode()), (b"(", b"|", b")"))
    for size in (1000, 10_000, 100_000):
        octets = shape.grown(size)
        assert size * 0.7 < len(octets) <= size
        octets.decode()
        assert (octets[:1], octets[-1:], octets.count(b"|")) == (b"(", b")", 1)
