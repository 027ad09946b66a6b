"""The orchestrator: who is due looks, the newest opinions are counted, the risk officer may veto.

    due agents ─► opinions ─► vote ─► risk-agent (hard) ─► the engine's gate ─► order

Every evaluation is kept as a decision, HOLD included. A language model is only ever an opinion or
one more chance to say no: sizes, limits and the gate are the engine's own.
"""

import asyncio
from decimal import Decimal
from uuid import UUID

import msgspec
import structlog

from arbiter.agents import accounts, risk_officer, vote
from arbiter.agents.embedding import embed
from arbiter.agents.indicators import returns
from arbiter.agents.roster import roster
from arbiter.agents.settings import RULES_MODEL, Schedule, VoteSettings
from arbiter.agents.sketch import VERSION
from arbiter.agents.view import MarketView
from arbiter.agents.words import context_text, rules_response
from arbiter.model.agents import (
    ORCHESTRATOR,
    RISK_AGENT,
    Action,
    AgentSession,
    Decision,
    DecisionType,
    SessionState,
)
from arbiter.model.denials import Denied
from arbiter.model.errors import TryAgain
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, quotient
from arbiter.model.orders import Side
from arbiter.model.time import NS_PER_S
from arbiter.ports.advisor import Advisor, NoAdvice, Question, QuestionKind
from arbiter.ports.clock import Clock, IdSource
from arbiter.runtime.agent_decisions import DecisionKeeper, spent
from arbiter.runtime.agent_desk import AGENTS, AgentDesk, OrderTicket
from arbiter.runtime.agent_hearing import Heard, Hearing, Spawn
from arbiter.runtime.agent_news import ErrorNews
from arbiter.runtime.agent_records import AgentRecords
from arbiter.runtime.agent_views import ViewMaker
from arbiter.runtime.core import TradingCore

log = structlog.get_logger(__name__)

TICK_S = 1.0
_BATCH = 50
_GIVE_UP_S = 10.0
"""A vote waits this long for agents that have not spoken on its symbol yet."""
_SIZE_MARGIN = Decimal("0.98")
"""Below the engine's own limit per trade, which looks at the worst price."""


class Orchestrator:
    def __init__(
        self,
        *,
        core: TradingCore,
        desk: AgentDesk,
        views: ViewMaker,
        keeper: DecisionKeeper,
        clock: Clock,
        ids: IdSource,
        spawn: Spawn,
        schedule: Schedule,
        voting: VoteSettings,
        advisor: Advisor | None = None,
    ) -> None:
        self._core = core
        self._desk = desk
        self._views = views
        self._keeper = keeper
        self._clock = clock
        self._ids = ids
        self._spawn = spawn
        self._voting = voting
        self._advisor = advisor
        self.records = AgentRecords(roster(schedule), clock, desk.news)
        self._agents = self.records.by_name
        self._hearing = Hearing(
            records=self.records,
            views=views,
            keeper=keeper,
            clock=clock,
            ids=ids,
            spawn=spawn,
            advisor=advisor,
        )
        self._next_vote: dict[UUID, int] = {}
        self._voting_now: set[UUID] = set()
        self._first_seen: dict[UUID, int] = {}
        if not views.headlines.configured:
            self._agents["sentiment-agent"].idle = "no text feed is configured"

    # Running

    async def run(self) -> None:
        """Tick until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick_forever(), name="agents tick")
            group.create_task(self._keeper.run(), name="agents decisions")

    async def _tick_forever(self) -> None:
        while True:
            if self._core.state.started:
                await self.tick()
            self.records.beat()
            await asyncio.sleep(TICK_S)

    async def tick(self) -> None:
        """Let everyone who is due look, then count where it is time to."""
        listed = self._core.registry.get
        running = [
            s
            for s in self._desk.sessions
            if s.state is SessionState.RUNNING and listed(s.instrument) is not None
        ]
        instruments = {s.instrument: self._core.registry.by_id(s.instrument) for s in running}
        now = self._clock.monotonic_ns()
        for instrument in instruments.values():
            self._views.look(instrument)
            await self._hearing.look(instrument, now)
        for session in running:
            self._first_seen.setdefault(session.id, now)
            if session.id not in self._voting_now and self._may_vote(session, now):
                self._next_vote[session.id] = now + int(self._voting.every_s * NS_PER_S)
                self._voting_now.add(session.id)
                self._spawn(self._vote(session), "agents vote")
        self._forget(set(instruments), {session.id for session in running})

    def _forget(self, instruments: set[InstrumentId], sessions: set[UUID]) -> None:
        self._views.forget(instruments)
        self._hearing.forget(instruments)
        for times in (self._next_vote, self._first_seen):
            for key_ in [key_ for key_ in times if key_ not in sessions]:
                del times[key_]

    def _may_vote(self, session: AgentSession, now: int) -> bool:
        if now < self._next_vote.get(session.id, 0):
            return False
        voters = {n for n, r in self._agents.items() if r.profile.rules is not None and not r.idle}
        heard = self._hearing.looked(session.instrument)
        waited = now - self._first_seen[session.id] > _GIVE_UP_S * NS_PER_S
        return bool(heard) and (waited or voters <= heard)

    # The vote

    async def _vote(self, session: AgentSession) -> None:
        try:
            await self._decide(session)
        except TryAgain as error:
            details = f"no decision for {session.symbol}: {error}"
            self._desk.news.tell(
                ErrorNews(error="storage unavailable", details=details, severity="high")
            )
        finally:
            self._voting_now.discard(session.id)

    async def _decide(self, session: AgentSession) -> None:
        instrument = self._core.registry.by_id(session.instrument)
        view = await self._views.view(instrument)
        if view is None:
            self._next_vote.pop(session.id, None)  # at the next tick that finds a fresh quote
            return
        now = self._clock.now_ns()
        oldest = now - int(self._voting.max_age_s * NS_PER_S)
        heard = self._hearing.since(instrument.id, oldest)
        verdict = vote.count(
            [each.opinion for each in heard],
            self._voting.weights,
            consensus=self._voting.consensus,
            min_confidence=self._desk.steering.rules.min_confidence,
        )
        round_id = self._ids.new_id()
        context: dict[str, object] = {
            "price": view.price,
            "scores": dict(verdict.scores),
            "consensus": verdict.consensus,
            "opinions": {
                each.opinion.agent: f"{each.opinion.action} {each.opinion.confidence:.2f}"
                for each in heard
            },
        }
        consensus = Decision(
            id=self._ids.new_id(),
            session_id=session.id,
            round_id=round_id,
            agent_name=ORCHESTRATOR,
            symbol=session.symbol,
            decision_type=DecisionType.CONSENSUS,
            decision=verdict.action,
            confidence=verdict.confidence,
            reasoning=verdict.reasoning,
            context=context,
            prompt=context_text(context),
            response=rules_response(
                DecisionType.CONSENSUS,
                decision=verdict.action,
                confidence=verdict.confidence,
                reasoning=verdict.reasoning,
                context=context,
            ),
            model=RULES_MODEL,
            embedding=embed(view, ORCHESTRATOR),
            embedding_model=VERSION,
            created_ns=now,
        )
        await self._keeper.keep([consensus])
        position = next((p for p in self._desk.book.positions(session.id) if p.open), None)
        if verdict.action is Action.SELL and position is not None:
            self._desk.close(position, f"the vote: {verdict.reasoning}", round_id)
            self._join(heard, verdict.action, round_id)
        elif (
            verdict.action is Action.BUY
            and position is None
            and await self._open(session, instrument, view, verdict, round_id)
        ):
            self._join(heard, verdict.action, round_id)

    def _join(self, heard: list[Heard], action: Action, round_id: UUID) -> None:
        """Tie the opinions an order rests on to its round, so that they share its outcome."""
        for each in heard:
            if each.opinion.action is action and each.decision.round_id is None:
                decision = msgspec.structs.replace(each.decision, round_id=round_id)
                self._hearing.replace(each, decision)
                self._keeper.remember(decision)

    async def _open(
        self,
        session: AgentSession,
        instrument: Instrument,
        view: MarketView,
        verdict: vote.Verdict,
        round_id: UUID,
    ) -> bool:
        """Buy, if the risk officer and the gate let it; gives whether an order was given."""
        if self._desk.under_way(session.id, side=Side.BUY):
            return False
        rules = self._desk.steering.rules
        positions = self._desk.book.positions(session.id)
        standing = accounts.standing(
            session,
            positions,
            self._desk.book.marks([p for p in positions if p.open]),
            self._clock.now_ns(),
        )
        assessed = risk_officer.assess(standing, rules, returns(view.bars, 60), verdict.confidence)
        fraction, approved = assessed.fraction, assessed.approved
        if rules.llm_approval_required:
            fraction, approved = await self._approval(session, view, assessed, verdict, round_id)
        elif not approved:
            log.info("the risk officer refuses", why=assessed.reasoning, symbol=session.symbol)
        current = self._desk.book.session(session.id)
        if not approved or current is None or current.state is not SessionState.RUNNING:
            return False
        size = self._size(current, instrument, fraction)
        if not size:
            log.info("too little to buy", symbol=session.symbol, fraction=fraction)
            return False
        voters = ", ".join(verdict.voters)
        ticket = OrderTicket(
            Side.BUY,
            size,
            actor=AGENTS,
            round_id=round_id,
            reason=f"{voters} agree with confidence {verdict.confidence:.2f}",
        )
        decided = self._desk.place(current, instrument, ticket)
        if isinstance(decided, Denied):
            log.info("the gate refuses", why=str(decided), symbol=session.symbol)
            return False
        return True

    async def _approval(
        self,
        session: AgentSession,
        view: MarketView,
        assessed: risk_officer.Assessment,
        verdict: vote.Verdict,
        round_id: UUID,
    ) -> tuple[float, bool]:
        """Have the risk agent's word stored before anything is ordered.

        A model is only asked about what the rules let through, and can only make it smaller.
        """
        record = self._agents[RISK_AGENT]
        context: dict[str, object] = {
            "price": view.price,
            "consensus": verdict.consensus,
            "confidence": verdict.confidence,
            "fraction": assessed.fraction,
            **assessed.numbers,
        }
        approved, fraction = assessed.approved, assessed.fraction
        model, reasoning, confidence = RULES_MODEL, assessed.reasoning, verdict.confidence
        prompt, usage, error = context_text(context), None, None
        response = rules_response(
            DecisionType.RISK_APPROVAL,
            decision="APPROVE" if approved else "VETO",
            confidence=confidence,
            reasoning=reasoning,
            context=context,
        )
        if approved and self._advisor is not None and self._advisor.serves(RISK_AGENT):
            question = Question(
                kind=QuestionKind.RISK_APPROVAL,
                agent=RISK_AGENT,
                symbol=session.symbol,
                context=context,
                rules_say=reasoning,
            )
            advice = await self._advisor.approval(question)
            usage = advice.usage
            prompt = advice.prompt or prompt
            response = advice.response or response
            if isinstance(advice, NoAdvice):
                error = advice.error
                reasoning = f"by rules ({error}): {reasoning}"
                self.records.failed(record, error)
            else:
                record.error = ""
                approved = advice.approved and advice.fraction > 0
                fraction = min(fraction, advice.fraction)
                model, reasoning = advice.model, advice.reasoning
                confidence = advice.confidence
        now = self._clock.now_ns()
        record.signals += 1
        record.seen_ns = record.last_signal_ns = now
        record.model = model
        await self._keeper.keep(
            [
                Decision(
                    id=self._ids.new_id(),
                    session_id=session.id,
                    round_id=round_id,
                    agent_name=RISK_AGENT,
                    symbol=session.symbol,
                    decision_type=DecisionType.RISK_APPROVAL,
                    decision="APPROVE" if approved else "VETO",
                    confidence=confidence,
                    reasoning=reasoning,
                    context=context,
                    prompt=prompt,
                    response=response,
                    model=model,
                    embedding=embed(view, RISK_AGENT),
                    embedding_model=VERSION,
                    created_ns=now,
                    error=error,
                    **spent(usage),
                )
            ]
        )
        return fraction, approved

    def _size(self, session: AgentSession, instrument: Instrument, fraction: float) -> Decimal:
        """What a fraction of the capital buys now, within the engine's own limit; 0 for too little."""
        ask = self._core.touch(instrument.id, Side.BUY)
        if ask is None or fraction <= 0:
            return ZERO
        limits = self._core.gate.limits
        worst = ask * (ONE + limits.market_slippage)
        spend = session.initial_capital * Decimal(repr(fraction))
        spend = min(spend, limits.max_trade_usd * _SIZE_MARGIN)
        spend *= self._core.gate.size_scale(self._clock.now_ns())
        size = instrument.floor_size(quotient(spend, worst))
        return ZERO if instrument.size_problem(size, ask) is not None else size
