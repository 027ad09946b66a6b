"""Public activity over HTTP: every act once, whatever the pages, the version and the weather."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from arbiter.model.copying import LeaderAction, LeaderHolding, LeaderKind, Outcome
from arbiter.model.errors import Banned, RateLimited, VenueRefused, VenueUnreachable
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.venues.common.rest import PublicRest
from arbiter.venues.hyperliquid.leader import HyperliquidLeaders
from arbiter.venues.polymarket import activity
from arbiter.venues.polymarket import leader as polymarket
from arbiter.venues.polymarket.leader import LAST_OFFSET_V1, PAGE, PolymarketLeaders
from tests.fakes import leader_tape
from tests.fakes.leader_server import (
    BROKEN,
    CUT_SHORT,
    FORBIDDEN,
    Fault,
    LeaderServer,
    busy,
    leader_server,
)
from tests.fakes.leader_tape import START_S, WALLET

START_NS = START_S * NS_PER_S


@pytest.fixture
async def server() -> AsyncIterator[LeaderServer]:
    async with leader_server() as found:
        yield found


def by_key(acts: list[LeaderAction]) -> dict[str, LeaderAction]:
    return {act.key: act for act in acts}


def of_tape(seed: int, decisions: int = 400) -> tuple[list[leader_tape.Row], int]:
    """A tape in seconds of its own per transaction, and how many acts it has."""
    rows = leader_tape.tape(seed, decisions, markets=60)
    return rows, len(rows)


@pytest.mark.parametrize("has_v2", [True, False])
async def test_all_pages_are_read_and_every_act_has_one_key(
    server: LeaderServer, has_v2: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polymarket, "PAGE", 50)
    server.rows, count = of_tape(1)
    server.has_v2 = has_v2
    async with PublicRest(server.origin) as rest:
        source = PolymarketLeaders(rest)
        told = list(await source.actions_since(WALLET, START_NS))
        again = list(await source.actions_since(WALLET, START_NS))
    assert count > 300
    assert by_key(told) == by_key(again)
    # Where pages are cut by offset, alike fills that a page's end parted count as one.
    assert count - (0 if has_v2 else 10) <= len(by_key(told)) <= count
    assert sum(path.endswith("trades") for path, _ in server.asked) > 8


async def test_alike_fills_of_one_transaction_are_all_told(server: LeaderServer) -> None:
    server.rows, count = of_tape(2)
    async with PublicRest(server.origin) as rest:
        told = list(await PolymarketLeaders(rest).actions_since(WALLET, START_NS))
    assert len(told) == len(by_key(told)) == count


async def test_both_versions_give_the_same_acts(server: LeaderServer) -> None:
    server.rows, _ = of_tape(3, 150)
    async with PublicRest(server.origin) as rest:
        v2 = by_key(list(await PolymarketLeaders(rest).actions_since(WALLET, START_NS)))
        server.has_v2 = False
        v1 = by_key(list(await PolymarketLeaders(rest).actions_since(WALLET, START_NS)))
    assert v1 == v2


@pytest.mark.parametrize("has_v2", [True, False])
async def test_trades_that_come_while_pages_are_read_lose_none(
    server: LeaderServer, has_v2: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polymarket, "PAGE", 20)
    server.rows = leader_tape.tape(4, 100, markets=30)
    server.has_v2 = has_v2
    known = {row["transactionHash"] for row in server.rows}
    late = iter(range(1_000))

    def trade() -> None:
        server.rows.append(
            leader_tape.row("TRADE", 0, 0, 3, 0.5, f"0xf{next(late):063x}", START_S + 9_999, "BUY")
        )

    server.after_page = trade
    async with PublicRest(server.origin) as rest:
        told = await PolymarketLeaders(rest).actions_since(WALLET, START_NS)
    assert known <= {act.decision for act in told}


async def test_makers_fills_are_asked_for_and_a_look_stops_where_it_began(
    server: LeaderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polymarket, "PAGE", 10)
    server.rows, _ = of_tape(5)
    newest = server.rows[-1]["timestamp"]
    async with PublicRest(server.origin) as rest:
        told = await PolymarketLeaders(rest).actions_since(WALLET, newest * NS_PER_S)
    assert told
    assert {act.at_ns for act in told} == {newest * NS_PER_S}
    trades = [query for path, query in server.asked if path == "/v2/trades"]
    assert len(trades) <= 2
    assert trades[0]["takerOnly"] == "false"


async def test_rows_become_acts_of_a_leader(server: LeaderServer) -> None:
    server.rows = [
        leader_tape.row("TRADE", "0xc1", 1, 11.988287999999999, 0.83, "0xt1", START_S, "SELL"),
        leader_tape.row("MAKER_REBATE", "", 999, 1.5, 0, "0xt2", START_S),
        leader_tape.row("REDEEM", "0xc1", 999, 11.988288, 0, "0xt3", START_S),
    ]
    async with PublicRest(server.origin) as rest:
        sold, redeemed = await PolymarketLeaders(rest).actions_since(WALLET, START_NS)
    assert (sold.kind, sold.outcome) == (LeaderKind.SELL, Outcome.NO)
    assert (sold.size, sold.price) == (Decimal("11.988288"), Decimal("0.83"))
    assert (sold.market, sold.decision, sold.at_ns) == ("0xc1", "0xt1", START_NS)
    assert (redeemed.kind, redeemed.outcome) == (LeaderKind.REDEEM, Outcome.BOTH)


def test_kinds_we_cannot_copy_are_counted_and_left_out() -> None:
    rows = [
        activity.Row(type="CONVERSION", condition_id="c", size=Decimal(1), transaction_hash="t"),
        activity.Row(side="BUY", condition_id="c", size=Decimal(1), transaction_hash="t"),
        activity.Row(
            side="BUY",
            condition_id="c",
            outcome_index=0,
            size=Decimal(1),
            transaction_hash="t",
            is_combo=True,
        ),
    ]
    assert activity.actions(WALLET, rows) == ([], 3)


@pytest.mark.parametrize(
    ("told", "ns"),
    [
        (1_767_225_600, START_NS),
        (1_767_225_600_000, START_NS),
        ("1767225600", START_NS),
        ("2026-01-01T00:00:00Z", START_NS),
    ],
)
def test_times_are_read_in_every_form(told: int | str, ns: int) -> None:
    assert activity.at_ns(activity.Row(timestamp=told)) == ns
    assert activity.at_ns(activity.Row(block_timestamp=told)) == ns


@pytest.mark.parametrize("has_v2", [True, False])
async def test_holdings_are_told_by_market_and_outcome(server: LeaderServer, has_v2: bool) -> None:
    server.has_v2 = has_v2
    server.positions = [
        {"conditionId": "0xc1", "outcomeIndex": 1, "size": 150.5, "asset": "7"},
        {"conditionId": "0xc2", "outcomeIndex": 0, "size": 2, "asset": "8"},
    ]
    async with PublicRest(server.origin) as rest:
        source = PolymarketLeaders(rest)
        await source.actions_since(WALLET, START_NS)  # finds the version out
        held = await source.holdings(WALLET)
    assert list(held) == [
        LeaderHolding(market="0xc1", outcome=Outcome.NO, size=Decimal("150.5")),
        LeaderHolding(market="0xc2", outcome=Outcome.YES, size=Decimal(2)),
    ]


async def test_more_than_v1_can_tell_is_told_as_far_as_it_goes_and_said(
    server: LeaderServer,
) -> None:
    server.has_v2 = False
    server.positions = [
        {"conditionId": f"0xc{n}", "outcomeIndex": 0, "size": 1, "asset": str(n)}
        for n in range(LAST_OFFSET_V1 + 2 * PAGE)
    ]
    async with PublicRest(server.origin) as rest:
        source = PolymarketLeaders(rest)
        await source.actions_since(WALLET, START_NS)  # finds the version out
        with capture_logs() as logs:
            held = await source.holdings(WALLET)
    assert len(held) == LAST_OFFSET_V1 + PAGE
    assert [entry["log_level"] for entry in logs] == ["warning"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [(BROKEN, VenueUnreachable), (CUT_SHORT, VenueUnreachable), (FORBIDDEN, Banned)],
)
async def test_no_usable_answer_is_no_activity(
    server: LeaderServer, fault: Fault, error: type[Exception]
) -> None:
    server.rows, _ = of_tape(6, 20)
    async with PublicRest(server.origin) as rest:
        source = PolymarketLeaders(rest)
        server.faults = [fault]
        with pytest.raises(error):
            await source.actions_since(WALLET, START_NS)
        assert await source.actions_since(WALLET, START_NS)


async def test_a_server_that_is_busy_says_for_how_long(server: LeaderServer) -> None:
    server.faults = [busy(17)]
    async with PublicRest(server.origin) as rest:
        with pytest.raises(RateLimited) as told:
            await PolymarketLeaders(rest).actions_since(WALLET, START_NS)
    assert told.value.retry_after_ms == 17_000


async def test_a_question_that_is_refused_in_v2_is_not_asked_in_v1(server: LeaderServer) -> None:
    server.faults = [(400, {}, b"bad user")]
    async with PublicRest(server.origin) as rest:
        with pytest.raises(VenueRefused):
            await PolymarketLeaders(rest).actions_since(WALLET, START_NS)
    assert [path for path, _ in server.asked] == ["/v2/trades"]


def fill(number: int, at_ms: int, **changes: Any) -> dict[str, Any]:
    """A fill of Hyperliquid as it is told."""
    return {
        "coin": "ARB",
        "px": "0.07482",
        "sz": "10.5",
        "side": "B",
        "time": at_ms,
        "startPosition": str(10.5 * number),
        "dir": "Open Long",
        "closedPnl": "0.0",
        "hash": "0x0",
        "oid": 7,
        "crossed": False,
        "fee": "0.0",
        "tid": 1_000 + number,
        "feeToken": "USDC",
        "twapId": None,
    } | changes


async def test_hyperliquids_fills_are_read_over_full_answers(server: LeaderServer) -> None:
    start_ms = START_S * 1_000
    server.page = 10
    server.fills = [fill(n, start_ms + n // 4) for n in range(57)]
    async with PublicRest(server.origin) as rest:
        source = HyperliquidLeaders(rest, page=10)
        told = list(await source.actions_since(WALLET, START_NS))
        assert await source.holdings(WALLET) == ()
    assert len(by_key(told)) == 57
    first = told[0]
    assert (first.kind, first.market, first.size) == (LeaderKind.BUY, "ARB", Decimal("10.5"))
    assert (first.start, first.decision, first.at_ns) == (ZERO_POSITION, "7", start_ms * NS_PER_MS)
    assert server.asked[0][1]["type"] == "userFillsByTime"


ZERO_POSITION = Decimal("0.0")


async def test_hyperliquid_tells_a_sale_and_both_sides_of_one_trade_apart(
    server: LeaderServer,
) -> None:
    now_ms = START_S * 1_000
    server.fills = [fill(1, now_ms), fill(1, now_ms, side="A", startPosition="21.0")]
    async with PublicRest(server.origin) as rest:
        told = await HyperliquidLeaders(rest).actions_since(WALLET, START_NS)
    assert [act.kind for act in told] == [LeaderKind.BUY, LeaderKind.SELL]
    assert len({act.key for act in told}) == 2


async def test_what_is_not_hyperliquids_answer_is_no_activity(server: LeaderServer) -> None:
    async with PublicRest(server.origin) as rest:
        server.faults = [(200, {}, b'{"error": "no"}'), busy(3)]
        source = HyperliquidLeaders(rest)
        with pytest.raises(VenueUnreachable):
            await source.actions_since(WALLET, START_NS)
        with pytest.raises(RateLimited):
            await source.actions_since(WALLET, START_NS)
