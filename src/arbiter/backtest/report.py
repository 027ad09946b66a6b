"""The result of a run as one record: what `--json` prints and the HTML report shows."""

import msgspec

from arbiter.backtest.candour import Quality, assumptions, quality, warnings
from arbiter.backtest.figures import Figures, figures
from arbiter.backtest.run import Finished
from arbiter.backtest.tally import TradeRow
from arbiter.model.money import plain
from arbiter.model.time import rfc3339


class MarketRow(msgspec.Struct, frozen=True, kw_only=True):
    instrument: str
    market: str
    rows: int
    tick: str
    lot: str
    contract_size: str
    taker_fee: str
    inferred: tuple[str, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    family: str
    files: tuple[str, ...]
    first: str
    last: str
    figures: Figures
    quality: Quality
    markets: tuple[MarketRow, ...]
    settings: dict[str, str]
    assumptions: list[str]
    warnings: list[str]
    run_seconds: float
    quotes_per_second: float
    trades: list[TradeRow]


def make_report(finished: Finished) -> Report:
    prepared = finished.prepared
    summed = figures(finished)
    return Report(
        family="spot",
        files=tuple(str(file) for file in prepared.request.files),
        first=rfc3339(prepared.survey.first_ns),
        last=rfc3339(prepared.survey.last_ns),
        figures=summed,
        quality=quality(finished),
        markets=tuple(
            MarketRow(
                instrument=listed.instrument.id,
                market=listed.market.name,
                rows=prepared.survey.markets[listed.market].rows,
                tick=plain(listed.instrument.tick),
                lot=plain(listed.instrument.lot),
                contract_size=plain(listed.contract_size),
                taker_fee=plain(listed.instrument.taker_fee),
                inferred=listed.inferred,
            )
            for listed in prepared.listing.listed
        ),
        settings=dict(prepared.request.shown),
        assumptions=assumptions(finished),
        warnings=warnings(finished, summed),
        run_seconds=finished.seconds,
        quotes_per_second=finished.counts.read / finished.seconds if finished.seconds else 0.0,
        trades=prepared.tally.rows(),
    )
