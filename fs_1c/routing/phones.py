r"""A manager's phone, as people and 1C write it → what may be dialled. Pure.

1C writes «1\u00a0244» for 1244 and, out of a table, «244.0»; people write «244, 245», «каб. 15, тел. 244»,
«пн-пт 9-18 244» or «+7 (383) 274-50-00 доб. 244». The wrong person's phone must not ring because of
punctuation: digits that could be two things are none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from fs_1c.numbers import NumberPlan, is_extension

NEAR = 40
"""Characters before and behind a number that are looked at, for each number."""

_NO_PHONE = re.compile(r"[^\w\s.,;:/+()№-]")
_QUOTES = str.maketrans("", "", "\"'`«»“”„‘’")
_FLOAT = re.compile(r"(?<![\d.,])(\d{1,6})[.,]0{1,2}(?!\d)")
# 9:00, 30.06, 30.06.2024: when, and not whom.
_WHEN = re.compile(
    r"(?<![\d.:])(?:\d{1,2}:\d{2}|(?:[0-2]?\d|3[01])\.(?:0\d|1[0-2])(?:\.(?:\d{4}|\d{2}))?)(?![\d.:])"
)
_COMMA = re.compile(r"(?<![\d,])(\d+),(\d+)(?![\d,])")
_RUN = re.compile(r"\+?\(?[0-9][0-9 \u00a0\u202f().\-]*")
_WITHIN = re.compile(r"[0-9][^\W_]{0,20}$|[^\W\d_]?[²³¹⁰-₉]$")
_WORD_AFTER = re.compile(
    r"\s*-?(?:[йея]\b|[ыо]?[йм]\b|этаж|эт\b|янв|фев|мар|апр|ма[йя]\b|ию[нл]|авг|сен|окт|ноя|дек|час|ч\b|год|г\b"
    r"|подъезд|корп|floor|дн|мин)",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(r"([^\W\d_]+)[.:№\s]*$")
_GROUPED = re.compile(r"\d{1,3}(?:[\u00a0\u202f]\d{3})+|\d(?: \d{3})+")
_GROUPED_ALONE = re.compile(r"\d{1,3}(?: \d{3})+")
_TELEPHONE = re.compile(r"т$|тел|вн|доб|раб|моб|ном|tel|ph|ext", re.IGNORECASE)
_NO_TELEPHONE = re.compile(
    r"(?:к|каб\w*|комн?|комнат\w*|оф|офис\w*|эт|этаж\w*|д|дом|кв|стр|корп\w*|с|по|до|от|room|office|floor"
    r"|пн|вт|ср|чт|пт|сб|вс)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that could be dialled.

    Attributes:
        written: An extension's digits, or a number as it stands there.
        extension: It is a subscriber's.
        told: A word before it says that it is a telephone.
    """

    written: str
    extension: bool
    told: bool = False


def candidates(written: str, plan: NumberPlan) -> list[Candidate]:
    """What could be dialled: in the order in which it stands there, but of several extensions first those
    that are said to be telephones.
    """
    text = _tidy(written)
    if _NO_PHONE.search(text):
        return []  # a word or two beside the number is fine; this was not written to be dialled
    found = [one for run in _RUN.finditer(text) for one in _of_run(text, run, plan)]
    extensions = sorted((one for one in found if one.extension), key=lambda one: not one.told)
    if len(extensions) > 1 and not extensions[0].told and re.search(r"[^\W\d_]", text):
        return [one for one in found if not one.extension]  # which of them is his, the words do not tell
    turns = iter(extensions)
    return [next(turns) if one.extension else one for one in found]


def _tidy(written: str) -> str:
    """Without what cannot be seen, and with one dash for all dashes."""
    kept = (c for c in written.translate(_QUOTES) if unicodedata.category(c) != "Cf")
    text = "".join("-" if c == "−" or unicodedata.category(c) == "Pd" else c for c in kept)
    return _COMMA.sub(_parted, _WHEN.sub(";", _FLOAT.sub(r"\1", text)))


def _parted(pair: re.Match[str]) -> str:
    """244,245 are two; 1,244 and 2,44 may be one."""
    one, other = pair.groups()
    return pair[0] if min(len(one), len(other)) > 2 else f"{one}.{other}"


def _of_run(text: str, run: re.Match[str], plan: NumberPlan) -> Iterator[Candidate]:
    """What a run of digits and punctuation may be: one number, or several side by side."""
    before, after = text[max(0, run.start() - NEAR) : run.start()], text[run.end() : run.end() + NEAR]
    said = _WORD_BEFORE.search(before)
    word = said[1] if said else ""
    whole = run[0].strip(" .-(")
    if run[0].startswith("(") and re.fullmatch(r"\d+\)", whole):
        whole = whole[:-1]
    alone = whole == text.strip(" ()") or bool(_TELEPHONE.match(word))
    if _is_part_of_a_word(run[0], before, after):
        return
    parts = [whole] if _is_one(whole, alone, plan) else whole.split(" ")
    if len(parts) > 1 and not _NO_TELEPHONE.match(word) and _may_be_one(parts):
        return
    for number, part in enumerate(parts):
        digits = re.sub(r"[^\d+]", "", part)
        before = word if number == 0 else ""
        if not is_extension(digits, plan):
            yield Candidate(part, False)
        elif _is_plain(part, alone) and digits.strip("0") and not _NO_TELEPHONE.match(before):
            yield Candidate(digits, True, bool(_TELEPHONE.match(before)))


def _is_part_of_a_word(run: str, before: str, after: str) -> bool:
    """2.44e2, 15а, ²44, 2-й этаж, 15 июня."""
    touching = run[-1:].isdigit() and (after[:1].isalnum() or after[:1] == "_")
    return (
        touching
        or _WITHIN.search(before) is not None
        or _WORD_AFTER.match(run[len(run.rstrip()) :] + after) is not None
    )


def _may_be_one(parts: list[str]) -> bool:
    """12 34 may be 1234."""
    return all(part.isdigit() for part in parts) and min(map(len, parts)) < 3


def _is_one(whole: str, alone: bool, plan: NumberPlan) -> bool:
    """Whether that is one number, though there may be spaces in it."""
    words = whole.split(" ")
    if len(words) == 1 or _is_plain(whole, alone):
        return not _are_several(words)
    return not _are_several(words) and not is_extension(re.sub(r"[^\d+]", "", whole), plan)


def _is_plain(part: str, alone: bool) -> bool:
    """Digits, or digits as 1C groups them: 244, 1\u00a0244; with a plain space only where nothing else stands
    there or it cannot be a number beside another.
    """
    if part.isdigit() or _GROUPED.fullmatch(part):
        return alone or " " not in part
    return alone and _GROUPED_ALONE.fullmatch(part) is not None


def _are_several(words: list[str]) -> bool:
    """Whether each is a phone by itself, such as 244 245 or 89235292926 244."""
    whole = all(word.isdigit() and len(word) > 2 for word in words)
    return len(words) > 1 and whole and (len({len(word) for word in words}) == 1 or max(map(len, words)) > 9)
