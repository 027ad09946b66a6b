"""What an account holds on chain: collateral and tokens, moved when a trade is mined.

The matching engine nets YES and NO; the chain does not. A match is told at once, mined later and
then confirmed; or it is tried again, and fails. `Purse` follows each trade through that.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbiter.model.ids import InstrumentId
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Side


class Status(StrEnum):
    MATCHED = "MATCHED"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    RETRYING = "RETRYING"
    FAILED = "FAILED"

    @property
    def final(self) -> bool:
        return self in (Status.CONFIRMED, Status.FAILED)

    @property
    def on_chain(self) -> bool:
        return self in (Status.MINED, Status.CONFIRMED)


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its maker put it: which token, which way, at what price of that token."""

    order_id: str
    instrument: InstrumentId
    outcome: int
    token: str
    side: Side
    price: Decimal
    size: Decimal
    kind: str
    """GTC, GTD, FOK or FAK."""
    expires_s: int
    maker: str
    owner: str
    created_s: int


class Trade(msgspec.Struct, kw_only=True):
    fill: Fill
    ticket: Ticket
    price: Decimal
    """Of the ticket's token."""
    status: Status = Status.MATCHED
    at_ns: int
    """Of the last change."""
    fails: bool = False


class Purse:
    def __init__(self, cash: Decimal) -> None:
        self.cash = cash
        self.tokens: dict[str, Decimal] = {}
        self.cost: dict[str, Decimal] = {}
        """Paid for the tokens held."""
        self.tickets: dict[str, Ticket] = {}
        self.trades: dict[str, Trade] = {}

    def held(self, token: str) -> Decimal:
        return self.tokens.get(token, ZERO)

    def become(self, trade: Trade, status: Status, now_ns: int) -> None:
        """Take a trade on; tokens move when it is mined."""
        before, trade.status, trade.at_ns = trade.status, status, now_ns
        if status.on_chain and not before.on_chain:
            self._move(trade)

    def redeem(self, payouts: dict[str, Decimal]) -> Decimal:
        """Turn all tokens of a decided market into cash; gives how much."""
        gained = ZERO
        for token, payout in payouts.items():
            gained += self.tokens.pop(token, ZERO) * payout
            self.cost.pop(token, None)
        self.cash += gained
        return gained

    def _move(self, trade: Trade) -> None:
        fill, token = trade.fill, trade.ticket.token
        value = fill.size * trade.price
        held = self.held(token)
        if trade.ticket.side is Side.BUY:
            self.cash -= value + fill.fee
            self.tokens[token] = held + fill.size
            self.cost[token] = self.cost.get(token, ZERO) + value
        else:
            self.cash += value - fill.fee
            left = held - fill.size
            share = left / held if held else ZERO
            self.cost[token] = self.cost.get(token, ZERO) * share
            self.tokens[token] = left
