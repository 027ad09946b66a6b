"""OperatorService: status, kill switch, PnL, budgets, pairs, agents, doctor."""

from typing import TYPE_CHECKING

import arbiter_pb2 as pb
from arbiter.client.session import Session
from arbiter_pb2_grpc import OperatorServiceStub

if TYPE_CHECKING:
    from arbiter_pb2_grpc import OperatorServiceAsyncStub

KILL_TIMEOUT_S = 30.0
"""Every venue is asked until it shows nothing; slower ones are told as not proven."""
DOCTOR_TIMEOUT_S = 60.0


class Operator:
    def __init__(self, session: Session) -> None:
        self._session = session
        stub: OperatorServiceAsyncStub = OperatorServiceStub(session.channel)  # type: ignore[assignment]
        self._stub = stub

    async def caller(self) -> pb.Caller:
        """Say who this client speaks as, and in which role."""
        return await self._session.call(self._stub.GetCaller, pb.GetCallerRequest())

    async def redeem_link_code(self, code: str, redeemer: str) -> pb.RedeemLinkCodeResponse:
        """Give tokens without using them; `ArbiterClient.redeem_link_code` goes on with them."""
        request = pb.RedeemLinkCodeRequest(code=code, redeemer=redeemer)
        return await self._session.call_openly(self._stub.RedeemLinkCode, request)

    async def status(self) -> pb.EngineStatus:
        return await self._session.call(self._stub.GetEngineStatus, pb.GetEngineStatusRequest())

    async def kill(self, reason: str, *, flatten: bool = False) -> pb.KillReport:
        """Cancel everything everywhere and latch; `flatten` also closes every position."""
        request = pb.EngageKillSwitchRequest(reason=reason, flatten=flatten)
        return await self._session.call(self._stub.EngageKillSwitch, request, KILL_TIMEOUT_S)

    async def resume(self) -> pb.KillSwitch:
        """Release the kill switch."""
        return await self._session.call(self._stub.ReleaseKillSwitch, pb.ReleaseKillSwitchRequest())

    async def strategies(self) -> list[pb.Strategy]:
        request = pb.ListStrategiesRequest()
        return list((await self._session.call(self._stub.ListStrategies, request)).strategies)

    async def set_strategy_running(
        self, strategy: str, running: bool, reason: str = ""
    ) -> pb.Strategy:
        request = pb.SetStrategyRunningRequest(strategy=strategy, running=running, reason=reason)
        return await self._session.call(self._stub.SetStrategyRunning, request)

    async def pnl(self) -> pb.Pnl:
        return await self._session.call(self._stub.GetPnl, pb.GetPnlRequest())

    async def trades(self, strategy: str = "", limit: int = 20) -> list[pb.Trade]:
        """List trades, newest first."""
        request = pb.ListTradesRequest(strategy=strategy, limit=limit)
        return list((await self._session.call(self._stub.ListTrades, request)).trades)

    async def budgets(self, strategy: str = "") -> list[pb.Budget]:
        request = pb.ListBudgetsRequest(strategy=strategy)
        return list((await self._session.call(self._stub.ListBudgets, request)).budgets)

    async def set_budget(self, strategy: str, currency: str, allocated: float) -> pb.Budget:
        request = pb.SetBudgetRequest(strategy=strategy, currency=currency, allocated=allocated)
        return await self._session.call(self._stub.SetBudget, request)

    async def remove_budget(self, strategy: str, currency: str) -> str:
        """Lift a limit; gives what to tell a person."""
        request = pb.RemoveBudgetRequest(strategy=strategy, currency=currency)
        return (await self._session.call(self._stub.RemoveBudget, request)).message

    async def pairs(
        self, *, include_unverified: bool = False, limit: int = 50
    ) -> list[pb.EventPair]:
        request = pb.ListPairsRequest(include_unverified=include_unverified, limit=limit)
        return list((await self._session.call(self._stub.ListPairs, request)).pairs)

    async def agents(self) -> pb.ListAgentsResponse:
        return await self._session.call(self._stub.ListAgents, pb.ListAgentsRequest())

    async def doctor(self) -> pb.DoctorReport:
        return await self._session.call(
            self._stub.RunDoctor, pb.RunDoctorRequest(), DOCTOR_TIMEOUT_S
        )
