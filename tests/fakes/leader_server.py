"""Small servers of public activity over real HTTP: Polymarket's data API and Hyperliquid's info."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.leader_tape import Row, as_v2

Fault = tuple[int, dict[str, str], bytes]
"""Status, headers, body, in place of an answer."""


def busy(seconds: int) -> Fault:
    return 429, {"Retry-After": str(seconds)}, b"slow down"


BROKEN: Fault = (503, {}, b"try later")
CUT_SHORT: Fault = (200, {"Content-Type": "application/json"}, b'{"data": [{"type": "TR')
FORBIDDEN: Fault = (403, {}, b"not from here")


@dataclass
class LeaderServer:
    """Newest rows first, as both versions of the data API give them."""

    origin: str = ""
    rows: list[Row] = field(default_factory=list)
    """In the order they happened."""
    positions: list[Row] = field(default_factory=list)
    fills: list[dict[str, Any]] = field(default_factory=list)
    """Of Hyperliquid, in the order they happened."""
    has_v2: bool = True
    page: int = 500
    faults: list[Fault] = field(default_factory=list)
    """Given one after the other before anything is answered."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    after_page: Callable[[], None] = lambda: None
    """Called after each page: the leader goes on while he is read."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2/trades", self._v2),
            web.get("/v2/activity", self._v2),
            web.get("/v2/positions", self._positions_v2),
            web.get("/trades", self._v1),
            web.get("/activity", self._v1),
            web.get("/positions", self._positions_v1),
            web.post("/info", self._info),
        ]

    def _fault(self, request: web.Request) -> web.Response | None:
        self.asked.append((request.path, dict(request.query)))
        if not self.faults:
            return None
        status, headers, body = self.faults.pop(0)
        return web.Response(status=status, headers=headers, body=body)

    def _found(self, request: web.Request) -> list[Row]:
        query = request.query
        start = int(query.get("start", "0"))
        if request.path.endswith("trades"):
            if query.get("takerOnly") != "false":
                return []  # all of ours are makers' fills
            kinds = {"TRADE"}
        else:
            kinds = set(query["type"].split(","))
        found = [r for r in self.rows if r["type"] in kinds and r["timestamp"] >= start]
        return found[::-1]

    async def _v2(self, request: web.Request) -> web.StreamResponse:
        fault = self._fault(request)
        if fault is not None:
            return fault
        if not self.has_v2:
            return web.Response(status=404, text="no such route")
        found = [as_v2(row) for row in self._found(request)]
        # A cursor holds on to where it was, whatever is added before it.
        behind = int(request.query.get("cursor", len(found)))
        found = found[len(found) - behind :]
        size = min(int(request.query["limit"]), self.page)
        page, left = found[:size], len(found[size:])
        self.after_page()
        pages = {"has_more": bool(left), "next_cursor": str(left) if left else None}
        return web.json_response({"data": page, "pagination": pages})

    async def _v1(self, request: web.Request) -> web.StreamResponse:
        fault = self._fault(request)
        if fault is not None:
            return fault
        offset, size = int(request.query["offset"]), int(request.query["limit"])
        page = self._found(request)[offset : offset + size]
        self.after_page()
        return web.json_response(page)

    async def _positions_v2(self, request: web.Request) -> web.StreamResponse:
        fault = self._fault(request)
        if fault is not None:
            return fault
        if not self.has_v2:
            return web.Response(status=404, text="no such route")
        told = [
            {
                "condition_id": row["conditionId"],
                "outcome_index": row["outcomeIndex"],
                "current_size": row["size"],
            }
            for row in self.positions
        ]
        return web.json_response({"data": told, "pagination": {"has_more": False}})

    async def _positions_v1(self, request: web.Request) -> web.StreamResponse:
        fault = self._fault(request)
        if fault is not None:
            return fault
        offset, size = int(request.query["offset"]), int(request.query["limit"])
        return web.json_response(self.positions[offset : offset + size])

    async def _info(self, request: web.Request) -> web.StreamResponse:
        fault = self._fault(request)
        if fault is not None:
            return fault
        asked = await request.json()
        self.asked[-1] = (request.path, {key: str(value) for key, value in asked.items()})
        found = [row for row in self.fills if row["time"] >= asked["startTime"]]
        return web.json_response(found[: self.page])


@asynccontextmanager
async def leader_server() -> AsyncIterator[LeaderServer]:
    """Serve on a free port of this machine."""
    server = LeaderServer()
    app = web.Application()
    app.add_routes(server.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.origin = f"http://{host}:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
