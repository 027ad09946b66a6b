"""What the live view shows of one picture of the engine."""

import io
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from rich.console import Console, RenderableType

from arbiter.cli import view
from arbiter.model.events import AlertRaised
from arbiter.model.holdings import KillSwitch
from arbiter.model.ids import (
    Actor,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    Symbol,
    TradeId,
    VenueId,
)
from arbiter.model.orders import Side
from arbiter.model.plans import Family
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.model.trades import PlannedLeg, Trade, TradeState
from arbiter.risk.staircase import Assessment, Level, Usage
from arbiter.runtime.queries import EngineFacts, SpreadFacts, VenueFacts

NOW = 1_800_000_000 * NS_PER_S
BINANCE, KRAKEN = VenueId("binance"), VenueId("kraken")
CALM = Usage(name="daily loss", used=Decimal(0), limit=Decimal(1), unit="USD", level=Level.NORMAL)
LISTENERS = {"ops": ("http://127.0.0.1:9090", "http://[::1]:9090")}


def venue(name: VenueId, quotes: int, *, connected: bool = True, reason: str = "") -> VenueFacts:
    return VenueFacts(
        venue=name,
        connected=connected,
        reason=reason,
        last_quote_ns=NOW - 42 * NS_PER_MS,
        quotes=quotes,
        faults=3,
    )


def leg(role: str, instrument: str, side: Side) -> PlannedLeg:
    return PlannedLeg(
        role=role,
        instrument=InstrumentId(instrument),
        side=side,
        size=Decimal("0.0023"),
        limit=Decimal(43_000),
        planned_price=Decimal(43_000),
        order=ClientOrderId(f"x-{role}1"),
    )


TRADE = Trade(
    id=TradeId(UUID(int=1)),
    seq=17,
    strategy=StrategyId("spot-arbitrage"),
    family=Family.SPOT,
    actor=Actor("strategy:spot-arbitrage"),
    symbol=Symbol("BTC/USDT"),
    quote="USDT",
    legs=(leg("a", "BTCUSDT.BINANCE", Side.BUY), leg("b", "BTCUSDT.KRAKEN", Side.SELL)),
    state=TradeState.COMPLETED,
    started_ns=NOW - 5 * NS_PER_S,
    completed_ns=NOW - 4 * NS_PER_S,
    fees_quote=Decimal("0.21"),
    pnl=Decimal("1.756"),
)
FACTS = EngineFacts(
    mode="sim",
    version="1.2.3",
    started_ns=NOW - 3_700 * NS_PER_S,
    now_ns=NOW,
    ready=True,
    stopping=False,
    journal_healthy=True,
    kill_switch=KillSwitch(),
    idle=(),
    venues=(venue(BINANCE, 5_000), venue(KRAKEN, 10, connected=False, reason="connection reset")),
    symbols=50,
    quotes_total=5_010,
    open_trades=(),
    recent_trades=(TRADE,),
    trades_today=9,
    signals_total=31,
    pnl_today=Decimal("12.5"),
    pnl_total=Decimal("-3.25"),
    assessment=Assessment(daily_loss=CALM, drawdown=CALM, concurrency=CALM),
    alerts=(
        AlertRaised(at_ns=NOW, severity="critical", code="HELD", text="trade 16 needs a person"),
    ),
)
SPREAD = SpreadFacts(
    symbol="BTCUSDT",
    buy_venue=BINANCE,
    sell_venue=KRAKEN,
    buy_price=43_318.0,
    sell_price=44_195.0,
    edge=0.01234,
)


class FakeQueries:
    def __init__(self, facts: EngineFacts) -> None:
        self.shown = facts

    def facts(self) -> EngineFacts:
        return self.shown

    def spreads(self, limit: int | None = None) -> tuple[SpreadFacts, ...]:
        return (SPREAD,)


def drawn(picture: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    with console.capture() as capture:
        console.print(picture)
    return capture.get()


def whole(facts: EngineFacts) -> str:
    live = view.LiveView(FakeQueries(facts), LISTENERS)
    return drawn(live.picture())


def test_picture_shows_engine_exchanges_spreads_trades_and_alerts() -> None:
    text = whole(FACTS)
    for shown in (
        "mode sim  up 1h 01m",
        "kill switch off",
        "trading",
        "http://127.0.0.1:9090",
        "42 ms",
        "connection reset",
        "+1.234 %",
        "binance → kraken",
        "completed",
        "+1.76",
        "PnL +12.50  trades 9",
        "PnL -3.25",
        "critical: trade 16 needs a person",
    ):
        assert shown in text, shown


def test_engaged_kill_switch_stands_above_everything_else() -> None:
    switch = KillSwitch(engaged=True, actor="cli:alice", reason="wrong prices")
    text = whole(msgspec.structs.replace(FACTS, kill_switch=switch))
    assert "KILL SWITCH: wrong prices (by cli:alice)" in text
    assert "kill switch ENGAGED" in text


def test_lost_database_is_said() -> None:
    assert "nothing is opened" in whole(msgspec.structs.replace(FACTS, journal_healthy=False))


def test_an_orderly_end_is_no_lost_database() -> None:
    closed = msgspec.structs.replace(FACTS, journal_healthy=False)
    assert "database" not in whole(msgspec.structs.replace(closed, stopping=True))


def test_a_strategy_that_does_not_run_is_named() -> None:
    idle = msgspec.structs.replace(FACTS, idle=(StrategyId("spot-arbitrage"),))
    assert "not running: spot-arbitrage" in whole(idle)


def test_rate_is_of_the_last_second_not_since_the_start() -> None:
    rates = view.QuoteRates()
    rates.note(FACTS)
    later = msgspec.structs.replace(
        FACTS, now_ns=NOW + 2 * NS_PER_S, venues=(venue(BINANCE, 9_000),)
    )
    rates.note(msgspec.structs.replace(FACTS, now_ns=NOW + NS_PER_S // 2))
    assert rates.of(BINANCE) == 0
    rates.note(later)
    assert rates.of(BINANCE) == 2_000


def test_durations_read_as_people_say_them() -> None:
    shown = [view.duration(seconds) for seconds in (0, 59, 60, 3_599, 3_600, 90_000, -5)]
    assert shown == ["0s", "59s", "1m 00s", "59m 59s", "1h 00m", "1d 1h", "0s"]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60)])
def test_a_small_terminal_still_shows_money_trades_and_venues_in_trouble(
    width: int, height: int
) -> None:
    venues = tuple(venue(VenueId(f"v{n}"), 1, connected=n != 9, reason="gone") for n in range(10))
    facts = msgspec.structs.replace(
        FACTS, venues=venues, recent_trades=(TRADE,) * 15, open_trades=(TRADE,) * 2
    )
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None
    )
    live = view.LiveView(FakeQueries(facts), LISTENERS, console)
    with console.capture() as capture:
        console.print(live.picture())
    text = capture.get()
    assert len(text.splitlines()) < height
    for shown in ("PnL +12.50", "needs a person", "Open trades", "Recent trades"):
        assert shown in text, shown
    if height >= 40:
        assert "gone" in text
        assert "+1.234 %" in text
