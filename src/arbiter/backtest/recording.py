"""Recording what a feed delivers, as Parquet that a backtest reads.

Every quote is kept as it came, bad ones too, with the time of receipt to the nanosecond. A file is
written whole and moved into place, so that what is there can be read; what a crash takes is the
quotes since the last rotation. The instruments go along in the file's metadata: a backtest then
trades by the venue's own rules and infers nothing. Losses of a connection are not recorded.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from arbiter.backtest.survey import EXCHANGE_MS, EXCHANGE_NS, INSTRUMENTS
from arbiter.books.registry import MarketRegistry
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.model.time import NS_PER_MS, NS_PER_S

_BLOCK = 8_192
"""Quotes kept as Python numbers before they are packed."""

_KINDS = {
    InstrumentKind.SPOT: "spot",
    InstrumentKind.LINEAR: "linear",
    InstrumentKind.INVERSE: "inverse",
    InstrumentKind.BINARY: "binary",
}

Row = tuple[int, float, float, float, float, int, int]


class QuoteRecorder:
    """A `ports.QuoteSink` that writes files to `folder`; `close` it for the last one.

    A new file is begun after `max_rows` quotes or once `max_seconds` have passed since the file's
    first quote, by the time of receipt.
    """

    def __init__(
        self,
        folder: Path,
        registry: MarketRegistry,
        *,
        max_rows: int = 1_000_000,
        max_seconds: float = 600.0,
    ) -> None:
        if max_rows < 1 or max_seconds <= 0:
            raise InvalidValue("a recording rotates after at least one row and some time")
        self.files: list[Path] = []
        self.rows = 0
        """Quotes recorded since the start."""
        self._folder = folder
        self._registry = registry
        self._max_rows = max_rows
        self._max_ns = round(max_seconds * NS_PER_S)
        self._first_ns: int | None = None
        self._held = 0
        self._loose: list[Row] = []
        self._blocks: list[tuple[NDArray[np.float64], NDArray[np.int64]]] = []
        folder.mkdir(parents=True, exist_ok=True)

    def on_quote(
        self,
        slot: int,
        bid: float,
        ask: float,
        bid_size: float,
        ask_size: float,
        exchange_ns: int,
        receive_ns: int,
    ) -> None:
        """Keep one quote."""
        first = self._first_ns
        if first is None:
            self._first_ns = receive_ns
        elif self._held >= self._max_rows or receive_ns - first >= self._max_ns:
            self.rotate()
            self._first_ns = receive_ns
        self._loose.append((slot, bid, ask, bid_size, ask_size, exchange_ns, receive_ns))
        self._held += 1
        self.rows += 1
        if len(self._loose) >= _BLOCK:
            self._pack()

    def on_venue_health(self, venue: VenueId, *, connected: bool, reason: str) -> None:
        """Nothing of it is recorded: a gap in the quotes is all that a reader will see."""

    def rotate(self) -> None:
        """Write what is held as one file."""
        self._pack()
        if not self._held or self._first_ns is None:
            return
        path = self._free_name(self._first_ns)
        draft = path.with_name(f".{path.name}.part")
        text = msgspec.json.encode(list(self._registry.instruments)).decode()
        self._frame().write_parquet(draft, metadata={INSTRUMENTS: text})
        os.replace(draft, path)
        self.files.append(path)
        self._blocks, self._held, self._first_ns = [], 0, None

    def close(self) -> None:
        self.rotate()

    def _pack(self) -> None:
        if not self._loose:
            return
        prices = np.array([row[1:5] for row in self._loose], dtype=np.float64)
        whole = np.array([(row[0], row[5], row[6]) for row in self._loose], dtype=np.int64)
        self._blocks.append((prices, whole))
        self._loose = []

    def _frame(self) -> pl.DataFrame:
        prices = np.concatenate([block[0] for block in self._blocks])
        whole = np.concatenate([block[1] for block in self._blocks])
        listed = [self._registry.instrument_at(slot) for slot in range(self._registry.n_slots)]
        venues = [None if i is None else str(i.venue) for i in listed]
        kinds = [None if i is None else _KINDS[i.kind] for i in listed]
        names = [None if i is None else i.market_id for i in listed]
        slots = pl.Series(whole[:, 0])
        return pl.DataFrame(
            {
                "recv_ts_ns": whole[:, 2],
                EXCHANGE_NS: pl.Series(whole[:, 1]).replace(0, None),
                EXCHANGE_MS: pl.Series(whole[:, 1] // NS_PER_MS).replace(0, None),
                "venue": pl.Series(venues, dtype=pl.String).gather(slots),
                "market_type": pl.Series(kinds, dtype=pl.String).gather(slots),
                "symbol": pl.Series(names, dtype=pl.String).gather(slots),
                "bid": prices[:, 0],
                "ask": prices[:, 1],
                "bid_size": prices[:, 2],
                "ask_size": prices[:, 3],
            }
        )

    def _free_name(self, first_ns: int) -> Path:
        moment = datetime.fromtimestamp(first_ns // NS_PER_S, UTC)
        stem = f"quotes-{moment:%Y%m%dT%H%M%S}.{first_ns % NS_PER_S:09d}Z"
        path = self._folder / f"{stem}.parquet"
        number = 1
        while path.exists():
            number += 1
            path = self._folder / f"{stem}-{number}.parquet"
        return path
