"""Real venues: which, where they are, and what is traded there: ``[venues]``."""

from decimal import Decimal
from typing import TYPE_CHECKING

from arbiter.app.config_fields import Line, Money, Names, Real, Section, Unit, number, text
from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId
from arbiter.venues.catalogue import DEAD_MAN, EVENT_VENUES, SUPPORTED, for_paper

if TYPE_CHECKING:
    from arbiter.matching.latency import LatencySettings
    from arbiter.venues.common.endpoints import Endpoints

Addresses = dict[str, Line]
Markets = dict[str, Names]


class Venues(Section):
    """Read in the modes paper and live alone."""

    enabled: Names = text(
        (), "Venues to trade on, for paper and live; on paper also others, by ccxt's names."
    )
    symbols: Names = text((), "What to trade: BTC/USDT means spot and perpetual.")
    events: Markets = text(
        {}, "Event markets to follow by venue, by the venue's own names; see the venue's page."
    )
    rest: Addresses = text({}, "Origin of the REST API by venue, where it is not the venue's own.")
    stream: Addresses = text({}, "Origin of the public streams by venue.")
    private: Addresses = text({}, "Origin of the private stream by venue.")
    dead_man: Names = text(
        (), "Venues that cancel all of the account's orders once the engine falls silent."
    )
    timeout_seconds: Real = number(5.0, Unit.SECONDS, 0.5, 60, "Longest wait for an answer.")
    paper_quote: Money = number(
        Decimal(10_000), Unit.NUMBER, 0, 1_000_000_000, "Paper: units of each quote currency."
    )
    paper_base_usd: Money = number(
        Decimal(2_000), Unit.USD, 0, 1_000_000_000, "Paper: worth of each base asset at first."
    )
    paper_latency_ms: Real = number(
        20.0, Unit.MILLISECONDS, 0.1, 10_000, "Paper: one way, for orders and reports."
    )

    def venues(self) -> tuple[VenueId, ...]:
        return tuple(VenueId(name) for name in self.enabled)

    def wanted(self) -> tuple[str, ...]:
        """Symbols as instruments carry them: each as spot and as perpetual."""
        return tuple(name for symbol in self.symbols for name in (symbol, f"{symbol}:PERP"))

    def endpoints(self, venue: VenueId) -> "Endpoints | None":
        """Addresses that replace the venue's own; both or neither."""
        from arbiter.venues.common.endpoints import Endpoints

        rest, stream = self.rest.get(venue), self.stream.get(venue)
        if rest is None and stream is None:
            return None
        if rest is None or stream is None:
            raise BadConfig(f"venues.rest.{venue} and venues.stream.{venue} belong together")
        return Endpoints(stream=stream, rest=rest)

    def latency(self) -> "LatencySettings":
        from arbiter.matching.latency import LatencySettings

        return LatencySettings(order_ms=self.paper_latency_ms, report_ms=self.paper_latency_ms)

    def check(self, *, needed: bool, live: bool = False) -> None:
        """Refuse venues that are not there, addresses of none, and a mode with nothing to trade."""
        from arbiter.venues.common.endpoints import check_origin

        for name in self.enabled:
            if live and for_paper(name):
                raise BadConfig(
                    f"enabled: {name} can be followed in mode paper alone: there is no order "
                    f"client for it. Live trades on {', '.join(SUPPORTED)}"
                )
            if not _followed(name):
                raise BadConfig(
                    f"enabled: {name!r} is not supported; use {', '.join(SUPPORTED)}, or in mode "
                    "paper any exchange that ccxt.pro knows"
                )
        for table in ("rest", "stream", "private"):
            for name, address in getattr(self, table).items():
                if not _followed(name):
                    raise BadConfig(f"{table}.{name}: no such venue ({', '.join(SUPPORTED)})")
                scheme = "https" if table == "rest" else "wss"
                check_origin(f"{table}.{name}", address, scheme)
        for name in self.enabled:
            self.endpoints(VenueId(name))
        for symbol in self.symbols:
            if symbol.count("/") != 1 or not all(symbol.split("/")):
                raise BadConfig(f"symbols: {symbol!r} is no pair like BTC/USDT")
        if needed and not self.enabled:
            raise BadConfig("enabled: name the venues to trade on, for example binance, bybit")
        self._check_kinds()
        if needed and not self.symbols and set(self.enabled) - set(EVENT_VENUES):
            raise BadConfig("symbols: name what to trade, for example BTC/USDT")

    def _check_kinds(self) -> None:
        """Refuse settings of a kind of venue for a venue of another kind."""
        for name in self.dead_man:
            if name not in DEAD_MAN:
                raise BadConfig(f"dead_man: {name!r} has no such switch ({', '.join(DEAD_MAN)})")
        for name in self.events:
            if name not in EVENT_VENUES:
                known = ", ".join(EVENT_VENUES)
                raise BadConfig(f"events.{name}: no venue of event markets ({known})")


def _followed(name: str) -> bool:
    return name in SUPPORTED or for_paper(name)
