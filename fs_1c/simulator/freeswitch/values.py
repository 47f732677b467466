r"""What FreeSWITCH makes of values: `${...}`, quotes, separators, `set` and its kin.

Nothing is executed here: an API call inside a value is handed to a function that records it. That is how a
test sees that a client's name out of 1C would have run on the switch. The rules are those of FreeSWITCH 1.11
(switch_channel_expand_variables_check, switch_separate_string, cleanup_separated_string, multiset_function).
Odd corners are kept on purpose: they are what an attacker uses. Text is `str` with `surrogateescape`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_DEPTH = 100  # values expanded inside values (source: `recur > 100`)
MAX_STEPS = 20_000  # expansions in one argument; FreeSWITCH has no bound, `a=${a}${a}` keeps it busy
MAX_ELEMENTS = 256  # of a multiset; what follows the last one stays glued to it (source: `char *array[256]`)

_WORTH_EXPANDING = re.compile(r"\$\\*\{|\\[\\nst']")
_TOKEN = re.compile(r"\\\$\$?|\\['\\]|\$\$?(?P<brace>\{)?|[^\\$]+|.", re.DOTALL)
_MEANS = {r"\$": "$", r"\$$": "$", r"\'": "", r"\\": "\\", "$$": "$"}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "s": " ", "'": "'", '"': '"', "\\": "\\"}


class Variables(dict[str, str]):
    """A channel's variables, the last written last. Here the case of names counts, to FreeSWITCH not."""

    def set(self, name: str, value: str | None) -> None:
        """None or an empty value unsets, an empty name does nothing."""
        self.pop(name, None)
        if name and value:
            self[name] = value


@dataclass(slots=True)
class Expander:
    """Expands `${...}` for one channel. An API call in a value is handed to `api`, name and arguments, whose
    result is put in place; `executed` has each of them as `name arguments`.
    """

    lookup: Callable[[str], str | None]
    api: Callable[[str, str], str] = lambda _name, _arguments: ""
    executed: list[str] = field(default_factory=list)
    _steps: int = 0

    def expand(self, text: str, depth: int = 0) -> str:
        """The text as an application gets it. Never fails, never runs anything."""
        self._steps = self._steps + 1 if depth else 0
        if depth > MAX_DEPTH or self._steps > MAX_STEPS or not _WORTH_EXPANDING.search(text):
            return text
        out, at = "", 0
        while (token := _TOKEN.match(text, at)) is not None:
            at = token.end()
            if not token["brace"]:
                out += _MEANS.get(token[0], token[0])
                continue
            end = closing(text, at + text.startswith("{", at), "{}")
            out += self._reference(text[at:end], depth + 1)
            # The character after } is copied without a look at it, so a backslash there escapes nothing.
            at = end + 1 if text.startswith("$", end + 1) else end + 2
            out += text[end + 1 : at]
        return out

    def _reference(self, inside: str, depth: int) -> str:
        if call := re.search(r"[ (]", inside):
            arguments = inside[call.end() :]
            arguments = arguments[: closing(arguments, 0, "()", int(call[0] == "("))]
            name, arguments = self.expand(inside[: call.start()], depth), self.expand(arguments, depth)
            self.executed.append(f"{name} {arguments}".rstrip())
            return self.api(name, arguments)
        return self.expand(self.lookup(self.expand(inside, depth)) or "", depth)


def closing(text: str, at: int, pair: str, depth: int = 1) -> int:
    """Where the bracket that is open is closed, from `at` on; the end of the text when it is not."""
    for position in range(at, len(text)):
        if text[position] == pair[1] and depth == 1:
            return position
        depth += (text[position] == pair[0]) - (text[position] == pair[1] and depth > 1)
    return len(text)


def atoi(text: str) -> int:
    """C's: blanks, a sign, digits; anything else ends the number."""
    found = re.match(r"\s*([+-]?\d{1,18})", text, re.ASCII)
    return int(found[1]) if found else 0


def separate(text: str, delimiter: str, limit: int = MAX_ELEMENTS) -> list[str]:
    r"""Splits as FreeSWITCH does: `'quotes'` protect, `\` escapes, `^^X` in front changes the separator;
    outer blanks and quotes go. At most `limit` elements, the last of which takes the rest uncut.
    """
    if text.startswith("^^") and len(text) > 3:
        delimiter, text = text[2], text[3:]
    escapes = _ESCAPES if delimiter == " " else {**_ESCAPES, delimiter: delimiter}
    parts: list[str] = []
    out, kept, quoted, fresh, at = "", 0, False, True, 0  # `kept` of `out` is not a blank at its end
    while at < len(text):
        char, following = text[at], text[at + 1 : at + 2]
        at += 1
        if fresh and char == " ":
            continue
        if char == delimiter and not quoted and len(parts) < limit - 1:
            parts.append(out[:kept])
            out, kept, fresh = "", 0, True
            continue
        fresh = False
        if char == "\\" and following:
            at += 1
            out += escapes.get(following, char + following)
            kept = len(out) - (following == " " and not quoted)
        elif char == "'" and (quoted or "'" in text[at:]):
            quoted = not quoted
            kept = len(out) if quoted else kept
        else:
            limit = 0 if char == "'" and delimiter == " " else limit  # never closed: it protects the rest
            out += char
            kept = len(out) if char != " " or quoted else kept
    return parts if fresh else [*parts, out[:kept]]


def set_one(variables: Variables, expander: Expander, text: str) -> None:
    """`set`, or an element of `multiset`: `name=value`, else `name,value`, which is expanded once more."""
    name, _, value = text.partition("=" if "=" in text else ",")
    variables.set(name, expander.expand(value))
