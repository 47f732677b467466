"""The form of the status page by which a client is called, in a real browser."""

from __future__ import annotations

import pytest

from tests.calls.test_desk import Line
from tests.web.browser.chromium import Chromium
from tests.web.browser.test_sign_in import pytestmark, sign_in
from tests.web.browser.test_status_page import look
from tests.web.http_client import HTTP, TOKEN, url
from tests.world import World

__all__ = ["pytestmark"]


@pytest.mark.parametrize(
    ("number", "extension", "said"),
    [
        ("8 (923) 529-29-26", "244", "Телефон абонента звонит"),
        ("+5351234567", "244", "Звонить на этот номер не разрешено (calls.allow)"),
        ("<b>1</b>", "244", "Это не телефонный номер"),
    ],
)
def test_who_has_signed_in_calls_from_the_page(
    chromium: Chromium, number: str, extension: str, said: str
) -> None:
    line = Line()

    def at(browser: Chromium, here: World) -> None:
        line.desk = here.service.desk
        here.service.desk.lines = [line]
        browser.open(url(here, "/"))
        sign_in(browser, TOKEN, "#dial:not([hidden])")
        for field, text in (("client", number), ("extension", extension)):
            browser.run(f"document.querySelector('#{field}').value = {text!r}")
        browser.run("document.querySelector('#dial button').click()")
        browser.until(f"document.querySelector('#dialled').textContent === {said!r}")

    look(chromium, at, allowed=("401 (Unauthorized)",), listen=False, http=HTTP, calls={"dial": "x/{number}"})
    assert len(line.told) == (said == "Телефон абонента звонит")


def test_where_nobody_can_be_called_there_is_no_form(chromium: Chromium) -> None:
    def at(browser: Chromium, here: World) -> None:
        browser.open(url(here, "/"))
        sign_in(browser, TOKEN, "#state .tile")
        assert browser.run("document.querySelector('#dial').hidden") is True

    look(chromium, at, allowed=("401 (Unauthorized)",), listen=False, http=HTTP)
