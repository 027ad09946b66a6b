"""What the README says is true: its API calls run as they stand, its commands exist."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.main import get_command

from arbiter.access.roles import Role
from arbiter.cli.main import app
from arbiter.model.ids import Actor
from arbiter.storage import migrate
from tests.fakes.postgres import PostgresForTests
from tests.surfaces.spot.harness import UNHURRIED, LiveEngine, free_port, patient

README = (Path(__file__).parents[2] / "README.md").read_text()
LINES = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]
CALLS = [line for line in LINES if line.startswith("curl ")]
COMMANDS = [line.split()[1] for line in LINES if line.startswith(".venv/bin/arbiter ")]
(PYTHON,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
PORTS = {8080: "spot", 8000: "desk", 9090: "ops", 8081: "agents"}


async def build(url: str) -> None:
    await migrate.upgrade(url)


@pytest.fixture(scope="module")
def engine(
    postgres_server: PostgresForTests, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveEngine]:
    """An engine with every listener of the README, each on a port of its own."""
    postgres_server.build_template("readme", build)
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    listeners = {
        f"ARBITER__LISTEN__{name.upper()}_{what}": value
        for name in PORTS.values()
        for what, value in (("ENABLED", "true"), ("PORT", str(free_port())))
    }
    listeners |= {
        # The example's order is refused neither for a slow machine nor for other trades.
        **UNHURRIED,
        "ARBITER__RISK__MAX_CONCURRENT_TRADES": "1000",
        "ARBITER__LISTEN__CONTROL_ENABLED": "true",
        "ARBITER__LISTEN__CONTROL_PORT": str(free_port()),
    }
    with patient(), postgres_server.fresh(template="readme") as database:
        engine = LiveEngine(home, database.url, listeners)
        try:
            engine.start()
            alice = engine.running.access.add_user(
                Actor("test"), "alice", Role.TRADER, "correct horse battery staple"
            )
            engine.wait_for(alice)
            yield engine
        finally:
            engine.destroy()


def test_the_readme_shows_a_call_of_every_listener() -> None:
    shown = {int(port) for call in CALLS for port in re.findall(r"localhost:(\d+)", call)}
    assert shown == set(PORTS)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("call", CALLS)
def test_the_call_answers(engine: LiveEngine, call: str) -> None:
    ports = {name: urlsplit(urls[0]).port for name, urls in engine.running.listeners.items()}
    ready = re.sub(
        r"localhost:(\d+)", lambda found: f"localhost:{ports[PORTS[int(found[1])]]}", call
    )
    done = subprocess.run(
        ready, shell=True, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, list) or not {"error", "detail"} & answer.keys(), answer


def test_the_python_example_places_an_order(engine: LiveEngine) -> None:
    (url, *_) = engine.running.listeners["control"]
    ready = PYTHON.replace("localhost:50051", url.partition("://")[2])
    assert ready != PYTHON
    done = subprocess.run(
        [sys.executable, "-c", ready], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    status = done.stdout.split()[0]
    assert status in {"ORDER_STATUS_FILLED", "ORDER_STATUS_OPEN"}, done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_exists(command: str) -> None:
    assert command in get_command(app).commands  # type: ignore[attr-defined]
