"""The vote over recorded bars: it sees no future, and its account is exact."""

import numpy as np
import pytest

from arbiter.agents.rehearsal import Rehearsal, RehearsalSettings, rehearse
from arbiter.agents.settings import TradingRules, VoteSettings
from arbiter.agents.view import Bars
from arbiter.model.ids import Symbol
from arbiter.model.time import NS_PER_MINUTE
from tests.fakes.clock import START_NS
from tests.unit.agents.markets import bars_along, path

SETTINGS = RehearsalSettings(
    rules=TradingRules(min_confidence=0.5, default_stop_loss=0.01, default_take_profit=0.02),
    voting=VoteSettings(),
)


def run(bars: Bars, settings: RehearsalSettings = SETTINGS) -> Rehearsal:
    return rehearse(bars, Symbol("BTC/USDT"), NS_PER_MINUTE, settings)


def waves(minutes: int = 900, seed: int = 3) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    swing = 0.02 * np.sin(np.arange(minutes) / 60.0)
    noise = np.random.RandomState(seed).standard_normal(minutes) * 3e-4
    closes: np.ndarray[tuple[int], np.dtype[np.float64]] = 100 * np.exp(swing + np.cumsum(noise))
    return closes


@pytest.mark.parametrize("cut", [200, 431, 700])
def test_another_future_leaves_the_same_past(cut: int) -> None:
    one = waves()
    other = np.concatenate([one[:cut], one[cut:] * np.linspace(1, 0.3, len(one) - cut)])
    first, second = run(bars_along(one)), run(bars_along(other))
    now = START_NS - (len(one) - cut) * NS_PER_MINUTE
    assert [v for v in first.votes if v.at_ns <= now] == [v for v in second.votes if v.at_ns <= now]
    assert [t for t in first.trips if t.exit_ns < now] == [
        t for t in second.trips if t.exit_ns < now
    ]
    assert first.votes != second.votes


def test_it_trades_and_its_equity_is_capital_and_results() -> None:
    result = run(bars_along(waves()))
    assert result.trips
    if result.equity[-1][1] != SETTINGS.capital + result.pnl:
        # A position is open at the end: its worth floats.
        assert abs(result.equity[-1][1] - SETTINGS.capital - result.pnl) < 200
    for trip in result.trips:
        assert trip.exit_ns >= trip.entry_ns
        assert trip.spent <= SETTINGS.capital * SETTINGS.rules.max_position_size
        gross = trip.spent * (trip.exit / trip.entry - 1)
        assert trip.pnl < gross


def test_a_gap_through_the_stop_is_sold_where_it_opens() -> None:
    close = np.concatenate([path(4e-4, 300, 2e-4), np.full(50, 60.0)])
    bars = bars_along(close)
    bars.open[300] = 60.0
    stopped = [trip for trip in run(bars).trips if trip.reason == "stop loss"]
    assert all(trip.exit <= trip.entry for trip in stopped)
    assert stopped[-1].exit == pytest.approx(60.0, rel=1e-3)


def test_a_veto_is_told_with_its_reason() -> None:
    wild = RehearsalSettings(
        rules=TradingRules(min_confidence=0.5, max_volatility=1e-6), voting=VoteSettings()
    )
    result = run(bars_along(waves()), wild)
    assert result.trips == []
    assert any("volatility" in vote.veto for vote in result.votes)
