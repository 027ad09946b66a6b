"""What becomes of each row of a recording."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arbiter.backtest.listing import Listing, make_listing
from arbiter.backtest.quotes import RecordedQuotes
from arbiter.backtest.run import run_backtest
from arbiter.backtest.settings import BacktestSettings
from arbiter.backtest.survey import survey
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset, InstrumentId, VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.model.quotes import QuoteFault
from tests.fakes.recordings import START_NS, lively_market, prepared, written

MS = 1_000_000


def rows(*changes: Mapping[str, object]) -> pl.DataFrame:
    """Good quotes of one market, 1 ms apart, each with its changes."""
    made = []
    for number, change in enumerate(changes):
        made.append(
            {
                "recv_ts_ns": START_NS + number * MS,
                "exch_ts_ms": START_NS // MS + number,
                "venue": "alpha",
                "market_type": "spot",
                "symbol": "BTCUSDT",
                "bid": 100.0,
                "ask": 100.1,
                "bid_size": 1.0,
                "ask_size": 2.0,
            }
            | dict(change)
        )
    return pl.DataFrame(made, strict=False)


def chunk_rows(file: Path, settings: BacktestSettings | None = None) -> tuple[RecordedQuotes, int]:
    listing = make_listing(survey([file]), settings or BacktestSettings())
    quotes = RecordedQuotes([file], listing)
    return quotes, sum(len(chunk) for chunk in quotes.chunks())


@pytest.mark.parametrize("column", ["recv_ts_ns", "venue", "bid", "ask_size"])
def test_a_file_without_a_needed_column_is_refused_by_name(tmp_path: Path, column: str) -> None:
    file = written(rows({}).drop(column), tmp_path / "q.parquet")
    with pytest.raises(InvalidValue, match=column):
        survey([file])


def test_a_file_without_any_venue_time_is_refused(tmp_path: Path) -> None:
    file = written(rows({}).drop("exch_ts_ms"), tmp_path / "q.parquet")
    with pytest.raises(InvalidValue, match="exch_ts_ms"):
        survey([file])


def test_what_is_no_parquet_file_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "q.parquet"
    file.write_text("bid,ask\n1,2\n")
    with pytest.raises(InvalidValue, match="is not a Parquet file"):
        survey([file])
    with pytest.raises(InvalidValue, match="there is no file"):
        survey([tmp_path / "absent.parquet"])


def test_rows_received_before_an_earlier_row_are_skipped_and_counted(tmp_path: Path) -> None:
    late = {"recv_ts_ns": START_NS - MS}
    file = written(rows({}, {}, late, {"recv_ts_ns": None}, {}), tmp_path / "q.parquet")
    quotes, taken = chunk_rows(file)
    assert (quotes.counts.read, quotes.counts.out_of_order, taken) == (5, 2, 3)


def test_bad_quotes_are_refused_by_the_board_and_counted(tmp_path: Path) -> None:
    bad: list[Mapping[str, object]] = [
        {"bid": 100.2},
        {"bid": 0.0},
        {"ask": float("nan")},
        {"bid_size": None},
        {"ask_size": -1.0},
        {"exch_ts_ms": START_NS // MS - 60_000},
    ]
    file = written(rows({}, *bad, {}), tmp_path / "q.parquet")
    run = prepared([file])
    run_backtest(run)
    board = run.session.core.board
    assert board.quotes_total == 2
    assert board.fault_counts[VenueId("alpha")] == {
        QuoteFault.CROSSED: 1,
        QuoteFault.NOT_POSITIVE: 1,
        QuoteFault.NOT_FINITE: 2,
        QuoteFault.NEGATIVE_SIZE: 1,
        QuoteFault.BACKWARDS: 1,
    }


def test_coin_margined_contracts_are_left_out_with_a_word(tmp_path: Path) -> None:
    inverse = {"market_type": "perp_coinm", "symbol": "BTCUSD_PERP"}
    file = written(rows({}, inverse, {}), tmp_path / "q.parquet")
    listing = make_listing(survey([file]), BacktestSettings())
    assert [left.market.symbol for left in listing.left_out] == ["BTCUSD_PERP"]
    quotes = RecordedQuotes([file], listing)
    assert sum(len(chunk) for chunk in quotes.chunks()) == 2
    assert quotes.counts.left_out == 1


def test_contracts_become_base_units_where_quotes_enter(tmp_path: Path) -> None:
    perp = {"venue": "gateio", "market_type": "perp", "symbol": "LUNC_USDT", "bid_size": 7.0}
    file = written(rows(perp, {}), tmp_path / "q.parquet")
    settings = BacktestSettings(contract_size={"gateio_futures": {"LUNC_USDT": Decimal(10_000)}})
    listing = make_listing(survey([file]), settings)
    instrument = listing.registry.by_id(InstrumentId("LUNCUSDT-PERP.GATEIO_FUTURES"))
    assert instrument.kind is InstrumentKind.SPOT
    assert instrument.lot == 10_000
    (chunk,) = RecordedQuotes([file], listing).chunks()
    (row,) = np.flatnonzero(chunk.slots == listing.registry.slot(instrument.id)).tolist()
    assert chunk.prices[row].tolist() == [100.0, 100.1, 70_000.0, 20_000.0]


@pytest.mark.parametrize(
    ("venue", "kind", "symbol", "expected"),
    [
        ("binance", "spot", "BTCUSDT", "BTCUSDT.BINANCE"),
        ("binance", "spot", "ETHBTC", "ETHBTC.BINANCE"),
        ("mexc", "spot", "LUNC_USDT", "LUNCUSDT.MEXC"),
        ("okx", "spot", "BTC-USDC", "BTCUSDC.OKX"),
        ("binance", "spot", "BTCFDUSD", "BTCFDUSD.BINANCE"),
        ("binance", "perp_usdm", "BTCUSDT", "BTCUSDT-PERP.BINANCE_FUTURES"),
        ("hyperliquid", "perp", "ETH", "ETHUSDC-PERP.HYPERLIQUID_FUTURES"),
        ("bybit_futures", "linear", "BTCUSDT", "BTCUSDT-PERP.BYBIT_FUTURES"),
    ],
)
def test_recorded_names_become_instruments(
    tmp_path: Path, venue: str, kind: str, symbol: str, expected: str
) -> None:
    market = {"venue": venue, "market_type": kind, "symbol": symbol}
    file = written(rows(market), tmp_path / "q.parquet")
    (listed,) = make_listing(survey([file]), BacktestSettings()).listed
    assert listed.instrument.id == expected


def test_a_name_that_tells_no_pair_needs_a_word_from_a_person(tmp_path: Path) -> None:
    file = written(rows({"symbol": "MYSTERY"}, {}), tmp_path / "q.parquet")
    left = make_listing(survey([file]), BacktestSettings()).left_out
    assert [(entry.market.symbol, "symbol_names" in entry.why) for entry in left] == [
        ("MYSTERY", True)
    ]
    told = BacktestSettings(symbol_names={"MYSTERY": "MYS/USDT"})
    ids = {entry.instrument.id for entry in make_listing(survey([file]), told).listed}
    assert "MYSUSDT.ALPHA" in ids


def test_ticks_and_lots_are_read_off_the_data_and_said_to_be(tmp_path: Path) -> None:
    file = written(rows({"bid": 99.97, "bid_size": 0.125}), tmp_path / "q.parquet")
    (listed,) = make_listing(survey([file]), BacktestSettings()).listed
    assert (listed.instrument.tick, listed.instrument.lot) == (Decimal("0.01"), Decimal("0.001"))
    assert set(listed.inferred) == {"tick", "lot", "fees"}


def test_asking_for_a_symbol_nobody_recorded_is_refused_with_near_names(tmp_path: Path) -> None:
    file = written(rows({}), tmp_path / "q.parquet")
    with pytest.raises(InvalidValue, match="BTCUSDT"):
        make_listing(survey([file]), BacktestSettings(), symbols=["BTCUSDTT"])
    with pytest.raises(InvalidValue, match="alpha"):
        make_listing(survey([file]), BacktestSettings(), venues=["gamma"])


def test_files_are_merged_in_order_of_receipt_whatever_their_chunks(tmp_path: Path) -> None:
    frame = lively_market(3_000, seed=3).with_columns(
        # Moments shared by both files: the first file's rows go first.
        pl.col("recv_ts_ns") // 50_000_000 * 50_000_000
    )
    parts = [frame.filter(pl.col("venue") == name) for name in ("alpha", "beta")]
    files = [written(part, tmp_path / f"{n}.parquet") for n, part in enumerate(parts)]
    listing = make_listing(survey(files), BacktestSettings())
    merged = RecordedQuotes(files, listing, chunk_rows=100)
    chunks = list(merged.chunks())
    times = np.concatenate([chunk.times[:, 1] for chunk in chunks])
    slots = np.concatenate([chunk.slots for chunk in chunks])
    assert len(times) == 3_000
    assert (np.diff(times) >= 0).all()
    venue_of = slots % len(listing.registry.venues)
    first = listing.registry.venue_index(VenueId("alpha"))
    same_moment = np.diff(times) == 0
    steps_back = (venue_of[:-1] != first) & (venue_of[1:] == first)
    assert not (same_moment & steps_back).any()


def test_pauses_between_recordings_do_not_count_as_recorded_time(tmp_path: Path) -> None:
    day = 86_400 * 1_000 * MS
    later = {"recv_ts_ns": START_NS + day}
    file = written(rows({}, {}, later), tmp_path / "q.parquet")
    assert survey([file]).quoted_ns == MS


# Rules and accounts that a person states


def listed_with(folder: Path, settings: BacktestSettings, **market: object) -> Listing:
    return make_listing(survey([written(rows(market), folder / "q.parquet")]), settings)


def test_a_venues_own_fees_come_before_those_of_its_kind(tmp_path: Path) -> None:
    stated = BacktestSettings(
        taker_fee={"alpha": Decimal("0.0004")}, maker_fee={"alpha": Decimal("-0.0001")}
    )
    (own,) = listed_with(tmp_path, stated).listed
    assert (own.instrument.taker_fee, own.instrument.maker_fee) == (
        Decimal("0.0004"),
        Decimal("-0.0001"),
    )
    assert "fees" not in own.inferred
    kinds = BacktestSettings(spot_taker_fee=Decimal("0.002"), futures_taker_fee=Decimal("0.0006"))
    (spot,) = listed_with(tmp_path, kinds).listed
    (perpetual,) = listed_with(tmp_path, kinds, market_type="perp").listed
    assert spot.instrument.taker_fee == Decimal("0.002")
    assert perpetual.instrument.taker_fee == Decimal("0.0006")


def test_a_stated_lot_is_in_the_recorded_unit_and_a_minimum_is_kept(tmp_path: Path) -> None:
    stated = BacktestSettings(
        contract_size={"alpha_futures": {"BTCUSDT": Decimal("0.01")}},
        lot={"alpha_futures": {"BTCUSDT": Decimal(5)}},
        min_notional={"alpha_futures": Decimal(20)},
    )
    (listed,) = listed_with(tmp_path, stated, market_type="perp").listed
    instrument = listed.instrument
    assert (instrument.lot, instrument.min_size) == (Decimal("0.05"), Decimal("0.05"))
    assert instrument.min_notional == 20
    (other,) = listed_with(tmp_path, BacktestSettings()).listed
    assert other.instrument.min_notional == 5


def test_accounts_begin_with_a_worth_in_dollars_in_whole_lots_unless_amounts_are_stated(
    tmp_path: Path,
) -> None:
    alpha, btc, eur = VenueId("alpha"), Asset("BTC"), Asset("EUR")
    market = {"symbol": "BTCEUR", "ask": 80.0, "bid": 79.0, "ask_size": 0.25}
    rates = BacktestSettings(usd_rates={"EUR": Decimal("1.25")}, starting_base_usd=Decimal(1_001))
    opening = listed_with(tmp_path, rates, **market).opening
    assert opening == {(alpha, eur): Decimal(100_000), (alpha, btc): Decimal("10.01")}
    coarse = BacktestSettings(
        usd_rates={"EUR": Decimal("1.25")},
        starting_base_usd=Decimal(1_001),
        lot={"alpha": {"BTCEUR": Decimal("0.5")}},
    )
    assert listed_with(tmp_path, coarse, **market).opening[alpha, btc] == 10
    exact = BacktestSettings(
        starting_balances={"alpha": {"EUR": Decimal(7), "BTC": Decimal("0.3")}}
    )
    assert listed_with(tmp_path, exact, **market).opening == {
        (alpha, eur): Decimal(7),
        (alpha, btc): Decimal("0.3"),
    }


def test_a_row_older_than_one_of_the_chunk_before_is_skipped(tmp_path: Path) -> None:
    late = {"recv_ts_ns": START_NS + MS}
    file = written(rows({}, {}, {}, {}, late, {}), tmp_path / "q.parquet")
    listing = make_listing(survey([file]), BacktestSettings())
    quotes = RecordedQuotes([file], listing, chunk_rows=2)
    times = np.concatenate([chunk.times[:, 1] for chunk in quotes.chunks()])
    assert (np.diff(times) > 0).all()
    assert (len(times), quotes.counts.out_of_order) == (5, 1)


def test_a_venues_time_in_nanoseconds_is_the_one_that_counts(tmp_path: Path) -> None:
    told = {"exch_ts_ns": START_NS + 123, "exch_ts_ms": START_NS // MS - 5}
    file = written(rows(told), tmp_path / "q.parquet")
    listing = make_listing(survey([file]), BacktestSettings())
    (chunk,) = RecordedQuotes([file], listing).chunks()
    assert chunk.times.tolist() == [[START_NS + 123, START_NS]]
