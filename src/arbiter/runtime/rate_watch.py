"""The rate watch: what one dollar token is worth in another, read off the markets of a run.

A market between two currencies of the table values the one by the other that stands before it:
USD, USDT, USDC, the other dollar tokens, then what a person added, by name. So no two currencies
are ever valued by each other. Of several markets the middle one counts, of two the dearer: a single
venue with a wrong quote changes nothing, and a doubt makes limits tighter.

It looks once a second and never at a quote as it comes in; by the run's own clock, so that a replay
and a backtest see the same rates.
"""

import asyncio
from decimal import Decimal

import msgspec

from arbiter.model.events import AlertRaised
from arbiter.model.ids import Asset
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import from_float, quotient
from arbiter.risk.rates import Rate, UsdRates
from arbiter.runtime.core import TradingCore

LOOK_S = 1.0

WIDEST = 0.01
"""A market whose spread is a larger part of its mid says nothing about a rate."""


class _Market(msgspec.Struct, frozen=True):
    slot: int
    by: Asset
    """What the currency is valued by."""
    inverted: bool
    """Whether the currency is the market's quote, not its base."""
    source: str


class RateWatch:
    """Fills `rates` from the board of `core`; one for each run."""

    def __init__(self, core: TradingCore, rates: UsdRates) -> None:
        self._core = core
        self._rates = rates
        self._markets = self._find()
        self._since_ns: int | None = None
        self._told: set[Asset] = set()
        rates.follow(self._markets)

    @property
    def idle(self) -> bool:
        """Whether no market tells a rate here: then there is nothing to look at."""
        return not self._markets

    async def run(self) -> None:
        """Look for ever; returns only when cancelled."""
        while not self.idle:
            self.look(self._core.recorder.now_ns())
            await asyncio.sleep(LOOK_S)

    def look(self, now_ns: int) -> None:
        """Take the rates of this moment, and tell once of a currency that is left without one."""
        if self._since_ns is None:
            self._since_ns = now_ns
        for currency, markets in self._markets.items():
            told = [rate for each in markets if (rate := self._rate(each, now_ns)) is not None]
            if told:
                told.sort(key=lambda rate: rate.usd)
                self._rates.take(currency, told[len(told) // 2])
            self._tell(currency, now_ns)

    def _rate(self, market: _Market, now_ns: int) -> Rate | None:
        """Read one market; None where it or what it is quoted in says nothing at the moment."""
        by = self._rates.rate(market.by, now_ns)
        quote = self._core.board.quote_at(market.slot)
        if by is None or quote is None or now_ns - quote.receive_ns > self._rates.max_age_ns:
            return None
        if min(quote.bid, quote.bid_size, quote.ask_size) <= 0:
            return None
        if quote.ask - quote.bid > WIDEST * (quote.ask + quote.bid) / 2:
            return None
        mid = (from_float(quote.bid) + from_float(quote.ask)) / Decimal(2)
        as_of_ns = quote.receive_ns if by.as_of_ns is None else min(quote.receive_ns, by.as_of_ns)
        return Rate(
            usd=quotient(by.usd, mid) if market.inverted else by.usd * mid,
            source=market.source,
            as_of_ns=as_of_ns,
        )

    def _tell(self, currency: Asset, now_ns: int) -> None:
        if self._rates.at(currency, now_ns) is not None:
            if currency in self._told:
                self._told.remove(currency)
                self._alert("info", "RATE_BACK", f"{currency} has a fresh USD rate again", now_ns)
            return
        began_ns = now_ns if self._since_ns is None else self._since_ns
        if currency in self._told or now_ns - began_ns <= self._rates.max_age_ns:
            return
        self._told.add(currency)
        names = ", ".join(market.source for market in self._markets[currency])
        text = (
            f"{currency} has no fresh USD rate ({names}): nothing is opened in it; what is open "
            "can be closed"
        )
        self._alert("warning", "RATE_STALE", text, now_ns)

    def _alert(self, severity: str, code: str, text: str, now_ns: int) -> None:
        self._core.recorder.record(
            AlertRaised(at_ns=now_ns, severity=severity, code=code, text=text)
        )

    def _find(self) -> dict[Asset, list[_Market]]:
        """Find the markets of each currency that has any, in the order of the table."""
        order = {currency: place for place, currency in enumerate(self._rates.currencies)}
        found: dict[Asset, list[_Market]] = {}
        for listed in self._core.registry.instruments:
            spot = listed.kind is InstrumentKind.SPOT and listed.base != listed.quote
            if spot and listed.base in order and listed.quote in order:
                inverted = order[listed.quote] > order[listed.base]
                valued, by = (listed.base, listed.quote)[:: -1 if inverted else 1]
                found.setdefault(valued, []).append(self._market(listed, by, inverted))
        return {currency: found[currency] for currency in order if currency in found}

    def _market(self, listed: Instrument, by: Asset, inverted: bool) -> _Market:
        return _Market(
            slot=self._core.registry.slot(listed.id),
            by=by,
            inverted=inverted,
            source=f"{listed.base}/{listed.quote} mid at {listed.venue}",
        )
