"""What language models said once, to be said again at the same moments of a rehearsal."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

import msgspec

from arbiter.agents.opinions import Opinion
from arbiter.model.agents import Action


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """An analyst's answer; one without an action failed, and the rules' word stood."""

    agent: str
    at_ns: int
    model: str
    action: Action | None
    confidence: float = 0.0
    reasoning: str = ""

    def opinion(self) -> Opinion:
        """The word as a vote counts it; only for one with an action."""
        assert self.action is not None
        signs = {Action.BUY: 1.0, Action.SELL: -1.0, Action.HOLD: 0.0}
        return Opinion(
            agent=self.agent,
            action=self.action,
            confidence=self.confidence,
            reasoning=self.reasoning,
            context={"model": self.model},
            score=signs[self.action] * self.confidence,
        )


class RiskWord(msgspec.Struct, frozen=True, kw_only=True):
    at_ns: int
    model: str
    approved: bool
    fraction: float
    """Of the capital: it can make a purchase smaller, never larger."""
    reasoning: str


class Script:
    """A word counts from its moment on, until the agent's next or until it is too old."""

    def __init__(self, words: Iterable[Word] = (), risk: Iterable[RiskWord] = ()) -> None:
        self._words: dict[str, list[Word]] = {}
        for word in sorted(words, key=lambda each: each.at_ns):
            self._words.setdefault(word.agent, []).append(word)
        self._risk = sorted(risk, key=lambda each: each.at_ns)

    def said(self, now_ns: int, max_age_ns: int) -> dict[str, Word]:
        """The newest word of each agent, as it was known at `now_ns`."""
        found = {}
        for agent, words in self._words.items():
            place = bisect_right(words, now_ns, key=lambda each: each.at_ns)
            if place and words[place - 1].at_ns >= now_ns - max_age_ns:
                found[agent] = words[place - 1]
        return found

    def risk(self, now_ns: int, max_age_ns: int) -> RiskWord | None:
        """The risk agent's newest word."""
        place = bisect_right(self._risk, now_ns, key=lambda each: each.at_ns)
        if not place or self._risk[place - 1].at_ns < now_ns - max_age_ns:
            return None
        return self._risk[place - 1]

    def within(self, first_ns: int, last_ns: int) -> "Script":
        """Those of a span, both ends included."""
        return Script(
            (w for words in self._words.values() for w in words if first_ns <= w.at_ns <= last_ns),
            (word for word in self._risk if first_ns <= word.at_ns <= last_ns),
        )

    def words(self) -> list[Word | RiskWord]:
        """Every usable answer, oldest first."""
        said: list[Word | RiskWord] = [
            word for words in self._words.values() for word in words if word.action is not None
        ]
        return sorted([*said, *self._risk], key=lambda each: each.at_ns)

    def models(self) -> dict[str, int]:
        """How many words of each model there are."""
        return dict(Counter(word.model for word in self.words()))
