"""The plain-Python twin of `quote_step`: the same rules over lists, to test and to measure against.

Written as one would without numba: rows are lists, because indexing numpy arrays one number at a
time is slower than lists by an order of magnitude and would make the comparison unfair.
"""

from math import isfinite, isnan

from arbiter.kernels import quote_step as layout


def plain_quote_step(
    state: list[list[float]],
    params: list[float],
    slot: int,
    bid: float,
    ask: float,
    bid_size: float,
    ask_size: float,
    exchange_ns: int,
    receive_ns: int,
) -> int:
    """Take one quote; arguments, result and effects as `quote_step`, on lists."""
    if not 0 <= slot < len(state):
        return -layout.UNLISTED
    row = state[slot]
    fault = _fault(row, bid, ask, bid_size, ask_size)
    if fault:
        return -fault
    if not params[layout.EPOCH_S]:
        params[layout.EPOCH_S] = float(receive_ns // layout.NS_PER_S)
    epoch_ns = int(params[layout.EPOCH_S]) * layout.NS_PER_S
    receive = float(receive_ns - epoch_ns)
    exchange = float(exchange_ns - epoch_ns) if exchange_ns else receive
    if exchange < row[layout.EXCHANGE]:
        return -layout.BACKWARDS
    row[:6] = (bid, ask, bid_size, ask_size, exchange, receive)
    row[layout.LIVE] = 1.0
    _count(params, slot, receive)
    return _best_pair(state, params, slot)


def _fault(row: list[float], bid: float, ask: float, bid_size: float, ask_size: float) -> int:
    if isnan(row[layout.FEE]):
        return layout.UNLISTED
    if not (isfinite(bid) and isfinite(ask) and isfinite(bid_size) and isfinite(ask_size)):
        return layout.NOT_FINITE
    if bid <= 0 or ask <= 0:
        return layout.NOT_POSITIVE
    if bid > ask:
        return layout.CROSSED
    if bid_size < 0 or ask_size < 0:
        return layout.NEGATIVE_SIZE
    return 0


def _count(params: list[float], slot: int, receive: float) -> None:
    own = layout.HEADER + slot % int(params[layout.VENUES]) * layout.VENUE_FIELDS
    params[layout.NEWEST] = max(params[layout.NEWEST], receive)
    params[own + layout.LAST_RECEIVE] = max(params[own + layout.LAST_RECEIVE], receive)
    params[own + layout.ACCEPTED] += 1


def _best_pair(state: list[list[float]], params: list[float], slot: int) -> int:
    """The best of the pairs that hold `slot`; the first found wins a tie."""
    if not _usable(state, params, slot):
        return 0
    venues = int(params[layout.VENUES])
    first = slot - slot % venues
    best, code = params[layout.MIN_EDGE], 0
    for other in range(first, first + venues):
        if other == slot or not _usable(state, params, other):
            continue
        for buy, sell in ((slot, other), (other, slot)):
            edge = _edge(state[buy], state[sell], params[layout.SLIPPAGE])
            if edge > params[layout.MAX_EDGE]:
                continue
            if edge > best or (not code and edge == best):
                best, code = edge, 1 + buy * len(state) + sell
    return code


def _usable(state: list[list[float]], params: list[float], slot: int) -> bool:
    row = state[slot]
    venue = slot % int(params[layout.VENUES])
    return bool(
        row[layout.LIVE]
        and row[layout.WATCHED]
        and params[layout.HEADER + venue * layout.VENUE_FIELDS + layout.HEALTHY]
        and row[layout.RECEIVE] >= params[layout.NEWEST] - params[layout.MAX_AGE]
    )


def _edge(buy: list[float], sell: list[float], slippage: float) -> float:
    """Net edge as a fraction of the buy price; −inf where a side shows no size."""
    if not (buy[layout.ASK_SIZE] and sell[layout.BID_SIZE]):
        return float("-inf")
    ask, bid = buy[layout.ASK], sell[layout.BID]
    net = bid - ask - ask * buy[layout.FEE] - bid * sell[layout.FEE] - ask * slippage
    return net / ask
