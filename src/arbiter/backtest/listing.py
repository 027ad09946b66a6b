"""From what a recording holds to the instruments and accounts of a run.

A linear perpetual is listed as its fully collateralised equivalent: one contract of `contract_size`
base units, paid in full when bought and backed by base when sold, so that its account is that of a
spot pair. Sizes are turned into base units where quotes enter; its lot becomes lot × contract size.
There is no margin, no leverage, no funding payment and no liquidation. Contracts settled in their
base (COIN-M and the like) cannot be told that way and are left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from arbiter.backtest.settings import BacktestSettings
from arbiter.backtest.survey import Market, Survey
from arbiter.books.registry import MarketRegistry
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO, floor_to, quotient

_SPOT = frozenset({"spot"})
_LINEAR = frozenset({"perp", "perp_usdm", "linear", "swap"})
_INVERSE = frozenset({"perp_coinm", "inverse"})
FUTURES = "_futures"

_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "USD1", "USD", "EUR", "BTC", "ETH", "DAI", "TRY")
"""Currencies a joined name may end in; the longest counts."""

_QUOTED_IN = {"hyperliquid": "USDC"}
"""Venues that name a perpetual by its base alone."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    market: Market
    rows: int
    why: str


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded market as an instrument of the run."""

    market: Market
    instrument: Instrument
    contract_size: Decimal
    """Base units per recorded unit of size."""
    inferred: tuple[str, ...]
    """Which of its rules were read off the data or defaulted, because nobody stated them."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    listed: tuple[Listed, ...]
    left_out: tuple[LeftOut, ...]
    registry: MarketRegistry
    opening: dict[tuple[VenueId, Asset], Decimal]
    """What the accounts hold at the start."""

    def slot_of(self, market: Market) -> tuple[int, float] | None:
        """Give a market's board row and its contract size; None where it is left out."""
        for listed in self.listed:
            if listed.market == market:
                return self.registry.slot(listed.instrument.id), float(listed.contract_size)
        return None


def make_listing(
    survey: Survey,
    settings: BacktestSettings,
    *,
    symbols: Sequence[str] = (),
    venues: Sequence[str] = (),
) -> Listing:
    """List every market that can be traded and was asked for.

    Without `symbols` and `venues` all are. A name that matches nothing is refused.
    """
    found: list[Listed] = []
    left: list[LeftOut] = []
    for market, facts in sorted(survey.markets.items(), key=_by_symbol):
        outcome = _list_one(market, survey, settings)
        if isinstance(outcome, str):
            left.append(LeftOut(market=market, rows=facts.rows, why=outcome))
        else:
            found.append(outcome)
    if survey.instruments:
        order = {instrument.id: n for n, instrument in enumerate(survey.instruments)}
        found.sort(key=lambda listed: order.get(listed.instrument.id, len(order)))
    kept = _asked_for(found, symbols, venues)
    left += [
        LeftOut(market=f.market, rows=survey.markets[f.market].rows, why="not asked for")
        for f in found
        if f not in kept
    ]
    if not kept:
        told = "; ".join(f"{entry.market.name}: {entry.why}" for entry in left[:5])
        raise InvalidValue(f"the data hold no market that can be traded ({told})")
    registry = MarketRegistry(listed.instrument for listed in kept)
    return Listing(
        listed=tuple(kept),
        left_out=tuple(left),
        registry=registry,
        opening=_opening(kept, survey, settings),
    )


def listing_of(
    instruments: Iterable[Instrument], opening: Mapping[tuple[VenueId, Asset], Decimal]
) -> Listing:
    """List instruments that are known anyway, with these holdings."""
    listed = tuple(
        Listed(
            market=Market(venue=i.venue, kind=i.kind.value, symbol=i.market_id),
            instrument=i,
            contract_size=ONE,
            inferred=(),
        )
        for i in instruments
    )
    return Listing(
        listed=listed,
        left_out=(),
        registry=MarketRegistry(entry.instrument for entry in listed),
        opening=dict(opening),
    )


def _by_symbol(item: tuple[Market, object]) -> tuple[str, str, str]:
    market = item[0]
    return market.symbol, market.venue, market.kind


def _list_one(market: Market, survey: Survey, settings: BacktestSettings) -> Listed | str:
    """Make an instrument, or say why the market is left out."""
    if market.kind in _INVERSE:
        return "settled in its base currency: not modelled"
    if market.kind not in _SPOT | _LINEAR:
        return f"market type {market.kind!r} is not modelled"
    for instrument in survey.instruments:
        if (instrument.venue, instrument.market_id) == (market.venue, market.symbol):
            return _collateralised(market, instrument)
    pair = _pair(market, settings)
    if pair is None:
        return "base and quote cannot be told from its name: set backtest.symbol_names"
    facts = survey.markets[market]
    if facts.price is None:
        return "no row with a price"
    return _infer(market, pair, survey, settings)


def _collateralised(market: Market, instrument: Instrument) -> Listed:
    """List what the recorder knew; a perpetual as its fully collateralised equivalent."""
    size = instrument.contract_size
    if instrument.kind is InstrumentKind.LINEAR:
        instrument = msgspec.structs.replace(
            instrument,
            kind=InstrumentKind.SPOT,
            symbol=Symbol(f"{instrument.base}/{instrument.quote}"),
            lot=instrument.lot * size,
            min_size=instrument.min_size * size,
            contract_size=ONE,
        )
    return Listed(market=market, instrument=instrument, contract_size=size, inferred=())


def _infer(
    market: Market, pair: tuple[str, str], survey: Survey, settings: BacktestSettings
) -> Listed:
    facts = survey.markets[market]
    linear = market.kind in _LINEAR
    venue = market.venue_id
    inferred = []
    base, quote = pair
    size = settings.contract_size.get(venue, {}).get(market.symbol)
    tick = settings.tick.get(venue, {}).get(market.symbol)
    lot = settings.lot.get(venue, {}).get(market.symbol)
    if linear and size is None:
        inferred.append("contract_size")
    if tick is None:
        inferred.append("tick")
    if lot is None:
        inferred.append("lot")
    if venue not in settings.taker_fee:
        inferred.append("fees")
    size = size or ONE
    tick = tick or facts.price_step
    lot = (lot or facts.size_step) * size
    taker = settings.futures_taker_fee if linear else settings.spot_taker_fee
    maker = settings.futures_maker_fee if linear else settings.spot_maker_fee
    name = f"{base}{quote}-PERP" if linear else f"{base}{quote}"
    instrument = Instrument(
        id=InstrumentId(f"{name}.{venue.upper()}"),
        venue=venue,
        market_id=market.symbol,
        symbol=Symbol(f"{base}/{quote}"),
        base=Asset(base),
        quote=Asset(quote),
        settle=Asset(quote),
        tick=tick,
        lot=lot,
        min_size=lot,
        min_notional=settings.min_notional.get(venue, settings.default_min_notional),
        maker_fee=settings.maker_fee.get(venue, maker),
        taker_fee=settings.taker_fee.get(venue, taker),
    )
    return Listed(
        market=market, instrument=instrument, contract_size=size, inferred=tuple(inferred)
    )


def _pair(market: Market, settings: BacktestSettings) -> tuple[str, str] | None:
    """Read base and quote: as stated, by a separator, by venue, or by a known ending."""
    stated = settings.symbol_names.get(market.symbol)
    name = (stated or market.symbol).upper()
    for separator in ("/", "_", "-"):
        base, found, quote = name.partition(separator)
        if found and base and quote.isalnum():
            return base, quote
    if stated is not None:
        return None
    for quote in sorted(_QUOTES, key=len, reverse=True):
        if name.endswith(quote) and len(name) > len(quote):
            return name.removesuffix(quote), quote
    known = _QUOTED_IN.get(market.venue)
    return None if known is None else (name, known)


def _asked_for(found: list[Listed], symbols: Sequence[str], venues: Sequence[str]) -> list[Listed]:
    if not found:
        return []
    registry = MarketRegistry(listed.instrument for listed in found)
    wanted = {registry.resolve_symbol(name) for name in symbols}
    known = set(registry.venues)
    for venue in venues:
        if venue not in known:
            raise InvalidValue(
                f"no venue {venue!r} in the data; there are {', '.join(sorted(known))}"
            )
    return [
        listed
        for listed in found
        if (not wanted or listed.instrument.symbol in wanted)
        and (not venues or listed.instrument.venue in venues)
    ]


def _opening(
    listed: Iterable[Listed], survey: Survey, settings: BacktestSettings
) -> dict[tuple[VenueId, Asset], Decimal]:
    opening: dict[tuple[VenueId, Asset], Decimal] = {}
    for entry in listed:
        instrument = entry.instrument
        venue = instrument.venue
        quote_key = (venue, instrument.quote)
        stated = settings.opening(venue, instrument.quote)
        opening.setdefault(quote_key, settings.starting_quote if stated is None else stated)
    for entry in listed:
        instrument = entry.instrument
        key = (instrument.venue, instrument.base)
        if key in opening:
            continue
        stated = settings.opening(*key)
        opening[key] = _base_worth(entry, survey, settings) if stated is None else stated
    return opening


def _base_worth(entry: Listed, survey: Survey, settings: BacktestSettings) -> Decimal:
    """Give `starting_base_usd` of the base at the first price, in whole lots."""
    price = survey.markets[entry.market].price
    rate = settings.rates.word(entry.instrument.quote)
    if price is None or rate is None:
        return ZERO
    amount = quotient(settings.starting_base_usd, price * rate)
    return floor_to(amount, entry.instrument.lot)
