"""A whole engine over real sockets to venues that fail in every way, until they heal."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from arbiter.app.bootstrap import run_engine
from arbiter.app.config import load
from arbiter.app.running import Running
from arbiter.matching.faults import Fault
from arbiter.model.ids import ClientOrderId, VenueId
from arbiter.runtime.reconciled import ReconcileReport
from arbiter.runtime.reconciler import reconcile
from arbiter.venues.sim import wire
from arbiter.venues.sim.link import SimLink
from arbiter.venues.sim.probe import Probe, VenueTruth, truth

FAULTY_S = 90.0
"""From the start of the venues' process: the engine, too, starts amid faults."""
HEALED_WITHIN_S = 90.0
FAULTS = f"""
[listen]
ops_enabled = false
spot_enabled = false
agents_enabled = false
desk_enabled = false
control_enabled = false
[agents]
enabled = false
[spot]
cooldown_seconds = 0.2
use_trend_filter = false
max_trades_per_hour = 100000
[risk]
max_concurrent_trades = 30
max_total_exposure_usd = 1000000
daily_loss_limit_usd = 1000000
max_drawdown_percent = 100
[execution]
max_retry_ms = 5000
[sim]
symbols = 10
quotes_per_second = 1000
starting_quote = 1000000
starting_base_usd = 100000
[sim.dislocations]
per_minute = 600
[sim.faults]
seed = 11
delay = 0.05
drop_request = 0.03
drop_response = 0.03
duplicate = 0.05
reorder = 0.05
rate_limited = 0.02
server_error = 0.03
partial_fill = 0.3
fill_after_end = 0.1
fill_before_ack = 0.05
drop_report = 0.05
gap = 0.05
crossed = 0.01
stalls_per_minute = 2
blackholes_per_minute = 1
maintenances_per_minute = 1
external_changes_per_minute = 2
longest_s = 3.0
until_s = {FAULTY_S}
script = [
  "36 stall binance seconds=2",
  "39 blackhole okx seconds=3",
  "42 maintenance kraken seconds=3",
  "45 external_change bybit asset=USDT amount=-250",
  "46 clock_offset bybit seconds=2 offset_ms=3000",
  "48 delisting binance seconds=8 instrument=ETHUSDT.BINANCE",
]
"""
BY_CALL_OR_STREAM = {
    Fault.DELAY,
    Fault.DROP_REQUEST,
    Fault.DROP_RESPONSE,
    Fault.DUPLICATE,
    Fault.SERVER_ERROR,
    Fault.RATE_LIMITED,
    Fault.PARTIAL_FILL,
    Fault.FILL_AFTER_END,
    Fault.DROP_REPORT,
    Fault.GAP,
    Fault.CROSSED,
    Fault.STALL,
    Fault.BLACKHOLE,
    Fault.MAINTENANCE,
    Fault.DELISTING,
    Fault.EXTERNAL_CHANGE,
    Fault.CLOCK_OFFSET,
}


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_ledger_equals_the_venues_once_they_heal_and_no_order_is_sent_twice(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: Counter[ClientOrderId] = Counter()
    post = SimLink.post

    def counted(link: SimLink, request: wire.AnyRequest) -> None:
        post(link, request)
        if isinstance(request, wire.PlaceOrder):
            sent[request.order.client_order_id] += 1

    # Every order leaves here, at its decision as well as later.
    monkeypatch.setattr(SimLink, "post", counted)
    file = tmp_path / "arbiter.toml"
    file.write_text(FAULTS)
    home = tmp_path / "home"
    environment = {"ARBITER_HOME": str(home), "DATABASE_URL": database_url}
    started: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    engine = asyncio.create_task(
        run_engine(
            load(environment=environment, file=file).settings,
            stop=stop,
            environment=environment,
            on_ready=started.set_result,
        )
    )
    either: list[asyncio.Future[Any]] = [started, engine]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if engine.done():
        await engine
    running = await started
    await asyncio.sleep(await asyncio.to_thread(faulty_for, home))
    core = running.engine.core
    core.state.hunting = False
    try:
        report = await settled(running)
        held = await asyncio.to_thread(truth, home)
        injected = await asyncio.to_thread(fault_counts, home)
        print(f"{len(sent)} orders; injected {injected}")
        assert report.agrees, report.lines()
        assert_same(running, held)
        assert len(sent) > 100
        assert set(sent.values()) == {1}
        assert set(injected) >= BY_CALL_OR_STREAM
        ends = {order.client_order_id for at in held.values() for order in at.orders}
        assert ends <= set(sent)
    finally:
        stop.set()
    assert await engine == 0


async def settled(running: Running) -> ReconcileReport:
    """Wait for open trades to end and look at every venue until all agree."""
    core = running.engine.core
    report = ReconcileReport(venues=(), agrees=False)
    try:
        async with asyncio.timeout(HEALED_WITHIN_S):
            while core.floor.open_count:
                await core.floor.idle()
            while not report.agrees:
                report = await reconcile(running.engine.reconciler)
    except TimeoutError:
        open_trades = [
            (trade, core.ledger.orders_of(trade.id)) for trade in core.ledger.open_trades()
        ]
        pytest.fail(f"{report.lines()} {open_trades}")
    return report


def assert_same(running: Running, held: dict[VenueId, VenueTruth]) -> None:
    ledger = running.engine.core.ledger
    for venue, at in held.items():
        assert not at.open_orders
        theirs = {row.asset: row.total for row in at.holdings if row.total}
        ours = {
            asset: row.total
            for (where, asset), row in ledger.balances.items()
            if where == venue and row.total
        }
        assert ours == theirs
        missing = [f for f in at.fills if not ledger.has_fill(venue, f.venue_trade_id)]
        assert not missing


def faulty_for(home: Path) -> float:
    """Seconds until the venues heal."""
    with Probe(home) as probe:
        return FAULTY_S - (time.time_ns() - probe.info().started_ns) / 1e9


def fault_counts(home: Path) -> dict[str, int]:
    with Probe(home) as probe:
        return probe.info().faults
