"""StrategyService: prediction-market arbitrage and copy trading."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import arbiter_pb2 as pb
from arbiter.client.session import Session
from arbiter_pb2_grpc import StrategyServiceStub

if TYPE_CHECKING:
    from arbiter_pb2_grpc import StrategyServiceAsyncStub


class Strategies:
    def __init__(self, session: Session) -> None:
        self._session = session
        stub: StrategyServiceAsyncStub = StrategyServiceStub(session.channel)  # type: ignore[assignment]
        self._stub = stub

    async def arb_status(self) -> pb.GetArbStatusResponse:
        return await self._session.call(self._stub.GetArbStatus, pb.GetArbStatusRequest())

    async def set_arb_enabled(self, enabled: bool) -> pb.SetArbEnabledResponse:
        request = pb.SetArbEnabledRequest(enabled=enabled)
        return await self._session.call(self._stub.SetArbEnabled, request)

    async def arb_config(self) -> pb.ArbConfig:
        return await self._session.call(self._stub.GetArbConfig, pb.GetArbConfigRequest())

    async def update_arb_config(
        self,
        *,
        min_spread: float | None = None,
        max_position_size: float | None = None,
        max_total_exposure: float | None = None,
        staleness_threshold_ms: int | None = None,
        enabled_pairs: Sequence[str] | None = None,
    ) -> pb.ArbConfig:
        """Change what is given; an empty `enabled_pairs` enables none."""
        pairs = None if enabled_pairs is None else (list(enabled_pairs) or [""])
        request = pb.UpdateArbConfigRequest(
            min_spread=min_spread,
            max_position_size=max_position_size,
            max_total_exposure=max_total_exposure,
            staleness_threshold_ms=staleness_threshold_ms,
            enabled_pairs=pairs,
        )
        return await self._session.call(self._stub.UpdateArbConfig, request)

    async def copy_trades(self) -> list[pb.CopyTrade]:
        request = pb.ListCopyTradesRequest()
        return list((await self._session.call(self._stub.ListCopyTrades, request)).copy_trades)

    async def add_copy_trade(
        self,
        target_wallet: str,
        exchange: pb.Exchange,
        size_multiplier: float,
        max_position_size: float,
    ) -> pb.CopyTrade:
        """Copy a wallet's trades: its size times the multiplier, at most so many USD a copy."""
        request = pb.AddCopyTradeRequest(
            target_wallet=target_wallet,
            exchange=exchange,
            size_multiplier=size_multiplier,
            max_position_size=max_position_size,
        )
        return await self._session.call(self._stub.AddCopyTrade, request)

    async def remove_copy_trade(self, copy_trade_id: str) -> pb.RemoveCopyTradeResponse:
        """Copy no more; the positions opened so far stay."""
        request = pb.RemoveCopyTradeRequest(copy_trade_id=copy_trade_id)
        return await self._session.call(self._stub.RemoveCopyTrade, request)
