"""The inventory watch: says once when a side is drawn down to its floor, and what would mend it.

It looks at holdings, not at refusals: a side counts as spent when what may still be drawn from it
makes no order at its venue, and is told again only after it has been refilled in between.
"""

import asyncio
from collections.abc import Iterator, Mapping
from decimal import Decimal

from arbiter.model.events import AlertRaised
from arbiter.model.ids import Asset, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import plain, quotient
from arbiter.model.orders import Side
from arbiter.risk.inventory import SkewRow
from arbiter.risk.rebalance import Way, choose_source, cost_plan
from arbiter.runtime.core import TradingCore

LOOK_S = 5.0


class SkewWatch:
    """`network_fees` is what a transfer of an asset costs, in its own units, where that is known."""

    def __init__(self, core: TradingCore, network_fees: Mapping[Asset, Decimal]) -> None:
        self._core = core
        self._network_fees = network_fees
        self._told: set[tuple[VenueId, Asset]] = set()

    async def run(self) -> None:
        """Look for ever; returns only when cancelled."""
        while True:
            if self._core.state.started:
                self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Raise an alert with a costed plan for every side that is spent since the last look."""
        rows = self._core.gate.inventory.rows(self._core.ledger.balances)
        for row in rows:
            key = (row.venue, row.asset)
            spent = self._spent(row)
            if spent is None:
                continue
            if not spent:
                self._told.discard(key)
            elif key not in self._told:
                self._told.add(key)
                self._tell(row, rows)

    def _spent(self, row: SkewRow) -> bool | None:
        """Say whether no order can be made from a side any more; None without prices."""
        inventory = self._core.gate.inventory
        usable = inventory.spendable(row.venue, row.asset, row.held)
        if not usable:
            return True
        smallest = [
            least
            for instrument in self._markets(row.venue, row.asset)
            if (least := self._smallest(instrument, row.asset)) is not None
        ]
        return usable < min(smallest) if smallest else None

    def _smallest(self, instrument: Instrument, asset: Asset) -> Decimal | None:
        """Units of `asset` that the smallest order on a market draws."""
        price = self._core.touch(instrument.id, Side.BUY)
        if price is None:
            return None
        if asset == instrument.base:
            return max(instrument.min_size, quotient(instrument.min_notional, price))
        return max(instrument.min_notional, instrument.min_size * price)

    def _tell(self, row: SkewRow, rows: tuple[SkewRow, ...]) -> None:
        found = choose_source(row, rows)
        text = (
            f"{row.venue} is drawn down to {plain(row.held)} {row.asset} (floor "
            f"{plain(row.floor)}): nothing more is sold from there. "
        )
        if found is None:
            text += f"No other venue holds more {row.asset} than it began with"
        else:
            source, amount = found
            is_base = any(i.base == row.asset for i in self._markets(row.venue, row.asset))
            plan = cost_plan(
                row,
                source,
                amount,
                network_fee=self._network_fees.get(row.asset),
                ways=list(self._ways(row, source, is_base)),
                is_base=is_base,
            )
            text += f"To go on: {plan}"
        now = self._core.recorder.now_ns()
        self._core.recorder.record(
            AlertRaised(at_ns=now, severity="warning", code="INVENTORY_SPENT", text=text)
        )

    def _ways(self, row: SkewRow, source: VenueId, is_base: bool) -> Iterator[Way]:
        """Give the pairs of markets with fresh quotes that bring the asset over."""
        for here in self._markets(row.venue, row.asset):
            there = self._core.registry.find(source, here.symbol)
            if there is None or (here.base == row.asset) is not is_base:
                continue
            bought, sold = (here, there) if is_base else (there, here)
            ask = self._core.touch(bought.id, Side.BUY)
            bid = self._core.touch(sold.id, Side.SELL)
            if ask is not None and bid is not None:
                yield Way(
                    currency=bought.quote,
                    ask=ask,
                    bid=bid,
                    buy_fee=bought.taker_fee,
                    sell_fee=sold.taker_fee,
                )

    def _markets(self, venue: VenueId, asset: Asset) -> Iterator[Instrument]:
        for instrument in self._core.registry.instruments:
            spot = instrument.kind is InstrumentKind.SPOT
            if spot and instrument.venue == venue and asset in (instrument.base, instrument.quote):
                yield instrument
