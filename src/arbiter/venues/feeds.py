"""Which feed a venue has: its own where there is one, ccxt's otherwise."""

from collections.abc import Mapping

from arbiter.model.ids import VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.ports.candles import PastCandles
from arbiter.ports.market_data import DepthFeed, TradeFeed
from arbiter.ports.venue import Feed, FundingFeed
from arbiter.venues.binance.depth import BinanceDepthFeed
from arbiter.venues.binance.feed import BinanceFeed
from arbiter.venues.binance.funding import BinanceFundingFeed
from arbiter.venues.binance.history import BinanceHistory
from arbiter.venues.binance.trades import BinanceTradeFeed
from arbiter.venues.bybit.depth import BybitDepthFeed
from arbiter.venues.bybit.feed import BybitFeed
from arbiter.venues.bybit.funding import BybitFundingFeed
from arbiter.venues.bybit.history import BybitHistory
from arbiter.venues.bybit.trades import BybitTradeFeed
from arbiter.venues.ccxt_pro.feed import CcxtFeed
from arbiter.venues.common.wiring import FeedWiring

BINANCE = (VenueId("binance"), VenueId("binance_futures"))
BYBIT = (VenueId("bybit"), VenueId("bybit_futures"))
CCXT_NAMES: Mapping[VenueId, str] = {
    VenueId("kraken_futures"): "krakenfutures",
    VenueId("kucoin_futures"): "kucoinfutures",
}
"""ccxt's name of an exchange where it is not the venue's own."""


def quote_feed(wiring: FeedWiring) -> Feed:
    """Give the top-of-book feed of a venue."""
    if wiring.venue in BINANCE:
        return BinanceFeed(wiring)
    if wiring.venue in BYBIT:
        return BybitFeed(wiring)
    return CcxtFeed(wiring, CCXT_NAMES.get(wiring.venue))


def depth_feed(wiring: FeedWiring) -> DepthFeed | None:
    if wiring.venue in BINANCE:
        return BinanceDepthFeed(wiring)
    return BybitDepthFeed(wiring) if wiring.venue in BYBIT else None


def trade_feed(wiring: FeedWiring) -> TradeFeed | None:
    if wiring.venue in BINANCE:
        return BinanceTradeFeed(wiring)
    return BybitTradeFeed(wiring) if wiring.venue in BYBIT else None


def funding_feed(wiring: FeedWiring) -> FundingFeed | None:
    """Give the funding feed of a venue, if it lists perpetuals among the instruments."""
    if all(told.kind is InstrumentKind.SPOT for told in wiring.instruments):
        return None
    if wiring.venue in BINANCE:
        return BinanceFundingFeed(wiring)
    return BybitFundingFeed(wiring) if wiring.venue in BYBIT else None


def past_candles(wiring: FeedWiring) -> PastCandles | None:
    if wiring.venue in BINANCE:
        return BinanceHistory(wiring)
    return BybitHistory(wiring) if wiring.venue in BYBIT else None
