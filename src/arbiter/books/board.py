"""The quote board: the newest top of book of every instrument, and what a new one makes possible.

Its arrays belong to the kernel; this is their door. Prices are quote per base, sizes in the
instrument's size unit, times ns UTC.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from arbiter.books.registry import MarketRegistry
from arbiter.kernels import quote_step as kernel
from arbiter.model.errors import BadConfig
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import without_noise
from arbiter.model.quotes import Quote, QuoteFault
from arbiter.model.time import NS_PER_S


class BoardSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a candidate; edges are fractions of the buy price, net of fees and slippage."""

    min_edge: float = 0.005
    max_edge: float = 1.0
    """Above this a spread is taken for bad data."""
    slippage: float = 0.001
    """Fraction of the buy price allowed for."""
    max_age_ns: int = 5 * NS_PER_S

    def __post_init__(self) -> None:
        for name in ("min_edge", "max_edge", "slippage"):
            if not math.isfinite(getattr(self, name)):
                raise BadConfig(f"{name} must be a finite number, got {getattr(self, name)}")
        if self.slippage < 0:
            raise BadConfig(f"slippage must not be negative, got {self.slippage}")
        if self.max_edge < self.min_edge:
            raise BadConfig(f"max_edge {self.max_edge} is below min_edge {self.min_edge}")
        if self.max_age_ns <= 0:
            raise BadConfig(f"max_age_ns must be positive, got {self.max_age_ns}")


class BestPair(msgspec.Struct, frozen=True):
    """The best spread of one symbol now, whether or not it pays."""

    buy_slot: int
    sell_slot: int
    buy_price: float
    sell_price: float
    edge: float
    """Net of fees and slippage, a fraction of the buy price."""


class QuoteRows(msgspec.Struct, frozen=True, kw_only=True):
    """Recorded quotes in the order of receipt, `n` rows."""

    slots: NDArray[np.int32]
    """[n], each a slot of the board that lists something."""
    prices: NDArray[np.float64]
    """[n, 4]: bid, ask, bid size, ask size."""
    times: NDArray[np.int64]
    """[n, 2]: the venue's time (0 where it gives none) and the time of receipt, ns UTC."""

    def __len__(self) -> int:
        return len(self.slots)


class QuoteBoard:
    """Top of book, age and health of every slot of a registry.

    Spot instruments are watched for spreads from the start; `watch` narrows that. `step` takes the
    quotes in place of the compiled kernel, by the same rules.
    """

    def __init__(
        self,
        registry: MarketRegistry,
        settings: BoardSettings,
        step: kernel.QuoteStep | None = None,
    ) -> None:
        self.registry = registry
        self.n_slots = registry.n_slots
        self.n_venues = len(registry.venues)
        self._state = kernel.new_state(self.n_slots)
        self._cells: Sequence[float] = self._state.reshape(-1).data
        """The state number by number: to read a few so costs half of what numpy takes."""
        self._params = kernel.new_params(self.n_venues)
        self._step = step or kernel.quote_step
        self._faults: dict[VenueId, dict[QuoteFault, int]] = {v: {} for v in registry.venues}
        self._quiet = kernel.new_quiet(self.n_slots, self.n_venues)
        self._quiet_cells = self._quiet.reshape(-1).data
        self._scan_faults = np.zeros((self.n_slots, kernel.FAULTS), dtype=np.int64)
        self._health_reasons = dict.fromkeys(registry.venues, "")
        self._healthy = dict.fromkeys(registry.venues, True)
        """As in the kernel's parameters, where Python need not unpack it."""
        self._began_ns = 0
        self.admit(registry.instruments)
        self.watch(
            registry.slot(i.id) for i in registry.instruments if i.kind is InstrumentKind.SPOT
        )
        self.settings = settings
        self.reconfigure(settings)

    # Writing -----------------------------------------------------------------------------

    def admit(self, instruments: Iterable[Instrument]) -> None:
        """Take quotes of what the registry lists from now on."""
        for instrument in instruments:
            slot = self.registry.slot(instrument.id)
            self._state[slot, kernel.FEE] = float(instrument.taker_fee)

    def update(
        self,
        slot: int,
        bid: float,
        ask: float,
        bid_size: float,
        ask_size: float,
        exchange_ns: int,
        receive_ns: int,
    ) -> int:
        """Take one quote: 0 nothing, > 0 a candidate for `decode`, < 0 refused (−`QuoteFault`).

        A refused quote leaves the old one in place and is counted. `exchange_ns` 0 stands for a
        venue that gives no time.
        """
        code = self._step(
            self._state, self._params, slot, bid, ask, bid_size, ask_size, exchange_ns, receive_ns
        )
        if code < 0:
            self._count_fault(slot, QuoteFault(-code))
        return code

    def scan(self, rows: QuoteRows, start: int, until_ns: int) -> tuple[int, int, int]:
        """Take recorded quotes as `update` would, up to and including the next candidate.

        Gives the row to go on from, the candidate's code and how many were hushed before it.
        Code 0: the rows are used up, or the next one was received at `until_ns` or later.
        """
        return kernel.quote_scan(
            self._state,
            self._params,
            self._quiet,
            self._scan_faults,
            rows.slots,
            rows.prices,
            rows.times,
            start,
            len(rows.slots),
            until_ns,
        )

    def hush(self, buy_slot: int, sell_slot: int, until_ns: int) -> None:
        """Have `scan` pass over the candidates of a direction that are received before a time.

        Whoever asks for it answers candidates with nothing until then; `update` gives them still.
        """
        self._quiet_cells[buy_slot * self.n_venues + sell_slot % self.n_venues] = until_ns

    def decode(self, code: int) -> tuple[int, int]:
        """Give (buy slot, sell slot) of a candidate's code."""
        return divmod(code - 1, self.n_slots)

    def reconfigure(self, settings: BoardSettings) -> None:
        """Use other thresholds from the next quote on."""
        self.settings = settings
        self._params[kernel.MIN_EDGE] = settings.min_edge
        self._params[kernel.MAX_EDGE] = settings.max_edge
        self._params[kernel.SLIPPAGE] = settings.slippage
        self._params[kernel.MAX_AGE] = settings.max_age_ns

    def tune(self, *, min_edge: float, max_edge: float, slippage: float, max_age_ns: int) -> None:
        """Do as `reconfigure`, for callers that do not know the settings record."""
        self.reconfigure(
            BoardSettings(
                min_edge=min_edge, max_edge=max_edge, slippage=slippage, max_age_ns=max_age_ns
            )
        )

    def watch(self, slots: Iterable[int]) -> None:
        """Look for spreads among these slots only; quotes of all others are still kept."""
        self._state[:, kernel.WATCHED] = 0.0
        self._state[list(slots), kernel.WATCHED] = 1.0

    def set_venue_health(self, venue: VenueId, healthy: bool, reason: str = "") -> None:
        """Note that a venue is lost or back. Quotes from before a loss are never used again."""
        index = self.registry.venue_index(venue)
        self._params[self._of_venue(index) + kernel.HEALTHY] = 1.0 if healthy else 0.0
        self._healthy[venue] = healthy
        self._health_reasons[venue] = "" if healthy else reason
        if not healthy:
            rows = self._state[index :: self.n_venues]
            rows[:, kernel.LIVE] = 0.0
            rows[:, kernel.EXCHANGE] = -np.inf

    # Reading -----------------------------------------------------------------------------

    def healthy(self, venue: VenueId) -> bool:
        return self._healthy[venue]

    def health_reason(self, venue: VenueId) -> str:
        """Say why a venue is unhealthy; empty when it is well."""
        return self._health_reasons[venue]

    def quote(self, instrument_id: InstrumentId) -> Quote | None:
        """Give the newest quote; None before the first and after the loss of the venue."""
        return self.quote_at(self.registry.slot(instrument_id))

    def quote_at(self, slot: int) -> Quote | None:
        """Give the newest quote of a slot, as `quote`."""
        instrument, cells, row = self.registry.by_slot[slot], self._cells, slot * kernel.COLUMNS
        if instrument is None or not cells[row + kernel.LIVE]:
            return None
        epoch_ns = self._began_ns or self._epoch_ns
        return Quote(
            instrument=instrument.id,
            bid=cells[row + kernel.BID],
            ask=cells[row + kernel.ASK],
            bid_size=cells[row + kernel.BID_SIZE],
            ask_size=cells[row + kernel.ASK_SIZE],
            exchange_ns=epoch_ns + int(cells[row + kernel.EXCHANGE]),
            receive_ns=epoch_ns + int(cells[row + kernel.RECEIVE]),
        )

    def tops(self, venue: VenueId) -> NDArray[np.float64]:
        """Give the newest quotes of a venue by symbol, as [bid, ask, sizes, times]; a view."""
        index = self.registry.venue_index(venue)
        return self._state[index :: self.n_venues, : kernel.FEE]

    def mark(self, instrument_id: InstrumentId) -> float | None:
        """Give the mid of the last quote, however old: to value holdings, never to trade on.

        None before the first, and for what is not listed here any more.
        """
        if self.registry.get(instrument_id) is None:
            return None
        slot = self.registry.slot(instrument_id)
        bid, ask = self._state[slot, kernel.BID], self._state[slot, kernel.ASK]
        return without_noise(float(bid + ask) / 2) if bid > 0 else None

    def age_ns(self, instrument_id: InstrumentId, now_ns: int) -> int | None:
        """Give the time since the newest quote was received; None where there is none to use."""
        cells, row = self._cells, self.registry.slot(instrument_id) * kernel.COLUMNS
        if not cells[row + kernel.LIVE]:
            return None
        return now_ns - (self._began_ns or self._epoch_ns) - int(cells[row + kernel.RECEIVE])

    def fresh_top(self, instrument_id: InstrumentId, since_ns: int) -> tuple[float, float] | None:
        """Give (bid, ask) of the newest quote, if it was received at `since_ns` or later."""
        cells, row = self._cells, self.registry.slot(instrument_id) * kernel.COLUMNS
        if not cells[row + kernel.LIVE] or cells[row + kernel.RECEIVE] < since_ns - self._epoch_ns:
            return None
        return cells[row + kernel.BID], cells[row + kernel.ASK]

    def edge(self, buy_slot: int, sell_slot: int) -> float:
        """Give the net edge of a pair now, by the kernel's formula; −inf without live quotes.

        Age and health are not looked at: the caller asks for those with its own clock.
        """
        cells, buy, sell = self._cells, buy_slot * kernel.COLUMNS, sell_slot * kernel.COLUMNS
        if not (cells[buy + kernel.LIVE] and cells[sell + kernel.LIVE]):
            return -math.inf
        ask, bid = cells[buy + kernel.ASK], cells[sell + kernel.BID]
        fee, other_fee = cells[buy + kernel.FEE], cells[sell + kernel.FEE]
        net = bid - ask - ask * fee - bid * other_fee - ask * self.settings.slippage
        return float(net / ask)

    def spread_rows(self, now_ns: int, *, limit: int | None = None) -> list[BestPair]:
        """Give the best pair of every symbol that two venues quote afresh, best edge first."""
        if not self.n_slots:
            return []
        edges = self.edges(now_ns)
        flat = edges.reshape(len(edges), -1)
        best = flat.argmax(axis=1)
        value = flat[np.arange(len(flat)), best]
        order = np.argsort(-value, kind="stable")
        order = order[np.isfinite(value[order])][:limit]
        return [self._pair(int(s), int(best[s]), float(value[s])) for s in order]

    def pairs_of(self, slot: int, now_ns: int) -> list[BestPair]:
        """Give every pair of the symbol that `slot` belongs to, both ways, best edge first."""
        symbol = slot // self.n_venues
        flat = self.edges(now_ns)[symbol].reshape(-1)
        order = np.argsort(-flat, kind="stable")
        return [self._pair(symbol, int(p), float(flat[p])) for p in order if np.isfinite(flat[p])]

    def edges(self, now_ns: int) -> NDArray[np.float64]:
        """Give net edges as [symbol, buy venue, sell venue]; −inf where a pair cannot be traded."""
        table = self._table()
        fresh = self._fresh(now_ns) & (table[:, :, kernel.WATCHED] > 0)
        buyable = fresh & (table[:, :, kernel.ASK_SIZE] > 0)
        sellable = fresh & (table[:, :, kernel.BID_SIZE] > 0)
        usable = buyable[:, :, None] & sellable[:, None, :]
        usable &= ~np.eye(self.n_venues, dtype=bool)
        ask = np.where(buyable, table[:, :, kernel.ASK], 1.0)[:, :, None]
        bid = np.where(sellable, table[:, :, kernel.BID], 1.0)[:, None, :]
        fee = np.nan_to_num(table[:, :, kernel.FEE])
        cost = ask * fee[:, :, None] + bid * fee[:, None, :] + ask * self.settings.slippage
        return np.where(usable, (bid - ask - cost) / ask, -np.inf)

    def gross_spreads(self, now_ns: int) -> NDArray[np.float64]:
        """Give (bid − ask) / ask as [symbol, buy venue, sell venue]; NaN where not fresh."""
        table, fresh = self._table(), self._fresh(now_ns)
        ask = np.where(fresh, table[:, :, kernel.ASK], np.nan)[:, :, None]
        bid = np.where(fresh, table[:, :, kernel.BID], np.nan)[:, None, :]
        return (bid - ask) / ask

    def spreads_of(
        self, buys: NDArray[np.intp], sells: NDArray[np.intp], now_ns: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give gross spreads and net edges of chosen pairs, as fractions; NaN where not fresh."""
        buy, sell = self._state[buys], self._state[sells]
        oldest = now_ns - self._epoch_ns - self.settings.max_age_ns
        ask, bid = buy[:, kernel.ASK], sell[:, kernel.BID]
        fresh = (buy[:, kernel.LIVE] > 0) & (sell[:, kernel.LIVE] > 0)
        fresh &= np.minimum(buy[:, kernel.RECEIVE], sell[:, kernel.RECEIVE]) >= oldest
        well = self._per_venue(kernel.HEALTHY) > 0
        fresh &= well[buys % self.n_venues] & well[sells % self.n_venues]
        ask = np.where(fresh, ask, np.nan)
        gross = (bid - ask) / ask
        fees = buy[:, kernel.FEE] + bid / ask * sell[:, kernel.FEE]
        return gross, gross - fees - self.settings.slippage

    def mids(self, now_ns: int) -> NDArray[np.float64]:
        """Give the mid price of every slot; NaN where the quote is not fresh."""
        middle = (self._state[:, kernel.BID] + self._state[:, kernel.ASK]) / 2
        return np.where(self._fresh(now_ns).reshape(-1), middle, np.nan)

    @property
    def fault_counts(self) -> dict[VenueId, dict[QuoteFault, int]]:
        """Refused quotes by venue and fault; what no venue lists is counted under none."""
        self._gather_scan_faults()
        return {venue: dict(counts) for venue, counts in self._faults.items()}

    @property
    def quotes_total(self) -> int:
        """Quotes taken since the start."""
        return int(self._per_venue(kernel.ACCEPTED).sum())

    @property
    def accepted_counts(self) -> dict[VenueId, int]:
        """Quotes taken since the start, by venue."""
        counts = self._per_venue(kernel.ACCEPTED).astype(np.int64).tolist()
        return dict(zip(self.registry.venues, counts, strict=True))

    @property
    def last_receive_ns(self) -> dict[VenueId, int | None]:
        """When each venue was last heard of with a good quote."""
        times = self._per_venue(kernel.LAST_RECEIVE)
        return {
            venue: self._epoch_ns + int(at) if math.isfinite(at) else None
            for venue, at in zip(self.registry.venues, times.tolist(), strict=True)
        }

    def _table(self) -> NDArray[np.float64]:
        """The state as [symbol, venue, column]; a view."""
        return self._state.reshape(-1, self.n_venues, kernel.COLUMNS)

    def _fresh(self, now_ns: int) -> NDArray[np.bool_]:
        """[symbol, venue]: quoted, not too old, venue well."""
        table = self._table()
        oldest = now_ns - self._epoch_ns - self.settings.max_age_ns
        well = self._per_venue(kernel.HEALTHY) > 0
        return (table[:, :, kernel.LIVE] > 0) & (table[:, :, kernel.RECEIVE] >= oldest) & well

    def _pair(self, symbol: int, pair: int, edge: float) -> BestPair:
        buy_venue, sell_venue = divmod(pair, self.n_venues)
        buy, sell = symbol * self.n_venues + buy_venue, symbol * self.n_venues + sell_venue
        ask, bid = float(self._state[buy, kernel.ASK]), float(self._state[sell, kernel.BID])
        return BestPair(buy, sell, ask, bid, edge)

    def _count_fault(self, slot: int, fault: QuoteFault) -> None:
        """A slot that exists has a venue to count it under, listed there or not."""
        if 0 <= slot < self.n_slots:
            counts = self._faults[self.registry.venues[slot % self.n_venues]]
            counts[fault] = counts.get(fault, 0) + 1

    def _gather_scan_faults(self) -> None:
        for slot, fault in np.argwhere(self._scan_faults).tolist():
            counts = self._faults[self.registry.venues[slot % self.n_venues]]
            found = int(self._scan_faults[slot, fault])
            counts[QuoteFault(fault)] = counts.get(QuoteFault(fault), 0) + found
        self._scan_faults[:] = 0

    def _per_venue(self, field: int) -> NDArray[np.float64]:
        return self._params[kernel.HEADER + field :: kernel.VENUE_FIELDS]

    @staticmethod
    def _of_venue(index: int) -> int:
        return kernel.HEADER + index * kernel.VENUE_FIELDS

    @property
    def _epoch_ns(self) -> int:
        """Set by the first quote, for good."""
        if not self._began_ns:
            self._began_ns = int(self._params.item(kernel.EPOCH_S)) * NS_PER_S
        return self._began_ns
