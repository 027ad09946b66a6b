"""Questions (``POST /info``): about the market, and about any account, by its address."""

from collections.abc import Callable
from typing import Any

import msgspec

from arbiter.model.ids import ClientOrderId
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account, OrderView
from arbiter.simex.hyperliquid import rows, words
from arbiter.simex.hyperliquid.chronicle import Chronicle
from arbiter.simex.hyperliquid.market import INTERVALS, MarketData
from arbiter.simex.hyperliquid.words import number
from arbiter.simex.rest import VenueError
from arbiter.simex.venue import Shown, VenueServer

_FILLS, _PAYMENTS = 2_000, 500
CHEAP = {
    "l2Book": 2,
    "allMids": 2,
    "clearinghouseState": 2,
    "orderStatus": 2,
    "spotClearinghouseState": 2,
    "exchangeStatus": 2,
    "userRole": 60,
}
"""Weights of questions; of any other it is 20."""
CALLS = {
    "orderStatus": "query",
    "openOrders": "open_orders",
    "frontendOpenOrders": "open_orders",
    "userFills": "fills",
    "userFillsByTime": "fills",
    "clearinghouseState": "holdings",
}

Question = dict[str, Any]


class Owner(msgspec.Struct, frozen=True):
    """An account with its address and the story of its trades."""

    address: str
    account: Account
    chronicle: Chronicle


class Info:
    def __init__(self, server: VenueServer, market: MarketData, owners: dict[str, Owner]) -> None:
        self._server = server
        self._market = market
        self._owners = owners
        self.agents: dict[str, str] = {}
        """Address of the account by that of its agent."""
        self.abstraction = "disabled"
        """How perpetuals and spot balances of every account belong together."""
        empty: list[Any] = []
        self._answers: dict[str, Callable[[Question], Any]] = {
            "meta": self._of_dex(lambda _: market.meta(), {"universe": [], "marginTables": []}),
            "metaAndAssetCtxs": self._of_dex(self._contexts, [{"universe": []}, []]),
            "spotMeta": lambda _: _SPOT,
            "spotMetaAndAssetCtxs": lambda _: [_SPOT, []],
            "perpDexs": lambda _: [None],
            "allMids": lambda _: market.mids(),
            "l2Book": lambda asked: market.book(self._shown(asked)),
            "recentTrades": lambda asked: market.trades(self._shown(asked)),
            "candleSnapshot": self._candles,
            "predictedFundings": lambda _: market.predicted(),
            "fundingHistory": self._funding_history,
            "exchangeStatus": lambda _: {"specialStatuses": None, "time": server.now_ms()},
            "clearinghouseState": self._state,
            "spotClearinghouseState": lambda _: {"balances": []},
            "openOrders": lambda asked: self._open(asked, rows.order_row),
            "frontendOpenOrders": lambda asked: self._open(asked, rows.detailed),
            "orderStatus": self._order_status,
            "historicalOrders": self._historical,
            "userFills": lambda asked: self._fills(asked)[::-1][:_FILLS],
            "userFillsByTime": lambda asked: self._within(self._fills(asked), asked, _FILLS),
            "userFunding": self._payments,
            "userFees": self._fees,
            "userRole": self._role,
            "extraAgents": self._agents,
            "userAbstraction": lambda _: self.abstraction,
            "userRateLimit": lambda _: _LIMIT,
            "subAccounts": lambda _: None,
            "userNonFundingLedgerUpdates": lambda _: empty,
            "maxBuilderFee": lambda _: 0,
        }

    def answer(self, asked: Question) -> Any:
        make = self._answers.get(str(asked.get("type")))
        if make is None:
            raise words.MALFORMED
        try:
            return make(asked)
        except (KeyError, TypeError, ValueError):
            raise words.MALFORMED from None

    # The market.

    def _of_dex(self, make: Callable[[Question], Any], otherwise: Any) -> Callable[[Question], Any]:
        """There is one market here, that of the validators; others have nothing."""
        return lambda asked: otherwise if asked.get("dex") else make(asked)

    def _shown(self, asked: Question) -> Shown:
        shown = self._market.by_coin.get(str(asked["coin"]))
        if shown is None:
            raise VenueError(0, "null", 500)
        return shown

    def _contexts(self, _: Question) -> list[Any]:
        market = self._market
        return [market.meta(), [market.context(shown) for shown in market.listed]]

    def _candles(self, asked: Question) -> list[Any]:
        wanted = asked["req"]
        if wanted["interval"] not in INTERVALS:
            raise words.MALFORMED
        start, end = int(wanted["startTime"]), int(wanted.get("endTime") or 2**62)
        return self._market.candles(self._shown(wanted), wanted["interval"], start, end)

    def _funding_history(self, asked: Question) -> list[Any]:
        shown, start = self._shown(asked), int(asked["startTime"])
        rate = self._server.funding[shown.row]
        now = self._server.now_ms()
        at = now - now % 3_600_000
        row = {
            "coin": shown.market_id,
            "fundingRate": number(rate.rate),
            "premium": "0.0",
            "time": at,
        }
        return [row] if at >= start else []

    # Accounts.

    def _owner(self, asked: Question) -> Owner | None:
        return self._owners.get(_address(asked["user"]))

    def _state(self, asked: Question) -> dict[str, Any]:
        owner = self._owner(asked)
        return rows.state(None if owner is None else owner.account, self._server.now_ns())

    def _open(
        self, asked: Question, make: Callable[[OrderView, int], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Newest first."""
        owner = self._owner(asked)
        if owner is None:
            return []
        views = owner.account.open_orders()
        return [make(view, owner.account.number) for view in reversed(views)]

    def find(self, account: Account, name: Any) -> OrderView | None:
        """An order by the venue's number or the client's."""
        if isinstance(name, int):
            view = account.by_number(words.own_number(name))
            found = view is not None and words.order_number(view.order.number, account.number)
            return view if found == name else None
        return account.orders.get(ClientOrderId(str(name).lower()))

    def _order_status(self, asked: Question) -> dict[str, Any]:
        owner = self._owner(asked)
        view = None if owner is None else self.find(owner.account, asked["oid"])
        if owner is None or view is None:
            return {"status": "unknownOid"}
        return {"status": "order", "order": _ended(view, owner.account.number)}

    def _historical(self, asked: Question) -> list[dict[str, Any]]:
        owner = self._owner(asked)
        if owner is None:
            return []
        views = reversed(owner.account.orders.values())
        return [_ended(view, owner.account.number) for view in views][:_FILLS]

    def _fills(self, asked: Question) -> list[dict[str, Any]]:
        owner = self._owner(asked)
        return [] if owner is None else owner.chronicle.rows()

    def _within(self, found: list[Any], asked: Question, page: int) -> list[Any]:
        """Rows of a time, oldest first."""
        start, end = int(asked.get("startTime") or 0), int(asked.get("endTime") or 2**62)
        return [row for row in found if start <= row["time"] <= end][:page]

    def _payments(self, asked: Question) -> list[Any]:
        owner = self._owner(asked)
        if owner is None:
            return []
        account = owner.account
        told = [rows.ledger_row(account, paid) for paid in account.payments]
        return self._within(told, asked, _PAYMENTS)

    def _fees(self, _: Question) -> dict[str, Any]:
        listed = self._market.listed[0].instrument
        cross, add = number(listed.taker_fee), number(listed.maker_fee)
        return {
            "dailyUserVlm": [],
            "feeSchedule": {
                "cross": cross,
                "add": add,
                "tiers": {"vip": [], "mm": []},
                "referralDiscount": "0.04",
            },
            "userCrossRate": cross,
            "userAddRate": add,
            "activeReferralDiscount": "0.0",
        }

    def _role(self, asked: Question) -> dict[str, Any]:
        address = _address(asked["user"])
        if address in self._owners:
            return {"role": "user"}
        if address in self.agents:
            return {"role": "agent", "data": {"user": self.agents[address]}}
        return {"role": "missing"}

    def _agents(self, asked: Question) -> list[dict[str, Any]]:
        until = self._server.now_ns() // NS_PER_MS + 90 * 24 * 3_600_000
        address = _address(asked["user"])
        return [
            {"name": "simex", "address": agent, "validUntil": until}
            for agent, owner in self.agents.items()
            if owner == address
        ]


def _ended(view: OrderView, account: int) -> dict[str, Any]:
    return {
        "order": rows.detailed(view, account),
        "status": words.state_of(view),
        "statusTimestamp": view.order.updated_ns // NS_PER_MS,
    }


def _address(text: Any) -> str:
    address = str(text).lower()
    if len(address) != 42 or not address.startswith("0x"):
        raise ValueError("no address")
    return address


_LIMIT = {"cumVlm": "0.0", "nRequestsUsed": 0, "nRequestsCap": 10_000}
_SPOT: dict[str, Any] = {
    "tokens": [
        {
            "name": "USDC",
            "szDecimals": 8,
            "weiDecimals": 8,
            "index": 0,
            "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
            "isCanonical": True,
            "evmContract": None,
            "fullName": None,
        }
    ],
    "universe": [],
}
