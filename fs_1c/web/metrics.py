"""What is counted and timed, for Prometheus. An observer of the core: the core knows nothing of it.

Nothing here names a client, a subscriber or a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fs_1c.call import CallEvent, Conversation, Decision, Outcome, ScreenPop
from fs_1c.cards import PostState
from fs_1c.directory import BreakerState
from fs_1c.integration import Integration
from fs_1c.settings import Role
from fs_1c.talk import Observer, Story
from fs_1c.web.presence import metrics as of_subscribers
from fs_1c.web.told import Ends, of_history

_DECISION = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 2.0, 5.0)
_ONEC = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 2.0, 5.0, 10.0, 30.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Observer):
    """Counts from start to end of the process, through any change of settings.

    Args:
        integration: The one at work, whose bases and journal are looked at when the metrics are read.
        doors: Tells which doors there are, and whether each is up.
        posts: Tells how things are at each switch that has a name.
    """

    def __init__(
        self,
        integration: Callable[[], Integration],
        doors: Callable[[], Mapping[str, bool]],
        posts: Callable[[], Sequence[PostState]] = tuple,
    ) -> None:
        self.integration, self.doors, self.posts = integration, doors, posts
        self._registry = CollectorRegistry()
        self._decisions = Counter(
            "fs_1c_decisions",
            "Calls decided, by what the lookup said and where that came from.",
            ("base", "result", "source"),
            registry=self._registry,
        )
        self._decided = lru_cache(256)(self._decisions.labels)  # which looks under a lock, for each call
        self._added = Histogram(
            "fs_1c_decision_seconds",
            "Time that the lookup added to a call.",
            registry=self._registry,
            buckets=_DECISION,
        )
        self._requests = Histogram(
            "fs_1c_onec_request_seconds",
            "Time of requests to 1C, waited for or not.",
            ("base", "operation"),
            registry=self._registry,
            buckets=_ONEC,
        )
        self._failures = Counter(
            "fs_1c_onec_failures",
            "Requests to 1C that failed, by kind.",
            ("base", "operation", "kind"),
            registry=self._registry,
        )
        self._pops = Counter(
            "fs_1c_pops",
            "Screen pops, by outcome; accepted is all that 1C ever says. Each in the service that told 1C.",
            ("outcome",),
            registry=self._registry,
        )
        self._elsewhere = Counter(
            "fs_1c_cards_elsewhere",
            "Cards that another service had opened, or this one before it was started anew.",
            registry=self._registry,
        )
        self._ends = Ends(self._registry)
        self._registry.register(_Now(self))

    def decided(self, decision: Decision) -> None:
        caller = decision.caller
        self._decided(caller.base, caller.result, caller.source).inc()
        self._added.observe(caller.took)

    def asked(self, base: str, operation: str, took: float, error: str) -> None:
        """A request to 1C has ended after `took` seconds; `error` is its kind, empty if it went well."""
        self._requests.labels(base, operation).observe(took)
        if error:
            self._failures.labels(base, operation, error).inc()

    def popped(self, conversation: Conversation, pop: ScreenPop) -> None:
        if pop.outcome is Outcome.ELSEWHERE:  # a pop there: the sum over all services counts each once
            self._elsewhere.inc()
        else:
            self._pops.labels(pop.outcome.value.replace(" ", "_")).inc()

    def heard(self, event: CallEvent, story: Story | None) -> None:
        if story is not None and story.ended is not None and not story.internal:
            self._ends.ended(story, self.integration())

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)


class _Now(Collector):
    """What is not counted but looked at when somebody asks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        integration = self._metrics.integration()
        bases = integration.states()
        breaker = GaugeMetricFamily(
            "fs_1c_breaker", "1 for the state in which the breaker of a base is.", labels=("base", "state")
        )
        for name, base in bases.items():
            for state in BreakerState:
                breaker.add_metric((name, state.value), float(base.breaker is state))
        yield breaker
        remembered = {name: base.remembered for name, base in bases.items()}
        sessions = {name: base.sessions for name, base in bases.items()}
        allowed = {name: base.sessions_allowed for name, base in bases.items()}
        doors = {name: int(up) for name, up in self._metrics.doors().items()}
        for metric, text, label, values in (
            ("fs_1c_answers_remembered", "Answers remembered here.", "base", remembered),
            ("fs_1c_sessions_in_use", "Requests to 1C under way, a licence each.", "base", sessions),
            ("fs_1c_sessions_allowed", "Requests there may be at a time.", "base", allowed),
            ("fs_1c_door_up", "1 while calls or events can come through.", "door", doors),
        ):
            gauge = GaugeMetricFamily(metric, text, labels=(label,))
            for name, value in values.items():
                gauge.add_metric((name,), value)
            yield gauge
        yield GaugeMetricFamily(
            "fs_1c_journal_rows_lost",
            "Rows that the journal could not take.",
            value=integration.journal.rows_lost if integration.journal else 0,
        )
        yield from of_history(integration)
        yield from of_subscribers(integration)
        yield from self._others()

    def _others(self) -> Iterator[Metric]:
        """What there is to know of the other services."""
        claims = self._metrics.integration().claims()
        redis = GaugeMetricFamily("fs_1c_redis_up", "1 while Redis answers; not there without Redis.")
        if claims.redis_up is not None:
            redis.add_metric((), float(claims.redis_up))
        yield redis
        yield CounterMetricFamily(
            "fs_1c_cards_unshared",
            "Cards that opened though nobody could tell whether another service had opened them.",
            value=claims.unshared,
        )
        owner = GaugeMetricFamily(
            "fs_1c_switch_owner",
            "1 for what is known here of a switch's own service: present, gone or unknown.",
            labels=("switch", "role", "owner"),
        )
        held = GaugeMetricFamily(
            "fs_1c_talks_held",
            "Talks that a reserve keeps for the case that it takes over.",
            labels=("switch",),
        )
        for post in self._metrics.posts():
            for state in ("present", "gone", "unknown"):
                owner.add_metric((post.switch, post.role.value, state), float(post.owner == state))
            if post.role is Role.RESERVE:
                held.add_metric((post.switch,), post.held)
        yield owner
        yield held
