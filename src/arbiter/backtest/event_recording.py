"""Recorded books of one event on two prediction markets, side by side in one row.

A row has, per venue, the best YES bid, the YES ask (1 − the best NO bid) and what is shown at
either. Its two snapshots were taken within one bucket of time, not at one moment.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import polars as pl

from arbiter.model.errors import InvalidValue, NotFound
from arbiter.model.ids import VenueId
from arbiter.model.time import NS_PER_MS, NS_PER_S

VENUES: Mapping[str, VenueId] = {
    "poly": VenueId("polymarket"),
    "kalshi": VenueId("kalshi"),
}
"""By the prefix of a venue's columns."""

_FIELDS = ("best_bid_yes", "yes_ask", "depth_best_yes", "depth_best_no")


class BookTop(msgspec.Struct, frozen=True):
    """YES book of one venue; sizes in contracts."""

    bid: float
    ask: float
    bid_size: float
    ask_size: float


class EventRow(msgspec.Struct, frozen=True):
    at_ns: int
    first: BookTop
    second: BookTop


class EventRecording(msgspec.Struct, frozen=True, kw_only=True):
    venues: tuple[VenueId, VenueId]
    rows: Sequence[EventRow]
    bucket_s: float
    """Typical time from one row to the next: how far apart the two books of a row may be."""


def read(path: Path) -> EventRecording:
    """Read a file of two venues' columns; `InvalidValue` names what it lacks."""
    try:
        frame = pl.read_parquet(path)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidValue(f"{path} is no Parquet file: {error}") from None
    found = [name for name in VENUES if f"{name}_best_bid_yes" in frame.columns]
    if len(found) != 2:
        raise InvalidValue(
            f"{path} has no books of two venues side by side; it needs columns like "
            "poly_best_bid_yes and kalshi_best_bid_yes"
        )
    columns = ["timestamp_ms", *(f"{name}_{field}" for name in found for field in _FIELDS)]
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InvalidValue(f"{path} lacks the column {missing[0]}")
    frame = frame.select(columns).drop_nulls().sort("timestamp_ms")
    if not len(frame):
        raise InvalidValue(f"{path} has no row with both books")
    rows = [
        EventRow(at_ms * NS_PER_MS, BookTop(*values[:4]), BookTop(*values[4:]))
        for at_ms, *values in frame.iter_rows()
    ]
    gaps = sorted(b.at_ns - a.at_ns for a, b in pairwise(rows))
    return EventRecording(
        venues=(VENUES[found[0]], VENUES[found[1]]),
        rows=rows,
        bucket_s=gaps[len(gaps) // 2] / NS_PER_S if gaps else 0.0,
    )
