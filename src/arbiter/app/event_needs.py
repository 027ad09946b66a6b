"""Which event markets a run must list: named, paired, or held by a wallet that is copied."""

from collections.abc import Mapping

import msgspec

from arbiter.app.config import Settings
from arbiter.ledger.reads import LedgerReads
from arbiter.model.event_pairs import Review
from arbiter.model.ids import VenueId
from arbiter.venues.catalogue import EVENT_VENUES
from arbiter.venues.common.events import market_name


class EventNeeds(msgspec.Struct, frozen=True, kw_only=True):
    """By venue; what a key's own account holds is listed besides."""

    markets: Mapping[VenueId, tuple[str, ...]] = {}
    wallets: Mapping[VenueId, tuple[str, ...]] = {}


def event_needs(settings: Settings, ledger: LedgerReads | None, now_ns: int) -> EventNeeds:
    """Gather from the settings and, where there is one, the ledger.

    A rejected pair needs nothing; a suspended one is followed until it closes. What the ledger
    holds, or has ordered, is listed to the end.
    """
    markets: dict[VenueId, dict[str, None]] = {
        venue: dict.fromkeys(settings.venues.events.get(venue, ())) for venue in EVENT_VENUES
    }
    wallets: dict[VenueId, dict[str, None]] = {}
    if ledger is not None:
        for pair in ledger.event_pairs.values():
            if pair.state is Review.REJECTED or pair.simulated or pair.closes_ns <= now_ns:
                continue
            for market in pair.markets:
                markets.setdefault(market.venue, {})[market_name(market.instrument)] = None
        for name, position in ledger.margin_positions.items():
            contract = ledger.contracts.get(name)
            if contract is not None and contract.venue in EVENT_VENUES and position.quantity:
                markets[contract.venue][market_name(name)] = None
        for order in ledger.orders.values():
            if order.open and order.venue in EVENT_VENUES:
                markets[order.venue][market_name(order.instrument)] = None
        for row in ledger.copy_subscriptions.values():
            if row.active and row.venue in EVENT_VENUES:
                wallets.setdefault(row.venue, {})[row.wallet] = None
    return EventNeeds(
        markets={venue: tuple(names) for venue, names in markets.items()},
        wallets={venue: tuple(names) for venue, names in wallets.items()},
    )
