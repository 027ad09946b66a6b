"""A histogram of latencies: logarithmic buckets, so that one shape fits ns to minutes.

A whole number falls into the bucket of its highest bit and the four bits below it: 16 buckets per
power of two. A quantile is read as its bucket's upper bound: at most 1/16 too high, never too low.
"""

from arbiter.model.errors import InvalidValue

_SUB_BITS = 4
_SUB = 1 << _SUB_BITS
_MAX_BITS = 63
"""2^63 ns are 292 years."""
_BUCKETS = (_MAX_BITS - _SUB_BITS + 1) * _SUB


class Histogram:
    """Counts per bucket, beside the exact count, sum and largest value."""

    __slots__ = ("_buckets", "count", "largest", "total")

    def __init__(self) -> None:
        self._buckets = [0] * _BUCKETS
        self.count = 0
        self.total = 0
        self.largest = 0

    def record(self, value: int) -> None:
        """Take one sample. A negative one (a clock that stepped) counts as 0."""
        value = max(value, 0)
        shift = value.bit_length() - _SUB_BITS - 1
        index = value if shift <= 0 else min(shift * _SUB + (value >> shift), _BUCKETS - 1)
        self._buckets[index] += 1
        self.count += 1
        self.total += value
        self.largest = max(self.largest, value)

    @property
    def mean(self) -> float:
        """Exact; 0 without samples."""
        return self.total / self.count if self.count else 0.0

    def quantile(self, fraction: float) -> int:
        """Give a bound that at least `fraction` (0..1) of the samples lie at or below."""
        if not 0 <= fraction <= 1:
            raise InvalidValue(f"a quantile lies between 0 and 1, got {fraction}")
        wanted = max(fraction * self.count, 1)
        seen = 0
        for index, count in enumerate(self._buckets):
            seen += count
            if count and seen >= wanted:
                return min(_upper_bound(index), self.largest)
        return self.largest

    def merge(self, other: "Histogram") -> None:
        """Add another's samples, as if they had been recorded here."""
        self._buckets = [
            ours + theirs for ours, theirs in zip(self._buckets, other._buckets, strict=True)
        ]
        self.count += other.count
        self.total += other.total
        self.largest = max(self.largest, other.largest)

    def reset(self) -> None:
        """Forget every sample, to measure the next interval alone."""
        self._buckets = [0] * _BUCKETS
        self.count = self.total = self.largest = 0


def _upper_bound(index: int) -> int:
    if index < 2 * _SUB:
        return index
    shift = index // _SUB - 1
    return ((index - shift * _SUB + 1) << shift) - 1
