"""Orders and the margin account at Binance's USD-M futures, over signed REST."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from arbiter.model.errors import NO_ANSWER, OutcomeUnknown, TryAgain
from arbiter.model.ids import Asset, InstrumentId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderType, Side
from arbiter.model.perpetuals import (
    ForcedCause,
    ForcedClose,
    FundingPayment,
    MarginBalance,
    VenuePosition,
)
from arbiter.model.reports import FillSettled, ForcedReported, FundingReported, Holding
from arbiter.model.time import NS_PER_HOUR, NS_PER_MS
from arbiter.ports.venue import ReportSink
from arbiter.venues.binance.errors import read_refusal
from arbiter.venues.binance.listing import (
    futures_instruments,
    margin_terms,
    market_key,
)
from arbiter.venues.binance.orders import PAGE, BinanceOrders, private_origin
from arbiter.venues.binance.private import FuturesTalk
from arbiter.venues.common.account import (
    AccountWiring,
    KeyRights,
    understood,
)
from arbiter.venues.common.signed import Answered, SignedRest, VenueRest

_WEEK_MS = 7 * 24 * NS_PER_HOUR // NS_PER_MS
_KEY_RETRY_S = 1.0
_LISTEN_EVERY_S = 1_200.0
FUTURES_PRIVATE = "wss://fstream.binance.com"


class BinanceFuturesOrders(BinanceOrders):
    """Also `ports.MarginClient`."""

    _order_path = "fapiprivate_get_order"
    _cancel_path = "fapiprivate_delete_order"
    _open_path = "fapiprivate_get_openorders"
    _trades_path = "fapiprivate_get_usertrades"
    _time_path = "fapipublic_get_time"
    _price_path = "fapipublic_get_ticker_price"
    _maker = "maker"

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

    @staticmethod
    def _side(trade: Any) -> Side:
        return Side(trade["side"])

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
            "limit": PAGE,
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
                    venue_trade_id=market_key(instrument, f"forced-{row['orderId']}"),
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
                except NO_ANSWER:
                    await asyncio.sleep(1.0)
                    self._paid.set()

    async def _follow_key(self) -> None:
        while True:
            try:
                key = await self._read("listen key", self._new_key)
            except NO_ANSWER as error:
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
