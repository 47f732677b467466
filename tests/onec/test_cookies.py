"""Cookies as proxies hand them on: names and values, and nothing else."""

from __future__ import annotations

import time

import pytest

from fs_1c.onec.cookies import MAX_COOKIES, Cookies

HEARD = [
    (("ibsession=1-2; path=/base",), "ibsession=1-2"),
    (("IBSESSION=1-2",), "ibsession=1-2"),
    (('ibsession="1-2"; Path="/"',), "ibsession=1-2"),
    (("ibsession = 1-2 ;HttpOnly",), "ibsession=1-2"),
    (("ibsession=1-2; path=/; HTTPOnly; Securebase/ws",), "ibsession=1-2"),
    (("ibsession=1-2; Partitioned; Priority=High; SameSite=None",), "ibsession=1-2"),
    (("ibsession=1-2; expires=Thu, 01 Jan 2099 00:00:00 GMT; path=/",), "ibsession=1-2"),
    (("route=a1; path=/, ibsession=1-2; path=/",), "route=a1; ibsession=1-2"),
    (("ibsession=1-2, route=a1; path=/",), "route=a1; ibsession=1-2"),
    (("route=a1; path=/; ibsession=1-2",), "route=a1; ibsession=1-2"),
    (("route=a1", "ibsession=1-2"), "route=a1; ibsession=1-2"),
    (("ibsession=1", "ibsession=2"), "ibsession=2"),
    (("ibsession=1", "ibsession="), ""),
    (("route=a1", "route="), ""),
    (("ibsession=a b",), ""),
    (("ibsession=a\\b",), ""),
    (("ibsession=a\r\nX: y",), ""),
    (("ib session=1",), ""),
    (("=1; ;;; =; ,,",), ""),
    (("",), ""),
    (("ibsession=" + "a" * 300,), ""),
]


@pytest.mark.parametrize(("lines", "sent"), HEARD)
def test_what_is_sent_back(lines: tuple[str, ...], sent: str) -> None:
    cookies = Cookies()
    cookies.heard(lines)
    assert cookies.header() == ((("Cookie", sent),) if sent else ())
    assert cookies.in_session is ("ibsession" in sent)


def test_a_session_that_is_over_leaves_the_way_to_1c() -> None:
    cookies = Cookies()
    cookies.heard(("route=a1", "ibsession=1"))
    cookies.give_up()
    assert cookies.header() == (("Cookie", "route=a1"),)


def test_what_is_kept_is_bounded_and_read_in_no_time() -> None:
    cookies = Cookies()
    started = time.process_time()
    for number in range(200):
        cookies.heard((f"c{number}=1",))
    for line in (",;" * 50_000, "a=" * 50_000, " " * 100_000, "ibsession" * 20_000):
        cookies.heard((line,) * 50)
    assert cookies.header()[0][1].count(";") < MAX_COOKIES
    assert time.process_time() - started < 1.0
