"""The desk that watches event pairs, from the settings."""

from collections.abc import Mapping

from arbiter.app.config import Settings
from arbiter.model.ids import VenueId
from arbiter.opportunities.pair_matcher import PairMatcher
from arbiter.ports.clock import Clock
from arbiter.ports.embedder import Embedder
from arbiter.ports.event_listings import EventListings
from arbiter.runtime.core import TradingCore
from arbiter.runtime.pair_desk import PairDesk


def make_pair_desk(
    settings: Settings,
    core: TradingCore,
    sources: Mapping[VenueId, EventListings],
    clock: Clock,
) -> PairDesk | None:
    """Make the desk; None where no venue lists event markets."""
    if not sources:
        return None
    return PairDesk(
        ledger=core.ledger,
        recorder=core.recorder,
        sources=sources,
        matcher=PairMatcher(settings.pairs.record()),
        settings=settings.pairs.desk(),
        clock=clock,
        embedder=_embedder(settings),
    )


def _embedder(settings: Settings) -> Embedder | None:
    llm = settings.llm
    if not settings.pairs.embeddings or not llm.embedding_model:
        return None
    from arbiter.llm.embedder import make_embedder

    return make_embedder(
        base_url=llm.base_url,
        api_key=llm.api_key.get_secret_value(),
        model=llm.embedding_model,
        timeout_s=llm.embedding_timeout_seconds,
    )
