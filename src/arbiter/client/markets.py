"""MarketService: what is listed, and the newest top of book."""

from typing import TYPE_CHECKING

import arbiter_pb2 as pb
from arbiter.client.session import Session
from arbiter_pb2_grpc import MarketServiceStub

if TYPE_CHECKING:
    from arbiter_pb2_grpc import MarketServiceAsyncStub


class Markets:
    def __init__(self, session: Session) -> None:
        self._session = session
        stub: MarketServiceAsyncStub = MarketServiceStub(session.channel)  # type: ignore[assignment]
        self._stub = stub

    async def find(
        self,
        text: str = "",
        exchange: pb.Exchange = pb.EXCHANGE_UNSPECIFIED,
        *,
        limit: int = 100,
        offset: int = 0,
    ) -> pb.ListMarketsResponse:
        """Find markets whose id or name holds the text."""
        request = pb.ListMarketsRequest(exchange=exchange, text=text, limit=limit, offset=offset)
        return await self._session.call(self._stub.ListMarkets, request)

    async def order_book(self, exchange: pb.Exchange, market_id: str) -> pb.OrderBook:
        request = pb.GetOrderBookRequest(exchange=exchange, market_id=market_id)
        return await self._session.call(self._stub.GetOrderBook, request)
