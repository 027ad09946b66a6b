"""What a quote that makes no signal costs: compiled kernel against plain twin, few symbols against many.

Every figure is the median over repeats of the mean over a block of quotes, through the same calls
a feed makes. The plain board is the twin behind the same door. All run in turns within one
repeat, in either order by turns, so that a busy machine slows all alike.
"""

import argparse
import gc
import json
import random
import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from arbiter.books.board import BoardSettings, QuoteBoard
from arbiter.books.registry import MarketRegistry
from arbiter.kernels.plain_quote_step import plain_quote_step
from arbiter.kernels.warm import warm
from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument

VENUES = ("binance", "bybit", "okx", "kraken")
FEW, MANY = 150, 1_500
T0 = 1_790_000_000_000_000_000
SPACING_NS = 50_000
"""20,000 quotes a second."""
WANTED_RATIO = 1.2

Args = tuple[int, float, float, float, float, int, int]
Update = Callable[..., int]


def listing(venue: str, number: int) -> Instrument:
    """List one of many like pairs."""
    base = f"C{number}"
    return Instrument(
        id=InstrumentId(f"{base}USDT.{venue.upper()}"),
        venue=VenueId(venue),
        market_id=f"{base}USDT",
        symbol=Symbol(f"{base}/USDT"),
        base=Asset(base),
        quote=Asset("USDT"),
        settle=Asset("USDT"),
        tick=Decimal("0.01"),
        lot=Decimal("0.0001"),
        min_size=Decimal(0),
        min_notional=Decimal(5),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    )


class PlainBoard(QuoteBoard):
    """The board with the twin in the kernel's place."""

    def __init__(self, registry: MarketRegistry, settings: BoardSettings) -> None:
        super().__init__(registry, settings)
        plain: Any = self
        plain._state, plain._params = self._state.tolist(), self._params.tolist()
        plain._step = plain_quote_step


def make_registry(symbols: int) -> MarketRegistry:
    """List every symbol on every venue."""
    return MarketRegistry(listing(venue, n) for n in range(symbols) for venue in VENUES)


def make_quotes(slots: int, count: int, seed: int = 7) -> list[Args]:
    """Make quotes of random slots around one price: every pair is weighed, none pays."""
    source = random.Random(seed)
    quotes = []
    for number in range(count):
        bid = 100.0 + source.uniform(-0.02, 0.02)
        at_ns = T0 + number * SPACING_NS
        slot = source.randrange(slots)
        quotes.append((slot, bid, bid + 0.01, 1.0, 1.0, at_ns, at_ns + 1_000))
    return quotes


def fill(board: QuoteBoard) -> None:
    """Quote every slot once, so that no pair is skipped for want of its other side."""
    for slot in range(board.n_slots):
        board.update(slot, 100.0, 100.01, 1.0, 1.0, T0 - 1, T0 - 1)


def cost_ns(update: Update, quotes: list[Args]) -> float:
    """Give the mean time of one call over a block, the loop around it included."""
    start = time.perf_counter_ns()
    for quote in quotes:
        update(*quote)
    return (time.perf_counter_ns() - start) / len(quotes)


def loop_ns(quotes: list[Args]) -> float:
    """Give what the loop and an empty call of the same shape cost."""
    return cost_ns(lambda slot, bid, ask, bid_size, ask_size, sent, received: 0, quotes)


def measure(*, repeats: int = 9, quotes: int = 50_000) -> dict[str, float]:
    """Measure all; ns per quote, and ratios."""
    warm()
    settings = BoardSettings()
    few, many = make_registry(FEW), make_registry(MANY)
    boards = {
        "kernel_150": QuoteBoard(few, settings),
        "plain_150": PlainBoard(few, settings),
        "kernel_1500": QuoteBoard(many, settings),
        "plain_1500": PlainBoard(many, settings),
    }
    samples: dict[str, list[float]] = {name: [] for name in ("empty_call", *boards)}
    blocks = {name: make_quotes(board.n_slots, quotes) for name, board in boards.items()}
    for repeat in range(repeats):
        samples["empty_call"].append(loop_ns(blocks["kernel_150"]))
        order = list(boards) if repeat % 2 else list(reversed(boards))
        for name in order:
            board = boards[name]
            for venue in VENUES:
                restart(board, VenueId(venue))
            fill(board)
            gc.collect()
            samples[name].append(cost_ns(board.update, blocks[name]))
    figures = {f"{name}_ns": statistics.median(values) for name, values in samples.items()}
    figures["plain_over_kernel"] = figures["plain_150_ns"] / figures["kernel_150_ns"]
    figures["many_over_few"] = figures["kernel_1500_ns"] / figures["kernel_150_ns"]
    return figures


def restart(board: QuoteBoard, venue: VenueId) -> None:
    """Forget the times of the repeat before, so that its quotes may come again."""
    if isinstance(board, PlainBoard):
        fresh = PlainBoard(board.registry, board.settings)
        board._state, board._params = fresh._state, fresh._params
    else:
        board.set_venue_health(venue, False, "repeat")
        board.set_venue_health(venue, True)


def table(figures: dict[str, float]) -> str:
    """Write the figures for people."""
    rows = [
        ("empty call of the same shape", "empty_call_ns"),
        (f"kernel, {FEW} symbols x {len(VENUES)} venues", "kernel_150_ns"),
        (f"plain twin, {FEW} symbols", "plain_150_ns"),
        (f"kernel, {MANY:,} symbols", "kernel_1500_ns"),
        (f"plain twin, {MANY:,} symbols", "plain_1500_ns"),
    ]
    lines = ["Cost of one quote that makes no signal"]
    lines += [f"  {label:<38}{figures[key]:>8.0f} ns" for label, key in rows]
    lines += [
        f"  {'plain twin / kernel':<38}{figures['plain_over_kernel']:>8.2f}",
        f"  {'1,500 / 150 symbols (wanted <= 1.2)':<38}{figures['many_over_few']:>8.2f}",
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Measure and print; `--json` prints the figures alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--quotes", type=int, default=50_000, help="quotes per block")
    options = parser.parse_args(argv)
    figures = measure(repeats=options.repeats, quotes=options.quotes)
    print(json.dumps(figures, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()
