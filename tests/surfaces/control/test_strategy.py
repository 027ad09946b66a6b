"""StrategyService: items 9 to 15."""

from decimal import Decimal

import grpc
import grpc.aio
import pytest
from msgspec.structs import replace

import arbiter_pb2 as pb
from arbiter.access.roles import Role
from arbiter.api.control.desks import ArbState
from arbiter.client import ArbiterClient, BadRequest, NotFound
from arbiter_pb2_grpc import StrategyServiceStub
from tests.surfaces.control.world import World, bearing

WALLET = "0x" + "ab" * 20


async def test_the_status_tells_state_and_counts(engine: World, trader: ArbiterClient) -> None:
    engine.arbitrage.told = replace(
        engine.arbitrage.told,
        active_pairs=3,
        opportunities_today=7,
        trades_today=2,
        pnl_today=Decimal("-1.25"),
        last_activity_ns=1_800_000_000_500_000_000,
    )
    status = await trader.strategy.arb_status()
    assert status.state == pb.ARB_ENGINE_STATE_RUNNING
    assert (status.active_pairs, status.opportunities_today, status.trades_today) == (3, 7, 2)
    assert status.pnl_today == -1.25
    assert (status.last_activity.seconds, status.last_activity.nanos) == (
        1_800_000_000,
        500_000_000,
    )


async def test_without_any_activity_there_is_no_time_of_it(trader: ArbiterClient) -> None:
    assert not (await trader.strategy.arb_status()).HasField("last_activity")


async def test_stopping_and_starting_is_idempotent_and_says_who(
    engine: World, trader: ArbiterClient
) -> None:
    for _ in range(2):
        answer = await trader.strategy.set_arb_enabled(False)
        assert answer.state == pb.ARB_ENGINE_STATE_STOPPED
        assert "trades under way are finished" in answer.message
    for _ in range(2):
        answer = await trader.strategy.set_arb_enabled(True)
        assert answer.state == pb.ARB_ENGINE_STATE_RUNNING
    assert set(engine.arbitrage.by) == {"user:alice"}


async def test_what_cannot_be_started_says_why_and_stays_as_it_is(
    engine: World, trader: ArbiterClient
) -> None:
    await trader.strategy.set_arb_enabled(False)
    engine.arbitrage.refuses = "the kill switch is engaged; release it first"
    answer = await trader.strategy.set_arb_enabled(True)
    assert answer.state == pb.ARB_ENGINE_STATE_STOPPED
    assert answer.message == engine.arbitrage.refuses


async def test_started_under_a_limit_it_is_paused_and_says_why(
    engine: World, trader: ArbiterClient
) -> None:
    async def pause(enabled: bool, actor: str) -> None:
        engine.arbitrage.state = ArbState.PAUSED
        engine.arbitrage.told = replace(engine.arbitrage.told, why="kalshi is away")

    engine.arbitrage.switch = pause  # type: ignore[method-assign]
    answer = await trader.strategy.set_arb_enabled(True)
    assert answer.state == pb.ARB_ENGINE_STATE_PAUSED
    assert answer.message == "event arbitrage is paused: kalshi is away"


async def test_the_configuration_is_shown_in_the_units_of_the_page(trader: ArbiterClient) -> None:
    config = await trader.strategy.arb_config()
    assert (config.min_spread, config.max_position_size) == (0.02, 1_000.0)
    assert (config.max_total_exposure, config.staleness_threshold_ms) == (10_000.0, 2_000)
    assert list(config.enabled_pairs) == ["fed-hold", "cup-final"]


async def test_only_set_fields_change_and_the_whole_comes_back(
    engine: World, admin: ArbiterClient
) -> None:
    config = await admin.strategy.update_arb_config(min_spread=0.03)
    assert (config.min_spread, config.max_position_size) == (0.03, 1_000.0)
    assert list(config.enabled_pairs) == ["fed-hold", "cup-final"]
    config = await admin.strategy.update_arb_config(
        min_spread=0.0, max_total_exposure=500, staleness_threshold_ms=750
    )
    assert (config.min_spread, config.max_total_exposure) == (0.0, 500.0)
    assert config.staleness_threshold_ms == 750
    assert await admin.strategy.arb_config() == config
    assert engine.arbitrage.held.min_spread == 0


async def test_pairs_are_replaced_and_one_empty_name_clears_them(
    engine: World, admin: ArbiterClient
) -> None:
    assert admin.tokens is not None
    async with grpc.aio.insecure_channel(engine.address) as channel:
        update = StrategyServiceStub(channel).UpdateArbConfig
        metadata = bearing(admin.tokens.access)
        one = pb.UpdateArbConfigRequest(enabled_pairs=["rain-in-may"])
        assert list((await update(one, metadata=metadata)).enabled_pairs) == ["rain-in-may"]
        nothing = pb.UpdateArbConfigRequest()
        assert list((await update(nothing, metadata=metadata)).enabled_pairs) == ["rain-in-may"]
        cleared = pb.UpdateArbConfigRequest(enabled_pairs=[""])
        assert list((await update(cleared, metadata=metadata)).enabled_pairs) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"min_spread": 1.0}, r"min_spread must lie in \[0, 1\)"),
        ({"min_spread": -0.1}, r"min_spread must lie in \[0, 1\)"),
        ({"min_spread": float("nan")}, r"min_spread must lie in \[0, 1\)"),
        ({"max_position_size": 0.0}, "max_position_size must be more than 0"),
        ({"max_total_exposure": -5.0}, "max_total_exposure must be more than 0"),
        ({"staleness_threshold_ms": 0}, "staleness_threshold_ms must be more than 0"),
        ({"enabled_pairs": ["moon-is-cheese"]}, "there is no pair 'moon-is-cheese'"),
        ({"enabled_pairs": ["fed-hold", ""]}, "enabled_pairs must be set"),
    ],
)
async def test_a_value_out_of_range_changes_nothing(
    engine: World, admin: ArbiterClient, changes: dict[str, object], said: str
) -> None:
    before = engine.arbitrage.held
    with pytest.raises(BadRequest, match=said):
        await admin.strategy.update_arb_config(**({"max_position_size": 77.0} | changes))  # type: ignore[arg-type]
    assert engine.arbitrage.held == before


async def test_a_wallet_is_followed_listed_and_let_go(trader: ArbiterClient) -> None:
    added = await trader.strategy.add_copy_trade(WALLET, pb.EXCHANGE_POLYMARKET, 0.5, 100)
    assert (added.target_wallet, added.exchange) == (WALLET, pb.EXCHANGE_POLYMARKET)
    assert (added.size_multiplier, added.max_position_size, added.enabled) == (0.5, 100.0, True)
    assert added.total_pnl == 1.25
    assert added.created_at.seconds == 1_800_000_000
    assert await trader.strategy.copy_trades() == [added]
    removed = await trader.strategy.remove_copy_trade(added.id)
    assert removed.success
    assert await trader.strategy.copy_trades() == []
    with pytest.raises(NotFound, match="there is no copy trade"):
        await trader.strategy.remove_copy_trade(added.id)


@pytest.mark.parametrize(
    ("wallet", "exchange", "multiplier", "size", "said"),
    [
        ("", pb.EXCHANGE_POLYMARKET, 0.5, 100.0, "target_wallet must be set"),
        (WALLET, pb.EXCHANGE_UNSPECIFIED, 0.5, 100.0, "exchange must be set"),
        (WALLET, pb.EXCHANGE_POLYMARKET, 0.0, 100.0, "size_multiplier must be more than 0"),
        (WALLET, pb.EXCHANGE_POLYMARKET, 0.5, -1.0, "max_position_size must be more than 0"),
    ],
)
async def test_terms_that_cannot_be_are_refused(
    engine: World,
    trader: ArbiterClient,
    wallet: str,
    exchange: pb.Exchange,
    multiplier: float,
    size: float,
    said: str,
) -> None:
    with pytest.raises(BadRequest, match=said):
        await trader.strategy.add_copy_trade(wallet, exchange, multiplier, size)
    assert engine.copying.rows == []


async def test_a_viewer_reads_all_of_it(engine: World) -> None:
    async with engine.as_user("eve", Role.VIEWER) as viewer:
        assert (await viewer.strategy.arb_status()).state == pb.ARB_ENGINE_STATE_RUNNING
        assert (await viewer.strategy.arb_config()).min_spread == 0.02
        assert await viewer.strategy.copy_trades() == []
