"""Commands that need no database."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from arbiter import __version__
from arbiter.app import kill_file
from tests.unit.cli.conftest import Run

HEAVY = ("numba", "numpy", "sqlalchemy", "asyncpg", "fastapi", "pydantic_settings", "structlog")


def test_help_waits_for_no_library_it_does_not_need() -> None:
    code = "import sys, arbiter.cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "typer" in loaded
    assert not {name for name in HEAVY if name in loaded}


def test_every_command_has_help(arbiter: Run) -> None:
    said = arbiter("--help")
    assert said.code == 0
    for name in (
        "up",
        "kill",
        "reconcile",
        "status",
        "doctor",
        "markets",
        "users",
        "keys",
        "budgets",
    ):
        assert f"\n  {name}" in said.out
    assert arbiter("users", "add", "--help").code == 0


def test_version_alone_on_stdout(arbiter: Run) -> None:
    said = arbiter("version", "--json")
    assert json.loads(said.out)["version"] == __version__
    assert said.err == ""


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("up", "--seed", "x"), ("users", "add", "bob"), ("config", "show", "--what")],
)
def test_misuse_exits_2_with_a_sentence(arbiter: Run, arguments: tuple[str, ...]) -> None:
    said = arbiter(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err


def test_config_show_gives_value_and_source_of_each_setting(arbiter: Run, tmp_path: Path) -> None:
    (tmp_path / "arbiter.toml").write_text("[spot]\ntrade_amount_usd = 250\n")
    said = arbiter(
        "config",
        "show",
        "--json",
        ARBITER__RISK__MAX_CONCURRENT_TRADES="4",
        JWT_SECRET="s3cr3t-Qm4vX9tZr2LkP7wYb1NcD8eFGhJ",
    )
    assert said.code == 0
    shown = json.loads(said.out)
    file = str(tmp_path / "arbiter.toml")
    assert shown["file"] == file
    settings = shown["settings"]
    assert settings["spot.trade_amount_usd"] == {"value": "250", "source": file}
    assert (
        settings["risk.max_concurrent_trades"]["source"] == "ARBITER__RISK__MAX_CONCURRENT_TRADES"
    )
    assert settings["spot.cooldown_seconds"]["source"] == "profile sim"
    assert settings["execution.retry_ms"]["source"] == "default"
    assert settings["access.jwt_secret"] == {"value": "********", "source": "JWT_SECRET"}
    assert "s3cr3t" not in said.out
    assert (
        "s3cr3t"
        not in arbiter("config", "show", JWT_SECRET="s3cr3t-Qm4vX9tZr2LkP7wYb1NcD8eFGhJ").out
    )


def test_misspelt_setting_stops_every_command_with_the_right_name(arbiter: Run) -> None:
    wrong = {"ARBITER__SPOT__MIN_PROFIT_TRESHOLD": "0.01"}
    for arguments in (("up",), ("config", "show"), ("status",), ("markets", "--json")):
        said = arbiter(*arguments, **wrong)
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("error: the environment variable ARBITER__SPOT__MIN_PROFIT_TRES")
        assert said.err.endswith("did you mean ARBITER__SPOT__MIN_PROFIT_THRESHOLD?\n")


def test_unknown_part_and_mode_are_refused_with_the_nearest(arbiter: Run) -> None:
    said = arbiter("up", "--only", "spott")
    assert (said.code, said.err) == (
        1,
        "error: --only: 'spott' is no part of the engine; did you mean spot?\n",
    )
    said = arbiter("up", "--mode", "sum")
    assert said.code == 1
    assert 'got "sum"; did you mean sim?' in said.err


def test_folder_open_to_others_is_refused_in_one_sentence(
    arbiter: Run, environment: dict[str, str]
) -> None:
    home = Path(environment["ARBITER_HOME"])
    home.mkdir()
    home.chmod(0o755)
    said = arbiter("up", "--no-view")
    told = f"error: others can enter the data folder; run: chmod 700 {home}\n"
    assert (said.code, said.err) == (1, told)


def test_markets_are_listed_without_an_engine(arbiter: Run) -> None:
    said = arbiter("markets", "--json", ARBITER__SIM__SYMBOLS="3")
    rows = json.loads(said.out)
    assert len(rows) == 12
    assert rows[0] == {
        "venue": "binance",
        "market_id": "BTCUSDT",
        "instrument_id": "BTCUSDT.BINANCE",
        "kind": "spot",
        "symbol": "BTC/USDT",
    }
    kraken = {row["instrument_id"]: row["market_id"] for row in rows if row["venue"] == "kraken"}
    assert kraken["BTCUSDT.KRAKEN"] == "XBT/USDT"


def test_status_says_that_nothing_runs(arbiter: Run) -> None:
    said = arbiter("status", "--json")
    assert said.code == 1
    assert json.loads(said.out)["running"] is False


def test_kill_leaves_its_file_when_no_engine_runs(
    arbiter: Run, environment: dict[str, str]
) -> None:
    said = arbiter("kill", "--reason", "wrong prices", "--flatten", "--json")
    assert said.code == 0
    file = Path(environment["ARBITER_HOME"]) / "KILL"
    assert json.loads(said.out) == {
        "engine_running": False,
        "kill_file": str(file),
        "report": None,
    }
    order = kill_file.read(file)
    assert order is not None
    assert (order.reason, order.flatten) == ("wrong prices", True)
    assert order.actor.startswith("cli:")
    assert "wrong prices" in arbiter("status").out


def test_kill_works_with_a_broken_configuration(arbiter: Run, tmp_path: Path) -> None:
    home = tmp_path / "elsewhere"
    (tmp_path / "arbiter.toml").write_text(f'[engine]\nhome = "{home}"\ntypo = 1\n')
    said = arbiter("kill", ARBITER_HOME="")
    assert said.code == 0
    assert "engine.typo is not a setting" in said.err
    assert (home / "KILL").exists()


def test_kill_that_cannot_write_and_finds_no_engine_fails(arbiter: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = arbiter("kill", "--home", str(tmp_path / "file" / "home"))
    assert said.code == 1
    assert "cannot write the kill file" in said.err


def test_bug_leaves_a_sentence_and_a_file_instead_of_a_traceback(tmp_path: Path) -> None:
    code = "import arbiter.cli.main as m\nm.app.command('boom')(lambda: 1 / 0)\nm.main()\n"
    ended = subprocess.run(
        [sys.executable, "-c", code, "boom"],
        capture_output=True,
        text=True,
        env={"TMPDIR": str(tmp_path)},
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: this is a bug in arbiter (ZeroDivisionError")
    (details,) = tmp_path.glob("arbiter-crash-*.txt")
    assert "Traceback" in details.read_text()
    assert str(details) in ended.stderr


def test_reader_that_stops_reading_is_no_error(environment: dict[str, str], tmp_path: Path) -> None:
    command = (
        f"{sys.executable} -c 'from arbiter.cli.main import main; main()' markets --json | head -1"
    )
    ended = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=True,
    )
    assert (ended.stdout, ended.stderr) == ("[\n", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("backtest", "spot", "--data", "absent.parquet"), 1),
        (("budgets", "list"), 1),
        (("config", "show"), 0),
        (("copy", "list"), 1),
        (("db", "verify"), 1),
        (("doctor",), 1),
        (("export", "fills"), 1),
        (("keys", "list"), 1),
        (("kill",), 0),
        (("markets",), 0),
        (("pairs", "show"), 1),
        (("reconcile",), 1),
        (("resume",), 1),
        (("status",), 1),
        (("users", "list"), 1),
        (("version",), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_every_command_imports_what_it_needs_by_itself(
    arbiter: Run, arguments: tuple[str, ...], code: int
) -> None:
    """Here as in all slow tests, nothing was imported before it."""
    said = arbiter(*arguments, DATABASE_URL="postgresql://127.0.0.1:1/arbiter")
    assert said.code == code
    assert "this is a bug" not in said.err
