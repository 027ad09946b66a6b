"""The documented curl calls run as they stand."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from arbiter.model.commands import ReleaseKillSwitch
from arbiter.model.ids import Actor
from tests.surfaces.spot.conftest import MakeEngine, until
from tests.surfaces.spot.harness import LiveEngine

PAGE = Path(__file__).parents[3] / "docs" / "apis" / "spot.md"
CALLS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("curl ")
]


@pytest.fixture(scope="module")
def engine(make_engine: MakeEngine) -> LiveEngine:
    engine = make_engine()
    with engine.client() as client:
        until(lambda: int(client.get("/trades").json()["total_count"]) >= 1)
    return engine


@pytest.fixture
def trading(engine: LiveEngine) -> None:
    """As each call finds it by itself: one of them stops everything."""
    running = engine.running
    if running.engine.core.ledger.kill_switch.engaged:
        engine.wait_for(running.bus.execute(ReleaseKillSwitch(actor=Actor("test"))))
    with engine.client() as client:
        client.post("/trading/start").raise_for_status()


def test_every_documented_call_is_found() -> None:
    assert len(CALLS) == 18


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.usefixtures("trading")
@pytest.mark.parametrize("call", CALLS)
def test_documented_call_answers(engine: LiveEngine, call: str) -> None:
    done = subprocess.run(
        call.replace("localhost:8080", f"localhost:{engine.port}"),
        shell=True,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "error" not in json.loads(done.stdout), done.stdout
