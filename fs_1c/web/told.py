"""What metrics say of whole calls: how they ended, what 1C was told of them, and what waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from fs_1c.call import Ended, Told
from fs_1c.integration import Integration
from fs_1c.settings import Role
from fs_1c.talk import Story


class Ends:
    """Counts calls that are over; each at the service that tells of its switch."""

    def __init__(self, registry: CollectorRegistry) -> None:
        calls = Counter(
            "fs_1c_calls",
            "Calls with clients that are over: answered, missed, or no answer of a client who was called;"
            " unknown, if nobody has heard how.",
            ("outcome",),
            registry=registry,
        )
        self._of = {outcome: calls.labels(outcome.value) for outcome in Ended}

    def ended(self, story: Story, integration: Integration) -> None:
        if any(
            one.role is Role.RESERVE and one.name == story.switch for one in integration.settings.esl.inbound
        ):
            return
        self._of[story.outcome].inc()


def of_history(integration: Integration) -> Iterator[Metric]:
    """What waits, and what became of the rest; nothing where 1C is told of no calls. May block a moment."""
    history = integration.history
    if history is None:
        return
    seen, now = history.desk.seen(), time.time()
    waiting = GaugeMetricFamily(
        "fs_1c_history_waiting", "Words of calls that wait for 1C to be told them.", labels=("base",)
    )
    oldest = GaugeMetricFamily(
        "fs_1c_history_oldest_seconds", "For how long the oldest of them has waited.", labels=("base",)
    )
    words = CounterMetricFamily(
        "fs_1c_history_words",
        "Words that 1C was to be told, by what became of them.",
        labels=("base", "outcome"),
    )
    for name in {**dict.fromkeys(integration.settings.onec), **seen.bases}:
        waits = seen.bases.get(name)
        waiting.add_metric((name,), waits.words if waits else 0)
        oldest.add_metric((name,), max(0.0, now - waits.oldest) if waits else 0)
        for told in Told:
            words.add_metric((name, told.value.replace(" ", "_")), history.counted[name, told])
    yield waiting
    yield oldest
    yield words
    yield CounterMetricFamily(
        "fs_1c_history_lost", "Words that nobody will be told, for want of a disk.", value=seen.lost
    )
    yield GaugeMetricFamily(
        "fs_1c_history_disk_up", "1 while the outbox is on its disk.", value=not (seen.late or seen.away)
    )
