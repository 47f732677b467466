"""What is sent in each dialect."""

from __future__ import annotations

import json

from fs_1c.dialect import PRESETS, DialectName, Pop, lookup_request, pop_request

POP = Pop("89235292926", "hush-hush", "244", "606dfbfe-f7c4-4413-9edc-90005f17d347", 1795426355.9)


def test_lookups() -> None:
    asked = {name.value: lookup_request(PRESETS[name], "8923") for name in DialectName}
    assert asked == {
        "mobilon-1": ("SayName", {"number": "8923"}),
        "mobilon-2": ("SayName", {"Number": "8923"}),
        "mobilon-3": ("SayName", {"Number": "8923"}),
    }


def test_a_pop_is_an_operation_of_its_own() -> None:
    expected = ("IncomingCall", {"NumFrom": "89235292926", "Key": "hush-hush"})
    assert pop_request(PRESETS[DialectName.MOBILON_2], POP) == expected


def test_or_an_event_as_the_1c_side_in_the_field_reads_it() -> None:
    operation, parameters = pop_request(PRESETS[DialectName.MOBILON_3], POP)
    assert (operation, list(parameters)) == ("Event", ["Data"])
    assert json.loads(parameters["Data"]) == {
        "state": "PREANSWER",
        "direction": "incoming",
        "from": "89235292926",
        "to": "244",
        "userkey": "hush-hush",
        "uuid": POP.call,
        "baseid": POP.call,
        "subid": POP.call,
        "time": 1795426355,
    }


def test_a_key_is_not_in_the_repr() -> None:
    assert "hush" not in repr(POP)
