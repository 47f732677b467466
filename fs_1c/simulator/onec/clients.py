"""The clients that the simulated 1C knows, and how it searches them."""

import csv
import io
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

Search = Literal["last-ten", "drop-first-substring"]
SEARCHES: tuple[str, ...] = get_args(Search)

COLUMNS = ("number", "title", "category", "manager")
SIGNIFICANT_DIGITS = 10

_HEADER = ",".join(COLUMNS)
_NOT_A_DIGIT = re.compile(r"[^0-9]")
# What XML 1.0 has no way to write, not even as a character reference.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_log = logging.getLogger("fs_1c.simulator.onec")


class ClientFileError(ValueError):
    """A clients file cannot be used; the message is one line that starts with file:line, or with the file."""


@dataclass(frozen=True, slots=True)
class Client:
    """One client in 1C.

    number: the phone, in any usual form: `89235292926`, `+7 (923) 529-29-26`.
    title: what 1C calls the client; kept as it is, with its spaces.
    category: as the base writes it: `0`, `VIP`, empty.
    manager: the manager's phone, an extension or a mobile; empty when nobody is responsible.

    Raises ValueError when the number has no digit or a field cannot be written in XML.
    """

    number: str
    title: str
    category: str = ""
    manager: str = ""

    def __post_init__(self) -> None:
        if not search_key(self.number):
            raise ValueError(f"number {self.number!r} has no digits")
        for column in COLUMNS:
            if unwritable(getattr(self, column)):
                raise ValueError(f"{column} has a character that XML cannot carry: {getattr(self, column)!r}")


def unwritable(text: str) -> bool:
    """Whether it has a character that XML 1.0 cannot carry."""
    return _UNWRITABLE.search(text) is not None


def search_key(number: str) -> str:
    """The digits two numbers are compared by: the last ten, so 8…, 7… and +7… of one phone are the same.

    A shorter number (an extension, a city number) is compared whole. Empty when there are no digits.
    """
    return _NOT_A_DIGIT.sub("", number)[-SIGNIFICANT_DIGITS:]


def digits_field(number: str) -> str:
    """A number as a base keeps it beside the formatted one: digits, those of Russia in the form 8XXXXXXXXXX.

    So does a base that an operator's 8XXXXXXXXXX was typed into, and so `drop-first-substring` behaves as
    reported from the field.
    """
    digits = _NOT_A_DIGIT.sub("", number)
    if len(digits) == SIGNIFICANT_DIGITS + 1 and digits[0] == "7":
        return "8" + digits[1:]
    return digits


@dataclass(frozen=True, slots=True)
class ClientBook:
    """The clients, and the way 1C searches them. Of several that match, the first is the one 1C finds.

    by_key: the first client by each `search_key`. clients: all of them, in order.
    search: `last-ten` compares by `search_key`. `drop-first-substring` is a search known from the field: what
        was received, less its first character, must occur in the number as typed or in its `digits_field`;
        less than ten characters are not looked for, since extensions would match half the base. So 8… and 7…
        are found; +7… and ten digits are not.
    """

    by_key: Mapping[str, Client]
    clients: tuple[Client, ...]
    search: Search = "last-ten"

    @classmethod
    def of(cls, clients: Iterable[Client], search: Search = "last-ten") -> "ClientBook":
        all_of_them = tuple(clients)
        by_key: dict[str, Client] = {}
        for client in all_of_them:
            by_key.setdefault(search_key(client.number), client)
        return cls(MappingProxyType(by_key), all_of_them, search)

    def find(self, number: str) -> Client | None:
        """The client whose phone it is; None also for a number without digits (anonymous, an empty one)."""
        if self.search == "last-ten":
            return self.by_key.get(search_key(number))
        wanted = number[1:]
        if len(wanted) < SIGNIFICANT_DIGITS:
            return None
        for client in self.clients:
            if wanted in client.number or wanted in digits_field(client.number):
                return client
        return None


def load_clients(path: Path) -> tuple[Client, ...]:
    """Reads a CSV file: UTF-8 (a BOM is allowed), commas, the header `number,title,category,manager`.

    Two rows with one phone are allowed, as in a real base; a warning is logged, as it is mostly a slip.
    Raises ClientFileError when the file cannot be read or is broken.
    """
    try:
        return parse_clients(path.read_bytes(), str(path))
    except OSError as error:
        raise ClientFileError(f"{path}: cannot be read: {error.strerror or error}") from error


def example_clients() -> tuple[Client, ...]:
    """The clients shipped with the library, the one of Mobilon's description of the 1C integration first."""
    example = files("fs_1c.simulator") / "data" / "clients.csv"
    return parse_clients(example.read_bytes(), "clients.csv")


def parse_clients(content: bytes, name: str) -> tuple[Client, ...]:
    """The clients in the bytes of a CSV file; `name` stands in the errors. Raises ClientFileError."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ClientFileError(f"{name}:{line}: not UTF-8; save the file as “CSV UTF-8”") from error
    clients: list[Client] = []
    first_seen: dict[str, int] = {}
    rows = _rows(text, name)
    _check_header(next(rows, (1, [])), name)
    for line, row in rows:
        if len(row) != len(COLUMNS):
            raise ClientFileError(f"{name}:{line}: {len(row)} columns instead of {len(COLUMNS)}: {_HEADER}")
        try:
            client = Client(*row)
        except ValueError as error:
            raise ClientFileError(f"{name}:{line}: {error}") from error
        first = first_seen.setdefault(search_key(client.number), line)
        if first != line:
            _log.warning("%s:%d: the same phone as in line %d, which is the one found", name, line, first)
        clients.append(client)
    return tuple(clients)


def _rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """(the line a row starts in, its fields), without blank lines."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ClientFileError(f"{name}:{line}: {error}") from error
        if row:
            yield line, row


def _check_header(first_row: tuple[int, list[str]], name: str) -> None:
    line, header = first_row
    if tuple(header) == COLUMNS:
        return
    if ";" in "".join(header):
        raise ClientFileError(f"{name}:{line}: separate columns by commas, not semicolons: {_HEADER}")
    raise ClientFileError(f"{name}:{line}: the first line must be {_HEADER}")
