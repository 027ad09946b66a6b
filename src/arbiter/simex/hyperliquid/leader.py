"""A trader whose wallet is public, as all are here: somebody to copy.

He holds at most one position per coin, mostly opens where he has none and closes, halves or turns
what he has. His orders go the way of everybody's.
"""

from collections.abc import Callable
from decimal import Decimal

import numpy as np

from arbiter.matching.orders import OrderRequest
from arbiter.model.ids import ClientOrderId
from arbiter.model.money import ZERO
from arbiter.model.orders import Side, TimeInForce
from arbiter.model.reports import VenueReport
from arbiter.simex.account import Account
from arbiter.simex.venue import Shown

EVERY_S = 5.0
"""Mean time between two decisions."""
_USD = (200.0, 900.0)
_AWAY = Decimal("0.01")

Tell = Callable[[Account, list[VenueReport]], None]


class PublicLeader:
    def __init__(
        self, account: Account, shown: list[Shown], rng: np.random.Generator, tell: Tell
    ) -> None:
        self.account = account
        self._shown = shown
        self._rng = rng
        self._tell = tell
        self._orders = 0

    def second(self, now_ns: int) -> None:
        """Let a second pass: he decides in one of a few."""
        if self._rng.random() < 1.0 / EVERY_S:
            self.decide(now_ns)

    def decide(self, now_ns: int) -> None:
        shown = self._shown[int(self._rng.integers(len(self._shown)))]
        held = self.account.exchange.margin.quantity(shown.instrument.id)
        draw = self._rng.random()
        if not held:
            side = Side.BUY if draw < 0.5 else Side.SELL
            self._send(shown, side, self._size(shown), now_ns)
            return
        side = Side.SELL if held > ZERO else Side.BUY
        if draw < 0.4:
            self._send(shown, side, abs(held), now_ns)
        elif draw < 0.7:
            self._send(shown, side, shown.instrument.floor_size(abs(held) / 2), now_ns)
        elif draw < 0.85:
            self._send(shown, side, abs(held) + self._size(shown), now_ns)
        else:
            self._send(shown, side.opposite, self._size(shown), now_ns)

    def _size(self, shown: Shown) -> Decimal:
        usd = Decimal(round(self._rng.uniform(*_USD)))
        return shown.instrument.floor_size(usd / (shown.book.top[1] * shown.instrument.tick))

    def _send(self, shown: Shown, side: Side, size: Decimal, now_ns: int) -> None:
        listed, (bid, ask, _, _) = shown.instrument, shown.book.top
        if not size or not bid:
            return
        touch = (ask if side is Side.BUY else bid) * listed.tick
        self._orders += 1
        request = OrderRequest(
            client_order_id=ClientOrderId(f"leader-{self._orders}"),
            instrument=listed.id,
            side=side,
            time_in_force=TimeInForce.IOC,
            size=size,
            price=listed.floor_price(touch * (1 + side.sign * _AWAY)),
        )
        self._tell(self.account, self.account.submit(request, now_ns))
