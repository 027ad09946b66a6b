"""A simulated trader on a simulated prediction market, whose activity is public.

He buys at the ask and sells at the bid, often in several fills of one transaction, keeps what he
has for a while, sells it in parts, now and then splits cash into both outcomes or merges them, and
redeems what has been resolved. His trades leave the market as it is: he is small.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from arbiter.model.copying import (
    LeaderAction,
    LeaderHolding,
    LeaderKind,
    Outcome,
    Wallet,
)
from arbiter.model.errors import BadConfig
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO, from_float
from arbiter.model.time import NS_PER_S

SIMULATED_WALLET = Wallet("0x51a7ed1eade7000000000000000000000000c0de")

Quotes = Callable[[InstrumentId], tuple[float, float] | None]
"""Bid and ask of an instrument, where there are any."""

_TRADED_FROM, _TRADED_TO = 0.08, 0.92
_KEPT_ACTS = 2_000


class LeaderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    enabled: bool = True
    venue: VenueId = VenueId("polymarket")
    every_seconds: float = 12.0
    """Mean time between two decisions."""
    smallest: int = 10
    """Contracts of one decision."""
    largest: int = 80
    most_markets: int = 5
    """He holds so many at a time."""

    def __post_init__(self) -> None:
        if not 0.01 <= self.every_seconds <= 86_400:
            raise BadConfig(
                f"sim.leader.every_seconds must lie in 0.01..86400, got {self.every_seconds:g}"
            )
        if not 1 <= self.smallest <= self.largest <= 1_000_000:
            raise BadConfig("sim.leader.smallest must be at least 1 and not above largest")
        if self.most_markets < 1:
            raise BadConfig(f"sim.leader.most_markets must be at least 1, got {self.most_markets}")


class LeaderMemory(msgspec.Struct, kw_only=True):
    """What he goes on from after a restart of the venues."""

    holdings: dict[str, Decimal] = {}
    """By ``market:outcome``."""
    actions: list[LeaderAction] = []
    """The newest, oldest first."""


class SimulatedLeader:
    """`step` lets him decide when it is time; what he did is in `memory`."""

    def __init__(
        self,
        settings: LeaderSettings,
        instruments: Iterable[Instrument],
        rng: np.random.Generator,
        now_ns: int,
        memory: LeaderMemory | None = None,
    ) -> None:
        self.settings = settings
        self.memory = memory or LeaderMemory()
        self._rng = rng
        self._markets: dict[str, Instrument] = {}
        self.take_up(instruments)
        self._next_ns = now_ns
        self._rest(now_ns)

    @property
    def wallet(self) -> Wallet:
        return SIMULATED_WALLET

    def take_up(self, instruments: Iterable[Instrument]) -> None:
        """Take up the prediction markets among these, where they are his venue's."""
        for instrument in instruments:
            if instrument.venue == self.settings.venue and instrument.kind is InstrumentKind.BINARY:
                self._markets[instrument.market_id] = instrument

    def actions_since(self, since_ns: int) -> list[LeaderAction]:
        return [action for action in self.memory.actions if action.at_ns >= since_ns]

    def holdings(self) -> list[LeaderHolding]:
        held = []
        for key, size in self.memory.holdings.items():
            market, _, outcome = key.rpartition(":")
            held.append(LeaderHolding(market=market, outcome=Outcome(outcome), size=size))
        return held

    def step(self, now_ns: int, quotes: Quotes) -> list[LeaderAction]:
        """Decide, if it is time; gives what he did, which `memory` then holds too."""
        if now_ns < self._next_ns or not self._markets:
            return []
        self._rest(now_ns)
        held = self._sellable(quotes)
        draw = self._rng.random()
        if held and (draw < 0.4 or len(held) >= self.settings.most_markets):
            return self._leave(held, now_ns, quotes)
        return self._enter(now_ns, quotes, split=draw > 0.93)

    def resolve(self, instrument: Instrument, now_ns: int) -> list[LeaderAction]:
        """Redeem what he holds of a market that was resolved."""
        market = instrument.market_id
        payout = sum((self._size(market, outcome) for outcome in _SIDES), ZERO)
        if not payout:
            return []
        for outcome in _SIDES:
            self._move(market, outcome, -self._size(market, outcome))
        acts = [self._act(LeaderKind.REDEEM, market, Outcome.BOTH, payout, ZERO, now_ns)]
        return self._told(acts, self._transaction())

    def _rest(self, now_ns: int) -> None:
        wait_s = self._rng.exponential(self.settings.every_seconds)
        longest_s = 2.0 * self.settings.every_seconds
        self._next_ns = now_ns + int(min(wait_s, longest_s) * NS_PER_S)

    def _sellable(self, quotes: Quotes) -> list[tuple[str, Outcome, Decimal]]:
        """What he holds where there is a price: a market that is over is waited out."""
        return [
            (row.market, row.outcome, row.size)
            for row in self.holdings()
            if self._price(row.market, row.outcome, quotes, buys=False) is not None
        ]

    def _enter(self, now_ns: int, quotes: Quotes, *, split: bool) -> list[LeaderAction]:
        market = sorted(self._markets)[int(self._rng.integers(len(self._markets)))]
        outcome = _SIDES[int(self._rng.integers(2))]
        size = int(self._rng.integers(self.settings.smallest, self.settings.largest + 1))
        price = self._price(market, outcome, quotes, buys=True)
        if price is None:
            return []
        if split:
            for side in _SIDES:
                self._move(market, side, Decimal(size))
            act = self._act(LeaderKind.SPLIT, market, Outcome.BOTH, Decimal(size), ZERO, now_ns)
            return self._told([act], self._transaction())
        return self._trade(LeaderKind.BUY, market, outcome, Decimal(size), price, now_ns)

    def _leave(
        self, held: Sequence[tuple[str, Outcome, Decimal]], now_ns: int, quotes: Quotes
    ) -> list[LeaderAction]:
        market, outcome, size = held[int(self._rng.integers(len(held)))]
        both = min(self._size(market, side) for side in _SIDES)
        if both and self._rng.random() < 0.3:
            for side in _SIDES:
                self._move(market, side, -both)
            act = self._act(LeaderKind.MERGE, market, Outcome.BOTH, both, ZERO, now_ns)
            return self._told([act], self._transaction())
        price = self._price(market, outcome, quotes, buys=False)
        if price is None:
            return []
        part = size if self._rng.random() < 0.5 else (size / 2).to_integral_value()
        return self._trade(LeaderKind.SELL, market, outcome, part or size, price, now_ns)

    def _trade(
        self,
        kind: LeaderKind,
        market: str,
        outcome: Outcome,
        size: Decimal,
        price: Decimal,
        now_ns: int,
    ) -> list[LeaderAction]:
        """One order, filled in one to three parts of one transaction; two may be alike."""
        self._move(market, outcome, size if kind is LeaderKind.BUY else -size)
        parts = [size]
        if size >= 6 and self._rng.random() < 0.5:
            third = (size / 3).to_integral_value()
            parts = [third, third, size - 2 * third]
        return self._told(
            [self._act(kind, market, outcome, part, price, now_ns) for part in parts],
            self._transaction(),
        )

    def _price(
        self, market: str, outcome: Outcome, quotes: Quotes, *, buys: bool
    ) -> Decimal | None:
        """What he pays or gets for a contract of an outcome now; None where he keeps away."""
        instrument = self._markets.get(market)
        quote = None if instrument is None else quotes(instrument.id)
        if quote is None:
            return None
        bid, ask = quote
        if not _TRADED_FROM <= bid < ask <= _TRADED_TO:
            return None
        takes_ask = buys == (outcome is Outcome.YES)
        yes = from_float(ask if takes_ask else bid)
        return yes if outcome is Outcome.YES else ONE - yes

    def _act(
        self,
        kind: LeaderKind,
        market: str,
        outcome: Outcome,
        size: Decimal,
        price: Decimal,
        now_ns: int,
    ) -> LeaderAction:
        return LeaderAction(
            venue=self.settings.venue,
            wallet=self.wallet,
            key="",
            kind=kind,
            market=market,
            outcome=outcome,
            size=size,
            price=price,
            at_ns=now_ns,
        )

    def _told(self, acts: Sequence[LeaderAction], transaction: str) -> list[LeaderAction]:
        named = [
            msgspec.structs.replace(act, key=f"{transaction}:{number}", decision=transaction)
            for number, act in enumerate(acts)
        ]
        self.memory.actions = [*self.memory.actions, *named][-_KEPT_ACTS:]
        return named

    def _transaction(self) -> str:
        return f"0x{self._rng.bytes(32).hex()}"

    def _size(self, market: str, outcome: Outcome) -> Decimal:
        return self.memory.holdings.get(f"{market}:{outcome}", ZERO)

    def _move(self, market: str, outcome: Outcome, change: Decimal) -> None:
        key = f"{market}:{outcome}"
        size = self._size(market, outcome) + change
        if size > ZERO:
            self.memory.holdings[key] = size
        else:
            self.memory.holdings.pop(key, None)


_SIDES = (Outcome.YES, Outcome.NO)
