"""The clients that the simulated 1C knows, and how it searches them."""

import csv
import io
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

Search = Literal["last-ten", "drop-first-substring"]
HEADER = "number,title,category,manager"
# What XML 1.0 has no way to write, not even as a character reference.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

log = logging.getLogger("fs_1c.simulator.onec")


class ClientFileError(ValueError):
    """A clients file cannot be used; the message is one line that starts with file:line, or with the file."""


@dataclass(frozen=True, slots=True)
class Client:
    """One client in 1C.

    number: the phone, in any usual form: `89235292926`, `+7 (923) 529-29-26`. title: kept with its spaces.
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
        for column, text in zip(HEADER.split(","), astuple(self), strict=True):
            if unwritable(text):
                raise ValueError(f"{column} has a character that XML cannot carry: {text!r}")


def unwritable(text: str) -> bool:
    """Whether it has a character that XML 1.0 cannot carry."""
    return _UNWRITABLE.search(text) is not None


def search_key(number: str) -> str:
    """The digits two numbers are compared by: the last ten, so 8…, 7… and +7… of one phone are the same.

    A shorter number (an extension, a city number) is compared whole. Empty when there are no digits.
    """
    return re.sub("[^0-9]", "", number)[-10:]


@dataclass(frozen=True, slots=True)
class ClientBook:
    """The clients, and the way 1C searches them. Of several that match, the first is the one 1C finds.

    by_key: the first client by each `search_key`. clients: all of them, in order.
    search: `last-ten` compares by `search_key`. `drop-first-substring` is known from the field: what was
        received, less its first character, must occur in the number as typed or in its digits, of Russia in
        the form 8XXXXXXXXXX; less than ten are not looked for, since extensions would match half the base.
        So 8… and 7… are found; +7… and ten digits are not.
    """

    by_key: Mapping[str, Client]
    clients: tuple[Client, ...]
    search: Search = "last-ten"

    @classmethod
    def of(cls, clients: Iterable[Client], search: Search = "last-ten") -> "ClientBook":
        clients = tuple(clients)
        return cls({search_key(client.number): client for client in reversed(clients)}, clients, search)

    def find(self, number: str) -> Client | None:
        """The client whose phone it is; None also for a number without digits (anonymous, an empty one)."""
        if self.search == "last-ten":
            return self.by_key.get(search_key(number))
        wanted = number[1:]
        for client in self.clients if len(wanted) >= 10 else ():
            digits = re.sub("^7(?=.{10}$)", "8", re.sub("[^0-9]", "", client.number))
            if wanted in client.number or wanted in digits:
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
    return parse_clients((files("fs_1c.simulator") / "data" / "clients.csv").read_bytes(), "clients.csv")


def parse_clients(content: bytes, name: str) -> tuple[Client, ...]:
    """The clients in the bytes of a CSV file; `name` stands in the errors. Raises ClientFileError."""
    clients: dict[int, Client] = {}
    lines: dict[str, int] = {}
    line = 1
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = ",".join(next(reader, []))
        if header != HEADER:
            says = "separate by commas, not semicolons:" if ";" in header else "the first line must be"
            raise ValueError(f"{says} {HEADER}")
        line = reader.line_num + 1
        for row in reader:
            if row:
                if len(row) != 4:
                    raise ValueError(f"{len(row)} columns instead of 4: {HEADER}")
                clients[line] = Client(*row)
                first = lines.setdefault(search_key(row[0]), line)
                if first != line:
                    log.warning("%s:%d: the same phone as in line %d, which is found", name, line, first)
            line = reader.line_num + 1  # where the next row begins; it may be several lines long
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ClientFileError(f"{name}:{line}: not UTF-8; save the file as “CSV UTF-8”") from error
    except (ValueError, csv.Error) as error:
        raise ClientFileError(f"{name}:{line}: {error}") from error
    return tuple(clients.values())
