"""`python -m tests.history.weight [CALLS]`: what the stories of so many calls that are up weigh, and what an
event of a call costs, with the journal and the outbox at work and 1C away: the caller's thread, and in all.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fs_1c.call import CallEvent
from fs_1c.history.pace import Pace
from fs_1c.integration import Integration
from fs_1c.settings import build
from tests.history.conftest import answered, settings
from tests.history.soak import memory, names, say


def interleaved(calls: list[list[CallEvent]]) -> list[CallEvent]:
    """A hundred of them up at a time."""
    groups = [calls[at : at + 100] for at in range(0, len(calls), 100)]
    return [event for group in groups for together in zip(*group, strict=True) for event in together]


def main(calls: int) -> None:
    Pace.room = lambda pace, *given: 0  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        more: dict[str, Any] = {"screenpop": {"outgoing": False}, "journal": {"enabled": True}}
        service = Integration(build(settings(Path(folder), **more)))
        service.tell_history()
        history = service.history
        assert history is not None
        each = [answered(name) for name in names(2 * calls)]
        for event in interleaved(each[:1000]):
            service._heard(event, "sw")
        history._outbox.ask(lambda connection: None).result(60.0)
        gc.collect()
        before = memory()
        for events in each[1000 : 1000 + calls]:
            for event in events[:2]:
                service._heard(event, "sw")
        history._outbox.ask(lambda connection: None).result(60.0)
        gc.collect()
        say(f"{calls} stories at once: {memory() - before:.1f} MB")
        for events in each[1000 : 1000 + calls]:
            for event in events[2:]:
                service._heard(event, "sw")
        history._outbox.ask(lambda connection: None).result(60.0)
        fed = interleaved(each[-calls // 2 :])
        whole, own = time.process_time(), time.thread_time()
        for event in fed:
            service._heard(event, "sw")
        own = time.thread_time() - own
        history._outbox.ask(lambda connection: None).result(60.0)
        whole = time.process_time() - whole
        say(f"an event: {own / len(fed) * 1e6:.1f} us of its thread, {whole / len(fed) * 1e6:.1f} us in all")
        service.close(10)


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["10000"])[0]))
