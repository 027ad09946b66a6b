"""UserService: signing in, and what the account holds."""

from typing import TYPE_CHECKING

import arbiter_pb2 as pb
from arbiter.client.session import Session
from arbiter_pb2_grpc import UserServiceStub

if TYPE_CHECKING:
    from arbiter_pb2_grpc import UserServiceAsyncStub


class Users:
    def __init__(self, session: Session) -> None:
        self._session = session
        stub: UserServiceAsyncStub = UserServiceStub(session.channel)  # type: ignore[assignment]
        self._stub = stub

    async def authenticate(self, user_id: str, credential: str) -> pb.AuthResponse:
        """Give tokens without using them; `ArbiterClient.sign_in` goes on with them."""
        request = pb.AuthRequest(user_id=user_id, credential=credential)
        return await self._session.call_openly(self._stub.Authenticate, request)

    async def refresh(self, refresh_token: str) -> pb.AuthResponse:
        """Exchange a refresh token by hand; calls do so by themselves when they need to."""
        request = pb.RefreshTokenRequest(refresh_token=refresh_token)
        return await self._session.call_openly(self._stub.RefreshToken, request)

    async def balances(self, exchange: pb.Exchange = pb.EXCHANGE_UNSPECIFIED) -> list[pb.Balance]:
        request = pb.BalancesRequest(exchange=exchange)
        return list((await self._session.call(self._stub.GetBalances, request)).balances)

    async def positions(
        self, exchange: pb.Exchange = pb.EXCHANGE_UNSPECIFIED, market_id: str = ""
    ) -> list[pb.Position]:
        request = pb.PositionsRequest(exchange=exchange, market_id=market_id)
        return list((await self._session.call(self._stub.GetPositions, request)).positions)
