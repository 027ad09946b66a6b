"""An account's trades as the venue tells them: with the position each began with."""

from decimal import Decimal
from typing import Any

from arbiter.model.ids import InstrumentId
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Liquidity, Side
from arbiter.model.perpetuals import (
    ForcedCause,
    ForcedClose,
    MarginPosition,
    contract_of,
    executed,
)
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account
from arbiter.simex.hyperliquid import words
from arbiter.simex.hyperliquid.words import number

_ONE = Decimal(1)


class Chronicle:
    """Rows of fills and forced closes together, oldest first."""

    def __init__(self, account: Account, address: str) -> None:
        self._account = account
        self._address = address
        self._rows: list[dict[str, Any]] = []
        self._by_trade: dict[str, dict[str, Any]] = {}
        self._fills = self._forced = 0
        self._positions: dict[InstrumentId, MarginPosition] = {}

    def rows(self) -> list[dict[str, Any]]:
        self._catch_up()
        return self._rows

    def row(self, trade: str) -> dict[str, Any]:
        """Of one trade, by the number the exchange gave it."""
        self._catch_up()
        return self._by_trade[trade]

    def _catch_up(self) -> None:
        account = self._account
        fills, forced = account.fills[self._fills :], account.forced[self._forced :]
        self._fills, self._forced = len(account.fills), len(account.forced)
        trades: list[Fill | ForcedClose] = [*fills, *forced]
        for trade in sorted(trades, key=lambda one: int(one.venue_trade_id)):
            made = self._row(trade)
            self._rows.append(made)
            self._by_trade[trade.venue_trade_id] = made

    def _row(self, trade: Fill | ForcedClose) -> dict[str, Any]:
        listed = self._account.instrument(trade.instrument)
        before = self._positions.get(listed.id) or MarginPosition(instrument=listed.id)
        signed = trade.size * trade.side.sign
        after = executed(before, contract_of(listed, _ONE), signed, trade.price, trade.at_ns)
        self._positions[listed.id] = after
        tid = words.trade_number(trade.venue_trade_id, self._account.number)
        told: dict[str, Any] = {
            "coin": listed.market_id,
            "px": number(trade.price),
            "sz": number(trade.size),
            "side": words.SIDES[trade.side],
            "time": trade.at_ns // NS_PER_MS,
            "startPosition": number(before.quantity),
            "dir": _direction(before.quantity, trade.side, trade.size),
            "closedPnl": number(after.realized_pnl - before.realized_pnl),
            "hash": f"0x{tid:064x}",
            "oid": tid,
            "crossed": True,
            "fee": number(trade.fee),
            "tid": tid,
            "feeToken": trade.fee_asset,
            "twapId": None,
        }
        if isinstance(trade, Fill):
            view = self._account.orders[trade.client_order_id]
            told["oid"] = words.order_number(view.order.number, self._account.number)
            told["crossed"] = trade.liquidity is Liquidity.TAKER
            if trade.client_order_id.startswith("0x"):
                told["cloid"] = trade.client_order_id
        elif trade.cause is ForcedCause.ADL:
            told["dir"] = "Auto-Deleveraging"
        else:
            side = "Long" if before.quantity > ZERO else "Short"
            told["dir"] = f"Liquidated Isolated {side}"
            told["liquidation"] = {
                "liquidatedUser": self._address,
                "markPx": number(trade.price),
                "method": "market",
            }
        return told


def _direction(start: Decimal, side: Side, size: Decimal) -> str:
    if side is Side.BUY:
        if start >= ZERO:
            return "Open Long"
        return "Close Short" if size <= -start else "Short > Long"
    if start <= ZERO:
        return "Open Short"
    return "Close Long" if size <= start else "Long > Short"
