"""Trading one way for ever stops at the inventory floor, with a costed plan for what would mend it."""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import arbiter
from arbiter.model.events import AlertRaised
from arbiter.model.ids import Asset
from arbiter.model.money import plain
from arbiter.model.orders import Side
from arbiter.model.time import NS_PER_S
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from arbiter.ports import venue as venue_port
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.skew_watch import SkewWatch
from tests.fakes.engine import VENUES, Desk

BTC = Asset("BTC")
BINANCE, BYBIT = VENUES
SETTINGS = SpotSettings(
    trend_filter_mode=TrendFilterMode.DISABLED,
    cooldown_seconds=1.0,
    max_trades_per_hour=100_000,
)


def trade_one_way(desk: Desk, trades: int) -> int:
    """Buy on binance and sell on bybit again and again; gives how often that was still done."""
    desk.core.rebase()
    for done in range(trades):
        before = len(desk.outbox.sent)
        desk.clock.advance(2 * NS_PER_S)
        desk.open_spread()
        legs = desk.outbox.sent[before:]
        if not legs:
            return done
        assert [order.side for order in legs] == [Side.BUY, Side.SELL]
        for order in legs:
            desk.complete(order)
    return trades


def spent(desk: Desk) -> list[str]:
    return [
        event.text
        for event in desk.journal.events
        if isinstance(event, AlertRaised) and event.code == "INVENTORY_SPENT"
    ]


def one_way_desk(fees: Mapping[Asset, Decimal]) -> tuple[Desk, SkewWatch]:
    desk = Desk(spot=SETTINGS, limits=RiskLimits(max_total_exposure_usd=Decimal(10**6)))
    return desk, SkewWatch(desk.core, fees)


def test_thousand_trades_one_way_end_at_the_floor_with_one_costed_plan() -> None:
    desk, watch = one_way_desk({BTC: Decimal("0.0002")})
    traded = trade_one_way(desk, 1_000)
    assert 0 < traded < 1_000
    left = desk.ledger.free(BYBIT, BTC)
    assert Decimal(1) <= left < Decimal("1.1")  # of the 10 BTC it began with, 10 % stay
    watch.look()
    watch.look()
    (text,) = spent(desk)
    moved = Decimal(10) - left
    assert text.startswith(
        f"bybit is drawn down to {plain(left)} BTC (floor 1): nothing more is sold"
    )
    assert f"move {plain(moved)} BTC from binance to bybit, network fee 0.0002 BTC; " in text
    # Bought on bybit at 102.1 and sold on binance at 100.0, 0.1 % fee on both.
    cost = moved * (Decimal("102.1") * Decimal("1.001") - 100 * Decimal("0.999"))
    assert f"trading it over instead costs {cost:.2f} USDT" in text


def test_plan_says_what_it_does_not_know() -> None:
    desk, watch = one_way_desk({})
    trade_one_way(desk, 1_000)
    desk.clock.advance(60 * NS_PER_S)
    desk.core.on_venue_health(BINANCE, connected=False, reason="gone")
    desk.quote("BTCUSDT.BYBIT", 102.0, 102.1)
    watch.look()
    (text,) = spent(desk)
    assert "network fee unknown; no fresh quotes to trade it over instead" in text


def test_balanced_sides_raise_nothing() -> None:
    desk, watch = one_way_desk({})
    desk.core.rebase()
    desk.open_spread()
    watch.look()
    assert spent(desk) == []


def test_no_venue_can_be_asked_to_withdraw_or_transfer() -> None:
    forbidden = re.compile(r"def \w*(withdraw|transfer)\w*\(", re.IGNORECASE)
    port = Path(venue_port.__file__).read_text()
    assert "async def submit(" in port
    assert not forbidden.search(port)
    venues = Path(arbiter.__file__).parent / "venues"
    calls = [file for file in venues.rglob("*.py") if forbidden.search(file.read_text())]
    assert calls == []
