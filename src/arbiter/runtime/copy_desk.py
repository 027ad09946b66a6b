"""The copy desk: keeps what each subscription holds at its target.

Every decision is made from state: the acts of the leader as the ledger knows them, what the tagged
fills hold, what the board shows. Looking twice changes nothing, so nothing is ever copied twice,
and after any absence the desk goes straight to where the leader is now. While a copy is under way
in a market that market is left alone; an order whose outcome is unknown thus stops its own market
and no other.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec
import structlog

from arbiter.copying.mirror import Touch, Waiting, Wanted, next_order
from arbiter.copying.opening import opening
from arbiter.copying.settings import CopySettings
from arbiter.copying.targets import Target, targets
from arbiter.model.copying import (
    COPY_TRADING,
    CopySubscription,
    LeaderAction,
    LeaderHolding,
    LeaderKind,
    Outcome,
    SubscriptionId,
    Wallet,
    copy_actor,
)
from arbiter.model.denials import Denied
from arbiter.model.events import AlertRaised, CopyBased, LeaderActed, LeaderForgotten
from arbiter.model.ids import InstrumentId, TradeId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, plain
from arbiter.model.orders import Side
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.time import NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.runtime.core import TradingCore
from arbiter.runtime.netting import reducible
from arbiter.runtime.newest import Newest

log = structlog.get_logger(__name__)

Leader = tuple[VenueId, Wallet]
Key = tuple[SubscriptionId, str]
"""A subscription and a market, by the venue's name for it."""

_MOST_DOUBLINGS = 16


class _Known(msgspec.Struct, frozen=True):
    """Targets, and what they were made from."""

    subscription: CopySubscription
    acts: int
    targets: dict[str, Target]


class _Tries(msgspec.Struct):
    """What came of the last attempts in one market."""

    fruitless: int = 0
    wait_until_ns: int = 0
    last: TradeId | None = None
    """Ordered, and not yet looked at since it ended."""


_TRIES_KEPT = 1_000
"""Markets of subscriptions, until those in which nothing is to be awaited are forgotten."""


class CopyDesk:
    """`tick` is the whole of it; call it often, after news of a leader and after a trade's end."""

    def __init__(self, *, core: TradingCore, settings: CopySettings, clock: Clock) -> None:
        self.enabled = True
        """Whether leaders are copied; a kill switch that flattens is obeyed all the same."""
        self.settings = settings
        self.waiting: dict[Key, str] = {}
        """Why a market is not at its target, by subscription and market."""
        self.seek: Callable[[VenueId, str], str] = _nowhere
        """Asked, again and again, for a market that is not listed: why it cannot be; else empty."""
        self._core = core
        self._clock = clock
        self._known: dict[SubscriptionId, _Known] = {}
        self._tries: dict[Key, _Tries] = {}
        self._flagged: Newest[tuple[SubscriptionId, str, str]] = Newest()
        self._listed: dict[tuple[VenueId, str], Instrument] = {}
        self._listings = 0

    # Whom we follow

    def subscriptions(self) -> tuple[CopySubscription, ...]:
        return tuple(row for row in self._core.ledger.copy_subscriptions.values() if row.active)

    def followed(self) -> tuple[Leader, ...]:
        return tuple(dict.fromkeys((row.venue, row.wallet) for row in self.subscriptions()))

    def since_ns(self, leader: Leader, *, deep: bool) -> int:
        """Give the time from which to look at a leader: the newest act known, less an overlap."""
        began = self._began_ns(leader)
        acts = self._core.ledger.leader_actions(*leader).values()
        newest = max((act.at_ns for act in acts), default=began)
        seconds = self.settings.deep_overlap_seconds if deep else self.settings.overlap_seconds
        return max(began, newest - int(seconds * NS_PER_S))

    def _began_ns(self, leader: Leader) -> int:
        rows = self.subscriptions()
        times = [row.created_ns for row in rows if (row.venue, row.wallet) == leader]
        return min(times, default=self._clock.now_ns())

    # What the world says

    def on_actions(self, leader: Leader, actions: Iterable[LeaderAction]) -> int:
        """Keep the acts that are new; gives how many there were."""
        known = self._core.ledger.leader_actions(*leader)
        began = self._began_ns(leader)
        new: dict[str, LeaderAction] = {}
        for action in actions:
            if action.key not in known and action.at_ns >= began:
                new.setdefault(action.key, action)
        if new:
            now = self._clock.now_ns()
            self._core.recorder.record(LeaderActed(at_ns=now, actions=tuple(new.values())))
        return len(new)

    def on_holdings(
        self, subscription: CopySubscription, holdings: Sequence[LeaderHolding]
    ) -> None:
        """Take what the leader holds, together with all acts known so far."""
        acts = self._core.ledger.leader_actions(subscription.venue, subscription.wallet)
        held = opening(subscription, holdings, acts.values())
        self._core.recorder.record(
            CopyBased(at_ns=self._clock.now_ns(), subscription_id=subscription.id, held=held)
        )

    def on_resolved(self, instrument: InstrumentId, at_ns: int) -> None:
        """A market of ours ended at that time: whatever a leader had of it is over too.

        He may redeem much later, and the same market may be listed anew before he does. Of one that
        is not listed any more nobody knows the venue's own name, and nothing is copied into it.
        """
        listed = self._core.registry.get(instrument)
        if listed is None:
            return
        for leader in self.followed():
            venue, wallet = leader
            acts = self._core.ledger.leader_actions(venue, wallet).values()
            if venue == listed.venue and any(act.market == listed.market_id for act in acts):
                over = LeaderAction(
                    venue=venue,
                    wallet=wallet,
                    key=f"resolved:{listed.market_id}:{at_ns}",
                    kind=LeaderKind.REDEEM,
                    market=listed.market_id,
                    outcome=Outcome.BOTH,
                    size=ZERO,
                    at_ns=at_ns,
                )
                self.on_actions(leader, [over])

    def tidy(self, leader: Leader) -> None:
        """Forget markets that the leader left long ago, and we with him.

        Longer ago than any look reaches back, so that nothing of them is ever told again.
        """
        acts = self._core.ledger.leader_actions(*leader).values()
        newest: dict[str, int] = {}
        for act in acts:
            newest[act.market] = max(newest.get(act.market, 0), act.at_ns)
        keep_ns = int(2 * self.settings.deep_overlap_seconds * NS_PER_S)
        old = [name for name, at_ns in newest.items() if at_ns < max(newest.values()) - keep_ns]
        rows = [row for row in self.subscriptions() if (row.venue, row.wallet) == leader]
        gone = tuple(name for name in old if all(self._left(row, name) for row in rows))
        if gone:
            now = self._clock.now_ns()
            self._core.recorder.record(
                LeaderForgotten(at_ns=now, venue=leader[0], wallet=leader[1], markets=gone)
            )
            self._known.clear()

    def _left(self, subscription: CopySubscription, market: str) -> bool:
        """Whether neither the leader nor we hold anything of a market, nor are to."""
        target = self.targets(subscription).get(market)
        if target is not None and (target.size or target.leader):
            return False
        instrument = self.instrument(subscription.venue, market)
        if instrument is None:
            return True
        row = self._core.ledger.copy_positions.get((subscription.id, instrument.id))
        return row is None or not row.quantity

    # What to do about it

    def tick(self) -> None:
        """Look at every market of every subscription."""
        state, latch = self._core.state, self._core.ledger.kill_switch
        if not state.started or state.stopping:
            return
        now = self._clock.now_ns()
        busy = self._busy()
        if latch.engaged:
            if latch.flatten:
                self._leave_all(busy, now)
            return
        if not self.enabled:
            return
        for subscription in self.subscriptions():
            if subscription.based:
                for target in self.targets(subscription).values():
                    self._look(subscription, target, busy, now)

    def _leave_all(self, busy: set[InstrumentId], now: int) -> None:
        """Bring everything that was ever copied to nothing, of removed subscriptions too.

        What is not listed here any more cannot be ordered: the kill switch's proof tells it.
        """
        ledger = self._core.ledger
        for (owner, name), row in tuple(ledger.copy_positions.items()):
            listed = self._core.registry.get(name)
            if row.quantity and listed is not None:
                target = Target(market=listed.market_id)
                self._look(ledger.copy_subscriptions[owner], target, busy, now)

    def targets(self, subscription: CopySubscription) -> dict[str, Target]:
        """Give what to hold, by market; made anew only when something is new."""
        acts = self._core.ledger.leader_actions(subscription.venue, subscription.wallet)
        known = self._known.get(subscription.id)
        if known is None or known.acts != len(acts) or known.subscription != subscription:
            known = _Known(subscription, len(acts), targets(subscription, acts.values()))
            self._known[subscription.id] = known
        return known.targets

    def instrument(self, venue: VenueId, market: str) -> Instrument | None:
        """Find what a venue lists under its own name; listings may have grown since the last."""
        instruments = self._core.registry.instruments
        if self._listings != len(instruments):
            self._listings = len(instruments)
            self._listed = {(listed.venue, listed.market_id): listed for listed in instruments}
        return self._listed.get((venue, market))

    def _busy(self) -> set[InstrumentId]:
        return {
            leg.instrument
            for trade in self._core.ledger.open_trades()
            if trade.family is Family.COPY
            for leg in trade.legs
        }

    def _look(
        self,
        subscription: CopySubscription,
        target: Target,
        busy: set[InstrumentId],
        now: int,
    ) -> None:
        key = (subscription.id, target.market)
        instrument = self.instrument(subscription.venue, target.market)
        if instrument is None:
            if target.size:
                why = self.seek(subscription.venue, target.market)
                self._wait(key, why or f"{target.market} is being looked for")
                if why:
                    self._flag(key, "COPY_UNLISTED", f"{why}: not copied")
            return
        if instrument.id in busy:
            return
        row = self._core.ledger.copy_positions.get((subscription.id, instrument.id))
        held = ZERO if row is None else row.quantity
        if target.redeemed:
            self._redeem(key, instrument, bool(held))
            return
        tries = self._note_end(key)
        if now < tries.wait_until_ns:
            return
        step = next_order(
            target,
            held,
            instrument,
            self._touch(instrument),
            subscription.max_position_size,
            self.settings,
        )
        if isinstance(step, Waiting):
            self._wait(key, step.why)
        elif self._order(subscription, instrument, step, tries, now):
            busy.add(instrument.id)
            self.waiting.pop(key, None)

    def _redeem(self, key: Key, instrument: Instrument, held: bool) -> None:
        """The market is resolved: what we hold is paid out by the venue, not traded."""
        if not held:
            self.waiting.pop(key, None)
            return
        self._wait(key, f"{instrument.id} is resolved: waiting for its payout")
        self._flag(
            key,
            "COPY_REDEEM",
            f"{instrument.id}: the leader has redeemed; what was copied is due to be paid out",
        )

    def _order(
        self,
        subscription: CopySubscription,
        instrument: Instrument,
        wanted: Wanted,
        tries: _Tries,
        now: int,
    ) -> bool:
        margined = instrument.margin is not None
        if margined and instrument.id not in self._core.ledger.contracts:
            self._wait(
                (subscription.id, instrument.market_id), f"the terms of {instrument.id} are not set"
            )
            return False
        there = reducible(self._core.ledger, COPY_TRADING, instrument.id, wanted.side)
        reduces = wanted.exits and wanted.size <= there
        problem = None if reduces else instrument.size_problem(wanted.size, wanted.limit)
        if problem is not None:
            self._wait(
                (subscription.id, instrument.market_id),
                f"{plain(wanted.size)} of {instrument.id} break its {problem}, "
                "and another strategy is against it",
            )
            return False
        plan = Plan(
            strategy=COPY_TRADING,
            family=Family.COPY,
            actor=copy_actor(subscription.id),
            symbol=instrument.symbol,
            legs=(
                Leg(
                    instrument=instrument.id,
                    side=wanted.side,
                    size=wanted.size,
                    price=wanted.limit,
                    planned_price=wanted.planned_price,
                ),
            ),
            reduce_only=reduces,
            created_ns=now,
        )
        decision = self._core.propose(plan)
        if isinstance(decision, Denied):
            self._wait((subscription.id, instrument.market_id), str(decision))
            self._rest(tries, now)
            return False
        tries.last = decision.trade.id
        return True

    def _note_end(self, key: Key) -> _Tries:
        """Rest after an order that filled nothing; longer with each."""
        if len(self._tries) > _TRIES_KEPT:
            self._forget_tries()
        tries = self._tries.setdefault(key, _Tries())
        if tries.last is not None:
            trade = self._core.ledger.trade(tries.last)
            tries.last = None
            if trade is not None and not trade.bought and not trade.sold:
                ended_ns = trade.completed_ns or self._clock.now_ns()
                self._rest(tries, ended_ns)
            else:
                tries.fruitless = tries.wait_until_ns = 0
        return tries

    def _forget_tries(self) -> None:
        """Keep nothing of markets in which no order is awaited and no rest is left."""
        over_ns = self._clock.now_ns() - int(self.settings.longest_retry_seconds * NS_PER_S)
        self._tries = {
            key: tries
            for key, tries in self._tries.items()
            if tries.last is not None or tries.wait_until_ns > over_ns
        }

    def _rest(self, tries: _Tries, now: int) -> None:
        pause = self.settings.retry_seconds * 2.0 ** min(tries.fruitless, _MOST_DOUBLINGS)
        tries.fruitless += 1
        tries.wait_until_ns = now + int(min(pause, self.settings.longest_retry_seconds) * NS_PER_S)

    def _touch(self, instrument: Instrument) -> Touch:
        return Touch(
            bid=self._core.touch(instrument.id, Side.SELL),
            ask=self._core.touch(instrument.id, Side.BUY),
        )

    def _wait(self, key: Key, why: str) -> None:
        if why:
            self.waiting[key] = why
        else:
            self.waiting.pop(key, None)

    def _flag(self, key: Key, code: str, text: str) -> None:
        """Tell a person, once: the newest alerts are remembered."""
        if (*key, code) in self._flagged:
            return
        self._flagged.add((*key, code))
        now = self._clock.now_ns()
        self._core.recorder.record(AlertRaised(at_ns=now, severity="warning", code=code, text=text))


def _nowhere(_venue: VenueId, market: str) -> str:
    return f"{market} is not listed here"
