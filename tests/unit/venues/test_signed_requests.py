"""What leaves this process with an order: dated, short-lived, and with nobody else's mark on it."""

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from arbiter.model.ids import ClientOrderId, VenueId
from arbiter.model.orders import OrderType, TimeInForce
from arbiter.model.reports import Unknown
from arbiter.venues.binance.futures import BinanceFuturesOrders
from arbiter.venues.binance.orders import BinanceSpotOrders
from arbiter.venues.bybit.orders import make_bybit
from arbiter.venues.common.account import AccountWiring, VenueAccount
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.kraken.orders import KrakenOrders
from arbiter.venues.okx.swaps import make_okx
from tests.fakes.clock import FakeClock
from tests.fakes.wiring import listing
from tests.unit.venues.test_unreadable_answers import order_of

KEYS = VenueKeys(api_key="key-of-ours", secret="c2VjcmV0LW9mLW91cnM=", password="words-of-ours")
VENUES: dict[str, Callable[[AccountWiring], VenueAccount]] = {
    "binance": BinanceSpotOrders,
    "binance_futures": BinanceFuturesOrders,
    "bybit": make_bybit,
    "bybit_futures": make_bybit,
    "kraken": KrakenOrders,
    "okx": make_okx,
    "okx_futures": make_okx,
}
MARKS = ("referer", "broker", "builder", "referral", "partner", "affiliate", "tag", "ccxt")
AHEAD_MS = 7_000
LONGEST_MS = 5_000


class Sent(msgspec.Struct, frozen=True):
    """One request as it would leave."""

    url: str
    headers: Mapping[str, str]
    body: str

    @property
    def fields(self) -> dict[str, Any]:
        """Names and values of headers, query and body, names in lower case."""
        found = dict(self.headers) | dict(parse_qsl(self.url.partition("?")[2]))
        if self.body.startswith("{"):
            found |= msgspec.json.decode(self.body)
        else:
            found |= dict(parse_qsl(self.body))
        return {name.lower(): value for name, value in found.items()}


async def sent(venue: str, kinds: Sequence[tuple[OrderType, TimeInForce]]) -> list[Sent]:
    """Submit an order of each kind; nothing leaves."""
    client = VENUES[venue](AccountWiring(venue=VenueId(venue), keys=KEYS, clock=FakeClock()))
    market = listing("BTCUSDT", venue)
    client._listed, client._by_market = {market.id: market}, {market.market_id: market}
    left: list[Sent] = []

    async def fetch(
        url: str, _method: str = "", headers: Any = None, body: str | None = None
    ) -> dict[str, Any]:
        left.append(Sent(url, headers or {}, body or ""))
        return {}

    client._rest.offset_ms = AHEAD_MS
    client._rest._exchange.fetch = fetch  # type: ignore[attr-defined]
    for number, (kind, lifetime) in enumerate(kinds, 1):
        order = msgspec.structs.replace(
            order_of(market),
            client_order_id=ClientOrderId(f"case-{number}"),
            type=kind,
            time_in_force=lifetime,
            price=None if kind is OrderType.MARKET else Decimal(60_000),
        )
        assert isinstance(await client.submit(order), Unknown), "it had no answer"
    await client.aclose()
    return left


KINDS = [(OrderType.LIMIT, lifetime) for lifetime in TimeInForce] + [
    (OrderType.MARKET, TimeInForce.IOC)
]


@pytest.mark.parametrize("venue", VENUES)
async def test_an_order_is_sent_once_under_our_name_and_carries_nobodys_mark(venue: str) -> None:
    orders = await sent(venue, KINDS)
    assert len(orders) == len(KINDS)
    for order in orders:
        assert not [name for name in order.fields if any(mark in name for mark in MARKS)]
        assert any("case" in str(value) for value in order.fields.values()), "our own name"
        assert KEYS.secret not in repr(order)
        assert KEYS.api_key in order.fields.values()


@pytest.mark.parametrize(
    ("venue", "window", "dated"),
    [
        ("binance", "recvwindow", "timestamp"),
        ("binance_futures", "recvwindow", "timestamp"),
        ("bybit", "x-bapi-recv-window", "x-bapi-timestamp"),
        ("bybit_futures", "x-bapi-recv-window", "x-bapi-timestamp"),
    ],
)
async def test_an_order_that_is_late_at_the_venue_is_refused_there(
    venue: str, window: str, dated: str
) -> None:
    earliest_ms = int(time.time() * 1_000) + AHEAD_MS
    (order,) = await sent(venue, KINDS[:1])
    latest_ms = int(time.time() * 1_000) + AHEAD_MS
    assert 0 < int(order.fields[window]) <= LONGEST_MS
    assert earliest_ms <= int(order.fields[dated]) <= latest_ms, "by the venue's clock"
