"""The answers, and how each is read from what somebody typed. Pure.

Answers are pasted from mails and forms: each is either understood, or refused by one clear `Mistake`.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from fs_1c.cards import parse as parse_keys
from fs_1c.language import _
from fs_1c.numbers import Number, NumberFormat, NumberPlan, read
from fs_1c.settings import Address, DialectName, SettingsError, build, parse_address

NONE = "none"
"""In place of an answer: there is none, on purpose."""
_NONE = (NONE, "нет")
DIRECTORY = "directory"
"""In place of a file with keys: FreeSWITCH's directory has them."""
PLAN = NumberPlan()

_SPACES = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_AMONG_DIGITS = re.compile(r"[\s()./\u2010-\u2015-]")
_TYPED = re.compile(r"\+?[0-9]{1,20}")
_TARGET = re.compile(r"""[^'"\\~\x00-\x20\x7f]{1,500}""")
_VARIABLE = re.compile(r"\$\$?\{[A-Za-z_][0-9A-Za-z_.-]*\}")


class Mistake(Exception):
    """An answer that cannot be used; the text says what is allowed, and never what a secret was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All that has been asked.

    Attributes:
        url: Where 1C's web service is.
        username, password: 1C's user; both may be empty.
        crm_token: By which 1С:УНФ knows the PBX; only of dialect itoolabs.
        number_format: In which form 1C is asked; None: the dialect's own.
        keys: CSV of the subscribers' extensions and keys in 1C; empty: there is none.
        keys_in_directory: FreeSWITCH's directory has them.
        event_socket: Where the switch is listened to; None: nowhere.
        numbers: What clients dial, each as in `number`; none: no dialplan is written.
        target: The dial string of whoever rings when 1C knows nobody.
        history: Whether 1C is told of whole calls; None: the service decides.
    """

    url: str
    username: str = ""
    password: str = ""
    dialect: DialectName = DialectName.MOBILON_2
    crm_token: str = ""
    number_format: NumberFormat | None = None
    keys: str = ""
    keys_in_directory: bool = False
    event_socket: Address | None = None
    event_socket_password: str = ""
    numbers: tuple[str, ...] = ()
    target: str = ""
    history: bool | None = None

    def __repr__(self) -> str:
        return f"Answers(url={self.url!r})"  # four of the others are secrets


def line(text: str) -> str:
    """One line of text, any of whose spaces is a plain one: pages and mails have others. Raises `Mistake`."""
    given = _SPACES.sub(" ", text).strip().strip("\ufeff")
    if not given.isprintable():
        raise Mistake(_("there is a character in it that cannot be seen: a line break, a tab or the like"))
    return given


def secret(text: str) -> str:
    """A password or a key, which may have spaces at its ends. Raises `Mistake`."""
    text = text.removeprefix("\ufeff").strip("\r\n")
    if not all(character.isprintable() for character in text):
        raise Mistake(_("it must be one line, without tabs and other characters that cannot be seen"))
    return text


def in_a_file(text: str) -> str:
    """A secret that a file has, which is not empty. Raises `Mistake`."""
    given = secret(text)
    if not given:
        raise Mistake(_("the file is empty"))
    return given


def url(text: str) -> str:
    """1C's address. Raises `Mistake`."""
    given = line(text)
    try:
        return build({"onec": {"url": given}}).onec["default"].url
    except SettingsError as error:
        raise Mistake(error.problems[0].removeprefix("settings: ")) from None


def extension(text: str) -> str:
    """Whose key comes next; empty: nobody's; or `DIRECTORY`. Raises `Mistake`."""
    given = line(text)
    if given in _NONE:
        return ""
    if given != DIRECTORY and parse_keys(f"{given},key".encode("utf-8", "replace"), {})[0] != {given: "key"}:
        raise Mistake(_("{given}: is no extension; allowed: a few digits, such as 244", given=given))
    return given


def username(text: str) -> str:
    """1C's user; `none`: it asks for none. Raises `Mistake`."""
    given = line(text)
    if ":" in given:
        raise Mistake(_("1C's user must have a name without a colon: HTTP cannot send one"))
    return "" if given in _NONE else given


def dialect(text: str) -> DialectName:
    """Raises `Mistake`."""
    try:
        return DialectName(line(text).lower())
    except ValueError:
        allowed = ", ".join(DialectName)
        raise Mistake(
            _("{given}: there is no such dialect; allowed: {allowed}", given=text, allowed=allowed)
        ) from None


def crm_token(text: str) -> str:
    """Raises `Mistake`."""
    given = secret(text)
    base = {"url": "http://127.0.0.1", "dialect": DialectName.ITOOLABS, "crm_token": given}
    try:
        build({"onec": base})
    except SettingsError as error:
        raise Mistake(error.problems[0].removeprefix("settings: ")) from None
    return given


def address(text: str) -> Address | None:
    """Where the switch's event socket is; `none`: it is not listened to. Raises `Mistake`."""
    given = line(text)
    if given in _NONE:
        return None
    try:
        found = parse_address(given)
    except ValueError:
        raise Mistake(_("{given}: allowed: HOST:PORT, such as 127.0.0.1:8021", given=given)) from None
    if not found.port:
        raise Mistake(_("{given}: the port is missing", given=given))
    return found


def numbers(text: str) -> tuple[str, ...]:
    """What clients dial, several with commas between them; `none`: no dialplan. Raises `Mistake`."""
    if line(text) in _NONE:
        return ()
    if not line(text):
        raise Mistake(_("is missing"))
    typed = list(filter(None, map(str.strip, re.split("[,;]", line(text))))) or [line(text)]
    given = [_AMONG_DIGITS.sub("", one) for one in typed]
    for one, digits in zip(typed, given, strict=True):
        if not _TYPED.fullmatch(digits):
            raise Mistake(
                _(
                    "{given}: is no telephone number; allowed: digits, such as 74951234567",
                    given=one,
                )
            )
    return tuple(dict.fromkeys(given))


def client(text: str) -> str:
    """A client's number, to try 1C with; `none`: without. Raises `Mistake`."""
    given = line(text)
    if given in _NONE:
        return ""
    if not isinstance(read(given, PLAN), Number):
        raise Mistake(
            _("{given}: is no client's telephone number; allowed: one such as 89235292926", given=given)
        )
    return given


def target(text: str) -> str:
    """A dial string; digits alone are an extension. Raises `Mistake`."""
    given = line(text)
    if given.isascii() and given.isdigit() and len(given) <= PLAN.extension_digits:
        return f"user/{given}@${{domain}}"
    plain = _VARIABLE.sub("", given)
    if "$" in plain or not _TARGET.fullmatch(given):
        raise Mistake(
            _(
                "{given}: allowed: a dial string without quotes, spaces, backslashes, tildes and functions, "
                "such as user/1000@${{domain}}",
                given=given,
            )
        )
    if "/" not in plain:
        raise Mistake(
            _(
                "{given}: allowed: an extension, such as 1000, or a dial string, such as "
                "user/1000@${{domain}} or sofia/gateway/trunk/79161234567",
                given=given,
            )
        )
    return given


def history(text: str) -> bool:
    """Raises `Mistake`."""
    given = line(text).lower()
    if given not in ("yes", "y", "да", "no", "n", "нет"):
        raise Mistake(_("{given}: allowed: yes or no", given=given))
    return given in ("yes", "y", "да")


def keys(text: str) -> str:
    """A CSV file of extensions and keys → the same as the service reads it best. Raises `Mistake`."""
    found, problems = parse_keys(text.encode("utf-8", "replace"), {})
    if problems:
        raise Mistake(problems[0])
    if not found:
        raise Mistake(_("there is no key in it; allowed: lines such as 244,KEY"))
    return written_keys(found)


def written_keys(of: dict[str, str]) -> str:
    """Extension → key, as CSV that is read back as the same. Raises `Mistake`."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([("extension", "key"), *of.items()])
    if parse_keys(file.getvalue().encode("utf-8", "replace"), {}) != (of, []):
        raise Mistake(_("a key must be one line, not empty and without spaces at its ends"))
    return file.getvalue()
