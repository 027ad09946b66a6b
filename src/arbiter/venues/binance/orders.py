"""Orders and the account at Binance: spot and USD-M futures over signed REST."""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from arbiter.model.errors import OutcomeUnknown, TryAgain, VenueRefused
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, plain
from arbiter.model.orders import Fill, Liquidity, Order, OrderStatus, OrderType, Side
from arbiter.model.perpetuals import (
    ForcedCause,
    ForcedClose,
    FundingPayment,
    MarginBalance,
    VenuePosition,
)
from arbiter.model.reports import FillSettled, ForcedReported, FundingReported, Holding, OrderTruth
from arbiter.model.time import NS_PER_HOUR, NS_PER_MS
from arbiter.ports.venue import ReportSink
from arbiter.venues.binance.errors import VERDICTS, read_refusal
from arbiter.venues.binance.listing import (
    futures_instruments,
    margin_terms,
    spot_instruments,
)
from arbiter.venues.binance.private import FuturesTalk, SpotTalk
from arbiter.venues.common.account import (
    AccountWiring,
    KeyRights,
    VenueAccount,
    status_from,
    understood,
)
from arbiter.venues.common.signed import Answered, SignedRest, VenueRest

STATUS: Mapping[str, OrderStatus] = {
    "NEW": OrderStatus.WORKING,
    "PENDING_NEW": OrderStatus.WORKING,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "PENDING_CANCEL": OrderStatus.WORKING,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
_PAGE = 1_000
_WEEK_MS = 7 * 24 * NS_PER_HOUR // NS_PER_MS
_AT_ONCE = 5
"""Markets asked at the same time: each costs weight."""
_KEY_RETRY_S = 1.0
_LISTEN_EVERY_S = 1_200.0

SPOT_PRIVATE = "wss://ws-api.binance.com:443"
FUTURES_PRIVATE = "wss://fstream.binance.com"


def trade_key(market_id: str, number: Any) -> str:
    """Trade numbers are unique within a market only."""
    return f"{market_id}:{number}"


class BinanceOrders(VenueAccount):
    """What spot and futures have in common; `_paths` are ccxt's names of the endpoints."""

    verdicts = VERDICTS
    _order_path: str
    _cancel_path: str
    _open_path: str
    _time_path: str
    _price_path: str

    async def _last_prices(self) -> Mapping[str, Decimal]:
        rows = await self._rest.call(self._price_path)
        return {row["symbol"]: Decimal(row["price"]) for row in rows}

    async def _server_ms(self) -> int:
        return int((await self._rest.call(self._time_path))["serverTime"])

    def _order_params(self, order: Order, instrument: Instrument) -> dict[str, Any]:
        params: dict[str, Any] = {
            "symbol": instrument.market_id,
            "side": order.side.value,
            "quantity": plain(order.size),
            "newClientOrderId": order.client_order_id,
        }
        if order.type is OrderType.LIMIT:
            assert order.price is not None, "a limit order has a price"
            params["price"] = plain(order.price)
        return params

    async def _cancel(self, order: Order, instrument: Instrument) -> None:
        params = {"symbol": instrument.market_id, "origClientOrderId": order.client_order_id}
        await self._rest.call(self._cancel_path, params)

    async def _query(
        self, client_order_id: ClientOrderId, instrument: Instrument
    ) -> OrderTruth | None:
        row = await self._rest.call(
            self._order_path,
            {"symbol": instrument.market_id, "origClientOrderId": client_order_id},
        )
        return self._truth(row, instrument)

    async def _open_orders(self) -> Sequence[OrderTruth]:
        return self._truths(await self._rest.call(self._open_path))

    def _truth(self, row: Any, instrument: Instrument) -> OrderTruth:
        name = ClientOrderId(row["clientOrderId"])
        self._name(str(row["orderId"]), name)
        return OrderTruth(
            venue=self.venue,
            client_order_id=name,
            venue_order_id=VenueOrderId(str(row["orderId"])),
            instrument=instrument.id,
            status=status_from(STATUS, row["status"]),
            size=Decimal(row["origQty"]),
            filled_size=Decimal(row["executedQty"]),
            at_ns=int(row.get("updateTime") or row.get("time") or 0) * NS_PER_MS,
        )

    def _truths(self, rows: Any) -> list[OrderTruth]:
        return [
            self._truth(row, self._by_market[row["symbol"]])
            for row in rows
            if row["symbol"] in self._by_market
        ]

    async def _trades(self, path: str, since_ns: int) -> list[tuple[Instrument, Any]]:
        """Own trades of every market traded, from a time on."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def of(instrument: Instrument) -> list[tuple[Instrument, Any]]:
            async with gate:
                return [(instrument, row) for row in await self._pages(path, instrument, since_ns)]

        found = await asyncio.gather(*(of(one) for one in self._by_market.values()))
        return [pair for rows in found for pair in rows]

    async def _pages(self, path: str, instrument: Instrument, since_ns: int) -> list[Any]:
        asked: dict[str, Any] = {"symbol": instrument.market_id, "limit": _PAGE}
        found: list[Any] = []
        for times in self._windows(since_ns):
            rows: list[Any] = await self._rest.call(path, asked | times)
            found += rows
            if len(rows) < _PAGE:
                continue
            while len(rows) == _PAGE:  # from a number on there are no windows
                rows = await self._rest.call(path, asked | {"fromId": int(rows[-1]["id"]) + 1})
                found += rows
            break
        return found

    def _windows(self, since_ns: int) -> list[dict[str, int]]:
        """Times by which to ask for trades, so that each is told."""
        return [{"startTime": max(since_ns // NS_PER_MS, 1)}]

    async def _owner(self, instrument: Instrument, number: str) -> ClientOrderId:
        """Our id of an order known by the venue's; trades carry only the latter."""
        known = self._names.get(number)
        if known is not None:
            return known
        row = await self._rest.call(
            self._order_path, {"symbol": instrument.market_id, "orderId": number}
        )
        name = ClientOrderId(row["clientOrderId"])
        self._name(number, name)
        return name


class BinanceSpotOrders(BinanceOrders):
    _order_path = "private_get_order"
    _cancel_path = "private_delete_order"
    _open_path = "private_get_openorders"
    _time_path = "public_get_time"
    _price_path = "public_get_ticker_price"

    def __init__(self, wiring: AccountWiring) -> None:
        rest = SignedRest(
            "binance",
            wiring.keys,
            wiring.endpoints,
            read_refusal,
            timeout_s=wiring.timeout_s,
            options={"recvWindow": 5_000},
        )
        super().__init__(wiring, rest)
        self._fees: dict[str, tuple[Decimal, Decimal]] = {}

    async def _list(self) -> Sequence[Instrument]:
        told = await self._rest.call("public_get_exchangeinfo")
        if self._wiring.keys is not None:
            await self._learn_fees()
        return spot_instruments(told, self.venue, self._fees)

    async def _learn_fees(self) -> None:
        rows = await self._rest.call("sapi_get_asset_tradefee")
        self._fees = {
            row["symbol"]: (Decimal(row["makerCommission"]), Decimal(row["takerCommission"]))
            for row in rows
        }

    async def _place(self, order: Order, instrument: Instrument) -> VenueOrderId:
        params = self._order_params(order, instrument)
        if order.type is OrderType.MARKET:
            params["type"] = "MARKET"
        elif order.post_only:
            params["type"] = "LIMIT_MAKER"
        else:
            params |= {"type": "LIMIT", "timeInForce": order.time_in_force.value}
        params["newOrderRespType"] = "ACK"
        told = await self._rest.call("private_post_order", params)
        return VenueOrderId(str(told["orderId"]))

    async def _fills_since(self, since_ns: int) -> Sequence[Fill]:
        rows = await self._trades("private_get_mytrades", since_ns)
        return [
            Fill(
                venue=self.venue,
                venue_trade_id=trade_key(instrument.market_id, row["id"]),
                client_order_id=await self._owner(instrument, str(row["orderId"])),
                instrument=instrument.id,
                side=Side.BUY if row["isBuyer"] else Side.SELL,
                size=Decimal(row["qty"]),
                price=Decimal(row["price"]),
                fee=Decimal(row["commission"]),
                fee_asset=row["commissionAsset"],
                liquidity=Liquidity.MAKER if row["isMaker"] else Liquidity.TAKER,
                at_ns=int(row["time"]) * NS_PER_MS,
            )
            for instrument, row in rows
        ]

    async def _holdings(self) -> Sequence[Holding]:
        told = await self._rest.call("private_get_account", {"omitZeroBalances": "true"})
        return [
            Holding(
                venue=self.venue,
                asset=Asset(row["asset"]),
                free=Decimal(row["free"]),
                locked=Decimal(row["locked"]),
            )
            for row in told["balances"]
        ]

    @understood
    async def rights(self) -> KeyRights:
        told = await self._read(
            "rights", lambda: self._rest.call("sapi_get_account_apirestrictions")
        )
        return KeyRights(
            can_trade=bool(told["enableSpotAndMarginTrading"]),
            can_withdraw=bool(told["enableWithdrawals"]),
            restricted_to_ip=bool(told["ipRestrict"]),
        )

    async def _make_up_more(self, sink: ReportSink, since_ns: int) -> None:
        """Fills and ends are all there is to miss."""

    async def _follow(self) -> None:
        keys = self._wiring.keys
        assert keys is not None, "only those who trade follow"
        origin = private_origin(self._wiring, SPOT_PRIVATE)
        await self._stream(
            f"{origin}/ws-api/v3",
            lambda link: SpotTalk(
                link, self.venue, keys, self._by_market, self._say, lambda: self._rest.offset_ms
            ),
        ).run()


class BinanceFuturesOrders(BinanceOrders):
    """Also `ports.MarginClient`."""

    _order_path = "fapiprivate_get_order"
    _cancel_path = "fapiprivate_delete_order"
    _open_path = "fapiprivate_get_openorders"
    _time_path = "fapipublic_get_time"
    _price_path = "fapipublic_get_ticker_price"

    def __init__(self, wiring: AccountWiring, rest: VenueRest | None = None) -> None:
        rest = rest or SignedRest(
            "binanceusdm",
            wiring.keys,
            wiring.endpoints,
            read_refusal,
            timeout_s=wiring.timeout_s,
            options={"recvWindow": 5_000},
        )
        super().__init__(wiring, rest)
        self._payments_told = wiring.clock.now_ns()

    def _windows(self, since_ns: int) -> list[dict[str, int]]:
        """A week is the most that the venue tells at once; the last one unless told otherwise."""
        now = self._clock.now_ns() // NS_PER_MS + self._rest.offset_ms
        first = since_ns // NS_PER_MS if since_ns > 0 else now - _WEEK_MS
        starts = range(first, max(now, first + 1), _WEEK_MS)
        full = [{"startTime": at, "endTime": at + _WEEK_MS - 1} for at in starts[:-1]]
        return [*full, {"startTime": starts[-1]}]

    async def _list(self) -> Sequence[Instrument]:
        told = await self._rest.call("fapipublic_get_exchangeinfo")
        if self._wiring.keys is None:
            return futures_instruments(told, self.venue, {}, {})
        brackets = await self._rest.call("fapiprivate_get_leveragebracket")
        fees = {row["symbol"]: Decimal(row.get("liquidationFee", "0")) for row in told["symbols"]}
        terms = margin_terms(brackets, fees)
        wanted = self._wiring.symbols
        found = futures_instruments(told, self.venue, {}, terms)
        traded = [i for i in found if not wanted or i.symbol in wanted]
        return futures_instruments(told, self.venue, await self._fees(traded), terms)

    async def _fees(self, traded: Sequence[Instrument]) -> dict[str, tuple[Decimal, Decimal]]:
        """One tier holds for all markets of a margin asset."""
        if not traded:
            return {}
        row = await self._rest.call(
            "fapiprivate_get_commissionrate", {"symbol": traded[0].market_id}
        )
        fees = Decimal(row["makerCommissionRate"]), Decimal(row["takerCommissionRate"])
        return {i.market_id: fees for i in traded if i.settle == traded[0].settle}

    async def _place(self, order: Order, instrument: Instrument) -> VenueOrderId:
        params = self._order_params(order, instrument)
        if order.type is OrderType.MARKET:
            params["type"] = "MARKET"
        else:
            tif = "GTX" if order.post_only else order.time_in_force.value
            params |= {"type": "LIMIT", "timeInForce": tif}
        if order.reduce_only:
            params["reduceOnly"] = "true"
        params["newOrderRespType"] = "ACK"
        told = await self._rest.call("fapiprivate_post_order", params)
        return VenueOrderId(str(told["orderId"]))

    async def _fills_since(self, since_ns: int) -> Sequence[Fill]:
        rows = await self._trades("fapiprivate_get_usertrades", since_ns)
        return [
            Fill(
                venue=self.venue,
                venue_trade_id=trade_key(instrument.market_id, row["id"]),
                client_order_id=await self._owner(instrument, str(row["orderId"])),
                instrument=instrument.id,
                side=Side(row["side"]),
                size=Decimal(row["qty"]),
                price=Decimal(row["price"]),
                fee=Decimal(row["commission"]),
                fee_asset=row["commissionAsset"],
                liquidity=Liquidity.MAKER if row["maker"] else Liquidity.TAKER,
                at_ns=int(row["time"]) * NS_PER_MS,
            )
            for instrument, row in rows
        ]

    async def _assets(self) -> list[Any]:
        told = await self._rest.call("fapiprivatev3_get_account")
        return [row for row in told["assets"] if Decimal(row["walletBalance"])]

    async def _holdings(self) -> Sequence[Holding]:
        return [
            Holding(
                venue=self.venue,
                asset=Asset(row["asset"]),
                free=Decimal(row["walletBalance"]) - Decimal(row["initialMargin"]),
                locked=Decimal(row["initialMargin"]),
            )
            for row in await self._assets()
        ]

    @understood
    async def rights(self) -> KeyRights:
        told = await self._read(
            "rights", lambda: self._rest.call("sapi_get_account_apirestrictions")
        )
        return KeyRights(
            can_trade=bool(told["enableFutures"]),
            can_withdraw=bool(told["enableWithdrawals"]),
            restricted_to_ip=bool(told["ipRestrict"]),
        )

    # ports.MarginClient

    @understood
    async def margin_balances(self) -> Sequence[MarginBalance]:
        rows = await self._read("margin", self._assets)
        return [
            MarginBalance(
                venue=self.venue,
                asset=Asset(row["asset"]),
                wallet=Decimal(row["walletBalance"]),
                unrealized=Decimal(row["unrealizedProfit"]),
                reserved=Decimal(row["initialMargin"]),
            )
            for row in rows
        ]

    @understood
    async def positions(self) -> Sequence[VenuePosition]:
        await self._know_listing()
        rows = await self._read(
            "positions", lambda: self._rest.call("fapiprivatev2_get_positionrisk")
        )
        ranks = await self._read(
            "positions", lambda: self._rest.call("fapiprivate_get_adlquantile")
        )
        quantiles = {row["symbol"]: row["adlQuantile"] for row in ranks}
        return [
            self._position(row, quantiles.get(row["symbol"], {}))
            for row in rows
            if Decimal(row["positionAmt"]) and row["symbol"] in self._by_market
        ]

    def _position(self, row: Any, quantile: Any) -> VenuePosition:
        liquidation = Decimal(row["liquidationPrice"])
        return VenuePosition(
            instrument=self._by_market[row["symbol"]].id,
            quantity=Decimal(row["positionAmt"]),
            entry_price=Decimal(row["entryPrice"]),
            mark_price=Decimal(row["markPrice"]),
            unrealized_pnl=Decimal(row["unRealizedProfit"]),
            leverage=Decimal(row["leverage"]),
            liquidation_price=liquidation if liquidation > ZERO else None,
            margin=Decimal(row.get("isolatedWallet") or row["isolatedMargin"]),
            adl_rank=int(max(quantile.values(), default=0)),
            at_ns=int(row["updateTime"]) * NS_PER_MS,
        )

    @understood
    async def payments_since(self, since_ns: int) -> Sequence[FundingPayment]:
        await self._know_listing()
        params = {
            "incomeType": "FUNDING_FEE",
            "startTime": max(since_ns // NS_PER_MS, 1),
            "limit": _PAGE,
        }
        rows = await self._read(
            "payments", lambda: self._rest.call("fapiprivate_get_income", params)
        )
        made = [self._payment(row) for row in rows if row["symbol"] in self._by_market]
        return sorted(made, key=lambda payment: payment.at_ns)

    def _payment(self, row: Any) -> FundingPayment:
        """The venue tells the amount; rate, mark and quantity of the moment it keeps to itself."""
        at_ns = int(row["time"]) * NS_PER_MS
        return FundingPayment(
            venue=self.venue,
            payment_id=f"{row['symbol']}:{row['tranId']}",
            instrument=self._by_market[row["symbol"]].id,
            amount=Decimal(row["income"]),
            asset=Asset(row["asset"]),
            rate=ZERO,
            mark=ZERO,
            quantity=ZERO,
            settled_ns=at_ns,
            at_ns=at_ns,
        )

    @understood
    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        await self._know_listing()
        made: list[ForcedClose] = []
        for kind, cause in (("LIQUIDATION", ForcedCause.LIQUIDATION), ("ADL", ForcedCause.ADL)):
            made += await self._forced(kind, cause, since_ns)
        return sorted(made, key=lambda close: close.at_ns)

    async def _forced(self, kind: str, cause: ForcedCause, since_ns: int) -> list[ForcedClose]:
        """A forced order's trades carry its fee and number."""
        params = {"autoCloseType": kind, "startTime": max(since_ns // NS_PER_MS, 1), "limit": 100}
        rows = await self._read(
            "forced", lambda: self._rest.call("fapiprivate_get_forceorders", params)
        )
        made = []
        for row in rows:
            instrument = self._by_market.get(row["symbol"])
            if instrument is None or not Decimal(row["executedQty"]):
                continue
            made.append(
                ForcedClose(
                    venue=self.venue,
                    venue_trade_id=trade_key(instrument.market_id, f"forced-{row['orderId']}"),
                    instrument=instrument.id,
                    side=Side(row["side"]),
                    size=Decimal(row["executedQty"]),
                    price=Decimal(row["avgPrice"]),
                    fee=ZERO,
                    fee_asset=instrument.settle,
                    cause=cause,
                    at_ns=int(row["updateTime"]) * NS_PER_MS,
                )
            )
        return made

    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        """A match is final here."""
        del since_ns
        return ()

    @understood
    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        listed = await self._instrument(instrument)
        for path, params in (
            ("fapiprivate_post_margintype", {"marginType": "ISOLATED"}),
            ("fapiprivate_post_leverage", {"leverage": int(leverage)}),
        ):
            try:
                await self._rest.call(path, {"symbol": listed.market_id, **params})
            except Answered as answer:
                if answer.code != "-4046":  # it was isolated already
                    raise await self._raised("set_leverage", answer) from None

    # The private stream.

    async def _make_up_more(self, sink: ReportSink, since_ns: int) -> None:
        await self._tell_payments(sink)
        for forced in await self.forced_since(since_ns):
            sink.on_report(ForcedReported(venue=self.venue, at_ns=forced.at_ns, forced=forced))

    async def _tell_payments(self, sink: ReportSink) -> None:
        """Payments come from REST alone: the stream tells of them without their number."""
        for payment in await self.payments_since(self._payments_told - NS_PER_HOUR):
            self._payments_told = max(self._payments_told, payment.at_ns)
            sink.on_report(FundingReported(venue=self.venue, at_ns=payment.at_ns, payment=payment))

    def _funding_paid(self) -> None:
        if self._sink is not None:
            self._paid.set()

    async def _follow(self) -> None:
        """Make a listen key, follow it, keep it alive; a new one after it has died."""
        self._paid = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell_when_paid(), name=f"{self.venue} payments")
            group.create_task(self._follow_key(), name=f"{self.venue} listen key")

    async def _tell_when_paid(self) -> None:
        while True:
            await self._paid.wait()
            self._paid.clear()
            sink = self._sink
            if sink is not None:
                try:
                    await self._tell_payments(sink)
                except (OutcomeUnknown, VenueRefused, TryAgain):
                    await asyncio.sleep(1.0)
                    self._paid.set()

    async def _follow_key(self) -> None:
        while True:
            try:
                key = await self._read("listen key", self._new_key)
            except (TryAgain, OutcomeUnknown, VenueRefused) as error:
                self._state(connected=False, why=str(error))
                await asyncio.sleep(_KEY_RETRY_S)
                continue
            expired = asyncio.Event()
            stream = self._stream(
                self._user_data(key),
                lambda link, expired=expired: FuturesTalk(  # type: ignore[misc]
                    link, self.venue, self._by_market, self._say, self._funding_paid, expired.set
                ),
            )
            async with asyncio.TaskGroup() as group:
                following = group.create_task(stream.run(), name=f"{self.venue} user data")
                await self._keep_alive(expired)
                following.cancel()

    async def _new_key(self) -> str:
        return str((await self._rest.call("fapiprivate_post_listenkey"))["listenKey"])

    def _user_data(self, listen_key: str) -> str:
        """Address of the private stream."""
        origin = private_origin(self._wiring, FUTURES_PRIVATE)
        return f"{origin}/private/ws?listenKey={listen_key}"

    async def _keep_alive(self, expired: asyncio.Event) -> None:
        while True:
            try:
                async with asyncio.timeout(_LISTEN_EVERY_S):
                    await expired.wait()
                return
            except TimeoutError:
                pass
            try:
                await self._rest.call("fapiprivate_put_listenkey")
            except Answered:
                return
            except (OutcomeUnknown, TryAgain):
                continue


def private_origin(wiring: AccountWiring, own: str) -> str:
    if wiring.private:
        return wiring.private.rstrip("/")
    return own if wiring.endpoints is None else wiring.endpoints.stream.rstrip("/")


def make_binance(wiring: AccountWiring) -> BinanceOrders:
    if wiring.venue == VenueId("binance_futures"):
        return BinanceFuturesOrders(wiring)
    return BinanceSpotOrders(wiring)
