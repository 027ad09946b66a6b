"""What was recorded of a session backtests with the trades the session made."""

from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from arbiter.backtest.listing import listing_of, make_listing
from arbiter.backtest.quotes import RecordedQuotes
from arbiter.backtest.recording import QuoteRecorder
from arbiter.backtest.run import Request, prepare, run_backtest
from arbiter.backtest.session import Session
from arbiter.backtest.settings import BacktestSettings
from arbiter.backtest.survey import survey
from arbiter.backtest.tally import Tally
from arbiter.books.registry import MarketRegistry
from arbiter.markets.settings import DislocationSettings, MarketSettings
from arbiter.markets.simulator import MarketSimulator
from arbiter.model.ids import Asset, Symbol, VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.model.time import NS_PER_MS
from arbiter.opportunities.spot_settings import SpotSettings
from tests.fakes.engine import spot_instrument
from tests.fakes.recordings import START_NS, core_of

TICK_NS = 10 * NS_PER_MS
SPOT = SpotSettings(cooldown_seconds=2.0, max_trades_per_hour=100_000)
"""The defaults, trend filter included, with more trades to a minute."""


def pockets(simulator: MarketSimulator) -> dict[str, dict[str, Decimal]]:
    """Give every venue plenty of everything, in exact amounts."""
    return {
        venue: {
            **{i.base: Decimal(1_000_000) for i in simulator.instruments if i.venue == venue},
            "USDT": Decimal(1_000_000),
        }
        for venue in simulator.settings.venues
    }


def test_a_recording_of_the_simulated_market_makes_the_session_s_trades(tmp_path: Path) -> None:
    simulator = MarketSimulator(
        MarketSettings(
            symbols=8,
            quotes_per_second=800.0,
            dislocations=DislocationSettings(per_minute=240.0),
        ),
        np.random.default_rng(11),
    )
    settings = BacktestSettings(starting_balances=pockets(simulator))
    opening = {
        (VenueId(venue), Asset(asset)): amount
        for venue, assets in settings.starting_balances.items()
        for asset, amount in assets.items()
    }
    listing = listing_of(simulator.instruments, opening)
    live_tally = Tally()
    core = core_of(SPOT)(listing.registry.resolve_symbol)
    session = Session(listing, core, settings, START_NS, watch=live_tally.on_step)
    live_tally.attach(session.ledger, session.core.board)
    session.hub.listen(live_tally.on_events)
    recorder = QuoteRecorder(tmp_path, listing.registry, max_rows=30_000, max_seconds=60.0)
    slots = [listing.registry.slot(i.id) for i in simulator.instruments]
    for tick in range(9_000):
        now = START_NS + tick * TICK_NS
        batch = simulator.all_quotes(now) if not tick else simulator.step(now)
        for row, bid, ask, bid_size, ask_size in zip(
            batch.rows.tolist(),
            batch.bid.tolist(),
            batch.ask.tolist(),
            batch.bid_size.tolist(),
            batch.ask_size.tolist(),
            strict=True,
        ):
            quote = (slots[row], bid, ask, bid_size, ask_size, now, now)
            recorder.on_quote(*quote)
            session.quote(*quote)
    session.finish()
    recorder.close()
    assert len(recorder.files) >= 3

    again = prepare(Request(files=tuple(recorder.files), settings=settings, core=core_of(SPOT)))
    run_backtest(again)
    made = live_tally.rows()
    assert len(made) >= 20
    assert again.tally.rows() == made
    assert again.session.ledger.image() == session.ledger.image()


def test_a_recorder_rotates_by_rows_and_by_time(tmp_path: Path) -> None:
    registry = MarketRegistry([spot_instrument(VenueId("binance"))])
    recorder = QuoteRecorder(tmp_path, registry, max_rows=3, max_seconds=10.0)
    for second in (0, 1, 2, 3, 20):
        at = START_NS + second * 1_000_000_000
        recorder.on_quote(0, 100.0, 101.0, 1.0, 2.0, at, at)
    recorder.close()
    recorder.close()
    assert [len(pl.read_parquet(file)) for file in recorder.files] == [3, 1, 1]
    assert recorder.files == sorted(tmp_path.iterdir())
    found = survey(recorder.files)
    assert found.instruments == registry.instruments


@pytest.mark.parametrize("bad", [{"bid": float("nan")}, {"bid": 200.0}, {"bid_size": -1.0}])
def test_quotes_the_board_would_refuse_are_recorded_as_they_came(
    tmp_path: Path, bad: dict[str, float]
) -> None:
    registry = MarketRegistry([spot_instrument(VenueId("binance"))])
    recorder = QuoteRecorder(tmp_path, registry)
    quote = {"bid": 100.0, "ask": 101.0, "bid_size": 1.0, "ask_size": 2.0} | bad
    recorder.on_quote(0, **quote, exchange_ns=0, receive_ns=START_NS)
    recorder.close()
    row = pl.read_parquet(recorder.files[0]).row(0, named=True)
    assert msgspec.json.encode({k: row[k] for k in quote}) == msgspec.json.encode(quote)
    assert row["exch_ts_ns"] is None


def test_a_recorded_perpetual_is_listed_fully_collateralised(tmp_path: Path) -> None:
    perpetual = spot_instrument(
        VenueId("gate_futures"),
        kind=InstrumentKind.LINEAR,
        symbol=Symbol("BTC/USDT:USDT"),
        lot=Decimal(1),
        min_size=Decimal(2),
        contract_size=Decimal("0.001"),
    )
    recorder = QuoteRecorder(tmp_path, MarketRegistry([perpetual]))
    recorder.on_quote(0, 100.0, 101.0, 500.0, 7.0, 0, START_NS)
    recorder.close()
    listing = make_listing(survey(recorder.files), BacktestSettings())
    (listed,) = listing.listed
    found = listed.instrument
    assert (found.kind, found.symbol) == (InstrumentKind.SPOT, "BTC/USDT")
    assert (found.lot, found.min_size) == (Decimal("0.001"), Decimal("0.002"))
    (rows,) = RecordedQuotes(recorder.files, listing).chunks()
    assert rows.prices.tolist() == [[100.0, 101.0, 0.5, 0.007]]
