"""Acceptance cases MC-01 … MC-14 for every order client of perpetuals, after OC-01 … OC-22.

A subclass gives the fixture `desk`: a `MarginDesk` on a venue as `order_client` asks for, with the
acts by which the venue's own side of things is brought about.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

import pytest
from msgspec.structs import replace

from arbiter.model.errors import VenueRefused
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderStatus, Side, TimeInForce
from arbiter.model.perpetuals import ForcedCause, MarginBalance, VenuePosition
from arbiter.model.reports import Accepted, ForcedReported, FundingReported, Refused
from tests.port_suites.order_client import OrderClientSuite, OrderDesk, moved

Act = Callable[[], Awaitable[None]]
R = TypeVar("R", FundingReported, ForcedReported)
_IOC = TimeInForce.IOC


@dataclass
class MarginDesk(OrderDesk):
    """An account on margin, and what only its venue can do; None where it does not do that."""

    settle: Act | None = None
    """Let funding fall due."""
    liquidate: Act | None = None
    """Show the mark that ends the position."""
    deleverage: Act | None = None
    """Close the whole position against a loser's."""

    async def balance(self) -> MarginBalance:
        told = await self.margin.margin_balances()
        return next(b for b in told if b.asset == self.instrument.settle)

    async def open(self, side: Side = Side.BUY, *, leverage: int = 5) -> VenuePosition:
        """Open a position of some 40 units of quote, and no other."""
        await self.flatten()
        await self.margin.set_leverage(self.instrument.id, Decimal(leverage))
        await self.trade(self.order(side, usd=40))
        held = await self.position()
        assert held is not None
        return held

    async def told(self, kind: type[R]) -> list[R]:
        """Wait for reports of a kind; one that came twice counts once."""

        def found() -> list[R]:
            return [report for report in self.log.reports if isinstance(report, kind)]

        await self.log.until(lambda: bool(found()))
        return list(dict.fromkeys(found()))


def able(act: Act | None) -> Act:
    return pytest.skip("the venue's side cannot be brought about here") if act is None else act


class MarginClientSuite(OrderClientSuite):
    async def test_mc01_leverage_is_that_of_the_next_position(self, desk: MarginDesk) -> None:
        for leverage in (5, 10):
            held = await desk.open(leverage=leverage)
            assert held.leverage == leverage
            share = held.margin * leverage / (held.quantity * held.entry_price)
            assert Decimal("0.95") < share < Decimal("1.05")

    async def test_mc02_leverage_beyond_the_maximum_is_refused(self, desk: MarginDesk) -> None:
        await desk.flatten()
        with pytest.raises(VenueRefused):
            await desk.margin.set_leverage(desk.instrument.id, Decimal(500))

    @pytest.mark.parametrize("side", Side)
    async def test_mc03_bought_is_long_and_sold_is_short(
        self, desk: MarginDesk, side: Side
    ) -> None:
        await desk.flatten()
        fills = await desk.trade(desk.order(side))
        held = await desk.position()
        assert held is not None
        size = sum(fill.size for fill in fills)
        assert held.quantity == side.sign * size
        value = sum((fill.size * fill.price for fill in fills), ZERO)
        assert abs(held.entry_price - value / size) <= desk.instrument.tick

    async def test_mc04_order_beyond_the_position_flips_it(self, desk: MarginDesk) -> None:
        held = await desk.open()
        order = desk.order(Side.SELL)
        await desk.trade(replace(order, size=held.quantity + order.size))
        after = await desk.position()
        assert after is not None
        assert after.quantity == -order.size

    @pytest.mark.parametrize("side", Side)
    async def test_mc05_reduce_only_closes_and_never_flips(
        self, desk: MarginDesk, side: Side
    ) -> None:
        held = await desk.open(side)
        order = desk.order(side.opposite, tif=_IOC, reduce=True)
        larger = replace(order, size=abs(held.quantity) + order.size)
        answer = await desk.client.submit(larger)
        if isinstance(answer, Accepted):
            filled = (await desk.log.end(larger.client_order_id)).filled_size
            assert ZERO < filled <= abs(held.quantity)
            after = await desk.position()
            left = ZERO if after is None else after.quantity
            assert left == held.quantity - side.sign * filled
        else:
            assert isinstance(answer, Refused)
            assert await desk.position() is not None

    @pytest.mark.parametrize("side", Side)
    async def test_mc06_reduce_only_that_has_nothing_to_reduce_opens_nothing(
        self, desk: MarginDesk, side: Side
    ) -> None:
        await desk.flatten()
        assert await never_fills(desk, desk.order(side, tif=_IOC, reduce=True))
        held = await desk.open(side)
        assert await never_fills(desk, desk.order(side, tif=_IOC, reduce=True))
        after = await desk.position()
        assert after is not None
        assert after.quantity == held.quantity

    async def test_mc07_liquidation_lies_on_the_losing_side_of_the_entry(
        self, desk: MarginDesk
    ) -> None:
        long = await desk.open(Side.BUY)
        short = await desk.open(Side.SELL)
        assert long.liquidation_price is not None
        assert short.liquidation_price is not None
        assert ZERO < long.liquidation_price < long.entry_price
        assert short.liquidation_price > short.entry_price

    async def test_mc08_position_reserves_its_margin_until_it_is_closed(
        self, desk: MarginDesk
    ) -> None:
        await desk.flatten()
        before = await desk.balance()
        held = await desk.open()
        during = await desk.balance()
        assert during.reserved - before.reserved > held.margin / 2
        assert during.free < before.free
        await desk.flatten()
        assert await desk.position() is None
        assert (await desk.balance()).reserved == before.reserved

    async def test_mc09_unrealized_profit_is_none_of_the_wallets(self, desk: MarginDesk) -> None:
        """Opening costs its fee alone, whatever the position is worth the moment after."""
        await desk.flatten()
        before = (await desk.balance()).wallet
        fills = await desk.trade(desk.order(usd=40))
        change = moved(desk.instrument, fills)[desk.instrument.settle]
        assert change == -sum(fill.fee for fill in fills)
        assert (await desk.balance()).wallet == before + change

    async def test_mc10_funding_moves_the_wallet_by_what_is_told_once(
        self, desk: MarginDesk
    ) -> None:
        settle = able(desk.settle)
        held = await desk.open()
        before = await desk.balance()
        await settle()
        (report,) = await desk.told(FundingReported)
        paid = report.payment
        assert (paid.instrument, paid.asset) == (desk.instrument.id, desk.instrument.settle)
        if paid.quantity or paid.rate:  # not every venue says for what it was paid
            assert paid.quantity == held.quantity
            assert (paid.amount < ZERO) == (paid.rate > ZERO), "a positive rate is paid by longs"
        assert (await desk.balance()).wallet - before.wallet == paid.amount

    async def test_mc11_payments_since_repeats_what_the_stream_said(self, desk: MarginDesk) -> None:
        settle = able(desk.settle)
        await desk.open()
        await settle()
        (report,) = await desk.told(FundingReported)
        at_ns = report.payment.at_ns
        assert list(await desk.margin.payments_since(at_ns)) == [report.payment]
        assert not await desk.margin.payments_since(at_ns + 1_000_000_000)

    @pytest.mark.parametrize("side", Side)
    async def test_mc12_liquidation_closes_the_position_and_is_told(
        self, desk: MarginDesk, side: Side
    ) -> None:
        liquidate = able(desk.liquidate)
        held = await desk.open(side, leverage=10)
        before = await desk.balance()
        await liquidate()
        await forced_alike(desk, held, ForcedCause.LIQUIDATION)
        lost = before.wallet - (await desk.balance()).wallet
        assert ZERO < lost <= held.margin * 2

    async def test_mc13_deleveraging_closes_the_position_and_is_told(
        self, desk: MarginDesk
    ) -> None:
        deleverage = able(desk.deleverage)
        held = await desk.open(leverage=10)
        await deleverage()
        await forced_alike(desk, held, ForcedCause.ADL)

    async def test_mc14_matches_of_perpetuals_are_final(self, desk: MarginDesk) -> None:
        await desk.open()
        assert not await desk.margin.settled_since(0)


async def never_fills(desk: MarginDesk, order: Order) -> bool:
    answer = await desk.client.submit(order)
    if isinstance(answer, Accepted):
        ended = await desk.log.end(order.client_order_id)
        return ended.filled_size == ZERO and ended.status is not OrderStatus.FILLED
    return isinstance(answer, Refused)


async def forced_alike(desk: MarginDesk, held: VenuePosition, cause: ForcedCause) -> None:
    """The stream and the listing tell the same close, of the whole position."""
    (report,) = await desk.told(ForcedReported)
    forced = report.forced
    side = Side.SELL if held.quantity > ZERO else Side.BUY
    assert (forced.cause, forced.side, forced.size) == (cause, side, abs(held.quantity))
    listed = await desk.margin.forced_since(forced.at_ns)
    assert [row.venue_trade_id for row in listed] == [forced.venue_trade_id]
    assert await desk.position() is None
