"""A simulated book's sequence numbers: one count, for whoever reads."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument
from arbiter.simex.depth import LEVELS, DepthBook, Scale

BTC = Instrument(
    id=InstrumentId("BTCUSDT.BINANCE"),
    venue=VenueId("binance"),
    market_id="BTCUSDT",
    symbol=Symbol("BTC/USDT"),
    base=Asset("BTC"),
    quote=Asset("USDT"),
    settle=Asset("USDT"),
    tick=Decimal("0.1"),
    lot=Decimal("0.00001"),
    min_size=Decimal("0.00001"),
    min_notional=Decimal(5),
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
)
QUOTES = st.lists(
    st.tuples(st.integers(400_000, 400_060), st.integers(1, 5_000), st.booleans()),
    min_size=1,
    max_size=30,
)


def show(book: DepthBook, bid: int, lots: int) -> None:
    size = lots / 100_000
    book.quote(bid / 10, bid / 10 + 0.5, size, size * 2, 1)


@given(QUOTES)
def test_snapshot_and_changes_after_it_make_the_same_book(
    quotes: list[tuple[int, int, bool]],
) -> None:
    book = DepthBook(BTC)
    show(book, 400_000, 10)
    book.changes()
    bids, asks = (dict(side) for side in book.levels())
    last = book.last_id
    for bid, lots, told in quotes:
        show(book, bid, lots)
        if not told:
            continue
        changed = book.changes()
        assert changed is not None
        first, newest, before, bid_changes, ask_changes = changed
        assert (first, before) == (last + 1, last), "no number is skipped or told twice"
        last = newest
        for side, changes in ((bids, bid_changes), (asks, ask_changes)):
            for price, size in changes.items():
                side.pop(price, None)
                if size:
                    side[price] = size
        assert (bids, asks) == tuple(dict(side) for side in book.levels())
        assert max(bids) < min(asks)
        assert len(bids) == len(asks) == LEVELS


def test_change_nobody_is_told_of_leaves_a_gap_in_the_numbers() -> None:
    book = DepthBook(BTC)
    show(book, 400_000, 10)
    book.changes()
    last = book.last_id
    book.touch()
    show(book, 400_001, 10)
    changed = book.changes()
    assert changed is not None
    assert changed[0] > last + 1
    assert book.lost == 1


@pytest.mark.parametrize(
    ("digits", "price", "size"), [(0, "40000.1", "0.00002"), (8, "40000.10000000", "0.00002000")]
)
def test_prices_and_sizes_are_written_as_the_venue_does(digits: int, price: str, size: str) -> None:
    scale = Scale(BTC, digits)
    assert (scale.price(400_001), scale.size(2)) == (price, size)
