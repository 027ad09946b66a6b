"""The parts behind the surface: candles, turns of the stream, tallies, changes of settings."""

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.api.common.errors import Refused
from arbiter.api.spot import config_keys
from arbiter.api.spot.prices_feed import PriceFeed, Turnstile
from arbiter.app.config import Settings, load
from arbiter.app.tuning import Tuning
from arbiter.books.registry import MarketRegistry
from arbiter.model.errors import BadConfig, StorageUnavailable
from arbiter.model.events import SettingChanged, StrategySwitched
from arbiter.model.ids import Actor, InstrumentId, StrategyId, VenueId
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_HOUR, NS_PER_MINUTE, NS_PER_S
from arbiter.runtime.candles import CandleBuilder, CandleKeeper
from arbiter.runtime.spot_tally import SpotTally
from arbiter.runtime.tuning import RUN_EXCHANGES, RUN_SYMBOLS, BadSetting, SettingValue
from tests.fakes.engine import VENUES, Desk, spot_instrument
from tests.fakes.perpetuals import perpetual

START = 1_704_067_200 * NS_PER_S
SPOT = StrategyId("spot-arbitrage")
NAN = float("nan")


def registry() -> MarketRegistry:
    return MarketRegistry(spot_instrument(v, base) for base in ("BTC", "ETH") for v in VENUES)


# Candles


def test_minute_keeps_first_highest_lowest_and_last() -> None:
    builder = CandleBuilder(registry())
    for second, mid in enumerate((10.0, 12.0, NAN, 9.0, 11.0)):
        mids = np.array([mid, NAN, NAN, 5.0])
        assert builder.sample(mids, START + second * NS_PER_S) == []
    builder.traded(0, 1.5)
    first, second_candle = builder.sample(np.full(4, NAN), START + NS_PER_MINUTE)
    assert first == Candle(
        instrument=InstrumentId("BTCUSDT.BINANCE"),
        interval_ns=NS_PER_MINUTE,
        open_ns=START,
        open=10.0,
        high=12.0,
        low=9.0,
        close=11.0,
        volume=1.5,
    )
    assert (second_candle.instrument, second_candle.volume) == ("ETHUSDT.BYBIT", 0.0)
    assert builder.sample(np.full(4, NAN), START + 2 * NS_PER_MINUTE) == []


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=59))
def test_candle_holds_every_mid_of_its_minute(mids: list[float]) -> None:
    builder = CandleBuilder(registry())
    for second, mid in enumerate(mids):
        builder.sample(np.array([mid, NAN, NAN, NAN]), START + second * NS_PER_S)
    (candle,) = builder.sample(np.full(4, NAN), START + NS_PER_MINUTE)
    assert (candle.open, candle.close) == (mids[0], mids[-1])
    assert (candle.high, candle.low) == (max(mids), min(mids))


class Store:
    """Keeps candles in memory; may be away."""

    def __init__(self, known: Collection[InstrumentId] = ()) -> None:
        self.known = set(known)
        self.kept: list[Candle] = []
        self.away = False

    async def save(self, candles: Sequence[Candle]) -> None:
        if self.away:
            raise StorageUnavailable("away")
        self.kept.extend(candles)

    async def missing(self, instruments: Collection[InstrumentId]) -> Sequence[InstrumentId]:
        return [i for i in instruments if i not in self.known]

    async def bars(
        self, instrument: InstrumentId, interval_ns: int, since_ns: int, until_ns: int
    ) -> Sequence[Candle]:
        return [c for c in self.kept if c.instrument == instrument]


class Past:
    async def history(self, instrument: InstrumentId) -> Sequence[Candle]:
        flat = {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 0.0}
        return [Candle(instrument=instrument, interval_ns=NS_PER_MINUTE, open_ns=START, **flat)]


async def test_past_is_asked_for_where_nothing_is_known() -> None:
    desk = Desk()
    store = Store(known=["BTCUSDT.BINANCE"])  # type: ignore[list-item]
    keeper = CandleKeeper(
        board=desk.core.board,
        registry=desk.registry,
        store=store,
        clock=desk.clock,
        past={venue: Past() for venue in VENUES},
    )
    await keeper.fill_in()
    assert [candle.instrument for candle in store.kept] == ["BTCUSDT.BYBIT"]


# The stream


async def test_turns_come_in_order_and_no_more_than_the_tick_allows() -> None:
    turnstile = Turnstile(per_second=50)
    done: list[int] = []

    async def writer(number: int) -> None:
        await turnstile.turn()
        done.append(number)

    pump = asyncio.create_task(turnstile.run())
    writers = [asyncio.create_task(writer(number)) for number in range(12)]
    for allowed in (5, 10, 12):
        for _ in range(50):
            await asyncio.sleep(0)
        assert done == list(range(allowed))
        turnstile.refill()
    await asyncio.gather(*writers)
    pump.cancel()


async def test_writer_that_left_takes_no_turn() -> None:
    turnstile = Turnstile(per_second=10)
    gone = asyncio.create_task(turnstile.turn())
    await asyncio.sleep(0)
    gone.cancel()
    pump = asyncio.create_task(turnstile.run())
    async with asyncio.timeout(60):
        await turnstile.turn()
    pump.cancel()


def test_only_quotes_that_moved_are_told() -> None:
    desk = Desk()
    feed = PriceFeed(desk.core.board, desk.registry)
    assert not feed.changed().any()
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.1)
    slot = desk.registry.slot(InstrumentId("BTCUSDT.BINANCE"))
    assert np.flatnonzero(feed.changed()).tolist() == [slot]
    assert not feed.changed().any()
    frame = feed.frame(slot)
    assert frame is not None
    assert '"bid":100.0' in frame
    assert feed.frame(slot) is frame
    desk.core.board.set_venue_health(VenueId("binance"), False, "lost")
    feed.changed()
    assert feed.frame(slot) is None


# Tallies


def test_signals_leave_the_count_after_an_hour() -> None:
    tally = SpotTally(Desk().ledger, SPOT, START, earlier=[START - 50, START - 10])
    assert tally.signals_last_hour(START) == 2
    assert tally.signals_last_hour(START - 50 + NS_PER_HOUR) == 1
    assert tally.signals_last_hour(START + NS_PER_HOUR) == 0


def test_start_begins_a_new_count() -> None:
    desk = Desk()
    tally = SpotTally(desk.ledger, SPOT, START)
    tally.completed_in_run = 4
    switched = StrategySwitched(
        at_ns=START + 9, strategy=StrategyId("other"), running=True, actor=Actor("t")
    )
    changes = desk.ledger.apply(switched)
    tally.watch([switched], changes)
    assert (tally.completed_in_run, tally.run_started_ns) == (4, START)
    ours = StrategySwitched(at_ns=START + 9, strategy=SPOT, running=True, actor=Actor("t"))
    tally.watch([ours], changes)
    assert (tally.completed_in_run, tally.run_started_ns) == (0, START + 9)


# Settings


def settings(folder: Path, text: str = "") -> Settings:
    (folder / "arbiter.toml").write_text(text)
    return load(environment={"ARBITER_HOME": str(folder)}).settings


def changed(path: str, after: str) -> SettingChanged:
    return SettingChanged(at_ns=1, path=path, before="", after=after, actor=Actor("t"))


def test_earlier_changes_stand_over_the_file(tmp_path: Path) -> None:
    kept = {
        "spot.trade_amount_usd": changed("spot.trade_amount_usd", "12.5"),
        "risk.max_concurrent_trades": changed("risk.max_concurrent_trades", "9"),
        RUN_SYMBOLS: changed(RUN_SYMBOLS, '["BTC/USDT"]'),
    }
    tuning = Tuning(settings(tmp_path), registry(), kept)
    assert str(tuning.spot.trade_amount_usd) == "12.5"
    assert tuning.spot.symbols == ("BTC/USDT",)
    assert tuning.limits.max_concurrent_trades == 9
    assert tuning.allowed_symbols == ("BTC/USDT", "ETH/USDT")


def test_earlier_change_that_no_longer_holds_is_left_out(tmp_path: Path) -> None:
    kept = {
        "spot.gone": changed("spot.gone", "1"),
        "spot.trade_amount_usd": changed("spot.trade_amount_usd", '"much"'),
        RUN_EXCHANGES: changed(RUN_EXCHANGES, '["mtgox"]'),
        "risk.max_concurrent_trades": changed("risk.max_concurrent_trades", "8"),
    }
    tuning = Tuning(settings(tmp_path), registry(), kept)
    assert str(tuning.spot.trade_amount_usd) == "100"
    assert tuning.spot.exchanges == ()
    assert tuning.limits.max_concurrent_trades == 8


def test_prepared_change_does_nothing_until_applied(tmp_path: Path) -> None:
    desk = Desk()
    tuning = Tuning(settings(tmp_path), desk.registry, {})
    tuning.govern(desk.core)
    prepared = tuning.prepare({"spot.trade_amount_usd": 55, "risk.max_drawdown_percent": 5})
    assert dict(prepared.after) == {"spot.trade_amount_usd": "55"}
    assert dict(prepared.before) == {"spot.trade_amount_usd": "100"}
    assert str(tuning.spot.trade_amount_usd) == "100"
    prepared.apply()
    assert str(desk.core.spot.settings.trade_amount_usd) == "55"
    assert tuning.value("spot.trade_amount_usd") == 55.0


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"spot.trade_amount": 5}, "spot.trade_amount", "did you mean spot.trade_amount_usd"),
        ({"sim.seed": 5}, "sim.seed", "is not a setting"),
        ({"spot.enabled": False}, "spot.enabled", "is not a setting"),
        ({"spot.cooldown_seconds": -1}, "spot.cooldown_seconds", "seconds from 0 to 3600"),
        ({"spot.exchanges": ["mtgox"]}, "spot.exchanges", "no venue is named 'mtgox'"),
        ({"spot.symbols": ["XRPUSDT"]}, "spot.symbols", "no instrument is named"),
        (
            {"spot.min_profit_threshold": 0.05, "spot.max_spread_threshold": 0.01},
            "spot.max_spread_threshold",
            "at least min_profit_threshold",
        ),
    ],
)
def test_change_that_cannot_be_made_is_named(
    tmp_path: Path, changes: dict[str, SettingValue], path: str, said: str
) -> None:
    tuning = Tuning(settings(tmp_path), registry(), {})
    with pytest.raises(BadSetting, match=said) as caught:
        tuning.prepare(changes)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('exchanges = ["binanse"]', "no venue is named 'binanse'; there are binance"),
        ('symbols = ["BTCUSD"]', "no instrument is named 'BTCUSD'; did you mean BTCUSDT"),
        ('quote_currencies = ["USTD"]', "nothing is quoted in 'USTD'; there are USDT"),
    ],
)
def test_a_start_that_would_trade_nothing_is_refused(
    tmp_path: Path, written: str, said: str
) -> None:
    wrong = settings(tmp_path, f"[spot]\n{written}\n")
    with pytest.raises(BadConfig, match=rf"in \[spot\]: .*{said}"):
        Tuning(wrong, registry(), {})


def test_disabling_all_that_trading_was_started_with_is_refused(tmp_path: Path) -> None:
    tuning = Tuning(settings(tmp_path), registry(), {})
    tuning.prepare({RUN_EXCHANGES: ["binance"]}).apply()
    with pytest.raises(BadSetting, match="start it with others first"):
        tuning.prepare({"spot.exchanges": ["bybit"]})
    assert tuning.allowed_exchanges == VENUES
    assert tuning.spot.exchanges == ("binance",)


# The contract's names for the settings


def test_no_exchange_left_enabled_is_refused_whatever_perpetuals_there_are(tmp_path: Path) -> None:
    spot = [spot_instrument(venue) for venue in VENUES]
    markets = MarketRegistry([*spot, perpetual("hyperliquid"), perpetual("aster")])
    tuning = Tuning(settings(tmp_path), markets, {})
    none = {"exchanges": {venue: {"enabled": False} for venue in markets.spot_venues}}
    with pytest.raises(Refused, match="at least one exchange must stay enabled"):
        config_keys.read(none, tuning, markets.spot_venues)
    first, *others = markets.spot_venues
    one = {"exchanges": {venue: {"enabled": False} for venue in others}}
    wanted = config_keys.read(one, tuning, markets.spot_venues)
    assert wanted.changes == {"spot.exchanges": [first]}
