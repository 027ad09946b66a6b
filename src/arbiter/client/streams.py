"""StreamService: what happens, as it happens."""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import arbiter_pb2 as pb
from arbiter.client.session import Session
from arbiter_pb2_grpc import StreamServiceStub

if TYPE_CHECKING:
    from arbiter_pb2_grpc import StreamServiceAsyncStub


class Streams:
    """Each is to be iterated with ``async for``; one that ends with `TooMany` was read too slowly.

    `Unreachable` is to be met by iterating anew: orders and alerts begin with what stands.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        stub: StreamServiceAsyncStub = StreamServiceStub(session.channel)  # type: ignore[assignment]
        self._stub = stub

    def orders(
        self, exchange: pb.Exchange = pb.EXCHANGE_UNSPECIFIED, *, manual_only: bool = False
    ) -> AsyncIterator[pb.OrderUpdate]:
        """Open orders first, then every change."""
        request = pb.StreamOrdersRequest(exchange=exchange, manual_only=manual_only)
        return self._session.stream(self._stub.StreamOrders, request)

    def quotes(
        self,
        exchange: pb.Exchange = pb.EXCHANGE_UNSPECIFIED,
        market_ids: Sequence[str] = (),
        *,
        interval_ms: int = 200,
    ) -> AsyncIterator[pb.Quote]:
        """The newest top of book of each market, where it changed since the last look."""
        request = pb.StreamQuotesRequest(
            exchange=exchange, market_ids=market_ids, interval_ms=interval_ms
        )
        return self._session.stream(self._stub.StreamQuotes, request)

    def opportunities(self, strategy: str = "") -> AsyncIterator[pb.Opportunity]:
        """Openings found, traded or not."""
        request = pb.StreamOpportunitiesRequest(strategy=strategy)
        return self._session.stream(self._stub.StreamOpportunities, request)

    def alerts(
        self,
        least: pb.AlertSeverity = pb.ALERT_SEVERITY_INFO,
        *,
        recent: int = 0,
    ) -> AsyncIterator[pb.Alert]:
        """What a person wants to hear of; `recent` of the last ones come first."""
        request = pb.StreamAlertsRequest(least=least, recent=recent)
        return self._session.stream(self._stub.StreamAlerts, request)
