"""What a reader of the result has to know: assumptions, and where this run touched their edge."""

import math
from collections.abc import Iterator, Sequence

import msgspec

from arbiter.backtest.figures import Figures
from arbiter.backtest.listing import Listed
from arbiter.backtest.run import Finished
from arbiter.model.money import ZERO, from_float, plain
from arbiter.model.quotes import QuoteFault
from arbiter.model.time import NS_PER_MS

_FEW = 30
_FAULTS = {
    QuoteFault.CROSSED: "crossed",
    QuoteFault.NOT_POSITIVE: "price not positive",
    QuoteFault.NOT_FINITE: "price or size missing or not finite",
    QuoteFault.NEGATIVE_SIZE: "negative size",
    QuoteFault.BACKWARDS: "venue time before that of an earlier quote",
    QuoteFault.UNLISTED: "not listed",
}


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every row; the counts add up to `rows`."""

    rows: int
    accepted: int
    left_out: int
    out_of_order: int
    refused: dict[str, dict[str, int]]
    """By venue and reason."""
    markets_left_out: dict[str, str]


def quality(finished: Finished) -> Quality:
    board = finished.prepared.session.core.board
    counts = finished.counts
    return Quality(
        rows=counts.read,
        accepted=board.quotes_total,
        left_out=counts.left_out,
        out_of_order=counts.out_of_order,
        refused={
            venue: {_FAULTS[fault]: count for fault, count in found.items()}
            for venue, found in board.fault_counts.items()
            if found
        },
        markets_left_out={
            left.market.name: f"{left.why} ({left.rows} rows)"
            for left in finished.prepared.listing.left_out
        },
    )


def assumptions(finished: Finished) -> list[str]:
    """What is assumed in every run, with this run's numbers."""
    request = finished.prepared.request.settings
    lines = [
        f"Latency: intents durable after {request.commit_latency_ms:g} ms, orders at the venue "
        f"{request.order_latency_ms:g} ms later, reports back after "
        f"{request.report_latency_ms:g} ms, the last two ± {100 * request.latency_jitter:g} %. "
        "An order meets the last quote received before it arrives: recorded times are those of "
        "the recorder, and the time a quote took to reach it is not known.",
        "Fills: an order takes what the top of book shows at its arrival and nothing behind it; "
        "what it takes is gone until the market's next quote, which is then believed in full. "
        "What the book held further down, and how others would have answered, top-of-book data "
        "cannot tell.",
        "Queue: legs are immediate-or-cancel and never wait in a queue. No venue refuses, times "
        "out or fails in a backtest.",
    ]
    if any(_perpetual(listed) for listed in finished.prepared.listing.listed):
        lines.append(
            "Perpetuals: traded fully collateralised, as if spot: paid in full when bought, backed "
            "by base when sold. No margin, leverage, funding payments or liquidation."
        )
    inferred = _inferred(finished.prepared.listing.listed)
    if inferred:
        lines.append(
            "Read off the data or defaulted, because nobody stated them: " + "; ".join(inferred)
        )
    return lines


def warnings(finished: Finished, figures: Figures) -> list[str]:
    """Where this run touched the edge of what it can know."""
    return list(_warnings(finished, figures))


def _warnings(finished: Finished, figures: Figures) -> Iterator[str]:
    prepared = finished.prepared
    rows = prepared.tally.rows()
    if prepared.tally.killed is not None:
        yield f"A loss limit stopped everything: {prepared.tally.killed}"
    if not rows:
        yield _no_trades(finished, figures)
    elif len(rows) < _FEW:
        yield f"Only {len(rows)} trades: too few to say anything about averages."
    if figures.open_at_end:
        yield f"{figures.open_at_end} trades were still open when the recording ended."
    yield from _leftovers(finished)
    took_all = sum(row.took_all for row in rows)
    if took_all:
        yield (
            f"{took_all} of {len(rows)} trades took all that was shown at some venue: their size "
            "is the data's, not the market's."
        )
    traded = {fill.instrument for row in rows for fill in row.fills}
    for entry in prepared.listing.listed:
        if entry.instrument.id in traded and "contract_size" in entry.inferred:
            yield (
                f"{entry.instrument.id}: nobody stated its contract size, so recorded sizes were "
                "taken for base units; set backtest.contract_size."
            )
    yield from _old_quotes(finished)
    for code in ("QUOTE_STALE", "QUOTE_MISSING"):
        if code in figures.denials:
            yield f"{figures.denials[code]} openings were denied as {code}."
    cap = prepared.core.spot.max_trades_per_hour
    if "HOURLY_CAP" in figures.stopped_signals:
        yield f"The hourly cap of {cap} trades stopped signals."
    board = prepared.session.core.board
    for venue, faults in board.fault_counts.items():
        if QuoteFault.NOT_FINITE in faults:
            yield (
                f"{venue}: {faults[QuoteFault.NOT_FINITE]} quotes without a finite price and size "
                "were refused; a market recorded without depth cannot be traded on."
            )


def _no_trades(finished: Finished, figures: Figures) -> str:
    prepared = finished.prepared
    threshold = plain(prepared.core.spot.min_profit_threshold)
    samples = prepared.samples
    best = max(samples.best_edges, default=-math.inf)
    if best == -math.inf:
        return "No trades: no two venues showed the same symbol at the same time."
    seen = f"the best net edge at the sampled moments was {best:.5f}, {threshold} is asked for"
    if samples.pairs_left_out:
        seen += f" ({samples.pairs_left_out} further pairs were not sampled)"
    if figures.signals:
        why = ", ".join(f"{name} {count}" for name, count in figures.stopped_signals.items())
        seen = f"{figures.signals} signals were stopped ({why})"
    return f"No trades with these settings: {seen}."


def _leftovers(finished: Finished) -> Iterator[str]:
    """What trades could not sell or buy back: no trade accounts for what becomes of it."""
    session = finished.prepared.session
    realized, open_, unpriced = ZERO, ZERO, []
    for row in session.ledger.residuals.values():
        realized += row.realized_pnl
        quotes = [
            quote
            for instrument in session.core.registry.instruments
            if (instrument.base, instrument.quote) == (row.asset, row.quote)
            and (quote := session.core.board.quote(instrument.id)) is not None
        ]
        if not row.quantity:
            continue
        if not quotes:
            unpriced.append(f"{plain(row.quantity)} {row.asset}")
            continue
        # Held units can be sold at some bid, missing ones bought at some ask: the best there is.
        bids, asks = [quote.bid for quote in quotes], [quote.ask for quote in quotes]
        price = max(bids) if row.quantity > ZERO else min(asks)
        open_ += row.quantity * from_float(price) - row.cost
    if realized or open_:
        yield (
            f"Leftovers of legs that could not be closed in full have made {realized:.2f} and would "
            f"make {open_:.2f} at the last quotes; no figure of trades counts either."
        )
    if unpriced:
        yield f"Left over and without a last quote: {', '.join(unpriced)}."


def _old_quotes(finished: Finished) -> Iterator[str]:
    ages = sorted(finished.prepared.tally.fill_ages_ns)
    if not ages:
        return
    median, last = ages[len(ages) // 2] / NS_PER_MS, ages[int(len(ages) * 0.95)] / NS_PER_MS
    if last > finished.prepared.request.settings.order_latency_ms * 10:
        yield (
            f"Fills were made against quotes {median:.0f} ms old (median; 95 % up to {last:.0f} ms):"
            " the market may have moved unseen."
        )


def _perpetual(listed: Listed) -> bool:
    return listed.market.kind != "spot"


def _inferred(listed: Sequence[Listed]) -> list[str]:
    return [
        f"{entry.instrument.id} ({', '.join(entry.inferred)})" for entry in listed if entry.inferred
    ]
