"""Octets out of octets: flipped, cut, repeated, spliced, and with something in them that has a meaning.

No coverage guides it. Instead an input is often made from the one before it, so that it wanders away from
the seeds step by step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

TOKENS = (
    *(b"\n", b"\n\n", b"\r\n", b"\0", b" ", b"\t", b"\x1b[31m", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf"),
    *(b"\xed\xa0\xbd", b"\xed\xb8\x80", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\xcc\x81", b"\xc2\xa0"),
    *(b"${", b"}", b"${system(id)}", b"%0A", b"%00", b"^^|", b"~", b"|", b"'", b'"', b"\\", b",", b";", b"="),
    *(b"{", b"[", b"]", b"<", b">", b"&", b"&#", b"&#0;", b"&amp;", b"]]>", b"<![CDATA[", b":", b"@", b"#"),
    *(b"-1", b"0", b"1e999", b"nan", b"9" * 30, b"\xd9\xa3", b"\xc2\xb2", b"null", b"true", b"\\ud83d"),
)
"""What has a meaning somewhere."""

LONG = 1 / 2000
"""Share of inputs in which a part is repeated up to the longest input allowed."""
FORGET = 0.3
"""Share of inputs that begin at a seed again."""


class Mutator:
    """Inputs without end.

    Args:
        tokens: What is put into them.
        longest: Octets of an input at the most.
    """

    def __init__(self, random: Random, seeds: Sequence[bytes], tokens: Sequence[bytes], longest: int) -> None:
        self._random = random.random
        self._seeds = list(seeds) or [b""]
        self._tokens = list(tokens)
        self._longest = longest
        self._usual = min(longest, 2 * max(1024, *map(len, self._seeds)))

    def __iter__(self) -> Iterator[bytes]:
        random = self._random
        octets = self._seed()
        while True:
            if random() < FORGET or len(octets) > self._usual:
                octets = self._seed()
            for _ in range(1 + int(random() * random() * 6)):
                octets = self._mutated(octets)
            if random() < LONG:
                yield self._long(octets)
            yield octets[: self._longest]

    def _seed(self) -> bytes:
        return self._seeds[int(self._random() * len(self._seeds))]

    def _mutated(self, octets: bytes) -> bytes:
        random = self._random
        at = int(random() * (len(octets) + 1))
        match int(random() * 10):
            case 0 | 1 | 2:  # a token put in
                return octets[:at] + self._token() + octets[at:]
            case 3:  # a token put over something
                token = self._token()
                return octets[:at] + token + octets[at + len(token) :]
            case 4:  # a bit
                return (
                    octets[:at] + bytes((octets[at] ^ 1 << int(random() * 8),)) + octets[at + 1 :]
                    if (at < len(octets))
                    else octets
                )
            case 5:  # any octet
                return octets[:at] + bytes((int(random() * 256),)) + octets[at + 1 :]
            case 6:  # a part taken out
                return octets[:at] + octets[at + self._size() :]
            case 7:  # a part repeated
                part = octets[at : at + self._size()]
                return octets[:at] + part * (1 + int(random() * 4)) + octets[at:]
            case 8:  # a part moved
                end = at + self._size()
                rest = octets[:at] + octets[end:]
                to = int(random() * (len(rest) + 1))
                return rest[:to] + octets[at:end] + rest[to:]
            case _:  # a part of another one
                other = self._seed()
                start = int(random() * (len(other) + 1))
                return octets[:at] + other[start : start + 4 * self._size()] + octets[at:]

    def _long(self, octets: bytes) -> bytes:
        at = int(self._random() * (len(octets) + 1))
        part = (self._token() if self._random() < 0.5 else octets[at : at + self._size()]) or b"a"
        times = (self._longest - len(octets)) // len(part)
        return octets[:at] + part * max(0, times) + octets[at:]

    def _token(self) -> bytes:
        return self._tokens[int(self._random() * len(self._tokens))]

    def _size(self) -> int:
        """Mostly a few, sometimes a line's length or more."""
        return 1 + int(self._random() ** 4 * 200)
