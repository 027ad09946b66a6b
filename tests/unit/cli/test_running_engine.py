"""A whole engine as a process of its own, steered from the command line."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import pytest

import arbiter_pb2 as pb
from arbiter.app.config import SCHEMA
from arbiter.client import ArbiterClient
from arbiter.model.errors import OutcomeUnknown, TryAgain
from arbiter.venues.sim import wire
from arbiter.venues.sim.probe import Probe
from arbiter.venues.sim.spawn import SimHandle
from tests.fakes.ports import free_port
from tests.unit.cli.conftest import Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SPOT_VENUES = {"binance", "bybit", "okx", "kraken"}
PORTS = [
    leaf.env_name
    for path, leaf in SCHEMA.leaves.items()
    if path[0] == "listen" and path[-1].endswith("_port")
]
"""Of every API, whichever there are: other engines listen on the usual ones."""
HANGS_S = 120.0
"""What takes longer hangs, however busy the machine."""
ARBITER = [sys.executable, "-c", "from arbiter.cli.main import main; main()"]


@pytest.fixture
def engine_environment(environment: dict[str, str], database_url: str) -> dict[str, str]:
    return {
        **environment,
        "DATABASE_URL": database_url,
        **{name: str(free_port()) for name in PORTS},
        "ARBITER__SIM__SYMBOLS": "10",
        "ARBITER__SIM__QUOTES_PER_SECOND": "200",
    }


class Heard:
    """What an engine says on a pipe, read as it comes: one that nobody reads would block it."""

    def __init__(self, pipe: IO[str]) -> None:
        self._pipe = pipe
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._read, name="engine's words", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._pipe:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._over = True
            self._news.notify_all()

    def until(self, words: str) -> None:
        """Wait until it has said something; fails, with all it said, where it ends or hangs."""
        with self._news:
            said = self._news.wait_for(lambda: self._over or words in self.text, HANGS_S)
            if words not in self.text:
                why = "the engine ended" if said else "the engine hangs"
                pytest.fail(f"{why} and never said {words!r}:\n{self.text[-4_000:]}")

    @property
    def text(self) -> str:
        return "".join(self._lines)

    def whole(self) -> str:
        """All it said, once it has ended."""
        self._thread.join(HANGS_S)
        assert not self._thread.is_alive(), "something that outlived the engine holds its stderr"
        return self.text


class Engine:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        self.process = process
        self.pid = process.pid
        self.heard = Heard(process.stderr)

    def ended(self, number: signal.Signals | None = None) -> tuple[int, str]:
        """Wait for its end, after a signal if one is given; its code and all it said."""
        if number is not None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(HANGS_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the engine does not end:\n{self.heard.text[-4_000:]}")
        return code, self.heard.whole()


@contextmanager
def running(environment: dict[str, str], folder: Path) -> Iterator[Engine]:
    """An engine that has said where it listens; killed at the end if it still runs."""
    with subprocess.Popen(
        [*ARBITER, "up", "--no-view"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment,
    ) as process:
        try:
            engine = Engine(process)
            engine.heard.until("arbiter is running")
            yield engine
        finally:
            if process.poll() is None:
                process.kill()
            _end_venues(Path(environment["ARBITER_HOME"]))


def _end_venues(home: Path) -> None:
    """A killed engine leaves its simulated venues running, as it should; tests do not."""
    try:
        with Probe(home) as probe:
            info = probe.info()
    except (TryAgain, OutcomeUnknown):
        return
    SimHandle(home=home, pid=info.pid, adopted=True, first_ns=info.first_ns).stop()


def probe(environment: dict[str, str], path: str) -> int:
    url = f"http://127.0.0.1:{environment['ARBITER__LISTEN__OPS_PORT']}{path}"
    try:
        with urllib.request.urlopen(url, timeout=HANGS_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_engine_is_steered_killed_stopped_and_stays_killed_until_resumed(
    arbiter: Run, engine_environment: dict[str, str], tmp_path: Path
) -> None:
    ours = {name: engine_environment[name] for name in engine_environment if name.isupper()}
    with running(engine_environment, tmp_path) as engine:
        assert probe(engine_environment, "/ready") == 200
        status = json.loads(arbiter("status", "--json", **ours).out)
        assert (status["running"], status["ready"]) == (True, True)

        second = arbiter("up", "--no-view", **ours)
        assert second.code == 1
        assert f"pid {engine.pid}" in second.err
        assert "stop it or set ARBITER_HOME" in second.err

        added = arbiter("users", "add", "ann", "--role", "admin", stdin="a good one\n", **ours)
        assert (added.code, added.err) == (0, "")
        assert arbiter("budgets", "set", "spot-arbitrage", "USDT", "700", **ours).code == 0
        budgets = json.loads(arbiter("budgets", "list", "--json", **ours).out)
        (budget,) = [one for one in budgets if one["strategy"] == "spot-arbitrage"]
        assert budget["allocated"] == "700"

        looked = arbiter("reconcile", "--json", **ours)
        found = json.loads(looked.out)["report"]
        assert (looked.code, found["agrees"]) == (0, True)
        assert {venue["venue"] for venue in found["venues"]} >= SPOT_VENUES
        assert not any(venue["differences"] for venue in found["venues"])
        assert "kraken: agrees" in arbiter("reconcile", **ours).out

        report = flattened(arbiter, ours, "--reason", "enough")
        assert {venue["venue"] for venue in report["report"]["venues"]} >= SPOT_VENUES
        code, err = engine.ended(signal.SIGINT)
        assert code == 0
        assert "Traceback" not in err
        assert "arbiter has stopped" in err

    assert json.loads(arbiter("db", "verify", "--json", **ours).out) == {"differences": []}

    with running(engine_environment, tmp_path) as engine:
        status = json.loads(arbiter("status", "--json", **ours).out)
        assert status["kill_switch"]["engaged"] is True
        assert status["kill_switch"]["reason"] == "enough"
        assert arbiter("resume", **ours).code == 0
        status = json.loads(arbiter("status", "--json", **ours).out)
        assert status["kill_switch"]["engaged"] is False
        assert engine.ended(signal.SIGTERM)[0] == 0


def test_kill_tells_open_pairs_and_flatten_closes_them_with_proof(
    arbiter: Run, engine_environment: dict[str, str], tmp_path: Path
) -> None:
    home = Path(engine_environment["ARBITER_HOME"])
    ours = {name: engine_environment[name] for name in engine_environment if name.isupper()}
    with running(engine_environment, tmp_path) as engine:
        _until(lambda: len(open_positions(home)) >= 2)
        killed = arbiter("kill", "--reason", "look first", **ours)
        assert killed.code == 1
        assert "NOT FLAT: position" in killed.out
        assert ", paired with " in killed.out
        assert "close them with: arbiter kill --flatten" in killed.out
        assert len(open_positions(home)) >= 2

        flattened(arbiter, ours)
        assert open_positions(home) == {}
        assert engine.ended(signal.SIGINT)[0] == 0
    assert json.loads(arbiter("db", "verify", "--json", **ours).out) == {"differences": []}


def test_flatten_closes_a_coin_a_perpetual_and_event_contracts_that_were_ordered_by_hand(
    arbiter: Run, engine_environment: dict[str, str], tmp_path: Path
) -> None:
    ours = {name: engine_environment[name] for name in engine_environment if name.isupper()}
    only = {f"ARBITER__{part}__ENABLED": "false" for part in ("SPOT", "FUNDING", "EVENTS")}
    only["ARBITER__COPYING__ENABLED"] = "false"
    only["ARBITER__SIM__EVENTS__ROUND_SECONDS"] = "100000"  # a payout would close contracts too
    with running({**engine_environment, **only}, tmp_path) as engine:
        added = arbiter("users", "add", "ann", "--role", "trader", stdin="a good one\n", **ours)
        assert (added.code, added.err) == (0, "")
        asyncio.run(order_by_hand(engine_environment["ARBITER__LISTEN__CONTROL_PORT"]))
        killed = arbiter("kill", "--json", **ours)
        venues = json.loads(killed.out)["report"]["venues"]
        told = {venue["venue"]: venue["positions"] for venue in venues if venue["positions"]}
        assert {venue: len(positions) for venue, positions in told.items()} == {
            "binance": 1,
            "binance_futures": 1,
            "kalshi": 1,
        }
        assert told["binance"][0].endswith(" of manual")

        flattened(arbiter, ours)
        assert engine.ended(signal.SIGINT)[0] == 0
    assert json.loads(arbiter("db", "verify", "--json", **ours).out) == {"differences": []}


async def order_by_hand(port: str) -> None:
    """Buy a coin, sell a perpetual short, and buy event contracts; each is filled."""
    orders = (
        (pb.EXCHANGE_BINANCE, "spot", pb.SIDE_BUY),
        (pb.EXCHANGE_BINANCE_FUTURES, "linear", pb.SIDE_SELL),
        (pb.EXCHANGE_KALSHI, "binary", pb.SIDE_BUY),
    )
    async with ArbiterClient(f"127.0.0.1:{port}", timeout_s=HANGS_S) as client:
        await client.sign_in("ann", "a good one")
        for exchange, kind, side in orders:
            listed = (await client.markets.find(exchange=exchange)).markets
            market = next(each for each in listed if each.kind == kind)
            worth = 20 * max(market.min_notional, 1.0)
            size = 10.0
            if kind != "binary":
                book = await client.markets.order_book(exchange, market.market_id)
                size = round(worth / book.asks[0].price / market.lot) * market.lot
            size = max(round(size, 8), market.min_size)
            placed = await client.trading.place_order(exchange, market.market_id, side, size)
            assert placed.status == pb.ORDER_STATUS_FILLED, placed


def flattened(arbiter: Run, ours: dict[str, str], *words: str) -> dict[str, Any]:
    """Have all closed; what is left after some seconds is told, and work goes on."""
    report: dict[str, Any] = {}

    def closed() -> bool:
        answer = arbiter("kill", *words, "--flatten", "--json", **ours)
        if not answer.out:
            assert "did not answer" in answer.err
            return False
        report.update(json.loads(answer.out))
        venues = report["report"]["venues"]
        busy = [v for v in venues if v["open_orders"] or v["unhedged"] or not v["reachable"]]
        left = [position for venue in venues for position in venue["positions"]]
        assert (answer.code, report["flat"]) == ((1, False) if busy or left else (0, True))
        return not busy and all(_too_small(position) for position in left)

    _until(closed)
    return report


def _too_small(position: str) -> bool:
    """Whether it is told that no order can close it: Polymarket takes none below five contracts."""
    told = re.match(r"\S+\.POLYMARKET (?:long|short) ([0-9.]+), (.*)", position)
    if told is None or not told[2].endswith("no order closes it, it ends with the payout"):
        return False
    return Decimal(told[1]) < 5


def open_positions(home: Path) -> dict[str, Decimal]:
    """What the simulated venues of perpetuals themselves hold open."""
    with Probe(home) as probe:
        venues = [venue for venue in probe.info().venues if venue.endswith("_futures")]
        told = [
            probe.ask(wire.ListPositions(id=probe.next_id(), venue=venue), wire.PositionList)
            for venue in venues
        ]
    return {p.instrument: p.quantity for listed in told for p in listed.positions}


def _until(come: Callable[[], bool], limit_s: float = HANGS_S) -> None:
    """Poll another process until something has come about."""
    end_s = time.monotonic() + limit_s
    while not come():
        assert time.monotonic() < end_s, f"did not come about within {limit_s:g} s"
        time.sleep(0.2)


def test_kill_file_made_by_hand_stops_a_running_engine(
    arbiter: Run, engine_environment: dict[str, str], tmp_path: Path
) -> None:
    ours = {name: engine_environment[name] for name in engine_environment if name.isupper()}
    with running(engine_environment, tmp_path) as engine:
        (Path(engine_environment["ARBITER_HOME"]) / "KILL").touch()
        engine.heard.until("kill file was obeyed")
        status = json.loads(arbiter("status", "--json", **ours).out)
        assert status["kill_switch"]["engaged"] is True
        assert engine.ended(signal.SIGINT)[0] == 0


def test_second_ctrl_c_ends_the_engine_at_once(
    engine_environment: dict[str, str], tmp_path: Path
) -> None:
    with running(engine_environment, tmp_path) as engine:
        os.kill(engine.pid, signal.SIGSTOP)
        os.kill(engine.pid, signal.SIGINT)
        os.kill(engine.pid, signal.SIGTERM)
        os.kill(engine.pid, signal.SIGCONT)
        code, err = engine.ended()
        assert code == 130
        assert "the next start recovers" in err


def test_taken_port_is_told_before_anything_trades(
    engine_environment: dict[str, str], tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        try:
            ended = subprocess.run(
                [*ARBITER, "up", "--no-view"],
                capture_output=True,
                text=True,
                cwd=tmp_path,
                env={**engine_environment, "ARBITER__LISTEN__OPS_PORT": port},
                timeout=HANGS_S,
                check=False,
            )
        finally:
            _end_venues(Path(engine_environment["ARBITER_HOME"]))
    assert ended.returncode == 1
    assert f"error: port {port} is in use by another program; set listen.ops_port\n" in ended.stderr
    assert "Traceback" not in ended.stderr
