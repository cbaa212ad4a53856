"""Metrics in Prometheus' text format; the only importer of prometheus-client.

Imported when ``serve.metrics`` is set: it costs some 100 ms. Labels have few values:
no source, no address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import (
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from aggregator import __version__
from aggregator.pipeline import Meter, Poll
from aggregator.store import Recorded

#: Seconds; a 304 takes some milliseconds, a fetch at most ``fetch.timeout``.
POLL_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
COMMIT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What is counted when somebody asks."""

    #: By state and by code.
    sources: Mapping[str, int]
    alerts: Mapping[str, int]
    #: Documents that wait for a worker; None where nothing is read.
    queue: int | None = None


class Metrics:
    """What can be told of the store and of the published documents.

    `look` is called at every scrape, in a thread; `published` tells when documents were
    last brought up to date (seconds since 1970), None: never.
    """

    def __init__(
        self, look: Callable[[], Present], published: Callable[[], float | None]
    ) -> None:
        # A second series for each, which nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._registry.register(_PresentCollector(look, published))
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        return generate_latest(self._registry)


class MachineMetrics(Metrics, Meter):
    """Those, and what the machine has done since it started."""

    def __init__(
        self, look: Callable[[], Present], published: Callable[[], float | None]
    ) -> None:
        super().__init__(look, published)
        self._polls = Counter(
            "aggregator_polls_total",
            "Polls by result: read, not_modified, or an error code.",
            ["result"],
            registry=self._registry,
        )
        self._poll_seconds = Histogram(
            "aggregator_poll_duration_seconds",
            "A poll: fetching and reading.",
            buckets=POLL_BUCKETS,
            registry=self._registry,
        )
        self._entries = Counter(
            "aggregator_entries_total",
            "Entries stored, by change: new, updated.",
            ["change"],
            registry=self._registry,
        )
        for change in ("new", "updated"):
            self._entries.labels(change)
        self._stories = Counter(
            "aggregator_stories_total",
            "Stories begun.",
            registry=self._registry,
        )
        self._commit_seconds = Histogram(
            "aggregator_commit_duration_seconds",
            "A batch of polls: deciding and storing.",
            buckets=COMMIT_BUCKETS,
            registry=self._registry,
        )
        self._documents = Counter(
            "aggregator_documents_written_total",
            "Documents whose bytes changed.",
            registry=self._registry,
        )

    def polled(self, poll: Poll, seconds: float) -> None:
        self._polls.labels(_result(poll)).inc()
        self._poll_seconds.observe(seconds)

    def committed(self, recorded: Recorded, seconds: float) -> None:
        self._entries.labels("new").inc(recorded.entries_new)
        self._entries.labels("updated").inc(recorded.entries_updated)
        self._stories.inc(recorded.stories_new)
        self._commit_seconds.observe(seconds)

    def published(self, documents: int) -> None:
        self._documents.inc(documents)


class _PresentCollector(Collector):
    def __init__(
        self, look: Callable[[], Present], published: Callable[[], float | None]
    ) -> None:
        self._look = look
        self._published = published

    def describe(self) -> list[Metric]:
        return []  # registering must not look

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "aggregator_build", "This program.", value={"version": __version__}
        )
        found = self._look()
        yield _by("sources", "state", "Configured sources by state.", found.sources)
        yield _by("alerts_open", "code", "Open alerts by code.", found.alerts)
        if found.queue is not None:
            yield GaugeMetricFamily(
                "aggregator_pool_queue_length",
                "Documents that wait for a worker.",
                value=found.queue,
            )
        if published := self._published():
            yield GaugeMetricFamily(
                "aggregator_last_publish_timestamp_seconds",
                "When documents were last brought up to date.",
                value=published,
            )


def _by(
    name: str, label: str, help_text: str, counts: Mapping[str, int]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"aggregator_{name}", help_text, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


def _result(poll: Poll) -> str:
    """An error's code without its details; a server may make up any status."""
    if poll.error is None:
        return "read" if poll.read else "not_modified"
    code = poll.error.code.partition(":")[0]
    status = code.removeprefix("http_")
    if status != code and status not in _STATUSES:
        return "http_other"
    return code


_STATUSES = frozenset(str(status.value) for status in HTTPStatus)
