"""A whole decision core over two venues, with nothing outside it but fakes."""

from decimal import Decimal

from arbiter.books.registry import MarketRegistry
from arbiter.execution.settings import ExecutionSettings
from arbiter.ledger.ledger import Ledger
from arbiter.model.events import BalanceOpened
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, Symbol, VenueId, VenueOrderId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ZERO, use_wide_context
from arbiter.model.orders import Fill, Liquidity, Order, OrderStatus
from arbiter.model.reports import Accepted, Ended, Filled, Refused, Unknown
from arbiter.opportunities.spot_settings import SpotSettings, TrendFilterMode
from arbiter.ports.journal import Journal
from arbiter.risk.limits import RiskLimits
from arbiter.risk.rates import UsdRates
from arbiter.runtime.assembly import CoreSettings, assemble_core
from arbiter.runtime.hub import EventHub
from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.journal import FakeJournal
from tests.fakes.outbox import FakeOutbox

VENUES = (VenueId("binance"), VenueId("bybit"))
USDT = Asset("USDT")
_OF_ANOTHER_RUN = 1_000
"""No id of an engine that found old books is one of theirs."""


def spot_instrument(venue: VenueId, base: str = "BTC", **changes: object) -> Instrument:
    """A pair against USDT with a 0.1 % fee in quote."""
    fields: dict[str, object] = {
        "id": InstrumentId(f"{base}USDT.{venue.upper()}"),
        "venue": venue,
        "market_id": f"{base}USDT",
        "symbol": Symbol(f"{base}/USDT"),
        "base": Asset(base),
        "quote": USDT,
        "settle": USDT,
        "tick": Decimal("0.01"),
        "lot": Decimal("0.0001"),
        "min_size": Decimal("0.0001"),
        "min_notional": Decimal(5),
        "maker_fee": Decimal("0.001"),
        "taker_fee": Decimal("0.001"),
    }
    return Instrument(**(fields | changes))  # type: ignore[arg-type]


class Desk:
    """The core with a script in hand: quotes and venue reports are what the test says."""

    def __init__(
        self,
        *,
        hold_commits: bool = False,
        spot: SpotSettings | None = None,
        limits: RiskLimits | None = None,
        execution: ExecutionSettings | None = None,
        instruments: tuple[Instrument, ...] = (),
        real_journal: Journal | None = None,
        room: int = 0,
        rates: UsdRates | None = None,
        books: Ledger | None = None,
    ) -> None:
        """`real_journal` keeps what happens instead of the fake one; without `rates`, USDT is at 1.

        `books` are those of an engine before this one.
        """
        use_wide_context()
        instruments = instruments or tuple(spot_instrument(venue) for venue in VENUES)
        self.clock = FakeClock()
        self.journal = FakeJournal(hold=hold_commits)
        self.outbox = FakeOutbox()
        self.hub = EventHub()
        self.ledger = Ledger()
        self._trade_ids = 0
        if books is not None:
            self.ledger.restore(books.image())
            self._trade_ids = _OF_ANOTHER_RUN
        self.registry = MarketRegistry(instruments, room=room)
        self.core = assemble_core(
            CoreSettings(
                mode="sim",
                spot=spot or SpotSettings(trend_filter_mode=TrendFilterMode.DISABLED),
                limits=limits or RiskLimits(),
                execution=execution or ExecutionSettings(),
            ),
            registry=self.registry,
            ledger=self.ledger,
            clock=self.clock,
            ids=FakeIds(self._trade_ids),
            journal=real_journal or self.journal,
            outbox=self.outbox,
            hub=self.hub,
            usd_rate={USDT: Decimal(1)}.get if rates is None else rates.lookup(self.clock.now_ns),
            baselines={},
        )
        for instrument in instruments:
            money = instrument.quote if instrument.kind is InstrumentKind.SPOT else USDT
            for asset, amount in ((instrument.base, Decimal(10)), (money, Decimal(100_000))):
                if (instrument.venue, asset) not in self.ledger.balances:
                    self.core.recorder.record(
                        BalanceOpened(
                            at_ns=self.clock.now_ns(),
                            venue=instrument.venue,
                            asset=asset,
                            total=amount,
                        )
                    )
        self.core.state.started = True

    def quote(
        self, instrument: str, bid: float, ask: float, bid_size: float = 5, ask_size: float = 5
    ) -> None:
        """Let a venue publish a top of book, now."""
        now = self.clock.now_ns()
        slot = self.registry.slot(InstrumentId(instrument))
        self.core.on_quote(slot, bid, ask, bid_size, ask_size, now, now)

    def open_spread(self) -> None:
        """BTC at 100.0/100.1 on binance and 102.0/102.1 on bybit: 1.9 % gross."""
        self.quote("BTCUSDT.BYBIT", 102.0, 102.1)
        self.quote("BTCUSDT.BINANCE", 100.0, 100.1)

    def accept(self, order: Order, name: VenueOrderId | None = None) -> None:
        self.core.on_report(
            Accepted(
                venue=order.venue,
                at_ns=self.clock.now_ns(),
                client_order_id=order.client_order_id,
                venue_order_id=name or VenueOrderId(f"v-{order.client_order_id}"),
            )
        )

    def refuse(self, order: Order, reason: str = "no") -> None:
        self.core.on_report(
            Refused(
                venue=order.venue,
                at_ns=self.clock.now_ns(),
                client_order_id=order.client_order_id,
                code="X",
                reason=reason,
            )
        )

    def lose(self, order: Order) -> None:
        """The answer to a submission never comes."""
        self.core.on_report(
            Unknown(
                venue=order.venue,
                at_ns=self.clock.now_ns(),
                client_order_id=order.client_order_id,
                why="time-out",
            )
        )

    def fill_of(
        self, order: Order, size: Decimal | None = None, price: Decimal | None = None
    ) -> Fill:
        self._trade_ids += 1
        size = order.size if size is None else size
        price = price or order.planned_price
        return Fill(
            venue=order.venue,
            venue_trade_id=str(self._trade_ids),
            client_order_id=order.client_order_id,
            instrument=order.instrument,
            side=order.side,
            size=size,
            price=price,
            fee=size * price / 1000,
            fee_asset=self.registry.by_id(order.instrument).settle,
            liquidity=Liquidity.TAKER,
            at_ns=self.clock.now_ns(),
        )

    def fill(self, order: Order, size: Decimal | None = None) -> None:
        fill = self.fill_of(order, size)
        self.core.on_report(Filled(venue=order.venue, at_ns=self.clock.now_ns(), fill=fill))

    def end(self, order: Order, status: OrderStatus, filled: Decimal = ZERO) -> None:
        self.core.on_report(
            Ended(
                venue=order.venue,
                at_ns=self.clock.now_ns(),
                client_order_id=order.client_order_id,
                status=status,
                filled_size=filled,
            )
        )

    def complete(self, order: Order) -> None:
        """Accept, fill in full and end."""
        self.accept(order)
        self.fill(order)
        self.end(order, OrderStatus.FILLED, order.size)

    def order(self, key: ClientOrderId) -> Order:
        return self.ledger.orders[key]
