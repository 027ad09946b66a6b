"""The trading case of `bench_backtest` in NautilusTrader: same quotes, same rule, same sizes.

It runs in an environment of its own (`make bench-peers`), because it shares no dependency with the
engine. On every quote the strategy compares with the other venue's newest one and, where buying
here and selling there (or the reverse) nets more than 0.5 % after 0.1 % fees on both sides and 0.1 %
for slippage, sends both legs as immediate-or-cancel limit orders for 100 USD. No latency, no risk
checks of its own, logging off; the time is that of the run alone, data are loaded before.

    python benchmarks/peer_nautilus.py FILE.parquet
"""

# mypy: ignore-errors
# Its imports exist in the peers' environment alone.

import json
import sys
import time
from decimal import Decimal

import nautilus_trader
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import (
    AccountType,
    CurrencyType,
    OmsType,
    OrderSide,
    TimeInForce,
)
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.persistence.wranglers import QuoteTickDataWrangler
from nautilus_trader.trading.strategy import Strategy

FEE = 0.001
SLIPPAGE = 0.001
MIN_EDGE = 0.005
AMOUNT = 100.0


class Pairs(Strategy):
    """Two venues, one rule."""

    def __init__(self, instruments: list[CurrencyPair]) -> None:
        super().__init__(StrategyConfig(strategy_id="PAIRS-1"))
        self.listed = {instrument.id: instrument for instrument in instruments}
        venues = {str(instrument.id.venue) for instrument in instruments}
        self.other = {
            instrument.id: InstrumentId(
                instrument.id.symbol, Venue(next(v for v in venues if v != str(instrument.venue)))
            )
            for instrument in instruments
        }
        self.newest: dict[InstrumentId, tuple[float, float, float, float]] = {}
        self.pairs = 0

    def on_start(self) -> None:
        for instrument_id in self.listed:
            self.subscribe_quote_ticks(instrument_id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        here = (
            float(tick.bid_price),
            float(tick.ask_price),
            float(tick.bid_size),
            float(tick.ask_size),
        )
        self.newest[tick.instrument_id] = here
        other = self.other[tick.instrument_id]
        there = self.newest.get(other)
        if there is None:
            return
        if edge(here[1], there[0]) >= MIN_EDGE:
            self.trade(tick.instrument_id, other, here, there)
        elif edge(there[1], here[0]) >= MIN_EDGE:
            self.trade(other, tick.instrument_id, there, here)

    def trade(
        self,
        buy: InstrumentId,
        sell: InstrumentId,
        ask_of: tuple[float, ...],
        bid_of: tuple[float, ...],
    ) -> None:
        size = min(AMOUNT / ask_of[1], ask_of[3], bid_of[2])
        size = int(size * 10) / 10
        if size <= 0:
            return
        self.pairs += 1
        self.leg(buy, OrderSide.BUY, size, ask_of[1] * (1 + SLIPPAGE))
        self.leg(sell, OrderSide.SELL, size, bid_of[0] * (1 - SLIPPAGE))

    def leg(self, instrument_id: InstrumentId, side: OrderSide, size: float, limit: float) -> None:
        instrument = self.listed[instrument_id]
        self.submit_order(
            self.order_factory.limit(
                instrument_id=instrument_id,
                order_side=side,
                quantity=instrument.make_qty(size),
                price=instrument.make_price(limit),
                time_in_force=TimeInForce.IOC,
            )
        )


def edge(ask: float, bid: float) -> float:
    return (bid - ask - ask * FEE - bid * FEE - ask * SLIPPAGE) / ask


def pair(venue: str, base: Currency) -> CurrencyPair:
    name = Symbol(f"{base.code}USDT")
    return CurrencyPair(
        instrument_id=InstrumentId(name, Venue(venue)),
        raw_symbol=name,
        base_currency=base,
        quote_currency=USDT,
        price_precision=4,
        size_precision=1,
        price_increment=Price.from_str("0.0001"),
        size_increment=Quantity.from_str("0.1"),
        ts_event=0,
        ts_init=0,
        maker_fee=Decimal(str(FEE)),
        taker_fee=Decimal(str(FEE)),
    )


def main() -> None:
    frame = pd.read_parquet(sys.argv[1])
    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=True)
        )
    )
    bases = [
        Currency(code.split("_")[0], 8, 0, code, CurrencyType.CRYPTO)
        for code in sorted(frame["symbol"].unique())
    ]
    for base in bases:
        Currency.register(base)
    venues = [name.upper() for name in sorted(frame["venue"].unique())]
    instruments = [pair(venue, base) for base in bases for venue in venues]
    for venue in venues:
        engine.add_venue(
            Venue(venue),
            OmsType.NETTING,
            AccountType.CASH,
            starting_balances=[Money(1e6, USDT), *(Money(1e5, base) for base in bases)],
        )
    quotes: list[QuoteTick] = []
    for instrument in instruments:
        engine.add_instrument(instrument)
        own = frame[
            (frame["venue"] == str(instrument.venue).lower())
            & (frame["symbol"] == f"{instrument.base_currency.code}_USDT")
        ]
        columns = own[["bid", "ask", "bid_size", "ask_size"]].copy()
        columns.columns = ["bid_price", "ask_price", "bid_size", "ask_size"]
        columns.index = pd.to_datetime(own["recv_ts_ns"], unit="ns", utc=True)
        quotes += QuoteTickDataWrangler(instrument).process(columns)
    quotes.sort(key=lambda tick: tick.ts_init)
    engine.add_data(quotes, sort=False)
    strategy = Pairs(instruments)
    engine.add_strategy(strategy)
    began, burned = time.perf_counter(), time.process_time()
    engine.run()
    wall, cpu = time.perf_counter() - began, time.process_time() - burned
    orders = engine.cache.orders()
    filled = sum(order.filled_qty > 0 for order in orders)
    result = {
        "version": nautilus_trader.__version__,
        "quotes": len(quotes),
        "pairs": strategy.pairs,
        "orders": len(orders),
        "filled": filled,
        "seconds": wall,
        "cpu_seconds": cpu,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
