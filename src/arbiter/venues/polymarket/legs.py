"""Our parts in trades, as the venue tells them: over the stream, and in the account's lists.

A trade is told again with each change of state. It has a part for the order that took, and one for
each that made; those of ours are read, each by itself.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from arbiter.model.money import ZERO
from arbiter.model.orders import Liquidity, Side
from arbiter.model.time import NS_PER_MS, NS_PER_S, from_datetime
from arbiter.venues.polymarket.listing import EventMarket

RANK = {"MATCHED": 0, "RETRYING": 1, "MINED": 1, "CONFIRMED": 2, "FAILED": 2}
"""A state never goes back to one of a lower rank; 2 is final."""
_MILLIS_SINCE = 100_000_000_000


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """Our part in one trade."""

    id: str
    order: str
    """The hash of ours that took part."""
    market: EventMarket
    outcome: int
    side: Side
    """Of the token."""
    size: Decimal
    price: Decimal
    """Of the token."""
    liquidity: Liquidity
    status: str
    at_ns: int
    changed_ns: int

    @property
    def trade(self) -> str:
        """The venue's id of the whole trade."""
        return self.id.partition(":")[0]

    @property
    def final(self) -> bool:
        return RANK[self.status] == 2

    @property
    def failed(self) -> bool:
        return self.status == "FAILED"

    @property
    def on_chain(self) -> bool:
        return self.status in ("MINED", "CONFIRMED")

    @property
    def token(self) -> str:
        return self.market.tokens[self.outcome]

    @property
    def fee(self) -> Decimal:
        fee = self.market.instrument.event_fee
        if fee is None or self.liquidity is Liquidity.MAKER:
            return ZERO
        return fee.of(self.size, self.price)

    @property
    def cash(self) -> Decimal:
        """What it brings or takes of the collateral."""
        return -self.size * self.price * self.side.sign - self.fee


def read_legs(
    row: Any, markets: Mapping[str, EventMarket], mine: Callable[[Any], bool]
) -> list[Leg]:
    """Read one trade; `mine` says whose an order of it is. KeyError or ValueError for a bad one.

    Trades of markets that are not listed are left out; one with ourselves has two legs.
    """
    status = str(row["status"]).upper().removeprefix("TRADE_STATUS_")
    if status not in RANK:
        raise ValueError(f"a trade in state {status!r}")
    at = matched_ns(row)
    told = row.get("last_update")
    changed = moment(told) if told else at
    made: list[Leg] = []
    if _took(row, mine):
        made += _leg(row, markets, str(row["id"]), str(row["taker_order_id"]), row["size"], row,
                     Liquidity.TAKER, status, at, changed)  # fmt: skip
    for order in row.get("maker_orders") or ():
        if mine(order):
            number = str(order["order_id"])
            name = f"{row['id']}:{number[-12:]}"
            side = order.get("side") or _opposite(row, order)
            made += _leg({**order, "side": side}, markets, name, number, order["matched_amount"],
                         row, Liquidity.MAKER, status, at, changed)  # fmt: skip
    return made


def matched_ns(row: Any) -> int:
    return moment(row.get("match_time") or row["matchtime"])


def _took(row: Any, mine: Callable[[Any], bool]) -> bool:
    """Whether ours is the order that took; where that is not said, by whose the makers' are."""
    told = row.get("trader_side")
    if told:
        return str(told).upper() == "TAKER"
    taker = {"order_id": row["taker_order_id"], "maker_address": row.get("maker_address", "")}
    return mine(taker) or not any(mine(order) for order in row.get("maker_orders") or ())


def _leg(
    told: Any,
    markets: Mapping[str, EventMarket],
    name: str,
    order: str,
    size: Any,
    row: Any,
    liquidity: Liquidity,
    status: str,
    at: int,
    changed: int,
) -> list[Leg]:
    token = str(told.get("asset_id") or row["asset_id"])
    market = markets.get(token)
    if market is None:
        return []
    outcome = market.outcome_of(token)
    assert outcome is not None, "found by its token"
    return [
        Leg(
            id=name,
            order=order,
            market=market,
            outcome=outcome,
            side=Side(str(told["side"]).upper()),
            size=Decimal(str(size)),
            price=Decimal(str(told["price"])),
            liquidity=liquidity,
            status=status,
            at_ns=at,
            changed_ns=changed,
        )
    ]


def _opposite(row: Any, order: Any) -> str:
    """A maker on the taker's token is on the other side; on the other token, on the same."""
    side = Side(str(row["side"]).upper())
    return side.opposite if order.get("asset_id") == row.get("asset_id") else side


def moment(told: Any) -> int:
    """Epoch seconds or milliseconds, or ISO 8601, in ns."""
    text = str(told)
    if text.isdigit():
        value = int(text)
        return value * (NS_PER_MS if value > _MILLIS_SINCE else NS_PER_S)
    return from_datetime(datetime.fromisoformat(text))
