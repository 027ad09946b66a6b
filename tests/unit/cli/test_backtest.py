"""`arbiter backtest spot` as a person runs it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from arbiter.cli.backtest import left_out
from arbiter.cli.main import app
from arbiter.model.errors import ArbiterError
from tests.fakes.recordings import lively_market, written

EAGER = (
    "spot.min_profit_threshold=0.0005",
    "spot.slippage_tolerance=0.0003",
    "spot.cooldown_seconds=1",
    "spot.max_trades_per_hour=10000",
    "spot.use_trend_filter=false",
    "backtest.taker_fee.alpha=0.0001",
    "backtest.taker_fee.beta=0.0001",
)


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARBITER_HOME", str(tmp_path / "home"))
    return written(lively_market(4_000), tmp_path / "q.parquet")


def arbiter(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["backtest", "spot", *arguments])


def sets(*assignments: str) -> list[str]:
    return [part for assignment in assignments for part in ("--set", assignment)]


def test_json_alone_is_on_stdout_and_has_the_trades(recording: Path) -> None:
    result = arbiter("--data", str(recording), "--json", *sets(*EAGER))
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert len(report["trades"]) == report["figures"]["trades"] > 10
    assert report["settings"]["spot.cooldown_seconds"] == "1"
    assert "backtest" in result.stderr


def test_the_table_tells_the_figures_and_the_report_is_written(recording: Path) -> None:
    page = recording.parent / "out.html"
    result = arbiter("--data", str(recording), "--report", str(page), *sets(*EAGER))
    assert result.exit_code == 0, result.stderr
    for word in ("quotes", "candidates", "denials", "hit rate", "drawdown", "Sharpe", "net"):
        assert word in result.stdout
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_markets_left_out_are_summed_up_in_one_line() -> None:
    markets = {f"FUT{n}": "not modelled" for n in range(30)} | {"X": "no row with a price"}
    assert left_out(markets) == (
        "left out 31 markets: 30 not modelled; 1 no row with a price "
        "(each is named in --report and --json)"
    )


def test_a_mode_s_own_defaults_do_not_hold_in_a_backtest(recording: Path) -> None:
    result = arbiter("--data", str(recording), "--json")
    settings = json.loads(result.stdout)["settings"]
    assert settings["spot.cooldown_seconds"] == "60"
    assert settings["risk.max_concurrent_trades"] == "3"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--set", "spot.cooldown_second=1"], "did you mean spot.cooldown_seconds"),
        (["--set", "spot.cooldown_seconds"], "KEY=VALUE"),
        (["--set", "backtest.taker_fee.alpha=5"], "taker_fee.alpha"),
        (["--symbols", "BTCUSDTT"], "BTCUSDT"),
        (["--venues", "gamma"], "alpha, beta"),
    ],
)
def test_what_is_wrong_is_told_by_name(recording: Path, arguments: list[str], told: str) -> None:
    result = arbiter("--data", str(recording), *arguments)
    assert isinstance(result.exception, ArbiterError)
    assert told in str(result.exception)


def test_a_report_that_cannot_be_written_is_refused_before_the_run(recording: Path) -> None:
    result = arbiter("--data", str(recording), "--report", str(recording.parent / "no" / "o.html"))
    assert result.exit_code == 2
    assert "there is no folder" in " ".join(result.stderr.split())
    assert "reading what" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data", "q.parquet"], "q.parquet lacks the column base"),
        (["--data", "none.parquet"], "there is no file none.parquet"),
        (["--data", "text"], "text is not a Parquet file"),
    ],
)
def test_a_file_without_funding_is_refused_by_name(
    recording: Path, arguments: list[str], told: str
) -> None:
    (recording.parent / "text").write_text("no table")
    result = CliRunner().invoke(app, ["backtest", "funding", *arguments])
    assert isinstance(result.exception, ArbiterError)
    assert told in str(result.exception)
