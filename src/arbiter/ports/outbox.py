"""The way out of the decision core: what it asks of the world, never waiting for it.

The live engine does these as tasks on the loop; a backtest does them at once under its own clock.
"""

from collections.abc import Callable
from typing import Protocol

from arbiter.model.ids import TradeId
from arbiter.model.orders import Order


class Outbox(Protocol):
    def send(self, order: Order) -> None:
        """Hand an order to its venue; the outcome comes back as a report."""
        ...

    def cancel(self, order: Order) -> None: ...

    def ask(self, order: Order) -> None:
        """Ask the venue about an order; the answer comes back with the fills it knows."""
        ...

    def wake(self, at_ns: int, trade: TradeId) -> Callable[[], object]:
        """Call back about this trade at a monotonic time; gives what calls that off."""
        ...
