"""Recorded quotes as the board wants them: files merged in time order, chunk by chunk.

The rule for rows that cannot be used is one: they are skipped and counted. Here that is a row
without a market or of one that is left out, and a row received before a row that already passed
(or without a time). The rest is the board's judgement, as live: crossed, not finite, not positive,
a negative size, a venue time that runs backwards.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from arbiter.backtest.listing import Listing
from arbiter.backtest.survey import (
    CHUNK_ROWS,
    EXCHANGE_MS,
    EXCHANGE_NS,
    NEEDED,
    columns_of,
    frames,
)
from arbiter.books.board import QuoteRows
from arbiter.model.errors import InvalidValue
from arbiter.model.time import NS_PER_MS

_KEYS = ("venue", "market_type", "symbol")
_PRICES = ("bid", "ask", "bid_size", "ask_size")


class RowCounts(msgspec.Struct, kw_only=True):
    """What became of the rows before the board saw them."""

    read: int = 0
    left_out: int = 0
    out_of_order: int = 0


class RecordedQuotes:
    """The quotes of `files`; iterate over `chunks` once. `counts` grows meanwhile."""

    def __init__(
        self, files: Sequence[Path], listing: Listing, chunk_rows: int = CHUNK_ROWS
    ) -> None:
        self.counts = RowCounts()
        self._files = tuple(files)
        self._chunk_rows = chunk_rows
        self._decoder = _Decoder(listing)

    def chunks(self) -> Iterator[QuoteRows]:
        """Give all usable rows in order of receipt; rows of one moment in the order of the files."""
        streams = [_Stream(self._of_file(file)) for file in self._files]
        if len(streams) == 1:
            yield from streams[0].rest()
        else:
            yield from _merge(streams)

    def _of_file(self, file: Path) -> Iterator[QuoteRows]:
        columns = columns_of(file)
        exchange = EXCHANGE_NS if EXCHANGE_NS in columns else EXCHANGE_MS
        newest = 0
        for frame in frames(file, [*NEEDED, exchange], self._chunk_rows):
            rows = self._decoder.decode(frame, exchange)
            self.counts.read += len(frame)
            self.counts.left_out += len(frame) - len(rows)
            received = rows.times[:, 1]
            if not len(rows):
                continue
            in_order = received >= np.maximum(np.maximum.accumulate(received), newest)
            newest = max(newest, int(received.max()))
            if not in_order.all():
                self.counts.out_of_order += int(np.count_nonzero(~in_order))
                rows = _take(rows, np.flatnonzero(in_order))
            yield rows


class _Decoder:
    """From a frame's columns to the board's arrays."""

    def __init__(self, listing: Listing) -> None:
        markets = [listed.market for listed in listing.listed]
        markets += [left.market for left in listing.left_out]
        told = pl.DataFrame(
            {
                "venue": [market.venue for market in markets],
                "market_type": [market.kind for market in markets],
                "symbol": [market.symbol for market in markets],
            }
        )
        keys = _hashes(told)
        if len(set(keys.tolist())) < len(markets):
            raise InvalidValue("two markets hash alike; run them apart with --symbols")
        slots = np.full(len(markets), -1, dtype=np.int32)
        sizes = np.ones(listing.registry.n_slots)
        for place, listed in enumerate(listing.listed):
            slots[place] = listing.registry.slot(listed.instrument.id)
            sizes[slots[place]] = float(listed.contract_size)
        order = np.argsort(keys)
        self._keys, self._slots = keys[order], slots[order]
        self._sizes = sizes if (sizes != 1.0).any() else None

    def decode(self, frame: pl.DataFrame, exchange: str) -> QuoteRows:
        keys = _hashes(frame)
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        slots = np.where(self._keys[place] == keys, self._slots[place], np.int32(-1))
        prices = np.empty((len(frame), 4))
        for column, name in enumerate(_PRICES):
            prices[:, column] = frame[name].cast(pl.Float64).to_numpy()
        times = np.empty((len(frame), 2), dtype=np.int64)
        scale = 1 if exchange == EXCHANGE_NS else NS_PER_MS
        times[:, 0] = frame[exchange].fill_null(0).to_numpy()
        times[:, 0] *= scale
        times[:, 1] = frame["recv_ts_ns"].fill_null(-1).to_numpy()
        rows = QuoteRows(slots=slots, prices=prices, times=times)
        kept = slots >= 0
        if not kept.all():
            rows = _take(rows, np.flatnonzero(kept))
        if self._sizes is not None:
            rows.prices[:, 2:] *= self._sizes[rows.slots][:, None]
        return rows


def _hashes(frame: pl.DataFrame) -> NDArray[np.uint64]:
    """One number per row for its market: comparing strings would cost more than all the rest."""
    parts = [frame[key].hash(seed).to_numpy() for seed, key in enumerate(_KEYS)]
    mixed: NDArray[np.uint64] = parts[0] ^ (parts[1] * np.uint64(3)) ^ (parts[2] * np.uint64(5))
    return mixed


class _Stream:
    """One file's rows with a place in them."""

    def __init__(self, chunks: Iterator[QuoteRows]) -> None:
        self._chunks = chunks
        self._rows: QuoteRows | None = None
        self.ended = False
        self.load()

    @property
    def times(self) -> NDArray[np.int64]:
        assert self._rows is not None
        return self._rows.times[:, 1]

    @property
    def empty(self) -> bool:
        return self._rows is None or not len(self._rows)

    def load(self) -> None:
        """Put the next chunk behind what is left."""
        chunk = next(self._chunks, None)
        if chunk is None:
            self.ended = True
        elif self.empty:
            self._rows = chunk
        else:
            assert self._rows is not None
            self._rows = _join([self._rows, chunk])

    def take_before(self, at_ns: int | None) -> QuoteRows:
        """Take what was received before a time; everything without one."""
        assert self._rows is not None
        rows = self._rows
        end = len(rows) if at_ns is None else int(np.searchsorted(self.times, at_ns, "left"))
        self._rows = _take(rows, slice(end, None))
        return _take(rows, slice(0, end))

    def rest(self) -> Iterator[QuoteRows]:
        while not self.empty:
            yield self.take_before(None)
            self.load()


def _merge(streams: Sequence[_Stream]) -> Iterator[QuoteRows]:
    """Merge by time of receipt; equal times keep the order of the streams."""
    while True:
        live = [stream for stream in streams if not stream.empty]
        if not live:
            return
        more = [stream for stream in live if not stream.ended]
        horizon = min((int(stream.times[-1]) for stream in more), default=None)
        joined = _join([stream.take_before(horizon) for stream in live])
        if len(joined):
            yield _take(joined, np.argsort(joined.times[:, 1], kind="stable"))
        for stream in more:
            if horizon is not None and (stream.empty or int(stream.times[-1]) <= horizon):
                stream.load()


def _take(rows: QuoteRows, chosen: slice | NDArray[np.intp]) -> QuoteRows:
    return QuoteRows(slots=rows.slots[chosen], prices=rows.prices[chosen], times=rows.times[chosen])


def _join(parts: Sequence[QuoteRows]) -> QuoteRows:
    return QuoteRows(
        slots=np.concatenate([part.slots for part in parts]),
        prices=np.concatenate([part.prices for part in parts]),
        times=np.concatenate([part.times for part in parts]),
    )
