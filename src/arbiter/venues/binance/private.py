"""Binance's private streams: what happens to our orders and account."""

import hmac
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec

from arbiter.model.ids import Asset, ClientOrderId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill, Liquidity, OrderStatus, Side
from arbiter.model.perpetuals import ForcedCause, ForcedClose
from arbiter.model.reports import Ended, Filled, ForcedReported, VenueReport
from arbiter.model.time import NS_PER_MS
from arbiter.venues.binance.listing import market_key
from arbiter.venues.common.frames import UNREADABLE, BadFrame
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.reports import Reports
from arbiter.venues.common.stream import Link

Say = Callable[[VenueReport], None]
_ENDED = {
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}
_SUBSCRIBE = "subscribe"


class _Talk:
    keepalive: bytes | None = None
    """Protocol pings suffice."""

    def __init__(
        self, link: Link, venue: VenueId, markets: Mapping[str, Instrument], say: Say
    ) -> None:
        self._link = link
        self._venue = venue
        self._markets = markets
        self._reports = Reports(say)

    def tick(self) -> None:
        """Nothing falls due here."""

    def closed(self) -> None:
        """Nothing is kept."""

    def _decoded(self, data: bytes) -> dict[str, Any]:
        try:
            told = msgspec.json.decode(data)
        except UNREADABLE as error:
            raise BadFrame(f"no JSON: {error}") from None
        if not isinstance(told, dict):
            raise BadFrame("no object")
        return told

    def _order(self, told: dict[str, Any], name: str) -> None:
        """Take one order update; the letters are the same on both markets."""
        instrument = self._markets.get(told["s"])
        if instrument is None:
            return
        at_ns = int(told["T"]) * NS_PER_MS
        if told["x"] in ("TRADE", "CALCULATED") and Decimal(told["l"]):
            self._trade(told, name, instrument, at_ns)
        status = _ENDED.get(told["X"])
        if status is not None and told["x"] != "CALCULATED":
            self._reports.add(
                Ended(
                    venue=self._venue,
                    at_ns=at_ns,
                    client_order_id=ClientOrderId(name),
                    status=status,
                    filled_size=Decimal(told["z"]),
                    reason="" if status is OrderStatus.FILLED else str(told.get("r", "")),
                )
            )

    def _trade(self, told: dict[str, Any], name: str, instrument: Instrument, at_ns: int) -> None:
        fill = Fill(
            venue=self._venue,
            venue_trade_id=market_key(instrument, told["t"]),
            client_order_id=ClientOrderId(name),
            instrument=instrument.id,
            side=Side(told["S"]),
            size=Decimal(told["l"]),
            price=Decimal(told["L"]),
            fee=Decimal(told.get("n") or "0"),
            fee_asset=told.get("N") or instrument.settle,
            liquidity=Liquidity.MAKER if told["m"] else Liquidity.TAKER,
            at_ns=at_ns,
        )
        self._reports.add(Filled(venue=self._venue, at_ns=at_ns, fill=fill))


class SpotTalk(_Talk):
    """User data over the WebSocket API, by a signed subscription."""

    def __init__(
        self,
        link: Link,
        venue: VenueId,
        keys: VenueKeys,
        markets: Mapping[str, Instrument],
        say: Say,
        offset_ms: Callable[[], int],
    ) -> None:
        super().__init__(link, venue, markets, say)
        self._keys = keys
        self._offset_ms = offset_ms

    def opened(self) -> None:
        params = {
            "apiKey": self._keys.api_key,
            "timestamp": int(time.time() * 1_000) + self._offset_ms(),
        }
        payload = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
        made = hmac.new(self._keys.secret.encode(), payload.encode(), sha256).hexdigest()
        request = {
            "id": _SUBSCRIBE,
            "method": "userDataStream.subscribe.signature",
            "params": params | {"signature": made},
        }
        self._link.send(msgspec.json.encode(request))

    def hear(self, data: bytes) -> None:
        with self._reports:
            self._take(self._decoded(data))

    def _take(self, told: dict[str, Any]) -> None:
        if told.get("id") == _SUBSCRIBE:
            self._link.aside()
            if told.get("status") == 200:
                self._link.ready()
            else:
                error = told.get("error") or {}
                self._link.drop(f"user data refused: {error.get('code')} {error.get('msg')}")
            return
        event = told.get("event")
        if not isinstance(event, dict):
            raise BadFrame("neither an answer nor an event")
        match event.get("e"):
            case "executionReport":
                self._order(event, event.get("C") or event["c"])
            case "eventStreamTerminated" | "serverShutdown":
                self._link.drop("the venue ended the user data stream")
            case _:
                self._link.aside()


class FuturesTalk(_Talk):
    """User data by listen key."""

    def __init__(
        self,
        link: Link,
        venue: VenueId,
        markets: Mapping[str, Instrument],
        say: Say,
        paid: Callable[[], None],
        expired: Callable[[], None],
    ) -> None:
        super().__init__(link, venue, markets, say)
        self._paid = paid
        self._expired = expired

    def opened(self) -> None:
        """The listen key in the address is all that is needed."""
        self._link.ready()

    def hear(self, data: bytes) -> None:
        with self._reports:
            self._take(self._decoded(data))

    def _take(self, told: dict[str, Any]) -> None:
        match told.get("e"):
            case "ORDER_TRADE_UPDATE":
                order = told["o"]
                name = str(order["c"])
                if name.startswith(("autoclose-", "adl_autoclose")):
                    self._forced(order, adl=name.startswith("adl"))
                else:
                    self._order(order, name)
            case "ACCOUNT_UPDATE":
                if told["a"].get("m") == "FUNDING_FEE":
                    self._paid()
            case "listenKeyExpired":
                self._expired()
            case _:
                self._link.aside()

    def _forced(self, told: dict[str, Any], *, adl: bool) -> None:
        """The venue closed a position; keyed by its order, as REST lists it."""
        instrument = self._markets.get(told["s"])
        if instrument is None or not Decimal(told["z"]) or told["X"] != "FILLED":
            return
        at_ns = int(told["T"]) * NS_PER_MS
        close = ForcedClose(
            venue=self._venue,
            venue_trade_id=market_key(instrument, f"forced-{told['i']}"),
            instrument=instrument.id,
            side=Side(told["S"]),
            size=Decimal(told["z"]),
            price=Decimal(told["ap"]),
            fee=Decimal(told.get("n") or "0"),
            fee_asset=Asset(told.get("N") or instrument.settle),
            cause=ForcedCause.ADL if adl else ForcedCause.LIQUIDATION,
            at_ns=at_ns,
        )
        self._reports.add(ForcedReported(venue=self._venue, at_ns=at_ns, forced=close))
