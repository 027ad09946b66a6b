"""Coinbase's streams: every connection's messages are numbered, whatever their channel."""

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from arbiter.model.time import NS_PER_MS
from arbiter.simex.coinbase import words
from arbiter.simex.depth import Changes
from arbiter.simex.hub import Connection, Hub
from arbiter.simex.rest import encode
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

CHANNELS = ("level2", "ticker", "ticker_batch", "market_trades", "heartbeats")
_TRADES = 50


class Streams:
    def __init__(self, server: VenueServer, hub: Hub) -> None:
        self._server = server
        self._hub = hub
        self.listed = {shown.market_id: shown for shown in server.shown.values()}
        self._numbers: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()
        self._lost: dict[Shown, int] = {}
        self._beats = 0

    # Numbered frames.

    def number(self, connection: Connection) -> int:
        """Take a connection's next number; a number taken and not sent is a lost message."""
        number = self._numbers.get(connection, 0)
        self._numbers[connection] = number + 1
        return number

    def frame(self, connection: Connection, channel: str, events: list[Any]) -> str:
        told = {
            "channel": channel,
            "client_id": "",
            "timestamp": words.stamp(self._server.now_ns()),
            "sequence_num": self.number(connection),
            "events": events,
        }
        return encode(told).decode()

    def send(self, connection: Connection, channel: str, events: list[Any]) -> None:
        connection.send(self.frame(connection, channel, events))

    def _publish(self, topic: str, channel: str, event: dict[str, Any]) -> None:
        for connection in self._hub.readers(topic):
            self.send(connection, channel, [event])

    # Subscribing.

    def subscribe(self, connection: Connection, channel: str, products: Iterable[str]) -> None:
        """Start a reader from a snapshot; the answer comes behind it."""
        for product in products:
            topic = f"{channel}:{product}"
            if topic in connection.topics:
                continue
            self._begin(connection, channel, self.listed[product])
            self._hub.subscribe(connection, [topic])
        if channel == "heartbeats":
            self._hub.subscribe(connection, ["heartbeats:"])
        self.answer(connection)

    def unsubscribe(self, connection: Connection, channel: str, products: Iterable[str]) -> None:
        self._hub.unsubscribe(connection, [f"{channel}:{product}" for product in products])
        self.answer(connection)

    def answer(self, connection: Connection) -> None:
        """Say what the connection is subscribed to now."""
        held: dict[str, list[str]] = {}
        for topic in connection.topics:
            channel, _, product = topic.partition(":")
            held.setdefault(channel, []).append(product)
        self.send(connection, "subscriptions", [{"subscriptions": held}])

    def _begin(self, connection: Connection, channel: str, shown: Shown) -> None:
        if channel == "level2":
            self.show_book(shown)
            bids, asks = shown.book.levels()
            event = self._book(shown, "snapshot", dict(bids), dict(asks))
            self.send(connection, "l2_data", [event])
        elif channel == "market_trades":
            newest = list(shown.tape.trades)[-_TRADES:]
            trades = [_trade(shown, one) for one in reversed(newest)]
            self.send(connection, channel, [{"type": "snapshot", "trades": trades}])
        elif channel in ("ticker", "ticker_batch"):
            event = {"type": "snapshot", "tickers": [_ticker(shown)]}
            self.send(connection, channel, [event])

    # What happens.

    def show_book(self, shown: Shown) -> None:
        """Tell what changed; a change that nobody is told of uses up a number."""
        topic = f"level2:{shown.market_id}"
        lost, self._lost[shown] = self._lost.get(shown, 0), shown.book.lost
        if lost != shown.book.lost:
            for connection in self._hub.readers(topic):
                self.number(connection)
        changed = shown.book.changes()
        if changed is None:
            return
        _, _, _, bids, asks = changed
        if (bids or asks) and self._hub.wanted(topic):
            self._publish(topic, "l2_data", self._book(shown, "update", bids, asks))

    def show_depth(self) -> None:
        for shown in self.listed.values():
            if self._hub.wanted(f"level2:{shown.market_id}"):
                self.show_book(shown)

    def show_print(self, shown: Shown, made: Print) -> None:
        product = shown.market_id
        if self._hub.wanted(f"market_trades:{product}"):
            event = {"type": "update", "trades": [_trade(shown, made)]}
            self._publish(f"market_trades:{product}", "market_trades", event)
        if self._hub.wanted(f"ticker:{product}"):
            event = {"type": "update", "tickers": [_ticker(shown)]}
            self._publish(f"ticker:{product}", "ticker", event)

    def show_second(self) -> None:
        self._beats += 1
        now = self._server.now_ns()
        beat = {"current_time": words.stamp(now), "heartbeat_counter": self._beats}
        self._publish("heartbeats:", "heartbeats", beat)
        for product, shown in self.listed.items():
            topic = f"ticker_batch:{product}"
            if self._hub.wanted(topic):
                event = {"type": "update", "tickers": [_ticker(shown)]}
                self._publish(topic, "ticker_batch", event)

    def _book(self, shown: Shown, kind: str, bids: Changes, asks: Changes) -> dict[str, Any]:
        scale, at = shown.book.scale, words.stamp(shown.book.at_ns)
        updates = [
            {
                "side": side,
                "event_time": at,
                "price_level": scale.price(price),
                "new_quantity": scale.size(size) if size else "0",
            }
            for side, levels in (("bid", bids), ("offer", asks))
            for price, size in levels.items()
        ]
        return {"type": kind, "product_id": shown.market_id, "updates": updates}


def _trade(shown: Shown, made: Print) -> dict[str, str]:
    """The side is the maker's."""
    scale = shown.book.scale
    return {
        "trade_id": str(made.number),
        "product_id": shown.market_id,
        "price": scale.price(made.price),
        "size": scale.size(made.size),
        "side": "BUY" if made.sold else "SELL",
        "time": words.stamp(made.at_ms * NS_PER_MS),
    }


def _ticker(shown: Shown) -> dict[str, str]:
    scale, bar = shown.book.scale, shown.tape.day()
    bid, ask, bid_size, ask_size = shown.book.top
    last = bar.close or bid
    return {
        "type": "ticker",
        "product_id": shown.market_id,
        "price": scale.price(last),
        "volume_24_h": scale.size(bar.volume),
        "low_24_h": scale.price(bar.low or last),
        "high_24_h": scale.price(bar.high or last),
        "low_52_w": scale.price(bar.low or last),
        "high_52_w": scale.price(bar.high or last),
        "price_percent_chg_24_h": "0",
        "best_bid": scale.price(bid),
        "best_bid_quantity": scale.size(bid_size),
        "best_ask": scale.price(ask),
        "best_ask_quantity": scale.size(ask_size),
    }
