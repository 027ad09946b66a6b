"""The account's own trades, from matched to final, and what follows from them: fills, positions.

A trade is told again with each change of state and may come out of order: a state never goes back.
CONFIRMED is final; FAILED takes the fill back as if it had never been. Trades of NO are fills of
YES the other way round, at one minus the price.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from arbiter.model.ids import ClientOrderId, InstrumentId, VenueId
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Fill, Liquidity, OrderStatus, Side
from arbiter.model.perpetuals import Contract, MarginPosition, contract_of, executed
from arbiter.model.reports import Filled, FillSettled, VenueReport
from arbiter.model.time import NS_PER_MS, NS_PER_S, from_datetime
from arbiter.venues.polymarket.listing import EventMarket

_RANK = {"MATCHED": 0, "RETRYING": 1, "MINED": 1, "CONFIRMED": 2, "FAILED": 2}
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
    def final(self) -> bool:
        return _RANK[self.status] == 2

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
    if status not in _RANK:
        raise ValueError(f"a trade in state {status!r}")
    matched = row.get("match_time") or row["matchtime"]
    at = moment(matched)
    changed = moment(row.get("last_update") or matched)
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


class OwnTrades:
    """Every trade known of the account, by id, in the order of time."""

    def __init__(self, venue: VenueId, name_of: Callable[[str], ClientOrderId]) -> None:
        self._venue = venue
        self._name_of = name_of
        self._legs: dict[str, Leg] = {}
        self._by_order: dict[str, list[str]] = {}
        self.complete = False
        """Everything from before has been read."""

    def take(self, leg: Leg) -> list[VenueReport]:
        """Take one in; gives what is new of it: the fill, its final word, or nothing.

        `InvalidValue` for one that cannot be; then nothing of it is kept.
        """
        known = self._legs.get(leg.id)
        if known is not None and _RANK[leg.status] <= _RANK[known.status]:
            return []
        told: list[VenueReport] = []
        if known is None:
            told.append(Filled(venue=self._venue, at_ns=leg.at_ns, fill=self.fill(leg)))
            self._by_order.setdefault(leg.order, []).append(leg.id)
        self._legs[leg.id] = leg
        if leg.final:
            told.append(self.settled(leg))
        return told

    def since_s(self) -> int:
        """From when on trades have to be asked for: the oldest that may still change."""
        if not self.complete:
            return 0
        legs = self._legs.values()
        waiting = min((leg.at_ns for leg in legs if not leg.final), default=2**62)
        newest = max((leg.at_ns for leg in legs), default=0)
        return max(min(waiting, newest) // NS_PER_S - 60, 0)

    def fill(self, leg: Leg) -> Fill:
        yes = leg.outcome == 0
        instrument = leg.market.instrument
        return Fill(
            venue=self._venue,
            venue_trade_id=leg.id,
            client_order_id=self._name_of(leg.order),
            instrument=instrument.id,
            side=leg.side if yes else leg.side.opposite,
            size=leg.size,
            price=leg.price if yes else ONE - leg.price,
            fee=leg.fee,
            fee_asset=instrument.settle,
            liquidity=leg.liquidity,
            at_ns=leg.at_ns,
        )

    def settled(self, leg: Leg) -> FillSettled:
        return FillSettled(
            venue=self._venue,
            at_ns=leg.changed_ns,
            instrument=leg.market.instrument.id,
            venue_trade_id=leg.id,
            ok=not leg.failed,
        )

    def fills_since(self, since_ns: int) -> list[Fill]:
        """Those that stand."""
        return [self.fill(leg) for leg in self._ordered() if leg.at_ns >= since_ns]

    def settled_since(self, since_ns: int) -> list[FillSettled]:
        legs = sorted(self._legs.values(), key=lambda leg: leg.changed_ns)
        return [self.settled(leg) for leg in legs if leg.final and leg.changed_ns >= since_ns]

    def filled(self, order: str) -> Decimal:
        """What an order has got, as far as it stands."""
        return sum((leg.size for leg in self._of(order) if not leg.failed), ZERO)

    def seen(self, order: str) -> Decimal:
        """The same with what has failed since."""
        return sum((leg.size for leg in self._of(order)), ZERO)

    def _of(self, order: str) -> Iterable[Leg]:
        return (self._legs[name] for name in self._by_order.get(order, ()))

    def last_ns(self, order: str) -> int:
        return max((leg.changed_ns for leg in self._of(order)), default=0)

    def positions(self) -> dict[InstrumentId, MarginPosition]:
        """What all trades that stand have come to: contracts of YES, those of NO negative."""
        made: dict[InstrumentId, MarginPosition] = {}
        contracts: dict[InstrumentId, Contract] = {}
        for leg in self._ordered():
            fill = self.fill(leg)
            name = fill.instrument
            contract = contracts.setdefault(name, contract_of(leg.market.instrument, ONE))
            before = made.get(name) or MarginPosition(instrument=name)
            signed = fill.size * fill.side.sign
            made[name] = executed(before, contract, signed, fill.price, fill.at_ns)
        return made

    def tokens(self, *, on_chain: bool = False) -> dict[str, Decimal]:
        """Tokens held; those on chain alone, less what was sold of them, can be sold."""
        made: dict[str, Decimal] = {}
        for leg in self._standing():
            if not on_chain or leg.on_chain or leg.side is Side.SELL:
                made[leg.token] = made.get(leg.token, ZERO) + leg.size * leg.side.sign
        return made

    def under_way(self) -> Decimal:
        """Collateral that matches will still bring (> 0) or take when they are mined."""
        return sum((leg.cash for leg in self._standing() if not leg.on_chain), ZERO)

    def _standing(self) -> Iterable[Leg]:
        return (leg for leg in self._legs.values() if not leg.failed)

    def _ordered(self) -> list[Leg]:
        return sorted(self._standing(), key=lambda leg: leg.at_ns)


def ended_as(filled: Decimal, size: Decimal) -> OrderStatus:
    """How an order ended that nobody refused."""
    return OrderStatus.FILLED if filled >= size else OrderStatus.CANCELLED
