"""The funding family in a running engine: restarts, the published examples, the manifest's probes."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from arbiter.app.config_sections import Listen
from tests.scenarios.funding.running import RunningFunding

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "tests" / "surfaces" / "funding" / "published"
MANIFEST = ROOT / "deploy" / "kubernetes" / "arbiter.yaml"
D = Decimal


@pytest.fixture
def folder() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="arbiter-funding-"))
    yield root / f"h{secrets.token_hex(6)}"
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def engine(folder: Path) -> Iterator[RunningFunding]:
    """With a pair of each symbol open."""
    running = RunningFunding(folder)
    try:
        running.start()
        running.until(lambda: len(pairs(running)) == 2 and whole(running))
        yield running
    finally:
        running.close()


def pairs(engine: RunningFunding) -> dict[str, Any]:
    rows = engine.get("/api/arbitrage_positions")["positions"]
    return {row["symbol"]: row for row in rows}


def whole(engine: RunningFunding) -> bool:
    """Every leg there is at the venues has its other."""
    sums: dict[str, Decimal] = {}
    for row in engine.get("/api/positions")["positions"]:
        held = row["position"]
        sign = 1 if held["side"] == "Long" else -1
        symbol = held["symbol"]
        sums[symbol] = sums.get(symbol, D(0)) + sign * D(held["quantity"])
    return len(sums) == 2 and not any(sums.values())


def kept(row: Any) -> tuple[str, ...]:
    names = ("long_exchange", "short_exchange", "entry_spread", "position_size", "entry_time")
    return tuple(row[name] for name in names)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_an_open_pair_outlives_the_engine_and_what_was_paid_meanwhile_is_booked(
    engine: RunningFunding, end: signal.Signals
) -> None:
    engine.until(lambda: all(D(row["funding_collected"]) for row in pairs(engine).values()))
    before = pairs(engine)
    assert engine.end(end) == (0 if end is signal.SIGINT else -signal.SIGKILL)
    time.sleep(9)  # of the venues' time nine hours: at least one settlement of every leg
    engine.start()
    after = pairs(engine)
    assert {symbol: kept(row) for symbol, row in after.items()} == {
        symbol: kept(row) for symbol, row in before.items()
    }
    assert whole(engine)
    paid = {s for s in before if before[s]["funding_collected"] != after[s]["funding_collected"]}
    if end is signal.SIGKILL:  # the venues went on meanwhile; in order, they ended too
        assert paid == set(before)

    def paid_again() -> bool:
        now = pairs(engine)
        return all(now[s]["funding_collected"] != after[s]["funding_collected"] for s in now)

    engine.until(paid_again)
    assert {symbol: kept(row) for symbol, row in pairs(engine).items()} == {
        symbol: kept(row) for symbol, row in before.items()
    }
    assert whole(engine)


def shell(engine: RunningFunding, name: str, folder: Path) -> Any:
    """Run a published script as it is; curl alone is told that port 9090 is elsewhere."""
    folder.mkdir(exist_ok=True)
    (folder / ".curlrc").write_text(f"connect-to = localhost:9090:127.0.0.1:{engine.port}\n")
    told = subprocess.run(
        ["bash", str(PUBLISHED / name)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "CURL_HOME": str(folder)},
    )
    return json.loads(told.stdout)


_ELSEWHERE = """
import runpy, socket, sys
port, script = int(sys.argv[1]), sys.argv[2]
usual = socket.socket.connect
def connect(self, address):
    assert address[1] == 9090, address
    return usual(self, ("127.0.0.1", port))
socket.socket.connect = connect
socket.has_ipv6 = False
named = runpy.run_path(script, run_name="__main__")
print(len(named["get_positions"]()["positions"]))
print(named["check_funding_opportunity"]("BTCUSDT", 0.0)["symbol"])
print(named["check_funding_opportunity"]("BTCUSDT", 1.0))
print(named["check_funding_opportunity"]("NOPE"))
"""


def test_the_published_examples_run_as_they_are(engine: RunningFunding, tmp_path: Path) -> None:
    totals = shell(engine, "total_balance.sh.txt", tmp_path)
    # BTC is what the inverse contracts are margined in.
    assert [row["asset"] for row in totals] == ["BTC", "USDC", "USDT"]
    balances = engine.get("/api/balances")["balances"]
    for row in totals:
        said = sum(float(each["total"]) for each in balances if each["asset"] == row["asset"])
        assert row["total"] == pytest.approx(said, rel=0.01)
    spread = shell(engine, "funding_spread.sh.txt", tmp_path)
    assert spread["min"]["symbol"] == spread["max"]["symbol"] == "BTCUSDT"
    least, most = D(spread["min"]["rate"]), D(spread["max"]["rate"])
    assert spread["spread"] == pytest.approx(float(most - least))

    told = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, str(engine.port), str(PUBLISHED / "client.py.txt")],
        capture_output=True,
        text=True,
        check=True,
    )
    active, collected, first, second, *calls = told.stdout.splitlines()
    assert active == "Active positions: 2"
    assert re.fullmatch(r"Total funding collected: \$-?[0-9.]+", collected)
    for line in (first, second):
        pattern = r"  (BTC|ETH)USDT: \w+ ↔ \w+, funding: \$-?[0-9.]+"
        assert re.fullmatch(pattern, line), line
    assert calls == ["4", "BTCUSDT", "None", "None"]


def test_the_manifests_container_answers_its_probes(folder: Path) -> None:
    """Started with the manifest's arguments and environment, on another port than its own."""
    manifest = MANIFEST.read_text()
    arguments = re.search(r"args: (\[.*\])", manifest)
    assert arguments is not None
    settings = re.findall(r'- name: (ARBITER\w*)\s+value: "([^"]*)"', manifest)
    probes = re.findall(
        r"(\w+)Probe:\s+httpGet:\s+path: (\S+)\s+port: (\d+)\s+"
        r"initialDelaySeconds: (\d+)\s+periodSeconds: (\d+)",
        manifest,
    )
    assert {int(port) for _, _, port, _, _ in probes} == {Listen().ops_port}
    engine = RunningFunding(
        folder,
        tuple(json.loads(arguments[1])),
        **{name: value for name, value in settings if name != "ARBITER_HOME"},
    )
    paths = {kind: path for kind, path, _, _, _ in probes}
    patience = {kind: int(delay) + 3 * int(period) for kind, _, _, delay, period in probes}
    try:
        engine.spawn()
        # Kubernetes gives up after three probes of life in a row, and sends nobody there before
        # it is ready, however long that takes.
        engine.until(
            lambda: engine.client.get(paths["liveness"]).status_code == 200, patience["liveness"]
        )
        engine.until(lambda: engine.client.get(paths["readiness"]).status_code == 200)
        for path in paths.values():
            assert engine.client.get(path).status_code == 200
        assert engine.client.get("/api/positions").status_code in {401, 403}
        assert engine.end(signal.SIGTERM) == 0  # how a pod is stopped
        with pytest.raises(httpx.TransportError):
            engine.client.get(paths["liveness"])
    finally:
        engine.close()
