"""The two ends of a socket for the measurement of feeds: a server of quotes, and one client.

``python -m benchmarks.feed_wire serve RATE`` prints its port and sends, to every connection that
subscribes, so many top-of-book messages a second in Binance's format until it is ended.
``python -m benchmarks.feed_wire ours|ccxt PORT SECONDS`` follows it and prints what that cost.
"""

import asyncio
import json
import sys
import time
from typing import Any, cast

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from arbiter.model.ids import VenueId
from arbiter.ports.venue import QuoteSink
from arbiter.runtime.clock import SystemClock
from arbiter.venues.binance.feed import BinanceFeed
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.wiring import FeedWiring
from benchmarks.feed_messages import SYMBOLS, listing, quotes
from benchmarks.feed_subjects import BoardSink, ccxt_exchange

FOLLOWED = SYMBOLS[:50]
BATCH_S = 0.001
WARM_UP_S = 1.5
_MADE = 20_000
"""Different messages; their numbers are put in as they are sent."""


class Door(WSListener):
    """Server's side of one connection."""

    def __init__(self, clients: list[WSTransport]) -> None:
        self._clients = clients

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close()
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            request = json.loads(frame.get_payload_as_bytes())
            answer = json.dumps({"result": None, "id": request["id"]}).encode()
            transport.send(WSMsgType.TEXT, answer)
            if transport not in self._clients:
                self._clients.append(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if transport in self._clients:
            self._clients.remove(transport)


async def serve(rate: int) -> None:
    """Send at an even pace; what is late is made up for at once."""
    clients: list[WSTransport] = []

    def door(_: WSUpgradeRequest) -> WSListener:
        return Door(clients)

    server = await ws_create_server(door, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    bodies = [message[message.index(b",") :] for message in quotes("binance", _MADE, 1, FOLLOWED)]
    started, sent = time.perf_counter(), 0
    while True:
        due = int((time.perf_counter() - started) * rate)
        for number in range(sent, due):
            message = b'{"u":%d%b' % (1_000_000 + number, bodies[number % _MADE])
            for client in clients:
                if not client.is_disconnected:
                    client.send(WSMsgType.TEXT, message)
        sent = max(sent, due)
        await asyncio.sleep(BATCH_S)


class Counting(BoardSink):
    """The board, and how many quotes it took."""

    def __init__(self) -> None:
        super().__init__("binance")
        self.taken = 0
        update = self.board.update

        def on_quote(*quote: Any) -> int:
            self.taken += 1
            return update(*quote)

        self.on_quote = on_quote


async def ours(port: int, seconds: float) -> dict[str, float]:
    sink = Counting()
    wiring = FeedWiring(
        venue=VenueId("binance"),
        instruments=[listing(symbol, "binance") for symbol in FOLLOWED],
        slots=_slots(sink),
        clock=SystemClock(),
        endpoints=Endpoints(stream=f"ws://127.0.0.1:{port}", rest=f"http://127.0.0.1:{port}"),
    )
    task = asyncio.create_task(BinanceFeed(wiring).run(cast(QuoteSink, sink)))
    await asyncio.sleep(WARM_UP_S)
    before = sink.taken
    cpu, wall = await _cost(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return {"cpu": cpu / wall, "rate": (sink.taken - before) / wall}


async def ccxt(port: int, seconds: float) -> dict[str, float]:
    exchange = ccxt_exchange("binance")
    exchange.urls["api"]["ws"]["spot"] = f"ws://127.0.0.1:{port}/ws"
    symbols = [exchange.market(name)["symbol"] for name in FOLLOWED]
    handle, handled = exchange.handle_tickers_and_bids_asks, 0

    def count(client: Any, message: Any, method: str) -> None:
        nonlocal handled
        handled += 1
        handle(client, message, method)

    exchange.handle_tickers_and_bids_asks = count

    async def follow() -> None:
        while True:
            await exchange.watch_bids_asks(symbols)

    task = asyncio.create_task(follow())
    await asyncio.sleep(WARM_UP_S)
    before = handled
    cpu, wall = await _cost(seconds)
    taken = handled - before
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await exchange.close()
    return {"cpu": cpu / wall, "rate": taken / wall}


async def _cost(seconds: float) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    return time.process_time() - cpu, time.perf_counter() - wall


def _slots(sink: BoardSink) -> Any:
    registry = sink.board.registry
    return {told.id: registry.slot(told.id) for told in registry.instruments}


def main() -> None:
    """Be one end."""
    part, *rest = sys.argv[1:]
    if part == "serve":
        uvloop.run(serve(int(rest[0])))
        return
    client = ours if part == "ours" else ccxt
    print(json.dumps(uvloop.run(client(int(rest[0]), float(rest[1])))))


if __name__ == "__main__":
    main()
