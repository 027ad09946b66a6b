"""The HTML report: one file, nothing from anywhere else, nothing unescaped."""

import re
from pathlib import Path

import msgspec
import pytest

from arbiter.backtest.report import make_report
from arbiter.backtest.report_html import render, write_html
from arbiter.backtest.run import Finished, run_backtest
from tests.fakes.recordings import lively_market, prepared, written


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    file = written(lively_market(4_000), tmp_path_factory.mktemp("data") / "lively.parquet")
    return run_backtest(prepared([file]))


def without_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_the_page_asks_nobody_for_anything(finished: Finished, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_html(path, make_report(finished), finished)
    page = path.read_text(encoding="utf-8")
    assert not re.findall(r"<script[^>]*\bsrc=", page)
    links = re.findall(r"""(?:href|src)=["']([^"']*)""", without_scripts(page))
    assert links == ["data:,"]
    assert "@import" not in without_scripts(page)
    assert "Plotly.newPlot" in page


def test_every_part_of_the_result_is_on_the_page(finished: Finished) -> None:
    report = make_report(finished)
    page = without_scripts(render(report, finished))
    for title in ("Equity and drawdown", "Spread over time", "Edge", "Slippage", "Trades"):
        assert f"<h2>{title}</h2>" in page
    for line in report.assumptions:
        assert line[:40] in page
    assert page.count("<tr>") > len(report.trades)


def test_names_from_the_data_cannot_inject_markup(finished: Finished) -> None:
    report = msgspec.structs.replace(
        make_report(finished), settings={"spot.symbols": "<script>alert(1)</script>"}
    )
    assert "<script>alert(1)" not in render(report, finished)
