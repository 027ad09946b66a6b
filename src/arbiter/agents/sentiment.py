"""sentiment-agent: the tone of headlines from configured feeds, newer ones counting more.

Words are only counted: what a text asks for is never done.
"""

import re

from arbiter.agents.opinions import Opinion, opinion
from arbiter.agents.view import MarketView
from arbiter.model.time import NS_PER_HOUR

NAME = "sentiment-agent"
_HALF_LIFE_H = 4.0
_OLDEST_H = 24.0
_WORD = re.compile(r"[a-z']+")
_GOOD_WORDS = (
    "adopt adoption approval approve approved approves bull bullish buyback expand expansion gain "
    "gains growth high inflow inflows innovation institutional jump jumps partnership profit rally "
    "rallies record recover recovery rise rises soar soars strong support surge surges upgrade "
    "upgraded win wins"
)
_BAD_WORDS = (
    "attack ban banned bans bankrupt bankruptcy bear bearish breach charges collapse collapses "
    "crackdown crash crashes decline declines delay delist delisted drop drops exploit exploited "
    "fall falls fear fears fine fined fraud hack hacked halt halted insolvency investigation "
    "lawsuit liquidation liquidations loss losses outage outflow outflows plunge plunges probe "
    "reject rejected scam sell-off slump stolen sues weak"
)
_GOOD, _BAD = frozenset(_GOOD_WORDS.split()), frozenset(_BAD_WORDS.split())


def tone(text: str) -> float:
    """Good against bad words, −1..1; 0 where there are none."""
    words = _WORD.findall(text.lower()[:2_000])
    good, bad = sum(w in _GOOD for w in words), sum(w in _BAD for w in words)
    return (good - bad) / (good + bad) if good or bad else 0.0


def analyse(view: MarketView) -> Opinion | None:
    if view.headlines is None:
        return None
    total = weight = 0.0
    counted = 0
    for headline in view.headlines:
        age_h = (view.now_ns - headline.at_ns) / NS_PER_HOUR
        if not 0 <= age_h <= _OLDEST_H:
            continue
        share = 0.5 ** (age_h / _HALF_LIFE_H)
        total, weight, counted = total + share * tone(headline.text), weight + share, counted + 1
    mean = total / weight if weight else 0.0
    score = mean * min(counted / 3.0, 1.0) * 0.8
    reasons = [f"{counted} headlines in the last day, tone {mean:+.2f}"]
    context = {"price": view.price, "headlines": counted, "tone": mean}
    return opinion(NAME, score, reasons, dict(context), quiet=0.15)
