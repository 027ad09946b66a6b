"""The plain-Python twin of `quote_step`: the same rules over lists, to test and to measure against.

Written as one would without numba: rows are lists, because indexing numpy arrays one number at a
time is slower than lists by an order of magnitude and would make the comparison unfair. Arrays do
as well, and with a few quotes an hour that is quicker than to load the compiled one.
"""

from math import isfinite, isnan
from typing import Any

from arbiter.kernels.quote_step import (
    ACCEPTED,
    ASK,
    ASK_SIZE,
    BACKWARDS,
    BID,
    BID_SIZE,
    CROSSED,
    EPOCH_S,
    EXCHANGE,
    FEE,
    HEADER,
    HEALTHY,
    LAST_RECEIVE,
    LIVE,
    MAX_AGE,
    MAX_EDGE,
    MIN_EDGE,
    NEGATIVE_SIZE,
    NEWEST,
    NOT_FINITE,
    NOT_POSITIVE,
    NS_PER_S,
    RECEIVE,
    SLIPPAGE,
    UNLISTED,
    VENUE_FIELDS,
    VENUES,
    WATCHED,
)


def plain_quote_step(
    state: Any,
    params: Any,
    slot: int,
    bid: float,
    ask: float,
    bid_size: float,
    ask_size: float,
    exchange_ns: int,
    receive_ns: int,
) -> int:
    """Take one quote; arguments, result and effects as `quote_step`, on lists or arrays."""
    if not 0 <= slot < len(state):
        return -UNLISTED
    row = state[slot]
    fault = _fault(row, bid, ask, bid_size, ask_size)
    if fault:
        return -fault
    if not params[EPOCH_S]:
        params[EPOCH_S] = float(receive_ns // NS_PER_S)
    epoch_ns = int(params[EPOCH_S]) * NS_PER_S
    receive = float(receive_ns - epoch_ns)
    exchange = float(exchange_ns - epoch_ns) if exchange_ns else receive
    if exchange < row[EXCHANGE]:
        return -BACKWARDS
    row[:6] = (bid, ask, bid_size, ask_size, exchange, receive)
    row[LIVE] = 1.0
    _count(params, slot, receive)
    return _best_pair(state, params, slot)


def _fault(row: list[float], bid: float, ask: float, bid_size: float, ask_size: float) -> int:
    if isnan(row[FEE]):
        return UNLISTED
    if not (isfinite(bid) and isfinite(ask) and isfinite(bid_size) and isfinite(ask_size)):
        return NOT_FINITE
    if bid <= 0 or ask <= 0:
        return NOT_POSITIVE
    if bid > ask:
        return CROSSED
    if bid_size < 0 or ask_size < 0:
        return NEGATIVE_SIZE
    return 0


def _count(params: list[float], slot: int, receive: float) -> None:
    own = HEADER + slot % int(params[VENUES]) * VENUE_FIELDS
    params[NEWEST] = max(params[NEWEST], receive)
    params[own + LAST_RECEIVE] = max(params[own + LAST_RECEIVE], receive)
    params[own + ACCEPTED] += 1


def _best_pair(state: list[list[float]], params: list[float], slot: int) -> int:
    """The best of the pairs that hold `slot`; the first found wins a tie."""
    oldest = params[NEWEST] - params[MAX_AGE]
    venues = int(params[VENUES])
    venue = slot % venues
    own = state[slot]
    if not _usable(own, params, venue, oldest):
        return 0
    slippage, max_edge = params[SLIPPAGE], params[MAX_EDGE]
    best, code = params[MIN_EDGE], 0
    for other_venue in range(venues):
        slot_there = slot - venue + other_venue
        there = state[slot_there]
        if other_venue == venue or not _usable(there, params, other_venue, oldest):
            continue
        if own[ASK_SIZE] and there[BID_SIZE]:
            edge = _edge(own, there, slippage)
            if edge <= max_edge and (edge > best or (not code and edge == best)):
                best, code = edge, 1 + slot * len(state) + slot_there
        if there[ASK_SIZE] and own[BID_SIZE]:
            edge = _edge(there, own, slippage)
            if edge <= max_edge and (edge > best or (not code and edge == best)):
                best, code = edge, 1 + slot_there * len(state) + slot
    return code


def _usable(row: list[float], params: list[float], venue: int, oldest: float) -> bool:
    return bool(
        row[LIVE]
        and row[WATCHED]
        and params[HEADER + venue * VENUE_FIELDS + HEALTHY]
        and row[RECEIVE] >= oldest
    )


def _edge(buy: list[float], sell: list[float], slippage: float) -> float:
    """Net edge as a fraction of the buy price."""
    ask, bid = buy[ASK], sell[BID]
    net = bid - ask - ask * buy[FEE] - bid * sell[FEE] - ask * slippage
    return net / ask
