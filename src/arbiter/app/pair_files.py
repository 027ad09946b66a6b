"""Event markets in a file: a JSON list, for proposing pairs of venues the engine does not follow."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from arbiter.model.errors import InvalidValue, NotFound
from arbiter.model.event_pairs import EventListing, EventPair, Polarity
from arbiter.model.ids import Actor, InstrumentId, VenueId
from arbiter.model.time import from_datetime
from arbiter.opportunities.matcher_settings import MatcherSettings
from arbiter.opportunities.pair_entry import by_hand, enter
from arbiter.opportunities.pair_matcher import PairMatcher


class _Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    instrument: str
    venue: str
    title: str
    rules: str
    outcome: str = ""
    outcomes: int = 2
    category: str = ""
    resolution_source: str = ""
    void_rule: str = ""
    opens_at: datetime | None = None
    closes_at: datetime
    payout_at: datetime | None = None
    augmented: bool = False


def read_markets(path: Path) -> list[EventListing]:
    """Read a file; `InvalidValue` names what is wrong with it."""
    try:
        written = msgspec.json.decode(path.read_bytes(), type=list[_Written])
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise InvalidValue(f"{path} is no list of event markets: {error}") from None
    return [_listing(one, path) for one in written]


def matched(
    markets: list[EventListing],
    settings: MatcherSettings,
    cap_usd: Decimal,
    actor: Actor,
    now_ns: int,
) -> list[EventPair]:
    """Every pair that nothing speaks against."""
    proposals = PairMatcher(settings).proposals(markets)
    return [enter(proposal, cap_usd, actor, now_ns) for proposal in proposals]


def named(
    markets: list[EventListing],
    names: tuple[str, str],
    polarity: Polarity,
    cap_usd: Decimal,
    actor: Actor,
    now_ns: int,
) -> EventPair:
    """The pair a person names, with what speaks against it as warnings."""
    by_name = {str(one.instrument): one for one in markets}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise NotFound(f"the file has no market {missing[0]!r}")
    first, second = (by_name[name] for name in names)
    return enter(by_hand(first, second, polarity), cap_usd, actor, now_ns)


def _listing(one: _Written, path: Path) -> EventListing:
    ends = _moment(one.closes_at, path)
    return EventListing(
        instrument=InstrumentId(one.instrument),
        venue=VenueId(one.venue.lower()),
        title=one.title,
        rules=one.rules,
        outcome=one.outcome,
        outcomes=one.outcomes,
        category=one.category,
        resolution_source=one.resolution_source,
        void_rule=one.void_rule,
        opens_ns=0 if one.opens_at is None else _moment(one.opens_at, path),
        closes_ns=ends,
        payout_ns=ends if one.payout_at is None else _moment(one.payout_at, path),
        augmented=one.augmented,
    )


def _moment(told: datetime, path: Path) -> int:
    if told.tzinfo is None:
        raise InvalidValue(f"{path}: {told.isoformat()} tells no time zone; end it with Z")
    return from_datetime(told)
