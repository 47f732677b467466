r"""What FreeSWITCH makes of values: ``${...}``, quotes, separators, ``set`` and its kin.

Nothing is executed here: an API call inside a value is handed to a function that records it. That is how a
    test sees
that a client's name out of 1C would have run on the switch.

Rules come from reading FreeSWITCH 1.11: switch_channel_expand_variables_check (switch_channel.c),
switch_separate_string and cleanup_separated_string (switch_utils.c), base_set, multiset_function and
export_function (mod_dptools.c). Odd corners are kept on purpose; they are what an attacker uses. Text is
``str`` with ``surrogateescape``, so that bytes which are not UTF-8 pass through unharmed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

MAX_DEPTH = 100
"""Values expanded inside values (source: ``recur > 100``)."""

MAX_STEPS = 20_000
"""Expansions in one application argument. FreeSWITCH has no such bound: ``a=${a}${a}`` makes it work for
ever."""

MAX_ELEMENTS = 256
"""Elements of a multiset; what follows the last one stays glued to it (source: ``char *array[256]``)."""

_ESCAPED = re.compile(r"\\[\\nst']")
_REFERENCE = re.compile(r"\$\\*\{")


class Variables(Mapping[str, str]):
    """A channel's variables: names of any case, an empty value removes, order as last written."""

    __slots__ = ("_items",)

    def __init__(self, start: Mapping[str, str] | None = None) -> None:
        self._items: dict[str, tuple[str, str]] = {}
        for name, value in (start or {}).items():
            self.set(name, value)

    def set(self, name: str, value: str | None) -> None:
        """Sets a variable; None or an empty value unsets it, an empty name does nothing."""
        self._items.pop(name.lower(), None)
        if name and value:
            self._items[name.lower()] = (name, value)

    def __getitem__(self, name: str) -> str:
        return self._items[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._items.values()])

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._items


@dataclass(slots=True)
class Expander:
    """Expands ``${...}`` for one channel.

    Attributes:
        lookup: a variable's value by its name, None when there is none.
        api: called with name and arguments of every API call in a value; its result is put in place.
        executed: each of those calls as ``name arguments``, in order.
    """

    lookup: Callable[[str], str | None]
    api: Callable[[str, str], str] = lambda _name, _arguments: ""
    executed: list[str] = field(default_factory=list)
    _steps: int = 0

    def expand(self, text: str) -> str:
        """The text as an application gets it. Never fails, never runs anything."""
        self._steps = 0
        return self._expand(text, 0)

    def _expand(self, text: str, depth: int) -> str:
        self._steps += 1
        if depth > MAX_DEPTH or self._steps > MAX_STEPS or not text:
            return text
        if not _REFERENCE.search(text) and not _ESCAPED.search(text):
            return text
        out: list[str] = []
        at = 0
        while at < len(text):
            char, following = text[at], text[at + 1 : at + 2]
            if char == "\\" and following == "$":
                out.append("$")
                at += 3 if text[at + 2 : at + 3] == "$" else 2
            elif char == "\\" and following == "'":
                at += 2
            elif char == "\\" and following == "\\":
                out.append("\\")
                at += 2
            elif char == "$":
                if following == "$":  # $${global}
                    at += 1
                if text[at + 1 : at + 2] != "{":
                    out.append("$")
                    at += 1
                    continue
                inside, at = _braced(text, at + 2)
                out.append(self._reference(inside, depth))
                # The character after } is copied without a look at it, so a backslash there escapes nothing.
                if at < len(text) and text[at] != "$":
                    out.append(text[at])
                    at += 1
            else:
                out.append(char)
                at += 1
        return "".join(out)

    def _reference(self, inside: str, depth: int) -> str:
        call = re.search(r"[ (]", inside)
        if call:
            name = inside[: call.start()].rstrip(" ")
            arguments = _arguments(inside[call.end() :], parenthesis=call.group() == "(")
            return self._call(self._expand(name, depth + 1), self._expand(arguments, depth + 1))
        name, *numbers = self._expand(inside, depth + 1).split(":", 2)
        if "[" in name and "]" in name[name.index("[") :]:
            name = name[: name.index("[")]
        value = self.lookup(name)
        if value is None:
            return ""
        value = self._expand(value, depth + 1)
        offset, length = ([_number(number) for number in numbers] + [0, 0])[:2]
        return _slice(value, offset, length) if offset or length else value

    def _call(self, name: str, arguments: str) -> str:
        self.executed.append(f"{name} {arguments}".rstrip())
        return self.api(name, arguments)


def _braced(text: str, start: int) -> tuple[str, int]:
    """What stands between ``{`` and its ``}``, and where to go on; without ``}`` everything is inside."""
    depth = 1
    for at in range(start, len(text)):
        if text[at] == "}" and depth == 1:
            return text[start:at], at + 1
        if text[at] == "{" and at != start:
            depth += 1
        elif text[at] == "}":
            depth -= 1
    return text[start:], len(text)


def _arguments(text: str, parenthesis: bool) -> str:
    depth = 1 if parenthesis else 0
    for at, char in enumerate(text):
        if char == "(":
            depth += 1
        elif char == ")" and depth > 1:
            depth -= 1
        elif char == ")" and depth == 1:
            return text[:at]
    return text


def _number(text: str) -> int:
    found = re.match(r"\s*([+-]?\d{1,9})", text, re.ASCII)
    return int(found[1]) if found else 0


def _slice(value: str, offset: int, length: int) -> str:
    """``${name:offset:length}``; FreeSWITCH counts bytes, so it may cut a Russian letter in two."""
    raw = value.encode("utf-8", "surrogateescape")
    if offset >= 0:
        raw = raw[offset:]
    elif -offset <= len(raw):
        raw = raw[len(raw) + offset :]
    if 0 < length < len(raw):
        raw = raw[:length]
    return raw.decode("utf-8", "surrogateescape")


def separate(text: str, delimiter: str, limit: int = MAX_ELEMENTS) -> list[str]:
    r"""Splits as FreeSWITCH does: ``'quotes'`` protect, ``\`` escapes, ``^^X`` in front changes the
    separator.

    At most ``limit`` elements, the last of which takes the rest uncut.
    """
    if text.startswith("^^") and len(text) > 3:
        delimiter, text = text[2], text[3:]
    blank = delimiter == " "
    parts: list[str] = []
    at = 0
    quoted = False
    while at < len(text):
        if len(parts) == limit - 1:
            parts.append(text[at:])
            break
        start = at
        while blank and at < len(text) and text[at] == " ":
            at += 1
        closed = False
        while at < len(text):
            char = text[at]
            if char == "\\":
                at += 1
            elif char == "'" and (blank or quoted or "'" in text[at + 1 :]):
                quoted = not quoted
            elif char == delimiter and not quoted:
                closed = True
                break
            at += 1
        parts.append(text[start:at] if closed else text[start:])
        at += 1
        while blank and at < len(text) and text[at] == " ":
            at += 1
    return [clean(part, "" if blank else delimiter) for part in parts]


def clean(text: str, delimiter: str = "") -> str:
    r"""Removes quotes and outer blanks, resolves ``\n \r \t \s \\ \' \"`` and the escaped delimiter."""
    text = text.lstrip(" ")
    out: list[str] = []
    end: int | None = None
    quoted = False
    at = 0
    while at < len(text):
        char, following = text[at], text[at + 1 : at + 2]
        meaning = {"n": "\n", "r": "\r", "t": "\t", "s": " "}.get(following, following)
        if char == "\\" and following and (following in f"'\"\\{delimiter}" or meaning != following):
            # A delimiter that is also a letter of an escape is taken as the delimiter.
            out.append(following if following == delimiter else meaning)
            end = len(out)
            at += 2
            continue
        if char == "'" and (quoted or "'" in text[at + 1 :]):
            quoted = not quoted
            if quoted:
                end = len(out)
        else:
            out.append(char)
            if char != " " or quoted:
                end = len(out)
        at += 1
    return "".join(out[:end])


def assignment(text: str) -> tuple[str, str | None]:
    """``name=value`` or, without ``=``, ``name,value``; an empty or missing value is None (unset)."""
    for sign in ("=", ","):
        if sign in text:
            name, _, value = text.partition(sign)
            return name, value or None
    return text, None


def multiset(argument: str) -> list[str]:
    """The assignments of a ``multiset`` argument; the separator is a blank unless ``^^X`` begins it."""
    delimiter = " "
    if argument.startswith("^^"):
        delimiter, argument = argument[2:3], argument[3:]
    return separate(argument, delimiter) if delimiter else []


def set_one(variables: Variables, expander: Expander, text: str) -> None:
    """The application ``set``, and each element of ``multiset``: the value is expanded once more."""
    name, value = assignment(text)
    variables.set(name, expander.expand(value) if value else None)


def export(variables: Variables, text: str) -> None:
    """The application ``export``: sets the variable and notes in ``export_vars`` that new legs inherit it."""
    name, _, value = text.partition("=")
    variables.set(name, value or None)
    if name and value:
        before = variables.get("export_vars")
        variables.set("export_vars", f"{before},{name}" if before else name)


def exported(variables: Variables) -> dict[str, str]:
    """The variables a new leg inherits; ``nolocal:`` and ``_nolocal_`` in front of a name are dropped
    there."""
    names = (variables.get("export_vars") or "").split(",")
    return {
        re.sub(r"^(nolocal:|_nolocal_)", "", name): variables[name] for name in names if name in variables
    }
