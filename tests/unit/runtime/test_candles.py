"""Candles: of public trades where they are told, of mids elsewhere."""

import numpy as np
import pytest
from numpy.typing import NDArray

from arbiter.books.registry import MarketRegistry
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_MINUTE, NS_PER_S
from arbiter.runtime.candles import CandleBuilder
from tests.fakes.wiring import listing

T0 = 1_790_000_040 * NS_PER_S
TRADED, QUOTED = "BTCUSDT.BINANCE", "ETHUSDT.BINANCE"


@pytest.fixture
def registry() -> MarketRegistry:
    return MarketRegistry([listing("BTCUSDT", "binance"), listing("ETHUSDT", "binance")])


def minute(builder: CandleBuilder, mids: NDArray[np.float64], at_ns: int) -> dict[str, Candle]:
    return {candle.instrument: candle for candle in builder.sample(mids, at_ns)}


def test_a_traded_minute_is_made_of_its_trades(registry: MarketRegistry) -> None:
    builder = CandleBuilder(registry)
    traded = registry.slot(registry.instruments[0].id)
    mids = np.full(registry.n_slots, 100.0)
    assert T0 % NS_PER_MINUTE == 0
    builder.sample(mids, T0)
    for price, size in ((101.0, 2.0), (104.0, 1.0), (99.0, 0.5), (102.0, 0.5)):
        builder.printed(traded, price, size, T0 + 1)
    builder.traded(traded, 0.5)  # ours is among the public ones
    told = minute(builder, mids, T0 + NS_PER_MINUTE)
    bar = told[TRADED]
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (101.0, 104.0, 99.0, 102.0, 4.0)
    quoted = told[QUOTED]
    assert (quoted.open, quoted.close, quoted.volume) == (100.0, 100.0, 0.0)


def test_a_trade_just_after_the_minute_belongs_to_the_next(registry: MarketRegistry) -> None:
    builder = CandleBuilder(registry)
    traded = registry.slot(registry.instruments[0].id)
    mids = np.full(registry.n_slots, 100.0)
    builder.sample(mids, T0)
    builder.printed(traded, 101.0, 1.0, T0 + NS_PER_MINUTE - 1)
    builder.printed(traded, 109.0, 3.0, T0 + NS_PER_MINUTE)
    first = minute(builder, mids, T0 + NS_PER_MINUTE + NS_PER_S // 2)[TRADED]
    assert (first.high, first.volume, first.open_ns) == (101.0, 1.0, T0)
    second = minute(builder, mids, T0 + 2 * NS_PER_MINUTE)[TRADED]
    assert (second.open, second.volume) == (109.0, 3.0)
    third = minute(builder, mids, T0 + 3 * NS_PER_MINUTE)[TRADED]
    assert (third.open, third.volume) == (100.0, 0.0)
