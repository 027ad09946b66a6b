"""The spot family of a run at one moment, as a record that can leave the process."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import numpy as np

from arbiter.model.holdings import Balance
from arbiter.model.ids import Asset, VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.model.money import from_float
from arbiter.model.plans import Family
from arbiter.model.time import NS_PER_MS
from arbiter.risk.limits import RiskLimits
from arbiter.risk.staircase import Assessment
from arbiter.runtime.core import TradingCore
from arbiter.runtime.queries import Queries
from arbiter.runtime.spot_tally import SpotTally

_EXCHANGE_TIME, _RECEIVE_TIME = 4, 5
"""Columns of `QuoteBoard.tops`."""


class VenuePicture(msgspec.Struct, frozen=True, kw_only=True):
    venue: VenueId
    connected: bool
    last_quote_ns: int | None
    latency_ms: int


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    venues: tuple[VenuePicture, ...]
    active_symbols: int
    signals_last_hour: int
    trades_today: int


class SpotPicture(msgspec.Struct, frozen=True, kw_only=True):
    """All times and counts are by the run's own clock."""

    now_ns: int
    activity: Activity
    completed: int
    """Trades completed since the run began."""
    under_way: int
    balances: tuple[Balance, ...]
    marks: dict[Asset, Decimal]
    """Dollar prices."""
    limits: RiskLimits
    assessment: Assessment


def picture_of(
    core: TradingCore,
    queries: Queries,
    tally: SpotTally,
    now_ns: int,
    usd_rate: Callable[[Asset], Decimal | None],
) -> SpotPicture:
    return SpotPicture(
        now_ns=now_ns,
        activity=activity_of(core, queries, tally, now_ns),
        completed=tally.completed_in_run,
        under_way=sum(trade.family is Family.SPOT for trade in core.ledger.open_trades()),
        balances=tuple(balance for _, balance in sorted(core.ledger.balances.items())),
        marks=usd_marks(core, usd_rate),
        limits=core.gate.limits,
        assessment=core.gate.assess(now_ns),
    )


def activity_of(core: TradingCore, queries: Queries, tally: SpotTally, now_ns: int) -> Activity:
    return Activity(
        venues=tuple(
            VenuePicture(
                venue=facts.venue,
                connected=facts.connected,
                last_quote_ns=facts.last_quote_ns,
                latency_ms=latency_ms(core, facts.venue),
            )
            for facts in queries.spot_venues()
        ),
        active_symbols=len(core.board.spread_rows(now_ns)),
        signals_last_hour=tally.signals_last_hour(now_ns),
        trades_today=tally.completed_today(now_ns),
    )


def latency_ms(core: TradingCore, venue: VenueId) -> int:
    """Give the median delay of the venue's newest quotes, from its clock to ours."""
    tops = core.board.tops(venue)
    told = tops[np.isfinite(tops[:, _EXCHANGE_TIME]) & (tops[:, 0] > 0)]
    delays = told[:, _RECEIVE_TIME] - told[:, _EXCHANGE_TIME]
    return max(round(float(np.median(delays)) / NS_PER_MS), 0) if len(delays) else 0


def usd_marks(
    core: TradingCore, usd_rate: Callable[[Asset], Decimal | None]
) -> dict[Asset, Decimal]:
    """Dollar prices: of currencies by their rate, of what they buy by the mean mid of the venues."""
    marks: dict[Asset, Decimal] = {}
    seen: dict[Asset, list[Decimal]] = {}
    for instrument in core.registry.instruments:
        rate = usd_rate(instrument.quote)
        if rate is None or instrument.kind is not InstrumentKind.SPOT:
            continue
        marks[instrument.quote] = rate
        mid = core.board.mark(instrument.id)
        if mid is not None:
            seen.setdefault(instrument.base, []).append(from_float(mid) * rate)
    for asset, mids in seen.items():
        marks.setdefault(asset, sum(mids, start=Decimal(0)) / len(mids))
    for _, asset in core.ledger.balances:
        rate = usd_rate(asset)
        if rate is not None:
            marks[asset] = rate
    return marks
