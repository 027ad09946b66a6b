"""Recorded candles for the agents' rehearsal: one symbol at one venue, at its finest interval."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from arbiter.agents.view import Bars
from arbiter.model.errors import BadConfig, NotFound
from arbiter.model.time import NS_PER_HOUR, NS_PER_MINUTE, NS_PER_MS

INTERVALS = {
    "1m": NS_PER_MINUTE,
    "5m": 5 * NS_PER_MINUTE,
    "15m": 15 * NS_PER_MINUTE,
    "1h": NS_PER_HOUR,
}
_NEEDED = {"ts_ms", "venue", "symbol", "interval", "open", "high", "low", "close", "volume"}


def read_klines(
    files: Sequence[Path], symbol: str, *, venue: str | None, interval: str | None
) -> tuple[Bars, str, str, int]:
    """Give the bars with their venue, their name there and their interval in ns.

    `symbol` is a market name or its beginning (BTC finds BTCUSDT). Without a venue or an interval
    the longest series is taken, of equally long ones the first by name. `NotFound` when there is
    none.
    """
    try:
        frame = pl.concat([pl.scan_parquet(file) for file in files], how="diagonal_relaxed")
        missing = _NEEDED - set(frame.collect_schema().names())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadConfig(f"these are no candles: {error}") from None
    if missing:
        raise BadConfig(f"these are no candles: columns {', '.join(sorted(missing))} are missing")
    wanted = symbol.upper().replace("/", "").replace("-", "")
    rows = frame.filter(
        pl.col("symbol").str.to_uppercase().str.replace_all("[/_-]", "").str.starts_with(wanted),
        pl.col("interval").is_in(list(INTERVALS)),
    )
    if venue is not None:
        rows = rows.filter(pl.col("venue") == venue.lower())
    if interval is not None:
        rows = rows.filter(pl.col("interval") == interval)
    kinds = (
        rows.group_by("venue", "symbol", "interval")
        .len()
        .sort("len", "venue", "symbol", "interval", descending=[True, False, False, False])
    )
    found = kinds.collect().to_dicts()
    if not found:
        raise NotFound(f"no candles of {symbol} are in these files")
    best = found[0]
    chosen = (
        rows.filter(
            pl.col("venue") == best["venue"],
            pl.col("symbol") == best["symbol"],
            pl.col("interval") == best["interval"],
        )
        .unique("ts_ms", keep="first")
        .drop_nulls(["open", "high", "low", "close"])
        .sort("ts_ms")
        .collect()
    )
    columns = [
        chosen[name].cast(pl.Float64).fill_null(0.0).to_numpy().copy()
        for name in ("open", "high", "low", "close", "volume")
    ]
    opens = chosen["ts_ms"].cast(pl.Int64).to_numpy().copy() * NS_PER_MS
    return Bars(opens, *columns), best["venue"], best["symbol"], INTERVALS[best["interval"]]
