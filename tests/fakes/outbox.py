"""An outbox that only remembers what it was asked."""

from arbiter.model.ids import TradeId
from arbiter.model.orders import Order


class FakeOutbox:
    def __init__(self) -> None:
        self.sent: list[Order] = []
        self.cancelled: list[Order] = []
        self.asked: list[Order] = []
        self.wakes: list[tuple[int, TradeId]] = []

    def send(self, order: Order) -> None:
        self.sent.append(order)

    def cancel(self, order: Order) -> None:
        self.cancelled.append(order)

    def ask(self, order: Order) -> None:
        self.asked.append(order)

    def wake(self, at_ns: int, trade: TradeId) -> None:
        self.wakes.append((at_ns, trade))
