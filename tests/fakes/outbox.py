"""An outbox that only remembers what it was asked."""

from collections.abc import Callable
from functools import partial

from arbiter.model.ids import TradeId
from arbiter.model.orders import Order


class FakeOutbox:
    def __init__(self) -> None:
        self.sent: list[Order] = []
        self.cancelled: list[Order] = []
        self.asked: list[Order] = []
        self.wakes: list[tuple[int, TradeId]] = []
        self.called_off: list[tuple[int, TradeId]] = []

    def send(self, order: Order) -> None:
        self.sent.append(order)

    def cancel(self, order: Order) -> None:
        self.cancelled.append(order)

    def ask(self, order: Order) -> None:
        self.asked.append(order)

    def wake(self, at_ns: int, trade: TradeId) -> Callable[[], object]:
        self.wakes.append((at_ns, trade))
        return partial(self.called_off.append, (at_ns, trade))
