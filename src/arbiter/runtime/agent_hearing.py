"""The hearing: who is due looks at a symbol, and the newest opinion of each is kept for the vote.

Rules always work. A language model may say more than they do; whatever goes wrong with it, the
rules' word stands, and says so.
"""

from collections.abc import Callable, Collection, Coroutine

import msgspec

from arbiter.agents.embedding import embed
from arbiter.agents.opinions import Opinion
from arbiter.agents.settings import RULES_MODEL
from arbiter.agents.sketch import VERSION
from arbiter.agents.view import MarketView
from arbiter.agents.words import context_text, rules_response
from arbiter.model.agents import Decision, DecisionType
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.time import NS_PER_S
from arbiter.ports.advisor import Advisor, NoAdvice, Question, QuestionKind, Usage
from arbiter.ports.clock import Clock, IdSource
from arbiter.runtime.agent_decisions import DecisionKeeper, spent
from arbiter.runtime.agent_records import AgentRecord, AgentRecords
from arbiter.runtime.agent_views import ViewMaker

LOOK_AGAIN_S = 5.0
"""After a look that found nothing to go by."""

Spawn = Callable[[Coroutine[None, None, None], str], object]


class Heard(msgspec.Struct, frozen=True):
    opinion: Opinion
    decision: Decision
    instrument: InstrumentId


class Hearing:
    def __init__(
        self,
        *,
        records: AgentRecords,
        views: ViewMaker,
        keeper: DecisionKeeper,
        clock: Clock,
        ids: IdSource,
        spawn: Spawn,
        advisor: Advisor | None = None,
    ) -> None:
        self._records = records
        self._agents = records.by_name
        self._views = views
        self._keeper = keeper
        self._clock = clock
        self._ids = ids
        self._spawn = spawn
        self._advisor = advisor
        self._due: dict[tuple[str, InstrumentId], int] = {}
        self._busy: set[tuple[str, InstrumentId]] = set()
        self._heard: dict[InstrumentId, dict[str, Heard]] = {}
        self._silent: dict[InstrumentId, set[str]] = {}
        """Agents that looked and had nothing to look at."""

    def forget(self, instruments: Collection[InstrumentId]) -> None:
        """Drop what was heard of all others."""
        for key in [key for key in self._due if key[1] not in instruments]:
            del self._due[key]
        for table in (self._heard, self._silent):
            for name in [name for name in table if name not in instruments]:
                table.pop(name, None)

    def looked(self, instrument: InstrumentId) -> set[str]:
        """Agents that looked at it, whether or not they had something to say."""
        return set(self._heard.get(instrument, ())) | self._silent.get(instrument, set())

    def since(self, instrument: InstrumentId, oldest_ns: int) -> list[Heard]:
        """The newest word of each agent, as far as it is young enough."""
        found = self._heard.get(instrument, {}).values()
        return [each for each in found if each.decision.created_ns >= oldest_ns]

    def replace(self, heard: Heard, decision: Decision) -> None:
        """Let a decision say more, if it is still the agent's newest."""
        table = self._heard.get(heard.instrument, {})
        if table.get(decision.agent_name) is heard:
            table[decision.agent_name] = msgspec.structs.replace(heard, decision=decision)

    async def look(self, instrument: Instrument, now: int) -> None:
        """Let everyone who is due look; `now` is of the monotonic clock."""
        due = [
            record
            for name, record in self._agents.items()
            if record.profile.every_s is not None
            and not record.idle
            and now >= self._due.get((name, instrument.id), 0)
            and (name, instrument.id) not in self._busy
        ]
        if not due:
            return
        view = await self._views.view(instrument)
        if view is None:
            return
        for record in due:
            profile = record.profile
            assert profile.every_s is not None
            self._due[profile.name, instrument.id] = now + int(profile.every_s * NS_PER_S)
            if self._advisor is not None and self._advisor.serves(profile.name):
                self._busy.add((profile.name, instrument.id))
                self._spawn(self._ask(self._advisor, record, view), f"{profile.name} asks")
            else:
                self._evaluate(record, view)

    def _evaluate(self, record: AgentRecord, view: MarketView) -> None:
        opinion = self._by_rules(record, view)
        if opinion is not None:
            self._keep(record, view, opinion, RULES_MODEL, prompt=None, response=None)

    def _by_rules(self, record: AgentRecord, view: MarketView) -> Opinion | None:
        assert record.profile.rules is not None
        record.seen_ns = self._clock.now_ns()
        opinion = record.profile.rules(view)
        silent = self._silent.setdefault(view.instrument, set())
        if opinion is None:
            silent.add(record.profile.name)
            self._look_again_soon(record, view)
        else:
            silent.discard(record.profile.name)
        return opinion

    def _look_again_soon(self, record: AgentRecord, view: MarketView) -> None:
        """What is missing, bars mostly, may come long before the agent's next turn."""
        every_s = min(record.profile.every_s or LOOK_AGAIN_S, LOOK_AGAIN_S)
        soon = self._clock.monotonic_ns() + int(every_s * NS_PER_S)
        self._due[record.profile.name, view.instrument] = soon

    async def _ask(self, advisor: Advisor, record: AgentRecord, view: MarketView) -> None:
        """Let a model say more than the rules; on any failure the rules' word stands."""
        try:
            opinion = self._by_rules(record, view)
            if opinion is None:
                return
            texts = tuple(h.text for h in view.headlines or ())[-20:]
            question = Question(
                kind=QuestionKind.SIGNAL,
                agent=record.profile.name,
                symbol=view.symbol,
                context=dict(opinion.context),
                rules_say=f"{opinion.action} {opinion.confidence:.2f}: {opinion.reasoning}",
                untrusted=texts,
            )
            advice = await advisor.signal(question)
            record.seen_ns = self._clock.now_ns()
            if isinstance(advice, NoAdvice):
                self._records.failed(record, advice.error)
                said = msgspec.structs.replace(
                    opinion, reasoning=f"by rules ({advice.error}): {opinion.reasoning}"
                )
                self._keep(
                    record,
                    view,
                    said,
                    RULES_MODEL,
                    prompt=advice.prompt or None,
                    response=advice.response or None,
                    usage=advice.usage,
                    error=advice.error,
                )
                return
            record.error = ""
            said = msgspec.structs.replace(
                opinion,
                action=advice.action,
                confidence=advice.confidence,
                reasoning=advice.reasoning,
            )
            self._keep(
                record,
                view,
                said,
                advice.model,
                prompt=advice.prompt,
                response=advice.response,
                usage=advice.usage,
            )
        finally:
            self._busy.discard((record.profile.name, view.instrument))

    def _keep(
        self,
        record: AgentRecord,
        view: MarketView,
        opinion: Opinion,
        model: str,
        *,
        prompt: str | None,
        response: str | None,
        usage: Usage | None = None,
        error: str | None = None,
    ) -> None:
        name, now = record.profile.name, self._clock.now_ns()
        record.signals += 1
        record.last_signal_ns = record.seen_ns = now
        record.model = model
        decision = Decision(
            id=self._ids.new_id(),
            agent_name=name,
            symbol=view.symbol,
            decision_type=DecisionType.SIGNAL,
            decision=opinion.action,
            confidence=opinion.confidence,
            reasoning=opinion.reasoning,
            context=dict(opinion.context),
            prompt=context_text(dict(opinion.context)) if prompt is None else prompt,
            response=_response(opinion) if response is None else response,
            model=model,
            embedding=embed(view, name),
            embedding_model=VERSION,
            created_ns=now,
            error=error,
            **spent(usage),
        )
        self._heard.setdefault(view.instrument, {})[name] = Heard(
            opinion, decision, view.instrument
        )
        self._keeper.remember(decision)


def _response(opinion: Opinion) -> str:
    return rules_response(
        DecisionType.SIGNAL,
        decision=opinion.action,
        confidence=opinion.confidence,
        reasoning=opinion.reasoning,
        context=opinion.context,
    )
