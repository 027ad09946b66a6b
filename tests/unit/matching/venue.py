"""A simulated exchange with one market, and short ways to trade on it."""

from collections.abc import Callable
from decimal import Decimal
from itertools import count

from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.latency import NO_LATENCY, LatencySettings
from arbiter.matching.orders import OrderRequest
from arbiter.matching.state import Step
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import FeeCharge, Instrument
from arbiter.model.money import plain
from arbiter.model.orders import OrderType, Side, TimeInForce
from arbiter.model.reports import Ended, Filled, VenueReport

VENUE = VenueId("binance")
BTC, USDT, BNB = Asset("BTC"), Asset("USDT"), Asset("BNB")
BTCUSDT = InstrumentId("BTCUSDT.BINANCE")
BNBUSDT = InstrumentId("BNBUSDT.BINANCE")


def spot(
    base: Asset = BTC,
    *,
    charge: FeeCharge = FeeCharge.RECEIVED,
    maker: str = "0.001",
    taker: str = "0.002",
    tick: str = "0.1",
    lot: str = "0.001",
) -> Instrument:
    return Instrument(
        id=InstrumentId(f"{base}USDT.BINANCE"),
        venue=VENUE,
        market_id=f"{base}USDT",
        symbol=Symbol(f"{base}/USDT"),
        base=base,
        quote=USDT,
        settle=USDT,
        tick=Decimal(tick),
        lot=Decimal(lot),
        min_size=Decimal("0.002"),
        min_notional=Decimal(5),
        maker_fee=Decimal(maker),
        taker_fee=Decimal(taker),
        fee_charge=charge,
        fee_asset=BNB if charge is FeeCharge.THIRD else None,
    )


class Customer:
    """Trades on one venue; the market stands at 100 bid, 101 ask, 1 BTC each, unless quoted."""

    def __init__(
        self,
        *,
        instrument: Instrument | None = None,
        latency: LatencySettings = NO_LATENCY,
        btc: str = "10",
        usdt: str = "10000",
        bnb: str = "0",
        draw: Callable[[], float] = lambda: 0.5,
    ) -> None:
        self.steps: list[Step] = []
        instrument = instrument or spot()
        self.instruments = [instrument, spot(BNB)]
        self.exchange = SimulatedExchange(
            VENUE, self.instruments, latency, draw=draw, record=self.steps.append
        )
        start = {BTC: Decimal(btc), USDT: Decimal(usdt), BNB: Decimal(bnb)}
        self.exchange.open_account(start, 0)
        self.now_ns = 1_000
        self._names = count(1)
        self.quote("100", "101")

    def quote(
        self, bid: str, ask: str, bid_size: str = "1", ask_size: str = "1"
    ) -> list[VenueReport]:
        return self.exchange.on_quote(
            BTCUSDT, float(bid), float(ask), float(bid_size), float(ask_size), self.now_ns
        )

    def request(
        self,
        side: Side,
        size: str,
        price: str | None,
        tif: TimeInForce = TimeInForce.GTC,
        *,
        post_only: bool = False,
        name: str | None = None,
    ) -> OrderRequest:
        return OrderRequest(
            client_order_id=ClientOrderId(name or f"order-{next(self._names)}"),
            instrument=BTCUSDT,
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            time_in_force=tif,
            post_only=post_only,
            size=Decimal(size),
            price=None if price is None else Decimal(price),
        )

    def buy(
        self, size: str, price: str | None, tif: TimeInForce = TimeInForce.GTC
    ) -> list[VenueReport]:
        return self.exchange.submit(self.request(Side.BUY, size, price, tif), self.now_ns)

    def sell(
        self, size: str, price: str | None, tif: TimeInForce = TimeInForce.GTC
    ) -> list[VenueReport]:
        return self.exchange.submit(self.request(Side.SELL, size, price, tif), self.now_ns)

    def total(self, asset: Asset) -> Decimal:
        return next((h.total for h in self.exchange.holdings() if h.asset == asset), Decimal(0))

    def locked(self, asset: Asset) -> Decimal:
        return next((h.locked for h in self.exchange.holdings() if h.asset == asset), Decimal(0))


def kinds(reports: list[VenueReport]) -> list[str]:
    return [type(report).__name__ for report in reports]


def fills(reports: list[VenueReport]) -> list[tuple[str, str]]:
    """(size, price) of each execution."""
    return [
        (plain(report.fill.size), plain(report.fill.price))
        for report in reports
        if isinstance(report, Filled)
    ]


def end_of(reports: list[VenueReport]) -> str | None:
    return next((str(r.status) for r in reports if isinstance(r, Ended)), None)
