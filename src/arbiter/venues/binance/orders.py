"""Orders and the account at Binance, over signed REST: what all its markets share, and spot."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import plain
from arbiter.model.orders import Fill, Liquidity, Order, OrderStatus, OrderType, Side
from arbiter.model.reports import Holding, OrderTruth
from arbiter.model.time import NS_PER_MS
from arbiter.ports.venue import ReportSink
from arbiter.venues.binance.errors import VERDICTS, read_refusal
from arbiter.venues.binance.listing import market_key, spot_instruments
from arbiter.venues.binance.private import SpotTalk
from arbiter.venues.common.account import (
    AccountWiring,
    KeyRights,
    VenueAccount,
    status_from,
    understood,
)
from arbiter.venues.common.row_reading import each
from arbiter.venues.common.signed import SignedRest

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
PAGE = 1_000
_AT_ONCE = 5
"""Markets asked at the same time: each costs weight."""

SPOT_PRIVATE = "wss://ws-api.binance.com:443"


def private_origin(wiring: AccountWiring, own: str) -> str:
    if wiring.private:
        return wiring.private.rstrip("/")
    return own if wiring.endpoints is None else wiring.endpoints.stream.rstrip("/")


class BinanceOrders(VenueAccount):
    """What spot and futures have in common; `_paths` are ccxt's names of the endpoints."""

    verdicts = VERDICTS
    _order_path: str
    _cancel_path: str
    _open_path: str
    _trades_path: str
    _time_path: str
    _price_path: str
    _maker: str
    """Where a trade says that ours was the order that made."""

    @staticmethod
    @abstractmethod
    def _side(trade: Any) -> Side: ...

    def _known_as(self, instrument: Instrument, number: Any) -> str:
        return market_key(instrument, number)

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
        self._name(self._known_as(instrument, row["orderId"]), name)
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
        def read(row: Any) -> OrderTruth | None:
            listed = self._by_market.get(row["symbol"])
            return None if listed is None else self._truth(row, listed)

        return each("the open order", rows, read)

    async def _fills_since(self, since_ns: int) -> Sequence[Fill]:
        rows = await self._trades(since_ns)
        names = await self._owners(rows)

        def read(told: tuple[Instrument, Any]) -> Fill:
            instrument, row = told
            return Fill(
                venue=self.venue,
                venue_trade_id=market_key(instrument, row["id"]),
                client_order_id=names[instrument.id, row["orderId"]],
                instrument=instrument.id,
                side=self._side(row),
                size=Decimal(row["qty"]),
                price=Decimal(row["price"]),
                fee=Decimal(row["commission"]),
                fee_asset=row["commissionAsset"],
                liquidity=Liquidity.MAKER if row[self._maker] else Liquidity.TAKER,
                at_ns=int(row["time"]) * NS_PER_MS,
            )

        return each("the trade", rows, read)

    async def _trades(self, since_ns: int) -> list[tuple[Instrument, Any]]:
        """Own trades of every market traded, from a time on."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def of(instrument: Instrument) -> list[tuple[Instrument, Any]]:
            async with gate:
                return [(instrument, row) for row in await self._pages(instrument, since_ns)]

        found = await asyncio.gather(*(of(one) for one in self._by_market.values()))
        return [pair for rows in found for pair in rows]

    async def _pages(self, instrument: Instrument, since_ns: int) -> list[Any]:
        path = self._trades_path
        asked: dict[str, Any] = {"symbol": instrument.market_id, "limit": PAGE}
        found: list[Any] = []
        for times in self._windows(since_ns):
            rows: list[Any] = await self._rest.call(path, asked | times)
            found += rows
            if len(rows) < PAGE:
                continue
            while len(rows) == PAGE:  # from a number on there are no windows
                rows = await self._rest.call(path, asked | {"fromId": int(rows[-1]["id"]) + 1})
                found += rows
            break
        return found

    def _windows(self, since_ns: int) -> list[dict[str, int]]:
        """Times by which to ask for trades, so that each is told."""
        return [{"startTime": max(since_ns // NS_PER_MS, 1)}]

    async def _owners(
        self, rows: Sequence[tuple[Instrument, Any]]
    ) -> dict[tuple[InstrumentId, Any], ClientOrderId]:
        """Our ids of the orders behind trades, by market and number."""
        return {
            (instrument.id, row["orderId"]): await self._owner(instrument, str(row["orderId"]))
            for instrument, row in rows
            if "orderId" in row
        }

    async def _owner(self, instrument: Instrument, number: str) -> ClientOrderId:
        """Our id of an order known by the venue's; trades carry only the latter."""
        known = self._names.get(self._known_as(instrument, number))
        if known is not None:
            return known
        row = await self._rest.call(
            self._order_path, {"symbol": instrument.market_id, "orderId": number}
        )
        name = ClientOrderId(row["clientOrderId"])
        self._name(self._known_as(instrument, number), name)
        return name


class BinanceSpotOrders(BinanceOrders):
    _order_path = "private_get_order"
    _cancel_path = "private_delete_order"
    _open_path = "private_get_openorders"
    _trades_path = "private_get_mytrades"
    _time_path = "public_get_time"
    _price_path = "public_get_ticker_price"
    _maker = "isMaker"

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

    @staticmethod
    def _side(trade: Any) -> Side:
        return Side.BUY if trade["isBuyer"] else Side.SELL

    async def _holdings(self) -> Sequence[Holding]:
        told = await self._rest.call("private_get_account", {"omitZeroBalances": "true"})

        def read(row: Any) -> Holding:
            free, locked = Decimal(row["free"]), Decimal(row["locked"])
            return Holding(venue=self.venue, asset=Asset(row["asset"]), free=free, locked=locked)

        return each("the balance", told["balances"], read)

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
