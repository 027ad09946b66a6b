"""Assembly of a decision core from its parts; every outside thing is an argument."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from arbiter.books.board import BoardSettings, QuoteBoard
from arbiter.books.registry import MarketRegistry
from arbiter.execution.settings import ExecutionSettings
from arbiter.kernels.quote_step import QuoteStep
from arbiter.ledger.ledger import Ledger
from arbiter.model.ids import Asset, VenueId
from arbiter.opportunities.spot_settings import SpotSettings
from arbiter.opportunities.spot_spread import SpotSpread
from arbiter.opportunities.trend import TrendTracker
from arbiter.ports.clock import Clock, IdSource
from arbiter.ports.journal import Journal
from arbiter.ports.outbox import Outbox
from arbiter.risk.gate import Gate
from arbiter.risk.limits import RiskLimits
from arbiter.risk.view import UsdRate
from arbiter.runtime.clock import SignalIds
from arbiter.runtime.core import EngineState, TradingCore
from arbiter.runtime.hub import EventHub
from arbiter.runtime.recorder import Recorder


class CoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decides about trading; the same in every mode."""

    mode: str
    spot: SpotSettings
    limits: RiskLimits
    execution: ExecutionSettings


def assemble_core(
    settings: CoreSettings,
    *,
    registry: MarketRegistry,
    ledger: Ledger,
    clock: Clock,
    ids: IdSource,
    journal: Journal,
    outbox: Outbox,
    hub: EventHub,
    usd_rate: UsdRate,
    baselines: Mapping[tuple[VenueId, Asset], Decimal],
    step: QuoteStep | None = None,
) -> TradingCore:
    """Wire board, strategy, gate and floor around a ledger.

    `baselines` are the holdings per venue and asset that inventory skew is measured from.
    `step` takes quotes in place of the compiled kernel.
    """
    board = QuoteBoard(registry, BoardSettings(), step)
    trend = TrendTracker(
        registry.n_slots,
        periods=settings.spot.moving_average_periods,
        threshold=settings.spot.trend_confirmation_threshold,
    )
    signal_ids = SignalIds(ids, lambda: ledger.next_signal_seq)
    state = EngineState(settings.mode, lambda: journal.healthy)
    return TradingCore(
        clock=clock,
        ids=ids,
        registry=registry,
        board=board,
        spot=SpotSpread(settings.spot, board, registry, trend, signal_ids),
        gate=Gate(
            settings.limits,
            engine=state,
            board=board,
            registry=registry,
            ledger=ledger,
            usd_rate=usd_rate,
            baselines=baselines,
            leverage=ledger.leverage,
            held_usd=ledger.pairs_notional,
        ),
        ledger=ledger,
        recorder=Recorder(ledger, journal, hub, clock),
        outbox=outbox,
        state=state,
        execution=settings.execution,
    )
