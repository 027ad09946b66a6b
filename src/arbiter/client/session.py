"""One user's calls over a channel: the access token goes along, and is renewed when it must be."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

import arbiter_pb2 as pb
from arbiter.client.errors import SignInNeeded, error_of
from arbiter.client.tokens import Keep, Tokens, tokens_of
from arbiter_pb2_grpc import UserServiceStub

if TYPE_CHECKING:
    from arbiter_pb2_grpc import UserServiceAsyncStub

Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer", bound=Message)


class Session:
    """`keep` hears of every new pair of tokens."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        timeout_s: float,
        tokens: Tokens | None,
        keep: Keep | None,
    ) -> None:
        self.channel = channel
        self.timeout_s = timeout_s
        self.tokens = tokens
        self._keep = keep
        self._renewing = asyncio.Lock()
        stub: UserServiceAsyncStub = UserServiceStub(channel)  # type: ignore[assignment]
        self._users = stub

    async def take(self, answer: pb.AuthResponse) -> Tokens:
        """Go on as whoever the tokens say."""
        tokens = tokens_of(answer)
        if self._keep is not None:
            await self._keep(tokens)
        self.tokens = tokens
        return tokens

    async def call(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Answer],
        request: Request,
        timeout_s: float | None = None,
    ) -> Answer:
        """Make one call; with a token found stale, renew it and ask once more."""
        tokens = await self._current()
        timeout = self.timeout_s if timeout_s is None else timeout_s
        try:
            return await method(request, metadata=_bearing(tokens), timeout=timeout)
        except grpc.aio.AioRpcError as failed:
            if failed.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise error_of(failed) from None
        tokens = await self._renew(tokens)
        return await self._once(method, request, _bearing(tokens), timeout)

    async def call_openly(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Answer], request: Request
    ) -> Answer:
        """Make a call that needs no token."""
        return await self._once(method, request, grpc.aio.Metadata(), self.timeout_s)

    async def stream(
        self, method: grpc.aio.UnaryStreamMultiCallable[Request, Answer], request: Request
    ) -> AsyncIterator[Answer]:
        """Yield what a stream sends until it ends; leaving the loop cancels it."""
        tokens, fresh = await self._current(), False
        while True:
            call = method(request, metadata=_bearing(tokens))
            try:
                async for answer in call:
                    fresh = True
                    yield answer
                return
            except grpc.aio.AioRpcError as failed:
                if fresh or failed.code() is not grpc.StatusCode.UNAUTHENTICATED:
                    raise error_of(failed) from None
            finally:
                call.cancel()
            tokens, fresh = await self._renew(tokens), True

    async def _once(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Answer],
        request: Request,
        metadata: grpc.aio.Metadata,
        timeout: float,
    ) -> Answer:
        try:
            return await method(request, metadata=metadata, timeout=timeout)
        except grpc.aio.AioRpcError as failed:
            raise error_of(failed) from None

    async def _current(self) -> Tokens:
        if self.tokens is None:
            raise SignInNeeded("sign in first", grpc.StatusCode.UNAUTHENTICATED)
        return self.tokens if self.tokens.fresh() else await self._renew(self.tokens)

    async def _renew(self, stale: Tokens) -> Tokens:
        """Exchange the refresh token, one call at a time: a second use would end the sign-in."""
        async with self._renewing:
            if self.tokens is None or self.tokens is not stale:
                return await self._current()
            request = pb.RefreshTokenRequest(refresh_token=stale.refresh)
            try:
                return await self.take(await self.call_openly(self._users.RefreshToken, request))
            except SignInNeeded:
                self.tokens = None
                raise


def _bearing(tokens: Tokens) -> grpc.aio.Metadata:
    return grpc.aio.Metadata(("authorization", f"Bearer {tokens.access}"))
