"""The simulated venues as a process: deaths, restarts, garbage, slow readers, odd folders."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from arbiter.markets.event_settings import EventMarketSettings
from arbiter.markets.settings import MarketSettings
from arbiter.matching.latency import LatencySettings
from arbiter.model.errors import OutcomeUnknown, TryAgain, VenueUnreachable
from arbiter.model.ids import Asset, VenueId
from arbiter.model.orders import OrderStatus, Side, TimeInForce
from arbiter.model.reports import Absent, Accepted, OrderTruth, Refused, Unknown
from arbiter.venues.sim import wire
from arbiter.venues.sim.client import NOT_SENT, SimFeed, SimOrderClient
from arbiter.venues.sim.paths import connected_socket, log_path, sim_folder, socket_path
from arbiter.venues.sim.probe import Probe, truth
from arbiter.venues.sim.settings import SimSettings
from arbiter.venues.sim.spawn import ensure_running, keep_running
from tests.port_suites.feed import QuoteLog
from tests.port_suites.order_client import OrderDesk
from tests.scenarios.sim.conftest import CALM, Starter, SystemClock, answered

T = TypeVar("T")

BINANCE = VenueId("binance")
SLOW = msgspec.structs.replace(
    CALM, latency=LatencySettings(order_ms=1.0, report_ms=60_000.0, jitter=0.0)
)
"""Orders arrive at once and nothing is ever heard of them."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("venues") / "home"
    handle = ensure_running(home, CALM)
    yield home
    handle.kill()


@asynccontextmanager
async def trading(home: Path, timeout_s: float = 5.0) -> AsyncIterator[OrderDesk]:
    client = SimOrderClient(home, BINANCE, SystemClock(), timeout_s=timeout_s)
    listed = await answered(client.instruments)
    instrument = next(i for i in listed if i.symbol == "ETH/USDT")
    desk = OrderDesk(client, instrument, price=Decimal(2285))
    task = asyncio.create_task(client.run(desk.log))
    try:
        await client.following.wait()
        yield desk
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def in_thread(call: Callable[[], T]) -> T:
    return await asyncio.to_thread(call)


async def test_kill_loses_nothing_that_was_told(start: Starter, home: Path) -> None:
    handle = await in_thread(start)
    async with trading(home) as desk:
        resting = desk.order(Side.SELL, away="-0.1")
        await desk.client.submit(resting)
        for side in (Side.BUY, Side.SELL, Side.BUY):
            order = desk.order(side, tif=TimeInForce.IOC)
            await desk.client.submit(order)
            await desk.log.end(order.client_order_id)
        before = await in_thread(lambda: truth(home))
        await in_thread(handle.kill)
        await in_thread(start)
        assert await in_thread(lambda: truth(home)) == before
        assert len(before[BINANCE].fills) == 3
        assert [o.client_order_id for o in before[BINANCE].open_orders] == [resting.client_order_id]


async def test_resting_order_can_be_cancelled_after_a_kill(start: Starter, home: Path) -> None:
    handle = await in_thread(start)
    async with trading(home) as desk:
        order = desk.order(Side.SELL, away="-0.1")
        await desk.client.submit(order)
        await in_thread(handle.kill)
        await in_thread(start)
        await desk.client.cancel(order)
        ended = await desk.log.end(order.client_order_id)
        assert ended.status is OrderStatus.CANCELLED


async def test_torn_last_record_is_dropped_and_the_rest_kept(start: Starter, home: Path) -> None:
    handle = await in_thread(start)
    async with trading(home) as desk:
        order = desk.order(tif=TimeInForce.IOC)
        await desk.client.submit(order)
        await desk.log.end(order.client_order_id)
    before = truth(home)
    handle.kill()
    (log,) = sim_folder(home).glob("steps-*.log")
    whole = log.read_bytes()
    log.write_bytes(whole + whole[: len(whole) // 2][-37:])
    start()
    assert truth(home) == before
    assert log.stat().st_size == len(whole)


async def test_clean_stop_and_start_keep_books_and_prices(start: Starter, home: Path) -> None:
    handle = await in_thread(start)
    async with trading(home) as desk:
        order = desk.order(tif=TimeInForce.IOC)
        await desk.client.submit(order)
        await desk.log.end(order.client_order_id)
    before = truth(home)
    handle.stop()
    assert not socket_path(home).exists()
    assert start().first_ns == handle.first_ns
    assert truth(home) == before


async def test_report_that_never_came_is_learned_by_asking(start: Starter, home: Path) -> None:
    """Accepted and filled at the venue, but the answer is lost: unknown, then found."""
    await in_thread(lambda: start(SLOW))
    async with trading(home, timeout_s=1.0) as desk:
        order = desk.order(tif=TimeInForce.IOC)
        answer = await desk.client.submit(order)
        assert isinstance(answer, Unknown)
        found = await answered(lambda: desk.client.query(order.client_order_id, order.instrument))
        assert isinstance(found, OrderTruth)
        assert found.status is OrderStatus.FILLED


async def test_reports_on_their_way_at_a_kill_are_told_after_the_reconnect(
    start: Starter, home: Path
) -> None:
    handle = await in_thread(lambda: start(SLOW))
    async with trading(home, timeout_s=1.0) as desk:
        order = desk.order(tif=TimeInForce.IOC)
        await desk.client.submit(order)
        await answered(lambda: desk.client.query(order.client_order_id, order.instrument))
        assert desk.log.reports == []
        await in_thread(handle.kill)
        await in_thread(lambda: start(SLOW))
        ended = await desk.log.end(order.client_order_id)
        assert ended.filled_size == order.size
        assert sum(f.size for f in desk.log.fills(order.client_order_id)) == order.size


async def test_answer_lost_with_the_connection_is_unknown_not_refused(
    start: Starter, home: Path
) -> None:
    handle = await in_thread(lambda: start(SLOW))
    async with trading(home) as desk:
        sending = asyncio.create_task(desk.client.submit(desk.order()))
        await desk.client.open_orders()
        await in_thread(handle.kill)
        assert isinstance(await sending, Unknown)


async def test_order_to_a_venue_that_is_away_is_refused_as_not_sent(
    start: Starter, home: Path
) -> None:
    handle = await in_thread(start)
    async with trading(home) as desk:
        await in_thread(handle.kill)
        order = desk.order()
        answer = await desk.client.submit(order)
        assert isinstance(answer, Refused | Unknown)
        if isinstance(answer, Unknown):  # the loss of the connection was not noticed yet
            answer = await desk.client.submit(desk.order())
        assert isinstance(answer, Refused)
        assert answer.code == NOT_SENT
        with pytest.raises(VenueUnreachable):
            await desk.client.cancel(order)
        with pytest.raises((VenueUnreachable, OutcomeUnknown)):
            await desk.client.query(order.client_order_id, order.instrument)
        await in_thread(start)
        absent = await desk.client.query(order.client_order_id, order.instrument)
        assert isinstance(absent, Absent)


async def test_stream_missed_beyond_repeating_is_made_up_from_fills_and_queries(
    start: Starter, home: Path
) -> None:
    """The venue's folder is thrown away but for its books: report numbers start anew."""
    handle = await in_thread(lambda: start(SLOW))
    async with trading(home, timeout_s=1.0) as desk:
        order = desk.order(tif=TimeInForce.IOC)
        await desk.client.submit(order)
        await answered(lambda: desk.client.query(order.client_order_id, order.instrument))
        await in_thread(handle.stop)
        path = sim_folder(home) / "snapshot.msgpack"
        snapshot = msgspec.msgpack.decode(path.read_bytes())
        snapshot["recent"] = {}
        path.write_bytes(msgspec.msgpack.encode(snapshot))
        await in_thread(start)
        ended = await desk.log.end(order.client_order_id)
        assert ended.filled_size == order.size
        assert {f.size for f in desk.log.fills(order.client_order_id)} == {order.size}


async def test_feed_reports_a_lost_and_a_regained_venue(start: Starter, home: Path) -> None:
    handle = await in_thread(start)
    async with trading(home) as desk:
        slots = {desk.instrument.id: 5}
    log = QuoteLog()
    feed = SimFeed(home, slots, [BINANCE], SystemClock())
    task = asyncio.create_task(feed.run(log))
    await log.until(lambda: log.total > 0)
    await in_thread(handle.kill)
    await log.until(lambda: len(log.health) == 2)
    await in_thread(start)
    await log.until(lambda: len(log.health) == 3)
    seen = log.total
    await log.until(lambda: log.total > seen)
    assert [(venue, up) for venue, up, _ in log.health] == [
        (BINANCE, True),
        (BINANCE, False),
        (BINANCE, True),
    ]
    assert log.health[1][2]
    assert log.quotes.keys() == {5}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        wire.HEADER.pack(wire.LARGEST_REQUEST + 1, wire.MESSAGE),
        wire.frame(wire.MESSAGE, b"\xc1\xff\x00"),
        wire.frame(wire.MESSAGE, msgspec.msgpack.encode({"type": "PlaceOrder", "id": 1})),
        wire.frame(wire.MESSAGE, msgspec.msgpack.encode(["type", 1, None])),
        wire.frame(wire.QUOTES, b"\x00" * 44),
        wire.frame(
            wire.MESSAGE,
            msgspec.msgpack.encode(
                {
                    "type": "PlaceOrder",
                    "id": 1,
                    "venue": "binance",
                    "order": {
                        "client_order_id": "x",
                        "instrument": "BTCUSDT.BINANCE",
                        "side": "BUY",
                        "size": "1e999999",
                        "price": "NaN",
                    },
                }
            ),
        ),
    ],
)
def test_garbage_ends_its_own_connection_only(shared: Path, garbage: bytes) -> None:
    with Probe(shared) as bystander:
        before = bystander.info().pid
        with connected_socket(socket_path(shared)) as rude:
            rude.settimeout(10.0)
            rude.sendall(garbage)
            assert rude.recv(100) == b""
        assert bystander.info().pid == before


def test_client_that_vanishes_in_mid_frame_harms_nobody(shared: Path) -> None:
    with connected_socket(socket_path(shared)) as rude:
        rude.sendall(b"\x40\x00\x00\x00\x00half")
    with Probe(shared) as probe:
        assert probe.info().venues == CALM.markets.venues


def test_socket_and_files_are_for_their_owner_alone(shared: Path) -> None:
    assert socket_path(shared).stat().st_mode & 0o777 == 0o600
    assert sim_folder(shared).stat().st_mode & 0o777 == 0o700
    for path in sim_folder(shared).iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_server_leads_a_session_of_its_own(shared: Path) -> None:
    with Probe(shared) as probe:
        pid = probe.info().pid
    assert os.getsid(pid) == pid
    assert os.getpgid(pid) == pid


def test_second_server_in_one_folder_is_refused(shared: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "arbiter.venues.sim.server", "--home", str(shared)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr == f"simulated venues already run in {shared}\n"


def test_running_venues_are_adopted(start: Starter) -> None:
    first = start()
    again = start()
    assert (again.pid, again.adopted, first.adopted) == (first.pid, True, False)


def test_other_settings_restart_the_venues_and_keep_their_balances(
    start: Starter, home: Path
) -> None:
    first = start()
    before = {h.asset: h.total for h in truth(home)[BINANCE].holdings}
    more = msgspec.structs.replace(
        CALM,
        markets=msgspec.structs.replace(CALM.markets, symbols=5),
        starting_quote=Decimal(7),
        starting_balances={BINANCE: {"USDT": Decimal(1), "XRP": Decimal(42)}},
    )
    second = start(more)
    assert second.pid != first.pid
    after = {h.asset: h.total for h in truth(home)[BINANCE].holdings}
    assert {asset: after[asset] for asset in before} == before
    assert after.keys() - before.keys() == {"SOL", "XRP"}
    assert after[Asset("XRP")] == 42


def test_venue_taken_out_of_the_settings_keeps_its_books_for_its_return(
    start: Starter, home: Path
) -> None:
    start()
    before = truth(home)
    fewer = msgspec.structs.replace(
        CALM, markets=msgspec.structs.replace(CALM.markets, venues=("bybit", "okx"))
    )
    start(fewer).stop()
    start()
    assert truth(home) == before


def test_failure_at_start_is_told_with_its_reason(home: Path) -> None:
    sim_folder(home).mkdir(parents=True)
    (sim_folder(home) / "snapshot.msgpack").write_bytes(b"not a snapshot")
    with pytest.raises(TryAgain, match=r"ended at start: .*snapshot\.msgpack is damaged"):
        ensure_running(home, CALM)


def test_folder_too_deep_for_a_socket_path_works(tmp_path: Path) -> None:
    home = tmp_path.joinpath(*["a-rather-long-name-for-a-folder"] * 5)
    handle = ensure_running(home, CALM)
    try:
        assert len(os.fsencode(socket_path(home))) > 108
        assert handle.alive()
    finally:
        handle.stop()


def test_clean_end_on_sigterm(start: Starter, home: Path) -> None:
    handle = start()
    os.kill(handle.pid, signal.SIGTERM)
    _, status = os.waitpid(handle.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert log_path(home).read_text() == ""


async def test_slow_reader_gets_the_newest_quotes_and_bounded_memory(home: Path) -> None:
    """A reader that stops for seconds at a high rate: afterwards each instrument's newest quote."""
    busy = SimSettings(
        markets=MarketSettings(symbols=150, quotes_per_second=50_000.0),
        events=EventMarketSettings(enabled=False),
    )
    handle = await in_thread(lambda: ensure_running(home, busy))
    try:
        with connected_socket(socket_path(home)) as slow:
            slow.sendall(wire.message(wire.Subscribe(id=1)))
            log = QuoteLog()
            with Probe(home) as probe:
                listed = probe.ask(
                    wire.ListInstruments(id=1, venue=BINANCE), wire.InstrumentList
                ).instruments
            feed = SimFeed(home, {i.id: n for n, i in enumerate(listed)}, [BINANCE], SystemClock())
            task = asyncio.create_task(feed.run(log))
            await log.until(lambda: log.total > 30_000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            resumed_ns = SystemClock().now_ns()
            unread = await in_thread(lambda: _drain(slow, resumed_ns))
        waited = [row for row in unread if row[5] < resumed_ns]
        assert len(waited) < 600 * 30 + 20_000
        newest = {row[0]: row[5] for row in unread}
        assert len(newest) == 600
        assert min(newest.values()) >= resumed_ns
    finally:
        await in_thread(handle.kill)


def _drain(
    slow: socket.socket, resumed_ns: int
) -> list[tuple[int, float, float, float, float, int]]:
    """Read until every instrument was quoted after a moment; gives all rows."""
    reader = wire.FrameReader(wire.LARGEST_ANSWER)
    slow.settimeout(60.0)
    rows: list[tuple[int, float, float, float, float, int]] = []
    anew: set[int] = set()
    while len(anew) < 600:
        for kind, payload in reader.feed(slow.recv(1 << 16)):
            if kind == wire.QUOTES:
                told = list(wire.QUOTE.iter_unpack(payload))
                rows.extend(told)
                anew.update(row[0] for row in told if row[5] >= resumed_ns)
    return rows


async def test_many_kills_under_load_never_lose_a_told_fill(start: Starter, home: Path) -> None:
    """Whatever the client heard is in the venue's books after each restart, once."""
    handle = await in_thread(start)
    async with trading(home) as desk:
        for _ in range(5):
            orders = [desk.order(tif=TimeInForce.IOC, usd=10) for _ in range(6)]
            sending = [asyncio.create_task(desk.client.submit(order)) for order in orders]
            await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
            await in_thread(handle.kill)
            answers = [await task for task in sending]
            assert all(isinstance(a, Accepted | Unknown | Refused) for a in answers)
            handle = await in_thread(start)
            await desk.client.open_orders()
            held = await in_thread(lambda: truth(home)[BINANCE])
            ids = [fill.venue_trade_id for fill in held.fills]
            assert len(ids) == len(set(ids))
            told = {f for name in orders for f in map(repr, desk.log.fills(name.client_order_id))}
            assert told <= set(map(repr, held.fills))


async def test_full_disk_ends_the_venues_with_the_reason_and_loses_nothing_told(
    start: Starter, home: Path
) -> None:
    """The log may not grow past a few kilobytes; everything the client heard is in it."""
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000));"
        "from arbiter.venues.sim.server import main; sys.exit(main(sys.argv[1:]))"
    )
    ready, tell = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, "--home", str(home), "--config", CALM.to_json()),
        *("--ready-fd", str(tell)),
        pass_fds=[tell],
        stderr=subprocess.PIPE,
    )
    os.close(tell)
    await in_thread(lambda: os.read(ready, 10))
    os.close(ready)
    async with trading(home) as desk:
        orders = [desk.order(tif=TimeInForce.IOC, usd=10)]
        while isinstance(answer := await desk.client.submit(orders[-1]), Accepted):
            orders.append(desk.order(tif=TimeInForce.IOC, usd=10))
        assert isinstance(answer, Unknown)
        _, said = await process.communicate()
        assert process.returncode == 1
        assert b"a step" in said
        assert b"Traceback" not in said
        told = [repr(f) for order in orders for f in desk.log.fills(order.client_order_id)]
        await in_thread(start)
        held = await in_thread(lambda: truth(home)[BINANCE])
        assert len(told) > 3
        assert set(told) <= set(map(repr, held.fills))
        lost = await desk.client.query(orders[-1].client_order_id, orders[-1].instrument)
        assert isinstance(lost, Absent)


def _connected_times(log: QuoteLog, times: int) -> bool:
    return sum(up for _, up, _ in log.health) == times


async def test_venues_that_die_are_started_again(start: Starter, home: Path) -> None:
    handle = await in_thread(start)
    async with trading(home) as desk:
        slots = {desk.instrument.id: 0}
    log = QuoteLog()
    feed = asyncio.create_task(SimFeed(home, slots, [BINANCE], SystemClock()).run(log))
    keeper = asyncio.create_task(keep_running(home, CALM, handle))
    await log.until(lambda: log.total > 0)
    for ups in (2, 3):
        with Probe(home) as probe:
            os.kill(probe.info().pid, signal.SIGKILL)
        await log.until(partial(_connected_times, log, ups))
    for task in (keeper, feed):
        task.cancel()
    await asyncio.gather(keeper, feed, return_exceptions=True)
    await in_thread(handle.stop)
    with pytest.raises(VenueUnreachable):
        Probe(home)  # what was started in its place has ended too


def test_venues_whose_folder_was_removed_end_and_touch_nothing_made_since(tmp_path: Path) -> None:
    home = tmp_path / "home"
    handle = ensure_running(home, CALM)
    descriptor = os.pidfd_open(handle.pid)
    try:
        sim_folder(home).rename(tmp_path / "gone")
        sim_folder(home).mkdir()
        ended, _, _ = select.select([descriptor], [], [], 30)
        assert ended
        assert list(sim_folder(home).iterdir()) == []
    finally:
        os.close(descriptor)


async def test_an_order_leaves_before_the_loop_goes_on(start: Starter, home: Path) -> None:
    """Its bytes are the system's when `submit_now` returns, whatever the loop still has to do."""
    start()
    client = SimOrderClient(home, BINANCE, SystemClock())
    (instrument,) = [i for i in await client.instruments() if i.symbol == "ETH/USDT"]
    wanted = OrderDesk(client, instrument, price=Decimal(2285)).order(tif=TimeInForce.IOC)
    answering = client.submit_now(wanted)
    assert answering is not None
    with Probe(home) as probe:  # blocks the loop: nothing of the client's can run meanwhile
        names: set[str] = set()
        while wanted.client_order_id not in names:
            names = {order.client_order_id for order in probe.truth(BINANCE).orders}
    assert isinstance(await answering(), Accepted)
    await client.aclose()
    assert client.submit_now(wanted) is None, "without a connection nothing leaves"
