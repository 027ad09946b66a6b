"""Spot listings of any exchange that ccxt knows: rules, fees and last prices, without a key."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import structlog

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import FeeCharge, Instrument
from arbiter.model.money import ZERO
from arbiter.venues.ccxt_pro.exchange import asked, close_exchange, open_exchange
from arbiter.venues.common.account import AccountWiring

log = structlog.get_logger(__name__)

DEFAULT_FEE = Decimal("0.002")
"""Where ccxt knows none: more than most exchanges take of anybody."""
_DECIMAL_PLACES = 2
_TICK_SIZE = 4
"""ccxt's names for the units of its `precision`."""


class CcxtListing:
    """Implements `venues.common.connector.Lister`; the venue's name is ccxt's."""

    def __init__(self, wiring: AccountWiring) -> None:
        self.venue = wiring.venue
        self._wiring = wiring
        self._exchange = open_exchange(wiring.venue, wiring.endpoints)
        self._listed: dict[str, Instrument] = {}
        """By ccxt's symbol."""

    async def instruments(self) -> Sequence[Instrument]:
        """What is active and wanted; `VenueUnreachable` when there was no valid answer."""
        markets = await asked(self._exchange.load_markets, self._wiring.timeout_s)
        unit = self._exchange.precisionMode
        made = spot_instruments(markets, self.venue, unit, self._wiring.symbols)
        self._listed = made
        return list(made.values())

    async def prices(self) -> Mapping[InstrumentId, Decimal]:
        """Last prices of what is listed."""
        names = list(self._listed)
        exchange, patience = self._exchange, self._wiring.timeout_s
        if exchange.has.get("fetchTickers"):
            told = await asked(partial(exchange.fetch_tickers, names), patience)
        else:
            told = {
                name: await asked(partial(exchange.fetch_ticker, name), patience) for name in names
            }
        return {
            self._listed[name].id: price
            for name, row in told.items()
            if name in self._listed and (price := _amount(row.get("last"))) > ZERO
        }

    async def aclose(self) -> None:
        await close_exchange(self._exchange)


def spot_instruments(
    markets: Mapping[str, Any], venue: VenueId, unit: int, symbols: Iterable[str] = ()
) -> dict[str, Instrument]:
    """Turn ccxt's markets into instruments, by its symbols; `unit` is its `precisionMode`.

    One whose rules cannot be known is left out, and said.
    """
    wanted, made = frozenset(symbols), {}
    for name, market in markets.items():
        plain = f"{market['base']}/{market['quote']}"
        if not market.get("spot") or market.get("active") is False:
            continue
        if wanted and plain not in wanted:
            continue
        try:
            made[name] = _instrument(market, plain, venue, unit)
        except InvalidValue as error:
            log.warning("not traded", venue=venue, market=market["id"], why=str(error))
    return made


def _instrument(market: Mapping[str, Any], plain: str, venue: VenueId, unit: int) -> Instrument:
    base, quote = Asset(market["base"]), Asset(market["quote"])
    rules, limits = market.get("precision") or {}, market.get("limits") or {}
    lot = _step(rules.get("amount"), unit)
    least = _amount((limits.get("amount") or {}).get("min"))
    return Instrument(
        id=InstrumentId(f"{base}{quote}.{venue.upper()}"),
        venue=venue,
        market_id=str(market["id"]),
        symbol=Symbol(plain),
        base=base,
        quote=quote,
        settle=quote,
        tick=_step(rules.get("price"), unit),
        lot=lot,
        min_size=max(least, lot),
        min_notional=_amount((limits.get("cost") or {}).get("min")),
        maker_fee=_fee(market.get("maker")),
        taker_fee=_fee(market.get("taker")),
        fee_charge=FeeCharge.RECEIVED if market.get("feeSide") == "get" else FeeCharge.QUOTE,
    )


def _step(told: Any, unit: int) -> Decimal:
    """A tick or lot; significant digits are none, as they depend on the price."""
    if told is None or unit not in (_DECIMAL_PLACES, _TICK_SIZE):
        raise InvalidValue("ccxt tells no step of its prices or sizes")
    step = _amount(told)
    if unit == _DECIMAL_PLACES:
        step = Decimal(1).scaleb(-int(step))
    if step <= ZERO:
        raise InvalidValue(f"a step of {told}")
    return step


def _fee(told: Any) -> Decimal:
    return DEFAULT_FEE if told is None else _amount(told)


def _amount(told: Any) -> Decimal:
    """ccxt's floats, digit for digit as they print; zero for what it does not tell."""
    if told is None:
        return ZERO
    amount = Decimal(str(told))
    if not amount.is_finite():
        raise InvalidValue(f"{told} is no amount")
    return amount.normalize()
