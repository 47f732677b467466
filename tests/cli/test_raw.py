"""`fs-1c lookup --raw`: what came, octet for octet, without a subscriber's key or the password."""

from __future__ import annotations

from pathlib import Path

import pytest

from fs_1c.cli import raw
from tests.onec.pretend import Asked, PretendOneC, http, well
from tests.support import soap_answer

NUMBER = "89235292926"


def config(folder: Path, url: str) -> Path:
    path = folder / "fs-1c.toml"
    (folder / "keys.csv").write_text("extension,key\n245,KEY245\n")
    path.write_text(
        f'[onec]\nurl = "{url}"\nusername = "SOAP"\npassword = "s3cret&"\nsessions = 1\n'
        f'[subscribers]\nfile = "{folder}/keys.csv"\n[subscribers.keys]\n"244" = "KEY244"\n'
    )
    return path


def looked(
    octets: bytes, folder: Path, capfdbinary: pytest.CaptureFixture[bytes], number: str = NUMBER
) -> tuple[int, bytes, str]:
    """Exit code, standard output, standard error."""
    with PretendOneC(lambda asked: octets if asked.operation else http(b"")) as onec:
        code = raw.lookup(config(folder, onec.url), number, base="")
    out, err = capfdbinary.readouterr()
    return code, out, err.decode()


CAME = {
    "an answer": (http(well(Asked("", "<SayName ><Number>1</Number>")), "200 Fine", "X-Odd:  two "), 0),
    "an interim": (b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" + http(soap_answer("")), 3),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n<a>\r\n0\r\nT: 1\r\n\r\n", 4),
    "not text": (http(b"\x00\xff\xfe\x80<\r\n\n", "500 X"), 4),
    "not understood": (http(soap_answer('{"a": "Тестов"}')), 4),
}


@pytest.mark.parametrize("how", CAME)
def test_what_came(how: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    octets, right = CAME[how]
    code, out, err = looked(octets, tmp_path, capfdbinary)
    assert out == octets
    assert code == right
    assert f"{NUMBER} (asked as {NUMBER}): " in err


def test_secrets_are_masked_and_nothing_else(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    body = "KEY244 KEY245 s3cret& s3cret&amp; s3cret%26 U09BUDpzM2NyZXQm KEY246"
    code, out, err = looked(http(body.encode(), "500 X"), tmp_path, capfdbinary)
    assert out.endswith(b"\r\n\r\n*** *** *** *** *** *** KEY246")
    assert "KEY244" not in err
    assert code == 4
    code, out, _ = looked(http("KEY244".encode("utf-16-le"), "500 X"), tmp_path, capfdbinary)
    assert out.endswith(b"\r\n\r\n***")


def test_what_breaks_off_is_shown_as_far_as_it_came(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    octets = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<a"
    with PretendOneC(lambda asked: [octets, None]) as onec:
        assert raw.lookup(config(tmp_path, onec.url), NUMBER, base="") == 4
    assert capfdbinary.readouterr()[0] == octets


@pytest.mark.parametrize(("number", "code"), [("244", 3), ("anonymous", 3), ("89 nonsense", 2)])
def test_who_is_never_asked_about(
    number: str, code: int, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    ended, out, err = looked(b"", tmp_path, capfdbinary, number)
    assert (ended, out) == (code, b"")
    assert "skipped" in err
