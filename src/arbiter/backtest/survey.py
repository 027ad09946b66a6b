"""What a recording holds: one pass over the files before anything is traded.

The same files give the same survey, whatever reads them afterwards.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import from_float
from arbiter.model.time import NS_PER_S

CHUNK_ROWS = 262_144
INSTRUMENTS = "arbiter.instruments"
"""Key of the Parquet metadata under which `arbiter record` keeps the instruments, as JSON."""

NEEDED = ("recv_ts_ns", "venue", "market_type", "symbol", "bid", "ask", "bid_size", "ask_size")
EXCHANGE_MS = "exch_ts_ms"
EXCHANGE_NS = "exch_ts_ns"
"""Written by `arbiter record`; where both are there it is the one that counts."""

_KEYS = ["venue", "market_type", "symbol"]
PAUSE_NS = 60 * NS_PER_S

_STEPS_FROM = 500
"""A market's first rows, which ticks and lots are read from."""

_PRICE_DIGITS = 12
_SIZE_DIGITS = 8
"""Digits past these are what arithmetic left behind, not a venue's step."""


class Market(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A market as the recording names it."""

    venue: str
    kind: str
    symbol: str

    @property
    def name(self) -> str:
        return f"{self.venue} {self.kind} {self.symbol}"

    @property
    def venue_id(self) -> VenueId:
        """A venue's perpetuals are a venue of their own: other fees, other accounts."""
        apart = self.kind != "spot" and not self.venue.endswith("_futures")
        return VenueId(f"{self.venue}_futures" if apart else self.venue)


class Facts(msgspec.Struct, kw_only=True):
    rows: int = 0
    first_ns: int = 0
    last_ns: int = 0
    price: Decimal | None = None
    """First ask recorded."""
    price_step: Decimal = Decimal(1)
    """Finest power of ten seen in prices."""
    size_step: Decimal = Decimal(1)


class Survey(msgspec.Struct, kw_only=True):
    files: tuple[Path, ...]
    markets: dict[Market, Facts] = {}
    instruments: tuple[Instrument, ...] = ()
    """What the recorder wrote down of the instruments; empty for other recordings."""
    rows: int = 0
    first_ns: int = 0
    last_ns: int = 0

    stretches: list[tuple[int, int]] = []
    """From first to last quote without a pause of `PAUSE_NS`, per file."""

    @property
    def quoted_ns(self) -> int:
        """Time that was recorded: pauses between recordings do not count."""
        total, until = 0, 0
        for first, last in sorted(self.stretches):
            total += max(last - max(first, until), 0)
            until = max(until, last)
        return total


def survey(files: Sequence[Path]) -> Survey:
    """Read every file once; one that is no recording of quotes is an `InvalidValue`."""
    found = Survey(files=tuple(files))
    told: dict[str, Instrument] = {}
    for file in files:
        columns_of(file)
        for instrument in _instruments(file):
            told.setdefault(instrument.id, instrument)
        newest = None
        for frame in frames(file, [*NEEDED]):
            _add(found, frame)
            newest = _stretch(found, frame["recv_ts_ns"].drop_nulls().to_numpy(), newest)
    found.instruments = tuple(told.values())
    if not found.rows:
        raise InvalidValue(f"{', '.join(map(str, files))}: no rows")
    found.first_ns = min(facts.first_ns for facts in found.markets.values())
    found.last_ns = max(facts.last_ns for facts in found.markets.values())
    return found


def columns_of(file: Path) -> list[str]:
    """Give a file's columns; one that lacks a needed one is refused with its name."""
    try:
        columns = list(pl.read_parquet_schema(file))
    except FileNotFoundError:
        raise InvalidValue(f"there is no file {file}") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidValue(f"{file} is not a Parquet file: {error}") from None
    missing = [name for name in NEEDED if name not in columns]
    if EXCHANGE_MS not in columns and EXCHANGE_NS not in columns:
        missing.append(EXCHANGE_MS)
    if missing:
        raise InvalidValue(f"{file} lacks the column {', '.join(missing)}")
    return columns


def frames(file: Path, columns: list[str], rows: int = CHUNK_ROWS) -> Iterator[pl.DataFrame]:
    """Read a file slice by slice, so that memory does not grow with its length."""
    lazy = pl.scan_parquet(file).select(columns)
    total: int = pl.scan_parquet(file).select(pl.len()).collect().item()
    # The next slice is read while this one is worked on.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="parquet") as reader:
        ahead: deque[Future[pl.DataFrame]] = deque()
        for offset in range(0, total, rows):
            ahead.append(reader.submit(lazy.slice(offset, rows).collect))
            if len(ahead) > 1:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _instruments(file: Path) -> list[Instrument]:
    text = pl.read_parquet_metadata(file).get(INSTRUMENTS)
    if text is None:
        return []
    try:
        return msgspec.json.decode(text, type=list[Instrument])
    except msgspec.DecodeError as error:
        raise InvalidValue(f"{file}: its instruments cannot be read: {error}") from None


def _add(found: Survey, frame: pl.DataFrame) -> None:
    found.rows += len(frame)
    counted = frame.group_by(_KEYS, maintain_order=True).agg(
        pl.len().alias("rows"),
        pl.col("recv_ts_ns").min().alias("first"),
        pl.col("recv_ts_ns").max().alias("last"),
    )
    unseen = False
    for row in counted.iter_rows(named=True):
        if any(row[key] is None for key in _KEYS):
            continue
        facts = found.markets.setdefault(_market(row), Facts(first_ns=row["first"] or 0))
        unseen |= facts.rows < _STEPS_FROM
        facts.rows += row["rows"]
        facts.first_ns = min(facts.first_ns, row["first"] or facts.first_ns)
        facts.last_ns = max(facts.last_ns, row["last"] or 0)
    if unseen:
        _look_closer(found, frame)


def _look_closer(found: Survey, frame: pl.DataFrame) -> None:
    """Read first prices, ticks and lots off a frame in which some market is new."""
    grouped = frame.group_by(_KEYS, maintain_order=True).agg(
        pl.col("ask").filter(pl.col("ask") > 0).first().alias("price"),
        *(pl.col(name).head(_STEPS_FROM) for name in ("bid", "ask", "bid_size", "ask_size")),
    )
    for row in grouped.iter_rows(named=True):
        if any(row[key] is None for key in _KEYS):
            continue
        facts = found.markets[_market(row)]
        if facts.price is None and row["price"] is not None:
            facts.price = from_float(row["price"])
        prices, sizes = row["bid"] + row["ask"], row["bid_size"] + row["ask_size"]
        facts.price_step = min(facts.price_step, _step(prices, _PRICE_DIGITS))
        facts.size_step = min(facts.size_step, _step(sizes, _SIZE_DIGITS))


def _market(row: Mapping[str, str]) -> Market:
    return Market(venue=row["venue"], kind=row["market_type"], symbol=row["symbol"])


def _stretch(found: Survey, received: NDArray[np.int64], newest: int | None) -> int | None:
    """Note when quotes came without a pause; gives the newest time so far."""
    if not len(received):
        return newest
    pauses = np.flatnonzero(np.diff(received) > PAUSE_NS)
    starts = np.concatenate([received[:1], received[pauses + 1]]).tolist()
    ends = np.concatenate([received[pauses], received[-1:]]).tolist()
    if newest is not None and starts[0] - newest <= PAUSE_NS and found.stretches:
        starts[0] = found.stretches.pop()[0]
    found.stretches += zip(starts, ends, strict=True)
    return int(ends[-1])


def _step(values: Sequence[float | None], digits: int) -> Decimal:
    """Give the finest power of ten among numbers, to so many digits; 1 for whole ones."""
    exponent = 0
    for value in set(values):
        if value is not None and 0 < value < float("inf"):
            found = from_float(value).normalize().as_tuple().exponent
            exponent = max(min(exponent, int(found)), -digits)
    return Decimal(1).scaleb(exponent)
