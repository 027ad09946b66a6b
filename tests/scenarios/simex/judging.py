"""Unmodified ccxt.pro as the judge of a simulator: only addresses and credentials are set."""

import asyncio
import importlib
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from tests.scenarios.simex.conftest import Served

pro = importlib.import_module("ccxt.pro")
T = TypeVar("T")

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"
LEAVES_SOCKETS = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
"""ccxt's own client leaves its sockets to the collector."""


def moved(urls: Any, rest: str, ws: str) -> Any:
    if isinstance(urls, dict):
        return {name: moved(inner, rest, ws) for name, inner in urls.items()}
    if isinstance(urls, str):
        return re.sub(r"^wss?://[^/]+", ws, re.sub(r"^https?://[^/]+", rest, urls))
    return urls


@asynccontextmanager
async def judge(served: Served, server: str, exchange: str, symbol: str) -> AsyncIterator[Any]:
    line = served.lines[server]
    credentials = ("apiKey", "secret", "password")
    client = getattr(pro, exchange)({name: line[name] for name in credentials if name in line})
    client.urls["api"] = moved(client.urls["api"], line["rest"], line["ws"])
    if exchange in ("bybit", "okx"):
        client.options["defaultType"] = "swap" if symbol == SWAP else "spot"
    if exchange == "kraken":
        client.enableRateLimit = False  # three seconds for each private read
    try:
        yield client
    finally:
        await client.close()


def soon(work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    return asyncio.create_task(work)


async def watch_some(client: Any) -> None:
    for _ in range(5):
        await client.watch_order_book(SPOT)


def client_error(name: str) -> type[Exception]:
    found: type[Exception] = getattr(importlib.import_module("ccxt.base.errors"), name)
    return found
