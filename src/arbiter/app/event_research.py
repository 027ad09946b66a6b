"""`arbiter backtest events`: what of the settings goes into a run over a recorded pair."""

from decimal import Decimal
from pathlib import Path

from arbiter.app.config import Loaded
from arbiter.app.funding_research import day
from arbiter.backtest import event_recording, event_run
from arbiter.backtest.event_recording import EventRecording
from arbiter.backtest.event_run import EventReport
from arbiter.model.errors import InvalidValue
from arbiter.model.event_pairs import (
    EventPair,
    EventPairId,
    PairedMarket,
    Polarity,
    Review,
    rules_hash,
)
from arbiter.model.ids import Actor, Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ZERO
from arbiter.model.time import NS_PER_DAY
from arbiter.opportunities.event_settings import EventSettings

_RECORDED = Actor("recording")
_CURRENCY = {VenueId("polymarket"): Asset("USDC"), VenueId("kalshi"): Asset("USD")}
_LOT = {VenueId("polymarket"): Decimal("0.01"), VenueId("kalshi"): Decimal(1)}
_TICK = Decimal("0.01")


def run_events(
    loaded: Loaded, data: Path, *, payout: str | None, polarity: Polarity
) -> EventReport:
    """Read and run one recorded pair; `payout` is the day the later venue is expected to pay."""
    recording = event_recording.read(data)
    events, pairs = loaded.settings.events, loaded.settings.pairs
    settings = events.record()
    last_ns = recording.rows[-1].at_ns
    payout_ns = last_ns + 1 if payout is None else day(payout) + NS_PER_DAY
    if payout_ns <= last_ns:
        raise InvalidValue(f"the payout, {payout}, lies before the recording's end")
    first, second = (_instrument(venue, settings) for venue in recording.venues)
    return event_run.run(
        recording,
        (first, second),
        _pair(recording, (first, second), polarity, pairs.cap_usd, payout_ns),
        settings,
        limits=loaded.settings.risk.record(),
        execution=loaded.settings.execution.record(),
        backtest=loaded.settings.backtest.record(loaded.settings.risk),
        payout_given=payout is not None,
    )


def _instrument(venue: VenueId, settings: EventSettings) -> Instrument:
    currency = _CURRENCY[venue]
    name = InstrumentId(f"EVENT.{venue.upper()}")
    base = Asset(f"EVENT.{venue}")
    return Instrument(
        id=name,
        venue=venue,
        market_id="EVENT",
        symbol=Symbol(f"{base}/{currency}"),
        kind=InstrumentKind.BINARY,
        base=base,
        quote=currency,
        settle=currency,
        tick=_TICK,
        lot=_LOT[venue],
        min_size=_LOT[venue],
        min_notional=ZERO,
        maker_fee=ZERO,
        taker_fee=ZERO,
        event_fee=settings.fee_of(venue, name),
    )


def _pair(
    recording: EventRecording,
    instruments: tuple[Instrument, Instrument],
    polarity: Polarity,
    cap: Decimal,
    payout_ns: int,
) -> EventPair:
    """The pair of the file: whoever runs it vouches that both markets are one contract."""
    began = recording.rows[0].at_ns
    rules = "as recorded"
    markets = [
        PairedMarket(
            instrument=instrument.id,
            venue=instrument.venue,
            title="recorded event",
            rules=rules,
            rules_sha256=rules_hash(rules),
        )
        for instrument in instruments
    ]
    return EventPair(
        id=EventPairId("recorded"),
        first=markets[0],
        second=markets[1],
        polarity=polarity,
        resolution_source="not recorded",
        void_rule="not recorded",
        opens_ns=began,
        closes_ns=payout_ns,
        payout_ns=payout_ns,
        cap_usd=cap,
        state=Review.APPROVED,
        approved_by=_RECORDED,
        approved_ns=began,
        proposed_by=_RECORDED,
        proposed_ns=began,
        updated_ns=began,
    )
