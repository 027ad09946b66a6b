"""The ledger's state as storage gives it back at start: bounded, whatever the history's length."""

import msgspec

from arbiter.model.copying import CopyPosition, CopySubscription, LeaderAction
from arbiter.model.event_pairs import EventPair
from arbiter.model.events import SettingChanged
from arbiter.model.holdings import (
    Balance,
    Budget,
    KillSwitch,
    PnlMinute,
    Position,
    Residual,
    TradingDay,
)
from arbiter.model.ids import StrategyId, VenueId
from arbiter.model.orders import Fill, Order
from arbiter.model.pairs import FundingPair
from arbiter.model.perpetuals import Contract, ForcedClose, MarginPosition
from arbiter.model.settling import SettledFill, Settling
from arbiter.model.trades import Trade


class LedgerImage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a fresh ledger needs to go on where the last one stopped.

    `trades` are those not yet terminal (HELD among them). `orders` are the open ones and all
    orders of `trades`, and `fills` all fills of `orders`.
    """

    trades: tuple[Trade, ...] = ()
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    fill_keys: frozenset[tuple[VenueId, str]] = frozenset()
    """Keys of recently booked fills, those of `fills` included: none is booked twice."""
    balances: tuple[Balance, ...] = ()
    positions: tuple[Position, ...] = ()
    budgets: tuple[Budget, ...] = ()
    residuals: tuple[Residual, ...] = ()
    days: tuple[TradingDay, ...] = ()
    """The newest few; the last one carries the running sums."""
    minutes: tuple[PnlMinute, ...] = ()
    """Of the newest minute that had any PnL."""
    contracts: tuple[Contract, ...] = ()
    margin_positions: tuple[MarginPosition, ...] = ()
    payment_keys: frozenset[tuple[VenueId, str]] = frozenset()
    """Of recently booked funding payments: none is booked twice."""
    resolutions: tuple[ForcedClose, ...] = ()
    """The newest few of each binary contract that ever paid out."""
    settling: tuple[Settling, ...] = ()
    settled: tuple[SettledFill, ...] = ()
    """The venues' last words on recent fills."""
    pairs: tuple[FundingPair, ...] = ()
    """The active ones, and the last that closed."""
    event_pairs: tuple[EventPair, ...] = ()
    copy_subscriptions: tuple[CopySubscription, ...] = ()
    """Those that were removed too."""
    copy_positions: tuple[CopyPosition, ...] = ()
    leader_actions: tuple[LeaderAction, ...] = ()
    """Of leaders that an active subscription follows, since it began."""
    kill_switch: KillSwitch = KillSwitch()
    strategies: dict[StrategyId, bool] = {}
    settings: dict[str, SettingChanged] = {}
    """Last run-time change per dotted path."""
    next_trade_seq: int = 1
    next_signal_seq: int = 1
    last_event_ns: int = 0
    """Engine time of the newest event; 0 for an empty journal."""
