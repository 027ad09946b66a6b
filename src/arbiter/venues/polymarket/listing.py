"""Gamma's markets as instruments, rule texts and outcomes.

A market is listed as its YES side: `base` is the token of the first outcome, `market_id` the
condition id, by which wallets' activity names it. Lists come as JSON within texts.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.event_fees import EventFee, FeeForm
from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import Asset, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO
from arbiter.model.time import NS_PER_HOUR, from_datetime
from arbiter.venues.common.events import event_id, event_symbol

PUSD = Asset("USDC")
"""The collateral, pUSD, backed one to one: it goes by the name of what backs it."""
LOT = Decimal("0.01")
FEE_STEP = Decimal("0.00001")
_CHALLENGE_NS = 2 * NS_PER_HOUR
"""From the end to the payout, at the least: proposal and challenge of the outcome."""
_CONDITION = re.compile(r"0x[0-9a-fA-F]{64}")
_DECIDED = (ZERO, Decimal("0.5"), ONE)


class EventMarket(msgspec.Struct, frozen=True, kw_only=True):
    """One market with everything that is needed of it."""

    instrument: Instrument
    slug: str
    condition: str
    tokens: tuple[str, str]
    neg_risk: bool
    listing: EventListing
    open: bool
    payout: Decimal | None
    """Of YES, where it is decided for good."""
    closed_ns: int
    routed: bool = False
    """Its tokens are those of the venue's newer protocol, which are redeemed in another way."""

    def outcome_of(self, token: str) -> int | None:
        """0 for YES, 1 for NO."""
        return self.tokens.index(token) if token in self.tokens else None


def read_market(row: Any, venue: VenueId, event: Any = None) -> EventMarket | None:
    """Read one of gamma's rows; None for one that is no market of two outcomes with a book."""
    try:
        outcomes, tokens = _texts(row.get("outcomes")), _texts(row.get("clobTokenIds"))
        if len(outcomes) != 2 or len(tokens) != 2 or not row.get("slug"):
            return None
        return _market(row, venue, outcomes, tokens, event or _event_of(row))
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise OutcomeUnknown(f"gamma: a market that cannot be read: {error}") from None


def _market(
    row: Any, venue: VenueId, outcomes: list[str], tokens: list[str], event: Any
) -> EventMarket:
    slug, condition = str(row["slug"]), str(row["conditionId"])
    name = event_id(slug, venue)
    neg_risk = bool(row.get("negRisk"))
    ends = _moment(row.get("endDate")) or _moment(event.get("endDate")) or 2**62
    closed_ns = _moment(row.get("closedTime")) or ends
    instrument = Instrument(
        id=name,
        venue=venue,
        market_id=condition,
        symbol=event_symbol(slug),
        kind=InstrumentKind.BINARY,
        base=Asset(tokens[0]),
        quote=PUSD,
        settle=PUSD,
        tick=Decimal(str(row.get("orderPriceMinTickSize") or "0.01")),
        lot=LOT,
        min_size=Decimal(str(row.get("orderMinSize") or "5")),
        min_notional=ZERO,
        maker_fee=ZERO,
        taker_fee=ZERO,
        event_fee=_fee(row),
        settles_fills=True,
    )
    markets = event.get("markets")
    several = len(markets) if isinstance(markets, list) else 0
    listing = EventListing(
        instrument=name,
        venue=venue,
        title=str(row.get("question") or slug),
        rules=str(row.get("description") or ""),
        outcome=str(row.get("groupItemTitle") or "") or _plain_outcome(outcomes),
        outcomes=max(several, 2),
        category=_category(event),
        resolution_source=str(row.get("resolutionSource") or event.get("resolutionSource") or ""),
        opens_ns=_moment(row.get("startDate")) or 0,
        closes_ns=ends,
        payout_ns=min(ends + _CHALLENGE_NS, 2**62),
        augmented=bool(event.get("negRiskAugmented")),
    )
    closed = bool(row.get("closed"))
    return EventMarket(
        instrument=instrument,
        slug=slug,
        condition=condition,
        tokens=(tokens[0], tokens[1]),
        neg_risk=neg_risk,
        listing=listing,
        open=not closed and row.get("acceptingOrders") is not False,
        payout=_payout(row) if closed else None,
        closed_ns=closed_ns,
        routed=row.get("version") == "v2" or _CONDITION.fullmatch(condition) is None,
    )


def _fee(row: Any) -> EventFee:
    """What a taker pays: rate · (p·(1 − p))^exponent a contract.

    A higher exponent is bounded from above by the first: p·(1 − p) is a quarter at most.
    """
    schedule = row.get("feeSchedule") or {}
    if not row.get("feesEnabled") or not schedule:
        return EventFee(form=FeeForm.QUADRATIC, rate=ZERO, step=FEE_STEP)
    rate = Decimal(str(schedule.get("rate") or 0))
    exponent = int(schedule.get("exponent") or 1)
    if exponent > 1:
        rate /= Decimal(4) ** (exponent - 1)
    return EventFee(form=FeeForm.QUADRATIC, rate=rate, step=FEE_STEP)


def _payout(row: Any) -> Decimal | None:
    told = (row.get("umaResolutionStatus"), row.get("resolutionStatus"))
    if "resolved" not in told and not row.get("automaticallyResolved"):
        return None
    prices = _texts(row.get("outcomePrices"))
    paid = Decimal(prices[0]) if prices else None
    return paid if paid in _DECIDED else None


def _texts(told: Any) -> list[str]:
    made = msgspec.json.decode(told) if isinstance(told, str) and told else told
    return [str(one) for one in made or ()]


def _plain_outcome(outcomes: list[str]) -> str:
    """Nothing for a question of yes or no; else what its YES stands for."""
    return "" if outcomes[0].lower() == "yes" else outcomes[0]


def _category(event: Any) -> str:
    tags = event.get("tags")
    if isinstance(tags, list) and tags and isinstance(tags[0], Mapping):
        return str(tags[0].get("slug") or "")
    return str(event.get("category") or "")


def _event_of(row: Any) -> Any:
    events = row.get("events")
    return events[0] if isinstance(events, list) and events else {}


def _moment(told: Any) -> int | None:
    if not told:
        return None
    text = str(told).replace(" ", "T")
    if text.endswith("+00"):
        text += ":00"
    moment = datetime.fromisoformat(text)
    return from_datetime(moment) if moment.tzinfo is not None else None
