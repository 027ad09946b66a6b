"""Every strategy that this engine runs, with its family and the kinds of instruments it may trade."""

from arbiter.model.copying import COPY_TRADING
from arbiter.model.ids import MANUAL
from arbiter.model.instruments import InstrumentKind
from arbiter.model.plans import Family
from arbiter.opportunities.event_settings import EVENT_ARBITRAGE
from arbiter.opportunities.funding_settings import FUNDING_ARBITRAGE
from arbiter.opportunities.spot_settings import SPOT_ARBITRAGE
from arbiter.runtime.desk_view import StrategyCard

_PERPETUALS = (InstrumentKind.LINEAR, InstrumentKind.INVERSE)

CARDS = (
    StrategyCard(name=SPOT_ARBITRAGE, family=Family.SPOT, kinds=(InstrumentKind.SPOT,)),
    StrategyCard(name=FUNDING_ARBITRAGE, family=Family.FUNDING, kinds=_PERPETUALS),
    StrategyCard(name=EVENT_ARBITRAGE, family=Family.EVENTS, kinds=(InstrumentKind.BINARY,)),
    StrategyCard(
        name=COPY_TRADING, family=Family.COPY, kinds=(InstrumentKind.BINARY, InstrumentKind.LINEAR)
    ),
    StrategyCard(name=MANUAL, family=Family.MANUAL, kinds=tuple(InstrumentKind)),
)
STRATEGIES = tuple(card.name for card in CARDS)
