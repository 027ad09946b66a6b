"""The funding API, item by item, and the published clients against it, as published."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from uuid import UUID

import httpx
import pytest

from arbiter.api.common.server import ApiServer
from arbiter.api.funding.surface import make_ops_app
from arbiter.model.ids import Asset, InstrumentId, StrategyId, Symbol, TradeId, VenueId
from arbiter.model.pairs import FundingPair, PairId, PairState
from arbiter.model.perpetuals import FundingRate, MarginBalance, VenuePosition
from tests.fakes.clock import START_NS
from tests.fakes.ops import KEY, FixedFunding, ops_deps

D = Decimal
BINANCE, BYBIT = VenueId("binance_futures"), VenueId("bybit_futures")
HYPER = VenueId("hyperliquid")
HOUR = 3_600_000_000_000


def position(venue: VenueId, quantity: str, entry: str, pnl: str) -> VenuePosition:
    return VenuePosition(
        instrument=InstrumentId(f"BTCUSDT-PERP.{venue.upper()}"),
        quantity=D(quantity),
        entry_price=D(entry),
        mark_price=D(96_000),
        unrealized_pnl=D(pnl),
        leverage=D(10),
        liquidation_price=None,
        margin=D(950),
        at_ns=0,
    )


def rate(venue: VenueId, value: str, hours: int) -> FundingRate:
    return FundingRate(
        instrument=InstrumentId(f"BTCUSDT-PERP.{venue.upper()}"),
        venue=venue,
        symbol=Symbol("BTC/USDT:PERP"),
        rate=D(value),
        interval_hours=hours,
        next_funding_ns=START_NS + HOUR,
        mark=D(96_000),
        updated_ns=START_NS - 30_000_000_000,
    )


def pair(number: int, symbol: str, long: VenueId, short: VenueId, funding: str) -> FundingPair:
    return FundingPair(
        id=PairId(UUID(int=number)),
        strategy=StrategyId("funding-arbitrage"),
        symbol=Symbol(symbol),
        long_instrument=InstrumentId(f"x.{long}"),
        short_instrument=InstrumentId(f"x.{short}"),
        long_venue=long,
        short_venue=short,
        open_trade=TradeId(UUID(int=number)),
        planned_units=D("0.1"),
        entry_spread=D("0.00025"),
        entry_price=D(95_000),
        state=PairState.OPEN,
        opened_ns=START_NS,
        funding_collected=D(funding),
    )


@pytest.fixture
def facts() -> FixedFunding:
    """The figures of the published samples."""
    made = FixedFunding()
    made.live = {
        BINANCE: [position(BINANCE, "0.1", "95000", "100")],
        BYBIT: [position(BYBIT, "-0.1", "95100", "-90")],
    }
    made.told = [rate(BINANCE, "0.0001", 8), rate(BYBIT, "-0.00015", 8), rate(HYPER, "8E-5", 1)]
    made.held = [
        MarginBalance(
            venue=BINANCE,
            asset=Asset("USDT"),
            wallet=D(11_500),
            unrealized=D(500),
            reserved=D(2000),
        ),
        MarginBalance(
            venue=HYPER, asset=Asset("USDC"), wallet=D(7_000), unrealized=D(500), reserved=D(2500)
        ),
    ]
    made.open = [
        (pair(1, "BTC/USDT:PERP", BYBIT, BINANCE, "12.50"), D("0.1")),
        (pair(2, "ETH/USDT:PERP", HYPER, BINANCE, "28.75"), D("1.5")),
    ]
    return made


@asynccontextmanager
async def client_of(
    facts: FixedFunding, *, key_required: bool = False
) -> AsyncIterator[httpx.AsyncClient]:
    app = make_ops_app(ops_deps(facts=facts, key_required=key_required))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ops") as client:
        yield client


async def test_positions_are_told_in_the_published_words(facts: FixedFunding) -> None:
    async with client_of(facts) as client:
        body = (await client.get("/api/positions")).json()
    assert body["timestamp"] == "2026-01-01T00:00:00Z"
    assert body["positions"] == [
        {
            "exchange": exchange,
            "position": {
                "symbol": "BTCUSDT",
                "side": side,
                "quantity": "0.1",
                "entry_price": entry,
                "mark_price": "96000",
                "unrealized_pnl": pnl,
                "leverage": "10",
                "liquidation_price": None,
            },
        }
        for exchange, side, entry, pnl in (
            ("BinanceFutures", "Long", "95000", "100"),
            ("Bybit", "Short", "95100", "-90"),
        )
    ]


@pytest.mark.parametrize("key_required", [False, True])
async def test_the_pages_of_the_schema_ask_no_other_host_and_no_key(
    facts: FixedFunding, key_required: bool
) -> None:
    async with client_of(facts, key_required=key_required) as client:
        for path in ("/docs", "/redoc"):
            page = await client.get(path)
            assert page.status_code == 200
            assert "/openapi.json" in page.text
            assert "https://" not in page.text
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert {"/api/positions", "/api/arbitrage_positions", "/health", "/metrics"} <= set(paths)


async def test_a_silent_exchange_leaves_partial_results_and_all_silent_are_a_500(
    facts: FixedFunding,
) -> None:
    facts.live[BINANCE] = None
    async with client_of(facts) as client:
        partial = await client.get("/api/positions")
        facts.live[BYBIT] = None
        failed = await client.get("/api/positions")
    assert (partial.status_code, len(partial.json()["positions"])) == (200, 1)
    assert failed.status_code == 500
    assert failed.json() == {"error": "Failed to fetch positions from all exchanges"}


async def test_only_positions_reach_a_venue(facts: FixedFunding) -> None:
    async with client_of(facts) as client:
        for name in ("funding_rates", "balances", "arbitrage_positions"):
            assert (await client.get(f"/api/{name}")).status_code == 200
        assert facts.asked == 0
        await client.get("/api/positions")
        await client.get("/api/positions")
    assert facts.asked == 2


async def test_rates_are_raw_plain_and_told_when_they_were_fetched(facts: FixedFunding) -> None:
    async with client_of(facts) as client:
        rates = (await client.get("/api/funding_rates")).json()["rates"]
    by_name = {row["exchange"]: row for row in rates}
    assert by_name["HyperLiquid"]["rate"] == "0.00008"
    assert by_name["Bybit"] == {
        "exchange": "Bybit",
        "symbol": "BTCUSDT",
        "rate": "-0.00015",
        "next_funding_time": "2026-01-01T01:00:00Z",
        "last_updated": "2025-12-31T23:59:30Z",
        "interval_hours": 8,
    }


async def test_balances_stand_in_one_order_whichever_was_told_last(facts: FixedFunding) -> None:
    facts.held.reverse()
    async with client_of(facts) as client:
        rows = (await client.get("/api/balances")).json()["balances"]
    assert [row["exchange"] for row in rows] == ["BinanceFutures", "HyperLiquid"]


async def test_free_is_total_less_reserved_as_in_every_sample(facts: FixedFunding) -> None:
    async with client_of(facts) as client:
        rows = (await client.get("/api/balances")).json()["balances"]
    assert rows[0] == {
        "exchange": "BinanceFutures",
        "asset": "USDT",
        "free": "10000",
        "total": "12000",
        "wallet_balance": "11500",
        "reserved": "2000",
    }
    for row in rows:
        assert D(row["free"]) == D(row["total"]) - D(row["reserved"])


async def test_pairs_add_up_to_the_published_sum(facts: FixedFunding) -> None:
    async with client_of(facts) as client:
        body = (await client.get("/api/arbitrage_positions")).json()
    assert body["total_funding_collected"] == "41.25"
    assert body["positions"][0] == {
        "symbol": "BTCUSDT",
        "long_exchange": "Bybit",
        "short_exchange": "BinanceFutures",
        "entry_spread": "0.00025",
        "position_size": "0.1",
        "entry_time": "2026-01-01T00:00:00Z",
        "funding_collected": "12.5",
    }


async def test_metrics_are_json_and_text_for_a_scraper(facts: FixedFunding) -> None:
    facts.metrics.counter("arbiter_denials_total", "Refused.", code="BALANCE").add(3)
    facts.metrics.histogram("arbiter_loop_lag_ns", "Late.").record(5)
    async with client_of(facts) as client:
        told = (await client.get("/metrics")).json()
        browser = await client.get("/metrics", headers={"Accept": "text/html,*/*"})
        text = await client.get("/metrics", headers={"Accept": "text/plain;version=0.0.4"})
    assert told == {
        "status": "operational",
        "backend": "OpenTelemetry OTLP",
        "endpoint": "http://localhost:4317",
        "protocol": "gRPC",
        "exporting": False,
    }
    assert browser.headers["content-type"] == "application/json"
    assert text.headers["content-type"].startswith("text/plain")
    assert 'arbiter_denials_total{code="BALANCE"} 3' in text.text
    assert "# TYPE arbiter_loop_lag_ns summary" in text.text


async def test_elsewhere_the_data_need_a_key_and_the_probes_do_not(facts: FixedFunding) -> None:
    async with client_of(facts, key_required=True) as client:
        for path in ("/health", "/ready", "/live", "/metrics"):
            assert (await client.get(path)).status_code == 200
        for name in ("positions", "funding_rates", "balances", "arbitrage_positions"):
            refused = await client.get(f"/api/{name}")
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            assert set(refused.json()) == {"error"}
            admitted = await client.get(f"/api/{name}", headers={"X-API-Key": KEY})
            assert admitted.status_code == 200


@pytest.fixture
def url(facts: FixedFunding) -> Iterator[str]:
    """A server in a thread: the published clients block."""
    ready = threading.Event()
    found: list[str] = []
    stop: list[ApiServer] = []

    async def serve() -> None:
        server = ApiServer(
            make_ops_app(ops_deps(facts=facts)), host="127.0.0.1", port=0, setting="listen.ops"
        )
        server.bind()
        task = asyncio.create_task(server.run())
        await server.ready()
        found.append(server.urls[0])
        stop.append(server)
        ready.set()
        await task

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    yield found[0]
    stop[0].stop()
    thread.join()


SPREAD = """
SYMBOL="BTCUSDT"
curl -s {url}/api/funding_rates | jq --arg sym "$SYMBOL" '
  .rates
  | map(select(.symbol == $sym))
  | sort_by(.rate)
  | {{min: .[0], max: .[-1], spread: ((.[-1].rate | tonumber) - (.[0].rate | tonumber))}}
'
"""
TOTAL = """
curl -s {url}/api/balances | jq -c '
  .balances
  | group_by(.asset)
  | map({{asset: .[0].asset, total: (map(.total | tonumber) | add)}})
'
"""


def test_the_published_shell_scripts_work(url: str) -> None:
    def run(script: str) -> str:
        told = subprocess.run(
            ["bash", "-c", script.format(url=url)], capture_output=True, text=True, check=True
        )
        return told.stdout

    assert run(TOTAL).strip() == '[{"asset":"USDC","total":7500},{"asset":"USDT","total":12000}]'
    assert '"spread": 0.00025' in run(SPREAD)


SUMMARY = """
import requests
response = requests.get("{url}/api/arbitrage_positions")
response.raise_for_status()
data = response.json()
print(f"Active positions: {{len(data['positions'])}}")
print(f"Total funding collected: ${{data['total_funding_collected']}}")
for pos in data['positions']:
    print(f"  {{pos['symbol']}}: {{pos['long_exchange']}} - {{pos['short_exchange']}}, "
          f"funding: ${{pos['funding_collected']}}")
rates = [r for r in requests.get("{url}/api/funding_rates").json()['rates']
         if r['symbol'] == "BTCUSDT"]
rates_sorted = sorted(rates, key=lambda x: float(x['rate']))
print(rates_sorted[0]['exchange'], rates_sorted[-1]['exchange'])
"""


def test_the_published_python_client_works(url: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", SUMMARY.format(url=url)], capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines() == [
        "Active positions: 2",
        "Total funding collected: $41.25",
        "  BTCUSDT: Bybit - BinanceFutures, funding: $12.5",
        "  ETHUSDT: HyperLiquid - BinanceFutures, funding: $28.75",
        "Bybit BinanceFutures",
    ]
