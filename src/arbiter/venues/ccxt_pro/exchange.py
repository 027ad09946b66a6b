"""A ccxt exchange for market data alone: no keys, no attribution, its own addresses if wanted.

ccxt puts its own builder, broker, partner and referral codes into requests by default, and on some
venues fees of its own. None of it may be on, even where nothing is signed.
"""

import asyncio
import importlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from arbiter.model.errors import ArbiterError, BadConfig, VenueUnreachable
from arbiter.venues.common.endpoints import Endpoints

log = structlog.get_logger(__name__)

_LIBRARY_FAULTS = (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)
"""What ccxt's parsers raise over a message they did not expect."""
_CREDITS = ("broker", "builder", "partner", "referral", "referrer", "affiliate", "sponsor")
"""Beginnings of the names of options that credit or pay somebody, lower case."""
_CHANNEL_HEADERS = ("x-gate-channel-id", "referer", "kc-api-partner", "x-referral")


def open_exchange(name: str, endpoints: Endpoints | None) -> Any:
    """Make ccxt's asynchronous class `name` (its own name for the exchange).

    `BadConfig` when there is none. ccxt is imported here and not before: it costs a second.
    """
    pro = importlib.import_module("ccxt.pro")
    if name not in pro.exchanges:
        raise BadConfig(f"ccxt.pro knows no exchange {name!r}")
    exchange = getattr(pro, name)({"newUpdates": True})
    credit_nobody(exchange)
    if endpoints is not None:
        exchange.urls["api"] = _moved(exchange.urls["api"], endpoints)
    return exchange


def credit_nobody(exchange: Any) -> None:
    """Turn every builder, broker, partner and referral default off."""
    for option, value in list(exchange.options.items()):
        if option.lower().startswith(_CREDITS):
            exchange.options[option] = _nothing(value)
    for holder in (exchange.headers, exchange.options.get("headers")):
        if isinstance(holder, dict):
            for header in [h for h in holder if h.lower() in _CHANNEL_HEADERS]:
                del holder[header]


def _nothing(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _nothing(inner) for name, inner in value.items()}
    if isinstance(value, (bool, int, float)):
        return type(value)(0)
    return "0" if isinstance(value, str) and re.fullmatch(r"[0-9.]+", value) else ""


def _moved(urls: Any, endpoints: Endpoints) -> Any:
    """Put our origins in the place of theirs; paths stay."""
    if isinstance(urls, dict):
        return {name: _moved(inner, endpoints) for name, inner in urls.items()}
    if isinstance(urls, str):
        urls = re.sub(r"^wss?://[^/]+", endpoints.stream, urls)
        return re.sub(r"^https?://[^/]+", endpoints.rest, urls)
    return urls


async def asked(ask: Callable[[], Any], patience_s: float) -> Any:
    """Await one answer of ccxt; everything it may raise becomes `VenueUnreachable`."""
    ccxt = importlib.import_module("ccxt")
    try:
        async with asyncio.timeout(patience_s):
            return await ask()
    except TimeoutError:
        raise VenueUnreachable(f"silent for {patience_s:g} s") from None
    except (ccxt.BaseError, *_LIBRARY_FAULTS) as error:
        raise VenueUnreachable(f"{type(error).__name__}: {error}") from error


async def close_exchange(exchange: Any) -> None:
    """Close its connections, whatever it has to say to that."""
    try:
        await exchange.close()
    except (ArbiterError, *_LIBRARY_FAULTS) as error:
        log.debug("closing", why=str(error))
