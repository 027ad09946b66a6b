"""Streams over one signed connection: books by number, trades, tickers, and what is private.

A subscription is one channel of one connection. Channels of market data number its messages from 1,
of whatever market, answers to its commands included; the numbers go on over a message that is lost.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from arbiter.model.money import ONE
from arbiter.model.time import NS_PER_MS
from arbiter.simex.hub import Connection
from arbiter.simex.kalshi import words
from arbiter.simex.kalshi.public import Public, market_id, trade_row
from arbiter.simex.kalshi.words import count, dollars
from arbiter.simex.rest import encode
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

BOOKS, TRADES, TICKER, LIFE = "orderbook_delta", "trade", "ticker", "market_lifecycle_v2"
_PRIVATE = ("fill", "user_orders", "market_positions")
_NUMBERED = (BOOKS, TRADES, LIFE)
_CHANNELS = (*_NUMBERED, TICKER, *_PRIVATE)
_ACTIONS = ("add_markets", "delete_markets", "get_snapshot")
_ERRORS = {
    1: "Unable to process message",
    2: "Params required",
    3: "Channels required",
    4: "Subscription IDs required",
    5: "Unknown command",
    7: "Unknown subscription ID",
    8: "Unknown channel name",
    12: "Exactly one subscription ID is required",
    13: "Unsupported action",
    14: "Market Ticker required",
}
Sides = tuple[dict[int, int], dict[int, int]]


class Subscription(msgspec.Struct, kw_only=True):
    sid: int
    channel: str
    tickers: dict[str, None] = {}
    """Empty is all of them, where a channel allows that."""
    yes_prices: bool = False
    seq: int = 0

    def carries(self, ticker: str) -> bool:
        return not self.tickers or ticker in self.tickers


class Peer(msgspec.Struct, kw_only=True):
    """One connection: whose it is, and what it subscribed to."""

    account: int
    subscriptions: dict[int, Subscription] = {}
    last: int = 0


class Streams:
    def __init__(self, server: VenueServer, public: Public, silent: Callable[[], bool]) -> None:
        self._server = server
        self._public = public
        self._silent = silent
        self._peers: dict[Connection, Peer] = {}
        self._told: dict[int, Sides] = {}
        """Books as they were last told, by row."""
        self._lost: dict[int, int] = {}

    # Commands.

    def join(self, connection: Connection, account: int) -> None:
        self._peers[connection] = Peer(account=account)

    def heard(self, connection: Connection, text: str) -> None:
        peer = self._peers.get(connection)
        if peer is None:
            return
        try:
            told = msgspec.json.decode(text)
            number, name = int(told.get("id", 0)), told.get("cmd")
        except (msgspec.DecodeError, AttributeError, TypeError, ValueError):
            self._error(connection, 0, 1)
            return
        params = told.get("params")
        if name == "list_subscriptions":
            rows = [{"channel": s.channel, "sid": s.sid} for s in peer.subscriptions.values()]
            self._send(connection, {"id": number, "type": "ok", "msg": rows})
        elif name not in ("subscribe", "unsubscribe", "update_subscription"):
            self._error(connection, number, 5)
        elif not isinstance(params, dict):
            self._error(connection, number, 2)
        elif name == "subscribe":
            self._subscribe(connection, peer, number, params)
        elif name == "unsubscribe":
            self._unsubscribe(connection, peer, number, params)
        else:
            self._update(connection, peer, number, params)

    def _subscribe(
        self, connection: Connection, peer: Peer, number: int, params: dict[str, Any]
    ) -> None:
        channels, tickers = params.get("channels"), _tickers(params)
        if not isinstance(channels, list) or not channels:
            self._error(connection, number, 3)
            return
        unknown = [name for name in channels if name not in _CHANNELS]
        if unknown:
            self._error(connection, number, 8)
            return
        strange = [ticker for ticker in tickers if ticker not in self._public.listed]
        if strange:
            self._error(connection, number, 14, {"market_tickers": strange})
            return
        if BOOKS in channels and not tickers:
            self._error(connection, number, 14)
            return
        for channel in channels:
            peer.last += 1
            made = Subscription(
                sid=peer.last,
                channel=channel,
                tickers=dict.fromkeys(tickers),
                yes_prices=params.get("use_yes_price") is True,
            )
            peer.subscriptions[made.sid] = made
            answer = {"channel": channel, "sid": made.sid}
            self._send(connection, {"id": number, "type": "subscribed", "msg": answer})
            if channel == BOOKS:
                self._snapshots(connection, made, tickers, 0)
            elif channel == TICKER and params.get("send_initial_snapshot") is True:
                for ticker in tickers:
                    self._say(connection, made, "ticker", self._ticker(self._public.listed[ticker]))

    def _unsubscribe(
        self, connection: Connection, peer: Peer, number: int, params: dict[str, Any]
    ) -> None:
        sids = params.get("sids")
        if not isinstance(sids, list) or not sids:
            self._error(connection, number, 4)
            return
        for sid in sids:
            gone = peer.subscriptions.pop(sid, None)
            if gone is None:
                self._error(connection, number, 7)
                continue
            gone.seq += 1
            frame = {"id": number, "sid": sid, "seq": gone.seq, "type": "unsubscribed"}
            self._send(connection, frame)

    def _update(
        self, connection: Connection, peer: Peer, number: int, params: dict[str, Any]
    ) -> None:
        sids = params.get("sids") or [params.get("sid")]
        if not isinstance(sids, list) or len(sids) != 1:
            self._error(connection, number, 12)
            return
        found = peer.subscriptions.get(sids[0])
        action, tickers = params.get("action"), _tickers(params)
        if found is None:
            self._error(connection, number, 7)
        elif action not in _ACTIONS:
            self._error(connection, number, 13)
        elif not tickers or any(ticker not in self._public.listed for ticker in tickers):
            self._error(connection, number, 14)
        elif action == "get_snapshot":
            self._snapshots(connection, found, tickers, number)
        else:
            for ticker in tickers:
                if action == "add_markets":
                    found.tickers[ticker] = None
                else:
                    found.tickers.pop(ticker, None)
            found.seq += 1
            told = {"market_tickers": list(found.tickers)}
            frame = {"id": number, "sid": found.sid, "seq": found.seq, "type": "ok", "msg": told}
            self._send(connection, frame)
            if action == "add_markets" and found.channel == BOOKS:
                self._snapshots(connection, found, tickers, 0)

    def _error(
        self, connection: Connection, number: int, code: int, more: dict[str, Any] | None = None
    ) -> None:
        told = {"code": code, "msg": _ERRORS[code]} | (more or {})
        self._send(connection, {"id": number, "type": "error", "msg": told})

    # Books.

    def _snapshots(
        self, connection: Connection, wanted: Subscription, tickers: Iterable[str], number: int
    ) -> None:
        if self._silent():
            return
        for ticker in tickers:
            shown = self._public.listed[ticker]
            self.show_book(shown)
            bids, asks = self._told[shown.row]
            tick, lot = shown.instrument.tick, shown.instrument.lot
            body: dict[str, Any] = {"market_ticker": ticker, "market_id": market_id(shown)}
            if bids:
                body["yes_dollars_fp"] = [
                    [dollars(p * tick), count(s * lot)] for p, s in sorted(bids.items())
                ]
            if asks:
                body["no_dollars_fp"] = [
                    [dollars(self._price(p * tick, wanted)), count(s * lot)]
                    for p, s in sorted(asks.items(), reverse=True)
                ]
            wanted.seq += 1
            frame = {"type": "orderbook_snapshot", "sid": wanted.sid, "seq": wanted.seq}
            if number:
                frame["id"] = number
            self._send(connection, frame | {"msg": body})

    def _price(self, price: Any, wanted: Subscription) -> Any:
        """Of an offer of YES: as such, or as the bid for NO that it is."""
        return price if wanted.yes_prices else ONE - price

    def show_book(self, shown: Shown, *, crossed: bool = False) -> None:
        """Tell what has changed since it was last told, level by level."""
        now = self._public.levels(shown)
        if crossed and now[0]:
            now = (now[0], now[1] | {max(now[0]): 1})
        before = self._told.get(shown.row)
        self._told[shown.row] = now
        if before is None:
            self._lost[shown.row] = shown.book.lost
            return
        deltas = [
            (side, price, new.get(price, 0) - old.get(price, 0))
            for side, old, new in zip(("yes", "no"), before, now, strict=True)
            for price in {**old, **new}
            if new.get(price, 0) != old.get(price, 0)
        ]
        # What left first: a market that moved never shows a bid above an ask on the way.
        deltas.sort(key=lambda told: told[2] > 0)
        lost = shown.book.lost - self._lost[shown.row]
        self._lost[shown.row] = shown.book.lost
        for connection, wanted in self._readers(BOOKS, shown.market_id):
            if lost or self._silent():
                wanted.seq += max(len(deltas), lost)
                continue
            for side, price, lots in deltas:
                self._delta(connection, wanted, shown, side, price, lots)

    def _delta(
        self,
        connection: Connection,
        wanted: Subscription,
        shown: Shown,
        side: str,
        price: int,
        lots: int,
    ) -> None:
        told = price * shown.instrument.tick
        body = {
            "market_ticker": shown.market_id,
            "market_id": market_id(shown),
            "price_dollars": dollars(told if side == "yes" else self._price(told, wanted)),
            "delta_fp": count(lots * shown.instrument.lot),
            "side": side,
            "ts": words.moment(shown.book.at_ns),
            "ts_ms": shown.book.at_ns // NS_PER_MS,
        }
        self._say(connection, wanted, "orderbook_delta", body)

    # Other market data.

    def show_print(self, shown: Shown, made: Print) -> None:
        for connection, wanted in self._readers(TRADES, shown.market_id):
            row = trade_row(shown, made)
            body = {name: value for name, value in row.items() if name not in _OLD}
            body["market_ticker"] = body.pop("ticker")
            self._say(connection, wanted, "trade", body)

    def show_ticker(self, shown: Shown) -> None:
        for connection, wanted in self._readers(TICKER, shown.market_id):
            self._say(connection, wanted, "ticker", self._ticker(shown))

    def _ticker(self, shown: Shown) -> dict[str, Any]:
        bid, ask, bid_size, ask_size = self._public.top(shown)
        volume, now = count(self._public.volume(shown)), self._server.now_ns()
        return {
            "market_id": market_id(shown),
            "market_ticker": shown.market_id,
            "price_dollars": dollars(self._public.last(shown)),
            "yes_bid_dollars": dollars(bid),
            "yes_ask_dollars": dollars(ask),
            "yes_bid_size_fp": count(bid_size),
            "yes_ask_size_fp": count(ask_size),
            "volume_fp": volume,
            "open_interest_fp": volume,
            "dollar_volume": 0,
            "dollar_open_interest": 0,
            "last_trade_size_fp": "0.00",
            "ts": now // 1_000_000_000,
            "ts_ms": now // NS_PER_MS,
            "time": words.moment(now),
        }

    def show_life(self, body: dict[str, Any]) -> None:
        for connection, wanted in self._readers(LIFE, body["market_ticker"]):
            self._say(connection, wanted, LIFE, body)

    # Private.

    def tell(self, account: int, channel: str, kind: str, ticker: str, body: Any) -> None:
        for connection, wanted in self._readers(channel, ticker):
            if self._peers[connection].account == account:
                self._say(connection, wanted, kind, body)

    def _readers(self, channel: str, ticker: str) -> list[tuple[Connection, Subscription]]:
        for connection in [c for c in self._peers if c.closing]:
            del self._peers[connection]
        return [
            (connection, wanted)
            for connection, peer in self._peers.items()
            for wanted in peer.subscriptions.values()
            if wanted.channel == channel and wanted.carries(ticker)
        ]

    def _say(self, connection: Connection, wanted: Subscription, kind: str, body: Any) -> None:
        frame: dict[str, Any] = {"type": kind, "sid": wanted.sid}
        if wanted.channel in _NUMBERED:
            wanted.seq += 1
            frame["seq"] = wanted.seq
        if not self._silent():
            self._send(connection, frame | {"msg": body})

    def _send(self, connection: Connection, frame: dict[str, Any]) -> None:
        connection.send(encode(frame).decode())


_OLD = ("count", "yes_price", "no_price", "price", "created_time")


def _tickers(params: dict[str, Any]) -> list[str]:
    told = params.get("market_tickers")
    if isinstance(told, list):
        return [str(ticker) for ticker in told]
    one = params.get("market_ticker")
    return [str(one)] if one else []
