"""StrategyService over a whole engine: settings that persist, pairs that were read, copied wallets."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import TypeVar

import pytest

import arbiter_pb2 as pb
from arbiter.access.roles import Role
from arbiter.client import ArbiterClient, BadRequest, NotFound
from arbiter.model.commands import ProposePair, ReviewPair
from arbiter.model.event_pairs import (
    EventPair,
    EventPairId,
    PairedMarket,
    Polarity,
    Review,
    rules_hash,
)
from arbiter.model.ids import Actor, InstrumentId, VenueId
from arbiter.model.time import NS_PER_DAY
from arbiter.opportunities.event_settings import EVENT_ARBITRAGE
from arbiter.storage import migrate
from tests.fakes.postgres import PostgresForTests
from tests.surfaces.spot.harness import LiveEngine, free_port, patient

T = TypeVar("T")

READER = Actor("test")
WALLET = "0x" + "ab" * 20


async def build(url: str) -> None:
    await migrate.upgrade(url)


@pytest.fixture(scope="module")
def engine(
    postgres_server: PostgresForTests, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveEngine]:
    postgres_server.build_template("ledger", build)
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    with patient(), postgres_server.fresh(template="ledger") as database:
        changes = {
            "ARBITER__LISTEN__CONTROL_ENABLED": "true",
            "GRPC_ADDR": f"127.0.0.1:{free_port()}",
        }
        engine = LiveEngine(home, database.url, changes)
        try:
            engine.start()
            access = engine.running.access
            engine.wait_for(access.add_user(READER, "root", Role.ADMIN, "a credential"))
            yield engine
        finally:
            engine.destroy()


def ask(engine: LiveEngine, work: Callable[[ArbiterClient], Awaitable[T]]) -> T:
    """Call the API as an admin, from a loop of the test's own."""

    async def call() -> T:
        address = engine.running.listeners["control"][0].partition("://")[2]
        async with ArbiterClient(address) as client:
            await client.sign_in("root", "a credential")
            return await work(client)

    return asyncio.run(call())


def market(venue: str, rules: str) -> PairedMarket:
    return PairedMarket(
        instrument=InstrumentId(f"HOLD.{venue.upper()}"),
        venue=VenueId(venue),
        title="Will the rate be held?",
        rules=rules,
        rules_sha256=rules_hash(rules),
    )


def state(engine: LiveEngine) -> int:
    return ask(engine, lambda client: client.strategy.arb_status()).state


def approve(
    engine: LiveEngine,
    name: str,
    state: Review = Review.APPROVED,
    venues: tuple[str, str] = ("polymarket", "kalshi"),
) -> None:
    """Enter a pair as a person would, and decide about it."""
    now = engine.running.clock.now_ns()
    pair = EventPair(
        id=EventPairId(name),
        first=market(venues[0], f"{name}: resolves YES if the rate is held."),
        second=market(venues[1], f"{name}: pays if the rate is held."),
        polarity=Polarity.SAME,
        resolution_source="the bank",
        void_rule="",
        closes_ns=now + NS_PER_DAY,
        payout_ns=now + 2 * NS_PER_DAY,
        cap_usd=Decimal(100),
        proposed_by=READER,
        proposed_ns=now,
        updated_ns=now,
    )
    bus = engine.running.bus
    engine.wait_for(bus.execute(ProposePair(actor=READER, pair=pair)))
    if state is not Review.PROPOSED:
        engine.wait_for(
            bus.execute(ReviewPair(actor=READER, pair_id=pair.id, state=state, acknowledged=True))
        )


def test_it_is_stopped_and_started_and_the_kill_switch_goes_before(engine: LiveEngine) -> None:
    ledger = engine.running.engine.core.ledger
    stopped = ask(engine, lambda client: client.strategy.set_arb_enabled(False))
    assert stopped.state == pb.ARB_ENGINE_STATE_STOPPED
    assert ledger.strategies[EVENT_ARBITRAGE] is False
    ask(engine, lambda client: client.operator.kill("a drill"))
    refused = ask(engine, lambda client: client.strategy.set_arb_enabled(True))
    assert refused.state == pb.ARB_ENGINE_STATE_STOPPED
    assert "kill switch is engaged; release it first" in refused.message
    ask(engine, lambda client: client.operator.resume())
    started = ask(engine, lambda client: client.strategy.set_arb_enabled(True))
    assert started.state in {pb.ARB_ENGINE_STATE_RUNNING, pb.ARB_ENGINE_STATE_PAUSED}
    assert ledger.strategies[EVENT_ARBITRAGE] is True


def test_the_loss_of_a_venue_that_a_pair_needs_pauses_it(engine: LiveEngine) -> None:
    core = engine.running.engine.core
    first, second = core.registry.venues[:2]
    approve(engine, "here-and-there", venues=(first, second))
    assert state(engine) == pb.ARB_ENGINE_STATE_RUNNING
    engine.do(lambda: core.on_venue_health(second, connected=False, reason="reset by peer"))
    paused = ask(engine, lambda client: client.strategy.set_arb_enabled(True))
    assert paused.state == state(engine) == pb.ARB_ENGINE_STATE_PAUSED
    assert paused.message == f"event arbitrage is paused: {second} is away: reset by peer"
    engine.do(lambda: core.on_venue_health(second, connected=True, reason=""))
    assert state(engine) == pb.ARB_ENGINE_STATE_RUNNING


def test_settings_are_changed_persist_and_are_audited(engine: LiveEngine) -> None:
    changed = ask(
        engine,
        lambda client: client.strategy.update_arb_config(
            min_spread=0.035, max_position_size=250, staleness_threshold_ms=900
        ),
    )
    assert (changed.min_spread, changed.max_position_size) == (0.035, 250.0)
    ledger = engine.running.engine.core.ledger
    assert ledger.settings["events.min_spread"].actor == "user:root"
    exposure = changed.max_total_exposure
    engine.stop()
    engine.start()
    kept = ask(engine, lambda client: client.strategy.arb_config())
    assert (kept.min_spread, kept.max_position_size) == (0.035, 250.0)
    assert (kept.staleness_threshold_ms, kept.max_total_exposure) == (900, exposure)


def test_a_setting_out_of_its_range_changes_nothing(engine: LiveEngine) -> None:
    before = ask(engine, lambda client: client.strategy.arb_config())
    with pytest.raises(BadRequest, match=r"events\.max_position_size must be"):
        ask(
            engine,
            lambda client: client.strategy.update_arb_config(
                min_spread=0.04, max_position_size=0.001
            ),
        )
    assert ask(engine, lambda client: client.strategy.arb_config()) == before


def test_only_pairs_somebody_has_read_can_be_enabled(engine: LiveEngine) -> None:
    approve(engine, "fed-hold")
    approve(engine, "cup-final")
    approve(engine, "only-proposed", Review.PROPOSED)
    approve(engine, "never", Review.REJECTED)

    def enabled() -> set[str]:
        return set(ask(engine, lambda client: client.strategy.arb_config()).enabled_pairs)

    def enable(*names: str) -> None:
        ask(engine, lambda client: client.strategy.update_arb_config(enabled_pairs=names))

    assert enabled() >= {"fed-hold", "cup-final"}
    enable("fed-hold")
    assert enabled() == {"fed-hold"}
    for name in ("only-proposed", "never"):
        with pytest.raises(BadRequest, match=rf"{name} is .*, not verified.*arbiter pairs approve"):
            enable("fed-hold", name)
    with pytest.raises(BadRequest, match="there is no pair 'moon'; ListPairs"):
        enable("moon")
    assert enabled() == {"fed-hold"}
    enable("fed-hold", "cup-final")
    assert enabled() == {"fed-hold", "cup-final"}
    enable()
    assert enabled() == set()
    enable("cup-final")
    assert enabled() == {"cup-final"}
    pairs = ask(engine, lambda client: client.operator.pairs())
    (shown,) = [pair for pair in pairs if pair.id == "cup-final"]
    assert (shown.enabled, shown.state, shown.polarity) == (True, "approved", "same")
    assert shown.first.name == "Will the rate be held?"
    everything = ask(engine, lambda client: client.operator.pairs(include_unverified=True))
    assert {pair.id for pair in everything} >= {"fed-hold", "cup-final", "only-proposed", "never"}


def test_a_pair_whose_rules_changed_is_not_enabled_by_name(engine: LiveEngine) -> None:
    approve(engine, "changed")
    engine.wait_for(
        engine.running.bus.execute(
            ReviewPair(
                actor=READER,
                pair_id=EventPairId("changed"),
                state=Review.SUSPENDED,
                reason="RULES_CHANGED: HOLD.KALSHI 1 -> 2",
            )
        )
    )
    with pytest.raises(BadRequest, match="a rule text changed; propose it anew"):
        ask(
            engine,
            lambda client: client.strategy.update_arb_config(enabled_pairs=["changed"]),
        )


def test_a_wallet_is_copied_until_it_is_let_go(engine: LiveEngine) -> None:
    added = ask(
        engine,
        lambda client: client.strategy.add_copy_trade(WALLET, pb.EXCHANGE_POLYMARKET, 0.5, 25),
    )
    assert (added.target_wallet, added.enabled, added.total_pnl) == (WALLET, True, 0.0)
    listed = ask(engine, lambda client: client.strategy.copy_trades())
    assert added in listed
    with pytest.raises(BadRequest, match="is copied already"):
        ask(
            engine,
            lambda client: client.strategy.add_copy_trade(WALLET, pb.EXCHANGE_POLYMARKET, 1, 25),
        )
    with pytest.raises(BadRequest):
        ask(
            engine,
            lambda client: client.strategy.add_copy_trade("alice", pb.EXCHANGE_POLYMARKET, 1, 25),
        )
    with pytest.raises(BadRequest):
        ask(
            engine,
            lambda client: client.strategy.add_copy_trade(WALLET, pb.EXCHANGE_BINANCE, 1, 25),
        )
    assert ask(engine, lambda client: client.strategy.remove_copy_trade(added.id)).success
    assert added not in ask(engine, lambda client: client.strategy.copy_trades())
    for unknown in (added.id, "nobody"):
        with pytest.raises(NotFound, match="there is no copy trade"):
            ask(engine, lambda client, name=unknown: client.strategy.remove_copy_trade(name))  # type: ignore[misc]


def test_a_link_code_of_the_command_line_signs_a_chat_in(engine: LiveEngine) -> None:
    from arbiter.app.control_socket import ControlClient

    control = ControlClient(engine.home / "run" / "control.sock")
    made = control.call("user_link", {"actor": "cli:test", "user_id": "root"})

    async def redeem() -> pb.RedeemLinkCodeResponse:
        address = engine.running.listeners["control"][0].partition("://")[2]
        async with ArbiterClient(address) as client:
            return await client.redeem_link_code(made["code"], "telegram:77")

    answer = asyncio.run(redeem())
    assert (answer.user_id, answer.role) == ("root", "admin")
