"""Binance USD-M futures over REST: positions, balances, leverage, what was brought and taken."""

from decimal import Decimal
from typing import Any

from arbiter.model.errors import VenueRefused
from arbiter.model.money import ZERO
from arbiter.model.perpetuals import ForcedCause, MarginBalance, VenuePosition
from arbiter.model.time import NS_PER_MS
from arbiter.simex.account import Account
from arbiter.simex.binance.calls import SIGNED, TRADING, Context, Route
from arbiter.simex.binance.public import PublicRest
from arbiter.simex.binance.words import fixed, short
from arbiter.simex.rest import VenueError
from arbiter.simex.venue import Shown, VenueServer

_BROUGHT = ("FUNDING_FEE", "COMMISSION", "REALIZED_PNL")


class FuturesAccount:
    def __init__(self, server: VenueServer, public: PublicRest, one: str = "/fapi/v1") -> None:
        self._server = server
        self._public = public
        routes: dict[tuple[str, str], Route] = {
            ("GET", f"{one}/income"): Route(self.income, 30, SIGNED),
            ("GET", f"{one}/forceOrders"): Route(self.force_orders, 50, SIGNED),
            ("GET", f"{one}/commissionRate"): Route(self.commission_rate, 20, SIGNED),
            ("GET", f"{one}/leverageBracket"): Route(self.leverage_bracket, 1, SIGNED),
            ("POST", f"{one}/leverage"): Route(self.leverage, 1, TRADING),
            ("POST", f"{one}/marginType"): Route(self.margin_type, 1, TRADING),
            ("GET", f"{one}/positionSide/dual"): Route(
                lambda _: {"dualSidePosition": False}, 30, SIGNED
            ),
            ("POST", f"{one}/positionSide/dual"): Route(self.position_side, 1, TRADING),
            ("GET", f"{one}/multiAssetsMargin"): Route(
                lambda _: {"multiAssetsMargin": False}, 30, SIGNED
            ),
            ("GET", f"{one}/adlQuantile"): Route(self.adl_quantile, 5, SIGNED),
            ("GET", f"{one}/accountConfig"): Route(self.account_config, 5, SIGNED),
            ("GET", f"{one}/symbolConfig"): Route(self.symbol_config, 5, SIGNED),
        }
        for version in ("v2", "v3"):
            routes["GET", f"/fapi/{version}/account"] = Route(self.account, 5, SIGNED, "holdings")
            routes["GET", f"/fapi/{version}/balance"] = Route(self.balance, 5, SIGNED, "holdings")
            routes["GET", f"/fapi/{version}/positionRisk"] = Route(self.position_risk, 5, SIGNED)
        self.routes = routes

    def _positions(self, account: Account) -> dict[str, VenuePosition]:
        told = account.exchange.margin.told(self._server.now_ns())
        return {account.instrument(one.instrument).market_id: one for one in told}

    def _leverage(self, account: Account, shown: Shown) -> Decimal:
        return account.exchange.margin.contracts[shown.instrument.id].leverage

    def balance(self, context: Context) -> list[dict[str, Any]]:
        return [
            {
                "accountAlias": "SgsR",
                "asset": told.asset,
                "balance": fixed(told.wallet),
                "crossWalletBalance": fixed(told.wallet),
                "crossUnPnl": fixed(told.unrealized),
                "availableBalance": fixed(max(told.free, ZERO)),
                "maxWithdrawAmount": fixed(max(told.free, ZERO)),
                "marginAvailable": True,
                "updateTime": self._server.now_ms(),
            }
            for told in context.account.exchange.margin.balances()
        ]

    def account(self, context: Context) -> dict[str, Any]:
        account, key = context.account, context.key
        assert key is not None, "signed"
        balances = account.exchange.margin.balances()
        wallet = sum((b.wallet for b in balances), ZERO)
        floating = sum((b.unrealized for b in balances), ZERO)
        free = sum((max(b.free, ZERO) for b in balances), ZERO)
        reserved = sum((b.reserved for b in balances), ZERO)
        return {
            "feeTier": 0,
            "canTrade": key.can_trade,
            "canDeposit": True,
            "canWithdraw": key.can_withdraw,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
            "totalInitialMargin": fixed(reserved),
            "totalMaintMargin": "0.00000000",
            "totalWalletBalance": fixed(wallet),
            "totalUnrealizedProfit": fixed(floating),
            "totalMarginBalance": fixed(wallet + floating),
            "totalPositionInitialMargin": fixed(reserved),
            "totalOpenOrderInitialMargin": "0.00000000",
            "totalCrossWalletBalance": fixed(wallet),
            "totalCrossUnPnl": fixed(floating),
            "availableBalance": fixed(free),
            "maxWithdrawAmount": fixed(free),
            "assets": [self._asset(told) for told in balances],
            "positions": [self._held(account, shown) for shown in self._public.listed],
        }

    def _asset(self, told: MarginBalance) -> dict[str, Any]:
        return {
            "asset": told.asset,
            "walletBalance": fixed(told.wallet),
            "unrealizedProfit": fixed(told.unrealized),
            "marginBalance": fixed(told.total),
            "maintMargin": "0.00000000",
            "initialMargin": fixed(told.reserved),
            "positionInitialMargin": fixed(told.reserved),
            "openOrderInitialMargin": "0.00000000",
            "crossWalletBalance": fixed(told.wallet),
            "crossUnPnl": fixed(told.unrealized),
            "availableBalance": fixed(max(told.free, ZERO)),
            "maxWithdrawAmount": fixed(max(told.free, ZERO)),
            "marginAvailable": True,
            "updateTime": self._server.now_ms(),
        }

    def _held(self, account: Account, shown: Shown) -> dict[str, Any]:
        told = self._positions(account).get(shown.market_id)
        margin = fixed(told.margin if told else ZERO)
        return {
            "symbol": shown.market_id,
            "initialMargin": margin,
            "maintMargin": "0",
            "unrealizedProfit": fixed(told.unrealized_pnl if told else ZERO),
            "positionInitialMargin": margin,
            "openOrderInitialMargin": "0",
            "leverage": short(self._leverage(account, shown)),
            "isolated": True,
            "entryPrice": short(told.entry_price if told else ZERO),
            "maxNotional": "1000000",
            "bidNotional": "0",
            "askNotional": "0",
            "positionSide": "BOTH",
            "positionAmt": short(told.quantity if told else ZERO),
            "isolatedWallet": margin,
            "notional": short(told.quantity * told.mark_price if told else ZERO),
            "updateTime": self._server.now_ms(),
        }

    def position_risk(self, context: Context) -> list[dict[str, Any]]:
        """The newest version tells of open positions alone; the older one of every market too."""
        account = context.account
        held = self._positions(account)
        wanted = context.params.get("symbol")
        return [
            self._risk(account, shown, held[shown.market_id])
            for shown in self._public.listed
            if shown.market_id in held and wanted in (None, shown.market_id)
        ]

    def _risk(self, account: Account, shown: Shown, told: VenuePosition) -> dict[str, Any]:
        leverage = self._leverage(account, shown)
        notional = told.quantity * told.mark_price
        terms = shown.instrument.margin
        return {
            "symbol": shown.market_id,
            "positionSide": "BOTH",
            "positionAmt": short(told.quantity),
            "entryPrice": short(told.entry_price),
            "breakEvenPrice": short(told.entry_price),
            "markPrice": fixed(told.mark_price),
            "unRealizedProfit": fixed(told.unrealized_pnl),
            "liquidationPrice": short(told.liquidation_price or ZERO),
            "leverage": short(leverage),
            "maxNotionalValue": "1000000",
            "marginType": "isolated",
            "isAutoAddMargin": "false",
            "isolatedMargin": fixed(told.margin + told.unrealized_pnl),
            "notional": short(notional),
            "marginAsset": shown.instrument.settle,
            "isolatedWallet": fixed(told.margin),
            "initialMargin": fixed(told.margin),
            "maintMargin": fixed(terms.maintenance(abs(notional)) if terms else ZERO),
            "positionInitialMargin": fixed(told.margin),
            "openOrderInitialMargin": "0",
            "adl": told.adl_rank,
            "bidNotional": "0",
            "askNotional": "0",
            "updateTime": self._server.now_ms(),
        }

    def adl_quantile(self, context: Context) -> list[dict[str, Any]]:
        held = self._positions(context.account)
        return [
            {"symbol": name, "adlQuantile": {"BOTH": told.adl_rank}} for name, told in held.items()
        ]

    def income(self, context: Context) -> list[dict[str, Any]]:
        account = context.account
        start, end = context.whole("startTime", 0), context.whole("endTime", 2**62)
        kind, wanted = context.params.get("incomeType"), context.params.get("symbol")
        limit = min(context.whole("limit", 100), 1_000)
        if kind not in (None, *_BROUGHT):
            return []
        rows = []
        if kind in (None, "FUNDING_FEE"):
            for number, payment in enumerate(account.payments, 1):
                rows.append(
                    {
                        "symbol": account.instrument(payment.instrument).market_id,
                        "incomeType": "FUNDING_FEE",
                        "income": fixed(payment.amount),
                        "asset": payment.asset,
                        "time": payment.at_ns // NS_PER_MS,
                        "info": "FUNDING_FEE",
                        "tranId": 9_689_322_000 + number,
                        "tradeId": "",
                    }
                )
        found = [
            row
            for row in rows
            if start <= int(str(row["time"])) <= end and wanted in (None, row["symbol"])
        ]
        return found[:limit]

    def force_orders(self, context: Context) -> list[dict[str, Any]]:
        account = context.account
        start = context.whole("startTime", 0)
        kind, wanted = context.params.get("autoCloseType"), context.params.get("symbol")
        names = {ForcedCause.LIQUIDATION: "LIQUIDATION", ForcedCause.ADL: "ADL"}
        rows = []
        for close in account.forced:
            market_id = account.instrument(close.instrument).market_id
            at = close.at_ns // NS_PER_MS
            if at < start or wanted not in (None, market_id):
                continue
            if kind not in (None, names[close.cause]):
                continue
            adl = close.cause is ForcedCause.ADL
            rows.append(
                {
                    "orderId": forced_number(close.venue_trade_id),
                    "symbol": market_id,
                    "status": "FILLED",
                    "clientOrderId": forced_id(close.venue_trade_id, adl=adl),
                    "price": short(close.price),
                    "avgPrice": short(close.price),
                    "origQty": short(close.size),
                    "executedQty": short(close.size),
                    "cumQuote": short(close.size * close.price),
                    "timeInForce": "IOC",
                    "type": "LIMIT",
                    "reduceOnly": False,
                    "closePosition": False,
                    "side": close.side.value,
                    "positionSide": "BOTH",
                    "stopPrice": "0",
                    "workingType": "CONTRACT_PRICE",
                    "origType": "LIMIT",
                    "time": at,
                    "updateTime": at,
                }
            )
        return rows

    def commission_rate(self, context: Context) -> dict[str, str]:
        shown = self._public.find(context.need("symbol"))
        return {
            "symbol": shown.market_id,
            "makerCommissionRate": short(shown.instrument.maker_fee),
            "takerCommissionRate": short(shown.instrument.taker_fee),
        }

    def leverage_bracket(self, context: Context) -> Any:
        if "symbol" in context.params:
            return [_brackets(self._public.find(context.params["symbol"]))]
        return [_brackets(shown) for shown in self._public.listed]

    def leverage(self, context: Context) -> dict[str, Any]:
        shown = self._public.find(context.need("symbol"))
        times = context.whole("leverage", 0)
        try:
            context.account.exchange.set_leverage(
                shown.instrument.id, Decimal(times), self._server.now_ns()
            )
        except VenueRefused as error:
            if "position is open" in str(error):
                text = "Leverage reduction is not supported in Isolated Margin Mode with open positions."
                raise VenueError(-4161, text) from None
            raise VenueError(-4028, f"Leverage {times} is not valid") from None
        return {"leverage": times, "maxNotionalValue": "1000000", "symbol": shown.market_id}

    def margin_type(self, context: Context) -> dict[str, Any]:
        self._public.find(context.need("symbol"))
        if context.need("marginType") == "ISOLATED":
            raise VenueError(-4046, "No need to change margin type.")
        raise VenueError(-4047, "Margin type cannot be changed if there exists open orders.")

    def position_side(self, context: Context) -> dict[str, Any]:
        if context.need("dualSidePosition") == "false":
            raise VenueError(-4059, "No need to change position side.")
        raise VenueError(-4068, "Position side cannot be changed if there exists position.")

    def account_config(self, context: Context) -> dict[str, Any]:
        key = context.key
        assert key is not None, "signed"
        return {
            "feeTier": 0,
            "canTrade": key.can_trade,
            "canDeposit": True,
            "canWithdraw": key.can_withdraw,
            "dualSidePosition": False,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }

    def symbol_config(self, context: Context) -> list[dict[str, Any]]:
        wanted = context.params.get("symbol")
        return [
            {
                "symbol": shown.market_id,
                "marginType": "ISOLATED",
                "isAutoAddMargin": False,
                "leverage": int(self._leverage(context.account, shown)),
                "maxNotionalValue": "1000000",
            }
            for shown in self._public.listed
            if wanted in (None, shown.market_id)
        ]


def forced_id(trade_id: str, *, adl: bool) -> str:
    """The client order id under which the venue closes a position."""
    return "adl_autoclose" if adl else f"autoclose-{trade_id}"


def forced_number(trade_id: str) -> int:
    return 10_000_000 + int(trade_id)


def _brackets(shown: Shown) -> dict[str, Any]:
    terms = shown.instrument.margin
    assert terms is not None, "every perpetual has margin terms"
    rows, floor = [], ZERO
    for number, tier in enumerate(terms.tiers, 1):
        cap = tier.up_to if tier.up_to is not None else Decimal(100_000_000)
        rows.append(
            {
                "bracket": number,
                "initialLeverage": max(int(terms.max_leverage) >> (number - 1), 1),
                "notionalCap": int(cap),
                "notionalFloor": int(floor),
                "maintMarginRatio": float(tier.rate),
                "cum": float(tier.deduction),
            }
        )
        floor = cap
    return {"symbol": shown.market_id, "brackets": rows}
