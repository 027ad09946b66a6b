"""Years of recorded funding through the live desk: what the pairs would have collected.

A row of the recording is a settlement: its rate is paid by what is open then, at that venue's price
of that hour. The desk knows at any time only the rate last settled, which stands for the coming
one, as venues' own predictions do; so nothing looks ahead. A payment is made at the price of its
row: the venue's kline of that hour, else the row's mark or reference price, else another venue's
newest; the report says how often each. Orders are filled at one price per asset and hour with a
fixed spread around it: the venues' prices were not recorded together, and differences of minutes
between them would look like profit.
"""

import gc
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl

from arbiter.backtest.funding_world import FundingWorld
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.pairs import FundingPair
from arbiter.model.perpetuals import FundingPayment, FundingRate
from arbiter.model.reports import FundingReported
from arbiter.model.time import NS_PER_HOUR, NS_PER_MS, NS_PER_S, rfc3339
from arbiter.opportunities.funding_settings import FundingSettings
from arbiter.risk.limits import RiskLimits
from arbiter.risk.rates import UsdRateSettings

HALF_SPREAD = 0.0001
DEPTH = 1e9
_LOOK_NS = 60 * NS_PER_S
"""After each hour's settlements."""
_SETTLE_NS = 10 * NS_PER_S
"""After each hour's look, for orders to end."""

_FUNDING = {"ts_ms", "venue", "base", "source", "rate", "interval_hours", "mark_price", "ref_price"}
_KLINES = {"ts_ms", "venue", "market_type", "symbol", "interval", "source", "open"}
"""Columns that are read."""

_COLUMNS = {"klines": "kline", "mark": "mark_price", "reference": "ref_price"}
_SOURCES = (*_COLUMNS, "another venue")
"""Where a row's price comes from, the first that has one."""


class FundingRow(msgspec.Struct, frozen=True, gc=False):
    """One recorded settlement."""

    at_ns: int
    instrument: InstrumentId
    rate: Decimal
    interval_hours: int
    price: Decimal


class PairRow(msgspec.Struct, frozen=True, kw_only=True):
    """A pair's line of the report; money in dollars."""

    symbol: str
    long_venue: str
    short_venue: str
    opened: str
    closed: str
    reason: str
    units: Decimal
    entry_spread: Decimal
    funding: Decimal
    payments: int


class FundingReport(msgspec.Struct, frozen=True, kw_only=True):
    settlements: int
    hours: int
    pairs: tuple[PairRow, ...]
    funding: Decimal
    fees: Decimal
    pnl: Decimal
    """Trading PnL of everything that ended, funding included, net of fees."""
    forced: int
    stopped: str
    """Which loss limit stopped everything on the way; empty where none did."""
    prices: Mapping[str, int]
    """How many settlements had a price from where."""
    curve: tuple[tuple[int, Decimal, Decimal], ...]
    """Time (ns), cumulative funding and fees, where either changed."""
    spreads: tuple[tuple[int, str, float], ...]
    """Day (ns), symbol, widest spread of the day over eight hours."""
    payments: tuple[FundingPayment, ...]
    run_seconds: float
    """Of the run alone: nothing read, nothing written."""


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    rows: Sequence[FundingRow]
    prices: Mapping[str, int]


def read(
    funding: Path,
    prices: Path | None,
    *,
    bases: Sequence[str],
    instruments: Mapping[tuple[str, str], Instrument],
    since_ns: int,
    until_ns: int,
) -> Recording:
    """Read settlements of the given perpetuals, by venue and base, in order of time."""
    _check(funding, _FUNDING)
    listed = pl.DataFrame(
        [(venue, base, instrument.id) for (venue, base), instrument in instruments.items()],
        schema={"venue": pl.String, "base": pl.String, "instrument": pl.String},
        orient="row",
    )
    frame = (
        pl.scan_parquet(funding)
        .filter(pl.col("base").is_in(list(bases)))
        .filter(pl.col("ts_ms").is_between(since_ns // NS_PER_MS, until_ns // NS_PER_MS))
        .sort("ts_ms", "venue", "base", "source", "rate")
        .unique(["ts_ms", "venue", "base"], keep="first", maintain_order=True)
        .join(listed.lazy(), on=["venue", "base"], maintain_order="left")
    )
    if prices is not None:
        _check(prices, _KLINES)
        klines = _klines(prices, bases)
        frame = frame.join(klines, on=["ts_ms", "venue", "base"], how="left", maintain_order="left")
    else:
        frame = frame.with_columns(kline=pl.lit(None, dtype=pl.Float64))
    priced = _priced(frame).collect()
    counted = dict(priced["source_of_price"].value_counts().iter_rows())
    rows = [
        FundingRow(
            at_ns=ts * NS_PER_MS,
            instrument=InstrumentId(instrument),
            rate=Decimal(repr(rate)),
            interval_hours=max(round(hours), 1),
            price=Decimal(repr(price)),
        )
        for ts, instrument, rate, hours, price in priced.select(
            "ts_ms", "instrument", "rate", "interval_hours", "price"
        ).iter_rows()
    ]
    if not rows:
        raise InvalidValue(f"{funding} has no funding of {', '.join(bases)} in that time")
    return Recording(rows=rows, prices={name: counted.get(name, 0) for name in _SOURCES})


def _check(file: Path, needed: AbstractSet[str]) -> None:
    """Refuse a file that is none, or lacks a column, with its name."""
    try:
        missing = needed - set(pl.read_parquet_schema(file))
    except FileNotFoundError:
        raise InvalidValue(f"there is no file {file}") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidValue(f"{file} is not a Parquet file: {error}") from None
    if missing:
        raise InvalidValue(f"{file} lacks the column {', '.join(sorted(missing))}")


def _priced(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Give each row the first price there is, in the order of `_SOURCES`; none, no row."""
    own = {name: pl.when(pl.col(column) > 0).then(column) for name, column in _COLUMNS.items()}
    found = pl.coalesce(*own.values())
    source = pl.coalesce(
        *(pl.when(price.is_not_null()).then(pl.lit(name)) for name, price in own.items()),
        pl.lit("another venue"),
    )
    return (
        frame.with_columns(price=found, source_of_price=source)
        .with_columns(pl.col("price").forward_fill().over("base"))
        .filter(pl.col("price").is_not_null())
    )


def _klines(path: Path, bases: Sequence[str]) -> pl.LazyFrame:
    """Opening prices of perpetuals' bars, by hour; a bar that opens at the hour is its price."""
    return (
        pl.scan_parquet(path)
        .filter(pl.col("market_type") == "perp", pl.col("ts_ms") % 3_600_000 == 0)
        .with_columns(base=pl.col("symbol").str.replace("(USDT|USDC)$", ""))
        .filter(pl.col("base").is_in(list(bases)))
        .sort("ts_ms", "venue", "base", "interval", "source", "symbol", "open")
        .unique(["ts_ms", "venue", "base"], keep="first", maintain_order=True)
        .select("ts_ms", "venue", "base", pl.col("open").alias("kline"))
    )


def run(
    recording: Recording,
    instruments: Sequence[Instrument],
    settings: FundingSettings,
    *,
    limits: RiskLimits | None = None,
    rates: UsdRateSettings | None = None,
    capital: Decimal = Decimal(100_000),
) -> FundingReport:
    """Let the desk trade the recording; the same recording and settings, the same report."""
    began = time.perf_counter()
    rows = recording.rows
    named = {row.instrument for row in rows}
    world = FundingWorld(
        [instrument for instrument in instruments if instrument.id in named],
        settings,
        start_ns=rows[0].at_ns - 1,
        capital=capital,
        limits=limits,
        rates=rates,
    )
    by_base: dict[str, list[Instrument]] = {}
    for instrument in world.registry.instruments:
        by_base.setdefault(instrument.base, []).append(instrument)
    book = _Book(world)
    gc.disable()  # records refer to no one that refers back: counting references is enough
    try:
        hours = _through(rows, world, book, by_base)
    finally:
        gc.enable()
    return book.report(recording, hours, time.perf_counter() - began)


def _through(
    rows: Sequence[FundingRow],
    world: FundingWorld,
    book: "_Book",
    by_base: Mapping[str, Sequence[Instrument]],
) -> int:
    """Live through all settlements; gives the number of hours that had one."""
    hours = index = 0
    while index < len(rows):
        at_ns = rows[index].at_ns
        world.advance(at_ns)
        hours += 1
        due = []
        while index < len(rows) and rows[index].at_ns == at_ns:
            due.append(rows[index])
            index += 1
        book.settle(due, by_base)
        world.advance(at_ns + _LOOK_NS)
        book.show()
        world.desk.tick()
        if world.ledger.trades:
            world.advance(at_ns + _LOOK_NS + _SETTLE_NS)
            world.desk.tick()
        book.note(at_ns)
    return hours


class _Book:
    """Prices and rates as known, and what is written down on the way."""

    def __init__(self, world: FundingWorld) -> None:
        self._world = world
        self._instruments = {i.id: i for i in world.registry.instruments}
        self._prices: dict[InstrumentId, Decimal] = {}
        self.payments: list[FundingPayment] = []
        self._funding = ZERO
        self._per_8h: dict[str, dict[InstrumentId, float]] = {}
        """By symbol."""
        self._wide: dict[str, float] = {}
        """Widest spread of each symbol over eight hours, as it stands."""
        self._least = float(world.desk.settings.min_funding_spread) * (1 - 1e-9)
        self._curve: list[tuple[int, Decimal, Decimal]] = []
        self._spreads: dict[tuple[int, str], float] = {}

    def settle(
        self, due: Sequence[FundingRow], by_base: Mapping[str, Sequence[Instrument]]
    ) -> None:
        """Move the marks, pay what is due, and learn the rates."""
        world, prices = self._world, self._prices
        seen: set[str] = set()
        for row in due:
            base = self._instruments[row.instrument].base
            if base not in seen:
                seen.add(base)
                for other in by_base[base]:
                    prices[other.id] = row.price
        for row in due:
            if world.desk.held(row.instrument):
                for report in world.settle(row.instrument, row.rate, row.price, row.at_ns):
                    if isinstance(report, FundingReported):
                        self.payments.append(report.payment)
                        self._funding += report.payment.amount
        for pair in world.ledger.active_pairs():
            for name in pair.instruments:
                world.mark(name, prices[name])
        self._learn(due)
        self._note_spreads(due[0].at_ns)

    def _learn(self, due: Sequence[FundingRow]) -> None:
        """Tell the desk what was settled. Rates stand until the next settlement: all are as fresh
        as the hour.
        """
        at_ns = due[0].at_ns
        rates = self._world.desk.rates
        told = [self._rate(row) for row in due]
        for rate in told:
            of_symbol = self._per_8h.setdefault(rate.symbol, {})
            of_symbol[rate.instrument] = float(rate.rate) * 8 / rate.interval_hours
            self._wide[rate.symbol] = max(of_symbol.values()) - min(of_symbol.values())
        self._world.desk.on_funding(told)
        new = {rate.instrument for rate in told}
        for name, before in rates.items():
            if name not in new and before.next_funding_ns > at_ns:
                rates[name] = msgspec.structs.replace(
                    before, updated_ns=at_ns + _LOOK_NS, mark=self._prices[name]
                )

    def show(self) -> None:
        """Show prices where something may be decided: a pair's legs, or a symbol without one."""
        instruments = self._instruments
        legs = {leg for pair in self._world.ledger.active_pairs() for leg in pair.instruments}
        still = {instruments[leg].base for leg in legs} | self._without_a_spread()
        for name, price in self._prices.items():
            if name not in legs and instruments[name].base in still:
                continue
            value = float(price)
            self._world.show(name, value * (1 - HALF_SPREAD), value * (1 + HALF_SPREAD), DEPTH)

    def _without_a_spread(self) -> set[str]:
        """Bases whose rates lie too near one another for any pair: nobody asks for their price."""
        return {
            symbol.partition("/")[0] for symbol, wide in self._wide.items() if wide < self._least
        }

    def note(self, at_ns: int) -> None:
        funding = self._funding
        fees = self._fees()
        if not self._curve or self._curve[-1][1:] != (funding, fees):
            self._curve.append((at_ns, funding, fees))

    def report(self, recording: Recording, hours: int, seconds: float) -> FundingReport:
        ledger = self._world.ledger
        pairs = sorted(ledger.pairs.values(), key=lambda pair: (pair.opened_ns, pair.symbol))
        fees = self._fees()
        forced = sum(len(e.margin.forced) for e in self._world.exchanges.values())
        return FundingReport(
            settlements=len(recording.rows),
            hours=hours,
            pairs=tuple(_row(pair) for pair in pairs),
            funding=self._funding,
            payments=tuple(self.payments),
            fees=fees,
            pnl=ledger.cumulative_pnl,
            forced=forced,
            stopped=ledger.kill_switch.reason,
            prices=recording.prices,
            curve=tuple(self._curve),
            spreads=tuple((day, symbol, wide) for (day, symbol), wide in self._spreads.items()),
            run_seconds=seconds,
        )

    def _fees(self) -> Decimal:
        return sum((row.fees for row in self._world.ledger.positions.values()), ZERO)

    def _rate(self, row: FundingRow) -> FundingRate:
        instrument = self._instruments[row.instrument]
        return FundingRate(
            instrument=row.instrument,
            venue=instrument.venue,
            symbol=instrument.symbol,
            rate=row.rate,
            interval_hours=row.interval_hours,
            next_funding_ns=row.at_ns + row.interval_hours * NS_PER_HOUR,
            mark=self._prices[row.instrument],
            updated_ns=row.at_ns + _LOOK_NS,
        )

    def _note_spreads(self, at_ns: int) -> None:
        day = at_ns - at_ns % (24 * NS_PER_HOUR)
        for symbol, wide in self._wide.items():
            key = (day, symbol)
            self._spreads[key] = max(self._spreads.get(key, 0.0), wide)


def _row(pair: FundingPair) -> PairRow:
    return PairRow(
        symbol=pair.symbol,
        long_venue=pair.long_venue,
        short_venue=pair.short_venue,
        opened=rfc3339(pair.opened_ns),
        closed="" if pair.closed_ns is None else rfc3339(pair.closed_ns),
        reason=pair.reason,
        units=pair.planned_units,
        entry_spread=pair.entry_spread,
        funding=pair.funding_collected,
        payments=pair.payments,
    )
