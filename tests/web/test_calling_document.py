"""The OpenAPI document of our own form, held to what the service really says: every answer is one that it
describes, and a client can be made of it.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fs_1c.web import access
from tests.calls.test_desk import Line
from tests.support import EXAMPLES
from tests.web.test_calling import NUMBER, SHOWN, ask, calling
from tests.world import World

TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "object": dict,
    "null": type(None),
}


class Document:
    """What it says: which operations there are, and whether a value is of a schema."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        assert document["openapi"].startswith("3.1") and document["info"]["version"]

    def operations(self) -> dict[str, tuple[str, str, dict[str, Any]]]:
        """By operationId: method, path, description."""
        return {
            said["operationId"]: (method.upper(), path, said)
            for path, methods in self._document["paths"].items()
            for method, said in methods.items()
            if method != "parameters"
        }

    def schema(self, content: dict[str, Any]) -> dict[str, Any]:
        reference = content["application/json"]["schema"]["$ref"]
        found: Any = self._document
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
        return dict(found)

    def holds(self, operation: str, status: int, told: Any) -> None:
        """AssertionError if it does not describe that answer."""
        _, _, said = self.operations()[operation]
        assert str(status) in said["responses"], (operation, status, told)
        _is_of(told, self.schema(said["responses"][str(status)]["content"]))


def _is_of(value: Any, schema: dict[str, Any]) -> None:
    """Of the words of JSON Schema those that the document uses; another one is an error."""
    known = {"type", "enum", "properties", "required", "additionalProperties", "format", "description"}
    assert schema.keys() <= known | {"minLength", "maxLength"}, schema
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert any(isinstance(value, TYPES[one]) for one in types), (value, schema)
    assert value in schema.get("enum", [value]), (value, schema)
    if schema.get("format") == "date-time":
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", value)
    if isinstance(value, dict):
        assert value.keys() >= set(schema["required"])
        assert value.keys() <= schema["properties"].keys()
        for name, one in value.items():
            _is_of(one, schema["properties"][name])


async def document(here: World) -> Document:
    return Document((await ask(here, "GET", "/calls/openapi.json", headers=SHOWN)).json())


def test_a_client_that_is_made_of_it_makes_a_call_looks_and_ends_it() -> None:
    async def story() -> None:
        async with calling() as (here, line):
            made_of = await document(here)
            paths = {name: (method, path) for name, (method, path, _) in made_of.operations().items()}
            assert set(paths) == {"call", "look", "end"}

            async def does(name: str, call_id: str = "", **more: Any) -> tuple[int, Any]:
                method, path = paths[name]
                said = await ask(here, method, path.replace("{id}", call_id), headers=SHOWN, **more)
                made_of.holds(name, said.status_code, said.json())
                return said.status_code, said.json()

            status, call = await does("call", json={"number": NUMBER, "extension": "244"})
            assert status == 201 and call["state"] == "ringing"
            assert (await does("look", call["id"]))[1]["state"] == "ringing"
            assert (await does("end", call["id"]))[0] == 202
            assert (await does("look", "nobody"))[0] == 404
            assert (await does("call", json={"number": "8" * 500}))[0] == 400
            assert line.ended == [call["id"]]

    asyncio.run(story())


_TEXT = st.text(max_size=70) | st.sampled_from([NUMBER, "+5351234567", "244", "", "default"])
_ASKED = (
    st.fixed_dictionaries({}, optional={"number": _TEXT, "extension": _TEXT, "base": _TEXT})
    | st.dictionaries(_TEXT, _TEXT | st.none() | st.integers() | st.lists(_TEXT), max_size=4)
    | st.none()
    | st.lists(st.integers())
)


def test_whatever_is_asked_the_answer_is_one_that_it_describes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "STEP", 0.0)  # there are many wrong tokens among these

    async def story() -> None:
        line = Line()
        async with calling(line) as (here, _):
            made_of = await document(here)
            loop = asyncio.get_running_loop()

            @settings(max_examples=60 * EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
            @given(_ASKED, st.booleans(), st.sampled_from([{}, SHOWN, {"Authorization": "Bearer KEY244"}]))
            def one(asked: Any, up: bool, headers: dict[str, str]) -> None:
                line.up = up
                here.service.desk._limits.__init__()  # type: ignore[misc]
                body = json.dumps(asked).encode()
                work = ask(here, "POST", "/calls", data=body, headers=headers)
                said = asyncio.run_coroutine_threadsafe(work, loop).result(60)
                made_of.holds("call", said.status_code, said.json())

            await asyncio.to_thread(one)

    asyncio.run(story())
