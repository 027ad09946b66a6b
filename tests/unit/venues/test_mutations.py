"""Whatever comes off a wire is a record or `BadFrame`, and no talk of any venue breaks over it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.venues.binance import decode as binance
from arbiter.venues.bybit import decode as bybit
from arbiter.venues.coinbase import decode as coinbase
from arbiter.venues.coinbase.private import read_user
from arbiter.venues.common.frames import BadFrame
from arbiter.venues.common.stream import Talk
from arbiter.venues.hyperliquid import decode as hyperliquid
from arbiter.venues.kalshi import decode as kalshi
from arbiter.venues.kraken import decode as kraken
from arbiter.venues.kraken.private import read_executions
from arbiter.venues.okx import decode as okx
from arbiter.venues.polymarket import decode as polymarket
from tests.unit.venues import (
    test_coinbase,
    test_hyperliquid,
    test_kalshi,
    test_kraken,
    test_okx,
    test_polymarket,
)
from tests.unit.venues.frames import FakeLink, Taker, binance_talks, bybit_talks
from tests.unit.venues.mutation import mutated

MODULES = (binance, bybit, coinbase, hyperliquid, kalshi, kraken, okx, polymarket)
READERS: dict[str, Callable[[bytes], Any]] = {
    f"{module.__name__.split('.')[-2]}.{name}": reader
    for module in MODULES
    for name, reader in vars(module).items()
    if name.startswith("read_")
} | {"coinbase.read_user": read_user, "kraken.read_executions": read_executions}
TALKS: dict[str, Callable[[FakeLink, Taker], list[Talk]]] = {
    "binance": binance_talks,
    "bybit": bybit_talks,
    "coinbase": test_coinbase.talks,
    "hyperliquid": test_hyperliquid.talks,
    "kalshi": test_kalshi.talks,
    "kraken": test_kraken.talks,
    "okx": test_okx.talks,
    "polymarket": test_polymarket.talks,
}

SANE = {"kalshi", "okx", "polymarket"}
"""Venues whose talks make no quote that cannot be; those of the others the board refuses."""


@given(data=st.binary(max_size=300))
@pytest.mark.parametrize("reader", READERS)
def test_arbitrary_bytes_are_a_record_or_a_refusal(reader: str, data: bytes) -> None:
    with suppress(BadFrame):
        READERS[reader](data)


@given(data=st.data())
@pytest.mark.parametrize("venue", TALKS)
def test_mutated_messages_are_records_or_refusals(venue: str, data: st.DataObject) -> None:
    message = data.draw(mutated(venue))
    for name, reader in READERS.items():
        if name.startswith(f"{venue}."):
            with suppress(BadFrame):
                reader(message)


@given(data=st.data())
@pytest.mark.parametrize("venue", TALKS)
def test_mutated_messages_break_no_talk(venue: str, data: st.DataObject) -> None:
    taker = Taker()
    messages = data.draw(st.lists(mutated(venue), min_size=1, max_size=8))
    for talk in TALKS[venue](FakeLink(), taker):
        talk.opened()
        for message in messages:
            with suppress(BadFrame):
                talk.hear(message)
        talk.tick()
        talk.closed()
    if venue in SANE:
        for _, bid, ask, bid_size, ask_size, *_ in taker.quotes:
            assert 0.0 < bid < ask
            assert min(bid_size, ask_size) > 0.0
