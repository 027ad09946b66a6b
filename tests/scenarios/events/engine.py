"""The engine of the stage: pairs of event markets, found, approved and traded."""

from collections.abc import Mapping
from decimal import Decimal

from arbiter.execution.settings import ExecutionSettings
from arbiter.ledger.ledger import Ledger
from arbiter.markets.event_settings import EVENT_VENUES
from arbiter.model.ids import Asset, VenueId
from arbiter.model.money import ONE
from arbiter.model.plans import Family
from arbiter.opportunities.event_settings import EVENT_ARBITRAGE, EventSettings
from arbiter.opportunities.matcher_settings import MatcherSettings
from arbiter.opportunities.pair_matcher import PairMatcher
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.assembly import CoreSettings
from arbiter.runtime.clock import SignalIds
from arbiter.runtime.event_desk import EventDesk
from arbiter.runtime.event_watch import EventWatch
from arbiter.runtime.pair_desk import PairDesk
from arbiter.runtime.pair_settings import PairDeskSettings
from tests.chaos.virtual_world import Tasks, VirtualEngine, VirtualWorld
from tests.scenarios.events.venues import Listed

POLL_S = 10.0


class EventEngine(VirtualEngine):
    def __init__(
        self,
        world: VirtualWorld,
        listed: Mapping[VenueId, Listed],
        *,
        cap_usd: Decimal,
        max_position_size: Decimal,
    ) -> None:
        super().__init__(
            world,
            CoreSettings(
                mode="sim",
                spot=SpotSettings(trend_filter_mode=TrendFilterMode.DISABLED),
                limits=RiskLimits(
                    max_concurrent_trades=6,
                    max_total_exposure_usd=Decimal(100_000),
                    daily_loss_limit_usd=Decimal(1_000_000),
                    max_drawdown_percent=Decimal(100),
                ),
                execution=ExecutionSettings(flat_ms=20_000),
            ),
            ledger=Ledger(),
            usd_rate={Asset("USD"): ONE, Asset("USDC"): ONE},
            margin=world.venues,
            strategies=(EVENT_ARBITRAGE,),
        )
        self.core.state.hunting = False
        self.pairs = PairDesk(
            ledger=self.ledger,
            recorder=self.core.recorder,
            sources=listed,
            matcher=PairMatcher(MatcherSettings()),
            settings=PairDeskSettings(poll_seconds=POLL_S, cap_usd=cap_usd),
            clock=world.clock,
        )
        self.desk = EventDesk(
            core=self.core,
            settings=EventSettings(
                max_position_size=max_position_size,
                fees={venue: about.fee for venue, about in EVENT_VENUES.items()},
                cooldown_seconds=Decimal(1),
            ),
            tradable=self.pairs.tradable,
            clock=world.clock,
            ids=SignalIds(world.ids, lambda: self.ledger.next_signal_seq),
            simulated=True,
        )
        self.pairs.when_looked(self.desk.rewatch)
        self.core.standing[Family.EVENTS] = self.desk.spread.gone
        self._watch = EventWatch(self.desk)
        self.hub.listen(self._watch.watch)

    async def trade(self) -> None:
        self._watch.initialise(Tasks(self))
        await self.pairs.poll()
        self.core.state.started = True
        _ = self.spawn(self.pairs.run())
