"""Every item of the contract, over a real socket, with what really happened behind it."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from arbiter.model.ids import Asset, strategy_uuid
from arbiter.model.orders import OrderStatus, Side
from tests.surfaces.desk.world import MANUAL, MANUAL_ID, SPOT, SPOT_ID, World

ORDER_FIELDS = {
    "client_order_id": str,
    "venue_order_id": str,
    "strategy_id": str,
    "strategy_name": str,
    "instrument_id": str,
    "side": str,
    "order_type": str,
    "quantity": float,
    "filled_qty": float,
    "price": float,
    "avg_px": float,
    "status": str,
    "ts_init": str,
    "ts_last": str,
}
FILL_FIELDS = {
    "trade_id": str,
    "client_order_id": str,
    "strategy_id": str,
    "instrument_id": str,
    "side": str,
    "last_qty": float,
    "last_px": float,
    "commission": float,
    "commission_currency": str,
    "liquidity_side": str,
    "ts_event": str,
}
POSITION_FIELDS = {
    "position_id": str,
    "strategy_id": str,
    "instrument_id": str,
    "side": str,
    "quantity": float,
    "avg_px_open": float,
    "realized_pnl": float,
    "unrealized_pnl": float,
    "ts_opened": str,
}


def check(fields: dict[str, type], row: dict[str, Any]) -> None:
    found = {name: type(row[name]) for name in fields}
    assert found == fields


async def test_health_is_exactly_ok(desk: World) -> None:
    assert await desk.get("/health") == {"status": "ok"}


async def test_strategies_are_listed_by_uuid_and_name(desk: World) -> None:
    listed: Any = await desk.get("/api/trading/strategies")
    assert [(row["id"], row["name"], row["status"]) for row in listed] == [
        (SPOT_ID, "spot-arbitrage", "RUNNING"),
        (MANUAL_ID, "manual-desk", "RUNNING"),
    ]
    assert str(strategy_uuid(SPOT)) == SPOT_ID
    assert listed[0]["instrument_ids"] == ["BTCUSDT.BINANCE", "BTCUSDT.BYBIT"]


async def test_orders_of_a_trade_are_told_with_their_fills(desk: World) -> None:
    buy, sell = await desk.arbitrage()
    desk.complete(buy)
    desk.accept(sell)
    desk.fill(sell, sell.size / 2)
    await desk.settled()
    listed: Any = await desk.get("/api/trading/orders")
    assert len(listed) == 2
    for row in listed:
        check(ORDER_FIELDS, row)
    told = {row["client_order_id"]: row for row in listed}
    bought = told[buy.client_order_id]
    assert bought["status"] == "FILLED"
    assert bought["strategy_id"] == SPOT_ID
    assert bought["quantity"] == bought["filled_qty"] == float(buy.size)
    assert bought["avg_px"] == float(buy.planned_price)
    assert told[sell.client_order_id]["status"] == "PARTIALLY_FILLED"
    one = await desk.get(f"/api/trading/orders/{buy.client_order_id}")
    assert one == bought
    fills: Any = await desk.get(f"/api/trading/orders/{buy.client_order_id}/fills")
    assert [row["last_qty"] for row in fills] == [float(buy.size)]
    check(FILL_FIELDS, fills[0])
    assert fills[0]["commission_currency"] == "USDT"


async def test_an_unknown_order_is_a_404_everywhere(desk: World) -> None:
    for path in ("", "/fills", "/deny-reason"):
        answer = await desk.http.get(f"/api/trading/orders/nobodys{path}")
        assert (answer.status_code, answer.json()) == (
            404,
            {"detail": "there is no order nobodys"},
        )


async def test_an_order_without_fills_has_none(desk: World) -> None:
    buy, _ = await desk.arbitrage()
    assert await desk.get(f"/api/trading/orders/{buy.client_order_id}/fills") == []


async def test_pending_is_a_group_of_statuses(desk: World) -> None:
    buy, sell = await desk.arbitrage()

    async def having(status: str) -> set[str]:
        found: Any = await desk.get("/api/trading/orders", status=status)
        return {row["client_order_id"] for row in found}

    both = {buy.client_order_id, sell.client_order_id}
    assert await having("PENDING") == both
    assert await having("submitted") == both
    assert await having("INITIALIZED") == set()
    assert await having("PENDING_CANCEL") == set()
    desk.accept(buy)
    desk.complete(sell)
    await desk.settled()
    assert await having("PENDING") == set()
    assert await having("ACCEPTED") == {buy.client_order_id}
    assert await having("FILLED") == {sell.client_order_id}
    desk.end(buy, OrderStatus.CANCELLED)
    await desk.settled()
    assert await having("CANCELED") == await having("CANCELLED") == {buy.client_order_id}
    one: Any = await desk.get(f"/api/trading/orders/{buy.client_order_id}")
    assert one["status"] == "CANCELED"


async def test_a_parameter_outside_its_domain_is_a_422(desk: World) -> None:
    outside: tuple[dict[str, Any], ...] = (
        {"limit": 1001},
        {"limit": 0},
        {"limit": "ten"},
        {"offset": -1},
        {"strategy_id": "spot-arbitrage"},
        {"status": "NEARLY"},
        {"strategy_name": "\x00"},
    )
    for query in outside:
        answer = await desk.http.get("/api/trading/orders", params=query)
        assert answer.status_code == 422, query
        assert set(answer.json()) == {"detail"}, query


async def test_orders_are_filtered_and_paged(desk: World) -> None:
    await desk.arbitrage()
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.1)
    for _ in range(3):
        desk.propose(MANUAL, Side.BUY, "0.2", "100.1")
    await desk.settled()

    async def count(**query: str | int) -> int:
        found: Any = await desk.get("/api/trading/orders", **query)
        return len(found)

    assert await count() == 5
    assert await count(strategy_id=MANUAL_ID) == 3
    assert await count(strategy_name="ARBITR") == 2
    assert await count(strategy_name="%") == 0
    assert await count(instrument_id="BTCUSDT.BYBIT") == 1
    assert await count(strategy_id=str(strategy_uuid(SPOT)), instrument_id="BTCUSDT.BYBIT") == 1
    assert await count(strategy_id="00000000-0000-0000-0000-000000000000") == 0
    assert await count(limit=2) == 2
    assert await count(limit=1000, offset=4) == 1
    answer = await desk.http.get("/api/trading/orders", params={"limit": 2})
    assert answer.headers["x-total-count"] == "5"
    newest: Any = await desk.get("/api/trading/orders", limit=5)
    assert newest == sorted(newest, key=lambda row: row["ts_init"], reverse=True)


async def test_a_denied_order_tells_its_reason_in_numbers_and_words(desk: World) -> None:
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.1)
    put = await desk.http.put(f"/api/budget/{MANUAL_ID}/USDT", json={"allocated": 15})
    assert put.status_code == 200
    desk.propose(MANUAL, Side.BUY, "0.2", "100.1")
    await desk.settled()
    (order,) = await desk.get("/api/trading/orders", status="DENIED")
    assert order["status"] == "DENIED"
    told: Any = await desk.get(f"/api/trading/orders/{order['client_order_id']}/deny-reason")
    assert told["client_order_id"] == order["client_order_id"]
    assert told["status"] == "DENIED"
    assert told["reason"] == "BUDGET_EXCEEDED: allocated=15 reserved=0 needed=20.04002"
    assert told["ts_event"] == order["ts_last"]
    assert told["code"] == "BUDGET_EXCEEDED"
    assert told["numbers"] == {"allocated": 15.0, "reserved": 0.0, "needed": 20.04002}
    assert "20.04002 of a budget of 15" in told["explanation"]


async def test_a_rejection_by_the_venue_has_a_reason_too(desk: World) -> None:
    buy, _ = await desk.arbitrage()
    desk.refuse(buy, "insufficient margin")
    await desk.settled()
    told: Any = await desk.get(f"/api/trading/orders/{buy.client_order_id}/deny-reason")
    assert told["status"] == "REJECTED"
    assert told["reason"] == "X: insufficient margin"
    assert told["explanation"] == "The venue refused the order: insufficient margin"


async def test_an_order_that_was_not_refused_has_no_reason(desk: World) -> None:
    buy, _ = await desk.arbitrage()
    answer = await desk.http.get(f"/api/trading/orders/{buy.client_order_id}/deny-reason")
    assert answer.status_code == 404


async def test_fills_are_filtered_by_side_instrument_and_strategy(desk: World) -> None:
    buy, sell = await desk.arbitrage()
    desk.complete(buy)
    desk.complete(sell)
    await desk.settled()

    async def of(**query: str | int) -> list[str]:
        found: Any = await desk.get("/api/trading/fills", **query)
        return [row["client_order_id"] for row in found]

    assert set(await of()) == {buy.client_order_id, sell.client_order_id}
    assert await of(side="BUY") == [buy.client_order_id]
    assert await of(instrument_id="BTCUSDT.BYBIT") == [sell.client_order_id]
    assert len(await of(strategy_name="Spot")) == 2
    assert await of(strategy_id=MANUAL_ID) == []
    assert len(await of(limit=1, offset=1)) == 1
    answer = await desk.http.get("/api/trading/fills", params={"side": "HOLD"})
    assert answer.status_code == 422


async def test_fills_summary_adds_up_the_raw_fills(desk: World) -> None:
    for _ in range(3):
        for order in await desk.arbitrage():
            desk.complete(order)
        await desk.settled()
        desk.clock.advance(120_000_000_000)
    raw: Any = await desk.get("/api/trading/fills", limit=1000)
    told: Any = await desk.get("/api/trading/fills/summary")
    assert len(raw) == told["total_fills"] == 6
    assert told["buy_count"] == told["sell_count"] == 3
    assert told["volume"] == pytest.approx(sum(row["last_qty"] for row in raw))
    assert told["notional"] == pytest.approx(sum(row["last_qty"] * row["last_px"] for row in raw))
    assert told["total_fees"] == {"USDT": pytest.approx(sum(row["commission"] for row in raw))}
    by_instrument = {row["instrument_id"]: row["fills"] for row in told["by_instrument"]}
    assert by_instrument == {"BTCUSDT.BINANCE": 3, "BTCUSDT.BYBIT": 3}
    assert [(row["strategy_id"], row["fills"]) for row in told["by_strategy"]] == [(SPOT_ID, 6)]


async def test_positions_open_close_and_turn(desk: World) -> None:
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.1)

    async def trade(side: Side, size: str, price: str) -> None:
        opened = desk.propose(MANUAL, side, size, price)
        await desk.settled()
        (order,) = opened.orders  # type: ignore[union-attr]
        desk.complete(order)
        await desk.settled()
        desk.clock.advance(1_000_000)

    async def of(status: str) -> Any:
        found = await desk.get("/api/trading/positions", status=status)
        assert isinstance(found, list)
        return found

    await trade(Side.BUY, "0.2", "100")
    await trade(Side.BUY, "0.2", "110")
    desk.quote("BTCUSDT.BINANCE", 119.9, 120.1)
    assert await desk.get("/api/trading/positions") == await of("open")
    (held,) = await of("open")
    check(POSITION_FIELDS, held)
    assert (held["side"], held["quantity"], held["avg_px_open"]) == ("LONG", 0.4, 105.0)
    assert held["unrealized_pnl"] == pytest.approx(0.4 * (120 - 105))
    assert held["ts_closed"] is held["avg_px_close"] is None
    assert await of("closed") == []

    await trade(Side.SELL, "0.3", "120")
    (held,) = await of("open")
    assert (held["quantity"], held["realized_pnl"]) == (0.1, pytest.approx(0.3 * 15))
    assert held["avg_px_close"] == 120.0

    await trade(Side.SELL, "0.3", "130")
    (closed,) = await of("closed")
    assert (closed["side"], closed["quantity"], closed["status"]) == ("LONG", 0.4, "closed")
    assert closed["avg_px_open"] == 105.0
    assert closed["avg_px_close"] == pytest.approx((0.3 * 120 + 0.1 * 130) / 0.4)
    assert closed["realized_pnl"] == pytest.approx(0.3 * 15 + 0.1 * 25)
    assert closed["ts_closed"] > closed["ts_opened"]
    (turned,) = await of("open")
    assert (turned["side"], turned["quantity"], turned["avg_px_open"]) == ("SHORT", 0.2, 130.0)
    assert turned["realized_pnl"] == 0.0
    assert turned["position_id"] != closed["position_id"]

    assert await desk.get("/api/trading/positions", status="closed", strategy_id=SPOT_ID) == []
    assert len(await desk.get("/api/trading/positions", strategy_id=MANUAL_ID)) == 1
    assert await desk.get("/api/trading/positions", instrument_id="BTCUSDT.BYBIT") == []
    answer = await desk.http.get("/api/trading/positions", params={"status": "flat"})
    assert answer.status_code == 422


async def test_a_position_too_small_to_sell_is_told_as_dust(desk: World) -> None:
    """An order there is worth five at least; the row stays in the answer."""
    desk.quote("BTCUSDT.BINANCE", 99.9, 100.1)
    for side, size, dust in ((Side.BUY, "0.1", False), (Side.SELL, "0.06", True)):
        opened = desk.propose(MANUAL, side, size, "100")
        await desk.settled()
        (order,) = opened.orders  # type: ignore[union-attr]
        desk.complete(order)
        await desk.settled()
        (held,) = await desk.get("/api/trading/positions")
        assert held["dust"] is dust
    (held,) = await desk.get("/api/trading/positions", status="open")
    assert held["quantity"] == pytest.approx(0.04)


async def test_a_hedged_spot_trade_leaves_a_closed_position(desk: World) -> None:
    buy, sell = await desk.arbitrage()
    desk.complete(buy)
    desk.complete(sell)
    await desk.settled()
    assert await desk.get("/api/trading/positions") == []
    (closed,) = await desk.get("/api/trading/positions", status="closed")
    assert closed["instrument_id"] == "BTCUSDT.BINANCE"
    assert closed["realized_pnl"] == pytest.approx(
        float(buy.size * (sell.planned_price - buy.planned_price))
    )


async def test_summary_counts_what_the_listings_hold(desk: World) -> None:
    for order in await desk.arbitrage():
        desk.complete(order)
    await desk.settled()
    told: Any = await desk.get("/api/trading/summary")
    assert {name: told[name] for name in ("signals", "orders", "fills")} == {
        "signals": 1,
        "orders": 2,
        "fills": 2,
    }


async def test_changes_are_audited_with_actor_before_and_after(desk: World) -> None:
    path = f"/api/budget/{SPOT_ID}/USDT"
    for allocated in (1000, 1500):
        assert (await desk.http.put(path, json={"allocated": allocated})).status_code == 200
    assert (await desk.http.delete(path)).status_code == 204
    listed: Any = await desk.get("/api/trading/audit")
    assert [(row["action"], row["before"], row["after"]) for row in listed] == [
        ("budget.remove", "1500", ""),
        ("budget.set", "1000", "1500"),
        ("budget.set", "unlimited", "1000"),
    ]
    assert {row["actor"] for row in listed} == {"api:desk"}
    assert {row["entity"] for row in listed} == {"budget:spot-arbitrage/USDT"}
    assert all(isinstance(row["id"], int) and row["ts"].endswith("Z") for row in listed)
    assert len(await desk.get("/api/trading/audit", limit=1, offset=2)) == 1
    assert len(await desk.get("/api/trading/audit", action="budget.set")) == 2
    assert await desk.get("/api/trading/audit", actor="user:alice") == []
    assert len(await desk.get("/api/trading/audit", entity="SPOT-ARB")) == 3
    assert await desk.get("/api/trading/audit", start_time="2027-01-01T00:00:00Z") == []


async def test_documentation_pages_ask_no_other_host(desk: World) -> None:
    for path in ("/docs", "/redoc"):
        page = await desk.http.get(path)
        assert page.status_code == 200
        assert "default-src 'self'" in page.headers["content-security-policy"]
        sources = [part.split('"')[0] for part in page.text.replace("href=", "src=").split('src="')]
        assert all(source.startswith("/docs/assets/") for source in sources[1:])
        for source in sources[1:]:
            assert (await desk.http.get(source)).status_code == 200


async def test_a_strangers_page_may_not_call(desk: World) -> None:
    foreign = await desk.http.get("/api/trading/orders", headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    rebound = await desk.http.get("/api/trading/orders", headers={"Host": "evil.example:8000"})
    assert rebound.status_code == 403
    assert set(rebound.json()) == {"detail"}


async def test_balances_come_from_the_ledger(desk: World) -> None:
    told: Any = await desk.get("/api/desk/balances")
    held = {(row["venue"], row["asset"]): row["total"] for row in told["balances"]}
    assert held[("binance", "USDT")] == float(
        desk.ledger.free(desk.registry.venues[0], Asset("USDT"))
    )
    assert Decimal(str(held[("bybit", "BTC")])) == 10


@pytest.mark.parametrize(
    "path",
    [
        "/api/trading/orders",
        "/api/trading/fills",
        "/api/trading/audit",
        "/api/desk/equity",
        "/api/desk/funding",
    ],
)
async def test_a_listing_waits_for_the_commit_of_what_was_told_before_it(
    desk: World, path: str
) -> None:
    desk.readable.clear()
    listing = asyncio.create_task(desk.get(path))
    reader = asyncio.create_task(desk.readers.get())
    await asyncio.wait({listing, reader}, return_when=asyncio.FIRST_COMPLETED)
    assert reader.done()
    assert not listing.done()
    desk.readable.set()
    await listing
