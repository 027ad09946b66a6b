"""OperatorService: status, kill switch, strategies, PnL, budgets, pairs, agents, doctor."""

import asyncio
from collections import Counter
from decimal import Decimal

import arbiter_pb2 as pb
from arbiter.access.tokens import Audience
from arbiter.api.control.convert import (
    Markets,
    amount,
    day,
    exchange_of,
    limit_of,
    moment,
    text_of,
)
from arbiter.api.control.deps import ControlDeps
from arbiter.api.control.guard import Call
from arbiter.api.control.users import tokens_shown
from arbiter.model.agents import AgentSession
from arbiter.model.commands import (
    EngageKillSwitch,
    RemoveBudget,
    SetBudget,
    StartStrategy,
    StopStrategy,
)
from arbiter.model.errors import InvalidValue
from arbiter.model.event_pairs import EventPair, PairedMarket
from arbiter.model.holdings import Budget, KillSwitch
from arbiter.model.ids import Asset, StrategyId
from arbiter.model.money import ZERO
from arbiter.model.trades import Trade
from arbiter.runtime.agent_news import AgentStatus
from arbiter.runtime.desk_view import StrategyFacts
from arbiter.runtime.kill import KillReport
from arbiter.runtime.queries import VenueFacts


class OperatorService:
    def __init__(self, deps: ControlDeps, markets: Markets) -> None:
        self._deps = deps
        self._markets = markets
        self._kills: set[asyncio.Task[KillReport]] = set()

    async def GetCaller(self, request: pb.GetCallerRequest, call: Call) -> pb.Caller:
        return pb.Caller(user_id=call.caller.user_id or "", role=call.caller.role)

    async def RedeemLinkCode(
        self, request: pb.RedeemLinkCodeRequest, call: Call
    ) -> pb.RedeemLinkCodeResponse:
        code = text_of(request.code, "code")
        redeemer = text_of(request.redeemer, "redeemer")
        user, tokens = await self._deps.access.redeem_link(
            code, redeemer, Audience.CONTROL, call.peer
        )
        return pb.RedeemLinkCodeResponse(
            user_id=user.user_id, role=user.role, tokens=tokens_shown(tokens)
        )

    # Status and the kill switch

    async def GetEngineStatus(
        self, request: pb.GetEngineStatusRequest, call: Call
    ) -> pb.EngineStatus:
        facts = self._deps.queries.facts()
        return pb.EngineStatus(
            mode=facts.mode,
            version=facts.version,
            started_at=moment(facts.started_ns),
            uptime_seconds=facts.uptime_s,
            ready=facts.ready,
            journal_healthy=facts.journal_healthy,
            kill_switch=_latch_shown(facts.kill_switch),
            venues=[_venue_shown(each) for each in facts.venues],
            markets=len(self._markets.all),
            quotes_total=facts.quotes_total,
            open_trades=len(facts.open_trades),
            trades_today=facts.trades_today,
            signals_total=facts.signals_total,
            pnl_today=float(facts.pnl_today),
            pnl_total=float(facts.pnl_total),
            limits_level=facts.assessment.level,
            warnings=facts.assessment.warnings,
            strategies=self._strategies(),
        )

    async def EngageKillSwitch(
        self, request: pb.EngageKillSwitchRequest, call: Call
    ) -> pb.KillReport:
        """Latch at once; a caller who hangs up does not stop the cancelling."""
        reason = text_of(request.reason, "reason")
        command = EngageKillSwitch(actor=call.caller.actor, reason=reason, flatten=request.flatten)
        killing = asyncio.ensure_future(self._deps.kill_switch.engage(command))
        self._kills.add(killing)
        killing.add_done_callback(self._kills.discard)
        report = await asyncio.shield(killing)
        return pb.KillReport(
            durable=report.durable,
            flat=report.flat,
            venues=[
                pb.VenueProof(
                    venue=proof.venue,
                    reachable=proof.reachable,
                    flat=proof.flat,
                    open_orders=proof.open_orders,
                    unhedged=proof.unhedged,
                    positions=proof.positions,
                    note=proof.note,
                )
                for proof in report.venues
            ],
        )

    async def ReleaseKillSwitch(
        self, request: pb.ReleaseKillSwitchRequest, call: Call
    ) -> pb.KillSwitch:
        await self._deps.release_kill_switch(call.caller.actor)
        return _latch_shown(self._deps.core.ledger.kill_switch)

    # Strategies, trades, PnL

    async def ListStrategies(
        self, request: pb.ListStrategiesRequest, call: Call
    ) -> pb.ListStrategiesResponse:
        return pb.ListStrategiesResponse(strategies=self._strategies())

    async def SetStrategyRunning(
        self, request: pb.SetStrategyRunningRequest, call: Call
    ) -> pb.Strategy:
        name = StrategyId(text_of(request.strategy, "strategy"))
        reason = text_of(request.reason, "reason", needed=False)
        actor = call.caller.actor
        await self._deps.bus.execute(
            StartStrategy(actor=actor, strategy=name)
            if request.running
            else StopStrategy(actor=actor, strategy=name, reason=reason)
        )
        return next(each for each in self._strategies() if each.name == name)

    def _strategies(self) -> list[pb.Strategy]:
        working = Counter(trade.strategy for trade in self._deps.core.ledger.open_trades())
        return [_strategy_shown(each, working[each.name]) for each in self._deps.view.strategies()]

    async def GetPnl(self, request: pb.GetPnlRequest, call: Call) -> pb.Pnl:
        view, ledger = self._deps.view, self._deps.core.ledger
        risk, now = view.risk(), self._deps.clock.now_ns()
        return pb.Pnl(
            today=float(ledger.realized_today(now)),
            total=float(ledger.cumulative_pnl),
            exposure=float(risk.exposure_usd),
            daily_loss_used=float(risk.assessment.daily_loss.fraction),
            drawdown_used=float(risk.assessment.drawdown.fraction),
            strategies=[
                pb.StrategyPnl(
                    strategy=each.name,
                    currency=currency,
                    realized=float(earned.realized),
                    fees=float(earned.fees),
                )
                for each in view.strategies()
                for currency, earned in sorted(view.earned(each.name).items())
            ],
            days=[
                pb.DayPnl(date=day(day_ns), realized=float(row.realized))
                for day_ns, row in sorted(ledger.days.items(), reverse=True)
            ],
        )

    async def ListTrades(self, request: pb.ListTradesRequest, call: Call) -> pb.ListTradesResponse:
        limit = limit_of(request.limit, default=20, most=200)
        ledger = self._deps.core.ledger
        known = (*ledger.open_trades(), *ledger.closed_trades.values())
        found = [each for each in known if request.strategy in {"", each.strategy}]
        found.sort(key=lambda each: each.seq, reverse=True)
        return pb.ListTradesResponse(trades=[trade_shown(each) for each in found[:limit]])

    # Budgets

    async def ListBudgets(
        self, request: pb.ListBudgetsRequest, call: Call
    ) -> pb.ListBudgetsResponse:
        rows = self._deps.core.ledger.budgets
        return pb.ListBudgetsResponse(
            budgets=[
                _budget_shown(row)
                for _, row in sorted(rows.items())
                if request.strategy in {"", row.strategy}
            ]
        )

    async def SetBudget(self, request: pb.SetBudgetRequest, call: Call) -> pb.Budget:
        strategy = StrategyId(text_of(request.strategy, "strategy"))
        currency = self._currency(request.currency)
        allocated = amount(request.allocated, "allocated") if request.allocated else ZERO
        await self._deps.bus.execute(
            SetBudget(
                actor=call.caller.actor, strategy=strategy, currency=currency, allocated=allocated
            )
        )
        return _budget_shown(self._deps.core.ledger.budgets[strategy, currency])

    async def RemoveBudget(
        self, request: pb.RemoveBudgetRequest, call: Call
    ) -> pb.RemoveBudgetResponse:
        strategy = StrategyId(text_of(request.strategy, "strategy"))
        currency = self._currency(request.currency)
        await self._deps.bus.execute(
            RemoveBudget(actor=call.caller.actor, strategy=strategy, currency=currency)
        )
        return pb.RemoveBudgetResponse(message=f"{strategy} has no limit in {currency} any more")

    def _currency(self, name: str) -> Asset:
        currency = Asset(text_of(name, "currency").upper())
        if currency not in self._deps.view.currencies:
            known = ", ".join(sorted(self._deps.view.currencies))
            raise InvalidValue(f"nothing listed is paid in {currency}; use one of {known}")
        return currency

    # Pairs, agents, doctor

    async def ListPairs(self, request: pb.ListPairsRequest, call: Call) -> pb.ListPairsResponse:
        limit = limit_of(request.limit, default=50, most=500)
        enabled = set(self._deps.arbitrage.settings().enabled_pairs)
        found = [
            each
            for each in self._deps.arbitrage.pairs()
            if each.approved or request.include_unverified
        ]
        return pb.ListPairsResponse(
            pairs=[
                self._pair_shown(each, each.approved and each.id in enabled)
                for each in found[:limit]
            ]
        )

    def _pair_shown(self, pair: EventPair, enabled: bool) -> pb.EventPair:
        edge = self._deps.arbitrage.edge(pair) if pair.approved else None
        return pb.EventPair(
            id=pair.id,
            name=pair.first.title,
            first=self._leg_shown(pair.first, pair),
            second=self._leg_shown(pair.second, pair),
            polarity=pair.polarity,
            state=pair.state,
            enabled=enabled,
            score=float(pair.score),
            edge=None if edge is None else float(edge),
        )

    def _leg_shown(self, market: PairedMarket, pair: EventPair) -> pb.EventLeg:
        return pb.EventLeg(
            exchange=exchange_of(market.venue),
            market_id=self._markets.id_shown(market.instrument),
            name=market.title,
            closes_at=moment(pair.closes_ns),
        )

    async def ListAgents(self, request: pb.ListAgentsRequest, call: Call) -> pb.ListAgentsResponse:
        facts = self._deps.agents()
        return pb.ListAgentsResponse(
            agents=[_agent_shown(each) for each in facts.agents],
            sessions=[_session_shown(each) for each in facts.sessions],
        )

    async def RunDoctor(self, request: pb.RunDoctorRequest, call: Call) -> pb.DoctorReport:
        checks = await self._deps.doctor()
        return pb.DoctorReport(
            healthy=all(check.verdict != "fail" for check in checks),
            checks=[
                pb.DoctorCheck(
                    name=check.name, status=check.verdict, message=check.detail, mend=check.mend
                )
                for check in checks
            ],
        )


def trade_shown(trade: Trade) -> pb.Trade:
    return pb.Trade(
        number=trade.seq,
        id=str(trade.id),
        strategy=trade.strategy,
        family=trade.family,
        symbol=trade.symbol,
        state=trade.state,
        reason=trade.reason,
        currency=trade.quote,
        bought=float(trade.bought),
        sold=float(trade.sold),
        fees=float(trade.fees_quote),
        pnl=None if trade.pnl is None else float(trade.pnl),
        started_at=moment(trade.started_ns),
        completed_at=moment(trade.completed_ns),
    )


def _latch_shown(latch: KillSwitch) -> pb.KillSwitch:
    return pb.KillSwitch(
        engaged=latch.engaged,
        reason=latch.reason,
        actor=latch.actor,
        since=moment(latch.changed_ns),
    )


def _venue_shown(venue: VenueFacts) -> pb.VenueStatus:
    return pb.VenueStatus(
        venue=venue.venue,
        exchange=exchange_of(venue.venue),
        connected=venue.connected,
        reason=venue.reason,
        last_quote_at=moment(venue.last_quote_ns),
        quotes=venue.quotes,
        faults=venue.faults,
    )


def _strategy_shown(strategy: StrategyFacts, open_trades: int) -> pb.Strategy:
    return pb.Strategy(
        name=strategy.name,
        family=strategy.family or "",
        running=strategy.running,
        open_trades=open_trades,
    )


def _budget_shown(row: Budget) -> pb.Budget:
    return pb.Budget(
        strategy=row.strategy,
        currency=row.currency,
        allocated=_optional(row.allocated),
        reserved=float(row.reserved),
        available=_optional(row.available),
        realized_pnl=float(row.realized_pnl),
        fees=float(row.total_fees),
    )


def _optional(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _agent_shown(agent: AgentStatus) -> pb.Agent:
    return pb.Agent(
        name=agent.name,
        type=agent.type,
        status=agent.status,
        last_seen=moment(agent.last_seen_ns),
        signals=agent.signals_generated,
        last_signal_at=moment(agent.last_signal_ns),
        model=agent.model,
        note=agent.note,
    )


def _session_shown(session: AgentSession) -> pb.AgentSession:
    return pb.AgentSession(
        id=str(session.id),
        symbol=session.symbol,
        mode=session.mode,
        state=session.state,
        initial_capital=float(session.initial_capital),
        total_pnl=float(session.total_pnl),
        total_trades=session.total_trades,
        started_at=moment(session.started_ns),
    )
