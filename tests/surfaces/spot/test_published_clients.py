"""The published client examples, as they stand on the page, against our server.

The texts are the page's, with its indentation restored and the address of the test's server put
in place of localhost:8080.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arbiter.access.roles import Role
from arbiter.model.ids import Actor
from tests.surfaces.spot.conftest import MakeEngine, until
from tests.surfaces.spot.harness import LiveEngine

HERE = Path(__file__).parent / "published"


@pytest.fixture(scope="module")
def engine(make_engine: MakeEngine) -> LiveEngine:
    return make_engine()


def adapted(name: str, engine: LiveEngine, folder: Path) -> Path:
    """Put our port in; nothing else of the text changes."""
    text = (HERE / f"{name}.txt").read_text().replace("localhost:8080", f"localhost:{engine.port}")
    target = folder / name
    target.write_text(text)
    return target


def test_python_sdk_of_the_page_works_unchanged(engine: LiveEngine, tmp_path: Path) -> None:
    script = adapted("sdk.py", engine, tmp_path)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "ArBot status: running"
    assert lines[1].startswith("Found ")
    assert lines[2] == "Trading started: True"


def test_python_log_in_of_the_page_works_unchanged(make_engine: MakeEngine, tmp_path: Path) -> None:
    engine = make_engine(ARBITER__SPOT_API__AUTH_REQUIRED="true")
    access = engine.running.access
    engine.wait_for(access.add_user(Actor("cli"), "admin", Role.ADMIN, "your-password"))
    script = adapted("login.py", engine, tmp_path)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_javascript_sdk_of_the_page_works_unchanged(engine: LiveEngine, tmp_path: Path) -> None:
    """Node before 22 has no WebSocket of its own: one over its own sockets stands in."""
    with engine.client() as client:
        until(lambda: bool(client.get("/signals").json()["signals"]))
    script = adapted("sdk.js", engine, tmp_path)
    shim = HERE / "websocket.cjs"
    done = subprocess.run(
        ["node", "--require", str(shim), str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ArBot status: running" in done.stdout
    assert "Current BTC prices:" in done.stdout
    assert "New arbitrage signal:" in done.stdout
    assert "buy_exchange" in done.stdout


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_every_method_of_the_javascript_sdk_answers(engine: LiveEngine, tmp_path: Path) -> None:
    sdk = adapted("sdk.js", engine, tmp_path).read_text().partition("// Usage example")[0]
    script = tmp_path / "all.js"
    script.write_text(
        sdk
        + f"""
const client = new ArbotClient('http://localhost:{engine.port}', 'your-api-key');
(async () => {{
  const stopped = await client.stopTrading();
  const refused = await client.startTrading();
  const started = await client.startTrading('simulation');
  const trades = await client.getTrades({{limit: 5, status: 'completed', symbol: null}});
  console.log(JSON.stringify([stopped.success, refused.error.code, started.success,
    trades.pagination.limit]));
}})();
"""
    )
    done = subprocess.run(
        ["node", str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == '[true,"INVALID_REQUEST",true,5]'
