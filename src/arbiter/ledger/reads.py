"""What a ledger can be asked: its rows as they stand, none of them to be changed by the reader."""

from collections import OrderedDict
from collections.abc import Mapping
from decimal import Decimal

from arbiter.ledger.balances import Balances
from arbiter.ledger.budgets import Budgets
from arbiter.ledger.copies import Copies
from arbiter.ledger.day import TradingDays
from arbiter.ledger.event_pairs import EventPairs
from arbiter.ledger.margin import MarginBooks
from arbiter.ledger.orders import Orders
from arbiter.ledger.pairs import Pairs
from arbiter.ledger.positions import Positions
from arbiter.ledger.residuals import Residuals
from arbiter.ledger.switches import Switches
from arbiter.ledger.trades import Trades
from arbiter.model.copying import (
    CopyPosition,
    CopySubscription,
    LeaderAction,
    SubscriptionId,
    Wallet,
)
from arbiter.model.event_pairs import EventPair, EventPairId
from arbiter.model.events import SettingChanged
from arbiter.model.holdings import Balance, Budget, KillSwitch, Position, Residual, TradingDay
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, StrategyId, TradeId, VenueId
from arbiter.model.money import ZERO
from arbiter.model.orders import Order
from arbiter.model.pairs import FundingPair, PairId
from arbiter.model.perpetuals import Contract, ForcedClose, MarginPosition
from arbiter.model.trades import Trade


class LedgerReads:
    """The reading half of `ledger.Ledger`.

    A mapping here is the very one that its book writes to, which stays the same for good.
    """

    orders: Mapping[ClientOrderId, Order]
    """Orders of open and of recently closed trades."""
    trades: Mapping[TradeId, Trade]
    """Trades that are not terminal, held ones included."""
    closed_trades: Mapping[TradeId, Trade]
    """Recently closed ones, oldest end first."""
    balances: Mapping[tuple[VenueId, Asset], Balance]
    positions: Mapping[tuple[StrategyId, InstrumentId], Position]
    budgets: Mapping[tuple[StrategyId, Asset], Budget]
    residuals: Mapping[tuple[StrategyId, Asset, Asset], Residual]
    days: Mapping[int, TradingDay]
    """The newest days with trading PnL, by 00:00 UTC in ns."""
    strategies: Mapping[StrategyId, bool]
    """Running or not, as last switched; one never switched is absent."""
    settings: Mapping[str, SettingChanged]
    contracts: Mapping[InstrumentId, Contract]
    """Perpetuals whose terms and leverage were recorded."""
    margin_positions: Mapping[InstrumentId, MarginPosition]
    """Per perpetual, all strategies together; flat ones stay."""
    event_pairs: Mapping[EventPairId, EventPair]
    """Every event pair ever proposed, as it stands."""
    pairs: Mapping[PairId, FundingPair]
    """Active funding pairs, and the last that closed."""
    copy_subscriptions: Mapping[SubscriptionId, CopySubscription]
    """In the order they were added; removed ones stay."""
    copy_positions: Mapping[tuple[SubscriptionId, InstrumentId], CopyPosition]
    next_trade_seq: int
    next_signal_seq: int
    """What the next one is numbered."""

    _orders: Orders
    _trades: Trades
    _balances: Balances
    _positions: Positions
    _budgets: Budgets
    _residuals: Residuals
    _days: TradingDays
    _margin: MarginBooks
    _pairs: Pairs
    _event_pairs: EventPairs
    _copies: Copies
    _fill_keys: OrderedDict[tuple[VenueId, str], None]
    _switches: Switches

    def _show(self) -> None:
        """Let the books be read; once all of them are there."""
        self.orders = self._orders.by_id
        self.trades, self.closed_trades = self._trades.open, self._trades.closed
        self.balances = self._balances.rows
        self.positions = self._positions.rows
        self.budgets = self._budgets.rows
        self.residuals = self._residuals.rows
        self.days = self._days.rows
        self.strategies, self.settings = self._switches.strategies, self._switches.settings
        self.contracts, self.margin_positions = self._margin.contracts, self._margin.positions
        self.event_pairs = self._event_pairs.rows
        self.pairs = self._pairs.rows
        self.copy_subscriptions = self._copies.subscriptions
        self.copy_positions = self._copies.positions

    @property
    def kill_switch(self) -> KillSwitch:
        return self._switches.kill_switch

    @property
    def cumulative_pnl(self) -> Decimal:
        return self._days.cumulative

    @property
    def peak_pnl(self) -> Decimal:
        """Highest `cumulative_pnl` ever, at least zero."""
        return self._days.peak

    @property
    def exposure_usd(self) -> Decimal:
        """Σ planned notional of open trades; quote currencies count at par with the dollar."""
        return self._trades.exposure

    def realized_today(self, now_ns: int) -> Decimal:
        """Trading PnL since 00:00 UTC, net of fees, in dollars."""
        return self._days.realized(now_ns)

    def open_positions(self) -> dict[InstrumentId, Decimal]:
        """Signed sizes per instrument, all strategies together, flat ones left out.

        By the accounts at the venues where they keep one, else by what the strategies hold.
        """
        sums: dict[InstrumentId, Decimal] = {}
        for (_, name), row in self._positions.rows.items():
            if row.quantity:
                sums[name] = sums.get(name, ZERO) + row.quantity
        sums.update((name, row.quantity) for name, row in self._margin.positions.items())
        return {name: size for name, size in sums.items() if size}

    def active_pairs(self) -> tuple[FundingPair, ...]:
        return self._pairs.active()

    def pairs_notional(self) -> Decimal:
        """What active funding pairs are worth together, in USD, each by its larger leg."""
        return self._pairs.notional

    def pair_of(self, instrument: InstrumentId) -> FundingPair | None:
        """The active funding pair one of whose legs this is."""
        return self._pairs.of(instrument)

    def leader_actions(self, venue: VenueId, wallet: Wallet) -> Mapping[str, LeaderAction]:
        """By key; empty for a leader nobody follows."""
        return self._copies.actions.get((venue, wallet), {})

    def leverage(self, instrument: InstrumentId) -> Decimal:
        """Leverage set on a perpetual; 1 where none was."""
        return self._margin.leverage(instrument)

    def unsettled(self, instrument: InstrumentId) -> bool:
        """Whether a fill here was matched and is neither confirmed nor void yet."""
        return self._margin.settling.unsettled(instrument)

    def resolution(self, instrument: InstrumentId) -> ForcedClose | None:
        """The last payout of an event market to this account."""
        told = self._margin.settling.resolutions.get(instrument)
        return told[-1] if told else None

    def has_settled(self, venue: VenueId, venue_trade_id: str) -> bool:
        """Whether the venue's last word on a fill is booked."""
        return (venue, venue_trade_id) in self._margin.settling.settled

    def has_payment(self, venue: VenueId, payment_id: str) -> bool:
        return (venue, payment_id) in self._margin.payment_keys

    def free(self, venue: VenueId, asset: Asset) -> Decimal:
        row = self.balances.get((venue, asset))
        return ZERO if row is None else row.total - row.locked

    def open_trades(self) -> tuple[Trade, ...]:
        return tuple(self._trades.open.values())

    def trade(self, trade_id: TradeId) -> Trade | None:
        """Find an open or recently closed trade."""
        return self.trades.get(trade_id) or self.closed_trades.get(trade_id)

    def orders_of(self, trade_id: TradeId) -> tuple[Order, ...]:
        """In the order they were added; empty for a trade not in memory."""
        orders = self.orders
        return tuple([orders[key] for key in self._orders.by_trade.get(trade_id, ())])

    def has_fill(self, venue: VenueId, venue_trade_id: str) -> bool:
        """Whether a fill was booked, or called void: told once more, or only now, it is no news."""
        key = (venue, venue_trade_id)
        return key in self._fill_keys or self._margin.settling.failed(*key)
