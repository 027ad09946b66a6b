"""A rehearsal of the vote on recorded bars: one symbol, one session.

At the close of each bar the analysts see the bars up to it and nothing later; what they decide is
filled at the open of the next, half a spread away, with the taker's fee. Within a bar the stop is
taken to come before the profit. There is no order book and no other venue in bars: the agents
that need them say nothing, unless a script of what language models once said lets them.
"""

from collections.abc import Iterator, Mapping

import msgspec

from arbiter.agents import reversion, risk_officer, technical, trend, vote
from arbiter.agents.indicators import returns
from arbiter.agents.opinions import Opinion
from arbiter.agents.risk_officer import Standing
from arbiter.agents.script import Script
from arbiter.agents.settings import TradingRules, VoteSettings
from arbiter.agents.view import Bars, MarketView, Top
from arbiter.model.agents import Action
from arbiter.model.ids import InstrumentId, Symbol, VenueId
from arbiter.model.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_S

WINDOW = 400
"""Bars an analyst looks back on."""


class RehearsalSettings(msgspec.Struct, frozen=True, kw_only=True):
    rules: TradingRules
    voting: VoteSettings
    capital: float = 10_000.0
    fee: float = 0.001
    """Taker's, a fraction."""
    spread: float = 0.0002
    """Between bid and ask, a fraction of the price."""


class RehearsedVote(msgspec.Struct, frozen=True, kw_only=True):
    at_ns: int
    """Close of the bar it was cast on."""
    price: float
    action: Action
    leader: Action
    confidence: float
    opinions: dict[str, str]
    veto: str = ""
    models: tuple[str, ...] = ()
    """Whose words were counted in place of the rules'."""


class RoundTrip(msgspec.Struct, frozen=True, kw_only=True):
    entry_ns: int
    exit_ns: int
    entry: float
    exit: float
    spent: float
    pnl: float
    """Net of both fees."""
    reason: str


class Rehearsal(msgspec.Struct, kw_only=True):
    votes: list[RehearsedVote]
    trips: list[RoundTrip]
    equity: list[tuple[int, float]]
    """At each bar's close, ns and quote."""

    @property
    def pnl(self) -> float:
        return sum(trip.pnl for trip in self.trips)

    @property
    def wins(self) -> int:
        return sum(trip.pnl > 0 for trip in self.trips)

    @property
    def max_drawdown(self) -> float:
        """Largest fall of equity from its peak, a fraction."""
        peak = worst = 0.0
        for _, value in self.equity:
            peak = max(peak, value)
            worst = max(worst, (peak - value) / peak if peak > 0 else 0.0)
        return worst


class _Held(msgspec.Struct, frozen=True):
    entry_ns: int
    entry: float
    size: float
    spent: float


def rehearse(
    bars: Bars,
    symbol: Symbol,
    interval_ns: int,
    settings: RehearsalSettings,
    script: Script | None = None,
) -> Rehearsal:
    """Run over the bars from the first that has enough behind it."""
    script = script or Script()
    max_age_ns = max(int(settings.voting.max_age_s * NS_PER_S), interval_ns)
    result = Rehearsal(votes=[], trips=[], equity=[])
    held: _Held | None = None
    order: Action | None = None
    fraction, peak = 0.0, settings.capital
    for number in range(60, len(bars)):
        opens = int(bars.opens_ns[number])
        opened = float(bars.open[number])
        if order is Action.BUY and held is None:
            price = opened * (1 + settings.spread / 2)
            spent = settings.capital * fraction
            held = _Held(opens, price, spent / price, spent)
        elif order is Action.SELL and held is not None:
            result.trips.append(_sold(held, opens, opened, "the vote", settings))
            held = None
        order = None
        if held is not None:
            exit_ = _protected(held, bars, number, settings.rules)
            if exit_ is not None:
                result.trips.append(_sold(held, opens, *exit_, settings))
                held = None
        close, now = float(bars.close[number]), opens + interval_ns
        worth = settings.capital + result.pnl
        if held is not None:
            worth += held.size * close - held.spent
        peak = max(peak, worth)
        result.equity.append((now, worth))
        seen = _until(bars, number)
        words = script.said(now, max_age_ns)
        spoken = {agent: word.opinion() for agent, word in words.items() if word.action is not None}
        cast, opinions = _count(seen, symbol, now, close, settings, spoken)
        models = [words[agent].model for agent in spoken]
        veto = ""
        if cast.action is Action.BUY and held is None:
            told = _standing(result, settings, worth, peak, now)
            hours = max(round(NS_PER_HOUR / interval_ns), 1)
            assessed = risk_officer.assess(
                told, settings.rules, returns(seen, hours), cast.confidence
            )
            advice = script.risk(now, max_age_ns) if assessed.approved else None
            if advice is not None:
                models.append(advice.model)
            if not assessed.approved:
                veto = assessed.reasoning
            elif advice is not None and not advice.approved:
                veto = f"{advice.model}: {advice.reasoning}"
            else:
                order, fraction = Action.BUY, assessed.fraction
                if advice is not None:
                    fraction = min(fraction, advice.fraction)
        elif cast.action is Action.SELL and held is not None:
            order = Action.SELL
        result.votes.append(
            RehearsedVote(
                at_ns=now,
                price=close,
                action=cast.action,
                leader=cast.leader,
                confidence=cast.confidence,
                opinions={o.agent: _shown(o) for o in opinions},
                veto=veto,
                models=tuple(dict.fromkeys(models)),
            )
        )
    return result


def _shown(said: Opinion) -> str:
    model = said.context.get("model")
    return f"{said.action} {said.confidence:.2f}" + (f" ({model})" if model else "")


def _until(bars: Bars, number: int) -> Bars:
    first = max(number + 1 - WINDOW, 0)
    return Bars(*(getattr(bars, name)[first : number + 1] for name in Bars.__struct_fields__))


def _count(
    seen: Bars,
    symbol: Symbol,
    now_ns: int,
    close: float,
    settings: RehearsalSettings,
    spoken: Mapping[str, Opinion],
) -> tuple[vote.Verdict, list[Opinion]]:
    half = settings.spread / 2
    top = Top(
        venue=VenueId("bars"),
        bid=close * (1 - half),
        ask=close * (1 + half),
        bid_size=1.0,
        ask_size=1.0,
        fee=settings.fee,
    )
    view = MarketView(
        symbol=symbol, instrument=InstrumentId(symbol), now_ns=now_ns, bars=seen, top=top
    )
    by_rules = {opinion.agent: opinion for opinion in _opinions(view)}
    opinions = list({**by_rules, **spoken}.values())
    verdict = vote.count(
        opinions,
        settings.voting.weights,
        consensus=settings.voting.consensus,
        min_confidence=settings.rules.min_confidence,
    )
    return verdict, opinions


def _opinions(view: MarketView) -> Iterator[Opinion]:
    for analyse in (technical.analyse, trend.analyse, reversion.analyse):
        said = analyse(view)
        if said is not None:
            yield said


def _protected(
    held: _Held, bars: Bars, number: int, rules: TradingRules
) -> tuple[float, str] | None:
    stop = held.entry * (1 - rules.default_stop_loss)
    profit = held.entry * (1 + rules.default_take_profit)
    opened, low, high = (float(c[number]) for c in (bars.open, bars.low, bars.high))
    if low <= stop:
        return min(stop, opened), "stop loss"  # a gap is sold where it opens
    return (max(profit, opened), "take profit") if high >= profit else None


def _sold(
    held: _Held, at_ns: int, price: float, reason: str, settings: RehearsalSettings
) -> RoundTrip:
    price *= 1 - settings.spread / 2
    received = held.size * price
    return RoundTrip(
        entry_ns=held.entry_ns,
        exit_ns=at_ns,
        entry=held.entry,
        exit=price,
        spent=held.spent,
        pnl=received - held.spent - settings.fee * (received + held.spent),
        reason=reason,
    )


def _standing(
    result: Rehearsal, settings: RehearsalSettings, worth: float, peak: float, now_ns: int
) -> Standing:
    today = now_ns - now_ns % NS_PER_DAY
    won = [trip.pnl for trip in result.trips if trip.pnl > 0]
    lost = [-trip.pnl for trip in result.trips if trip.pnl <= 0]
    return Standing(
        capital=settings.capital,
        equity=worth,
        peak_equity=peak,
        pnl_today=sum(trip.pnl for trip in result.trips if trip.exit_ns >= today),
        exposure=0.0,
        open_positions=0,
        wins=len(won),
        losses=len(lost),
        average_win=sum(won) / len(won) if won else 0.0,
        average_loss=sum(lost) / len(lost) if lost else 0.0,
    )
