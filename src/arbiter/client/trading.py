"""TradingService: orders."""

from typing import TYPE_CHECKING

import arbiter_pb2 as pb
from arbiter.client.session import Session
from arbiter_pb2_grpc import TradingServiceStub

if TYPE_CHECKING:
    from arbiter_pb2_grpc import TradingServiceAsyncStub


class Trading:
    def __init__(self, session: Session) -> None:
        self._session = session
        stub: TradingServiceAsyncStub = TradingServiceStub(session.channel)  # type: ignore[assignment]
        self._stub = stub

    async def place_order(
        self,
        exchange: pb.Exchange,
        market_id: str,
        side: pb.Side,
        size: float,
        price: float = 0.0,
        client_order_id: str = "",
    ) -> pb.PlaceOrderResponse:
        """Place an order; price 0 is a market order.

        A refusal is an answer of status REJECTED whose message has the numbers. With a
        `client_order_id` the call may be repeated: the first order is given as it stands.
        """
        request = pb.PlaceOrderRequest(
            exchange=exchange,
            market_id=market_id,
            side=side,
            size=size,
            price=price,
            client_order_id=client_order_id,
        )
        return await self._session.call(self._stub.PlaceOrder, request)

    async def cancel_order(self, exchange: pb.Exchange, order_id: str) -> pb.CancelOrderResponse:
        request = pb.CancelOrderRequest(exchange=exchange, order_id=order_id)
        return await self._session.call(self._stub.CancelOrder, request)

    async def order(self, exchange: pb.Exchange, order_id: str) -> pb.OrderResponse:
        request = pb.GetOrderRequest(exchange=exchange, order_id=order_id)
        return await self._session.call(self._stub.GetOrder, request)

    async def orders(
        self,
        exchange: pb.Exchange = pb.EXCHANGE_UNSPECIFIED,
        status: pb.OrderStatus = pb.ORDER_STATUS_UNSPECIFIED,
        limit: int = 50,
    ) -> list[pb.OrderResponse]:
        """List recent orders, newest first."""
        request = pb.ListOrdersRequest(exchange=exchange, status=status, limit=limit)
        return list((await self._session.call(self._stub.ListOrders, request)).orders)
