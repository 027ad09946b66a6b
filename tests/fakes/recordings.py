"""Recordings made up for tests: quotes of two venues that drift apart and together again."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

from arbiter.backtest.run import Prepared, Request, prepare
from arbiter.backtest.settings import BacktestSettings
from arbiter.execution.settings import ExecutionSettings
from arbiter.model.ids import Symbol
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.assembly import CoreSettings

START_NS = 1_767_225_600_000_000_000
LIVELY = SpotSettings(
    min_profit_threshold=Decimal("0.0005"),
    slippage_tolerance=Decimal("0.0003"),
    cooldown_seconds=1.0,
    max_trades_per_hour=100_000,
    trend_filter_mode=TrendFilterMode.BOTH,
    trend_confirmation_threshold=0.00001,
    moving_average_periods=5,
)
"""Many trades, with a trend filter that stops some."""


def lively_market(
    rows: int = 20_000, *, seed: int = 5, symbols: Sequence[str] = ("BTC_USDT", "ETH_USDT")
) -> pl.DataFrame:
    """Make quotes 20 ms apart of two spot venues whose mids wander and jump apart.

    Sizes are small, so that orders are filled in part and legs have to be unwound.
    """
    rng = np.random.default_rng(seed)
    gaps = rng.integers(1_000_000, 40_000_000, rows)
    received = START_NS + np.cumsum(gaps)
    symbol = rng.integers(0, len(symbols), rows)
    venue = rng.integers(0, 2, rows)
    common = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.0002, rows)))
    # Each (symbol, venue) has a basis that jumps now and then and holds for a while.
    basis = np.zeros(rows)
    level = np.zeros((len(symbols), 2))
    jumps = rng.random(rows) < 0.03
    size = rng.normal(0, 0.003, rows)
    for i in range(rows):
        if jumps[i]:
            level[symbol[i], venue[i]] = size[i]
        basis[i] = level[symbol[i], venue[i]]
    mid = common * (1 + symbol) * (1 + basis)
    return pl.DataFrame(
        {
            "recv_ts_ns": received,
            "exch_ts_ms": received // 1_000_000,
            "venue": np.array(["alpha", "beta"])[venue],
            "market_type": ["spot"] * rows,
            "symbol": np.array(symbols)[symbol],
            "bid": np.round(mid * 0.9999, 2),
            "ask": np.round(mid * 1.0001, 2),
            "bid_size": np.round(rng.exponential(0.6, rows), 3),
            "ask_size": np.round(rng.exponential(0.6, rows), 3),
        }
    )


def low_fees(**changes: object) -> BacktestSettings:
    """Make venues that charge 1 bp a side, so that small edges pay."""
    fees = {"alpha": Decimal("0.0001"), "beta": Decimal("0.0001")}
    return BacktestSettings(taker_fee=fees, maker_fee=fees, **changes)  # type: ignore[arg-type]


def core_of(
    spot: SpotSettings = LIVELY, limits: RiskLimits | None = None
) -> Callable[[Callable[[str], Symbol]], CoreSettings]:
    def core(resolve: Callable[[str], Symbol]) -> CoreSettings:
        del resolve
        return CoreSettings(
            mode="backtest",
            spot=spot,
            limits=limits or RiskLimits(max_concurrent_trades=8),
            execution=ExecutionSettings(),
        )

    return core


def prepared(
    files: Sequence[Path],
    *,
    spot: SpotSettings = LIVELY,
    settings: BacktestSettings | None = None,
    limits: RiskLimits | None = None,
) -> Prepared:
    return prepare(
        Request(files=tuple(files), settings=settings or low_fees(), core=core_of(spot, limits))
    )


def written(frame: pl.DataFrame, path: Path, *, row_group_size: int | None = None) -> Path:
    frame.write_parquet(path, row_group_size=row_group_size)
    return path
