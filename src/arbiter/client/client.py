"""The client: one channel to an engine, and one group of calls per service."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import grpc
import grpc.aio

import arbiter_pb2 as pb
from arbiter.client.markets import Markets
from arbiter.client.operator import Operator
from arbiter.client.session import Session
from arbiter.client.strategy import Strategies
from arbiter.client.streams import Streams
from arbiter.client.tokens import Keep, Tokens
from arbiter.client.trading import Trading
from arbiter.client.users import Users

DEFAULT_ADDRESS = "127.0.0.1:50051"
LARGEST_ANSWER = 16 * 1024 * 1024

_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.max_receive_message_length", LARGEST_ANSWER),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


class ArbiterClient:
    """Speaks as one user; `as_user` gives others over the same channel.

    With `tls` the engine's certificate must be trusted by this machine, or by `ca_certificate`
    (PEM). `timeout_s` bounds every call that is not a stream.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        tls: bool = False,
        ca_certificate: bytes | None = None,
        timeout_s: float = 10.0,
        tokens: Tokens | None = None,
        keep: Keep | None = None,
    ) -> None:
        if tls or ca_certificate is not None:
            trusted = grpc.ssl_channel_credentials(ca_certificate)
            channel = grpc.aio.secure_channel(address, trusted, options=_OPTIONS)
        else:
            channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self._speak(Session(channel, timeout_s=timeout_s, tokens=tokens, keep=keep))

    def _speak(self, session: Session) -> None:
        self._session = session
        self.users = Users(session)
        self.trading = Trading(session)
        self.strategy = Strategies(session)
        self.operator = Operator(session)
        self.markets = Markets(session)
        self.streams = Streams(session)

    def as_user(self, tokens: Tokens | None = None, keep: Keep | None = None) -> "ArbiterClient":
        """Give a client of another user; it ends with this one's channel."""
        other = object.__new__(ArbiterClient)
        timeout_s = self._session.timeout_s
        other._speak(Session(self._session.channel, timeout_s=timeout_s, tokens=tokens, keep=keep))
        return other

    @property
    def tokens(self) -> Tokens | None:
        """None before signing in and after the sign-in has ended."""
        return self._session.tokens

    async def sign_in(self, user_id: str, credential: str) -> Tokens:
        return await self._session.take(await self.users.authenticate(user_id, credential))

    async def redeem_link_code(self, code: str, redeemer: str) -> pb.RedeemLinkCodeResponse:
        """Sign in by a one-time code of ``arbiter users link``."""
        answer = await self.operator.redeem_link_code(code, redeemer)
        await self._session.take(answer.tokens)
        return answer

    async def close(self) -> None:
        await self._session.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
