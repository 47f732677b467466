"""What is sent in each dialect."""

from __future__ import annotations

import json

from lxml import etree

from fs_1c.onec import PRESETS, Card
from fs_1c.onec.dialects.protocol import Request
from fs_1c.settings import DialectName

CARD = Card("89235292926", "hush-hush", "244", "606dfbfe-f7c4-4413-9edc-90005f17d347", 1795426355.9)


def sent(request: Request) -> tuple[str, dict[str, str]]:
    """The operation and the parameters in a request's envelope."""
    assert (request.method, request.path) == ("POST", "")
    operation = etree.fromstring(request.body or b"")[0][0]
    assert etree.QName(operation).localname == request.operation
    return request.operation, {etree.QName(one).localname: one.text or "" for one in operation}


def test_lookups() -> None:
    asked = {name.value: sent(PRESETS[name].lookup("8923")) for name in DialectName}
    assert asked == {
        "mobilon-1": ("SayName", {"number": "8923"}),
        "mobilon-2": ("SayName", {"Number": "8923"}),
        "mobilon-3": ("SayName", {"Number": "8923"}),
    }


def test_a_pop_is_an_operation_of_its_own() -> None:
    expected = ("IncomingCall", {"NumFrom": "89235292926", "Key": "hush-hush"})
    assert sent(PRESETS[DialectName.MOBILON_2].card(CARD)) == expected


def test_or_an_event_as_the_1c_side_in_the_field_reads_it() -> None:
    operation, parameters = sent(PRESETS[DialectName.MOBILON_3].card(CARD))
    assert (operation, list(parameters)) == ("Event", ["Data"])
    assert json.loads(parameters["Data"]) == {
        "state": "PREANSWER",
        "direction": "incoming",
        "from": "89235292926",
        "to": "244",
        "userkey": "hush-hush",
        "uuid": CARD.call,
        "baseid": CARD.call,
        "subid": CARD.call,
        "time": 1795426355,
    }


def test_a_key_is_not_in_the_repr() -> None:
    assert "hush" not in repr(CARD)
