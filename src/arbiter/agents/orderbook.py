"""orderbook-agent: imbalance, depth, large orders and sizes that vanish, from tops of book."""

from statistics import fmean, median

from arbiter.agents.opinions import Opinion, opinion
from arbiter.agents.view import MarketView, Top

NAME = "orderbook-agent"
_LARGE = 5.0
"""Times the median size: a large order."""


def imbalance(top: Top) -> float:
    """(bid − ask) / (bid + ask) of the displayed sizes, −1..1."""
    total = top.bid_size + top.ask_size
    return (top.bid_size - top.ask_size) / total if total > 0 else 0.0


def analyse(view: MarketView) -> Opinion | None:
    books = view.books or (view.top,)
    pressure = fmean(imbalance(top) for top in books)
    across = fmean(imbalance(top) for top in view.others) if view.others else pressure
    bids, asks = [top.bid_size for top in books], [top.ask_size for top in books]
    large_bid, large_ask = _large(bids), _large(asks)
    fleeting = max(_fleeting(bids), _fleeting(asks))
    spread = (view.top.ask - view.top.bid) / view.price
    score = (0.7 * pressure + 0.3 * across) * 1.6 * (1.0 - 0.7 * fleeting)
    reasons = [f"imbalance {pressure:+.2f} here over {len(books)} looks, {across:+.2f} elsewhere"]
    if large_bid or large_ask:
        reasons.append(f"large {'bid' if large_bid else 'ask'} displayed")
    if fleeting > 0.3:
        reasons.append("large sizes come and go: displayed depth is doubted")
    context = {
        "price": view.price,
        "imbalance": pressure,
        "imbalance_elsewhere": across,
        "spread": spread,
        "bid_size": view.top.bid_size,
        "ask_size": view.top.ask_size,
        "fleeting": fleeting,
    }
    return opinion(NAME, score, reasons, dict(context), threshold=0.3)


def _large(sizes: list[float]) -> bool:
    usual = median(sizes)
    return usual > 0 and sizes[-1] > _LARGE * usual


def _fleeting(sizes: list[float]) -> float:
    """Share of large displayed sizes that were gone one look later; 0 where there were none."""
    usual = median(sizes)
    if usual <= 0 or len(sizes) < 5:
        return 0.0
    large = [n for n, size in enumerate(sizes[:-1]) if size > _LARGE * usual]
    gone = [n for n in large if sizes[n + 1] < sizes[n] / _LARGE]
    return len(gone) / len(large) if large else 0.0
