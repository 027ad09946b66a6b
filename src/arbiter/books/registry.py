"""The registry: every name an instrument goes by, looked up and never guessed.

A name belongs to the instrument that was listed under it. Nothing is split or stripped to find
base and quote: ``1000SHIBUSDT`` or ``BTCUSDTUSDC`` are what the venue's listing says they are.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TypeAlias, TypeVar

from arbiter.model.errors import InvalidValue, NotFound, UnknownSymbol
from arbiter.model.ids import InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind

_Key = TypeVar("_Key")
_Names: TypeAlias = dict[_Key, tuple[Symbol, ...]]


class MarketRegistry:
    """All instruments of a run, in a fixed order of symbols and venues (first seen, first kept).

    ``slot = symbol index × number of venues + venue index``: the row of the board's arrays.
    Two instruments of one venue under one symbol, or one id twice, are an `InvalidValue`.
    `room` is for symbols that are admitted while the run goes on: no slot ever changes.
    """

    def __init__(self, instruments: Iterable[Instrument], *, room: int = 0) -> None:
        listed = tuple(instruments)
        self.instruments: tuple[Instrument, ...] = ()
        self.venues: tuple[VenueId, ...] = tuple(dict.fromkeys(i.venue for i in listed))
        self.symbols: tuple[Symbol, ...] = ()
        self.spot_instruments: tuple[Instrument, ...]
        self.n_slots = (len({i.symbol for i in listed}) + room) * len(self.venues)
        self._venue_index = {venue: n for n, venue in enumerate(self.venues)}
        self._symbol_index: dict[Symbol, int] = {}
        self._by_id: dict[InstrumentId, Instrument] = {}
        self._by_listing: dict[tuple[VenueId, Symbol], Instrument] = {}
        self._slots: dict[InstrumentId, int] = {}
        self.by_slot: list[Instrument | None] = [None] * self.n_slots
        """As `instrument_at` tells it, for slots that are known to be on the board."""
        self._ids: dict[str, Instrument] = {}
        self._venue_names = {venue.upper(): venue for venue in self.venues}
        self._canonical: _Names[str] = {}
        self._market_ids: _Names[str] = {}
        self._venue_market_ids: _Names[tuple[VenueId, str]] = {}
        self._compact: dict[Symbol, str] = {}
        self._take(listed)
        listing_spot = {i.venue for i in self.spot_instruments}
        self.spot_venues: tuple[VenueId, ...] = tuple(v for v in self.venues if v in listing_spot)

    @property
    def room(self) -> int:
        """How many more symbols can be admitted."""
        return self.n_slots // max(len(self.venues), 1) - len(self.symbols)

    def admit(self, instruments: Sequence[Instrument]) -> None:
        """List more, all or none: no spot pairs, and on venues that are known.

        What is listed already, or has no room, is an `InvalidValue`.
        """
        for instrument in instruments:
            if instrument.venue not in self._venue_index:
                raise InvalidValue(f"{instrument.id}: no venue is named {instrument.venue!r}")
            if instrument.kind is InstrumentKind.SPOT:
                raise InvalidValue(f"{instrument.id}: spot pairs are listed at the start")
            self._must_be_new(instrument)
        names = [i.id for i in instruments]
        listings = [(i.venue, i.symbol) for i in instruments]
        if len(set(names)) < len(names) or len(set(listings)) < len(listings):
            raise InvalidValue(f"listed twice: {', '.join(sorted(names))}")
        if len({i.symbol for i in instruments} - self._symbol_index.keys()) > self.room:
            raise InvalidValue(f"there is room for {self.room} more symbols")
        self._take(instruments)

    def by_id(self, instrument_id: InstrumentId) -> Instrument:
        """Give the instrument of an id; an id that is not listed is `NotFound`."""
        try:
            return self._by_id[instrument_id]
        except KeyError:
            raise NotFound(f"no instrument has the id {instrument_id!r}") from None

    def get(self, instrument_id: InstrumentId) -> Instrument | None:
        """Give the instrument of an id; None for one that is not listed, or not any more."""
        return self._by_id.get(instrument_id)

    def find(self, venue: VenueId, symbol: Symbol) -> Instrument | None:
        """Give what a venue lists under a symbol, if anything."""
        return self._by_listing.get((venue, symbol))

    def listings(self, symbol: Symbol) -> tuple[Instrument, ...]:
        """Give the instruments of a symbol, in the order of venues."""
        found = (self._by_listing.get((venue, symbol)) for venue in self.venues)
        return tuple(i for i in found if i is not None)

    def slot(self, instrument_id: InstrumentId) -> int:
        """Give the board's row of an instrument; an id that is not listed is `NotFound`."""
        try:
            return self._slots[instrument_id]
        except KeyError:
            return self._slots[self.by_id(instrument_id).id]

    def instrument_at(self, slot: int) -> Instrument | None:
        """Give the instrument of a row; None where the venue does not list the symbol."""
        return self.by_slot[slot] if 0 <= slot < self.n_slots else None

    def venue_index(self, venue: VenueId) -> int:
        """Give a venue's place in `venues`; an unknown venue is `NotFound`."""
        try:
            return self._venue_index[venue]
        except KeyError:
            known = ", ".join(self.venues)
            raise NotFound(f"no venue is named {venue!r}; there are {known}") from None

    def resolve(
        self, name: str, venue: VenueId | None = None
    ) -> Instrument | tuple[Instrument, ...]:
        """Find what a person or an API means by `name`, in any case.

        Taken are ``BTCUSDT``, ``BTC/USDT``, ``BTC-USDT``, ``BTC_USDT``, ids
        (``BTCUSDT.BINANCE``) and the venues' own market ids, alone or with ``.VENUE``. With a
        venue, given or named, the answer is one instrument; without, every listing of the symbol.
        Raises `UnknownSymbol` with the nearest names, `InvalidValue` where two symbols share it.
        """
        wanted = name.strip().upper()
        by_id = self._ids.get(wanted)
        if by_id is not None:
            if venue is not None and by_id.venue != venue:
                raise InvalidValue(f"{name} is listed on {by_id.venue}, not on {venue}")
            return by_id
        if venue is None:
            stem, dot, suffix = wanted.rpartition(".")
            if not dot or suffix not in self._venue_names:
                return self.listings(self.resolve_symbol(name))
            wanted, venue = stem, self._venue_names[suffix]
        self.venue_index(venue)
        return self._on_venue(name, wanted, venue)

    def resolve_symbol(self, name: str) -> Symbol:
        """Find the venue-free symbol of a name; errors as `resolve`.

        A symbol's own spellings win over market ids, so that ``BTCUSDT`` is the spot pair even
        where a venue calls its perpetual so.
        """
        wanted = name.strip().upper()
        by_id = self._ids.get(wanted)
        if by_id is not None:
            return by_id.symbol
        stem, dot, suffix = wanted.rpartition(".")
        if dot and suffix in self._venue_names:
            return self._on_venue(name, stem, self._venue_names[suffix]).symbol
        symbols = self._canonical.get(wanted) or self._market_ids.get(wanted) or ()
        return self._only(name, symbols)

    def compact_name(self, symbol: Symbol) -> str:
        """Give ``BTCUSDT`` for ``BTC/USDT``; the symbol itself where two would share the name."""
        try:
            return self._compact[symbol]
        except KeyError:
            raise UnknownSymbol(symbol, self._nearest(symbol.upper())) from None

    def _take(self, instruments: Sequence[Instrument]) -> None:
        for symbol in dict.fromkeys(i.symbol for i in instruments):
            self._symbol_index.setdefault(symbol, len(self._symbol_index))
        self.symbols = tuple(self._symbol_index)
        self.instruments = (*self.instruments, *instruments)
        self.spot_instruments = tuple(i for i in self.instruments if i.kind is InstrumentKind.SPOT)
        for instrument in instruments:
            self._list(instrument)
        touched = (self._canonical[name] for i in instruments for name in _names(i))
        for symbol in {symbol for symbols in touched for symbol in symbols}:
            self._compact[symbol] = self._compact_of(symbol)

    def _list(self, instrument: Instrument) -> None:
        self._must_be_new(instrument)
        symbol, market = instrument.symbol, instrument.market_id.upper()
        slot = self._symbol_index[symbol] * len(self.venues)
        slot += self._venue_index[instrument.venue]
        self._by_id[instrument.id] = self._ids[instrument.id.upper()] = instrument
        self._by_listing[instrument.venue, symbol] = instrument
        self._slots[instrument.id] = slot
        self.by_slot[slot] = instrument
        for name in _names(instrument):
            _note(self._canonical, name, symbol)
        _note(self._market_ids, market, symbol)
        _note(self._venue_market_ids, (instrument.venue, market), symbol)

    def _must_be_new(self, instrument: Instrument) -> None:
        if instrument.id in self._by_id:
            raise InvalidValue(f"two instruments have the id {instrument.id!r}")
        known = self._by_listing.get((instrument.venue, instrument.symbol))
        if known is not None:
            raise InvalidValue(
                f"{instrument.venue} lists {instrument.symbol} twice: {known.id} and {instrument.id}"
            )

    def _on_venue(self, name: str, wanted: str, venue: VenueId) -> Instrument:
        canonical = self._canonical.get(wanted, ())
        listed = tuple(s for s in canonical if (venue, s) in self._by_listing)
        symbols = listed or self._venue_market_ids.get((venue, wanted), ())
        return self._by_listing[venue, self._only(name, symbols)]

    def _only(self, name: str, symbols: tuple[Symbol, ...]) -> Symbol:
        if not symbols:
            raise UnknownSymbol(name, self._nearest(name.strip().upper()))
        if len(symbols) > 1:
            raise InvalidValue(f"{name!r} may mean {' or '.join(symbols)}: write one of these")
        return symbols[0]

    def _nearest(self, wanted: str) -> tuple[str, ...]:
        """At most three; a symbol is suggested once, whatever spelling came near."""
        near = get_close_matches(wanted, self._canonical, n=9, cutoff=0.6)
        symbols = dict.fromkeys(s for name in near for s in self._canonical[name])
        return tuple(self._compact[symbol] for symbol in symbols)[:3]

    def _compact_of(self, symbol: Symbol) -> str:
        name = _joined(symbol)
        return name if self._canonical[name.upper()] == (symbol,) else symbol


def _names(instrument: Instrument) -> Iterable[str]:
    """The spellings of a symbol that hold on every venue, in upper case."""
    symbol = instrument.symbol.upper()
    yield from (symbol.replace("/", joint) for joint in ("/", "", "-", "_"))
    if instrument.kind is InstrumentKind.SPOT:
        pair = (instrument.base.upper(), instrument.quote.upper())
        yield from (joint.join(pair) for joint in ("/", "", "-", "_"))
    stem = instrument.id.upper().removesuffix(f".{instrument.venue.upper()}")
    yield stem


def _joined(symbol: Symbol) -> str:
    return symbol.replace("/", "")


def _note(names: _Names[_Key], key: _Key, symbol: Symbol) -> None:
    """Put a symbol under a name, once, behind those that share it."""
    known = names.get(key, ())
    if symbol not in known:
        names[key] = (*known, symbol)
