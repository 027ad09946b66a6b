"""Budgets as people set them and as the gate enforces them."""

import asyncio
import random
from decimal import Decimal
from typing import Any

import pytest

from arbiter.model.denials import DenialCode, Denied
from arbiter.model.events import TradeOpened
from arbiter.model.ids import Asset
from arbiter.model.orders import OrderStatus, Side
from tests.surfaces.desk.world import MANUAL, MANUAL_ID, SPOT, SPOT_ID, VENUES, World

USDT = Asset("USDT")


async def put(desk: World, strategy_id: str, allocated: float, currency: str = "USDT") -> Any:
    answer = await desk.http.put(
        f"/api/budget/{strategy_id}/{currency}", json={"allocated": allocated}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_documented_example(desk: World) -> None:
    """allocated 1000, reserved 200, so available 800, whatever was earned."""
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.0)
    told = await put(desk, MANUAL_ID, 1000)
    assert (told["allocated"], told["reserved"], told["available"]) == (1000.0, 0.0, 1000.0)
    opened = desk.propose(MANUAL, Side.BUY, "2", "100")
    assert isinstance(opened, TradeOpened)
    await desk.settled()
    desk.complete(opened.orders[0])
    await desk.settled()
    told = await desk.get(f"/api/budget/{MANUAL_ID}")
    assert told["strategy_id"] == MANUAL_ID
    assert told["currency"] == "USDT"
    assert (told["allocated"], told["reserved"], told["available"]) == (1000.0, 200.0, 800.0)
    assert (told["realized_pnl"], told["total_fees"]) == (0.0, 0.2)
    assert told["budgets"][0] == {name: told[name] for name in told["budgets"][0]}


async def test_reservation_moves_with_the_order_and_the_position(desk: World) -> None:
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.0)
    await put(desk, MANUAL_ID, 1000)

    async def reserved() -> float:
        told: Any = await desk.get(f"/api/budget/{MANUAL_ID}", currency="USDT")
        found: float = told["reserved"]
        return found

    opened = desk.propose(MANUAL, Side.BUY, "4", "101")
    assert isinstance(opened, TradeOpened)
    order = opened.orders[0]
    assert await reserved() == pytest.approx(4 * 101 * 1.001)
    await desk.settled()
    desk.accept(order)
    desk.core.on_report(_filled(desk, order, "1", "100"))
    assert await reserved() == pytest.approx(3 * 101 * 1.001 + 100)
    desk.end(order, OrderStatus.CANCELLED, Decimal(1))
    assert await reserved() == pytest.approx(100)

    reduced = desk.propose(MANUAL, Side.SELL, "0.6", "100", reduce_only=True)
    assert isinstance(reduced, TradeOpened)
    await desk.settled()
    desk.complete(reduced.orders[0])
    assert await reserved() == pytest.approx(40)


async def test_rejected_orders_return_what_they_reserved(desk: World) -> None:
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.0)
    await put(desk, MANUAL_ID, 1000)
    opened = desk.propose(MANUAL, Side.BUY, "4", "101")
    assert isinstance(opened, TradeOpened)
    await desk.settled()
    desk.refuse(opened.orders[0])
    told: Any = await desk.get(f"/api/budget/{MANUAL_ID}")
    assert (told["reserved"], told["available"]) == (0.0, 1000.0)


async def test_lowering_below_reserved_leaves_only_reductions(desk: World) -> None:
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.0)
    await put(desk, MANUAL_ID, 1000)
    opened = desk.propose(MANUAL, Side.BUY, "4", "100")
    assert isinstance(opened, TradeOpened)
    await desk.settled()
    desk.complete(opened.orders[0])
    told = await put(desk, MANUAL_ID, 100)
    assert (told["reserved"], told["available"]) == (400.0, -300.0)
    refused = desk.propose(MANUAL, Side.BUY, "0.1", "100")
    assert isinstance(refused, Denied)
    assert refused.code is DenialCode.BUDGET_EXCEEDED
    assert refused.numbers == {"allocated": "100", "reserved": "400", "needed": "10.01"}
    reduced = desk.propose(MANUAL, Side.SELL, "4", "100", reduce_only=True)
    assert isinstance(reduced, TradeOpened)


async def test_each_denied_leg_is_stored_and_sizing_ignored_the_budget(desk: World) -> None:
    await put(desk, SPOT_ID, 10)
    desk.open_spread()
    await desk.settled()
    assert desk.outbox.sent == []
    denied: Any = await desk.get("/api/trading/orders", status="DENIED")
    assert {row["side"] for row in denied} == {"BUY", "SELL"}
    assert {row["quantity"] for row in denied} == {0.999}
    assert {row["reason"].split(":")[0] for row in denied} == {"BUDGET_EXCEEDED"}
    (signal,) = await desk.get("/api/desk/signals")
    assert not signal["executed"]
    assert signal["verdict"].startswith("BUDGET_EXCEEDED: allocated=10 reserved=0 needed=")


async def test_a_budget_in_another_currency_does_not_count(desk: World) -> None:
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.0)
    await put(desk, MANUAL_ID, 1000, "usdc")
    refused = desk.propose(MANUAL, Side.BUY, "1", "100")
    assert isinstance(refused, Denied)
    assert refused.code is DenialCode.BUDGET_MISSING
    allowed = desk.propose(SPOT, Side.BUY, "1", "100")
    assert isinstance(allowed, TradeOpened)


async def test_what_is_not_there_is_a_404_and_what_is_in_use_a_409(desk: World) -> None:
    stranger = "00000000-0000-0000-0000-000000000000"
    http = desk.http
    assert (await http.get(f"/api/budget/{stranger}")).status_code == 404
    assert (await http.get(f"/api/budget/{MANUAL_ID}")).status_code == 404
    assert (await http.delete(f"/api/budget/{MANUAL_ID}/USDT")).status_code == 404
    assert (await http.get(f"/api/budget/{stranger}/pnl/realized")).status_code == 404
    assert (await http.get("/api/budget/spot-arbitrage")).status_code == 422
    put_it = await http.put(f"/api/budget/{stranger}/USDT", json={"allocated": 1})
    assert put_it.status_code == 404
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.0)
    await put(desk, MANUAL_ID, 1000)
    opened = desk.propose(MANUAL, Side.BUY, "1", "100")
    assert isinstance(opened, TradeOpened)
    answer = await http.delete(f"/api/budget/{MANUAL_ID}/USDT")
    assert answer.status_code == 409
    assert answer.json() == {
        "detail": "100.1 USDT of the budget are in use; close or cancel what uses them first"
    }
    await desk.settled()
    desk.refuse(opened.orders[0])
    assert (await http.delete(f"/api/budget/{MANUAL_ID}/USDT")).status_code == 204


async def test_a_budget_that_makes_no_sense_is_a_422(desk: World) -> None:
    senseless: tuple[tuple[str, dict[str, Any]], ...] = (
        ("USDT", {"allocated": -1}),
        ("USDT", {"allocated": "much"}),
        ("USDT", {}),
        ("USDT", {"allocated": None}),
        ("USDT", {"allocated": 1e30}),
        ("UDST", {"allocated": 1}),
        ("US-T", {"allocated": 1}),
    )
    for currency, body in senseless:
        answer = await desk.http.put(f"/api/budget/{SPOT_ID}/{currency}", json=body)
        assert answer.status_code == 422, (currency, body)
        assert desk.ledger.budgets == {}, (currency, body)


async def test_nan_is_no_budget(desk: World) -> None:
    for text in ("NaN", "Infinity"):
        answer = await desk.http.put(
            f"/api/budget/{SPOT_ID}/USDT",
            content=f'{{"allocated": {text}}}',
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 422


async def test_registry_shows_every_budget(desk: World) -> None:
    assert await desk.get("/api/budget/registry") == {}
    await put(desk, SPOT_ID, 500)
    await put(desk, MANUAL_ID, 70)
    await put(desk, MANUAL_ID, 80, "USDC")
    registry: Any = await desk.get("/api/budget/registry")
    shown = {
        (strategy, currency): entry["available"]
        for strategy, currencies in registry.items()
        for currency, entry in currencies.items()
    }
    assert shown == {
        (SPOT_ID, "USDT"): 500.0,
        (MANUAL_ID, "USDC"): 80.0,
        (MANUAL_ID, "USDT"): 70.0,
    }
    told: Any = await desk.get(f"/api/budget/{MANUAL_ID}", currency="USDT")
    assert [row["currency"] for row in told["budgets"]] == ["USDC", "USDT"]
    assert told["currency"] == "USDT"


async def test_a_hundred_submissions_at_once_never_exceed_budget_or_balance(desk: World) -> None:
    """Two strategies over one balance of 100 000, budgets changed over HTTP meanwhile."""
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.0)
    await put(desk, SPOT_ID, 60_000)
    await put(desk, MANUAL_ID, 70_000)
    script = random.Random(17)
    seen: list[tuple[Decimal, Decimal, Decimal]] = []

    def look() -> None:
        budgets = desk.ledger.budgets
        seen.append(
            (
                budgets[SPOT, USDT].reserved,
                budgets[MANUAL, USDT].reserved,
                desk.ledger.balances[VENUES[0], USDT].locked,
            )
        )

    async def submit(strategy: Any, size: str) -> TradeOpened | Denied:
        await asyncio.sleep(script.random() / 1000)
        found = desk.propose(strategy, Side.BUY, size, "100")
        look()
        return found

    async def raise_budget() -> None:
        await put(desk, SPOT_ID, 61_000)
        look()

    wishes = [
        submit(strategy, str(script.randrange(10, 60)))
        for strategy in (SPOT, MANUAL)
        for _ in range(50)
    ]
    results = await asyncio.gather(*wishes, *(raise_budget() for _ in range(3)))
    outcomes = [result for result in results if result is not None]
    denied = [each for each in outcomes if isinstance(each, Denied)]
    opened = [each for each in outcomes if isinstance(each, TradeOpened)]
    assert len(denied) + len(opened) == 100
    assert opened
    assert {each.code for each in denied} == {DenialCode.BUDGET_EXCEEDED, DenialCode.BALANCE}
    assert all(spot <= 61_000 and manual <= 70_000 for spot, manual, _ in seen)
    assert all(locked <= 100_000 for _, _, locked in seen)
    worth = sum(
        (order.size * Decimal(100) * Decimal("1.001") for each in opened for order in each.orders),
        Decimal(0),
    )
    assert worth == desk.ledger.balances[VENUES[0], USDT].locked
    await desk.settled()
    stored: Any = await desk.get("/api/trading/orders", status="DENIED", limit=1000)
    assert len(stored) == len(denied)


async def test_realized_pnl_is_what_the_raw_fills_say(desk: World) -> None:
    """Average cost per strategy and instrument, commissions separate, fold of GET /fills."""
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.0)
    script = random.Random(5)
    held = Decimal(0)
    for _ in range(25):
        side = Side.SELL if held > 1 and script.random() < 0.5 else Side.BUY
        size = Decimal(script.randrange(1, 9)) / 10
        if side is Side.SELL:
            size = min(size, held)
        held += size * side.sign
        price = str(Decimal(script.randrange(9_000, 11_000)) / 100)
        desk.quote("BTCUSDT.BINANCE", 100.0, 100.0)
        opened = desk.propose(MANUAL, side, str(size), price)
        assert isinstance(opened, TradeOpened)
        await desk.settled()
        desk.complete(opened.orders[0])
        desk.clock.advance(1_000_000_000)
    await desk.settled()
    told: Any = await desk.get(f"/api/budget/{MANUAL_ID}/pnl/realized")
    fills: Any = await desk.get("/api/trading/fills", strategy_id=MANUAL_ID, limit=1000)
    units = cost = realized = fees = 0.0
    for fill in reversed(fills):
        fees += fill["commission"]
        if fill["side"] == "BUY":
            units, cost = units + fill["last_qty"], cost + fill["last_qty"] * fill["last_px"]
        else:
            part = cost * fill["last_qty"] / units
            realized += fill["last_qty"] * fill["last_px"] - part
            units, cost = units - fill["last_qty"], cost - part
    assert told["strategy_id"] == MANUAL_ID
    assert told["realized_pnl"] == {"USDT": pytest.approx(realized)}
    assert told["total_fees"] == {"USDT": pytest.approx(fees)}
    summary = await put(desk, MANUAL_ID, 10_000)
    assert summary["realized_pnl"] == told["realized_pnl"]["USDT"]
    assert summary["total_fees"] == told["total_fees"]["USDT"]
    other: Any = await desk.get(f"/api/budget/{SPOT_ID}/pnl/realized")
    assert other["realized_pnl"] == {}


async def test_realized_pnl_outlives_the_budget_it_was_made_under(desk: World) -> None:
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.0)
    await put(desk, MANUAL_ID, 1000)
    for side, price in ((Side.BUY, "100"), (Side.SELL, "110")):
        opened = desk.propose(MANUAL, side, "1", price)
        assert isinstance(opened, TradeOpened)
        await desk.settled()
        desk.complete(opened.orders[0])
    assert (await desk.http.delete(f"/api/budget/{MANUAL_ID}/USDT")).status_code == 204
    told = await put(desk, MANUAL_ID, 500)
    assert told["realized_pnl"] == 10.0
    pnl: Any = await desk.get(f"/api/budget/{MANUAL_ID}/pnl/realized")
    assert pnl["realized_pnl"] == {"USDT": 10.0}


async def test_spot_profit_is_realized_by_the_hedge_on_the_other_venue(desk: World) -> None:
    buy, sell = await desk.arbitrage()
    desk.complete(buy)
    desk.complete(sell)
    told: Any = await desk.get(f"/api/budget/{SPOT_ID}/pnl/realized")
    made = buy.size * (sell.planned_price - buy.planned_price)
    assert told["realized_pnl"] == {"USDT": pytest.approx(float(made))}
    (trade,) = desk.ledger.closed_trades.values()
    assert told["net_pnl"] == {"USDT": pytest.approx(float(trade.pnl or 0))}


def _filled(desk: World, order: Any, size: str, price: str) -> Any:
    from arbiter.model.reports import Filled

    fill = desk.fill_of(order, Decimal(size), Decimal(price))
    return Filled(venue=order.venue, at_ns=desk.clock.now_ns(), fill=fill)
