"""The simulated trader: what he tells adds up to what he holds, and can be copied."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from arbiter.copying.opening import opening
from arbiter.copying.targets import targets
from arbiter.markets.leader import (
    SIMULATED_WALLET,
    LeaderMemory,
    LeaderSettings,
    SimulatedLeader,
)
from arbiter.model.copying import LeaderKind, Outcome
from arbiter.model.errors import BadConfig
from arbiter.model.ids import InstrumentId
from arbiter.model.time import NS_PER_S
from tests.unit.copying.follower import market, subscription

MARKETS = [market(f"m{number}", lot="1") for number in range(6)]
START_NS = 1_767_225_600 * NS_PER_S


def quotes(_: InstrumentId) -> tuple[float, float] | None:
    return 0.41, 0.43


def leader(seed: int = 1, memory: LeaderMemory | None = None) -> SimulatedLeader:
    return SimulatedLeader(
        LeaderSettings(every_seconds=10), MARKETS, np.random.default_rng(seed), START_NS, memory
    )


def lived(seconds: int = 20_000, seed: int = 1) -> SimulatedLeader:
    found = leader(seed)
    for second in range(seconds):
        found.step(START_NS + second * NS_PER_S, quotes)
    return found


def test_he_acts_about_as_often_as_he_is_told_to_and_in_every_way() -> None:
    found = lived(8_000)
    decisions = {act.decision for act in found.memory.actions}
    assert 600 < len(decisions) < 1_100
    assert {act.kind for act in found.memory.actions} == {
        LeaderKind.BUY,
        LeaderKind.SELL,
        LeaderKind.SPLIT,
        LeaderKind.MERGE,
    }
    assert len({act.key for act in found.memory.actions}) == len(found.memory.actions)
    alike = [(act.decision, act.size) for act in found.memory.actions if act.kind is LeaderKind.BUY]
    assert len(set(alike)) < len(alike)


def test_the_same_seed_gives_the_same_trader() -> None:
    assert lived(500).memory == lived(500).memory
    assert lived(500).memory != lived(500, seed=2).memory


def test_what_he_did_adds_up_to_what_he_holds() -> None:
    found = lived(1_500)
    row = subscription(wallet=SIMULATED_WALLET, created_ns=START_NS)
    assert opening(row, found.holdings(), found.memory.actions) == ()  # he began with nothing
    held: dict[str, Decimal] = {}
    for holding in found.holdings():
        assert holding.size > 0
        sign = 1 if holding.outcome is Outcome.YES else -1
        held[holding.market] = held.get(holding.market, Decimal(0)) + sign * holding.size
    followed = targets(row, found.memory.actions)
    assert {name: size for name, size in held.items() if size} == {
        name: target.leader for name, target in followed.items() if target.leader
    }


def test_he_buys_at_the_ask_and_pays_one_less_the_bid_for_no() -> None:
    bought = [act for act in lived().memory.actions if act.kind is LeaderKind.BUY]
    assert {(act.outcome, act.price) for act in bought} == {
        (Outcome.YES, Decimal("0.43")),
        (Outcome.NO, Decimal("0.59")),
    }


def test_he_keeps_away_from_markets_that_are_decided_or_silent() -> None:
    found = leader()
    for second in range(2_000):
        assert not found.step(START_NS + second * NS_PER_S, lambda _: (0.97, 0.98))
        assert not found.step(START_NS + second * NS_PER_S, lambda _: None)


def test_a_resolved_market_is_redeemed_once() -> None:
    found = lived(1_500)
    name = found.holdings()[0].market
    instrument = next(listed for listed in MARKETS if listed.market_id == name)
    (redeemed,) = found.resolve(instrument, START_NS + 2_000 * NS_PER_S)
    assert (redeemed.kind, redeemed.outcome) == (LeaderKind.REDEEM, Outcome.BOTH)
    assert all(holding.market != name for holding in found.holdings())
    assert found.resolve(instrument, START_NS + 2_001 * NS_PER_S) == []


def test_he_goes_on_from_his_memory() -> None:
    before = lived(1_000)
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(before.memory), type=LeaderMemory)
    after = leader(9, stored)
    assert after.holdings() == before.holdings()
    assert after.actions_since(0) == before.actions_since(0)


def test_only_the_newest_acts_are_remembered() -> None:
    assert len(lived(60_000).memory.actions) == 2_000


@pytest.mark.parametrize(
    "changes", [{"every_seconds": 0.0}, {"smallest": 0}, {"largest": 1}, {"most_markets": 0}]
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(BadConfig):
        LeaderSettings(**changes)  # type: ignore[arg-type]
