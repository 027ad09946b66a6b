"""The advisor: asks the models in their order and never lets a failure out.

For each model: is its breaker closed, is there budget, does it answer in time, does the answer
have its form. The first good answer counts; none at all is `NoAdvice`, and the rules decide.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec
import structlog
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, PromptedOutput, capture_run_messages
from pydantic_ai.exceptions import AgentRunError, ModelAPIError, ModelHTTPError, UserError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from arbiter.llm.answers import RiskAnswer, SignalAnswer
from arbiter.llm.breaker import Breaker, BreakerState
from arbiter.llm.budget import DailyBudget
from arbiter.llm.cache import AnswerCache
from arbiter.llm.prompting import Prompt, prompt_for
from arbiter.llm.settings import LlmSettings
from arbiter.model.agents import Action
from arbiter.model.money import ZERO
from arbiter.model.time import NS_PER_S
from arbiter.ports.advisor import NoAdvice, Question, RiskAdvice, SignalAdvice, Usage
from arbiter.ports.clock import Clock

log = structlog.get_logger(__name__)

_CHARACTERS_PER_TOKEN = 3
"""Low on purpose: what is set aside should not be less than what is used."""
_SCHEMA_TOKENS = 300
_SLACK_S = 1.0
_LOAD = frozenset({408, 409, 425, 429})

A = TypeVar("A", bound=BaseModel)


class _Answered(msgspec.Struct, Generic[A], frozen=True):
    answer: A
    model: str
    prompt: str
    response: str
    usage: Usage


class _Failed(Exception):
    """One try did not give an answer."""

    def __init__(self, why: str, *, again: bool, usage: Usage, response: str) -> None:
        super().__init__(why)
        self.again = again
        """Whether the same model may be asked once more."""
        self.usage = usage
        self.response = response


class LlmAdvisor:
    """Implements `ports.advisor.Advisor`."""

    def __init__(
        self, settings: LlmSettings, client: AsyncOpenAI, clock: Clock, budget: DailyBudget
    ) -> None:
        self._settings = settings
        self._clock = clock
        self.budget = budget
        provider = OpenAIProvider(openai_client=client)
        self._models = {name: OpenAIChatModel(name, provider=provider) for name in settings.models}
        self.breakers = {
            name: Breaker(
                failures=settings.breaker_failures,
                rest_ns=int(settings.breaker_s * NS_PER_S),
                successes=settings.breaker_successes,
            )
            for name in settings.models
        }
        self._cache: AnswerCache[_Answered[BaseModel]] = AnswerCache(
            age_ns=int(settings.cache_s * NS_PER_S), entries=settings.cache_entries
        )
        self._client = client

    def serves(self, agent: str) -> bool:
        return agent in self._settings.agents

    def tune(self, *, temperature: float | None, max_tokens: int | None) -> None:
        changes: dict[str, float | int] = {}
        if temperature is not None:
            changes["temperature"] = temperature
        if max_tokens is not None:
            changes["max_tokens"] = max_tokens
        self._settings = msgspec.structs.replace(self._settings, **changes)

    async def close(self) -> None:
        await self._client.close()

    async def signal(self, question: Question) -> SignalAdvice | NoAdvice:
        found = await self._ask(question, SignalAnswer)
        if isinstance(found, NoAdvice):
            return found
        said = found.answer
        assert isinstance(said, SignalAnswer)
        return SignalAdvice(
            action=Action(said.action),
            confidence=said.confidence,
            reasoning=said.reasoning,
            model=found.model,
            prompt=found.prompt,
            response=found.response,
            usage=found.usage,
        )

    async def approval(self, question: Question) -> RiskAdvice | NoAdvice:
        found = await self._ask(question, RiskAnswer)
        if isinstance(found, NoAdvice):
            return found
        said = found.answer
        assert isinstance(said, RiskAnswer)
        return RiskAdvice(
            approved=said.approved,
            fraction=said.position_size,
            confidence=said.confidence,
            reasoning=said.reasoning,
            model=found.model,
            prompt=found.prompt,
            response=found.response,
            usage=found.usage,
        )

    async def _ask(
        self, question: Question, kind: type[BaseModel]
    ) -> _Answered[BaseModel] | NoAdvice:
        prompt = prompt_for(question)
        key = self._key(prompt, kind)
        if self._settings.caching:
            kept = self._cache.get(key, self._clock.monotonic_ns())
            if kept is not None:
                free = Usage(cached=True)
                return msgspec.structs.replace(kept, usage=free)
        why: list[str] = []
        usage, response = Usage(), ""
        for name in self._settings.models:
            found = await self._try(name, prompt, kind)
            if isinstance(found, _Answered):
                found = msgspec.structs.replace(found, usage=_sum(usage, found.usage))
                self._cache.put(key, found, self._clock.monotonic_ns())
                return found
            why.append(f"{name}: {found.error}")
            usage = _sum(usage, found.usage)
            response = found.response or response
        error = "; ".join(why)
        log.warning("no model answers", agent=question.agent, why=error)
        return NoAdvice(error=error, prompt=str(prompt), response=response, usage=usage)

    async def _try(
        self, name: str, prompt: Prompt, kind: type[BaseModel]
    ) -> _Answered[BaseModel] | NoAdvice:
        """Ask one model, again where that may help."""
        breaker = self.breakers[name]
        usage, response, why = Usage(), "", ""
        for attempt in range(1 + self._settings.retries):
            if attempt:
                await asyncio.sleep(self._settings.retry_s * attempt**2)
            if not breaker.admit(self._clock.monotonic_ns()):
                state = breaker.state(self._clock.monotonic_ns())
                rest = "resting after failures" if state is BreakerState.OPEN else "being tried"
                return NoAdvice(error=why or rest, response=response, usage=usage)
            try:
                found = await self._once(name, prompt, kind)
            except _Failed as failed:
                usage, why = _sum(usage, failed.usage), str(failed)
                response = failed.response or response
                breaker.failed(self._clock.monotonic_ns())
                if not failed.again:
                    break
            except _OverBudget as over:
                breaker.not_asked()
                return NoAdvice(error=str(over), response=response, usage=usage)
            else:
                breaker.succeeded()
                return msgspec.structs.replace(found, usage=_sum(usage, found.usage))
        return NoAdvice(error=why, response=response, usage=usage)

    async def _once(self, name: str, prompt: Prompt, kind: type[BaseModel]) -> _Answered[BaseModel]:
        settings = self._settings
        asked = len(str(prompt)) // _CHARACTERS_PER_TOKEN + _SCHEMA_TOKENS
        held = (asked + settings.max_tokens, settings.cost(name, asked, settings.max_tokens))
        refused = self.budget.hold(*held, self._clock.now_ns())
        if refused is not None:
            raise _OverBudget(refused)
        agent = Agent(
            self._models[name],
            output_type=PromptedOutput(kind),
            instructions=prompt.instructions,
            retries=0,
        )
        began = time.monotonic()
        usage = Usage()
        with capture_run_messages() as messages:
            try:
                async with asyncio.timeout(settings.timeout_s + _SLACK_S):
                    result = await agent.run(
                        prompt.question,
                        model_settings=ModelSettings(
                            temperature=settings.temperature,
                            max_tokens=settings.max_tokens,
                            timeout=settings.timeout_s,
                        ),
                    )
                usage = self._usage(name, messages, began)
                return _Answered(result.output, name, str(prompt), _text(messages), usage)
            except (AgentRunError, UserError, TimeoutError, ValueError) as error:
                usage = self._usage(name, messages, began)
                raise _Failed(
                    _why(error, settings),
                    again=_again(error),
                    usage=usage,
                    response=_text(messages),
                ) from None
            finally:
                spent = usage.prompt_tokens + usage.completion_tokens
                self.budget.settle(*held, spent, usage.cost_usd)

    def _usage(self, name: str, messages: Sequence[ModelMessage], began: float) -> Usage:
        answers = [each for each in messages if isinstance(each, ModelResponse)]
        asked = sum(each.usage.input_tokens for each in answers)
        answered = sum(each.usage.output_tokens for each in answers)
        return Usage(
            prompt_tokens=asked,
            completion_tokens=answered,
            cost_usd=self._settings.cost(name, asked, answered),
            latency_ms=(time.monotonic() - began) * 1e3,
        )

    def _key(self, prompt: Prompt, kind: type[BaseModel]) -> str:
        parts = (kind.__name__, str(prompt), str(self._settings.temperature))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class _OverBudget(Exception):
    """Nothing more may be spent today."""


def make_advisor(
    settings: LlmSettings,
    *,
    api_key: str,
    clock: Clock,
    spent_tokens: int = 0,
    spent_usd: Decimal = ZERO,
) -> LlmAdvisor:
    """Make an advisor over HTTP; retries and time-outs are its own, not the client's."""
    client = AsyncOpenAI(
        base_url=settings.base_url,
        api_key=api_key or "none",
        timeout=settings.timeout_s,
        max_retries=0,
    )
    budget = DailyBudget(
        tokens=settings.daily_tokens,
        cost_usd=settings.daily_cost_usd,
        now_ns=clock.now_ns(),
        spent_tokens=spent_tokens,
        spent_usd=spent_usd,
    )
    return LlmAdvisor(settings, client, clock, budget)


def _why(error: BaseException, settings: LlmSettings) -> str:
    match error:
        case ModelHTTPError(status_code=status):
            return f"HTTP {status}"
        case TimeoutError():
            return f"no answer within {settings.timeout_s:g} s"
        case ModelAPIError():
            return f"no answer: {str(error)[:200]}"
        case _:
            return f"an answer without its form: {str(error)[:200]}"


def _again(error: BaseException) -> bool:
    if isinstance(error, ModelHTTPError):
        return error.status_code >= 500 or error.status_code in _LOAD
    return isinstance(error, ModelAPIError | TimeoutError)


def _text(messages: Sequence[ModelMessage]) -> str:
    """What the model said last, as it said it."""
    for message in reversed(messages):
        if isinstance(message, ModelResponse):
            return (message.text or "")[:20_000]
    return ""


def _sum(first: Usage, then: Usage) -> Usage:
    return Usage(
        prompt_tokens=first.prompt_tokens + then.prompt_tokens,
        completion_tokens=first.completion_tokens + then.completion_tokens,
        cost_usd=first.cost_usd + then.cost_usd,
        latency_ms=first.latency_ms + then.latency_ms,
        cached=then.cached,
    )
