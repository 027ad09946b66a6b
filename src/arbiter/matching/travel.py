"""What is on its way to a venue and what is on its way back, by when it gets there."""

import heapq
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from arbiter.matching.latency import LatencySettings, delay_ns

Message = TypeVar("Message")
Report = TypeVar("Report")


class Travel(Generic[Message, Report]):
    """Messages may overtake each other, reports never do. `draw` gives numbers in 0..1."""

    def __init__(self, latency: LatencySettings, draw: Callable[[], float]) -> None:
        self._latency = latency
        self._draw = draw
        self._ticket = 0
        self.arriving: list[tuple[int, int, Message]] = []
        """By time; to look whether there is any, which every quote does."""
        self.leaving: list[tuple[int, int, list[Report]]] = []
        self._last_out_ns = 0

    @property
    def next_due_ns(self) -> int | None:
        """When something gets where it is going; None when nothing is under way."""
        if not self.arriving and not self.leaving:
            return None
        return min(queue[0][0] for queue in (self.arriving, self.leaving) if queue)

    def send(self, message: Message, now_ns: int) -> None:
        at = now_ns + delay_ns(self._latency.order_ms, self._latency.jitter, self._draw)
        self._ticket += 1
        heapq.heappush(self.arriving, (at, self._ticket, message))

    def tell(self, reports: list[Report], now_ns: int) -> None:
        """Send reports back together, in the order they were said."""
        out_ns = now_ns + delay_ns(self._latency.report_ms, self._latency.jitter, self._draw)
        self._last_out_ns = max(self._last_out_ns, out_ns)
        if reports:
            self._ticket += 1
            heapq.heappush(self.leaving, (self._last_out_ns, self._ticket, reports))

    def arrived(self, now_ns: int) -> Iterator[tuple[int, Message]]:
        """Take the messages that are there by now, each with the time it came, one by one."""
        while self.arriving and self.arriving[0][0] <= now_ns:
            at, _, message = heapq.heappop(self.arriving)
            yield at, message

    def left(self, now_ns: int) -> list[Report]:
        """Take the reports that are back by now."""
        told: list[Report] = []
        while self.leaving and self.leaving[0][0] <= now_ns:
            told += heapq.heappop(self.leaving)[2]
        return told
