"""Who the simulated 1C knows: files of clients, and how they are searched."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.simulator.onec import Client, ClientFileError
from fs_1c.simulator.onec.clients import EXAMPLE, ClientBook, load_clients, search_key
from tests.simulator.support import (
    say_name,
    simulator,
)

HEADER = "number,title,category,manager\n"


def test_the_shipped_example_has_what_the_documents_show() -> None:
    known = load_clients(EXAMPLE)
    assert ClientBook(known, "last-ten").find("89235292926") == known[0]
    assert known[0] == Client("89235292926", " Фэйковый чиж", "0", "244")
    assert {"", "89161234567"} <= {client.manager for client in known}
    assert "VIP" in {client.category for client in known}


def test_a_clients_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(("\ufeff" + HEADER + '+7 923 111-22-33,"ООО ""А"",\r\nфилиал",VIP,101\n\n').encode())
    assert load_clients(path) == (Client("+7 923 111-22-33", 'ООО "А",\r\nфилиал', "VIP", "101"),)
    with simulator(clients=path) as onec:
        assert "101" in say_name(onec, "89231112233")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", ":0: the first line must be"),
        (b"number;title;category;manager\n", ":1: the first line must be"),
        (HEADER.encode() + b"1,a,,\n2,b,\n", ":3: "),
        (HEADER.encode() + b'1,"a\nb",,\n,b,,\n', ":4: number '' has no digits"),
        (HEADER.encode() + b'1,"a,,\n', ":2: unexpected end"),
        (HEADER.encode() + b"1,a\x07,,\n", ":2: title has a character that XML cannot carry"),
        (HEADER.encode() + b"1,a,,\n1,\xcc\xe0,,\n", ": cannot be read: 'utf-8'"),
    ],
)
def test_a_broken_clients_file_is_one_line_that_says_where(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(content)
    with pytest.raises(ClientFileError) as broken:
        load_clients(path)
    assert str(broken.value).startswith(f"{path}{says}")
    assert "\n" not in str(broken.value)


def test_a_clients_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ClientFileError, match=r"none\.csv: cannot be read: .*No such file"):
        simulator(clients=tmp_path / "none.csv")


def test_the_first_of_two_clients_with_one_phone_is_found() -> None:
    clients = (Client("89231112233", "first"), Client("+79231112233", "second"))
    assert ClientBook(clients, "last-ten").find("9231112233") == clients[0]


@given(st.text())
def test_a_search_key_is_at_most_ten_ascii_digits(number: str) -> None:
    key = search_key(number)
    assert len(key) <= 10
    assert set(key) <= set("0123456789")
