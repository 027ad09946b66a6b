"""The desk of event arbitrage, from the settings."""

from arbiter.app.config import Settings
from arbiter.app.config_sections import Mode
from arbiter.app.tuning import Tuning
from arbiter.model.instruments import InstrumentKind
from arbiter.model.plans import Family
from arbiter.ports.clock import Clock
from arbiter.runtime.clock import SignalIds, SystemIds
from arbiter.runtime.core import TradingCore
from arbiter.runtime.event_desk import EventDesk
from arbiter.runtime.event_watch import EventWatch
from arbiter.runtime.pair_desk import PairDesk


def make_event_watch(
    settings: Settings, tuning: Tuning, core: TradingCore, pairs: PairDesk | None, clock: Clock
) -> EventWatch | None:
    """Make the desk and let it hear; None where no event market is listed."""
    listed = any(i.kind is InstrumentKind.BINARY for i in core.registry.instruments)
    if pairs is None or not listed:
        return None
    desk = EventDesk(
        core=core,
        settings=tuning.events,
        tradable=pairs.tradable,
        clock=clock,
        ids=SignalIds(SystemIds(), lambda: core.ledger.next_signal_seq),
        simulated=settings.engine.mode is Mode.SIM,
    )
    desk.enabled = settings.events.enabled
    tuning.govern_events(desk)
    pairs.when_looked(desk.rewatch)
    core.standing[Family.EVENTS] = desk.spread.gone
    return EventWatch(desk)
