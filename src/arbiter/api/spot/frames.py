"""WebSocket frames: what a client may say, and what it is told."""

from typing import Annotated, Literal

import msgspec

from arbiter.api.spot.errors import envelope

MOST_SYMBOLS = 1_000

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Channel = Literal["prices", "signals", "trades"]
CHANNELS: tuple[Channel, ...] = ("prices", "signals", "trades")


class _Frame(msgspec.Struct, frozen=True, tag_field="type"):
    pass


class Auth(_Frame, frozen=True, tag="auth"):
    token: Annotated[str, msgspec.Meta(min_length=1, max_length=4_096)]

    def __repr__(self) -> str:
        return "Auth(…)"


class Subscribe(_Frame, frozen=True, tag="subscribe"):
    channel: Channel
    symbols: Annotated[list[Name], msgspec.Meta(max_length=MOST_SYMBOLS)] | None = None
    """None or empty: all."""


class Unsubscribe(_Frame, frozen=True, tag="unsubscribe"):
    channel: Channel
    symbols: Annotated[list[Name], msgspec.Meta(max_length=MOST_SYMBOLS)] | None = None
    """None or empty: the whole channel."""


class Ping(_Frame, frozen=True, tag="ping"):
    pass


Said = Auth | Subscribe | Unsubscribe | Ping

_decoder: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)
_encoder = msgspec.json.Encoder()


def read(text: str | bytes) -> Said:
    """Read one client's frame; a bad one is a `msgspec.MsgspecError`."""
    return _decoder.decode(text)


def write(kind: str, **fields: object) -> str:
    return _encoder.encode({"type": kind, **fields}).decode()


def write_error(code: str, message: str, details: dict[str, object] | None = None) -> str:
    return write("error", **envelope(code, message, details))
