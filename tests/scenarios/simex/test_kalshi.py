"""Kalshi's order client against its simulator: the port's suite, faults, settlements, keys."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from arbiter.app.checks_kinds import Check, Verdict
from arbiter.app.config import load
from arbiter.app.venue_checks import check_venues
from arbiter.model.errors import BadConfig, Banned, OutcomeUnknown, RateLimited, VenueRefused
from arbiter.model.ids import ClientOrderId
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import OrderStatus, Side, TimeInForce
from arbiter.model.perpetuals import ForcedCause, MarginPosition, contract_of, executed
from arbiter.model.reports import (
    Absent,
    Accepted,
    Ended,
    ForcedReported,
    OrderTruth,
    Refused,
    Unknown,
)
from arbiter.simex.kalshi.server import Kalshi
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.kalshi.orders import KalshiOrders
from tests.port_suites.order_client import OrderClientSuite, OrderDesk
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.kalshi import PRICE, STILL, TICKER, client_of, running, server_of

IOC, FOK = TimeInForce.IOC, TimeInForce.FOK


class TestKalshiOrders(OrderClientSuite):
    @pytest.fixture
    async def desk(self, serve: Serve) -> AsyncIterator[OrderDesk]:
        async with running(await serve(STILL)) as desk:
            yield desk

    async def test_oc05_fok_is_all_or_nothing(self, desk: OrderDesk) -> None:
        """One that cannot be filled is refused here, not accepted and ended."""
        large = desk.order(usd=500, tif=FOK)
        answer = await desk.client.submit(large)
        assert isinstance(answer, Refused)
        assert answer.code == "fill_or_kill_insufficient_resting_volume"
        assert isinstance(await desk.client.query(large.client_order_id, large.instrument), Absent)
        small = desk.order(usd=20, tif=FOK)
        await desk.client.submit(small)
        assert (await desk.log.end(small.client_order_id)).filled_size == small.size

    async def test_oc10_order_below_the_minimum_is_refused(self, desk: OrderDesk) -> None:
        """Which is one whole contract."""
        order = msgspec.structs.replace(desk.order(), size=desk.instrument.min_size / 4)
        assert isinstance(await desk.client.submit(order), Refused)


class Stand:
    """A desk with what may be done to its venue."""

    def __init__(self, served: Served, desk: OrderDesk) -> None:
        self.served = served
        self.desk = desk
        assert isinstance(desk.client, KalshiOrders)
        self.client = desk.client
        self.server: Kalshi = server_of(served)

    async def act(self, act: str, **more: object) -> None:
        await self.served.act("kalshi", act, **more)

    async def script(self, call: str, fault: str) -> None:
        await self.act("script", script=[{"call": call, "nth": 1, "fault": fault}])

    def paid(self) -> list[ForcedReported]:
        return [told for told in self.desk.log.reports if isinstance(told, ForcedReported)]

    async def totals_agree(self) -> None:
        """The client's total is the venue's, to the last digit."""
        totals = await self.desk.totals()
        total, _ = self.server.accounts[0].balances[self.desk.instrument.settle]
        assert totals[self.desk.instrument.settle] == total


@pytest.fixture
async def stand(serve: Serve) -> AsyncIterator[Stand]:
    served = await serve(STILL)
    async with running(served) as desk:
        yield Stand(served, desk)


# Faults of the order path.


@pytest.mark.parametrize("fault", ["drop_request", "drop_response", "server_error"])
async def test_no_answer_is_unknown_and_the_venue_knows_the_truth(stand: Stand, fault: str) -> None:
    order = stand.desk.order(tif=IOC)
    await stand.script("submit", fault)
    assert isinstance(await stand.client.submit(order), Unknown)
    truth = await stand.client.query(order.client_order_id, order.instrument)
    if stand.server.accounts[0].orders:
        assert isinstance(truth, OrderTruth)
        ended = await stand.desk.log.end(order.client_order_id)
        assert ended.status is OrderStatus.FILLED
    else:
        assert isinstance(truth, Absent)
    assert stand.server.calls["submit"] == 1, "sent once"


async def test_absence_is_not_believed_while_what_is_told_is_older_than_the_order(
    stand: Stand,
) -> None:
    order = stand.desk.order(tif=IOC)
    await stand.script("submit", "drop_request")
    assert isinstance(await stand.client.submit(order), Unknown)
    stand.server.public.lag_ns = 60_000_000_000
    with pytest.raises(OutcomeUnknown, match="is of"):
        await stand.client.query(order.client_order_id, order.instrument)
    stand.server.public.lag_ns = 0
    truth = await stand.client.query(order.client_order_id, order.instrument)
    assert isinstance(truth, Absent)


async def test_an_order_of_a_life_before_is_found_by_its_name(stand: Stand) -> None:
    order = stand.desk.order(Side.SELL, away="-0.1")
    await stand.client.submit(order)
    async with running(stand.served) as later:
        assert order.client_order_id in {
            truth.client_order_id for truth in await later.client.open_orders()
        }
        truth = await later.client.query(order.client_order_id, order.instrument)
        assert isinstance(truth, OrderTruth)
        await later.client.cancel(order)
        await later.log.end(order.client_order_id)


async def test_a_duplicated_request_makes_one_order(stand: Stand) -> None:
    order = stand.desk.order(tif=IOC)
    await stand.script("submit", "duplicate")
    await stand.client.submit(order)
    await stand.desk.log.end(order.client_order_id)
    assert sum(fill.size for fill in await stand.client.fills_since(0)) == order.size


async def test_reports_dropped_doubled_and_out_of_order_come_to_the_same(stand: Stand) -> None:
    rates = {"drop_report": 0.2, "duplicate_report": 0.3, "reorder": 0.3}
    await stand.act("rates", rates=rates)
    orders = [stand.desk.order(usd=10, tif=IOC) for _ in range(12)]
    for order in orders:
        assert isinstance(await stand.client.submit(order), Accepted)
    await stand.act("heal")
    await stand.act("disconnect")
    ends = [await stand.desk.log.end(order.client_order_id) for order in orders]
    listed = await stand.client.fills_since(0)
    for order, ended in zip(orders, ends, strict=True):
        own = [fill for fill in listed if fill.client_order_id == order.client_order_id]
        assert ended.filled_size == sum(fill.size for fill in own)
        assert set(stand.desk.log.fills(order.client_order_id)) <= set(own)
    await stand.totals_agree()


async def test_fills_missed_while_the_stream_was_away_are_made_up(stand: Stand) -> None:
    await stand.act("stall", seconds=3.0)
    order = stand.desk.order(tif=IOC)
    assert isinstance(await stand.client.submit(order), Accepted)
    await stand.act("disconnect")
    ended = await stand.desk.log.end(order.client_order_id)
    assert ended.status is OrderStatus.FILLED
    assert stand.desk.log.fills(order.client_order_id) == await stand.client.fills_since(0)


async def test_clock_far_off_is_measured_and_signed_by(stand: Stand) -> None:
    await stand.act("clock_offset", offset_ms=30_000)
    await stand.client.holdings()  # refused once, corrected, asked again
    assert isinstance(await stand.client.submit(stand.desk.order(tif=IOC)), Accepted)
    reading = await stand.client.correct_clock()
    assert reading is not None
    assert 29_000 < reading.offset_ms < 31_000


async def test_clock_that_agrees_with_whole_seconds_is_left_alone(stand: Stand) -> None:
    reading = await stand.client.correct_clock()
    assert reading is not None
    assert abs(reading.offset_ms) <= reading.round_trip_ms / 2 + 1


async def test_pause_of_trading_refuses_orders_and_takes_cancels(stand: Stand) -> None:
    resting = stand.desk.order(away="-0.1")
    await stand.client.submit(resting)
    await stand.act("maintenance", seconds=60)
    answer = await stand.client.submit(stand.desk.order(tif=IOC))
    assert isinstance(answer, Refused)
    assert answer.code == "trading_is_paused"
    await stand.client.cancel(resting)
    ended = await stand.desk.log.end(resting.client_order_id)
    assert ended.status is OrderStatus.CANCELLED


async def test_too_many_tokens_are_told_and_nothing_was_sent(serve: Serve) -> None:
    served = await serve(msgspec.structs.replace(STILL, weight_per_minute=3_000))
    async with running(served) as desk:
        orders = [desk.order(Side.SELL, away="-0.1", usd=2) for _ in range(25)]
        began = asyncio.get_running_loop().time()
        answers = await asyncio.gather(
            *(desk.client.submit(order) for order in orders), return_exceptions=True
        )
        took_s = asyncio.get_running_loop().time() - began
        refused = sum(isinstance(answer, RateLimited) for answer in answers)
        accepted = sum(isinstance(answer, Accepted) for answer in answers)
        unknown = sum(isinstance(answer, OutcomeUnknown) for answer in answers)
        assert refused + accepted + unknown == len(orders), answers
        assert refused
        there = len(server_of(served).accounts[0].orders)
        assert accepted <= there <= accepted + unknown
        assert 4 <= there <= 5 + 5 * took_s, "five orders are a second's tokens"


async def test_ban_is_a_ban(stand: Stand) -> None:
    await stand.act("ban", seconds=60)
    with pytest.raises(Banned):
        await stand.client.holdings()


# Money and positions.


async def test_totals_agree_to_the_last_digit_where_the_cost_does_not_end(stand: Stand) -> None:
    """Three contracts at two prices, one of them sold: the venue rounds what is left."""
    for side, size, away in ((Side.BUY, 2, "0.02"), (Side.SELL, 5, "0.02"), (Side.BUY, 1, "0.02")):
        order = msgspec.structs.replace(
            stand.desk.order(side, away=away, tif=IOC), size=Decimal(size)
        )
        await stand.desk.trade(order)
        await stand.totals_agree()
    await stand.act("jump", symbol=TICKER, fraction=0.1)
    for side, size in ((Side.SELL, 4), (Side.BUY, 3)):
        order = stand.desk.order(side, away="0.5", tif=IOC)
        limit = Decimal("0.99") if side is Side.BUY else Decimal("0.01")
        await stand.desk.trade(msgspec.structs.replace(order, size=Decimal(size), price=limit))
        await stand.totals_agree()
    fills = await stand.client.fills_since(0)
    own = MarginPosition(instrument=stand.desk.instrument.id)
    contract = contract_of(stand.desk.instrument, ONE)
    for fill in fills:
        contracts = fill.size * fill.side.sign
        own = executed(own, contract, contracts, fill.price, fill.at_ns)
    held = await stand.desk.position()
    assert held is not None
    assert held.quantity == own.quantity


async def test_resting_orders_set_their_collateral_aside(stand: Stand) -> None:
    for side, away in ((Side.BUY, "-0.1"), (Side.SELL, "-0.1")):
        await stand.client.submit(stand.desk.order(side, away=away))
    (held,) = await stand.client.holdings()
    assert held.locked > ZERO
    await stand.totals_agree()


@pytest.mark.parametrize(
    ("payout", "side"),
    [("1", Side.BUY), ("0", Side.BUY), ("1", Side.SELL), ("0", Side.SELL), ("0.5", Side.SELL)],
)
async def test_settlement_pays_what_was_decided_and_is_told_by_stream_and_rest(
    stand: Stand, payout: str, side: Side
) -> None:
    await stand.desk.trade(stand.desk.order(side, tif=IOC))
    held = await stand.desk.position()
    assert held is not None
    before = (await stand.desk.totals())[stand.desk.instrument.settle]
    await stand.act("resolve", symbol=TICKER, amount=payout)
    await stand.desk.log.until(lambda: bool(stand.paid()))
    paid = stand.paid()[0].forced
    assert (paid.cause, paid.price) == (ForcedCause.RESOLUTION, Decimal(payout))
    assert (paid.size, paid.side) == (abs(held.quantity), side.opposite)
    assert list(await stand.client.forced_since(0)) == [paid]
    assert await stand.desk.position() is None
    after = (await stand.desk.totals())[stand.desk.instrument.settle]
    gain = (paid.price - held.entry_price) * held.quantity
    assert after - before == gain
    decided = await stand.client.outcomes([stand.desk.instrument.id])
    assert decided == {stand.desk.instrument.id: Decimal(payout)}
    assert await stand.client.listings() == []
    refused = await stand.client.submit(stand.desk.order(tif=IOC))
    assert isinstance(refused, Refused)


async def test_settlement_cancels_what_rests_and_is_made_up_after_an_absence(
    serve: Serve,
) -> None:
    served = await serve(STILL)
    async with running(served) as desk:
        await desk.trade(desk.order(tif=IOC))
        resting = desk.order(away="-0.1")
        await desk.client.submit(resting)
    await served.act("kalshi", "resolve", symbol=TICKER, amount=0)
    async with running(served) as desk:
        truth = await desk.client.query(resting.client_order_id, resting.instrument)
        assert isinstance(truth, OrderTruth)
        assert truth.status is OrderStatus.CANCELLED
        (paid,) = await desk.margin.forced_since(0)
        assert paid.price == ZERO


# Listings.


async def test_rule_texts_are_those_of_the_venue_and_an_event_names_its_markets(
    serve: Serve,
) -> None:
    served = await serve(STILL)
    client = client_of(served, markets=("btc-above", "LAUNCH"))
    try:
        told = {listing.instrument: listing for listing in await client.listings()}
        assert set(told) == {"BTC-ABOVE.KALSHI", "LAUNCH.KALSHI"}
        bitcoin = told[client._by_market[TICKER].id]
        assert bitcoin.rules.startswith("Resolves to YES if Bitcoin is above $64,000")
        assert (bitcoin.outcome, bitcoin.resolution_source) == ("above $64,000", "Crypto Index")
        assert bitcoin.closes_ns < bitcoin.payout_ns
        (listed, _) = await client.instruments()
        assert listed.event_fee is not None
        assert listed.event_fee.of(Decimal(1), Decimal("0.5")) == Decimal("0.02")
        assert listed.event_fee.of(Decimal(100), Decimal("0.5")) == Decimal("1.75")
    finally:
        await client.aclose()


async def test_what_is_held_is_listed_unnamed(serve: Serve) -> None:
    served = await serve(STILL)
    async with running(served) as desk:
        await desk.trade(desk.order(tif=IOC))
    client = client_of(served, markets=("LAUNCH",))
    assert {i.market_id for i in await client.instruments()} == {TICKER, "LAUNCH"}
    await client.aclose()


# Keys.


@pytest.mark.parametrize(
    ("kind", "trade", "withdraw"), [("readOnly", False, False), ("withdrawing", True, True)]
)
async def test_rights_are_read_from_the_scopes(
    serve: Serve, kind: str, trade: bool, withdraw: bool
) -> None:
    served = await serve(STILL)
    line = served.lines["kalshi"]
    line["accounts"] = [line[kind]]
    client = client_of(served)
    rights = await client.rights()
    await client.aclose()
    assert (rights.can_trade, rights.can_withdraw) == (trade, withdraw)
    assert "write::trade" in rights.safe_key


async def test_key_that_only_reads_cannot_trade(serve: Serve) -> None:
    served = await serve(STILL)
    line = served.lines["kalshi"]
    line["accounts"] = [line["readOnly"]]
    async with running(served) as desk:
        answer = await desk.client.submit(desk.order())
    assert isinstance(answer, Refused)


async def test_signature_of_another_key_is_refused(serve: Serve) -> None:
    served = await serve(STILL)
    line = served.lines["kalshi"]
    mixed = {"apiKey": line["apiKey"], "privateKey": line["readOnly"]["privateKey"]}
    line["accounts"] = [mixed]
    client = client_of(served, markets=())
    with pytest.raises(VenueRefused, match="INCORRECT_API_KEY_SIGNATURE"):
        await client.rights()
    await client.aclose()


async def test_key_that_is_no_pem_says_how_to_give_one(serve: Serve) -> None:
    served = await serve(STILL)
    wiring = served.wiring("kalshi")
    keys = VenueKeys(api_key="one", secret="no key")
    client = KalshiOrders(msgspec.structs.replace(wiring, keys=keys))
    with pytest.raises(BadConfig, match="PEM"):
        await client.rights()
    await client.aclose()


async def test_end_of_an_order_names_it_even_when_the_fill_comes_later(stand: Stand) -> None:
    order = stand.desk.order(tif=IOC)
    await stand.desk.trade(order)
    ends = [r for r in stand.desk.log.reports if isinstance(r, Ended)]
    assert [end.client_order_id for end in ends] == [ClientOrderId(order.client_order_id)]
    assert PRICE - Decimal("0.01") <= stand.desk.log.fills(order.client_order_id)[0].price


# The doctor.


async def checked(
    served: Served, folder: Path, line: dict[str, Any], named: str
) -> dict[str, Check]:
    file, own = folder / "arbiter.toml", served.lines["kalshi"]
    file.write_text(
        f"""
[engine]
mode = "live"
[venues]
enabled = ["kalshi"]
events = {{ kalshi = [{named}] }}
rest = {{ kalshi = "{own["rest"]}" }}
stream = {{ kalshi = "{own["ws"]}" }}
"""
    )
    settings = load(environment={"ARBITER_HOME": str(folder / "home")}, file=file).settings
    environment = {
        "ARBITER_VENUE_KALSHI_API_KEY": line["apiKey"],
        "ARBITER_VENUE_KALSHI_SECRET": line["privateKey"],
    }
    found = await check_venues(settings, lambda _: None, environment)
    return {check.name: check for check in found}


async def test_doctor_is_content_with_a_key_that_trades_alone(serve: Serve, tmp_path: Path) -> None:
    served = await serve(STILL)
    told = await checked(served, tmp_path, served.lines["kalshi"], f'"{TICKER}"')
    assert {check.verdict for check in told.values()} == {Verdict.OK}
    assert "quadratic 0.07, rounded up to 0.01 USD" in told["kalshi fees"].detail
    assert "50000 USD" in told["kalshi balances"].detail


async def test_doctor_refuses_a_key_that_may_transfer_and_says_which_to_make(
    serve: Serve, tmp_path: Path
) -> None:
    served = await serve(STILL)
    told = await checked(served, tmp_path, served.lines["kalshi"]["withdrawing"], f'"{TICKER}"')
    key = told["kalshi key"]
    assert (key.verdict, "may withdraw" in key.detail) == (Verdict.FAIL, True)
    assert "write::trade" in key.mend


async def test_doctor_says_where_markets_are_named(serve: Serve, tmp_path: Path) -> None:
    served = await serve(STILL)
    told = await checked(served, tmp_path, served.lines["kalshi"], "")
    assert told["kalshi markets"].verdict is Verdict.WARN
    assert "venues.events.kalshi" in told["kalshi markets"].mend
    assert told["kalshi balances"].verdict is Verdict.OK


async def test_doctor_names_what_is_no_key_without_showing_it(serve: Serve, tmp_path: Path) -> None:
    served = await serve(STILL)
    line = served.lines["kalshi"]
    told = await checked(served, tmp_path, line | {"privateKey": "a-secret-of-mine"}, "")
    assert any(check.verdict is Verdict.FAIL and "PEM" in check.detail for check in told.values())
    assert "a-secret-of-mine" not in str(told)
