"""The control API over a running engine: what it is given, and the desks it steers."""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from uuid import UUID

from msgspec.structs import replace

from arbiter.api.control.deps import AgentFacts, ControlDeps, DoctorCheck
from arbiter.api.control.desks import (
    ArbChanges,
    ArbFacts,
    ArbSettings,
    ArbState,
    CopyFacts,
)
from arbiter.api.control.server import ControlServer, ControlSettings
from arbiter.app import kill_file
from arbiter.app.checks import Verdict, run_checks
from arbiter.app.config import Settings
from arbiter.app.running import Running
from arbiter.app.strategies import CARDS
from arbiter.model.commands import (
    AddCopy,
    ChangeSettings,
    ReleaseKillSwitch,
    RemoveCopy,
    ReviewPair,
    StartStrategy,
    StopStrategy,
)
from arbiter.model.copying import SubscriptionId
from arbiter.model.errors import Conflict, InvalidValue, NotFound
from arbiter.model.event_pairs import EventPair, EventPairId, Review
from arbiter.model.ids import Actor, VenueId
from arbiter.model.money import ZERO
from arbiter.model.time import NS_PER_DAY, day_start
from arbiter.opportunities.event_pair import EventSpread
from arbiter.opportunities.event_settings import EVENT_ARBITRAGE
from arbiter.ports.clock import IdSource
from arbiter.ports.past import Page, SignalsWanted, TradesWanted
from arbiter.runtime.clock import SignalIds, SystemIds
from arbiter.runtime.copy_view import CopyRow
from arbiter.runtime.desk_view import DeskView
from arbiter.runtime.event_tally import EventTally
from arbiter.runtime.manual_desk import ManualDesk
from arbiter.runtime.pair_review import RULES_CHANGED
from arbiter.storage import listings
from arbiter.storage.desk_reads import DeskReads
from arbiter.storage.placed_orders import StoredOrders

_MOST = 100_000
_DISABLED = "disabled through the control API"
_VERDICTS = {Verdict.OK: "pass", Verdict.WARN: "warn", Verdict.FAIL: "fail"}


async def make_control(settings: Settings, running: Running) -> ControlServer:
    """Make the server; it takes up the counts of this day from the database."""
    core = running.engine.core
    arbitrage = EngineArbitrage(running, await _tally(running))
    deps = ControlDeps(
        clock=running.clock,
        core=core,
        bus=running.bus,
        queries=running.queries,
        depth=running.depth,
        hub=running.hub,
        view=DeskView(
            core=core,
            queries=running.queries,
            clock=running.clock,
            usd_rate=running.usd_rates.worth,
            rates=running.usd_rates.rows,
            strategies=CARDS,
            sessions=running.sessions,
        ),
        desk=ManualDesk(
            core=core,
            store=StoredOrders(running.reads),
            hub=running.hub,
            clock=running.clock,
        ),
        access=running.access,
        kill_switch=running.engine.kill_switch,
        release_kill_switch=_release(settings, running),
        arbitrage=arbitrage,
        copying=EngineCopying(running, SystemIds()),
        agents=lambda: _agents(running),
        doctor=_doctor(settings),
    )
    listen = settings.listen
    return ControlServer(
        deps,
        ControlSettings(
            host=listen.control_host,
            port=listen.control_port,
            ssl_cert=listen.control_ssl_cert,
            ssl_key=listen.control_ssl_key,
        ),
    )


def _release(settings: Settings, running: Running) -> Callable[[Actor], Awaitable[None]]:
    async def release(actor: Actor) -> None:
        kill_file.remove(settings.home.kill_file)
        await running.bus.execute(ReleaseKillSwitch(actor=actor))

    return release


def _agents(running: Running) -> AgentFacts:
    if running.agents is None:
        return AgentFacts()
    return AgentFacts(
        agents=running.agents.orchestrator.records.statuses(),
        sessions=running.agents.desk.sessions,
    )


def _doctor(settings: Settings) -> Callable[[], Awaitable[Sequence[DoctorCheck]]]:
    async def examine() -> Sequence[DoctorCheck]:
        return [
            DoctorCheck(
                name=check.name,
                verdict=_VERDICTS[check.verdict],
                detail=check.detail,
                mend=check.mend,
            )
            for check in await run_checks(settings, lambda _: None)
        ]

    return examine


async def _tally(running: Running) -> EventTally:
    """Take up the counts of this day where the last run left them."""
    now, reads = running.clock.now_ns(), running.reads
    today = day_start(now)
    of = TradesWanted(strategy=EVENT_ARBITRAGE)
    last = await listings.trades(reads, of, Page(limit=1))
    recent = replace(of, since_ns=today - NS_PER_DAY)  # one that ended today may be older
    trades = await listings.trades(reads, recent, Page(limit=_MOST))
    signals = await listings.signals(
        reads,
        SignalsWanted(strategy=EVENT_ARBITRAGE, since_ns=today),
        Page(limit=_MOST),
    )
    booked = await DeskReads(reads).pnl_by_strategy(today)
    tally = EventTally(
        EVENT_ARBITRAGE,
        now,
        earlier_trades=(*last.rows, *trades.rows),
        earlier_signals=signals.rows,
        earlier_pnl=booked.get(EVENT_ARBITRAGE, ZERO),
        residuals=running.engine.core.ledger.residuals,
    )
    running.hub.listen(tally.watch)
    return tally


class EngineArbitrage:
    """`api.control.desks.EventArbitrage` over the engine: switches, settings and pairs."""

    def __init__(self, running: Running, tally: EventTally) -> None:
        self._running = running
        self._core = running.engine.core
        self._tally = tally
        core = self._core
        ids = SignalIds(SystemIds(), lambda: core.ledger.next_signal_seq)
        self._spread = EventSpread(running.tuning.events, core.board, core.registry, ids)
        """For looking only: what it notes is nobody's."""

    def facts(self) -> ArbFacts:
        now = self._running.clock.now_ns()
        state, why = self._state(now)
        return ArbFacts(
            state=state,
            why=why,
            active_pairs=sum(
                pair.approved and pair.open_at(now) and self._live(pair, now)
                for pair in self.pairs()
            ),
            opportunities_today=self._tally.opportunities(now),
            trades_today=self._tally.trades(now),
            pnl_today=self._tally.pnl(now),
            last_activity_ns=self._tally.last_activity_ns,
        )

    def settings(self) -> ArbSettings:
        events = self._running.tuning.events
        return ArbSettings(
            min_spread=events.min_spread,
            max_position_size=events.max_position_size,
            max_total_exposure=events.max_total_exposure,
            staleness_threshold_ms=events.staleness_threshold_ms,
            enabled_pairs=tuple(pair.id for pair in self.pairs() if pair.approved),
        )

    async def switch(self, enabled: bool, actor: Actor) -> None:
        command = StartStrategy if enabled else StopStrategy
        await self._running.bus.execute(command(actor=actor, strategy=EVENT_ARBITRAGE))

    async def change(self, changes: ArbChanges, actor: Actor) -> None:
        """Check the pairs first: what follows either all happens or is refused by the settings."""
        reviews = (
            () if changes.enabled_pairs is None else self._reviews(changes.enabled_pairs, actor)
        )
        wanted = {
            f"events.{name}": int(value) if isinstance(value, int) else float(value)
            for name in (
                "min_spread",
                "max_position_size",
                "max_total_exposure",
                "staleness_threshold_ms",
            )
            if (value := getattr(changes, name)) is not None
        }
        if wanted:
            await self._running.bus.execute(ChangeSettings(actor=actor, changes={**wanted}))
        for review in reviews:
            await self._running.bus.execute(review)

    def pairs(self) -> Sequence[EventPair]:
        return sorted(self._core.ledger.event_pairs.values(), key=lambda pair: pair.id)

    def edge(self, pair: EventPair) -> Decimal | None:
        now, events = self._running.clock.now_ns(), self._running.tuning.events
        if not self._live(pair, now, within_ns=events.max_age_ns):
            return None
        self._spread.reconfigure(events)
        ways = self._spread.ways(pair, now)
        return ways[0].edge.per_contract if ways else None

    def _reviews(self, wanted: tuple[str, ...], actor: Actor) -> list[ReviewPair]:
        known = self._core.ledger.event_pairs
        reviews: list[ReviewPair] = []
        for name in wanted:
            pair = known.get(EventPairId(name))
            if pair is None:
                raise InvalidValue(
                    f"enabled_pairs: there is no pair {name!r}; ListPairs gives the ids"
                )
            if pair.approved:
                continue
            self._check_may_return(pair)
            reviews.append(
                ReviewPair(actor=actor, pair_id=pair.id, state=Review.APPROVED, acknowledged=True)
            )
        reviews.extend(
            ReviewPair(actor=actor, pair_id=pair.id, state=Review.SUSPENDED, reason=_DISABLED)
            for pair in known.values()
            if pair.approved and pair.id not in wanted
        )
        return reviews

    def _check_may_return(self, pair: EventPair) -> None:
        """Only what a person has verified, and disabled since, is enabled without reading it."""
        if pair.state is not Review.SUSPENDED:
            raise InvalidValue(
                f"enabled_pairs: {pair.id} is {pair.state}, not verified; "
                f"read both rules and approve it: arbiter pairs approve {pair.id}"
            )
        if pair.reason.startswith(RULES_CHANGED):
            raise InvalidValue(
                f"enabled_pairs: {pair.id} is suspended because a rule text changed; "
                "propose it anew and read both: arbiter pairs"
            )
        if pair.closes_ns <= self._running.clock.now_ns():
            raise InvalidValue(f"enabled_pairs: {pair.id} has closed")

    def _state(self, now_ns: int) -> tuple[ArbState, str]:
        ledger = self._core.ledger
        if ledger.kill_switch.engaged:
            return ArbState.STOPPED, f"the kill switch is engaged: {ledger.kill_switch.reason}"
        if not ledger.strategies.get(EVENT_ARBITRAGE, True):
            return ArbState.STOPPED, ""
        watch = self._running.events
        if watch is not None and not watch.desk.enabled:
            return ArbState.STOPPED, "this run was started without it (events.enabled, --only)"
        why = self._obstacle(now_ns)
        return (ArbState.PAUSED, why) if why else (ArbState.RUNNING, "")

    def _obstacle(self, now_ns: int) -> str:
        """What keeps it from opening although it is switched on."""
        state = self._core.state
        if not state.started:
            return "the engine is starting"
        if state.stopping:
            return "the engine is stopping"
        if not state.journal_healthy:
            return "the database does not take what happens"
        assessment = self._core.gate.assess(now_ns)
        for usage in (assessment.daily_loss, assessment.drawdown):
            if not usage.opens:
                return str(usage)
        for venue in self._venues():
            if not self._core.board.healthy(venue):
                return f"{venue} is away: {self._core.board.health_reason(venue)}"
        return ""

    def _venues(self) -> list[VenueId]:
        """Those that approved pairs need and this engine is connected to."""
        known = set(self._core.registry.venues)
        named = {m.venue for pair in self.pairs() if pair.approved for m in pair.markets}
        return sorted(named & known)

    def _live(self, pair: EventPair, now_ns: int, within_ns: int | None = None) -> bool:
        """Whether both markets are listed, quoted (so lately) and their venues connected."""
        board = self._core.board
        for market in pair.markets:
            try:
                age = board.age_ns(market.instrument, now_ns)
            except NotFound:
                return False  # not listed here
            if age is None or (within_ns is not None and age > within_ns):
                return False
            if not board.healthy(market.venue):
                return False
        return True


class EngineCopying:
    """`api.control.desks.CopyTrading` over the engine's bus and its copy view."""

    def __init__(self, running: Running, ids: IdSource) -> None:
        self._running = running
        self._ids = ids

    def subscriptions(self) -> Sequence[CopyFacts]:
        return [_copy(row) for row in reversed(self._running.copying.view.rows())]

    async def add(
        self,
        *,
        wallet: str,
        venue: VenueId,
        multiplier: Decimal,
        max_position_size: Decimal,
        actor: Actor,
    ) -> CopyFacts:
        made = SubscriptionId(self._ids.new_id())
        try:
            await self._running.bus.execute(
                AddCopy(
                    actor=actor,
                    id=made,
                    venue=venue,
                    wallet=wallet,
                    multiplier=multiplier,
                    max_position_size=max_position_size,
                )
            )
        except Conflict as error:  # the contract has no code of its own for it
            raise InvalidValue(str(error)) from None
        row = self._running.copying.view.row(made)
        if row is None:
            raise NotFound(f"subscription {made} was removed at once")
        return _copy(row)

    async def remove(self, subscription: str, actor: Actor) -> None:
        try:
            wanted = SubscriptionId(UUID(subscription))
        except ValueError:
            raise _no_copy(subscription) from None
        try:
            await self._running.bus.execute(RemoveCopy(actor=actor, id=wanted))
        except NotFound:
            raise _no_copy(subscription) from None


def _no_copy(subscription: str) -> NotFound:
    return NotFound(f"there is no copy trade {subscription!r}; ListCopyTrades gives the ids")


def _copy(row: CopyRow) -> CopyFacts:
    return CopyFacts(
        id=str(row.id),
        wallet=row.wallet,
        venue=row.venue,
        multiplier=row.multiplier,
        max_position_size=row.max_position_size,
        enabled=row.enabled,
        total_pnl=row.total_pnl,
        created_ns=row.created_ns,
    )
