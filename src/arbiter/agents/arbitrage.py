"""arbitrage-agent: is this venue cheap or dear against the others, net of both takers' fees."""

from arbiter.agents.opinions import Opinion, opinion
from arbiter.agents.view import MarketView, Top

NAME = "arbitrage-agent"
MIN_NET = 0.005
"""Net edge, a fraction, from which it says so."""


def analyse(view: MarketView) -> Opinion | None:
    if not view.others:
        return None
    cheap = max(_net(view.top, other) for other in view.others)
    dear = max(_net(other, view.top) for other in view.others)
    edge, sign = (cheap, 1.0) if cheap >= dear else (dear, -1.0)
    score = sign * min(edge / (2.0 * MIN_NET), 1.0) if edge >= MIN_NET else 0.0
    if score:
        word = "cheap" if sign > 0 else "dear"
        reasons = [f"{view.top.venue} is {word} by {edge:.2%} net of fees against another venue"]
    else:
        reasons = [f"no venue pair beats fees by {MIN_NET:.1%}: best {max(cheap, dear):+.2%}"]
    context = {
        "price": view.price,
        "edge_buying_here": cheap,
        "edge_selling_here": dear,
        "venues": len(view.others) + 1,
    }
    return opinion(NAME, score, reasons, dict(context), quiet=0.15)


def _net(buy: Top, sell: Top) -> float:
    """(bid − ask − both fees) / ask: buying at one venue and selling at the other."""
    return (sell.bid - buy.ask - buy.ask * buy.fee - sell.bid * sell.fee) / buy.ask
