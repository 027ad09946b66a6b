"""The baseline of the latency benchmark: an asyncio loop that does the hand-offs and nothing else.

``python -m benchmarks.latency_bare QUOTES_FD ORDERS_FD`` decodes the same batches, makes the same
Python call per quote and keeps the quote; a wide one is noted in a list, two orders are written to
the venue at once, and two tasks wait for their answers.
"""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

from benchmarks.latency_links import OrderLink, QuoteLink, connect
from benchmarks.latency_wire import SLOTS, FillOnWire, OrderOnWire, slot_names

FAR = 101.0


class Bare:
    def __init__(self, orders: OrderLink) -> None:
        self._orders = orders
        self._names = slot_names()
        self._book: list[tuple[float, ...]] = [()] * SLOTS
        self._noted: list[int] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    def on_quote(
        self,
        slot: int,
        bid: float,
        ask: float,
        bid_size: float,
        ask_size: float,
        exchange_ns: int,
        receive_ns: int,
    ) -> None:
        self._book[slot] = (bid, ask, bid_size, ask_size, exchange_ns, receive_ns)
        if bid > FAR:
            self._noted.append(slot)
            number = len(self._noted)
            self._send(number, slot ^ 1, "BUY", "100.01")
            self._send(number, slot, "SELL", "102")

    def _send(self, number: int, slot: int, side: str, price: str) -> None:
        name = f"{number}-{side}"
        self._orders.post(
            OrderOnWire(id=name, instrument=self._names[slot], side=side, size="1", price=price)
        )
        self._start(self._orders.answer(name))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def ignore(_fill: FillOnWire) -> None:
    """The answer has woken the task that waits for it; there is nothing else to do."""


async def main() -> None:
    """Run until the quotes end."""
    orders = await connect(int(sys.argv[2]), lambda: OrderLink(ignore))
    bare = Bare(orders)
    quotes = await connect(int(sys.argv[1]), lambda: QuoteLink(bare.on_quote))
    await quotes.ended
    orders.close()


if __name__ == "__main__":
    uvloop.run(main())
