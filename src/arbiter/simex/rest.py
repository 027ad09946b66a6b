"""Requests and replies, apart from the HTTP library that carries them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

encode = msgspec.json.encode


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it came. `query` and `body` are raw: signatures are made over them."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = {}

    def query_values(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def form_values(self) -> dict[str, str]:
        text = self.body.decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True))


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = {}


class VenueError(Exception):
    """The venue says no, in its own words."""

    def __init__(self, code: int, text: str, status: int = 400, retry_after_s: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status
        self.retry_after_s = retry_after_s


def reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(body=encode(value), status=status, headers=headers or {})
