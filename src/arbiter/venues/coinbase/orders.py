"""Orders and the account at Coinbase Advanced Trade, spot.

The venue gives the order it has already made to whoever sends a client order id twice; it can be
asked for an order by its own number only, and cancels by that alone. Fills are not streamed: when
the user channel says that an order has come further, its fills are read, and told before its end.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import structlog

from arbiter.model.errors import NO_ANSWER, OutcomeUnknown
from arbiter.model.ids import Asset, ClientOrderId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, plain
from arbiter.model.orders import Fill, Order, OrderType, Side, TimeInForce
from arbiter.model.reports import Ended, Filled, Holding, OrderTruth, VenueReport
from arbiter.model.time import NS_PER_DAY, NS_PER_MS, NS_PER_S
from arbiter.ports.venue import ReportSink
from arbiter.venues.coinbase.addresses import PRIVATE, STREAM
from arbiter.venues.coinbase.auth import CoinbaseRest
from arbiter.venues.coinbase.errors import CLOCK, UNAUTHORIZED, VERDICTS
from arbiter.venues.coinbase.listing import (
    DEFAULT_FEES,
    asset_of,
    fees_of,
    spot_instruments,
)
from arbiter.venues.coinbase.private import PrivateTalk, Progress, fill_of, order_truth
from arbiter.venues.common.account import AccountWiring, KeyRights, VenueAccount, understood
from arbiter.venues.common.clock_offset import ClockReading
from arbiter.venues.common.our_names import our_name
from arbiter.venues.common.row_reading import each
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.used_names import UsedNames
from arbiter.venues.common.verdicts import Verdict

log = structlog.get_logger(__name__)

SAFE_KEY = (
    "make a key at portal.cdp.coinbase.com with the rights View and Trade, without Transfer, for "
    "this portfolio and this machine's address alone"
)
_ORDERS = "v3PrivateGetBrokerageOrdersHistoricalBatch"
_FILLS = "v3PrivateGetBrokerageOrdersHistoricalFills"
_PAGE = 250
_PAGES = 100
_ASKED_AT_ONCE = 50
"""Orders in one question by the venue's numbers."""
_LOOK_BACK_NS = 7 * NS_PER_DAY
_MARGIN_NS = 60 * NS_PER_S
_FAR_MS = 5_000
"""A correction of the clock beyond this explains why a token was not accepted."""
_AGAIN_S = 0.1
_TRIES = 30
"""Looks for fills that the channel speaks of; then reconciliation takes over."""
_KEEP = 50_000
_WORST = Decimal("1.05")
"""Price limit of a market buy, of the planned price: the venue's own are sized in quote."""


class CoinbaseOrders(VenueAccount):
    verdicts = VERDICTS

    def __init__(self, wiring: AccountWiring) -> None:
        rest = CoinbaseRest(wiring.keys, wiring.endpoints, wiring.timeout_s)
        super().__init__(wiring, rest)
        self._coinbase = rest
        self._used = UsedNames(VERDICTS)
        self._numbers: dict[ClientOrderId, str] = {}
        """The venue's numbers by our ids."""
        self._said: dict[str, None] = {}
        """Fills told, by the venue's id."""
        self._filled: dict[ClientOrderId, Decimal] = {}
        """How much of an order has been told as fills."""
        self._progress: dict[str, Progress] = {}
        """By number, what of it is still to be told."""
        self._news = asyncio.Event()

    # Asking.

    async def _signed(self, endpoint: str, params: dict[str, Any] | None = None) -> Any:
        try:
            return await self._rest.call(endpoint, params)
        except Answered as answer:
            if answer.code != UNAUTHORIZED:
                raise
            before = self._rest.offset_ms
            reading: ClockReading | None = await self.correct_clock()
            if reading is None or abs(reading.offset_ms - before) < _FAR_MS:
                raise
            raise Answered(answer.status, CLOCK, "unauthorized: the clock was off") from None

    async def _rows(self, endpoint: str, part: str, params: dict[str, Any]) -> list[Any]:
        """All pages of a list."""
        rows: list[Any] = []
        asked = {"limit": _PAGE} | params
        for _ in range(_PAGES):
            told = await self._signed(endpoint, asked)
            rows += told[part]
            cursor = told.get("cursor")
            if not cursor or not told[part] or told.get("has_next") is False:
                return rows
            asked = asked | {"cursor": cursor}
        raise OutcomeUnknown(f"{endpoint}: rows without end")

    async def _server_ms(self) -> int:
        return int((await self._rest.call("v3PublicGetBrokerageTime"))["epochMillis"])

    # The listing.

    async def _list(self) -> Sequence[Instrument]:
        told = await self._rest.call("v3PublicGetBrokerageMarketProducts")
        fees = DEFAULT_FEES
        if self._wiring.keys is not None:
            fees = fees_of(await self._signed("v3PrivateGetBrokerageTransactionSummary"))
        return spot_instruments(told["products"], self.venue, fees)

    async def _last_prices(self) -> Mapping[str, Decimal]:
        told = await self._rest.call("v3PublicGetBrokerageMarketProducts")
        return {r["product_id"]: Decimal(r["price"]) for r in told["products"] if r.get("price")}

    # Orders.

    async def _place(self, order: Order, instrument: Instrument) -> VenueOrderId:
        params = {
            "client_order_id": order.client_order_id,
            "product_id": instrument.market_id,
            "side": order.side.value,
            "order_configuration": _configuration(order, instrument),
        }
        with self._used.sending(order.client_order_id):
            told = await self._signed("v3PrivatePostBrokerageOrders", params)
        try:
            return VenueOrderId(told["success_response"]["order_id"])
        except (KeyError, TypeError):
            raise OutcomeUnknown("an order without a number") from None

    async def _cancel(self, order: Order, instrument: Instrument) -> None:
        name = order.client_order_id
        number = self._numbers.get(name)
        if number is None:
            truth = await self._query(name, instrument)
            if truth is None:
                raise Answered(200, "UNKNOWN_CANCEL_ORDER", f"no order is called {name}")
            number = truth.venue_order_id
        told = await self._signed(
            "v3PrivatePostBrokerageOrdersBatchCancel", {"order_ids": [number]}
        )
        result = told["results"][0]
        why = str(result.get("failure_reason", ""))
        if result.get("success") is not True and why != "DUPLICATE_CANCEL_REQUEST":
            raise Answered(200, why, f"not cancelled: {why}")

    async def _query(
        self, client_order_id: ClientOrderId, instrument: Instrument
    ) -> OrderTruth | None:
        """By its number where that is known, else among all since the trade was decided."""
        number = self._numbers.get(client_order_id)
        if number is not None:
            row = await self._order(number)
        else:
            row = await self._named(client_order_id, instrument)
        if row is None:
            return None
        self._name(row["order_id"], client_order_id)
        return order_truth(row, self.venue, instrument)

    async def _order(self, number: str) -> Any:
        endpoint = "v3PrivateGetBrokerageOrdersHistoricalOrderId"
        try:
            return (await self._signed(endpoint, {"order_id": number}))["order"]
        except Answered as answer:
            if self.verdicts.of(answer) is Verdict.ABSENT:
                return None
            raise

    async def _named(self, name: ClientOrderId, instrument: Instrument) -> Any:
        ours = our_name(name)
        since_ns = self._clock.now_ns() - NS_PER_DAY if ours is None else ours.made_ns
        params = {
            "product_ids": [instrument.market_id],
            "start_date": _iso(self._theirs(since_ns) - _MARGIN_NS),
        }
        rows = await self._rows(_ORDERS, "orders", params)
        return next((row for row in rows if row["client_order_id"] == name), None)

    async def _open_orders(self) -> Sequence[OrderTruth]:
        def read(row: Any) -> OrderTruth | None:
            instrument = self._by_market.get(row["product_id"])
            if instrument is None:
                return None
            truth = order_truth(row, self.venue, instrument)
            self._name(truth.venue_order_id or "", truth.client_order_id)
            return truth

        rows = await self._rows(_ORDERS, "orders", {"order_status": ["OPEN"]})
        return each("the open order", rows, read)

    async def _fills_since(self, since_ns: int) -> Sequence[Fill]:
        if since_ns <= 0:
            since_ns = self._clock.now_ns() - _LOOK_BACK_NS
        params = {"start_sequence_timestamp": _iso(since_ns - NS_PER_S)}
        made = await self._fills(params)
        return [fill for fill in made if fill.at_ns >= since_ns]

    async def _fills(self, params: dict[str, Any]) -> list[Fill]:
        rows = await self._rows(_FILLS, "fills", params)
        await self._learn_names({row["order_id"] for row in rows if "order_id" in row})

        def read(row: Any) -> Fill | None:
            instrument = self._by_market.get(row["product_id"])
            if instrument is None or row["trade_type"] != "FILL":
                return None
            name = self._names.get(row["order_id"], ClientOrderId(row["order_id"]))
            return fill_of(row, self.venue, instrument, name)

        made = {fill.venue_trade_id: fill for fill in each("the fill", rows, read)}
        return sorted(made.values(), key=lambda fill: (fill.at_ns, fill.venue_trade_id))

    async def _learn_names(self, numbers: Iterable[str]) -> None:
        """Fills name their order by the venue's number alone: ask what we called it."""
        unknown = sorted(number for number in numbers if number not in self._names)
        for start in range(0, len(unknown), _ASKED_AT_ONCE):
            asked = unknown[start : start + _ASKED_AT_ONCE]
            for row in await self._rows(_ORDERS, "orders", {"order_ids": asked}):
                self._name(row["order_id"], ClientOrderId(row["client_order_id"]))

    def _name(self, number: str, name: ClientOrderId) -> None:
        super()._name(number, name)
        _remember(self._numbers, name, number)

    # The account.

    async def _holdings(self) -> Sequence[Holding]:
        free: dict[Asset, Decimal] = {}
        locked: dict[Asset, Decimal] = {}
        for row in await self._rows("v3PrivateGetBrokerageAccounts", "accounts", {}):
            asset = asset_of(row["currency"])
            free[asset] = free.get(asset, ZERO) + Decimal(row["available_balance"]["value"])
            locked[asset] = locked.get(asset, ZERO) + Decimal((row.get("hold") or _NONE)["value"])
        return [
            Holding(venue=self.venue, asset=asset, free=amount, locked=locked[asset])
            for asset, amount in free.items()
        ]

    @understood
    async def rights(self) -> KeyRights:
        """Coinbase does not tell to which addresses a key is bound."""
        told = await self._read(
            "rights", lambda: self._signed("v3PrivateGetBrokerageKeyPermissions")
        )
        return KeyRights(
            can_trade=told["can_trade"] is True and told["can_view"] is True,
            can_withdraw=told["can_transfer"] is True,
            restricted_to_ip=True,
            safe_key=SAFE_KEY,
        )

    # The private stream.

    async def _make_up_more(self, sink: ReportSink, since_ns: int) -> None:
        """Fills and ends are all there is to miss."""

    async def _follow(self) -> None:
        wiring = self._wiring
        origin = wiring.private or (wiring.endpoints.stream if wiring.endpoints else PRIVATE)
        stream = self._stream(
            origin.rstrip("/") + STREAM,
            lambda link: PrivateTalk(link, self._coinbase.stream_token, self._heard),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(stream.run(), name=f"{self.venue} user channel")
            group.create_task(self._tell_progress(), name=f"{self.venue} fills")

    def _say(self, report: VenueReport) -> None:
        """Tell a fill once, whether the channel or reconciliation came upon it first."""
        if isinstance(report, Filled):
            fill = report.fill
            if fill.venue_trade_id in self._said:
                return
            _remember(self._said, fill.venue_trade_id, None)
            told = self._filled.get(fill.client_order_id, ZERO)
            _remember(self._filled, fill.client_order_id, told + fill.size)
        super()._say(report)

    def _heard(self, progress: Progress) -> None:
        order = progress.order
        if order.product_id not in self._by_market:
            return
        self._name(order.order_id, ClientOrderId(order.client_order_id))
        if progress.status.terminal or order.cumulative_quantity:
            self._progress[order.order_id] = progress
            self._news.set()

    async def _tell_progress(self) -> None:
        """Tell of every order that has come further: its fills, then its end."""
        tries: Counter[str] = Counter()
        while True:
            if not self._progress:
                tries.clear()
                await self._news.wait()
            self._news.clear()
            now = dict(self._progress)
            try:
                done = await self._tell(now)
            except NO_ANSWER as error:
                log.warning("fills are not to be had", venue=self.venue, why=str(error))
                done = []
            tries.update(list(now))
            # Whoever has not ended by then is asked about as overdue.
            done += [number for number, count in tries.items() if count >= _TRIES and number in now]
            for number in done:
                tries.pop(number, None)
                if self._progress.get(number) is now[number]:
                    del self._progress[number]
            if not done:
                await asyncio.sleep(_AGAIN_S)

    async def _tell(self, news: Mapping[str, Progress]) -> list[str]:
        """Give the numbers of the orders of which all has been told."""
        behind = [n for n, one in news.items() if self._untold(one)]
        for start in range(0, len(behind), _ASKED_AT_ONCE):
            asked = {"order_ids": behind[start : start + _ASKED_AT_ONCE]}
            for fill in await self._read("fills", partial(self._fills, asked)):
                self._say(Filled(venue=self.venue, at_ns=fill.at_ns, fill=fill))
        done = []
        for number, one in news.items():
            if self._untold(one):
                continue
            done.append(number)
            if one.status.terminal:
                self._say(self._ended(one))
        return done

    def _untold(self, progress: Progress) -> bool:
        name = ClientOrderId(progress.order.client_order_id)
        return self._filled.get(name, ZERO) < progress.order.cumulative_quantity

    def _ended(self, progress: Progress) -> Ended:
        return Ended(
            venue=self.venue,
            at_ns=progress.at_ns,
            client_order_id=ClientOrderId(progress.order.client_order_id),
            status=progress.status,
            filled_size=progress.order.cumulative_quantity,
            reason=progress.reason,
        )


_NONE = {"value": "0"}


def _configuration(order: Order, instrument: Instrument) -> dict[str, Any]:
    """Say what kind of order it is. A market buy goes as a limit that takes at once."""
    size = plain(order.size)
    if order.type is OrderType.MARKET and order.side is Side.SELL:
        return {"market_market_ioc": {"base_size": size}}
    if order.type is OrderType.MARKET:
        limit = instrument.ceil_price(order.planned_price * _WORST)
        return {"sor_limit_ioc": {"base_size": size, "limit_price": plain(limit)}}
    assert order.price is not None, "a limit order has a price"
    priced = {"base_size": size, "limit_price": plain(order.price)}
    if order.time_in_force is TimeInForce.IOC:
        return {"sor_limit_ioc": priced}
    if order.time_in_force is TimeInForce.FOK:
        return {"limit_limit_fok": priced}
    return {"limit_limit_gtc": priced | {"post_only": order.post_only}}


def _iso(at_ns: int) -> str:
    whole = datetime.fromtimestamp(max(at_ns, 0) // NS_PER_S, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{max(at_ns, 0) // NS_PER_MS % 1_000:03d}Z"


def _remember(kept: dict[Any, Any], key: Any, value: Any) -> None:
    kept[key] = value
    if len(kept) > _KEEP:
        del kept[next(iter(kept))]
