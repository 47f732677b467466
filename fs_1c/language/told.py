"""What was said in English, in a log, a journal, an answer, said again in another language.

The service does not know who will read it, a finding of `check` is for programs, too, and whoever looks
through a log must find the same words everywhere. So there the reader's own language comes last, at the
terminal: a text is known again by the words that stand around its values. The catalogues have all texts of
`check` and `settings` under `told`, and those of the service that are listed here. Whatever is none of them
(1C's own words, a client's name) stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from gettext import NullTranslations
from string import Formatter

from fs_1c.language.language import N_, spoken

MAX_TOLD = 2000
"""Characters of a text that is looked for: longer ones are none of these."""
MAX_PIECES = 40
MOST = 1000
"""Looks at what a text may be."""

SENTENCES = (
    N_("settings"),
    N_("service"),
    N_("{count} ms"),
    N_("{count} s"),
    N_("{several} or {last}"),
    N_("{several} and {last}"),
    # Who stands in for a manager; why one was not rung.
    N_("{extension} talked to the client last ({time}); {why}"),
    N_("{extension} talked to the client last ({time})"),
    N_("{manager} {why}: passed over"),
    N_("{manager} {why}: {deputy} rings in his place"),
    N_("{manager} {why}: rings together with {deputy}"),
    N_("{manager} {why}: rings all the same"),
    N_("turned away with {cause}"),
    N_("the next"),
    N_("{why} since {time}"),
    N_("is away"),
    N_("declines calls"),
    N_("talks"),
    N_("it is too long for a telephone number"),
    N_("it is none of the allowed"),
    N_("it is a number of {region}, not of {country}"),
    N_("it is in no numbering plan"),
    N_("its kind is {kind}"),
    N_("a trunk may take it for another one than {number}"),
    # Why 1C was not asked, or gave no answer.
    N_("an extension"),
    N_("withheld"),
    N_("malformed"),
    N_("1C counts as down; nobody waits for it"),
    N_("its trunk brings more than {count} new numbers a second"),
    N_("it is in numbers.blocked_file"),
    N_("no answer within {ms} ms"),
    N_("no answer within {seconds} s"),
    N_("no connection in time"),
    N_("the answer took too long to be read"),
    N_("HTTP {status}, {why}: {words}"),
    N_("HTTP {status}, {why}"),
    N_("1C refused the request"),
    N_("wrong user name or password"),
    N_("1C is out of licences"),
    N_("1C does not let this user in"),
    N_("no such web service there"),
    N_("what is there is no web service"),
    N_("1C's session pool is full"),
    N_("the proxy asks for a password"),
    N_("client and server of 1C differ in their versions"),
    N_("there is no such web service there any more"),
    N_("the web server takes no more requests just now"),
    N_("1C itself failed"),
    N_("the web server has no connection to 1C"),
    N_("the web server is overloaded or in maintenance"),
    N_("the web server had no answer from 1C in time"),
    N_("1C's code failed"),
    N_("1C wants a session (IBSession); set session_mode"),
    N_("1C lets nobody in"),
    N_("the web server refused the request, not 1C"),
    N_("user and password (Basic) are not taken there"),
    N_("not an answer of 1C"),
    N_("1C does not know this crm_token"),
    N_("1C misses something in the request"),
    N_("1C does not know such a command"),
    N_("1C reports: {words}"),
    N_("1C answers something that is not understood: {what}"),
    N_("HTTP {status}, but no {operation}"),
    N_("HTTP 200, but no answer of «Универсальный itoolabs»: {what}"),
    N_("it leads to {url}"),
    N_("a page"),
    N_("no JSON"),
    N_("what answers speaks no HTTP: {words}"),
    N_("something like XML"),
    N_("something like JSON"),
    N_("JSON that is no object"),
    N_("JSON without an envelope"),
    N_("plain text"),
    # What is wrong with a file of subscribers, or an address.
    N_("line {count}"),
    N_("extension {extension} has no key, or too long a one"),
    N_("extension {extension} has two keys"),
    N_("{where} counts"),
    N_("the first"),
    N_("the settings'"),
    N_("allowed is extension{separator}key"),
    N_("an answer over {count} octets or {pieces} pieces"),
    N_("an answer over {count} octets"),
    N_("an answer whose head or chunks have no end"),
    N_("redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], rediss://... or unix:///PATH"),
    N_("with redis.sentinels"),
    N_("allowed"),
    N_("operation"),
    N_("none"),
    # What became of a card, and of a word about a call.
    N_("1C did not answer 1"),
    N_("1C did not answer 1 to {operation}"),
    N_("the conversation had ended"),
    N_("the conversation began too long ago"),
    N_("the switch does not tell whose card it is"),
    N_("1C has been told by {who}: another service, or this one before it was started anew"),
    N_("extension {extension} has no key"),
    N_("user {login} has no key"),
    N_("1C knows people by their extensions alone"),
    N_("neither {names} is an extension or has a key"),
    N_("the service died while it was being told"),
    N_("Redis has lost whether another service has told it"),
    N_("the disk has not taken it"),
    N_("this dialect has no words for it"),
    # What the service answers.
    N_("there is no connection to a switch: the call was not made"),
    N_("there is no such extension"),
    N_("none of his telephones is registered (calls.refuse_away)"),
    N_("too many calls ({limit})"),
    N_("too many calls at a time (calls.at_once: {limit})"),
    N_("what is to be called is no client's number: {why}"),
    N_("calls.dial is not set: no client can be called"),
    N_("{number} is not dialled: {why} (calls.allow)"),
    N_("no switch is listened to (esl.inbound)"),
    N_("the disk does not answer; calls do not wait for it"),
    N_("the disk does not answer"),
    N_("there is no base {base}; allowed: {bases}"),
    # What the simulated 1C does not take.
    N_("{fault} is unknown; known: {several}"),
    N_("{fault} takes {parameters}"),
    N_("no parameters"),
    N_("is not known yet when that strikes"),
    N_("{value} is not one of {several}"),
    N_("{size} is not zero or more"),
    N_("no JSON"),
    N_("not a JSON object such as {example}"),
    N_("the first line must be {columns}, not {header}"),
    N_("number {number} has no digits"),
    N_("{column} has a character that XML cannot carry"),
)
"""What the service, and who stands in for 1C, says in its journal and its answers."""

OF_TYPER = (
    N_("No such option: {option}"),
    N_("Possible options: {several}"),
    N_("Did you mean {several}?"),
    N_("Missing argument {argument}."),
    N_("Missing option {option}."),
    N_("Option {option} requires an argument."),
    N_("Option {option} does not take a value."),
    N_("Got unexpected extra argument(s) ({arguments})"),
    N_("Invalid value for {option}: {why}"),
    N_("Invalid value for {option} (env var: {variable}): {why}"),
    N_("Value error, {value} is not one of {several}."),
    N_("Input should be a valid integer, unable to parse string as an integer"),
    N_("Input should be a valid number, unable to parse string as a number"),
    N_("Input should be a valid integer, got a number with a fractional part"),
    N_("Input should be a valid boolean, unable to interpret input"),
    N_("Input should be a finite number"),
    N_("Input should be greater than {count}"),
    N_("Input should be greater than or equal to {count}"),
    N_("Input should be less than or equal to {count}"),
    N_("Input should be {several} or {last}"),
    N_("String should match pattern {pattern}"),
    N_("String should have at least {count} character"),
    N_("Unexpected keyword argument"),
)
"""What typer, and pydantic of what was typed, says to whoever has mistyped a command."""

OF_THE_SYSTEM = (
    N_("[Errno {number}] {why}"),
    N_("Connection refused"),
    N_("Connection timed out"),
    N_("Connection reset by peer"),
    N_("No route to host"),
    N_("Network is unreachable"),
    N_("Name or service not known"),
    N_("Temporary failure in name resolution"),
    N_("No such file or directory"),
    N_("Permission denied"),
    N_("Address already in use"),
    N_("Cannot assign requested address"),
    N_("Is a directory"),
    N_("Not a directory"),
)
"""What the C library says, in the place of a reason."""

_CONTEXT = "told\x04"
_PIECES = re.compile(r"((?<=[.?!]) |;(?: |$)|: |, | \(|\)[.:,]?)")
_FORMS = {
    "count": re.compile(r"[\d.,]+"),
    "asked_as": re.compile(r"\+?\d+"),
    "separator": re.compile("."),
    "several": re.compile(r"\S{1,80}(, \S{1,80}){0,100}"),
    "last": re.compile(r"\S{1,80}"),
}
"""What alone may stand in a place of such a name: little else tells these texts from others."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A text as it is in English, and in the other language.

    Attributes:
        words: What stands before, between and behind the values; there is one more of them.
        names: Of the values' places.
        weight: Letters that are no value's: of two that fit, the one with more of them is meant.
    """

    words: tuple[str, ...]
    names: tuple[str, ...]
    weight: int
    said: str

    def values(self, text: str) -> dict[str, str] | None:
        """What stands in its places, each as short as it can be; in one go, whatever somebody has written."""
        if not self.names:
            return {} if text == self.words[0] else None
        first, *between, last = self.words
        if not text.startswith(first) or not text.endswith(last):
            return None
        at, end = len(first), len(text) - len(last)
        values: dict[str, str] = {}
        for name, word in zip(self.names, (*between, None), strict=True):
            to = end if word is None else text.find(word, at, end)
            value = text[at:to]
            if to < at or (name in _FORMS and not _FORMS[name].fullmatch(value)):
                return None
            if values.setdefault(name, value) != value:
                return None
            at = to + len(word or "")
        return values


def retold(text: str) -> str:
    """A text that was made in English, in the reader's language, with what stands in its places."""
    if not _texts(spoken()) or len(text) > MAX_TOLD:
        return text
    return _Retelling(_sentences(spoken())).again(text)[1]


class _Retelling:
    """Looks for texts in a text, and in what stands in their places; no more often than `MOST`, whatever
    somebody has written.
    """

    def __init__(self, sentences: Mapping[str, Sequence[_Sentence]]) -> None:
        self._sentences = sentences
        self._known: dict[str, tuple[int, str]] = {}
        self._looks = 0

    def again(self, text: str) -> tuple[int, str]:
        """How many letters of it are as they were, and the text: the fewer, the better it was understood."""
        core = text.strip()
        if (best := self._known.get(core)) is None:
            unchanged = (_letters(core), core)
            self._known[core] = unchanged  # nothing is in itself
            best = unchanged
            if unchanged[0] and self._looks < MOST:
                best = min(unchanged, *self._ways(core), self._by_pieces(core), key=lambda one: one[0])
            self._known[core] = best
        return best[0], text.replace(core, best[1]) if core else text

    def _ways(self, text: str) -> Iterator[tuple[int, str]]:
        """By each sentence that fits, the most special first."""
        self._looks += 1
        for sentence in self._sentences.get(text[:1], self._sentences[""]):
            values = sentence.values(text)
            if values is not None:
                again = {name: self.again(one) for name, one in values.items()}
                said = sentence.said.format(**{name: one for name, (_, one) in again.items()})
                yield sum(left for left, _ in again.values()), said

    def _by_pieces(self, text: str) -> tuple[int, str]:
        """Several texts in one: a setting's name and what is wrong with it, a sentence and another."""
        pieces = _PIECES.split(text)  # texts, and what stands between them, by turns
        if not 1 < len(pieces) <= MAX_PIECES:
            return len(text), text
        best: list[tuple[int, str]] = [(0, "")] * (len(pieces) + 2)
        for at in reversed(range(0, len(pieces), 2)):
            ways = []
            for end in range(at + 1, len(pieces) + 1, 2):
                whole = "".join(pieces[at:end])
                between = pieces[end] if end < len(pieces) else ""
                known = (_letters(whole), whole)
                if self._looks < MOST and whole != text:
                    known = min(self._ways(whole), default=known, key=lambda one: one[0])
                ways.append((known[0] + best[end + 1][0], f"{known[1]}{between}{best[end + 1][1]}"))
            best[at] = min(ways, key=lambda one: one[0])
        return best[0]


def _letters(text: str) -> int:
    return sum("a" <= letter <= "z" for letter in text)


def _texts(translations: NullTranslations) -> Mapping[object, str]:
    """All that is in a catalogue; nothing in English."""
    found: Mapping[object, str] = getattr(translations, "_catalog", {})
    return found


@lru_cache(1)
def _sentences(translations: NullTranslations) -> Mapping[str, Sequence[_Sentence]]:
    """By the letter that a text begins with, those that it may be, the most special first."""
    every = sorted(_all(_texts(translations)), key=lambda one: -one.weight)
    letters = {"", *(one.words[0][:1] for one in every)}
    return {letter: tuple(one for one in every if one.words[0][:1] in ("", letter)) for letter in letters}


def _all(texts: Mapping[object, str]) -> Iterator[_Sentence]:
    for message, said in texts.items():
        if isinstance(message, str) and message.startswith(_CONTEXT):
            yield _sentence(message.removeprefix(_CONTEXT).strip(), said.strip())
    for message in (*SENTENCES, *OF_TYPER, *OF_THE_SYSTEM):
        yield _sentence(message, texts.get(message, message))


def _sentence(message: str, said: str) -> _Sentence:
    words, names = [""], list[str]()
    for literal, name, _, _ in Formatter().parse(message):
        words[-1] += literal
        if name is not None:
            words.append("")
            names.append(name)
    return _Sentence(tuple(words), tuple(names), sum(map(len, words)), said)
