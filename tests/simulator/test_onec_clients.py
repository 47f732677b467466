"""Who the simulated 1C knows: files of clients, and how they are searched."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.simulator.onec import Client, ClientBook, ClientFileError, load_clients
from fs_1c.simulator.onec.clients import example_clients, parse_clients, search_key
from tests.simulator.support import (
    say_name,
    simulator,
)
from tests.support import unhurried

HEADER = "number,title,category,manager\n"


def test_the_shipped_example_has_what_the_documents_show() -> None:
    book = ClientBook.of(example_clients())
    assert book.find("89235292926") == Client("89235292926", " Фэйковый чиж", "0", "244")
    managers = {client.manager for client in book.by_key.values()}
    assert {"", "89161234567"} <= managers
    assert "VIP" in {client.category for client in book.by_key.values()}


def test_a_clients_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    path.write_bytes(("\ufeff" + HEADER + '+7 923 111-22-33,"ООО ""А"",\r\nфилиал",VIP,101\n\n').encode())
    assert load_clients(path) == (Client("+7 923 111-22-33", 'ООО "А",\r\nфилиал', "VIP", "101"),)
    with simulator(clients=path) as onec:
        assert "101" in say_name(onec, "89231112233")


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"", 1, "first line must be"),
        (b"phone,name\n", 1, "first line must be"),
        (b"number;title;category;manager\n", 1, "commas, not semicolons"),
        (HEADER.encode() + b"1,a,,\n2,b,\n", 3, "3 columns instead of 4"),
        (HEADER.encode() + b'1,"a\nb",,\n,b,,\n', 4, "no digits"),
        (HEADER.encode() + b'1,"a" b,,\n', 2, "expected after"),
        (HEADER.encode() + b'1,"a,,\n', 2, "unexpected end"),
        (HEADER.encode() + b"1,a\x07,,\n", 2, "XML cannot carry"),
        (HEADER.encode() + b"1,a,,\n1,\xcc\xe0,,\n", 3, "not UTF-8"),
    ],
)
def test_a_broken_clients_file_is_one_line_that_says_where(content: bytes, line: int, says: str) -> None:
    with pytest.raises(ClientFileError) as broken:
        parse_clients(content, "mine.csv")
    message = str(broken.value)
    assert message.startswith(f"mine.csv:{line}: ")
    assert says in message
    assert "\n" not in message


def test_a_clients_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ClientFileError, match=r"none\.csv: cannot be read: No such file"):
        simulator(clients=tmp_path / "none.csv")


def test_the_first_of_two_clients_with_one_phone_is_found(caplog: pytest.LogCaptureFixture) -> None:
    clients = parse_clients((HEADER + "89231112233,first,,\n+79231112233,second,,\n").encode(), "mine.csv")
    found = ClientBook.of(clients).find("9231112233")
    assert found is not None
    assert found.title == "first"
    assert "mine.csv:3" in caplog.text


@unhurried
@given(st.text())
def test_a_search_key_is_at_most_ten_ascii_digits(number: str) -> None:
    key = search_key(number)
    assert len(key) <= 10
    assert set(key) <= set("0123456789")


@unhurried
@given(
    st.binary(max_size=200) | st.text(alphabet='1,";\n\r а', max_size=50).map(lambda t: (HEADER + t).encode())
)
def test_any_clients_file_is_read_or_named_broken(content: bytes) -> None:
    try:
        parse_clients(content, "mine.csv")
    except ClientFileError as broken:
        assert "\n" not in str(broken)
