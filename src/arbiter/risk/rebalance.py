"""Rebalancing plans: what would refill a side that one direction has drawn down, and its cost.

A plan is for a person to carry out: nothing in this program can move funds between venues.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from arbiter.model.ids import Asset, VenueId
from arbiter.model.money import ZERO, plain, quotient
from arbiter.risk.inventory import SkewRow


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of markets over which an asset can be traded from one venue to another.

    `ask` and `buy_fee` are those of the market bought on, `bid` and `sell_fee` of the other;
    prices in `currency` per unit of base, fees as fractions.
    """

    currency: Asset
    ask: Decimal
    bid: Decimal
    buy_fee: Decimal
    sell_fee: Decimal

    @property
    def cost(self) -> Decimal:
        """Lost per unit of currency that goes round; negative where the spread pays for it."""
        paid = self.ask * (1 + self.buy_fee)
        return quotient(paid - self.bid * (1 - self.sell_fee), self.ask)


class RebalancePlan(msgspec.Struct, frozen=True, kw_only=True):
    asset: Asset
    source: VenueId
    target: VenueId
    amount: Decimal
    """Units of the asset."""
    network_fee: Decimal | None
    """Units of the asset; None where nobody has said what a transfer costs."""
    trading_cost: Decimal | None
    """What trading it over costs instead, at present prices; None without fresh quotes."""
    currency: Asset | None = None
    """Of the trading cost."""

    def __str__(self) -> str:
        fee = "unknown"
        if self.network_fee is not None:
            fee = f"{plain(self.network_fee)} {self.asset}"
        trading = "no fresh quotes to trade it over instead"
        if self.trading_cost is not None:
            verb = "costs" if self.trading_cost >= ZERO else "gains"
            trading = (
                f"trading it over instead {verb} {abs(self.trading_cost):.2f} "
                f"{self.currency} at present prices"
            )
        return (
            f"move {plain(self.amount)} {self.asset} from {self.source} to {self.target}, "
            f"network fee {fee}; {trading}"
        )


def choose_source(row: SkewRow, rows: Iterable[SkewRow]) -> tuple[VenueId, Decimal] | None:
    """Give the venue with the largest surplus of a row's asset, and how much should come from it.

    No more is taken than it has beyond its own baseline, no more moved than `row` lacks.
    """
    others = [r for r in rows if r.asset == row.asset and r.venue != row.venue]
    richest = max(others, key=lambda r: r.held - r.baseline, default=None)
    if richest is None:
        return None
    amount = min(richest.held - richest.baseline, row.baseline - row.held)
    return (richest.venue, amount) if amount > ZERO else None


def cost_plan(
    row: SkewRow,
    source: VenueId,
    amount: Decimal,
    *,
    network_fee: Decimal | None,
    ways: Sequence[Way],
    is_base: bool,
) -> RebalancePlan:
    """Cost a refill; `is_base` says whether the ways trade the asset itself or spend it."""
    cheapest = min(ways, key=lambda way: way.cost, default=None)
    cost = None
    if cheapest is not None:
        turnover = amount * cheapest.ask if is_base else amount
        cost = turnover * cheapest.cost
    return RebalancePlan(
        asset=row.asset,
        source=source,
        target=row.venue,
        amount=amount,
        network_fee=network_fee,
        trading_cost=cost,
        currency=None if cheapest is None else cheapest.currency,
    )
