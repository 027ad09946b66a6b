"""USDC at 0.95: no arbitrage in that alone, stakes at their worth, and no opening on an old rate."""

from decimal import Decimal

from arbiter.model.denials import DenialCode, Denied
from arbiter.model.events import AlertRaised, SignalSeen, TradeOpened
from arbiter.model.ids import Actor, Asset, InstrumentId, StrategyId, Symbol, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Side
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.time import NS_PER_S
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from arbiter.risk.limits import RiskLimits
from arbiter.risk.rates import UsdRates, UsdRateSettings
from arbiter.runtime.rate_watch import RateWatch
from tests.fakes.clock import FakeIds
from tests.fakes.engine import Desk, spot_instrument

BINANCE, BYBIT = VenueId("binance"), VenueId("bybit")
BTC, USDT, USDC = Asset("BTC"), Asset("USDT"), Asset("USDC")
BTC_USDC = InstrumentId("BTCUSDC.BINANCE")
BTC_USDT = InstrumentId("BTCUSDT.BYBIT")
ALL_QUOTES = SpotSettings(trend_filter_mode=TrendFilterMode.DISABLED, quote_currencies=())


def listed(base: Asset, quote: Asset, venue: VenueId) -> Instrument:
    return spot_instrument(
        venue,
        base,
        id=InstrumentId(f"{base}{quote}.{venue.upper()}"),
        market_id=f"{base}{quote}",
        symbol=Symbol(f"{base}/{quote}"),
        quote=quote,
        settle=quote,
    )


class Depeg:
    """BTC against both tokens on two venues, and USDC/USDT on one or both."""

    def __init__(self, limits: RiskLimits | None = None) -> None:
        self.rates = UsdRates(UsdRateSettings())
        self.desk = Desk(
            instruments=tuple(
                listed(base, quote, venue)
                for base, quote in ((BTC, USDT), (BTC, USDC), (USDC, USDT))
                for venue in (BINANCE, BYBIT)
            ),
            spot=ALL_QUOTES,
            limits=limits,
            rates=self.rates,
        )
        self.watch = RateWatch(self.desk.core, self.rates)
        self._ids = FakeIds()

    def quote(self, usdc: float, btc_usdt: float = 95.0, *, silent: bool = False) -> None:
        """Everything is quoted, BTC at the same worth in both tokens; `silent` but USDC/USDT."""
        for venue in ("BINANCE", "BYBIT"):
            if not silent:
                self.desk.quote(f"USDCUSDT.{venue}", usdc - 0.0001, usdc + 0.0001)
            self.desk.quote(f"BTCUSDT.{venue}", btc_usdt - 0.01, btc_usdt + 0.01)
            price = btc_usdt / usdc
            self.desk.quote(f"BTCUSDC.{venue}", price - 0.01, price + 0.01)
        self.watch.look(self.desk.clock.now_ns())

    def later(self, seconds: int) -> None:
        self.desk.clock.advance(seconds * NS_PER_S)

    def buy(self, instrument: InstrumentId, price: str, size: str = "1") -> TradeOpened | Denied:
        return self._propose(instrument, Side.BUY, price, size, reduce_only=False)

    def close(self, instrument: InstrumentId, price: str, size: str = "1") -> TradeOpened | Denied:
        return self._propose(instrument, Side.SELL, price, size, reduce_only=True)

    def _propose(
        self, instrument: InstrumentId, side: Side, price: str, size: str, *, reduce_only: bool
    ) -> TradeOpened | Denied:
        plan = Plan(
            strategy=StrategyId("by-hand"),
            family=Family.MANUAL,
            actor=Actor("user:a"),
            symbol=self.desk.registry.by_id(instrument).symbol,
            legs=(
                Leg(
                    instrument=instrument,
                    side=side,
                    size=Decimal(size),
                    price=Decimal(price),
                    planned_price=Decimal(price),
                ),
            ),
            reduce_only=reduce_only,
            created_ns=self.desk.clock.now_ns(),
        )
        return self.desk.core.propose(plan)

    def signals(self) -> list[SignalSeen]:
        return [event for event in self.desk.journal.events if isinstance(event, SignalSeen)]


def test_depeg_alone_is_no_arbitrage() -> None:
    world = Depeg()
    for step in range(51):
        world.quote(1.0 - step * 0.001)
        world.later(1)
    assert world.rates.at(USDC, world.desk.clock.now_ns()) == Decimal("0.95")
    # 100 USDC here and 95 USDT there are one price, not 5 %.
    assert world.desk.core.board.mark(BTC_USDC) == 100.0
    assert world.desk.core.board.mark(BTC_USDT) == 95.0
    assert world.signals() == []
    assert world.desk.outbox.sent == []
    world.desk.quote("BTCUSDC.BYBIT", 102.0, 102.1)
    (seen,) = world.signals()
    assert seen.signal.symbol == "BTC/USDC", "in one currency a gap is still seen"


def test_stakes_in_a_depegged_token_count_at_its_rate() -> None:
    world = Depeg(RiskLimits(max_trade_usd=Decimal(96), max_total_exposure_usd=Decimal(96)))
    world.quote(1.0, btc_usdt=100.0)
    denied = world.buy(BTC_USDC, "100")
    assert str(denied) == "TRADE_SIZE: notional=100 limit=96"
    world.later(1)
    world.quote(0.95)
    assert isinstance(world.buy(BTC_USDC, "100"), TradeOpened)
    denied = world.buy(BTC_USDC, "100", "0.1")
    assert str(denied) == "TOTAL_EXPOSURE: exposure=95 needed=9.5 limit=96"


def test_stale_rate_blocks_openings_and_lets_closes_pass() -> None:
    world = Depeg()
    world.quote(0.95)
    opened = world.buy(BTC_USDC, "100")
    assert isinstance(opened, TradeOpened)
    world.desk.complete(opened.orders[0])
    for _ in range(61):
        world.later(1)
        world.quote(0.95, silent=True)
    denied = world.buy(BTC_USDC, "100")
    assert isinstance(denied, Denied)
    assert denied.code is DenialCode.RATE_MISSING
    assert str(denied) == "RATE_MISSING: currency=USDC"
    assert isinstance(world.buy(BTC_USDT, "95"), TradeOpened), "USDT has its rate"
    assert isinstance(world.close(BTC_USDC, "99"), TradeOpened)
    told = [event.code for event in world.desk.journal.events if isinstance(event, AlertRaised)]
    assert told == ["RATE_STALE"], "once"
    world.later(1)
    world.quote(0.95)
    assert isinstance(world.buy(BTC_USDC, "100"), TradeOpened)
