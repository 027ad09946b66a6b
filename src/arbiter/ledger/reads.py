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
    """The reading half of `ledger.Ledger`."""

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
    _next_trade_seq: int
    _next_signal_seq: int

    @property
    def orders(self) -> Mapping[ClientOrderId, Order]:
        """Orders of open and of recently closed trades."""
        return self._orders.by_id

    @property
    def trades(self) -> Mapping[TradeId, Trade]:
        """Trades that are not terminal, held ones included."""
        return self._trades.open

    @property
    def closed_trades(self) -> Mapping[TradeId, Trade]:
        """Recently closed ones, oldest end first."""
        return self._trades.closed

    @property
    def balances(self) -> Mapping[tuple[VenueId, Asset], Balance]:
        return self._balances.rows

    @property
    def positions(self) -> Mapping[tuple[StrategyId, InstrumentId], Position]:
        return self._positions.rows

    @property
    def budgets(self) -> Mapping[tuple[StrategyId, Asset], Budget]:
        return self._budgets.rows

    @property
    def residuals(self) -> Mapping[tuple[StrategyId, Asset, Asset], Residual]:
        return self._residuals.rows

    @property
    def days(self) -> Mapping[int, TradingDay]:
        """The newest days with trading PnL, by 00:00 UTC in ns."""
        return self._days.rows

    @property
    def kill_switch(self) -> KillSwitch:
        return self._switches.kill_switch

    @property
    def strategies(self) -> Mapping[StrategyId, bool]:
        """Running or not, as last switched; one never switched is absent."""
        return self._switches.strategies

    @property
    def settings(self) -> Mapping[str, SettingChanged]:
        return self._switches.settings

    @property
    def next_trade_seq(self) -> int:
        return self._next_trade_seq

    @property
    def next_signal_seq(self) -> int:
        return self._next_signal_seq

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

    @property
    def contracts(self) -> Mapping[InstrumentId, Contract]:
        """Perpetuals whose terms and leverage were recorded."""
        return self._margin.contracts

    @property
    def margin_positions(self) -> Mapping[InstrumentId, MarginPosition]:
        """Per perpetual, all strategies together; flat ones stay."""
        return self._margin.positions

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

    @property
    def event_pairs(self) -> Mapping[EventPairId, EventPair]:
        """Every event pair ever proposed, as it stands."""
        return self._event_pairs.rows

    @property
    def pairs(self) -> Mapping[PairId, FundingPair]:
        """Active funding pairs, and the last that closed."""
        return self._pairs.rows

    def active_pairs(self) -> tuple[FundingPair, ...]:
        return self._pairs.active()

    def pair_of(self, instrument: InstrumentId) -> FundingPair | None:
        """The active funding pair one of whose legs this is."""
        return self._pairs.of(instrument)

    @property
    def copy_subscriptions(self) -> Mapping[SubscriptionId, CopySubscription]:
        """In the order they were added; removed ones stay."""
        return self._copies.subscriptions

    @property
    def copy_positions(self) -> Mapping[tuple[SubscriptionId, InstrumentId], CopyPosition]:
        return self._copies.positions

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
        return self._balances.free(venue, asset)

    def open_trades(self) -> tuple[Trade, ...]:
        return tuple(self._trades.open.values())

    def trade(self, trade_id: TradeId) -> Trade | None:
        """Find an open or recently closed trade."""
        return self._trades.find(trade_id)

    def orders_of(self, trade_id: TradeId) -> tuple[Order, ...]:
        """In the order they were added; empty for a trade not in memory."""
        return self._orders.of(trade_id)

    def has_fill(self, venue: VenueId, venue_trade_id: str) -> bool:
        """Whether a fill was booked, or called void: told once more, or only now, it is no news."""
        key = (venue, venue_trade_id)
        return key in self._fill_keys or self._margin.settling.failed(*key)
