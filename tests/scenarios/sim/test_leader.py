"""The simulated trader lives with the venues: his past outlives them, and anybody may read it."""

from pathlib import Path

import pytest

from arbiter.markets.leader import SIMULATED_WALLET, LeaderSettings
from arbiter.model.copying import Wallet
from arbiter.model.errors import VenueUnreachable
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.time import NS_PER_S
from arbiter.venues.sim import wire
from arbiter.venues.sim.house import VenueHouse
from arbiter.venues.sim.leader import SimLeaders
from arbiter.venues.sim.store import Store
from tests.scenarios.sim.conftest import CALM, Starter
from tests.unit.copying.follower import market

POLYMARKET = VenueId("polymarket")
MARKETS = [market(f"m{number}", lot="1") for number in range(3)]
START_NS = 1_767_225_600 * NS_PER_S


def quotes(_: InstrumentId) -> tuple[float, float] | None:
    return 0.41, 0.43


def house(folder: Path, now_ns: int) -> VenueHouse:
    folder.mkdir(exist_ok=True)
    settings = type(CALM)(markets=CALM.markets, leader=LeaderSettings(every_seconds=5))
    found = VenueHouse(settings, Store(folder), now_ns)
    assert found.leader is not None
    found.leader.take_up(MARKETS)
    return found


def told(of: VenueHouse, since_ns: int = 0, wallet: Wallet = SIMULATED_WALLET) -> wire.LeaderTold:
    request = wire.ListLeader(id=1, venue=POLYMARKET, wallet=wallet, since_ns=since_ns)
    return of.leader_told(request)


def test_what_he_did_is_there_after_the_venues_were_killed(tmp_path: Path) -> None:
    first = house(tmp_path, START_NS)
    for second in range(300):
        first.let_leader_act(START_NS + second * NS_PER_S, quotes)
    before = told(first)
    again = house(tmp_path, START_NS + 400 * NS_PER_S)  # nothing was closed
    assert len(before.actions) > 20
    assert told(again) == before
    for second in range(400, 600):
        again.let_leader_act(START_NS + second * NS_PER_S, quotes)
    assert told(again).actions[: len(before.actions)] == before.actions
    assert len(told(again).actions) > len(before.actions)


def test_only_his_own_wallet_and_what_is_asked_for_are_told(tmp_path: Path) -> None:
    found = house(tmp_path, START_NS)
    for second in range(300):
        found.let_leader_act(START_NS + second * NS_PER_S, quotes)
    middle_ns = told(found).actions[10].at_ns
    assert all(act.at_ns >= middle_ns for act in told(found, middle_ns).actions)
    assert told(found, wallet=Wallet("0x" + "ab" * 20)) == wire.LeaderTold(id=1)


async def test_he_is_read_from_another_process_and_missed_while_it_is_gone(
    start: Starter, home: Path
) -> None:
    source = SimLeaders(home, POLYMARKET)
    with pytest.raises(VenueUnreachable):
        await source.actions_since(SIMULATED_WALLET, 0)
    venues = start()
    assert list(await source.holdings(SIMULATED_WALLET)) == []
    venues.stop()
    with pytest.raises(VenueUnreachable):
        await source.holdings(SIMULATED_WALLET)
    start()
    assert list(await source.holdings(SIMULATED_WALLET)) == []
    source.close()
