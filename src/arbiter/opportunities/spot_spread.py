"""The spot strategy: which candidates become signals, and which orders a signal asks for.

Signals are executable: bought at an ask, sold at a bid. A candidate that a filter stops gives one
signal per opening, with the filter in its verdict; an opening lasts while candidates of its
direction follow one another within the largest quote age.
"""

from collections import deque
from collections.abc import Callable
from decimal import Decimal

from arbiter.model.ids import Actor
from arbiter.model.instruments import InstrumentKind
from arbiter.model.money import ONE, from_float, quotient
from arbiter.model.orders import Side
from arbiter.model.plans import Family, Leg, Plan, Signal
from arbiter.model.quotes import Quote
from arbiter.model.time import NS_PER_HOUR
from arbiter.opportunities.premium import PremiumTracker
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from arbiter.opportunities.spot_sizing import FreeBalance, make_terms, size_of
from arbiter.opportunities.trend import DOWN, FLAT, UP, TrendTracker
from arbiter.opportunities.view import Ids, Markets, SpreadBoard

_TREND_ALLOWS: dict[TrendFilterMode, Callable[[int, int], bool]] = {
    TrendFilterMode.UPTREND_BUY_LOW: lambda buy, sell: UP in {buy, sell},
    TrendFilterMode.DOWNTREND_SELL_HIGH: lambda buy, sell: DOWN in {buy, sell},
    TrendFilterMode.BOTH: lambda buy, sell: buy != FLAT or sell != FLAT,
}


class SpotSpread:
    """Turns the board's candidates into signals and plans, one direction at a time.

    A direction is a symbol bought on one venue and sold on another. The settings drive the board
    too: what it takes for a candidate and which slots it watches.
    """

    def __init__(
        self,
        settings: SpotSettings,
        board: SpreadBoard,
        markets: Markets,
        trend: TrendTracker,
        ids: Ids,
    ) -> None:
        self._board = board
        self._markets = markets
        self._trend = trend
        self._ids = ids
        self._n_slots = markets.n_slots
        self._quiet_until: dict[int, int] = {}
        self._traded_at: dict[int, int] = {}
        self._trades: deque[int] = deque()
        self._blocked: dict[int, int] = {}
        self._refused: dict[int, int] = {}
        self._premium: PremiumTracker | None = None
        self._considered: tuple[Signal, int, Quote, Quote] | None = None
        """The newest signal, with its direction and the quotes it was read from."""
        self.settings = settings
        self.reconfigure(settings)

    def reconfigure(self, settings: SpotSettings) -> None:
        """Use other settings from the next quote on; cooldowns under way follow them."""
        previous, self.settings = self.settings, settings
        # What every candidate needs, worked out once: they come in bursts.
        self._max_age_ns, self._full = settings.max_age_ns, full_amount(settings)
        self._cooldown_ns, self._retry_ns = settings.cooldown_ns, settings.retry_ns
        self._allows = _TREND_ALLOWS.get(settings.trend_filter)
        self._actor = Actor(f"strategy:{settings.strategy}")
        self._board.tune(
            min_edge=float(settings.min_profit_threshold),
            max_edge=float(settings.max_spread_threshold),
            slippage=float(settings.slippage_tolerance),
            max_age_ns=settings.max_age_ns,
        )
        self._board.watch(self._watched_slots())
        self._trend.reconfigure(
            periods=settings.moving_average_periods,
            threshold=settings.trend_confirmation_threshold,
        )
        for key in self._quiet_until:
            traded = self._traded_at.get(key)
            self._keep_quiet(key, 0 if traded is None else traded + settings.cooldown_ns)
        window = (settings.premium_samples, settings.premium_min_samples)
        if not settings.premium_detection:
            self._premium = None
        elif self._premium is None or window != (
            previous.premium_samples,
            previous.premium_min_samples,
        ):
            venues = len(self._markets.venues)
            self._premium = PremiumTracker(
                self._n_slots // max(venues, 1), venues, samples=window[0], min_samples=window[1]
            )

    def sample(self, now_ns: int, *, ahead: bool = True) -> None:
        """Take the one-second samples of trend and premium; call it once a second.

        With `ahead`, trends are worked out at once; without, when a candidate asks for them: the
        same trends, for recordings that have few candidates.
        """
        self._trend.sample(self._board, now_ns)
        if ahead:
            self._trend.judge()
        if self._premium is not None:
            self._premium.sample(self._board, now_ns)

    def consider(self, buy_slot: int, sell_slot: int, now_ns: int) -> Signal | None:
        """Judge one candidate of the board.

        None: nothing to say (cooling down, or already said for this opening). A signal with an
        empty `verdict` is to be planned; one with a verdict was stopped and is only to be stored.
        """
        key = buy_slot * self._n_slots + sell_slot
        if now_ns < self._quiet_until.get(key, now_ns):
            return None
        verdict = self._obstacle(buy_slot, sell_slot, now_ns)
        if verdict and self._is_told(key, now_ns):
            return None
        buy, sell = self._board.quote_at(buy_slot), self._board.quote_at(sell_slot)
        if buy is None or sell is None:
            return None
        if not verdict:
            self._blocked.pop(key, None)
            self._keep_quiet(key, now_ns + self._retry_ns)
        signal = self._signal(buy, sell, now_ns, verdict)
        self._considered = (signal, key, buy, sell)
        return signal

    def note_traded(self, signal: Signal, now_ns: int) -> None:
        """Start the cooldown of a direction and count towards the hourly cap.

        Call it when the plan was approved; at a start, with the signals of the last hour, also of
        what is not listed any more: they count towards the cap.
        """
        self._trades.append(now_ns)
        key = self._key(signal)
        if key is None:
            return
        self._refused.pop(key, None)
        self._traded_at[key] = now_ns
        self._keep_quiet(key, now_ns + self._cooldown_ns)

    def note_refused(self, signal: Signal, now_ns: int) -> bool:
        """Note that sizing or the gate stopped a signal; True when the opening's first.

        Only that one is worth storing: the direction is tried again every `retry_seconds`.
        """
        key = self._key(signal)
        if key is None:
            return False
        last = self._refused.get(key)
        self._refused[key] = now_ns
        gap = max(self._max_age_ns, 2 * self._retry_ns)
        return last is None or now_ns - last > gap

    def plan(
        self,
        signal: Signal,
        free: FreeBalance,
        now_ns: int,
        scale: Decimal = ONE,
        *,
        at_once: bool = False,
    ) -> Plan | str:
        """Ask for both legs, or say which limit left nothing.

        Both legs are IOC limits at the signal's price and the slippage tolerance beyond it;
        their size is the same and lies on both lots. `free` gives a venue's free balance. `at_once`
        says that nothing was quoted since `consider`: the quotes it read are used again.
        """
        buy = self._markets.by_id(signal.buy_instrument)
        sell = self._markets.by_id(signal.sell_instrument)
        ask, bid = self._quotes(signal, at_once=at_once)
        if ask is None or bid is None:
            return f"QUOTE: {(buy if ask is None else sell).id} is no longer quoted"
        terms = make_terms(
            buy,
            sell,
            (signal.buy_price, signal.sell_price),
            (from_float(ask.ask_size), from_float(bid.bid_size)),
            self.settings.slippage_tolerance,
        )
        size = size_of(terms, self.settings, free, scale)
        if isinstance(size, str):
            return size
        return Plan(
            strategy=signal.strategy,
            family=Family.SPOT,
            actor=self._actor,
            symbol=signal.symbol,
            legs=(
                Leg(
                    instrument=buy.id,
                    side=Side.BUY,
                    size=size,
                    price=terms.buy_limit,
                    planned_price=signal.buy_price,
                ),
                Leg(
                    instrument=sell.id,
                    side=Side.SELL,
                    size=size,
                    price=terms.sell_limit,
                    planned_price=signal.sell_price,
                ),
            ),
            signal_id=signal.id,
            signal_seq=signal.seq,
            min_edge=self.settings.min_profit_threshold,
            created_ns=now_ns,
        )

    def _quotes(self, signal: Signal, *, at_once: bool) -> tuple[Quote | None, Quote | None]:
        considered = self._considered
        if at_once and considered is not None and considered[0] is signal:
            return considered[2:]
        slot = self._markets.slot
        return (
            self._board.quote_at(slot(signal.buy_instrument)),
            self._board.quote_at(slot(signal.sell_instrument)),
        )

    def trades_last_hour(self, now_ns: int) -> int:
        """Give how much of the hourly cap is used."""
        while self._trades and now_ns - self._trades[0] >= NS_PER_HOUR:
            self._trades.popleft()
        return len(self._trades)

    def _keep_quiet(self, key: int, until_ns: int) -> None:
        """Say nothing of a direction until then, and spare a scan the finding."""
        self._quiet_until[key] = until_ns
        self._board.hush(*divmod(key, self._n_slots), until_ns)

    def _obstacle(self, buy_slot: int, sell_slot: int, now_ns: int) -> str:
        """Name the filter that stops a candidate, with its setting; empty when none does."""
        settings = self.settings
        if self._allows is not None and not self._allows(
            self._trend.direction(buy_slot), self._trend.direction(sell_slot)
        ):
            return f"TREND_FILTER: mode={settings.trend_filter}"
        if self.trades_last_hour(now_ns) >= settings.max_trades_per_hour:
            return f"HOURLY_CAP: max_trades_per_hour={settings.max_trades_per_hour}"
        if self._premium is not None and self._is_premium(buy_slot, sell_slot):
            return f"PREMIUM: max_z={settings.premium_max_z}"
        return ""

    def _is_premium(self, buy_slot: int, sell_slot: int) -> bool:
        buy, sell = self._board.quote_at(buy_slot), self._board.quote_at(sell_slot)
        if self._premium is None or buy is None or sell is None:
            return False
        z = self._premium.z_score(buy_slot, sell_slot, (sell.bid - buy.ask) / buy.ask)
        return z is not None and abs(z) > self.settings.premium_max_z

    def _is_told(self, key: int, now_ns: int) -> bool:
        """Whether this opening was already reported as stopped; notes that it still stands."""
        last = self._blocked.get(key)
        self._blocked[key] = now_ns
        return last is not None and now_ns - last <= self._max_age_ns

    def _signal(self, buy: Quote, sell: Quote, now_ns: int, verdict: str) -> Signal:
        bought = self._markets.by_id(buy.instrument)
        sold = self._markets.by_id(sell.instrument)
        ask, bid = from_float(buy.ask), from_float(sell.bid)
        costs = ask * bought.taker_fee + bid * sold.taker_fee
        costs += ask * self.settings.slippage_tolerance
        signal_id, seq = self._ids.signal()
        return Signal(
            id=signal_id,
            seq=seq,
            strategy=self.settings.strategy,
            symbol=bought.symbol,
            buy_instrument=bought.id,
            sell_instrument=sold.id,
            buy_venue=bought.venue,
            sell_venue=sold.venue,
            buy_price=ask,
            sell_price=bid,
            edge=quotient(bid - ask - costs, ask),
            confidence=confidence(buy, sell, now_ns, self._full, self._max_age_ns),
            detected_ns=now_ns,
            verdict=verdict,
        )

    def _key(self, signal: Signal) -> int | None:
        """Number its direction; None where a side is not listed any more."""
        if self._considered is not None and self._considered[0] is signal:
            return self._considered[1]
        sides = signal.buy_instrument, signal.sell_instrument
        if any(self._markets.get(name) is None for name in sides):
            return None
        buy, sell = map(self._markets.slot, sides)
        return buy * self._n_slots + sell

    def _watched_slots(self) -> list[int]:
        """Slots of the spot instruments that the settings allow, for the first `max_symbols`."""
        settings = self.settings
        allowed = [
            i
            for i in self._markets.instruments
            if i.kind is InstrumentKind.SPOT
            and (not settings.quote_currencies or i.quote in settings.quote_currencies)
            and (not settings.symbols or i.symbol in settings.symbols)
        ]
        symbols = list(dict.fromkeys(i.symbol for i in allowed))[: settings.max_symbols]
        chosen = set(symbols)
        return [
            self._markets.slot(i.id)
            for i in allowed
            if i.symbol in chosen and (not settings.exchanges or i.venue in settings.exchanges)
        ]


def full_amount(settings: SpotSettings) -> float:
    """Quote units that a top of book must be worth for full confidence in its size."""
    return float(settings.trade_amount_usd * settings.full_confidence_amounts)


def confidence(buy: Quote, sell: Quote, now_ns: int, full: float, max_age_ns: int) -> Decimal:
    """Give the mean of a size score and an age score, in 0..1.

    Size: the smaller top-of-book notional, in quote, against `full_amount` (1,000 USD by default);
    in money, so that dear and cheap coins compare. Age: 1 for a quote of this moment, 0 at the
    largest age; the older quote counts.
    """
    size_score = min(buy.ask * buy.ask_size, sell.bid * sell.bid_size, full) / full
    age_ns = now_ns - min(buy.receive_ns, sell.receive_ns)
    age_score = 1 - min(max(age_ns, 0), max_age_ns) / max_age_ns
    # Millionths: six places are as much as this says.
    return Decimal(round((size_score + age_score) * 500_000)).scaleb(-6)
