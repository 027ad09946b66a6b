"""Changes: the projection rows one or more events touched, for whoever mirrors them."""

import msgspec

from arbiter.model.copying import (
    CopyPosition,
    CopySubscription,
    LeaderAction,
    SubscriptionId,
    Wallet,
)
from arbiter.model.event_pairs import EventPair, EventPairId
from arbiter.model.events import Audited, SettingChanged
from arbiter.model.holdings import (
    Balance,
    Budget,
    ClosedPosition,
    KillSwitch,
    PnlMinute,
    Position,
    Residual,
    TradingDay,
)
from arbiter.model.ids import (
    Asset,
    ClientOrderId,
    InstrumentId,
    SignalId,
    StrategyId,
    TradeId,
    VenueId,
)
from arbiter.model.orders import Fill, Order
from arbiter.model.pairs import FundingPair, PairId
from arbiter.model.perpetuals import Contract, ForcedClose, FundingPayment, MarginPosition
from arbiter.model.placed import PlacedOrder
from arbiter.model.plans import Signal
from arbiter.model.settling import SettledFill, Settling
from arbiter.model.trades import Trade


class SettlementChanges(msgspec.Struct):
    """What markets whose fills are final only later add to it."""

    settling: dict[InstrumentId, Settling] = {}
    settled: dict[tuple[VenueId, str], SettledFill] = {}
    """By venue and trade id."""
    void_fills: set[tuple[VenueId, str]] = set()
    """Rows of fills that must go: they failed to settle."""
    reopened: set[tuple[StrategyId, InstrumentId, int]] = set()
    """Of closed positions: rows that must go, because what closed them is void."""


class Changes(msgspec.Struct):
    """The newest record of everything touched; within one batch the last write wins.

    `removed_budgets` lists keys whose row must go.
    """

    orders: dict[ClientOrderId, Order] = {}
    fills: dict[tuple[VenueId, str], Fill] = {}
    trades: dict[TradeId, Trade] = {}
    signals: dict[SignalId, Signal] = {}
    balances: dict[tuple[VenueId, Asset], Balance] = {}
    positions: dict[tuple[StrategyId, InstrumentId], Position] = {}
    closed_positions: dict[tuple[StrategyId, InstrumentId, int], ClosedPosition] = {}
    """By strategy, instrument and the position's number."""
    budgets: dict[tuple[StrategyId, Asset], Budget] = {}
    removed_budgets: set[tuple[StrategyId, Asset]] = set()
    residuals: dict[tuple[StrategyId, Asset, Asset], Residual] = {}
    """By strategy, asset and quote."""
    days: dict[int, TradingDay] = {}
    """By `day_ns`."""
    minutes: dict[tuple[int, StrategyId], PnlMinute] = {}
    """By `minute_ns` and strategy."""
    contracts: dict[InstrumentId, Contract] = {}
    margin_positions: dict[InstrumentId, MarginPosition] = {}
    funding_payments: dict[tuple[VenueId, str], FundingPayment] = {}
    """By venue and the venue's payment id."""
    forced_closes: dict[tuple[VenueId, str], ForcedClose] = {}
    """By venue and trade id."""
    settlement: SettlementChanges | None = None
    """Made by `of_settlement`; most events have none."""
    funding_pairs: dict[PairId, FundingPair] = {}
    event_pairs: dict[EventPairId, EventPair] = {}
    copy_subscriptions: dict[SubscriptionId, CopySubscription] = {}
    copy_positions: dict[tuple[SubscriptionId, InstrumentId], CopyPosition] = {}
    leader_actions: dict[tuple[VenueId, Wallet, str], LeaderAction] = {}
    """By venue, wallet and the act's key."""
    forgotten_acts: set[tuple[VenueId, Wallet, str]] = set()
    """Venue, wallet and market: rows that must go, unless they came anew after it."""
    kill_switch: KillSwitch | None = None
    strategies: dict[StrategyId, bool] = {}
    """Running or not, as switched by a person."""
    settings: dict[str, SettingChanged] = {}
    placed: list[PlacedOrder] = []
    audit: list[Audited] = []

    def of_settlement(self) -> SettlementChanges:
        if self.settlement is None:
            self.settlement = SettlementChanges()
        return self.settlement

    def merge(self, later: "Changes") -> None:
        """Take what came after; its records replace ours."""
        self.orders.update(later.orders)
        self.fills.update(later.fills)
        self.trades.update(later.trades)
        self.signals.update(later.signals)
        self.balances.update(later.balances)
        self.positions.update(later.positions)
        self.closed_positions.update(later.closed_positions)
        if self.settlement is not None or later.settlement is not None:
            self._merge_settlement(later)
        self.budgets.update(later.budgets)
        self.removed_budgets -= later.budgets.keys()
        self.removed_budgets |= later.removed_budgets
        for key in later.removed_budgets:
            self.budgets.pop(key, None)
        self.residuals.update(later.residuals)
        self.days.update(later.days)
        self.minutes.update(later.minutes)
        self.contracts.update(later.contracts)
        self.margin_positions.update(later.margin_positions)
        self.funding_payments.update(later.funding_payments)
        self.forced_closes.update(later.forced_closes)
        self.funding_pairs.update(later.funding_pairs)
        self.event_pairs.update(later.event_pairs)
        self.copy_subscriptions.update(later.copy_subscriptions)
        self.copy_positions.update(later.copy_positions)
        if later.forgotten_acts:
            self.forgotten_acts |= later.forgotten_acts
            self.leader_actions = {
                name: act
                for name, act in self.leader_actions.items()
                if (act.venue, act.wallet, act.market) not in later.forgotten_acts
            }
        self.leader_actions.update(later.leader_actions)
        if later.kill_switch is not None:
            self.kill_switch = later.kill_switch
        self.strategies.update(later.strategies)
        self.settings.update(later.settings)
        self.placed.extend(later.placed)
        self.audit.extend(later.audit)

    def _merge_settlement(self, later: "Changes") -> None:
        ours = self.of_settlement()
        ours.reopened -= later.closed_positions.keys()
        theirs = later.settlement
        if theirs is None:
            return
        ours.settling.update(theirs.settling)
        ours.settled.update(theirs.settled)
        ours.reopened |= theirs.reopened
        for closed in theirs.reopened:
            self.closed_positions.pop(closed, None)
        ours.void_fills |= theirs.void_fills
        for fill in theirs.void_fills:
            self.fills.pop(fill, None)
