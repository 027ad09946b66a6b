"""The vote and the veto."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arbiter.agents import risk_officer
from arbiter.agents.opinions import Opinion
from arbiter.agents.risk_officer import Standing, assess, kelly, value_at_risk
from arbiter.agents.settings import TradingRules, VoteSettings
from arbiter.agents.vote import Verdict, count
from arbiter.model.agents import Action

WEIGHTS = VoteSettings().weights
QUIET = np.random.RandomState(3).standard_normal(500) * 0.004


def said(agent: str, action: Action, confidence: float = 0.8) -> Opinion:
    return Opinion(
        agent=agent, action=action, confidence=confidence, reasoning="", context={}, score=0.0
    )


def vote(*opinions: Opinion, consensus: float = 0.5, min_confidence: float = 0.6) -> Verdict:
    return count(opinions, WEIGHTS, consensus=consensus, min_confidence=min_confidence)


def test_agreement_carries_the_vote() -> None:
    verdict = vote(
        said("technical-agent", Action.BUY),
        said("trend-agent", Action.BUY),
        said("reversion-agent", Action.HOLD, 0.4),
    )
    assert verdict.action is Action.BUY
    assert verdict.voters == ("technical-agent", "trend-agent")
    assert verdict.consensus == pytest.approx(0.44 / 0.54, abs=1e-3)


def test_a_split_vote_holds() -> None:
    verdict = vote(
        said("technical-agent", Action.BUY),
        said("trend-agent", Action.SELL),
        said("reversion-agent", Action.BUY, 0.3),
        said("orderbook-agent", Action.HOLD, 0.9),
    )
    assert verdict.action is Action.HOLD
    assert "below the consensus" in verdict.reasoning


def test_unsure_agreement_holds_below_the_least_confidence() -> None:
    opinions = (said("technical-agent", Action.BUY, 0.6), said("trend-agent", Action.BUY, 0.6))
    assert vote(*opinions, min_confidence=0.7).action is Action.HOLD
    assert vote(*opinions, min_confidence=0.5).action is Action.BUY


def test_nobody_and_ties_hold() -> None:
    assert vote().action is Action.HOLD
    tie = vote(said("a", Action.BUY), said("b", Action.HOLD), consensus=0.4)
    assert tie.action is Action.HOLD


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(WEIGHTS)), st.sampled_from(list(Action)), st.floats(0, 1)),
        max_size=7,
    )
)
def test_figures_stay_in_range_whatever_is_said(cast: list[tuple[str, Action, float]]) -> None:
    verdict = vote(*(said(*each) for each in cast))
    assert 0 <= verdict.consensus <= 1
    assert 0 <= verdict.confidence <= 1
    assert verdict.action in {verdict.leader, Action.HOLD}


NAN = float("nan")
FRESH = Standing(
    capital=10_000,
    equity=10_000,
    peak_equity=10_000,
    pnl_today=0,
    exposure=0,
    open_positions=0,
    wins=0,
    losses=0,
    average_win=0,
    average_loss=0,
)
RULES = TradingRules()


def test_a_fresh_session_may_buy_within_the_largest_position() -> None:
    verdict = assess(FRESH, RULES, QUIET, 0.8)
    assert verdict.approved
    assert 0 < verdict.fraction <= RULES.max_position_size


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"equity": 8_700.0}, "drawdown"),
        ({"pnl_today": -450.0}, "loss today"),
        ({"open_positions": 3}, "positions are open"),
        ({"exposure": 1_900.0}, "in this symbol already"),
        ({"equity": 0.0}, "nothing is left"),
        ({"wins": 1, "losses": 60}, "Kelly"),
        ({"equity": NAN}, "no number: equity"),
        ({"peak_equity": NAN}, "no number"),
        ({"pnl_today": NAN}, "no number"),
        ({"exposure": NAN}, "no number"),
    ],
)
def test_each_limit_is_a_veto(changes: dict[str, float], word: str) -> None:
    verdict = assess(replace(FRESH, **changes), RULES, QUIET, 0.8)
    assert not verdict.approved
    assert verdict.fraction == 0
    assert word in verdict.reasoning


def test_returns_that_are_too_few_or_no_numbers_are_a_veto() -> None:
    few = assess(FRESH, RULES, QUIET[:29], 0.8)
    assert not few.approved
    assert "29 returns are too few" in few.reasoning
    assert assess(FRESH, RULES, QUIET[:30], 0.8).approved
    broken = QUIET.copy()
    broken[7] = NAN
    unknown = assess(FRESH, RULES, broken, 0.8)
    assert not unknown.approved
    assert "no number" in unknown.reasoning


def test_what_is_held_already_counts_towards_the_largest_position() -> None:
    keen = replace(RULES, kelly_fraction=1.0)
    whole = assess(FRESH, keen, QUIET, 1.0)
    rest = assess(replace(FRESH, exposure=0.6 * keen.max_position_size * 10_000), keen, QUIET, 1.0)
    assert whole.fraction == pytest.approx(keen.max_position_size)
    assert rest.approved
    assert rest.fraction == pytest.approx(0.4 * keen.max_position_size)


def test_a_wild_market_is_a_veto_and_a_rough_one_makes_smaller() -> None:
    wild = assess(FRESH, RULES, QUIET * 12, 0.8)
    assert not wild.approved
    keen = replace(RULES, max_position_size=1.0, kelly_fraction=1.0)
    calm, rough = (assess(FRESH, keen, QUIET * factor, 1.0) for factor in (1, 8))
    assert rough.approved
    assert rough.fraction < calm.fraction
    assert rough.fraction * rough.numbers["cvar_95"] <= RULES.value_at_risk * 1.0001


def test_value_at_risk_takes_the_documented_place() -> None:
    returns = np.arange(-50, 50) / 1000.0
    var, cvar = value_at_risk(returns)
    assert var == pytest.approx(0.045)
    assert cvar == pytest.approx(np.mean([0.050, 0.049, 0.048, 0.047, 0.046, 0.045]))


def test_kelly_follows_its_formula_and_never_goes_below_zero() -> None:
    assert kelly(0.6, 2.0, 0.25) == pytest.approx((0.6 * 2 - 0.4) / 2 * 0.25)
    assert kelly(0.3, 1.0, 0.25) == 0
    assert kelly(0.5, 0.0, 1.0) == 0


@given(
    st.builds(
        Standing,
        capital=st.floats(1, 1e6),
        equity=st.floats(-1e5, 1e6),
        peak_equity=st.floats(0, 1e6),
        pnl_today=st.floats(-1e5, 1e5),
        exposure=st.floats(0, 1e6),
        open_positions=st.integers(0, 9),
        wins=st.integers(0, 99),
        losses=st.integers(0, 99),
        average_win=st.floats(0, 1e4),
        average_loss=st.floats(0, 1e4),
    ),
    st.floats(0, 1),
)
def test_what_is_approved_never_exceeds_the_largest_position(
    standing: Standing, confidence: float
) -> None:
    verdict = risk_officer.assess(standing, RULES, QUIET, confidence)
    assert 0 <= verdict.fraction <= RULES.max_position_size
    assert verdict.approved == (verdict.fraction > 0)
