"""StrategyService: prediction-market arbitrage and copied wallets."""

import math
from decimal import Decimal

import arbiter_pb2 as pb
from arbiter.api.control.convert import amount, exchange_of, moment, text_of, venue_of
from arbiter.api.control.deps import ControlDeps
from arbiter.api.control.desks import ArbChanges, ArbSettings, ArbState, CopyFacts
from arbiter.api.control.guard import Call
from arbiter.model.errors import InvalidValue, TradingDisabled
from arbiter.model.money import from_float

_STATES: dict[ArbState, pb.ArbEngineState] = {
    ArbState.STOPPED: pb.ARB_ENGINE_STATE_STOPPED,
    ArbState.RUNNING: pb.ARB_ENGINE_STATE_RUNNING,
    ArbState.PAUSED: pb.ARB_ENGINE_STATE_PAUSED,
}
MOST_PAIRS = 10_000


class StrategyService:
    def __init__(self, deps: ControlDeps) -> None:
        self._deps = deps
        self._arbitrage = deps.arbitrage

    async def GetArbStatus(
        self, request: pb.GetArbStatusRequest, call: Call
    ) -> pb.GetArbStatusResponse:
        facts = self._arbitrage.facts()
        return pb.GetArbStatusResponse(
            state=_STATES[facts.state],
            active_pairs=facts.active_pairs,
            opportunities_today=facts.opportunities_today,
            trades_today=facts.trades_today,
            pnl_today=float(facts.pnl_today),
            last_activity=moment(facts.last_activity_ns),
        )

    async def SetArbEnabled(
        self, request: pb.SetArbEnabledRequest, call: Call
    ) -> pb.SetArbEnabledResponse:
        try:
            await self._arbitrage.switch(request.enabled, call.caller.actor)
        except TradingDisabled as error:
            state = _STATES[self._arbitrage.facts().state]
            return pb.SetArbEnabledResponse(state=state, message=str(error))
        facts = self._arbitrage.facts()
        message = f"event arbitrage is {facts.state}"
        if facts.why:
            message += f": {facts.why}"
        elif facts.state is ArbState.STOPPED:
            message += "; trades under way are finished"
        return pb.SetArbEnabledResponse(state=_STATES[facts.state], message=message)

    async def GetArbConfig(self, request: pb.GetArbConfigRequest, call: Call) -> pb.ArbConfig:
        return _config_shown(self._arbitrage.settings())

    async def UpdateArbConfig(self, request: pb.UpdateArbConfigRequest, call: Call) -> pb.ArbConfig:
        await self._arbitrage.change(_changes(request), call.caller.actor)
        return _config_shown(self._arbitrage.settings())

    async def ListCopyTrades(
        self, request: pb.ListCopyTradesRequest, call: Call
    ) -> pb.ListCopyTradesResponse:
        found = self._deps.copying.subscriptions()
        return pb.ListCopyTradesResponse(copy_trades=[_copy_shown(each) for each in found])

    async def AddCopyTrade(self, request: pb.AddCopyTradeRequest, call: Call) -> pb.CopyTrade:
        added = await self._deps.copying.add(
            wallet=text_of(request.target_wallet, "target_wallet"),
            venue=venue_of(request.exchange),
            multiplier=amount(request.size_multiplier, "size_multiplier"),
            max_position_size=amount(request.max_position_size, "max_position_size"),
            actor=call.caller.actor,
        )
        return _copy_shown(added)

    async def RemoveCopyTrade(
        self, request: pb.RemoveCopyTradeRequest, call: Call
    ) -> pb.RemoveCopyTradeResponse:
        wanted = text_of(request.copy_trade_id, "copy_trade_id")
        await self._deps.copying.remove(wanted, call.caller.actor)
        return pb.RemoveCopyTradeResponse(
            success=True, message="nothing more is copied; what was copied stays open"
        )


def _changes(request: pb.UpdateArbConfigRequest) -> ArbChanges:
    """Read what is set; `InvalidValue` names the first field out of its range."""
    spread: Decimal | None = None
    if request.HasField("min_spread"):
        if not (math.isfinite(request.min_spread) and 0 <= request.min_spread < 1):
            raise InvalidValue(f"min_spread must lie in [0, 1), got {request.min_spread:g}")
        spread = from_float(request.min_spread)
    threshold: int | None = None
    if request.HasField("staleness_threshold_ms"):
        threshold = int(request.staleness_threshold_ms)
        if threshold <= 0:
            raise InvalidValue(f"staleness_threshold_ms must be more than 0, got {threshold}")
    return ArbChanges(
        min_spread=spread,
        max_position_size=_positive(request, "max_position_size"),
        max_total_exposure=_positive(request, "max_total_exposure"),
        staleness_threshold_ms=threshold,
        enabled_pairs=_pairs(list(request.enabled_pairs)),
    )


def _positive(request: pb.UpdateArbConfigRequest, name: str) -> Decimal | None:
    return amount(getattr(request, name), name) if request.HasField(name) else None


def _pairs(named: list[str]) -> tuple[str, ...] | None:
    """None leaves the pairs as they are; one empty text stands for no pair at all."""
    if not named:
        return None
    if named == [""]:
        return ()
    if len(named) > MOST_PAIRS:
        raise InvalidValue(f"enabled_pairs has {len(named)} entries; at most {MOST_PAIRS}")
    return tuple(dict.fromkeys(text_of(each, "enabled_pairs") for each in named))


def _config_shown(settings: ArbSettings) -> pb.ArbConfig:
    return pb.ArbConfig(
        min_spread=float(settings.min_spread),
        max_position_size=float(settings.max_position_size),
        max_total_exposure=float(settings.max_total_exposure),
        staleness_threshold_ms=settings.staleness_threshold_ms,
        enabled_pairs=settings.enabled_pairs,
    )


def _copy_shown(copy: CopyFacts) -> pb.CopyTrade:
    return pb.CopyTrade(
        id=copy.id,
        target_wallet=copy.wallet,
        exchange=exchange_of(copy.venue),
        size_multiplier=float(copy.multiplier),
        max_position_size=float(copy.max_position_size),
        enabled=copy.enabled,
        total_pnl=float(copy.total_pnl),
        created_at=moment(copy.created_ns),
    )
