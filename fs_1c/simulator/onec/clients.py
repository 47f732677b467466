"""The clients that the simulated 1C knows, and how it searches them."""

import csv
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

Search = Literal["last-ten", "drop-first-substring"]
COLUMNS = ("number", "title", "category", "manager")
WRITABLE = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
"""What XML 1.0 can write; all else it cannot, not even as a character reference."""


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
        for column, text in zip(COLUMNS, astuple(self), strict=True):
            if not re.fullmatch(f"{WRITABLE}*", text):
                raise ValueError(f"{column} has a character that XML cannot carry: {text!r}")


def search_key(number: str) -> str:
    """The digits two numbers are compared by: the last ten, so 8…, 7… and +7… of one phone are the same.

    A shorter number (an extension, a city number) is compared whole. Empty when there are no digits.
    """
    return re.sub("[^0-9]", "", number)[-10:]


class ClientBook:
    """The clients, and the way 1C searches them. Of several that match, the first is the one 1C finds.

    search: `last-ten` compares by `search_key`. `drop-first-substring` is known from the field: what was
        received, less its first character, must occur in the number as typed or in its digits, of Russia in
        the form 8XXXXXXXXXX; less than ten are not looked for, since extensions would match half the base.
        So 8… and 7… are found; +7… and ten digits are not.
    """

    def __init__(self, clients: Iterable[Client], search: Search) -> None:
        self._clients, self._search = tuple(clients), search
        self._by_key = {search_key(client.number): client for client in reversed(self._clients)}

    def find(self, number: str) -> Client | None:
        """The client whose phone it is; None also for a number without digits (anonymous, an empty one)."""
        if self._search == "last-ten":
            return self._by_key.get(search_key(number))
        wanted = number[1:]
        for client in self._clients if len(wanted) >= 10 else ():
            digits = re.sub("^7(?=.{10}$)", "8", re.sub("[^0-9]", "", client.number))
            if wanted in client.number or wanted in digits:
                return client
        return None


EXAMPLE = files("fs_1c.simulator") / "data" / "clients.csv"
"""The clients shipped with the library, the one of Mobilon's description of the 1C integration first."""


def load_clients(path: Path | Traversable) -> tuple[Client, ...]:
    """Reads a CSV file: UTF-8 (a BOM is allowed), commas, the header `number,title,category,manager`.

    Raises ClientFileError when the file cannot be read or is broken.
    """
    try:
        rows = csv.reader(path.read_bytes().decode("utf-8-sig").splitlines(keepends=True), strict=True)
    except (OSError, UnicodeError) as error:
        raise ClientFileError(f"{path}: cannot be read: {error}") from error
    try:
        if (header := next(rows, [])) != [*COLUMNS]:
            raise ValueError(f"the first line must be {','.join(COLUMNS)}, not {','.join(header)}")
        return tuple(Client(**dict(zip(COLUMNS, row, strict=True))) for row in rows if row)
    except (ValueError, csv.Error) as error:
        raise ClientFileError(f"{path}:{rows.line_num}: {error}") from error
