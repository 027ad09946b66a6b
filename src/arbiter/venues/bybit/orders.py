"""Orders and the account at Bybit v5: one class for spot, one for linear perpetuals."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, plain
from arbiter.model.orders import Fill, Order, OrderType
from arbiter.model.perpetuals import ForcedClose, FundingPayment, MarginBalance, VenuePosition
from arbiter.model.reports import FillSettled, ForcedReported, FundingReported, Holding, OrderTruth
from arbiter.model.time import NS_PER_HOUR, NS_PER_MS
from arbiter.ports.venue import ReportSink
from arbiter.venues.bybit.errors import VERDICTS, read_refusal
from arbiter.venues.bybit.listing import linear_instruments, margin_tiers, spot_instruments
from arbiter.venues.bybit.private import Execution, PrivateTalk, execution, order_truth
from arbiter.venues.common.account import AccountWiring, KeyRights, VenueAccount, understood
from arbiter.venues.common.row_reading import each
from arbiter.venues.common.signed import Answered, SignedRest

PRIVATE = "wss://stream.bybit.com"
_PAGES = 200
"""Pages of a list that are read at most."""
_WEEK_MS = 7 * 24 * 3_600_000
_NOT_MODIFIED = ("110043", "110026", "110025")


class BybitOrders(VenueAccount):
    """Spot."""

    verdicts = VERDICTS
    category = "spot"

    def __init__(self, wiring: AccountWiring) -> None:
        rest = SignedRest(
            "bybit",
            wiring.keys,
            wiring.endpoints,
            read_refusal,
            timeout_s=wiring.timeout_s,
            options={"recvWindow": 5_000},
        )
        super().__init__(wiring, rest)

    async def _result(self, endpoint: str, params: dict[str, Any] | None = None) -> Any:
        return (await self._rest.call(endpoint, params))["result"]

    async def _rows(self, endpoint: str, params: dict[str, Any]) -> list[Any]:
        """All pages of a list."""
        rows: list[Any] = []
        asked = {"category": self.category} | params
        for _ in range(_PAGES):
            told = await self._result(endpoint, asked)
            rows += told["list"]
            cursor = told.get("nextPageCursor")
            if not cursor or not told["list"]:
                return rows
            asked = asked | {"cursor": cursor}
        raise OutcomeUnknown(f"{endpoint}: rows without end")

    async def _last_prices(self) -> Mapping[str, Decimal]:
        told = await self._result("public_get_v5_market_tickers", {"category": self.category})
        return {row["symbol"]: Decimal(row["lastPrice"]) for row in told["list"]}

    async def _server_ms(self) -> int:
        return int((await self._rest.call("public_get_v5_market_time"))["time"])

    async def _fees(self) -> dict[str, tuple[Decimal, Decimal]]:
        if self._wiring.keys is None:
            return {}
        told = await self._result("private_get_v5_account_fee_rate", {"category": self.category})
        return {
            row["symbol"]: (Decimal(row["makerFeeRate"]), Decimal(row["takerFeeRate"]))
            for row in told["list"]
        }

    async def _list(self) -> Sequence[Instrument]:
        rows = await self._rows("public_get_v5_market_instruments_info", {"limit": 1_000})
        return spot_instruments(rows, self.venue, await self._fees())

    async def _place(self, order: Order, instrument: Instrument) -> VenueOrderId:
        params: dict[str, Any] = {
            "category": self.category,
            "symbol": instrument.market_id,
            "side": order.side.value.title(),
            "orderType": "Market" if order.type is OrderType.MARKET else "Limit",
            "qty": plain(order.size),
            "orderLinkId": order.client_order_id,
        }
        if order.type is OrderType.LIMIT:
            assert order.price is not None, "a limit order has a price"
            params["price"] = plain(order.price)
            params["timeInForce"] = "PostOnly" if order.post_only else order.time_in_force.value
        params |= self._more(order)
        told = await self._result("private_post_v5_order_create", params)
        return VenueOrderId(told["orderId"])

    def _more(self, order: Order) -> dict[str, Any]:
        """Sizes are in base, and nothing is borrowed."""
        return {"marketUnit": "baseCoin", "isLeverage": 0}

    async def _cancel(self, order: Order, instrument: Instrument) -> None:
        params = {
            "category": self.category,
            "symbol": instrument.market_id,
            "orderLinkId": order.client_order_id,
        }
        await self._result("private_post_v5_order_cancel", params)

    async def _query(
        self, client_order_id: ClientOrderId, instrument: Instrument
    ) -> OrderTruth | None:
        """Among the open and recent ones first, then in the history."""
        params = {
            "category": self.category,
            "symbol": instrument.market_id,
            "orderLinkId": client_order_id,
        }
        for endpoint in ("private_get_v5_order_realtime", "private_get_v5_order_history"):
            for row in (await self._result(endpoint, params))["list"]:
                if row["orderLinkId"] == client_order_id:
                    return order_truth(row, self.venue, instrument)
        return None

    async def _open_orders(self) -> Sequence[OrderTruth]:
        params: dict[str, Any] = {"limit": 50, "openOnly": 0}
        if self.category == "linear":
            params["settleCoin"] = "USDT"
        rows = await self._rows("private_get_v5_order_realtime", params)

        def truth_of(row: Any) -> OrderTruth | None:
            listed = self._by_market.get(row["symbol"])
            return None if listed is None else order_truth(row, self.venue, listed)

        found = each("the open order", rows, truth_of)
        return [truth for truth in found if not truth.status.terminal]

    async def _executions(self, since_ns: int, kind: str) -> list[Execution]:
        start, now = max(since_ns // NS_PER_MS, 1), self._clock.now_ns() // NS_PER_MS
        start = max(start, now - 700 * 24 * 3_600_000)
        found: list[Any] = []
        while start <= now + 60_000:
            end = start + _WEEK_MS
            params = {"limit": 100, "execType": kind, "startTime": start, "endTime": end}
            found += await self._rows("private_get_v5_execution_list", params)
            start = end + 1

        def read(row: Any) -> Execution | None:
            listed = self._by_market.get(row["symbol"])
            return None if listed is None else execution(row, self.venue, listed)

        made: list[Execution] = each("the execution", found, read)
        made.sort(key=lambda one: one.at_ns)
        return made

    async def _fills_since(self, since_ns: int) -> Sequence[Fill]:
        if since_ns <= 0:
            since_ns = self._clock.now_ns() - 7 * 24 * NS_PER_HOUR + NS_PER_HOUR
        found = [one for one in await self._executions(since_ns, "Trade") if isinstance(one, Fill)]
        found.sort(key=lambda fill: (fill.at_ns, fill.venue_trade_id))
        return found

    async def _coins(self) -> list[Any]:
        told = await self._result(
            "private_get_v5_account_wallet_balance", {"accountType": "UNIFIED"}
        )
        return [row for account in told["list"] for row in account["coin"]]

    async def _holdings(self) -> Sequence[Holding]:
        def read(row: Any) -> Holding:
            total = Decimal(row["walletBalance"])
            locked = _amount(row, "locked") + _amount(row, "totalPositionIM")
            locked += _amount(row, "totalOrderIM")
            asset = Asset(row["coin"])
            return Holding(venue=self.venue, asset=asset, free=total - locked, locked=locked)

        return each("the balance", await self._coins(), read)

    @understood
    async def rights(self) -> KeyRights:
        told = await self._read("rights", lambda: self._result("private_get_v5_user_query_api"))
        rights = told["permissions"]
        kind = "SpotTrade" if self.category == "spot" else "Order"
        group = rights.get("Spot" if self.category == "spot" else "ContractTrade", [])
        return KeyRights(
            can_trade=kind in group and not int(told.get("readOnly", 0)),
            can_withdraw="Withdraw" in rights.get("Wallet", []),
            restricted_to_ip=bool(told.get("ips")) and told["ips"] != ["*"],
        )

    async def _make_up_more(self, sink: ReportSink, since_ns: int) -> None:
        """Fills and ends are all there is to miss."""

    async def _follow(self) -> None:
        wiring, keys = self._wiring, self._wiring.keys
        assert keys is not None, "only those who trade follow"
        origin = wiring.private or (wiring.endpoints.stream if wiring.endpoints else PRIVATE)
        await self._stream(
            f"{origin.rstrip('/')}/v5/private",
            lambda link: PrivateTalk(
                link,
                self.venue,
                self.category,
                keys,
                self._by_market,
                self._say,
                lambda: self._rest.offset_ms,
            ),
        ).run()


class BybitLinearOrders(BybitOrders):
    """Linear perpetuals; also `ports.MarginClient`."""

    category = "linear"

    async def _list(self) -> Sequence[Instrument]:
        rows = await self._rows("public_get_v5_market_instruments_info", {"limit": 1_000})
        limits = await self._rows("public_get_v5_market_risk_limit", {})
        return linear_instruments(rows, self.venue, await self._fees(), margin_tiers(limits))

    def _more(self, order: Order) -> dict[str, Any]:
        return {"positionIdx": 0, "reduceOnly": order.reduce_only}

    @understood
    async def margin_balances(self) -> Sequence[MarginBalance]:
        rows = await self._read("margin", self._coins)
        settles = {listed.settle for listed in self._listed.values()}
        return [
            MarginBalance(
                venue=self.venue,
                asset=Asset(row["coin"]),
                wallet=Decimal(row["walletBalance"]),
                unrealized=_amount(row, "unrealisedPnl"),
                reserved=_amount(row, "locked")
                + _amount(row, "totalPositionIM")
                + _amount(row, "totalOrderIM"),
            )
            for row in rows
            if row["coin"] in settles
        ]

    async def _holdings(self) -> Sequence[Holding]:
        """Of the shared wallet only what perpetuals settle in: the rest is the spot venue's."""
        settles = {listed.settle for listed in self._listed.values()}
        return [held for held in await super()._holdings() if held.asset in settles]

    @understood
    async def positions(self) -> Sequence[VenuePosition]:
        await self._know_listing()
        rows = await self._read(
            "positions",
            lambda: self._rows(
                "private_get_v5_position_list", {"settleCoin": "USDT", "limit": 200}
            ),
        )
        return [
            self._position(row)
            for row in rows
            if _amount(row, "size") and row["symbol"] in self._by_market
        ]

    def _position(self, row: Any) -> VenuePosition:
        size = Decimal(row["size"])
        liquidation = _amount(row, "liqPrice")
        return VenuePosition(
            instrument=self._by_market[row["symbol"]].id,
            quantity=size if row["side"] == "Buy" else -size,
            entry_price=Decimal(row["avgPrice"]),
            mark_price=Decimal(row["markPrice"]),
            unrealized_pnl=_amount(row, "unrealisedPnl"),
            leverage=_amount(row, "leverage"),
            liquidation_price=liquidation if liquidation > ZERO else None,
            margin=_amount(row, "positionIM"),
            adl_rank=max(int(row.get("adlRankIndicator") or 0) - 1, 0),
            at_ns=int(row["updatedTime"]) * NS_PER_MS,
        )

    @understood
    async def payments_since(self, since_ns: int) -> Sequence[FundingPayment]:
        await self._know_listing()
        found = await self._read("payments", lambda: self._executions(since_ns, "Funding"))
        return [one for one in found if isinstance(one, FundingPayment)]

    @understood
    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        await self._know_listing()
        made: list[ForcedClose] = []
        for kind in ("BustTrade", "AdlTrade"):
            found = await self._read("forced", lambda kind=kind: self._executions(since_ns, kind))  # type: ignore[misc]
            made += [one for one in found if isinstance(one, ForcedClose)]
        return sorted(made, key=lambda close: close.at_ns)

    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        """A match is final here."""
        del since_ns
        return ()

    @understood
    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        listed = await self._instrument(instrument)
        params = {
            "category": self.category,
            "symbol": listed.market_id,
            "buyLeverage": plain(leverage),
            "sellLeverage": plain(leverage),
        }
        try:
            await self._result("private_post_v5_position_set_leverage", params)
        except Answered as answer:
            if answer.code not in _NOT_MODIFIED:
                raise await self._raised("set_leverage", answer) from None

    async def _make_up_more(self, sink: ReportSink, since_ns: int) -> None:
        for payment in await self.payments_since(since_ns):
            sink.on_report(FundingReported(venue=self.venue, at_ns=payment.at_ns, payment=payment))
        for forced in await self.forced_since(since_ns):
            sink.on_report(ForcedReported(venue=self.venue, at_ns=forced.at_ns, forced=forced))


def _amount(row: Any, name: str) -> Decimal:
    return Decimal(row.get(name) or "0")


def make_bybit(wiring: AccountWiring) -> BybitOrders:
    if wiring.venue == VenueId("bybit_futures"):
        return BybitLinearOrders(wiring)
    return BybitOrders(wiring)
