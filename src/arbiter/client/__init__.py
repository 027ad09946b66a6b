"""A typed asyncio client of the control API. It knows the generated code and nothing of the engine.

    async with ArbiterClient("127.0.0.1:50051") as arbiter:
        await arbiter.sign_in("alice", credential)
        placed = await arbiter.trading.place_order(
            Exchange.EXCHANGE_BINANCE, "BTCUSDT", Side.SIDE_BUY, 0.01
        )

Answers are the messages of `arbiter_pb2`; failures are the exceptions of `arbiter.client.errors`.
"""

from arbiter.client.client import ArbiterClient
from arbiter.client.errors import (
    ArbiterApiError,
    BadRequest,
    NotAllowed,
    NotFound,
    ServerFault,
    SignInNeeded,
    TooMany,
    Unreachable,
)
from arbiter.client.tokens import Tokens

__all__ = [
    "ArbiterApiError",
    "ArbiterClient",
    "BadRequest",
    "NotAllowed",
    "NotFound",
    "ServerFault",
    "SignInNeeded",
    "Tokens",
    "TooMany",
    "Unreachable",
]
