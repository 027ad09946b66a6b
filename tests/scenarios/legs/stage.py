"""One pair on three quiet venues: spreads open when the scenario says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from msgspec.structs import replace

from arbiter.model.events import JournalEvent
from arbiter.model.ids import VenueId
from arbiter.model.orders import Order
from arbiter.model.trades import Trade, TradeState
from tests.chaos.venue import VirtualVenue
from tests.chaos.world import World, WorldSettings

QUIET = WorldSettings(dislocation=0.0, bases=("BTC",), noise=0.00002, cooldown_s=5.0)
BUY_AT, SELL_AT = "okx", "bybit"


class Stage(World):
    def venue(self, name: str) -> VirtualVenue:
        return self.venues[VenueId(name)]

    @property
    def buyer(self) -> VirtualVenue:
        return self.venue(BUY_AT)

    @property
    def seller(self) -> VirtualVenue:
        return self.venue(SELL_AT)

    def open_spread(self, seconds: float = 0.5) -> Trade:
        """Make BTC dear on the selling venue and cheap on the buying one; give the trade."""
        before = self.engine.ledger.next_trade_seq
        self.dislocate(SELL_AT, "BTC", 0.012, seconds)
        self.dislocate(BUY_AT, "BTC", -0.004, seconds)
        self.run_until(lambda: self.engine.ledger.next_trade_seq > before, 5.0)
        (trade,) = [t for t in self.trades() if t.seq == before]
        return trade

    def orders(self, trade: Trade) -> tuple[Order, ...]:
        return self.engine.ledger.orders_of(trade.id)

    def finish(self, trade: Trade, limit_s: float = 60.0) -> Trade:
        """Let a trade end; give it as it is then."""
        self.run_until(lambda: self.now(trade).state.terminal, limit_s)
        self.run(0.1)  # for its commit
        return self.now(trade)

    def of(self, kind: type[JournalEvent]) -> list[JournalEvent]:
        return [event for event in self.durable.events() if isinstance(event, kind)]

    def base_everywhere(self) -> Decimal:
        return sum((v.exchange_total("BTC") for v in self.venues.values()), Decimal(0))

    def verify(self) -> None:
        """Come to rest and check everything that must always hold."""
        self.settle()
        self.check_rest()
        self.check_restart()
        assert not self.violations, f"seed {self.seed}: {self.violations}"


@contextmanager
def stage(seed: int = 1, settings: WorldSettings = QUIET, **changes: object) -> Iterator[Stage]:
    """A started stage; what it was left with is checked by whoever asks with `verify`."""
    world = Stage(seed, replace(settings, **changes))
    try:
        world.start()
        world.run(1.0)
        yield world
    finally:
        world.close()


def settled(trade: Trade) -> bool:
    return trade.state in (TradeState.COMPLETED, TradeState.UNWOUND)
