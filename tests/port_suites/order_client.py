"""Acceptance cases OC-01 … OC-22 for every order client, of spot and on margin.

A subclass gives the fixture `desk`: a running client on a venue that displays a market of about 50
units of quote on each side, refreshed several times a second, and a funded account. What an
account on margin has to do beyond that is in `margin_client`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from uuid import UUID

from msgspec.structs import replace

from arbiter.model.ids import (
    ENGINE,
    Asset,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    TradeId,
)
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import (
    Fill,
    Liquidity,
    Order,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from arbiter.model.perpetuals import (
    MarginPosition,
    VenuePosition,
    contract_of,
    executed,
    is_margined,
)
from arbiter.model.reports import (
    Absent,
    Accepted,
    CancelRefused,
    Ended,
    Filled,
    OrderTruth,
    Refused,
    VenueReport,
)
from arbiter.ports.venue import MarginClient, OrderClient

_names = count(1)


class ReportLog:
    """A sink that keeps all reports and wakes whoever waits for one."""

    def __init__(self) -> None:
        self.reports: list[VenueReport] = []
        self._news = asyncio.Event()

    def on_report(self, report: VenueReport) -> None:
        self.reports.append(report)
        self._news.set()

    async def until(self, found: Callable[[], bool]) -> None:
        """Wait until `found` holds; the test's own time-out ends a wait in vain."""
        while not found():
            self._news.clear()
            await self._news.wait()

    def fills(self, name: ClientOrderId) -> list[Fill]:
        return [
            report.fill
            for report in self.reports
            if isinstance(report, Filled) and report.fill.client_order_id == name
        ]

    async def end(self, name: ClientOrderId) -> Ended:
        """Wait for the end of an order."""

        def ends() -> list[Ended]:
            return [
                report
                for report in self.reports
                if isinstance(report, Ended) and report.client_order_id == name
            ]

        await self.until(lambda: bool(ends()))
        return ends()[0]


@dataclass
class OrderDesk:
    """A client under test with what a case needs to trade through it."""

    client: OrderClient
    instrument: Instrument
    price: Decimal
    """About the market's price."""
    log: ReportLog = field(default_factory=ReportLog)

    def order(
        self,
        side: Side = Side.BUY,
        *,
        usd: int = 20,
        away: str = "0.02",
        tif: TimeInForce = TimeInForce.GTC,
        post_only: bool = False,
        market: bool = False,
        reduce: bool = False,
    ) -> Order:
        """Make an order of about `usd`; `away` is how far beyond the market its limit lies."""
        limit = self.price * (1 + Decimal(away) * side.sign)
        return Order(
            client_order_id=ClientOrderId(f"case-{next(_names)}"),
            strategy=StrategyId("suite"),
            actor=ENGINE,
            trade_id=TradeId(UUID(int=1)),
            leg="a",
            instrument=self.instrument.id,
            venue=self.instrument.venue,
            symbol=self.instrument.symbol,
            side=side,
            type=OrderType.MARKET if market else OrderType.LIMIT,
            time_in_force=tif,
            post_only=post_only,
            reduce_only=reduce,
            size=self.instrument.floor_size(Decimal(usd) / self.price),
            price=None if market else self.instrument.floor_price(limit),
            planned_price=self.price,
            created_ns=0,
            updated_ns=0,
        )

    @property
    def on_margin(self) -> bool:
        return is_margined(self.instrument)

    @property
    def margin(self) -> MarginClient:
        assert isinstance(self.client, MarginClient)
        return self.client

    async def trade(self, order: Order) -> list[Fill]:
        """Send an order that is accepted, wait for its end, and give its fills."""
        answer = await self.client.submit(order)
        assert isinstance(answer, Accepted), answer
        await self.log.end(order.client_order_id)
        return self.log.fills(order.client_order_id)

    async def totals(self) -> dict[Asset, Decimal]:
        """What the account owns, without what open positions have gained or lost."""
        if self.on_margin:
            return {told.asset: told.wallet for told in await self.margin.margin_balances()}
        return {holding.asset: holding.total for holding in await self.client.holdings()}

    async def locked(self) -> Decimal:
        """What is set aside of that which an order to sell needs."""
        if self.on_margin:
            told = await self.margin.margin_balances()
            return next(b.reserved for b in told if b.asset == self.instrument.settle)
        base = self.instrument.base
        return next(h.locked for h in await self.client.holdings() if h.asset == base)

    async def position(self) -> VenuePosition | None:
        """The position in the instrument; None when flat."""
        told = await self.margin.positions()
        return next((p for p in told if p.instrument == self.instrument.id), None)

    async def flatten(self) -> None:
        """Close what an earlier case has left open."""
        while (held := await self.position()) is not None:
            side = Side.SELL if held.quantity > ZERO else Side.BUY
            order = self.order(side, tif=TimeInForce.IOC, reduce=True)
            await self.trade(replace(order, size=abs(held.quantity)))


class OrderClientSuite:
    async def test_oc01_marketable_order_is_accepted_filled_and_ended(
        self, desk: OrderDesk
    ) -> None:
        order = desk.order(tif=TimeInForce.IOC)
        answer = await desk.client.submit(order)
        assert isinstance(answer, Accepted)
        assert answer.client_order_id == order.client_order_id
        ended = await desk.log.end(order.client_order_id)
        fills = desk.log.fills(order.client_order_id)
        assert ended.status is OrderStatus.FILLED
        assert ended.filled_size == sum(fill.size for fill in fills) == order.size

    async def test_oc02_order_beyond_the_displayed_size_fills_in_parts(
        self, desk: OrderDesk
    ) -> None:
        order = desk.order(usd=120)
        assert isinstance(await desk.client.submit(order), Accepted)
        ended = await desk.log.end(order.client_order_id)
        fills = desk.log.fills(order.client_order_id)
        assert ended.status is OrderStatus.FILLED
        assert len(fills) > 1
        assert sum(fill.size for fill in fills) == order.size
        assert fills[0].liquidity is Liquidity.TAKER

    async def test_oc03_ioc_takes_what_there_is_and_expires(self, desk: OrderDesk) -> None:
        order = desk.order(usd=500, tif=TimeInForce.IOC)
        await desk.client.submit(order)
        ended = await desk.log.end(order.client_order_id)
        assert ended.status in {OrderStatus.EXPIRED, OrderStatus.CANCELLED}
        assert ZERO < ended.filled_size < order.size
        assert ended.filled_size == sum(f.size for f in desk.log.fills(order.client_order_id))

    async def test_oc04_ioc_that_does_not_cross_expires_unfilled(self, desk: OrderDesk) -> None:
        order = desk.order(away="-0.1", tif=TimeInForce.IOC)
        assert isinstance(await desk.client.submit(order), Accepted)
        ended = await desk.log.end(order.client_order_id)
        assert (ended.filled_size, desk.log.fills(order.client_order_id)) == (ZERO, [])

    async def test_oc05_fok_is_all_or_nothing(self, desk: OrderDesk) -> None:
        """Where a venue has no such order, none is sent."""
        large = desk.order(usd=500, tif=TimeInForce.FOK)
        answer = await desk.client.submit(large)
        if isinstance(answer, Refused) and answer.code == "NOT_SENT":
            small = desk.order(usd=20, tif=TimeInForce.FOK)
            assert isinstance(await desk.client.submit(small), Refused)
            assert desk.log.reports == []
            return
        assert (await desk.log.end(large.client_order_id)).filled_size == ZERO
        small = desk.order(usd=20, tif=TimeInForce.FOK)
        await desk.client.submit(small)
        assert (await desk.log.end(small.client_order_id)).filled_size == small.size

    async def test_oc06_market_order_fills(self, desk: OrderDesk) -> None:
        order = desk.order(Side.SELL, market=True)
        assert isinstance(await desk.client.submit(order), Accepted)
        ended = await desk.log.end(order.client_order_id)
        assert ended.filled_size == order.size

    async def test_oc07_post_only_that_would_take_never_trades(self, desk: OrderDesk) -> None:
        order = desk.order(post_only=True)
        answer = await desk.client.submit(order)
        if isinstance(answer, Accepted):
            assert (await desk.log.end(order.client_order_id)).filled_size == ZERO
        else:
            assert isinstance(answer, Refused)
        assert desk.log.fills(order.client_order_id) == []

    async def test_oc08_order_off_the_tick_is_refused_with_the_venues_code(
        self, desk: OrderDesk
    ) -> None:
        good = desk.order()
        assert good.price is not None
        order = replace(good, price=good.price + desk.instrument.tick / 4)
        answer = await desk.client.submit(order)
        assert isinstance(answer, Refused)
        assert answer.code
        assert answer.code != "NOT_SENT"

    async def test_oc09_order_off_the_lot_is_refused(self, desk: OrderDesk) -> None:
        good = desk.order()
        order = replace(good, size=good.size + desk.instrument.lot / 2)
        assert isinstance(await desk.client.submit(order), Refused)

    async def test_oc10_order_below_the_minimum_is_refused(self, desk: OrderDesk) -> None:
        order = replace(desk.order(), size=desk.instrument.lot)
        assert isinstance(await desk.client.submit(order), Refused)

    async def test_oc11_order_beyond_the_balance_is_refused(self, desk: OrderDesk) -> None:
        assert isinstance(await desk.client.submit(desk.order(usd=10_000_000)), Refused)

    async def test_oc12_refused_order_does_not_exist(self, desk: OrderDesk) -> None:
        order = desk.order(usd=10_000_000)
        await desk.client.submit(order)
        truth = await desk.client.query(order.client_order_id, order.instrument)
        assert isinstance(truth, Absent)

    async def test_oc13_client_order_id_is_good_for_one_order(self, desk: OrderDesk) -> None:
        order = desk.order(tif=TimeInForce.IOC)
        await desk.client.submit(order)
        await desk.log.end(order.client_order_id)
        assert isinstance(await desk.client.submit(order), Refused)
        fills = [
            fill
            for fill in await desk.client.fills_since(0)
            if fill.client_order_id == order.client_order_id
        ]
        assert sum(fill.size for fill in fills) == order.size

    async def test_oc14_unknown_order_is_absent(self, desk: OrderDesk) -> None:
        truth = await desk.client.query(ClientOrderId("never-sent"), desk.instrument.id)
        assert isinstance(truth, Absent)

    async def test_oc15_resting_order_is_open_locks_funds_and_can_be_cancelled(
        self, desk: OrderDesk
    ) -> None:
        before = await desk.locked()
        order = desk.order(Side.SELL, away="-0.1")
        await desk.client.submit(order)
        assert order.client_order_id in {
            truth.client_order_id for truth in await desk.client.open_orders()
        }
        locked = await desk.locked() - before
        assert locked > ZERO if desk.on_margin else locked == order.size
        await desk.client.cancel(order)
        ended = await desk.log.end(order.client_order_id)
        assert (ended.status, ended.filled_size) == (OrderStatus.CANCELLED, ZERO)
        assert order.client_order_id not in {
            truth.client_order_id for truth in await desk.client.open_orders()
        }
        assert await desk.locked() == before

    async def test_oc16_cancel_of_a_filled_order_is_refused(self, desk: OrderDesk) -> None:
        order = desk.order(tif=TimeInForce.IOC)
        await desk.client.submit(order)
        await desk.log.end(order.client_order_id)
        await desk.client.cancel(order)
        await desk.log.until(
            lambda: any(
                isinstance(r, CancelRefused) and r.client_order_id == order.client_order_id
                for r in desk.log.reports
            )
        )

    async def test_oc17_query_tells_the_truth_of_an_ended_order(self, desk: OrderDesk) -> None:
        order = desk.order(tif=TimeInForce.IOC)
        await desk.client.submit(order)
        await desk.log.end(order.client_order_id)
        truth = await desk.client.query(order.client_order_id, order.instrument)
        assert isinstance(truth, OrderTruth)
        assert (truth.status, truth.filled_size) == (OrderStatus.FILLED, order.size)

    async def test_oc18_fills_since_repeats_what_the_stream_said(self, desk: OrderDesk) -> None:
        first = desk.order(tif=TimeInForce.IOC)
        await desk.client.submit(first)
        await desk.log.end(first.client_order_id)
        second = desk.order(Side.SELL, tif=TimeInForce.IOC)
        await desk.client.submit(second)
        await desk.log.end(second.client_order_id)
        told = desk.log.fills(first.client_order_id) + desk.log.fills(second.client_order_id)
        assert list(await desk.client.fills_since(told[0].at_ns)) == told
        later = desk.log.fills(second.client_order_id)
        assert list(await desk.client.fills_since(later[0].at_ns)) == later

    async def test_oc19_money_moves_by_fills_and_fees_to_the_last_unit(
        self, desk: OrderDesk
    ) -> None:
        """A spot account by sizes and values, one on margin by what closing has realized."""
        if desk.on_margin:
            await desk.flatten()
        expected = await desk.totals()
        fills: list[Fill] = []
        for side in (Side.BUY, Side.SELL):
            fills += await desk.trade(desk.order(side))
        for asset, amount in moved(desk.instrument, fills).items():
            expected[asset] += amount
        assert await desk.totals() == expected

    async def test_oc20_venue_lists_the_instrument_with_its_rules(self, desk: OrderDesk) -> None:
        listed = {instrument.id: instrument for instrument in await desk.client.instruments()}
        assert listed[desk.instrument.id] == desk.instrument

    async def test_oc21_many_orders_at_once_each_get_their_own_answer(
        self, desk: OrderDesk
    ) -> None:
        orders = [desk.order(Side.SELL, away="-0.1", usd=10) for _ in range(20)]
        answers = await asyncio.gather(*(desk.client.submit(order) for order in orders))
        for order, answer in zip(orders, answers, strict=True):
            assert isinstance(answer, Accepted)
            assert answer.client_order_id == order.client_order_id

    async def test_oc22_order_in_a_market_the_venue_does_not_have_is_refused(
        self, desk: OrderDesk
    ) -> None:
        order = replace(desk.order(), instrument=InstrumentId("NOPE.NOWHERE"))
        answer = await desk.client.submit(order)
        assert isinstance(answer, Refused)


def moved(instrument: Instrument, fills: list[Fill]) -> dict[Asset, Decimal]:
    """What fills change in an account that was flat: fees, and sizes or realized PnL."""
    changes: dict[Asset, Decimal] = {}

    def change(asset: Asset, amount: Decimal) -> None:
        changes[asset] = changes.get(asset, ZERO) + amount

    held = MarginPosition(instrument=instrument.id)
    for fill in fills:
        signed = fill.side.sign * fill.size
        change(Asset(fill.fee_asset), -fill.fee)
        if is_margined(instrument):
            held = executed(held, contract_of(instrument, ONE), signed, fill.price, fill.at_ns)
        else:
            change(instrument.base, signed)
            change(instrument.quote, -signed * fill.price)
    if is_margined(instrument):
        change(instrument.settle, held.realized_pnl)
    return changes
