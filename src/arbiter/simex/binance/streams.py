"""Market data streams: who subscribes to what, and the frames."""

import re
from typing import Any

from arbiter.model.time import NS_PER_MS
from arbiter.simex.binance.public import INTERVALS, day_row, joined
from arbiter.simex.hub import Connection, Hub
from arbiter.simex.rest import encode
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

_DEPTH = re.compile(r"depth(?P<levels>5|10|20)?(@(?P<every>\d+)ms)?")
_LEVELS = (5, 10, 20)
_SPEEDS = ("", "@100ms", "@250ms", "@500ms", "@0ms", "@1000ms")


class MarketStreams:
    """Streams of one server. `futures` changes the shape of some frames."""

    def __init__(self, server: VenueServer, hub: Hub, *, futures: bool) -> None:
        self._server = server
        self._hub = hub
        self._futures = futures
        self._by_stream = {shown.market_id.lower(): shown for shown in server.shown.values()}
        self._watched: dict[Shown, None] = {}

    def subscribe(self, connection: Connection, streams: list[str]) -> None:
        """Any well-formed name is taken; one that is not listed stays silent."""
        self._hub.subscribe(connection, streams)
        for stream in streams:
            symbol, _, channel = stream.partition("@")
            shown = self._by_stream.get(symbol)
            if shown is not None and _DEPTH.fullmatch(channel) and shown not in self._watched:
                shown.book.changes()
                self._watched[shown] = None

    def command(self, connection: Connection, message: dict[str, Any]) -> None:
        """SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS."""
        method, number = message.get("method"), message.get("id")
        streams = message.get("params") or []
        result: Any = None
        if method == "SUBSCRIBE" and isinstance(streams, list):
            self.subscribe(connection, [str(stream) for stream in streams])
        elif method == "UNSUBSCRIBE" and isinstance(streams, list):
            self._hub.unsubscribe(connection, [str(stream) for stream in streams])
        elif method == "LIST_SUBSCRIPTIONS":
            result = list(connection.topics)
        else:
            error = {"code": 2, "msg": f"Invalid request: unknown variant {method}"}
            connection.send(encode({"error": error, "id": number}).decode())
            return
        connection.send(encode({"result": result, "id": number}).decode())

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        stream = f"{shown.market_id.lower()}@bookTicker"
        everywhere = self._hub.wanted("!bookTicker")
        if not everywhere and not self._hub.wanted(stream):
            return
        bid, ask, bid_size, ask_size = shown.book.top
        if crossed:
            bid, ask = ask, bid
        scale = shown.book.scale
        core = (
            f'"s":"{shown.market_id}","b":"{scale.price(bid)}","B":"{scale.size(bid_size)}",'
            f'"a":"{scale.price(ask)}","A":"{scale.size(ask_size)}"'
        )
        if self._futures:
            at = self._server.now_ms()
            frame = f'{{"e":"bookTicker","u":{shown.book.last_id},"E":{at},"T":{at},{core}}}'
        else:
            frame = f'{{"u":{shown.book.last_id},{core}}}'
        self._hub.publish(stream, frame)
        if everywhere:
            self._hub.publish("!bookTicker", frame)

    def show_depth(self) -> None:
        for shown in tuple(self._watched):
            self._show_book(shown)

    def _show_book(self, shown: Shown) -> None:
        name, scale = shown.market_id.lower(), shown.book.scale
        changed = shown.book.changes()
        if changed is not None:
            first, last, before, bids, asks = changed
            at = self._server.now_ms()
            told: dict[str, Any] = {"e": "depthUpdate", "E": at}
            if self._futures:
                told["T"] = shown.book.at_ns // NS_PER_MS
            told |= {"s": shown.market_id, "U": first, "u": last}
            if self._futures:
                told["pu"] = before
            told["b"] = [[scale.price(p), scale.size(s)] for p, s in bids.items()]
            told["a"] = [[scale.price(p), scale.size(s)] for p, s in asks.items()]
            frame = encode(told).decode()
            for speed in _SPEEDS:
                self._hub.publish(f"{name}@depth{speed}", frame)
        for levels in _LEVELS:
            streams = [f"{name}@depth{levels}{speed}" for speed in _SPEEDS]
            if any(self._hub.wanted(stream) for stream in streams):
                frame = self._partial(shown, levels)
                for stream in streams:
                    self._hub.publish(stream, frame)

    def _partial(self, shown: Shown, levels: int) -> str:
        bids, asks = shown.book.levels()
        scale = shown.book.scale
        rows = [
            [[scale.price(p), scale.size(s)] for p, s in side[:levels]] for side in (bids, asks)
        ]
        if not self._futures:
            told: dict[str, Any] = {"lastUpdateId": shown.book.last_id}
            return encode(told | {"bids": rows[0], "asks": rows[1]}).decode()
        at = self._server.now_ms()
        last = shown.book.last_id
        told = {"e": "depthUpdate", "E": at, "T": at, "s": shown.market_id}
        told |= {"U": last, "u": last, "pu": last - 1, "b": rows[0], "a": rows[1]}
        return encode(told).decode()

    def show_print(self, shown: Shown, made: Print) -> None:
        name = shown.market_id.lower()
        trade, aggregate = f"{name}@trade", f"{name}@aggTrade"
        scale, at = shown.book.scale, self._server.now_ms()
        told: dict[str, Any] = {
            "e": "trade",
            "E": at,
            "s": shown.market_id,
            "t": made.number,
            "p": scale.price(made.price),
            "q": scale.size(made.size),
            "T": made.at_ms,
            "m": made.sold,
        }
        if self._hub.wanted(trade):
            extra = {"X": "MARKET"} if self._futures else {"M": True}
            self._hub.publish(trade, encode(told | extra).decode())
        if self._hub.wanted(aggregate):
            told["e"] = "aggTrade"
            told |= {"a": told.pop("t"), "f": made.number, "l": made.number}
            self._hub.publish(aggregate, encode(told).decode())
        for interval in INTERVALS:
            stream = f"{name}@kline_{interval}"
            if self._hub.wanted(stream):
                self._hub.publish(stream, self._kline(shown, interval, at))

    def _kline(self, shown: Shown, interval: str, at: int) -> str:
        minutes, scale = INTERVALS[interval], shown.book.scale
        opens, bar = joined(shown.tape.bars, minutes)[-1]
        turnover = bar.turnover * float(shown.instrument.tick) * float(shown.instrument.lot)
        kline = {
            "t": opens,
            "T": opens + minutes * 60_000 - 1,
            "s": shown.market_id,
            "i": interval,
            "f": 0,
            "L": 0,
            "o": scale.price(bar.open),
            "c": scale.price(bar.close),
            "h": scale.price(bar.high),
            "l": scale.price(bar.low),
            "v": scale.size(bar.volume),
            "n": bar.count,
            "x": False,
            "q": f"{turnover:.8f}",
            "V": scale.size(bar.volume // 2),
            "Q": f"{turnover / 2:.8f}",
            "B": "0",
        }
        told = {"e": "kline", "E": at, "s": shown.market_id, "k": kline}
        return encode(told).decode()

    def show_second(self) -> None:
        """Tickers, one by one and all together."""
        at = self._server.now_ms()
        for kind, make in (("ticker", _ticker), ("miniTicker", _mini)):
            everything = f"!{kind}@arr"
            rows = []
            for shown in self._by_stream.values():
                stream = f"{shown.market_id.lower()}@{kind}"
                if self._hub.wanted(stream) or self._hub.wanted(everything):
                    row = make(day_row(shown, at), at)
                    rows.append(row)
                    self._hub.publish(stream, encode(row).decode())
            if rows and self._hub.wanted(everything):
                self._hub.publish(everything, encode(rows).decode())


def _ticker(row: dict[str, Any], at: int) -> dict[str, Any]:
    return {
        "e": "24hrTicker",
        "E": at,
        "s": row["symbol"],
        "p": row["priceChange"],
        "P": row["priceChangePercent"],
        "w": row["weightedAvgPrice"],
        "x": row["prevClosePrice"],
        "c": row["lastPrice"],
        "Q": row["lastQty"],
        "b": row["bidPrice"],
        "B": row["bidQty"],
        "a": row["askPrice"],
        "A": row["askQty"],
        "o": row["openPrice"],
        "h": row["highPrice"],
        "l": row["lowPrice"],
        "v": row["volume"],
        "q": row["quoteVolume"],
        "O": row["openTime"],
        "C": row["closeTime"],
        "F": row["firstId"],
        "L": row["lastId"],
        "n": row["count"],
    }


def _mini(row: dict[str, Any], at: int) -> dict[str, Any]:
    return {
        "e": "24hrMiniTicker",
        "E": at,
        "s": row["symbol"],
        "c": row["lastPrice"],
        "o": row["openPrice"],
        "h": row["highPrice"],
        "l": row["lowPrice"],
        "v": row["volume"],
        "q": row["quoteVolume"],
    }
