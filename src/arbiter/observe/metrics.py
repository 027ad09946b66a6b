"""Metrics: plain records kept in memory; whoever exports them reads them.

There is no global registry: a `Metrics` is made at the composition root and handed on. Everything
runs on one loop, so nothing locks. An instrumented path keeps its counter or histogram and calls
it directly: no look-up by name per event.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.observe.histogram import Histogram

Labels = tuple[tuple[str, str], ...]
"""Pairs of name and value, sorted by name."""


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One metric at one moment.

    `value` is the total of a counter, the value of a gauge, the number of samples of a histogram;
    the other figures are of histograms alone, in the histogram's unit.
    """

    name: str
    help: str
    kind: Kind
    labels: Labels
    value: float
    total: int = 0
    p50: int = 0
    p99: int = 0
    largest: int = 0


class Counter:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, amount: int = 1) -> None:
        if amount < 0:
            raise InvalidValue(f"a counter never falls, got {amount}")
        self.value += amount


class Gauge:
    """A number that goes up and down."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def set(self, value: float) -> None:
        self.value = value


class _Watch:
    """A gauge that is asked for its value when it is read."""

    __slots__ = ("read",)

    def __init__(self, read: Callable[[], float]) -> None:
        self.read = read


_Metric = Counter | Gauge | Histogram | _Watch
_KINDS: dict[type[_Metric], Kind] = {
    Counter: Kind.COUNTER,
    Gauge: Kind.GAUGE,
    Histogram: Kind.HISTOGRAM,
    _Watch: Kind.GAUGE,
}

M = TypeVar("M", Counter, Gauge, Histogram)


class Metrics:
    """Metrics by name and labels; asking for one again gives the same one."""

    def __init__(self) -> None:
        self._metrics: dict[tuple[str, Labels], _Metric] = {}
        self._families: dict[str, tuple[Kind, str]] = {}

    def counter(self, name: str, help_text: str, **labels: str) -> Counter:
        return self._get(Counter, name, help_text, labels)

    def gauge(self, name: str, help_text: str, **labels: str) -> Gauge:
        return self._get(Gauge, name, help_text, labels)

    def histogram(self, name: str, help_text: str, **labels: str) -> Histogram:
        """Give a histogram of whole numbers from 0; say the unit in the name (``_ns``)."""
        return self._get(Histogram, name, help_text, labels)

    def watch(self, name: str, help_text: str, read: Callable[[], float], **labels: str) -> None:
        """Make a gauge of something that is counted elsewhere already."""
        key = name, _sorted(labels)
        if key in self._metrics:
            raise InvalidValue(f"metric {name} {dict(key[1])} exists already")
        self._declare(name, Kind.GAUGE, help_text)
        self._metrics[key] = _Watch(read)

    def read(self) -> tuple[Reading, ...]:
        """Read everything, ordered by name and labels."""
        return tuple(
            self._reading(name, labels, self._metrics[name, labels])
            for name, labels in sorted(self._metrics)
        )

    def _get(self, made_by: type[M], name: str, help_text: str, labels: dict[str, str]) -> M:
        self._declare(name, _KINDS[made_by], help_text)
        metric = self._metrics.setdefault((name, _sorted(labels)), made_by())
        if not isinstance(metric, made_by):
            raise InvalidValue(f"metric {name} {labels} is read from elsewhere")
        return metric

    def _reading(self, name: str, labels: Labels, metric: _Metric) -> Reading:
        kind, help_text = self._families[name]
        if isinstance(metric, Histogram):
            return Reading(
                name=name,
                help=help_text,
                kind=kind,
                labels=labels,
                value=metric.count,
                total=metric.total,
                p50=metric.quantile(0.5),
                p99=metric.quantile(0.99),
                largest=metric.largest,
            )
        value = metric.read() if isinstance(metric, _Watch) else metric.value
        return Reading(name=name, help=help_text, kind=kind, labels=labels, value=value)

    def _declare(self, name: str, kind: Kind, help_text: str) -> None:
        known, _ = self._families.setdefault(name, (kind, help_text))
        if known is not kind:
            raise InvalidValue(f"metric {name} is a {known}, not a {kind}")


def _sorted(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))
