"""OKX's public streams and reads over books that move by themselves."""

import time
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any
from zlib import crc32

from tests.fakes.book_server import BookServer
from tests.fakes.wire_server import Client

CHANNELS = ("bbo-tbt", "books")


class FakeOkx(BookServer):
    def __init__(self, symbols: Sequence[str], *, seed: int = 1) -> None:
        super().__init__(symbols, seed=seed)
        self.refuses_whole = False
        """A request with a bad topic is granted none of its topics."""
        self.deaf_to_renewals = False
        """Grants a repeated subscription and sends no snapshot."""
        self.tells_checksums = True
        self.wrong_checksums = 0
        """So many of the next updates carry a checksum of another book."""
        self._last: dict[str, Any] = {}

    # What happens --------------------------------------------------------------------------

    def move(self, symbol: str) -> None:
        """Change one book and say so, at both depths."""
        self._change(symbol, told=True)

    def skip(self, symbol: str) -> None:
        """Change one book and lose the messages."""
        self._change(symbol, told=False)

    def repeat(self, symbol: str) -> None:
        """Send the last messages of one book again."""
        for channel in CHANNELS:
            self.publish(f"{channel}:{symbol}", self._last[f"{channel}:{symbol}"])

    def stand_still(self, symbol: str) -> None:
        """Say that nothing has changed, as the venue does every minute."""
        book = self.books[symbol]
        self._publish("books", symbol, self._book(symbol, [], [], book.last), action="update")

    def maintain(self, symbol: str) -> None:
        """Begin to number one book anew, the last number linked to the first."""
        book = self.books[symbol]
        before, book.last = book.last, 7
        self._publish("books", symbol, self._book(symbol, [], [], before), action="update")

    def trade(self, symbol: str, number: int, price: str, size: str, side: str) -> None:
        row = {"instId": symbol, "tradeId": str(number), "px": price, "sz": size, "side": side}
        self._publish("trades", symbol, row | {"ts": _now(), "count": "1"})

    def tell(self, channel: str, symbol: str, **fields: str) -> None:
        self._publish(channel, symbol, {"instId": symbol, "instType": "SWAP", **fields})

    # As a server ---------------------------------------------------------------------------

    def on_text(self, client: Client, data: bytes) -> None:
        if data == b"ping":
            client.send(b"pong")
        else:
            super().on_text(client, data)

    def on_message(self, client: Client, message: dict[str, Any]) -> None:
        more = {"connId": "a4d3ae55"} | ({"id": message["id"]} if "id" in message else {})
        args = {f"{arg['channel']}:{arg['instId']}": arg for arg in message["args"]}
        if message["op"] == "unsubscribe":
            client.topics -= set(args)
            for arg in args.values():
                client.say({"event": "unsubscribe", "arg": arg} | more)
            return
        bad = set(args) & self.refused
        for topic in sorted(bad):
            text = f"Wrong URL or channel:{topic} doesn't exist."
            client.say({"event": "error", "code": "60018", "msg": text} | more)
        if bad and self.refuses_whole:
            return
        for topic, arg in args.items():
            if topic in bad:
                continue
            client.topics.add(topic)
            client.say({"event": "subscribe", "arg": arg} | more)
            deaf = self.deaf_to_renewals and "id" not in message
            if not self.stalled and not deaf and arg["channel"] in CHANNELS:
                client.say(self.snapshot(arg["channel"], arg["instId"]))

    def get(self, path: str, query: dict[str, str]) -> Any:
        if path != "/api/v5/market/candles":
            return None
        after, limit = int(query["after"]), int(query["limit"])
        newest = (after - 1) // 60_000 * 60_000
        rows = [
            [str(opens), "1.0", "3.0", "0.5", "2.0", "750", "7.5", "15.0", "1"]
            for opens in range(newest, newest - limit * 60_000, -60_000)
        ]
        return {"code": "0", "msg": "", "data": rows}

    def snapshot(self, channel: str, symbol: str) -> dict[str, Any]:
        if channel == "bbo-tbt":
            return self._message(channel, symbol, self._best(symbol))
        book = self.books[symbol]
        row = self._book(symbol, book.bids(), book.asks(), -1)
        return self._message(channel, symbol, row, action="snapshot")

    def broken_level(self, symbol: str) -> bytes:
        """Give an update, rightly numbered, with a level that cannot be."""
        book = self.books[symbol]
        return (
            f'{{"arg":{{"channel":"books","instId":"{symbol}"}},"action":"update","data":[{{'
            f'"bids":[["27000.00","-1.0","0","1"]],"asks":[],"ts":"1","checksum":0,'
            f'"seqId":{book.last + 1},"prevSeqId":{book.last}}}]}}'
        ).encode()

    def _change(self, symbol: str, *, told: bool) -> None:
        change = self.books[symbol].step()
        rows = {
            "bbo-tbt": self._message("bbo-tbt", symbol, self._best(symbol)),
            "books": self._message(
                "books",
                symbol,
                self._book(symbol, change.bids, change.asks, change.before),
                action="update",
            ),
        }
        for channel, message in rows.items():
            self._last[f"{channel}:{symbol}"] = message
            if told:
                self.publish(f"{channel}:{symbol}", message)

    def _best(self, symbol: str) -> dict[str, Any]:
        book = self.books[symbol]
        return {
            "asks": _rows(book.asks(1)),
            "bids": _rows(book.bids(1)),
            "ts": _now(),
            "seqId": book.last,
        }

    def _book(self, symbol: str, bids: Any, asks: Any, before: int) -> dict[str, Any]:
        book = self.books[symbol]
        told = checksum(book.bids(25), book.asks(25)) if self.tells_checksums else 0
        if self.wrong_checksums and before != -1:
            self.wrong_checksums -= 1
            told ^= 1
        return {
            "asks": _rows(asks),
            "bids": _rows(bids),
            "ts": _now(),
            "checksum": told,
            "seqId": book.last,
            "prevSeqId": before,
        }

    def _message(self, channel: str, symbol: str, row: Any, **more: str) -> dict[str, Any]:
        return {"arg": {"channel": channel, "instId": symbol}, **more, "data": [row]}

    def _publish(self, channel: str, symbol: str, row: Any, **more: str) -> None:
        self.publish(f"{channel}:{symbol}", self._message(channel, symbol, row, **more))


def checksum(bids: Sequence[Sequence[str]], asks: Sequence[Sequence[str]]) -> int:
    """What the venue documents: bid and ask in turn, a shorter side running out first."""
    pairs = zip_longest(bids, asks, fillvalue=())
    number = crc32(":".join(text for bid, ask in pairs for text in (*bid, *ask)).encode())
    return number if number < 2**31 else number - 2**32


def _rows(levels: Sequence[Sequence[str]]) -> list[list[str]]:
    """Sizes of nothing are written ``0``, whatever the instrument's digits."""
    return [[p, s, "0", "1"] if float(s) else [p, "0", "0", "0"] for p, s in levels]


def _now() -> str:
    return str(time.time_ns() // 1_000_000)
