"""Figures of a result, checked by hand, and what is said beside them."""

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import polars as pl
import pytest

from arbiter.backtest.candour import quality, warnings
from arbiter.backtest.figures import drawdown, equity, figures
from arbiter.backtest.report import make_report
from arbiter.backtest.run import Finished, run_backtest
from arbiter.backtest.tally import Tally, TradeRow
from arbiter.ledger.ledger import Ledger
from arbiter.matching.state import Step
from arbiter.model.ids import ClientOrderId, InstrumentId, VenueId
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Liquidity, Side
from arbiter.model.trades import TradeState
from arbiter.opportunities.spot_settings import SpotSettings
from tests.fakes.recordings import LIVELY, START_NS, lively_market, low_fees, prepared, written
from tests.unit.books.listings import make_board, quote, spot

S = 1_000_000_000


def trade(seq: int, net: str, *, start_s: float = 0.0, length_s: float = 1.0) -> TradeRow:
    started = START_NS + round(start_s * S)
    return TradeRow(
        seq=seq,
        id=str(seq),
        symbol="BTC/USDT",
        buy_venue="alpha",
        sell_venue="beta",
        state=TradeState.COMPLETED,
        reason="",
        started_ns=started,
        completed_ns=started + round(length_s * S),
        quantity=Decimal(1),
        planned_buy_price=Decimal(100),
        planned_sell_price=Decimal(101),
        actual_buy_price=Decimal(100),
        actual_sell_price=Decimal(101),
        bought=Decimal(1),
        sold=Decimal(1),
        edge=Decimal("0.01"),
        gross=Decimal(net),
        fees=ZERO,
        net=Decimal(net),
        slippage=ZERO,
        took_all=False,
        fills=(),
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    file = written(lively_market(8_000), tmp_path_factory.mktemp("data") / "lively.parquet")
    return run_backtest(prepared([file]))


def with_trades(finished: Finished, *rows: TradeRow) -> Finished:
    """Put made-up trades in place of a run's own."""
    tally = finished.prepared.tally
    changed = msgspec.structs.replace(finished.prepared, tally=type(tally)())
    changed.tally.trades.update({row.seq: row for row in rows})
    return msgspec.structs.replace(finished, prepared=changed)


def test_drawdown_is_the_largest_fall_from_a_peak_of_equity() -> None:
    rows = [trade(n, net, start_s=n) for n, net in enumerate(["10", "-4", "-2", "3", "20", "-5"])]
    assert [str(total) for _, total in equity(rows)] == ["10", "6", "4", "7", "27", "22"]
    worst = drawdown(rows, Decimal(90))
    assert worst.usd == 6
    assert worst.percent == 6  # 6 of 90 + 10


def test_a_first_loss_is_a_fall_from_the_capital_that_was_there() -> None:
    worst = drawdown([trade(1, "-5"), trade(2, "3", start_s=5)], Decimal(100))
    assert worst.usd == worst.percent == 5


def changed(row: TradeRow, **changes: object) -> TradeRow:
    return msgspec.structs.replace(row, **changes)


def test_a_trade_is_won_by_what_is_left_after_fees(finished: Finished) -> None:
    rows = [
        changed(trade(1, "-1"), gross=Decimal(2), fees=Decimal(3)),
        changed(trade(2, "0"), gross=Decimal(1), fees=Decimal(1)),
        trade(3, "5"),
    ]
    summed = figures(with_trades(finished, *rows))
    assert (summed.won, summed.trades) == (1, 3)
    mean = Decimal(4) / 3
    deviation = (sum(((n - mean) ** 2 for n in (-1, 0, 5)), ZERO) / 2).sqrt()
    assert summed.per_trade_ratio == pytest.approx(float(mean / deviation))


def test_a_trade_of_one_leg_alone_counts_in_the_hit_rate_and_one_of_none_does_not(
    finished: Finished,
) -> None:
    lonely = changed(trade(2, "-1"), sold=ZERO, state=TradeState.UNWOUND)
    nothing = changed(trade(3, "0"), bought=ZERO, sold=ZERO, state=TradeState.ABANDONED)
    summed = figures(with_trades(finished, trade(1, "1"), lonely, nothing))
    assert summed.hit_rate_percent == 50.0
    assert summed.trades == 3


def test_slippage_adds_up_with_its_sign_and_time_is_a_share_of_what_was_recorded(
    finished: Finished,
) -> None:
    rows = [
        changed(trade(1, "1", length_s=4), slippage=Decimal("0.3")),
        changed(trade(2, "1", start_s=10), slippage=Decimal("-0.1")),
    ]
    summed = figures(with_trades(finished, *rows))
    assert summed.slippage == Decimal("0.2")
    recorded_s = finished.prepared.survey.quoted_ns / S
    assert summed.share_of_time_percent == pytest.approx(100 * 5 / recorded_s)


def test_a_trade_belongs_to_the_day_that_it_ended_on(finished: Finished) -> None:
    """Both end on the second day: no two days, no Sharpe."""
    day = 86_400
    rows = [trade(1, "1", start_s=day - 1, length_s=2), trade(2, "2", start_s=day + 5)]
    assert figures(with_trades(finished, *rows)).sharpe_daily is None


# What is said beside them


def said_of(finished: Finished, *rows: TradeRow, **changes: object) -> str:
    run = with_trades(finished, *rows)
    return "\n".join(warnings(run, msgspec.structs.replace(figures(run), **changes)))


def test_few_trades_and_those_that_took_all_that_was_shown_are_warned_of(
    finished: Finished,
) -> None:
    rows = [trade(n, "1", start_s=n) for n in range(30)]
    assert "Only 29 trades" in said_of(finished, *rows[:29])
    assert "too few" not in said_of(finished, *rows)
    took = [changed(row, took_all=row.seq < 2) for row in rows]
    assert "2 of 30 trades took all that was shown" in said_of(finished, *took)
    assert "took all" not in said_of(finished, *rows)


def test_whatever_stopped_or_hid_trades_is_warned_of(finished: Finished) -> None:
    rows = [trade(n, "1", start_s=n) for n in range(30)]
    quiet = said_of(finished, *rows)
    for words, changes in (
        ("4 trades were still open", {"open_at_end": 4}),
        ("7 openings were denied as QUOTE_STALE", {"denials": {"QUOTE_STALE": 7}}),
        ("The hourly cap of", {"stopped_signals": {"HOURLY_CAP": 3}}),
    ):
        assert words not in quiet
        assert words in said_of(finished, *rows, **changes)


def test_a_loss_limit_and_fills_at_old_quotes_are_warned_of(finished: Finished) -> None:
    run = with_trades(finished, *(trade(n, "1", start_s=n) for n in range(30)))
    tally = run.prepared.tally
    tally.fill_ages_ns = [99_000_000] * 100
    assert "market may have moved unseen" not in "\n".join(warnings(run, figures(run)))
    tally.fill_ages_ns = [1_000_000] * 94 + [101_000_000] * 6
    tally.killed = "daily loss 50"
    first, *rest = warnings(run, figures(run))
    assert first == "A loss limit stopped everything: daily loss 50"
    assert "1 ms old (median; 95 % up to 101 ms)" in "\n".join(rest)


def test_trades_that_never_ended_are_counted(finished: Finished) -> None:
    run = with_trades(finished, trade(1, "1"))
    ledger: Any = SimpleNamespace(open_trades=lambda: ("one", "two"))
    run.prepared.tally.attach(ledger, finished.prepared.session.core.board)
    assert figures(run).open_at_end == 2


def test_what_trades_left_over_is_told_beside_what_they_made(tmp_path: Path) -> None:
    """Slow orders leave legs half done: what is missing has to be bought back some day."""
    file = written(lively_market(8_000), tmp_path / "q.parquet")
    run = run_backtest(prepared([file], settings=low_fees(order_latency_ms=250.0)))
    ledger, board = run.prepared.session.ledger, run.prepared.session.core.board
    realized = sum((row.realized_pnl for row in ledger.residuals.values()), ZERO)
    worth = 0.0
    for row in ledger.residuals.values():
        quotes = [
            quote
            for venue in ("ALPHA", "BETA")
            if (quote := board.quote(InstrumentId(f"{row.asset}USDT.{venue}"))) is not None
        ]
        best = max(q.bid for q in quotes) if row.quantity > 0 else min(q.ask for q in quotes)
        worth += float(row.quantity) * best - float(row.cost)
    assert realized
    assert ledger.cumulative_pnl == figures(run).net + realized
    (said,) = (told for told in warnings(run, figures(run)) if told.startswith("Leftovers"))
    assert f"have made {realized:.2f} and would make {worth:.2f} at the last quotes" in said


def step(side: Side, size: str, *, late_ms: int = 0) -> Step:
    fill = Fill(
        venue=VenueId("alpha"),
        venue_trade_id="1",
        client_order_id=ClientOrderId("order"),
        instrument=InstrumentId("BTCUSDT.ALPHA"),
        side=side,
        size=Decimal(size),
        price=Decimal(100),
        fee=ZERO,
        fee_asset="USDT",
        liquidity=Liquidity.TAKER,
        at_ns=START_NS,
    )
    return Step(
        venue=fill.venue,
        at_ns=START_NS + late_ms * 1_000_000,
        fills=(fill,),
        next_order=1,
        next_trade=1,
    )


@pytest.mark.parametrize(
    ("side", "size", "all_of_it"),
    [
        (Side.BUY, "1.999", False),
        (Side.BUY, "1.9999", True),  # less than a lot was left
        (Side.BUY, "2", True),
        (Side.BUY, "1", False),
        (Side.SELL, "1", True),
        (Side.SELL, "0.5", False),
    ],
)
def test_a_fill_took_all_when_no_lot_of_its_side_was_left(
    side: Side, size: str, all_of_it: bool
) -> None:
    """1 is shown at the bid, 2 at the ask; a lot is a thousandth."""
    board = make_board(spot(VenueId("alpha"), lot="0.001"))
    (listed,) = board.registry.instruments
    quote(board, listed, 100.0, 100.1, bid_size=1.0, ask_size=2.0, at_ns=START_NS)
    tally = Tally()
    tally.attach(Ledger(), board)
    tally.on_step(step(side, size, late_ms=25))
    assert bool(tally._took_all) is all_of_it
    assert tally.fill_ages_ns == [25_000_000]


def test_overlapping_trades_count_their_time_once(finished: Finished) -> None:
    run = with_trades(
        finished,
        trade(1, "1", start_s=0, length_s=4),
        trade(2, "-1", start_s=2, length_s=4),
        trade(3, "1", start_s=10, length_s=1),
    )
    summed = figures(run)
    assert summed.seconds_in_trade == 7.0
    assert summed.mean_ms_in_trade == 3_000.0
    assert summed.hit_rate_percent == pytest.approx(200 / 3)
    assert summed.sharpe_daily is None


def test_sharpe_needs_days_and_counts_those_without_trades(finished: Finished) -> None:
    day = 86_400
    rows = [trade(1, "100"), trade(2, "40", start_s=2 * day)]
    ratio = figures(with_trades(finished, *rows)).sharpe_daily
    returns = [0.01, 0.0, 0.004]
    mean = sum(returns) / 3
    deviation = (sum((r - mean) ** 2 for r in returns) / 2) ** 0.5
    assert ratio == pytest.approx(mean / deviation * 365**0.5)


def test_the_counts_of_data_quality_add_up(finished: Finished) -> None:
    found = quality(finished)
    refused = sum(sum(reasons.values()) for reasons in found.refused.values())
    assert found.rows == found.accepted + found.left_out + found.out_of_order + refused == 8_000


def test_the_sums_of_a_run_are_those_of_its_trades_and_its_ledger(finished: Finished) -> None:
    report = make_report(finished)
    rows = report.trades
    assert report.figures.net == sum(row.net for row in rows)
    assert report.figures.net == report.figures.gross - report.figures.fees
    ledger = finished.prepared.session.ledger
    assert not ledger.open_trades()
    pnl = sum((trade.pnl or ZERO for trade in ledger.closed_trades.values()), ZERO)
    assert report.figures.net == pnl
    fills = [fill for row in rows for fill in row.fills]
    assert report.figures.volume == sum(fill.size * fill.price for fill in fills)


def test_the_result_is_json_with_a_list_of_trades(finished: Finished) -> None:
    decoded = msgspec.json.decode(msgspec.json.encode(make_report(finished)))
    assert len(decoded["trades"]) == decoded["figures"]["trades"] > 0
    assert decoded["trades"][0]["fills"][0]["price"]


def test_a_run_without_trades_says_how_far_off_it_was(tmp_path: Path) -> None:
    file = written(lively_market(3_000), tmp_path / "q.parquet")
    run = run_backtest(prepared([file], spot=SpotSettings(min_profit_threshold=Decimal("0.09"))))
    (said,) = warnings(run, figures(run))
    assert said.startswith("No trades with these settings: the best net edge")
    assert "0.09" in said


def test_a_market_without_sizes_is_said_to_be_untradable(tmp_path: Path) -> None:
    frame = lively_market(2_000).with_columns(
        pl.when(pl.col("venue") == "beta")
        .then(None)
        .otherwise(pl.col("bid_size"))
        .alias("bid_size")
    )
    run = run_backtest(prepared([written(frame, tmp_path / "q.parquet")], spot=LIVELY))
    assert any("without depth" in said for said in warnings(run, figures(run)))


@pytest.mark.parametrize("stated", [True, False])
def test_trading_contracts_of_unknown_size_is_warned_of(tmp_path: Path, stated: bool) -> None:
    frame = lively_market(3_000).with_columns(
        pl.when(pl.col("venue") == "beta")
        .then(pl.lit("perp"))
        .otherwise(pl.col("market_type"))
        .alias("market_type")
    )
    sizes = {"BTC_USDT": Decimal(1), "ETH_USDT": Decimal(1)}
    settings = low_fees(contract_size={"beta_futures": sizes} if stated else {})
    run = run_backtest(prepared([written(frame, tmp_path / "q.parquet")], settings=settings))
    assert run.prepared.tally.rows()
    said = [line for line in warnings(run, figures(run)) if "contract size" in line]
    assert bool(said) is not stated
