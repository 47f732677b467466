"""A whole call, through the doors of a service, as a collector sees it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.world import CLIENT, until, world

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from tests.tracing.test_otlp import Receiver, attributes


@pytest.mark.parametrize("hangs", [False, True])
def test_a_call_is_a_trace(hangs: bool) -> None:
    """A collector that hangs from the start to the end costs no call and no card."""

    async def scenario(receiver: Receiver) -> tuple[str, list[Any]]:
        more: dict[str, Any] = {"tracing": {"endpoint": f"http://127.0.0.1:{receiver.port}"}}
        if hangs:
            receiver.answers.clear()
        async with world(**more) as here:
            result = await here.switch.call(here.script())
            await here.carded(1)
            if not hangs:
                await until(lambda: {"call", "card", "decision"} <= {one.name for one in receiver.spans})
            assert here.cards() == [(CLIENT, "KEY244")]
            return result.uuid, list(receiver.spans)

    receiver = Receiver()
    try:
        uuid, spans = asyncio.run(scenario(receiver))
    finally:
        receiver.close()
    if hangs:
        assert not spans
        return
    assert {span.trace_id.hex() for span in spans} == {uuid.replace("-", "")}
    by_name = {span.name: span for span in spans}
    call = by_name["call"]
    assert attributes(call)["fs_1c.outcome"] == "answered"
    assert attributes(by_name["decision"])["fs_1c.result"] == "found"
    assert by_name["1C lookup"].parent_span_id == by_name["decision"].span_id
    assert by_name["card"].parent_span_id == call.span_id
    assert not [span for span in spans if "чиж" in str(span).lower() or "KEY" in str(span)]
    assert CLIENT[1:] not in str(spans)
