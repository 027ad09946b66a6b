"""A control API that answers from a script and notes what it was asked, over a real port."""

# ruff: noqa: N802

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Self

import grpc
import grpc.aio

import arbiter_pb2 as pb
import arbiter_pb2_grpc as rpc

CODE = "ABCD-1234"
ACCESS, REFRESH = "access-1", "refresh-1"


class ControlApi(
    rpc.UserServiceServicer,
    rpc.TradingServiceServicer,
    rpc.StrategyServiceServicer,
    rpc.OperatorServiceServicer,
    rpc.StreamServiceServicer,
):
    """`asked` has every change that was asked for; `alerts` are sent as they are put in."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.signed_in = True
        self.killed = False
        self.refusal = ""
        """Why the next wallets are not copied."""
        self.open_orders = [
            pb.OrderResponse(
                order_id="o-1",
                exchange=pb.EXCHANGE_KALSHI,
                market_id="FED-<DEC>",
                side=pb.SIDE_BUY,
                size=10,
                price=0.42,
                status=pb.ORDER_STATUS_OPEN,
            )
        ]
        self.alerts: asyncio.Queue[pb.Alert | None] = asyncio.Queue()
        self.said: list[pb.Alert] = []
        self.listening = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = grpc.aio.server()
        rpc.add_UserServiceServicer_to_server(self, self._server)
        rpc.add_TradingServiceServicer_to_server(self, self._server)
        rpc.add_StrategyServiceServicer_to_server(self, self._server)
        rpc.add_OperatorServiceServicer_to_server(self, self._server)
        rpc.add_StreamServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(None)

    async def _check(self, context: Any) -> None:
        shown = dict(context.invocation_metadata()).get("authorization")
        if not self.signed_in or shown != f"Bearer {ACCESS}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "sign in again")

    async def RedeemLinkCode(self, request: Any, context: Any) -> Any:
        if request.code != CODE:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no such code")
        self.asked.append(request)
        tokens = pb.AuthResponse(access_token=ACCESS, refresh_token=REFRESH)
        tokens.expires_at.FromSeconds(4_000_000_000)
        return pb.RedeemLinkCodeResponse(user_id="alice", role="trader", tokens=tokens)

    async def RefreshToken(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "signed out")

    async def GetEngineStatus(self, request: Any, context: Any) -> Any:
        await self._check(context)
        latch = pb.KillSwitch(engaged=self.killed, reason="a <look>", actor="user:alice")
        venues = [
            pb.VenueStatus(venue="kalshi", connected=True),
            pb.VenueStatus(venue="polymarket", reason="silent"),
        ]
        return pb.EngineStatus(
            mode="sim", ready=True, journal_healthy=True, kill_switch=latch, venues=venues
        )

    async def GetBalances(self, request: Any, context: Any) -> Any:
        await self._check(context)
        held = pb.Balance(
            exchange=pb.EXCHANGE_KALSHI, currency="USD", available=90.5, locked=9.5, total=100
        )
        return pb.BalancesResponse(balances=[held])

    async def GetPositions(self, request: Any, context: Any) -> Any:
        await self._check(context)
        return pb.PositionsResponse()

    async def ListOrders(self, request: Any, context: Any) -> Any:
        await self._check(context)
        return pb.ListOrdersResponse(orders=self.open_orders)

    async def CancelOrder(self, request: Any, context: Any) -> Any:
        await self._check(context)
        self.asked.append(request)
        return pb.CancelOrderResponse(success=True, message="cancelled")

    async def GetArbStatus(self, request: Any, context: Any) -> Any:
        await self._check(context)
        return pb.GetArbStatusResponse(state=pb.ARB_ENGINE_STATE_RUNNING, active_pairs=3)

    async def GetArbConfig(self, request: Any, context: Any) -> Any:
        await self._check(context)
        return pb.ArbConfig(min_spread=0.02)

    async def SetArbEnabled(self, request: Any, context: Any) -> Any:
        await self._check(context)
        self.asked.append(request)
        return pb.SetArbEnabledResponse(state=pb.ARB_ENGINE_STATE_STOPPED, message="stopped")

    async def ListPairs(self, request: Any, context: Any) -> Any:
        await self._check(context)
        return pb.ListPairsResponse(pairs=[pb.EventPair(name="Fed <cuts>", edge=0.031)])

    async def ListCopyTrades(self, request: Any, context: Any) -> Any:
        await self._check(context)
        return pb.ListCopyTradesResponse()

    async def AddCopyTrade(self, request: Any, context: Any) -> Any:
        await self._check(context)
        if self.refusal:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, self.refusal)
        self.asked.append(request)
        return pb.CopyTrade(
            id="c-1",
            target_wallet=request.target_wallet,
            exchange=request.exchange,
            size_multiplier=request.size_multiplier,
            max_position_size=request.max_position_size,
        )

    async def GetPnl(self, request: Any, context: Any) -> Any:
        await self._check(context)
        return pb.Pnl(today=-1.5, total=20)

    async def ListBudgets(self, request: Any, context: Any) -> Any:
        await self._check(context)
        return pb.ListBudgetsResponse(budgets=[pb.Budget(strategy="spot", currency="USDT")])

    async def SetBudget(self, request: Any, context: Any) -> Any:
        await self._check(context)
        self.asked.append(request)
        return pb.Budget(
            strategy=request.strategy, currency=request.currency, allocated=request.allocated
        )

    async def ListAgents(self, request: Any, context: Any) -> Any:
        await self._check(context)
        return pb.ListAgentsResponse(
            agents=[pb.Agent(name="trend-agent", status="active", model="rules-1")]
        )

    async def EngageKillSwitch(self, request: Any, context: Any) -> Any:
        await self._check(context)
        self.asked.append(request)
        self.killed = True
        proof = pb.VenueProof(venue="kalshi", reachable=True, flat=True)
        lost = pb.VenueProof(venue="polymarket", note="timed out")
        return pb.KillReport(durable=True, flat=False, venues=[proof, lost])

    async def ReleaseKillSwitch(self, request: Any, context: Any) -> Any:
        await self._check(context)
        self.asked.append(request)
        self.killed = False
        return pb.KillSwitch()

    async def StreamAlerts(self, request: Any, context: Any) -> AsyncIterator[pb.Alert]:
        await self._check(context)
        for alert in self.said[-request.recent :] if request.recent else []:
            if alert.severity >= request.least:
                yield alert
        self.listening.set()
        while (newest := await self.alerts.get()) is not None:
            self.said.append(newest)
            if newest.severity >= request.least:
                yield newest
        self.listening.clear()
        await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
